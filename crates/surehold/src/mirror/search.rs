//! Searching by time. Not by HubSpot's pages: those end after 10,000 records.

use jiff::{SignedDuration, Timestamp};

use super::MirrorError;
use super::calls::Calls;
use crate::hubspot::search::{Direction, Sort};
use crate::hubspot::{Filter, Record, Search};

/// A search through records in the order of an instant that each of them has.
pub(super) struct ByTime<'a> {
    pub object_type: &'a str,
    /// The property that holds the instant.
    pub by: &'a str,
    /// The same of a record.
    pub at: fn(&Record) -> Option<Timestamp>,
    /// What else has to fit.
    pub filter: Filter,
    pub properties: &'a [&'a str],
}

/// Some records, and where the next ones begin; none after the last. A record may come again on the next page.
pub(super) struct TimePage {
    pub records: Vec<Record>,
    pub next: Option<Timestamp>,
}

impl ByTime<'_> {
    /// The first records from a moment on.
    pub async fn from(&self, calls: &Calls<'_>, from: Timestamp) -> Result<TimePage, MirrorError> {
        let since = Filter::gte(self.by, from.as_millisecond().to_string());
        let mut search = Search::all_of(vec![self.filter.clone(), since], self.properties);
        search.sorts = vec![Sort { property_name: self.by.to_owned(), direction: Direction::Ascending }];
        let (search, object_type) = (&search, self.object_type);
        let page = calls.repeat(|hubspot| async move { hubspot.search(object_type, search).await }).await?.needed()?;
        let last = page.records.last().and_then(self.at).filter(|_| page.after.is_some());
        // So many at one moment: an import of HubSpot's own. The next one is 1 ms on.
        let next = last.map(|last| if last > from { last } else { last + SignedDuration::from_millis(1) });
        Ok(TimePage { records: page.records, next })
    }
}
