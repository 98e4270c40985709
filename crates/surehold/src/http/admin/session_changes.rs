//! Change a session: seats, block, activation, times, place, requirements; and cancel it.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use surehold_core::command::{ChangeSlot, Command};
use surehold_core::rows::{Slot, SlotStatus};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sessions::noted;
use super::sessions::{
    ACTIVATES_AT, CAPACITY, END_TIME, LOCATION, MOCK_SET, NAME, PREREQUISITES, PREREQUISITES_MAX, START_TIME, STATUS,
    TIME_ZONE, activation_time, by_id, resolve_prerequisites,
};
use crate::http::access::{Acting, Admin};
use crate::http::app::{App, expect_answer};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, EXAM_DATE, Fields, Name};
use crate::http::find::{self, Named};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::reply::{Reply, Success};
use crate::http::session_json::AdminSessionView;
use crate::wall_clock::{slot_times, zone_of_location};
use crate::workers::session_cancellation::{self, Report};

const BLOCKED: Name = Name(&["is_blocked", "isBlocked", "blocked"]);
const BLOCKED_REASON: Name = Name(&["blocked_reason", "blockedReason", "reason"]);
const VERSION: Name = Name(&["version", "expected_version"]);

/// How often a change that was completed from what we read is completed anew, because that changed meanwhile.
const REREADS_MAX: usize = 2;

/// What to change; what is absent stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct ChangeSessionRequest {
    /// `true` or `active`, `false` or `inactive`, `scheduled`, `cancelled`. Cancelling is final: the
    /// session's bookings are cancelled and their credits come back.
    #[schema(example = "active")]
    pub status: Option<String>,
    /// When a scheduled session goes on sale. Without an offset it is read on the session's own clock.
    pub scheduled_activation_datetime: Option<String>,
    /// Seats; never fewer than are taken, held and withheld.
    pub capacity: Option<i32>,
    /// `true` takes the session out of sale, with a reason; `false` puts it back.
    pub is_blocked: Option<bool>,
    /// Why it is blocked. Required to block.
    pub blocked_reason: Option<String>,
    /// Date; only while nobody has a seat.
    #[schema(format = Date)]
    pub exam_date: Option<String>,
    /// Start; only while nobody has a seat.
    pub start_time: Option<String>,
    /// End; only while nobody has a seat.
    pub end_time: Option<String>,
    /// IANA time zone; date and times are read in it.
    pub time_zone: Option<String>,
    /// Where; `null` for nowhere. If the new location has a time zone of its own, date and times are read
    /// in that one.
    pub location: Option<String>,
    /// Which set of questions; `null` for none.
    pub mock_set: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// All sessions in which a student needs a booking first; `[]` for none.
    pub prerequisite_exam_ids: Option<Vec<String>>,
    /// The `version` you saw: the change is refused if it has another by now.
    pub version: Option<i64>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// What became of the bookings of a session that was cancelled.
#[derive(Serialize, ToSchema)]
pub struct BookingsCancelled {
    /// Cancelled now.
    pub cancelled: usize,
    /// Cancelled by somebody else meanwhile.
    pub already_cancelled: usize,
    /// Left as they are: the student took part meanwhile.
    pub skipped: usize,
    /// Not cancelled yet: this goes on in the background until it is done.
    pub pending: usize,
    /// Credits that came back.
    pub credits_returned: i64,
}

impl From<Report> for BookingsCancelled {
    fn from(report: Report) -> BookingsCancelled {
        BookingsCancelled {
            cancelled: report.cancelled,
            already_cancelled: report.already_cancelled,
            skipped: report.skipped,
            pending: report.failed,
            credits_returned: report.credits_returned,
        }
    }
}

/// A session after a change.
#[derive(Serialize, ToSchema)]
pub struct SessionChanged {
    /// The session.
    #[serde(flatten)]
    pub session: AdminSessionView,
    /// Whether anything was different before.
    pub changed: bool,
    /// If the session was cancelled: what became of its bookings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bookings: Option<BookingsCancelled>,
}

/// Change a session.
///
/// Changes only what the body names. To cancel, send `{"status": "cancelled"}`: the sale ends at once, then
/// each booking is cancelled and its credit comes back; if the server dies in between, it goes on when it is
/// back. Sending it again is harmless.
#[utoipa::path(
    patch, path = "/api/admin/mock-exams/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or name of the session"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = ChangeSessionRequest,
    responses(
        (status = 200, description = "The session as it is now", body = Success<SessionChanged>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 404, description = "`EXAM_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`CAPACITY_TOO_LOW`, `EXAM_HAS_BOOKINGS`, `EXAM_CANCELLED`, `VERSION_CONFLICT`", body = ErrorBody),
    )
)]
pub async fn change_session(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<SessionChanged>, ApiError> {
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    let key = key.key();
    // A version that the caller did not send is ours to keep up with.
    let mut rereads_left = if fields.has(VERSION) { 0 } else { REREADS_MAX };
    let (session_id, cancels, outcome) = loop {
        let now = find::session(&app, acting.org.id, &id).await?.slot;
        let change = read_change(&app, &acting, &now, fields.clone()).await?;
        let cancels = change.status == Some(SlotStatus::Cancelled);
        match app.submit(&acting, admin_email.clone(), key.clone(), Command::ChangeSlot(change)).await {
            Err(error) if error.code == "VERSION_CONFLICT" && rereads_left > 0 => rereads_left -= 1,
            result => break (now.id, cancels, result?),
        }
    };
    let unread = |error: ApiError| ApiError::after_commit(error, key.text());
    let replayed = outcome.replayed;
    let saved = expect_answer!(outcome, SlotChanged)?;

    let mut bookings = None;
    if cancels {
        let report = cancel_bookings(&app, &acting, session_id, admin_email.as_deref()).await;
        bookings = Some(report.map_err(unread)?.into());
    }
    let session = by_id(&app, &acting, session_id).await.map_err(unread)?.into();
    Ok(Reply::ok(SessionChanged { session, changed: saved.changed, bookings }).replayed(replayed))
}

async fn read_change(app: &App, acting: &Acting, now: &Slot, mut fields: Fields) -> Result<ChangeSlot, ApiError> {
    let known = [
        STATUS,
        ACTIVATES_AT,
        CAPACITY,
        BLOCKED,
        EXAM_DATE,
        START_TIME,
        END_TIME,
        TIME_ZONE,
        LOCATION,
        MOCK_SET,
        NAME,
        PREREQUISITES,
    ];
    fields.must_mention_one_of(&known)?;
    let status = fields.optional(STATUS, kinds::slot_status);
    let moment = fields.optional(ACTIVATES_AT, kinds::moment);
    let capacity = fields.optional(CAPACITY, kinds::small_integer(1, acting.org.slot_capacity_max));
    let blocked = read_blocked(&mut fields, BLOCKED, BLOCKED_REASON);
    let location = fields.clearable(LOCATION, kinds::text(kinds::NAME_MAX));
    let mock_set = fields.clearable(MOCK_SET, kinds::mock_set);
    let name = fields.optional(NAME, kinds::text(kinds::NAME_MAX));
    let required = fields.list(PREREQUISITES, PREREQUISITES_MAX, kinds::reference);
    let expected_version = fields.optional(VERSION, kinds::integer(1, i64::MAX));
    let (times, partly) = read_times(&mut fields, acting, now, location.as_ref().and_then(Option::as_deref));
    let zone = times.as_ref().map_or(now.time_zone.as_str(), |times| times.time_zone.as_str());
    let activates_at = moment.and_then(|moment| activation_time(&mut fields, moment, zone));
    fields.finish()?;
    let prerequisites = match required {
        None => None,
        Some(references) => Some(resolve_prerequisites(app, acting.org.id, references).await?),
    };
    Ok(ChangeSlot {
        slot_id: now.id,
        // Times that were completed from what we read hold only if that is still so.
        expected_version: expected_version.or(partly.then_some(now.edit_version)),
        name,
        times,
        location,
        mock_set,
        capacity,
        status,
        activates_at,
        blocked,
        prerequisites,
        price_minor: None,
    })
}

/// `Some(Some(reason))` blocks, `Some(None)` unblocks.
pub(super) fn read_blocked(fields: &mut Fields, blocked: Name, reason: Name) -> Option<Option<String>> {
    let why = fields.optional(reason, kinds::note);
    match fields.optional(blocked, kinds::boolean)? {
        false => Some(None),
        true => {
            if why.is_none() {
                fields.problem(reason.own(), "is required to block it");
            }
            Some(why)
        }
    }
}

/// Cancels the bookings of a slot that was cancelled.
pub(super) async fn cancel_bookings(
    app: &App,
    acting: &Acting,
    slot_id: Uuid,
    admin_email: Option<&str>,
) -> Result<Report, ApiError> {
    let (org_id, principal) = (acting.org.id, &acting.principal);
    Ok(session_cancellation::cancel_bookings_of(&app.store, &app.desk, org_id, slot_id, principal, admin_email).await?)
}

/// The new times, if the request says anything about them, completed from the session as it is; and whether
/// they had to be completed.
fn read_times(
    fields: &mut Fields,
    acting: &Acting,
    now: &Slot,
    new_location: Option<&str>,
) -> (Option<surehold_core::command::SlotTimes>, bool) {
    let date = fields.optional(EXAM_DATE, kinds::date);
    let start = fields.optional(START_TIME, kinds::time);
    let end = fields.optional(END_TIME, kinds::time);
    let own_zone = fields.optional(TIME_ZONE, kinds::time_zone);
    // Also where they come out as they are: the repeat of a change must read as the same change.
    let new_zone = own_zone.or_else(|| zone_of_location(&acting.org, new_location?).map(str::to_owned));
    if date.is_none() && start.is_none() && end.is_none() && new_zone.is_none() {
        return (None, false);
    }
    let zone = new_zone.unwrap_or_else(|| now.time_zone.clone());
    if !fields.are_good(&[EXAM_DATE, START_TIME, END_TIME, TIME_ZONE]) {
        return (None, false);
    }
    let times = slot_times(
        &zone,
        date.unwrap_or(now.local_date),
        start.unwrap_or(now.local_start),
        end.unwrap_or(now.local_end),
    );
    (noted(fields, times), date.is_none() || start.is_none() || end.is_none())
}
