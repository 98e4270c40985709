//! Why counters could not be kept.

use redis::RedisError;
use thiserror::Error;

use crate::store::StoreError;

/// Why counters could not be kept. Nothing is lost by any of these: the next sweep that can catches up.
#[derive(Debug, Error)]
pub enum CounterError {
    /// Redis did not answer, or said no.
    #[error("{0}")]
    Redis(#[from] RedisError),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
}
