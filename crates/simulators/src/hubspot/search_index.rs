//! What the search knows: records as they were some time ago. "It may take a few moments for newly created or
//! updated objects to appear in search results" (developers.hubspot.com/docs/api-reference/crm-search-v3/guide).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::record::Record;

/// Records as the search sees them.
#[derive(Debug)]
pub(super) struct SearchIndex {
    /// How late it is.
    pub(super) delay: Duration,
    by_type: BTreeMap<String, BTreeMap<u64, Record>>,
    /// What it will learn, and when.
    waiting: VecDeque<(Instant, Record)>,
}

impl SearchIndex {
    pub(super) fn new(delay: Duration) -> SearchIndex {
        SearchIndex { delay, by_type: BTreeMap::new(), waiting: VecDeque::new() }
    }

    /// A record was changed.
    pub(super) fn put(&mut self, record: Record) {
        self.waiting.push_back((Instant::now() + self.delay, record));
        self.catch_up();
    }

    /// A record that was always there.
    pub(super) fn know(&mut self, record: Record) {
        self.by_type.entry(record.object_type.clone()).or_default().insert(record.number, record);
    }

    /// Learns what is due.
    pub(super) fn catch_up(&mut self) -> bool {
        let now = Instant::now();
        self.learn(|due| due <= now)
    }

    /// Learns everything at once.
    pub(super) fn learn_all(&mut self) {
        self.learn(|_| true);
    }

    fn learn(&mut self, is_due: impl Fn(Instant) -> bool) -> bool {
        let mut learned = false;
        // In the order of the changes: nothing overtakes.
        while let Some((_, record)) = self.waiting.pop_front_if(|(due, _)| is_due(*due)) {
            if record.archived_at.is_some() {
                self.by_type.entry(record.object_type).or_default().remove(&record.number);
            } else {
                self.know(record);
            }
            learned = true;
        }
        learned
    }

    /// Records of a type, oldest first.
    pub(super) fn of_type(&self, object_type: &str) -> impl Iterator<Item = &Record> {
        self.by_type.get(object_type).into_iter().flat_map(BTreeMap::values)
    }

    pub(super) fn clear(&mut self) {
        self.by_type.clear();
        self.waiting.clear();
    }
}
