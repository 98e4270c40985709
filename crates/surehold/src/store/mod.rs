//! All SQL, a file per noun, next to the row types it fills.

pub mod connect;
pub mod constraints;
pub mod error;
pub mod flight;
pub mod laws;
pub mod load;
pub mod migrate;
pub mod pool;
pub mod provision;
pub mod rows;
pub mod session;
pub mod tls;
pub mod write;

pub use error::StoreError;
pub use pool::{Store, StoreOptions};
