//! All SQL, a file per noun, next to the row types it fills.

pub mod api_keys;
pub mod bookings;
pub mod connect;
pub mod constraints;
pub mod contacts;
pub mod counters;
pub mod demo;
pub mod drop_in;
pub mod error;
pub mod experiences;
pub mod flight;
pub mod health;
pub mod import_rows;
pub mod journal;
pub mod laws;
pub mod load;
pub mod migrate;
pub mod mirror;
pub mod move_in;
pub mod offerings;
pub mod orgs;
pub mod payments;
pub mod pool;
pub mod provision;
pub mod readers;
pub mod rows;
pub mod session;
pub mod sessions;
pub mod settings;
pub mod tls;
pub mod trip_rows;
pub mod write;

pub use error::StoreError;
pub use pool::{Store, StoreOptions};
