//! Which calls there were.

use std::collections::BTreeMap;

/// A call of the API, as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What kind it was: method and path without version, type and id, such as
    /// `POST /crm/objects/{type}/batch/upsert`.
    pub kind: String,
    /// The path as it was called.
    pub path: String,
    /// The status of the answer; none while it is not answered, or if the connection was closed instead.
    pub status: Option<u16>,
    /// When it came. Milliseconds since 1970.
    pub at: i64,
}

/// All calls.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) calls: Vec<Call>,
}

impl Journal {
    /// A call comes; says its place.
    pub(super) fn begin(&mut self, call: Call) -> usize {
        self.calls.push(call);
        self.calls.len() - 1
    }

    /// A call is answered.
    pub(super) fn end(&mut self, place: usize, status: u16) {
        // The journal may have been cleared in between.
        if let Some(call) = self.calls.get_mut(place) {
            call.status = Some(status);
        }
    }

    /// How many there were of each kind.
    pub(super) fn counts(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for call in &self.calls {
            *counts.entry(call.kind.as_str()).or_default() += 1;
        }
        counts
    }
}
