//! What can go wrong between us and PostgreSQL. Opaque to callers; logged once, where it is answered.

use thiserror::Error;

use super::constraints::{Failure, classify};

/// A failure of the database or of the way to it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// No connection: the database is down, starting, or all connections are busy.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// A statement failed.
    #[error("a statement failed: {}", describe(.0))]
    Query(#[from] tokio_postgres::Error),
    /// A contact's row stayed locked by another session for longer than `lock_timeout`.
    #[error("a contact is locked by another session")]
    ContactLocked,
    /// The database is not what the program needs (too old, wrong schema version, unsafe settings).
    #[error("{0}")]
    Unfit(String),
    /// A row holds what no version of the program writes.
    #[error("unreadable row: {0}")]
    Corrupt(String),
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> StoreError {
        StoreError::Unavailable(error.to_string())
    }
}

impl StoreError {
    /// Whether a row stayed locked by another session for longer than `lock_timeout`.
    pub fn is_lock_timeout(&self) -> bool {
        match self {
            StoreError::ContactLocked => true,
            StoreError::Query(error) => classify(error) == Failure::LockTimeout,
            _ => false,
        }
    }

    /// Whether the same call may succeed soon.
    pub fn is_unavailable(&self) -> bool {
        match self {
            StoreError::Unavailable(_) | StoreError::ContactLocked => true,
            StoreError::Query(error) => {
                error.is_closed()
                    || error
                        .code()
                        .is_none_or(|code| matches!(&code.code()[..2], "53" | "08") || code.code().starts_with("57P"))
            }
            StoreError::Unfit(_) | StoreError::Corrupt(_) => false,
        }
    }
}

/// tokio-postgres says only "db error"; the message is one level down.
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => error.to_string(),
    }
}

/// Whether the driver could not encode or decode a value. What is neither that nor PostgreSQL's own word
/// is the wire.
pub(super) fn is_about_a_value(error: &tokio_postgres::Error) -> bool {
    let cause = std::error::Error::source(error);
    error.as_db_error().is_none() && !error.is_closed() && cause.is_some_and(|cause| !cause.is::<std::io::Error>())
}
