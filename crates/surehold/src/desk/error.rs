//! Why the desk has no outcome for a command.

use surehold_core::Refusal;
use thiserror::Error;

/// Why the desk has no outcome for a command.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DeskError {
    /// The expected "no".
    #[error(transparent)]
    Refused(Refusal),
    /// The queue is full, or a row stayed locked by somebody else. Nothing was done; try again soon.
    #[error("too many requests are waiting for the database")]
    Overloaded,
    /// The database cannot be reached and COMMIT was never sent: nothing was done.
    #[error("the database cannot be reached")]
    DatabaseUnavailable,
    /// COMMIT was sent and no answer came: it may or may not have been done. Repeat with the same key.
    #[error("the connection was lost while the command was committed")]
    OutcomeUnknown {
        /// The key that finds out.
        key: String,
    },
    /// A bug, or a damaged database. Logged where it happened; nothing was done.
    #[error("internal error")]
    Internal,
}
