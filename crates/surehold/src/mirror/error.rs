//! Why the mirror could not do what it was asked.

use thiserror::Error;

use crate::desk::DeskError;
use crate::hubspot::HubSpotError;
use crate::store::StoreError;

/// Why the mirror could not do what it was asked. Nothing is lost by any of these: what waits is tried again.
#[derive(Debug, Error)]
pub enum MirrorError {
    /// The organisation has no portal.
    #[error("this organisation has no HubSpot portal: set SUREHOLD_HUBSPOT_ACCESS_TOKEN")]
    NoPortal,
    /// Another server, or a tool, is at it.
    #[error("another program mirrors this organisation just now")]
    Busy,
    /// The lease ended while a run was on: a step of it took too long.
    #[error("the right to call HubSpot for this organisation was lost to another program")]
    LeaseLost,
    /// HubSpot did not answer, or said no to everything.
    #[error("{0}")]
    HubSpot(#[from] HubSpotError),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The desk.
    #[error("{0}")]
    Desk(#[from] DeskError),
    /// What should not happen.
    #[error("{0}")]
    Unexpected(String),
}
