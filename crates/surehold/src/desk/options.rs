//! The desk's settings.

use super::ChangedSlots;

/// How commands share transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitMode {
    /// What queued up while the last transaction was in flight shares the next one.
    Lanes,
    /// One transaction per command: the usual way, kept as the honest baseline.
    PerRequest,
}

/// The desk's settings.
#[derive(Debug, Clone)]
pub struct DeskOptions {
    /// How commands share transactions.
    pub mode: CommitMode,
    /// Lanes: each has at most one transaction in flight per organisation.
    pub lanes: usize,
    /// Commands that may wait; beyond that the answer is `Overloaded`, at once.
    pub queue_max: usize,
    /// Commands in one transaction.
    pub batch_max: usize,
    /// Transactions in flight at once; the store has as many connections for commands.
    pub flights_max: usize,
    /// Where slots are noted once their change is committed, if somebody wants to know.
    pub changed_slots: Option<ChangedSlots>,
}

impl Default for DeskOptions {
    fn default() -> DeskOptions {
        DeskOptions {
            mode: CommitMode::Lanes,
            lanes: 2,
            queue_max: 4096,
            batch_max: 256,
            flights_max: 16,
            changed_slots: None,
        }
    }
}
