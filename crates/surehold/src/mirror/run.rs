//! A run: notice what changed, push it, count what was bought meanwhile, push that.

use std::time::Instant;

use uuid::Uuid;

use super::calls::Calls;
use super::credits::{self, Holder};
use super::push::{PageOutcome, Ready, push};
use super::{Counts, Mirror, MirrorError, SyncReport, associate, properties};
use crate::hubspot::{BATCH_MAX, Object};
use crate::store::mirror::rows::{self, ContactRow, Mirrored, Which};
use crate::store::mirror::{changes, status, syncs};
use crate::store::orgs::OrgRow;

/// Rows that are read at once: some calls' worth, so that several are under way.
const PAGE: usize = 16 * BATCH_MAX;
/// How often contacts are pushed in one run: what was bought during a push is pushed, too, but a run ends.
const ROUNDS_MAX: usize = 5;

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

impl Mirror {
    /// Brings HubSpot up to date with everything that changed. What HubSpot refuses is noted and does not hold up the
    /// rest.
    ///
    /// # Errors
    ///
    /// [`MirrorError::Busy`] if another program is at it. Others end the run early; what was pushed is noted, and the
    /// report of the run says why it ended.
    pub async fn sync(&self, org: &OrgRow, progress: &dyn Progress) -> Result<SyncReport, MirrorError> {
        let calls = self.calls(org).await?;
        let result = self.run_and_note(&calls, progress).await;
        calls.end().await;
        result
    }

    async fn run_and_note(&self, calls: &Calls<'_>, progress: &dyn Progress) -> Result<SyncReport, MirrorError> {
        let begun = Instant::now();
        syncs::started(&*self.store.read().await?, calls.org.id).await?;
        let mut report = SyncReport::default();
        let result = run(calls, &mut report, progress).await;
        report.problem = result.as_ref().err().map(ToString::to_string);
        report.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let noted = self.note(calls.org.id, &mut report).await;
        result.and(noted).map(|()| report)
    }

    async fn note(&self, org_id: Uuid, report: &mut SyncReport) -> Result<(), MirrorError> {
        let client = self.store.read().await?;
        report.pending = u64::try_from(status::waiting(&client, org_id).await?).unwrap_or_default();
        report.parked = u64::try_from(status::parked_rows(&client, org_id).await?).unwrap_or_default();
        let text = serde_json::to_string(report).map_err(|error| MirrorError::Unexpected(error.to_string()))?;
        Ok(syncs::ended(&client, org_id, &text).await?)
    }
}

pub(super) async fn run(
    calls: &Calls<'_>,
    report: &mut SyncReport,
    progress: &dyn Progress,
) -> Result<(), MirrorError> {
    let org_id = calls.org.id;
    let store = &calls.mirror.store;
    changes::notice(&*store.report().await?, org_id).await?;
    let waiting: i64 = status::pending(&*store.read().await?, org_id).await?.iter().map(|pending| pending.rows).sum();
    progress.found(u64::try_from(waiting).unwrap_or_default());

    let mut is_more = push_contacts(calls, report, progress).await?;
    push_all(calls, Object::Session, report, progress).await?;
    push_all(calls, Object::Booking, report, progress).await?;
    report.associations += associate::associate(calls).await?;
    // What was bought while we pushed changed balances, and has to be pushed, too.
    for _ in 1..ROUNDS_MAX {
        if !is_more {
            break;
        }
        changes::notice(&*store.report().await?, org_id).await?;
        is_more = push_contacts(calls, report, progress).await?;
    }
    Ok(())
}

/// Pushes contacts that wait, and then counts what their histories tell. Says whether that makes for more to push.
async fn push_contacts(
    calls: &Calls<'_>,
    report: &mut SyncReport,
    progress: &dyn Progress,
) -> Result<bool, MirrorError> {
    let mapping = &calls.portal.mapping;
    let mut is_more = false;
    let mut after = Uuid::nil();
    loop {
        let client = calls.mirror.store.read().await?;
        let page = rows::contacts(&client, calls.org.id, Which::Due, after, PAGE).await?;
        drop(client);
        let Some(last) = page.last() else { return Ok(is_more) };
        after = last.id;
        let known: Vec<Holder> =
            page.iter().filter_map(|row| Some(Holder { id: row.id, hubspot_id: row.hubspot_id.clone()? })).collect();
        let unread = credits::unread(calls, known).await?;
        credits::count(calls, &unread).await?;

        let write = Uuid::now_v7();
        let with_credits = |row: &Mirrored<ContactRow>| {
            let mut all = properties::of_contact(mapping, row);
            all.extend(properties::of_credits(mapping, &row.row, write));
            Ready::new(row, all)
        };
        let ready: Vec<Ready> = page.iter().map(with_credits).collect();
        let PageOutcome { counts, saved, adopted } = push(calls, Object::Contact, ready).await?;
        report.contacts.add(counts);
        progress.done(page.len() as u64);

        let holders: Vec<Holder> =
            saved.into_iter().map(|saved| Holder { id: saved.id, hubspot_id: saved.hubspot_id }).collect();
        let bought = credits::count(calls, &holders).await?;
        report.credits_counted += bought;
        is_more |= bought > 0 || adopted > 0;
    }
}

/// Pushes sessions or bookings that wait.
async fn push_all(
    calls: &Calls<'_>,
    object: Object,
    report: &mut SyncReport,
    progress: &dyn Progress,
) -> Result<(), MirrorError> {
    let mut after = Uuid::nil();
    loop {
        let page = ready(calls, object, after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let rows = page.len() as u64;
        let outcome = push(calls, object, page).await?;
        counts_of(report, object).add(outcome.counts);
        progress.done(rows);
    }
}

async fn ready(calls: &Calls<'_>, object: Object, after: Uuid) -> Result<Vec<Ready>, MirrorError> {
    let mapping = &calls.portal.mapping;
    let client = calls.mirror.store.read().await?;
    let org_id = calls.org.id;
    Ok(match object {
        Object::Session => {
            let page = rows::sessions(&client, org_id, Which::Due, after, PAGE).await?;
            page.iter().map(|row| Ready::new(row, properties::of_session(mapping, row))).collect()
        }
        Object::Booking => {
            let page = rows::bookings(&client, org_id, Which::Due, after, PAGE).await?;
            page.iter().map(|row| Ready::new(row, properties::of_booking(mapping, row))).collect()
        }
        Object::Contact => Vec::new(),
    })
}

fn counts_of(report: &mut SyncReport, object: Object) -> &mut Counts {
    match object {
        Object::Contact => &mut report.contacts,
        Object::Session => &mut report.sessions,
        Object::Booking => &mut report.bookings,
    }
}
