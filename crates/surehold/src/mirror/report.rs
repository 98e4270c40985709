//! What became of a run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What became of the rows of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records that were made.
    pub created: u64,
    /// Records that were changed.
    pub updated: u64,
    /// Rows that HubSpot refused.
    pub failed: u64,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: Counts) {
        self.created += other.created;
        self.updated += other.updated;
        self.failed += other.failed;
    }
}

/// What became of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// Contacts.
    pub contacts: Counts,
    /// Sessions.
    pub sessions: Counts,
    /// Bookings.
    pub bookings: Counts,
    /// Associations that were made or ended.
    pub associations: u64,
    /// Changes of credits at HubSpot that were counted.
    pub credits_counted: u64,
    /// Rows that still wait.
    pub pending: u64,
    /// Rows that are parked.
    pub parked: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// Why it ended early; none if it did not.
    pub problem: Option<String>,
}

impl SyncReport {
    /// All kinds together.
    pub fn counts(&self) -> Counts {
        let mut all = self.contacts;
        all.add(self.sessions);
        all.add(self.bookings);
        all
    }

    /// How long it took.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }
}
