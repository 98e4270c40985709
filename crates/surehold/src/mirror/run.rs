//! A run: push what was left, notice what changed, push that; count what was bought meanwhile, and push that, too.

use std::pin::pin;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use uuid::Uuid;

use super::batches::Batches;
use super::calls::Calls;
use super::push::{Done, push};
use super::{Counts, Mirror, MirrorError, SyncReport, associate};
use crate::hubspot::Object;
use crate::hubspot::associations::READ_MAX;
use crate::store::mirror::{changes, status, syncs};
use crate::store::orgs::OrgRow;

/// Batches under way at once. The limiter says how many calls go out; with this many, waiting for answers does not hold
/// up the next call while HubSpot answers within a second, at any of its limits.
const AT_ONCE: usize = 24;
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
    // What an earlier run left goes first: while HubSpot is away, nothing more is looked for.
    let mut left = waiting(calls).await?;
    let mut is_more = false;
    if left > 0 {
        progress.found(left);
        is_more = push_all(calls, report, progress).await?;
        left = waiting(calls).await?;
    }
    notice(calls).await?;
    progress.found(waiting(calls).await?.saturating_sub(left));
    is_more |= push_all(calls, report, progress).await?;
    report.associations += associate::associate(calls, 1).await?;
    // What was bought while we pushed changed balances, and has to be pushed, too.
    for _ in 1..ROUNDS_MAX {
        if !is_more {
            break;
        }
        notice(calls).await?;
        is_more = push_kind(calls, Object::Contact, report, progress).await?;
    }
    Ok(())
}

async fn notice(calls: &Calls<'_>) -> Result<(), MirrorError> {
    changes::notice(&*calls.mirror.store.report().await?, calls.org.id).await?;
    Ok(())
}

/// Rows that wait to be pushed.
async fn waiting(calls: &Calls<'_>) -> Result<u64, MirrorError> {
    let rows = status::pending_rows(&*calls.mirror.store.read().await?, calls.org.id).await?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Pushes what waits. Says whether that makes for more contacts to push.
async fn push_all(calls: &Calls<'_>, report: &mut SyncReport, progress: &dyn Progress) -> Result<bool, MirrorError> {
    let is_more = push_kind(calls, Object::Contact, report, progress).await?;
    push_kind(calls, Object::Session, report, progress).await?;
    push_bookings(calls, report, progress).await?;
    Ok(is_more)
}

/// Pushes bookings, and has them belong to their contacts and sessions as soon as there are enough of them for a full
/// call: calls about associations have a limit of their own, and would use it alone otherwise.
async fn push_bookings(calls: &Calls<'_>, report: &mut SyncReport, progress: &dyn Progress) -> Result<(), MirrorError> {
    let (rows, mut pushed) = watch::channel(0);
    let counted = &mut *report;
    let push = async move {
        let counting = Counting { progress, rows };
        push_kind(calls, Object::Booking, counted, &counting).await
    };
    let associate = async {
        let (mut associations, mut enough) = (0, 0);
        loop {
            enough += READ_MAX as u64;
            if pushed.wait_for(|rows| *rows >= enough).await.is_err() {
                // All are pushed, and the rest fills no call.
                return Ok::<_, MirrorError>(associations);
            }
            associations += associate::associate(calls, READ_MAX).await?;
        }
    };
    let (pushed, associated) = tokio::join!(push, associate);
    pushed?;
    report.associations += associated?;
    Ok(())
}

/// Counts rows that are done.
struct Counting<'a> {
    progress: &'a dyn Progress,
    rows: watch::Sender<u64>,
}

impl Progress for Counting<'_> {
    fn found(&self, rows: u64) {
        self.progress.found(rows);
    }

    fn done(&self, rows: u64) {
        self.progress.done(rows);
        self.rows.send_modify(|done| *done += rows);
    }
}

/// Pushes what waits of one kind. Says whether that makes for more contacts to push.
async fn push_kind(
    calls: &Calls<'_>,
    object: Object,
    report: &mut SyncReport,
    progress: &dyn Progress,
) -> Result<bool, MirrorError> {
    let mut batches = pin!(Batches::new(calls, object).stream().fuse());
    let mut under_way = FuturesUnordered::new();
    let mut is_more = false;
    let mut failed = None;
    loop {
        let is_room = failed.is_none() && under_way.len() < AT_ONCE;
        // Both go on at the same time: those under way may have the connections that the next page waits for.
        tokio::select! {
            Some(done) = under_way.next() => match done {
                Ok(Done { rows, counts, adopted, credits_counted, .. }) => {
                    counts_of(report, object).add(counts);
                    report.credits_counted += credits_counted;
                    is_more |= credits_counted > 0 || adopted > 0;
                    progress.done(rows);
                }
                // What became of the others is noted still.
                Err(error) => failed = failed.or(Some(error)),
            },
            Some(batch) = batches.next(), if is_room => match batch {
                Ok(batch) => under_way.push(push(calls, object, batch)),
                Err(error) => failed = Some(error),
            },
            else => return failed.map_or(Ok(is_more), Err),
        }
    }
}

fn counts_of(report: &mut SyncReport, object: Object) -> &mut Counts {
    match object {
        Object::Contact => &mut report.contacts,
        Object::Session => &mut report.sessions,
        Object::Booking => &mut report.bookings,
    }
}
