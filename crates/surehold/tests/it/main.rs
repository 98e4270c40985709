//! The integration tests: one binary, one private PostgreSQL, a database for each test.

mod counters;
mod desk;
mod http;
mod laws;
mod mirror;
mod move_in;
mod program;
mod rest;
mod sql_readers;
mod storm;
mod storm_trips;
mod support;
