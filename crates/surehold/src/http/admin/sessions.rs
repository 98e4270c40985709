//! Sessions: open, read, list, withhold seats.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;
use surehold_core::command::{Command, OpenSlot, SlotTimes, Withhold};
use surehold_core::rows::SlotStatus;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::access::{Acting, Admin};
use crate::http::app::{App, expect_answer};
use crate::http::body::{JsonFields, QueryFields};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, EXAM_DATE, Fields, MOCK_TYPE, Name, REASON};
use crate::http::find::{self, Named, no_session};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds::{self, Moment};
use crate::http::page::{ByStart, Page};
use crate::http::reply::{Reply, Success};
use crate::http::session_json::{AdminSessionView, BookingView};
use crate::http::student::credits::unknown_type;
use crate::store::bookings;
use crate::store::sessions::{self, SessionFilter};
use crate::wall_clock::{WrongTimes, slot_times, zone_of};

pub const NAME: Name = Name(&["name", "mock_exam_name", "mockExamName"]);
pub const START_TIME: Name = Name(&["start_time", "startTime"]);
pub const END_TIME: Name = Name(&["end_time", "endTime"]);
pub const LOCATION: Name = Name(&["location"]);
pub const CAPACITY: Name = Name(&["capacity"]);
pub const MOCK_SET: Name = Name(&["mock_set", "mockSet"]);
pub const STATUS: Name = Name(&["is_active", "isActive", "status"]);
pub const ACTIVATES_AT: Name = Name(&["scheduled_activation_datetime", "scheduledActivationDatetime", "activates_at"]);
pub const TIME_ZONE: Name = Name(&["time_zone", "timeZone"]);
pub const PREREQUISITES: Name = Name(&["prerequisite_exam_ids", "prerequisiteExamIds", "prerequisites"]);
pub const PREREQUISITES_MAX: usize = 50;
const SEATS: Name = Name(&["seats"]);
const FROM: Name = Name(&["from"]);
const TO: Name = Name(&["to"]);
const LIMIT_USUAL: i64 = 50;
const LIMIT_MAX: i64 = 500;

/// A new session.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct OpenSessionRequest {
    /// Its type, one of the school's offerings.
    #[schema(example = "Clinical Skills")]
    pub mock_type: String,
    /// The date at the place of the session.
    #[schema(format = Date, example = "2026-10-23")]
    pub exam_date: String,
    /// Start, on the 24-hour clock there.
    #[schema(example = "09:00")]
    pub start_time: String,
    /// End, on the same day.
    #[schema(example = "12:00")]
    pub end_time: String,
    /// Where it takes place.
    #[schema(example = "Calgary")]
    pub location: Option<String>,
    /// Seats: 1 to the school's limit, by default 100.
    #[schema(example = 20)]
    pub capacity: i32,
    /// Which set of questions, `A` to `H`.
    pub mock_set: Option<String>,
    /// `true` or `active` (default), `false` or `inactive`, `scheduled`.
    #[schema(example = "true")]
    pub is_active: Option<String>,
    /// When a scheduled session goes on sale. Without an offset it is read on the session's own clock. If
    /// given without `is_active`, the session is scheduled.
    #[schema(example = "2026-09-01T09:00:00-06:00")]
    pub scheduled_activation_datetime: Option<String>,
    /// IANA time zone; default: the location's, else the school's.
    #[schema(example = "America/Edmonton")]
    pub time_zone: Option<String>,
    /// Its name; default: type, location and date.
    pub name: Option<String>,
    /// Sessions in each of which a student needs a booking first; each by UUID, HubSpot number or name.
    pub prerequisite_exam_ids: Option<Vec<String>>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// Open a session.
///
/// Date and times are those on the wall at the place of the session; a time that the clocks skip there is
/// refused. Of a time that occurs twice, the first is meant.
#[utoipa::path(
    post, path = "/api/admin/mock-exams", tag = "admin", security(("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = OpenSessionRequest,
    responses(
        (status = 201, description = "Opened", body = Success<AdminSessionView>),
        (status = 200, description = "Opened before, by the same request", body = Success<AdminSessionView>),
        (status = 400, description = "`VALIDATION_ERROR`, `INVALID_EXAM_TYPE`", body = ErrorBody),
        (status = 422, description = "`IDEMPOTENCY_MISMATCH`", body = ErrorBody),
    )
)]
pub async fn open_session(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<AdminSessionView>, ApiError> {
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    let command = read_open(&app, &acting, fields).await?;
    let key = key.key();
    let outcome = app.submit(&acting, admin_email, key.clone(), Command::OpenSlot(command)).await?;
    let replayed = outcome.replayed;
    let opened = expect_answer!(outcome, SlotOpened)?;
    let session =
        by_id(&app, &acting, opened.slot_id).await.map_err(|error| ApiError::after_commit(error, key.text()))?;
    Ok(Reply::created_unless(replayed, session.into()))
}

async fn read_open(app: &App, acting: &Acting, mut fields: Fields) -> Result<OpenSlot, ApiError> {
    let org = &acting.org;
    let mock_type: String = fields.required(MOCK_TYPE, kinds::text(kinds::NAME_MAX));
    let date = fields.required(EXAM_DATE, kinds::date);
    let start = fields.required(START_TIME, kinds::time);
    let end = fields.required(END_TIME, kinds::time);
    let location = fields.optional(LOCATION, kinds::text(kinds::NAME_MAX));
    let capacity = fields.required(CAPACITY, kinds::small_integer(1, org.slot_capacity_max));
    let mock_set = fields.optional(MOCK_SET, kinds::mock_set);
    let status = fields.optional(STATUS, kinds::slot_status);
    let moment = fields.optional(ACTIVATES_AT, kinds::moment);
    let own_zone = fields.optional(TIME_ZONE, kinds::time_zone);
    let name = fields.optional(NAME, kinds::text(kinds::NAME_MAX));
    let required = fields.list(PREREQUISITES, PREREQUISITES_MAX, kinds::reference).unwrap_or_default();
    let zone = zone_of(org, own_zone.as_deref(), location.as_deref());
    let times = match fields.are_good(&[EXAM_DATE, START_TIME, END_TIME, TIME_ZONE]) {
        true => noted(&mut fields, slot_times(zone, date, start, end)),
        false => None,
    };
    let activates_at = moment.and_then(|moment| activation_time(&mut fields, moment, zone));
    fields.finish()?;
    let times = times.ok_or_else(|| ApiError::internal("times without a problem and without a value"))?;

    let catalogue = app.directory.catalogue(org.id).await?;
    let offering = catalogue.offering(&mock_type).ok_or_else(|| unknown_type(&catalogue.names(None)))?;
    let usual_status = if activates_at.is_some() { SlotStatus::Scheduled } else { SlotStatus::Active };
    Ok(OpenSlot {
        id: None,
        offering_id: offering.id,
        name: name.unwrap_or_else(|| usual_name(&offering.name, location.as_deref(), date)),
        times,
        location,
        mock_set,
        capacity,
        withheld: 0,
        status: status.unwrap_or(usual_status),
        activates_at,
        price_minor: None,
        one_per_start: false,
        prerequisites: resolve_prerequisites(app, org.id, required).await?,
        hubspot_id: None,
    })
}

/// `Situational Judgment - Montreal - Jan 9, 2027`
fn usual_name(offering: &str, location: Option<&str>, date: jiff::civil::Date) -> String {
    let day = date.strftime("%b %-d, %Y");
    match location {
        Some(location) => format!("{offering} - {location} - {day}"),
        None => format!("{offering} - {day}"),
    }
}

/// The instant of a moment that may be on the clock of a place.
pub fn activation_time(fields: &mut Fields, moment: Moment, zone: &str) -> Option<Timestamp> {
    let at = match moment {
        Moment::Instant(at) => at,
        Moment::Local(local) => {
            let at = TimeZone::get(zone).ok().and_then(|zone| zone.to_ambiguous_timestamp(local).unambiguous().ok());
            if at.is_none() {
                fields.problem(ACTIVATES_AT.own(), "needs an offset: clocks change at this time there");
            }
            at?
        }
    };
    if !kinds::is_in_range(at) {
        fields.problem(ACTIVATES_AT.own(), kinds::WRONG_YEAR);
    }
    Some(at)
}

/// Sessions that callers name, as ids, sorted and each once.
pub async fn resolve_prerequisites(app: &App, org_id: Uuid, references: Vec<String>) -> Result<Vec<Uuid>, ApiError> {
    let mut ids = Vec::with_capacity(references.len());
    for reference in references {
        match find::session(app, org_id, &reference).await {
            Ok(session) => ids.push(session.slot.id),
            Err(error) if error.status == axum::http::StatusCode::NOT_FOUND => {
                return Err(ApiError::invalid_field(PREREQUISITES.own(), format!("there is no session {reference}")));
            }
            Err(error) => return Err(error),
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// A session that was just written.
pub async fn by_id(app: &App, acting: &Acting, id: Uuid) -> Result<sessions::SessionRow, ApiError> {
    let client = app.store.read().await?;
    sessions::by_id(&client, acting.org.id, id).await?.ok_or_else(no_session)
}

/// Read a session.
#[utoipa::path(
    get, path = "/api/admin/mock-exams/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or name of the session")),
    responses(
        (status = 200, description = "The session", body = Success<AdminSessionView>),
        (status = 404, description = "`EXAM_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn get_session(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
) -> Result<Reply<AdminSessionView>, ApiError> {
    Ok(Reply::ok(find::session(&app, acting.org.id, &id).await?.into()))
}

/// Which sessions.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct SessionsQuery {
    /// Only this type.
    pub mock_type: Option<String>,
    /// Only `active`, `inactive`, `scheduled` or `cancelled` ones.
    pub status: Option<String>,
    /// On or after this local date.
    #[param(format = Date)]
    pub from: Option<String>,
    /// On or before this local date.
    #[param(format = Date)]
    pub to: Option<String>,
    /// At most so many, 1 to 500; default 50.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List sessions.
///
/// Of all types and states, the latest start first.
#[utoipa::path(
    get, path = "/api/admin/mock-exams", tag = "admin", security(("api_key" = [])), params(SessionsQuery),
    responses(
        (status = 200, description = "A page of sessions", body = Success<Vec<AdminSessionView>>),
        (status = 400, description = "`VALIDATION_ERROR`, `INVALID_EXAM_TYPE`", body = ErrorBody),
    )
)]
pub async fn list_sessions(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<Vec<AdminSessionView>>, ApiError> {
    let mock_type = fields.optional(MOCK_TYPE, kinds::text(kinds::NAME_MAX));
    let mut filter = SessionFilter {
        offering_id: None,
        status: fields.optional(STATUS, kinds::slot_status),
        from: fields.optional(FROM, kinds::date),
        to: fields.optional(TO, kinds::date),
    };
    let page: Page<ByStart> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    if let Some(name) = mock_type {
        let catalogue = app.directory.catalogue(acting.org.id).await?;
        let offering = catalogue.offering(&name).ok_or_else(|| unknown_type(&catalogue.names(None)))?;
        filter.offering_id = Some(offering.id);
    }
    let client = app.store.read().await?;
    let mut rows = sessions::list(&client, acting.org.id, &filter, page.cursor, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.slot.starts_at, row.slot.id));
    Ok(Reply::ok(rows.into_iter().map(AdminSessionView::from).collect()).next(next))
}

/// How many.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// At most so many, 1 to 500; default 50.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List a session's bookings.
///
/// In the order they were made, cancelled ones too.
#[utoipa::path(
    get, path = "/api/admin/mock-exams/{id}/bookings", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or name of the session"), PageQuery),
    responses(
        (status = 200, description = "A page of bookings", body = Success<Vec<BookingView>>),
        (status = 404, description = "`EXAM_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn list_session_bookings(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<Vec<BookingView>>, ApiError> {
    let page: Page<Uuid> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    let session = find::session(&app, acting.org.id, &id).await?;
    let client = app.store.read().await?;
    let mut rows = bookings::of_slot(&client, acting.org.id, session.slot.id, page.cursor, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| row.id);
    Ok(Reply::ok(rows.into_iter().map(BookingView::from).collect()).next(next))
}

/// Seats to take out of sale, or to put back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct WithholdRequest {
    /// Positive: out of sale. Negative: back on sale.
    #[schema(example = 2)]
    pub seats: i32,
    /// Why, for the audit log.
    pub reason: Option<String>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// The seats of a session after a change.
#[derive(Serialize, ToSchema)]
pub struct SeatsChanged {
    /// The session's UUID.
    pub id: Uuid,
    /// Seats out of sale without a booking.
    pub withheld: i32,
    /// Seats that can be booked.
    pub available_slots: i32,
}

/// Withhold seats.
///
/// Takes seats out of sale without a booking, or puts withheld seats back: by a difference, so that two
/// operators never overwrite each other.
#[utoipa::path(
    post, path = "/api/admin/mock-exams/{id}/withhold", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or name of the session"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = WithholdRequest,
    responses(
        (status = 200, description = "Done", body = Success<SeatsChanged>),
        (status = 404, description = "`EXAM_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`EXAM_FULL`: too few seats are left; `RELEASE_EXCEEDS_WITHHELD`", body = ErrorBody),
    )
)]
pub async fn withhold_seats(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<SeatsChanged>, ApiError> {
    let not_zero = |value: &Value| match kinds::small_integer(-1_000_000, 1_000_000)(value)? {
        0 => Err("must not be 0".to_owned()),
        seats => Ok(seats),
    };
    let seats = fields.required(SEATS, not_zero);
    let reason = fields.optional(REASON, kinds::note);
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    fields.finish()?;
    let slot_id = find::session(&app, acting.org.id, &id).await?.slot.id;
    let command = Command::Withhold(Withhold { slot_id, seats, reason, on_sale_only: false });
    let outcome = app.submit(&acting, admin_email, key.key(), command).await?;
    let replayed = outcome.replayed;
    let saved = expect_answer!(outcome, SlotChanged)?;
    let changed = SeatsChanged { id: saved.slot_id, withheld: saved.withheld, available_slots: saved.available };
    Ok(Reply::ok(changed).replayed(replayed))
}

/// The times, or a note of what is wrong with them.
pub(super) fn noted(fields: &mut Fields, times: Result<SlotTimes, WrongTimes>) -> Option<SlotTimes> {
    times.map_err(|wrong| fields.problem(wrong.field, wrong.problem)).ok()
}
