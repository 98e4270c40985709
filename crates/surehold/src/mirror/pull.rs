//! What was changed at HubSpot: credits, and sessions that were made there.

use serde::Serialize;

/// What a pull found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PullReport {
    /// Contacts whose history was read.
    pub contacts: u64,
    /// Changes of credits that were counted.
    pub credits_counted: u64,
    /// Sessions that were brought in.
    pub sessions_added: u64,
    /// Sessions that could not be, each with its reason.
    pub sessions_refused: u64,
}
