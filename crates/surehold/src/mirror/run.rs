//! A run: notice what changed, push it, count what was bought meanwhile, push that.

use super::{Mirror, MirrorError, SyncReport};
use crate::store::orgs::OrgRow;

/// Hears how far a run is, for a progress bar.
pub trait Progress: Send + Sync {
    /// So many rows wait.
    fn found(&self, rows: u64);
    /// So many more are done, well or badly.
    fn done(&self, rows: u64);
}

/// Nobody looks.
impl Progress for () {
    fn found(&self, _: u64) {}
    fn done(&self, _: u64) {}
}
