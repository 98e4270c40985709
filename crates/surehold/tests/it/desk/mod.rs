//! The desk on a real PostgreSQL.

mod faults;
mod histories;
mod neighbours;
mod races;
mod repeats;
mod statements;
