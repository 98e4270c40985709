//! The desk on a real PostgreSQL.

mod faults;
mod histories;
mod neighbours;
mod races;
mod repeats;
mod shutdown;
mod statements;
mod trip_expiry;
mod trip_faults;
mod trips;
