//! Which slots were full when they were last looked at.
//!
//! Only a hint: for a slot in it, a command is first decided on plain reads, without a lock, and only
//! "full" and replays are answered from those. So a sold-out rush takes no locks and writes nothing.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// Hints kept; beyond that all are forgotten, which costs only the locks of their next command.
const HINTS_MAX: usize = 10_000;

/// Slots that were full when last seen.
#[derive(Default)]
pub(super) struct FullHint(Mutex<HashSet<Uuid>>);

impl FullHint {
    pub fn contains(&self, slot_id: Uuid) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&slot_id)
    }

    pub fn set(&self, slot_id: Uuid, full: bool) {
        let mut hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !full {
            hints.remove(&slot_id);
            return;
        }
        if hints.len() >= HINTS_MAX {
            hints.clear();
        }
        hints.insert(slot_id);
    }
}
