//! Cancels the bookings of a cancelled session, each by a command of its own, and goes on where a crash
//! interrupted that: a cancelled session with active bookings is all that has to be remembered.
//!
//! Bookings with attendance stay as they are: what took place is not undone.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use surehold_core::command::{Cancel, Command, Request};
use surehold_core::{Answer, Refusal};
use uuid::Uuid;

use super::{every, for_each_org};
use crate::desk::{Desk, DeskError, own_request};
use crate::store::{Store, StoreError, bookings};

/// Commands under way at once. The desk commits those that wait together in one transaction.
const AT_ONCE: usize = 64;
/// How often unfinished work is looked for.
const EVERY: Duration = Duration::from_secs(5);

/// What became of the bookings of a cancelled session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Cancelled now.
    pub cancelled: usize,
    /// Cancelled by somebody else meanwhile.
    pub already_cancelled: usize,
    /// Left as they are, because they are no longer active: what took place is not undone.
    pub skipped: usize,
    /// Not cancelled: the resume worker tries again.
    pub failed: usize,
    /// Credits that came back.
    pub credits_returned: i64,
}

impl Report {
    fn count(&mut self, result: Result<Answer, DeskError>) {
        match result {
            Ok(Answer::Cancelled(answer)) if answer.already => self.already_cancelled += 1,
            Ok(Answer::Cancelled(answer)) => {
                self.cancelled += 1;
                self.credits_returned += answer.credits_returned;
            }
            Err(DeskError::Refused(Refusal::BookingNotActive { .. })) => self.skipped += 1,
            Ok(_) | Err(_) => self.failed += 1,
        }
    }
}

/// Cancels the active bookings of a session that was cancelled; their credits come back.
///
/// Fails only if the bookings cannot be listed; bookings that could not be cancelled are counted.
pub async fn cancel_bookings_of(
    store: &Store,
    desk: &Desk,
    org_id: Uuid,
    slot_id: Uuid,
    principal: &Arc<str>,
    on_behalf_of: Option<&str>,
) -> Result<Report, StoreError> {
    let ids = {
        let client = store.read().await?;
        bookings::active_of_slot(&client, org_id, slot_id).await?
    };
    let outcomes = stream::iter(ids)
        .map(|id| desk.submit(org_id, cancel(id, principal.clone(), on_behalf_of)))
        .buffer_unordered(AT_ONCE);
    let report = outcomes.fold(Report::default(), |mut report, outcome| async move {
        report.count(outcome.map(|outcome| outcome.answer));
        report
    });
    Ok(report.await)
}

fn cancel(booking_id: Uuid, principal: Arc<str>, on_behalf_of: Option<&str>) -> Request {
    let command = Command::Cancel(Cancel {
        booking_id,
        by_student: false,
        return_credit: true,
        reason: Some("the session was cancelled".to_owned()),
    });
    Request { on_behalf_of: on_behalf_of.map(str::to_owned), ..own_request(principal, command) }
}

/// Looks for cancelled sessions with active bookings, org by org, until `stop` is ready.
pub async fn resume(store: Store, desk: Desk, stop: impl Future<Output = ()>) {
    every(EVERY, "unfinished cancellations", stop, || resume_once(&store, &desk)).await;
}

/// One look at all open organisations; finishes what it finds.
pub async fn resume_once(store: &Store, desk: &Desk) -> Result<(), StoreError> {
    for_each_org(store, "unfinished cancellations", |org| resume_org(store, desk, org.id)).await.map(drop)
}

async fn resume_org(store: &Store, desk: &Desk, org_id: Uuid) -> Result<(), StoreError> {
    let principal: Arc<str> = Arc::from("system:session_cancellation");
    let unfinished = {
        let client = store.read().await?;
        bookings::cancelled_slots_with_active(&client, org_id).await?
    };
    for slot_id in unfinished {
        let report = cancel_bookings_of(store, desk, org_id, slot_id, &principal, None).await?;
        tracing::info!(
            org = %org_id, session = %slot_id, cancelled = report.cancelled, skipped = report.skipped,
            failed = report.failed, "went on with the cancellation of a session"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_place_is_skipped_and_what_failed_is_tried_again() {
        let mut report = Report::default();
        let status = surehold_core::rows::BookingStatus::Cancelled;
        report.count(Err(DeskError::Refused(Refusal::BookingNotActive { status })));
        report.count(Err(DeskError::Overloaded));
        assert_eq!(report, Report { skipped: 1, failed: 1, ..Report::default() });
    }
}
