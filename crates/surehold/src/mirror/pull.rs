//! What was changed at HubSpot: credits, and sessions that were made there.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use surehold_core::credit_history;
use uuid::Uuid;

use super::calls::Calls;
use super::credits::{self, Holder};
use super::search::ByTime;
use super::{Mirror, MirrorError};
use crate::hubspot::{Filter, Mapping, Record};
use crate::store::mirror::credits::{self as wishes, Wanted};
use crate::store::mirror::syncs;
use crate::store::orgs::OrgRow;

/// When a contact was changed last. Objects of other types have another name for it.
const CONTACT_CHANGED: &str = "lastmodifieddate";
/// HubSpot's search sees what was changed a little later.
const SEARCH_LAG: SignedDuration = SignedDuration::from_mins(5);
/// Contacts that are asked for at once.
const PAGE: usize = 500;

/// What a pull found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PullReport {
    /// Contacts whose history was read.
    pub contacts: u64,
    /// Changes of credits that were counted.
    pub credits_counted: u64,
    /// Sessions that were brought in.
    pub sessions_added: u64,
    /// Sessions that could not be, each with its reason in the log.
    pub sessions_refused: u64,
}

impl Mirror {
    /// Counts changes of credits at HubSpot since the last pull; at the first, of all contacts that we mirror.
    ///
    /// # Errors
    ///
    /// As of [`Mirror::sync`].
    pub async fn pull_contacts(&self, org: &OrgRow) -> Result<PullReport, MirrorError> {
        let calls = self.calls(org).await?;
        let result = pull_changed(&calls).await;
        calls.end().await;
        result
    }

    /// Counts changes of the credits of contacts that a webhook named.
    ///
    /// # Errors
    ///
    /// As of [`Mirror::sync`].
    pub async fn pull_wanted(&self, org: &OrgRow) -> Result<PullReport, MirrorError> {
        // Nearly always none: that is seen without taking the lease.
        let wanted = wishes::wanted(&*self.store.read().await?, org.id, Uuid::nil(), 1).await?;
        if wanted.is_empty() {
            return Ok(PullReport::default());
        }
        let calls = self.calls(org).await?;
        let result = pull_wanted(&calls).await;
        calls.end().await;
        result
    }
}

async fn pull_changed(calls: &Calls<'_>) -> Result<PullReport, MirrorError> {
    let (store, org_id) = (&calls.mirror.store, calls.org.id);
    let since = syncs::find(&*store.read().await?, org_id).await?.contacts_pulled_to;
    let from = since.map_or(Timestamp::UNIX_EPOCH, |since| since - SEARCH_LAG);
    let seen = changed_contacts(calls, from).await?;
    let report = pull_wanted(calls).await?;
    // By HubSpot's clock, which may differ from ours.
    if let Some(seen) = seen.max(since) {
        syncs::contacts_pulled(&*store.read().await?, org_id, seen).await?;
    }
    Ok(report)
}

async fn pull_wanted(calls: &Calls<'_>) -> Result<PullReport, MirrorError> {
    let mut report = PullReport::default();
    let mut after = Uuid::nil();
    loop {
        let wanted: Vec<Wanted> = wishes::wanted(&*calls.mirror.store.read().await?, calls.org.id, after, PAGE).await?;
        let Some(last) = wanted.last() else { return Ok(report) };
        after = last.id;
        let holders: Vec<Holder> =
            wanted.iter().map(|one| Holder { id: one.id, hubspot_id: one.hubspot_id.clone() }).collect();
        report.credits_counted += credits::count(calls, &holders).await?;
        report.contacts += holders.len() as u64;
        wishes::pulled(&*calls.mirror.store.read().await?, calls.org.id, &wanted).await?;
    }
}

/// Asks for the histories of contacts that were changed since a moment, and not by us. Says when the last one was.
async fn changed_contacts(calls: &Calls<'_>, since: Timestamp) -> Result<Option<Timestamp>, MirrorError> {
    let mapping = &calls.portal.mapping;
    let mut properties = credits::history_names(mapping);
    properties.push(CONTACT_CHANGED);
    let search = ByTime {
        object_type: &mapping.contacts.object,
        by: CONTACT_CHANGED,
        at: |record| record.updated_at,
        filter: Filter::has(&mapping.contacts.surehold_id),
        properties: &properties,
    };
    let mut seen = None;
    let mut from = Some(since);
    while let Some(begin) = from {
        let page = search.from(calls, begin).await?;
        let by_others: Vec<String> = page
            .records
            .iter()
            .filter(|record| !is_as_written(mapping, record))
            .map(|record| record.id.clone())
            .collect();
        wishes::want_pull(&*calls.mirror.store.read().await?, calls.org.id, &by_others).await?;
        seen = seen.max(page.records.last().and_then(|record| record.updated_at));
        from = page.next;
    }
    Ok(seen)
}

/// Whether every credit is as we wrote it last: what was before is counted already.
fn is_as_written(mapping: &Mapping, record: &Record) -> bool {
    mapping.contacts.credits.values().all(|names| {
        let shadow = record.property(&names.shadow).unwrap_or_default();
        let value = record.property(&names.property).unwrap_or_default();
        credit_history::is_as_written(value, shadow)
    })
}
