//! The integration tests: one binary, one private PostgreSQL, a database for each test.

mod desk;
mod http;
mod laws;
mod mirror;
mod move_in;
mod program;
mod storm;
mod storm_trips;
mod support;
