//! Slots of experiences: read, list, change, withhold and release seats. They are opened in [`super::slot_series`].

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use surehold_core::command::{ChangeSlot, Command, Withhold};
use surehold_core::rows::SlotStatus;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::session_changes::{cancel_bookings, read_blocked};
use crate::http::access::{Acting, Admin};
use crate::http::app::{App, expect_answer};
use crate::http::body::{JsonFields, QueryFields};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, Fields, Name, REASON};
use crate::http::find::Named;
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::page::{ByStart, Page};
use crate::http::reply::{Reply, Success};
use crate::http::session_json::{hours_minutes, with_offset};
use crate::http::trips::refusals::{in_words_of_trips, no_experience, no_slot};
use crate::store::experiences::{self, SlotFilter, SlotRow};
use crate::workers::session_cancellation::Report;

pub const CAPACITY: Name = Name(&["capacity"]);
pub const PRICE: Name = Name(&["price"]);
pub const IS_ACTIVE: Name = Name(&["isActive", "is_active"]);
pub const VERSION: Name = Name(&["version", "expectedVersion", "expected_version"]);
const BLOCKED: Name = Name(&["isBlocked", "is_blocked"]);
const BLOCKED_REASON: Name = Name(&["blockedReason", "blocked_reason"]);
const STATUS: Name = Name(&["status"]);
const SEATS: Name = Name(&["seats"]);
const EXPERIENCE_ID: Name = Name(&["experienceId", "experience_id"]);
pub const FROM: Name = Name(&["from"]);
pub const TO: Name = Name(&["to"]);
const LIMIT_USUAL: i64 = 50;
const LIMIT_MAX: i64 = 500;

/// A slot as operators see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotView {
    /// The slot's UUID.
    pub id: Uuid,
    /// Its experience's UUID.
    pub experience_id: Uuid,
    /// Its experience's name.
    #[schema(example = "Sunset sail")]
    pub experience: String,
    /// The date at the place of the slot.
    #[schema(value_type = String, format = Date, example = "2030-05-04")]
    pub date: Date,
    /// Start, on the clock there.
    #[schema(example = "18:30")]
    pub time: String,
    /// End, on the same clock; it may be on the next day.
    #[schema(example = "20:00")]
    pub end_time: String,
    /// Start, with its offset from UTC.
    pub starts_at: String,
    /// End, with its offset from UTC.
    pub ends_at: String,
    /// The slot's IANA time zone.
    #[schema(example = "America/Toronto")]
    pub timezone: String,
    /// Where it takes place.
    pub location: Option<String>,
    /// Seats in all.
    pub capacity: i32,
    /// Seats of confirmed and attended bookings.
    pub taken: i32,
    /// Seats held for payments in progress.
    pub held: i32,
    /// Seats out of sale without a booking.
    pub withheld: i32,
    /// Seats that are left. Whether they can be booked, `status` and `isBlocked` say.
    pub available: i32,
    /// What one guest pays, in minor units: the slot's own price, else the experience's.
    #[schema(example = 4900)]
    pub price: Option<i64>,
    /// The slot's own price, if it has one.
    pub price_override: Option<i64>,
    /// The organisation's currency.
    #[schema(example = "usd")]
    pub currency: String,
    /// `active`, `inactive` (closed) or `cancelled`.
    #[schema(value_type = String, example = "active")]
    pub status: SlotStatus,
    /// Out of sale by an operator.
    pub is_blocked: bool,
    /// Why.
    pub blocked_reason: Option<String>,
    /// Grows with every edit; send it back as `version` to change only what you have seen.
    pub version: i64,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed, by a booking or an edit.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl SlotView {
    pub(super) fn new(row: SlotRow, currency: &str) -> SlotView {
        let price = row.price_minor();
        let slot = row.slot;
        SlotView {
            id: slot.id,
            experience_id: slot.offering_id,
            experience: row.experience,
            date: slot.local_date,
            time: hours_minutes(slot.local_start),
            end_time: hours_minutes(slot.local_end),
            starts_at: with_offset(slot.starts_at, &slot.time_zone),
            ends_at: with_offset(slot.ends_at, &slot.time_zone),
            capacity: slot.capacity,
            taken: slot.taken,
            held: slot.held,
            withheld: slot.withheld,
            available: slot.available(),
            price,
            price_override: slot.price_minor,
            currency: currency.to_owned(),
            status: slot.status,
            is_blocked: slot.is_blocked,
            blocked_reason: slot.blocked_reason,
            version: slot.edit_version,
            timezone: slot.time_zone,
            location: slot.location,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The slot that a path names. Whose it is and of which sort never changes, so it need not be asked again under a lock.
async fn slot(app: &App, acting: &Acting, id: &str) -> Result<SlotRow, ApiError> {
    let id = Uuid::try_parse(id).map_err(|_| no_slot())?;
    let client = app.store.read().await?;
    experiences::slots_by_id(&client, acting.org.id, &[id]).await?.pop().ok_or_else(no_slot)
}

/// Read a slot.
#[utoipa::path(
    get, path = "/api/admin/slots/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID of the slot")),
    responses(
        (status = 200, description = "The slot", body = Success<SlotView>),
        (status = 404, description = "`SLOT_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn get_slot(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
) -> Result<Reply<SlotView>, ApiError> {
    Ok(Reply::ok(SlotView::new(slot(&app, &acting, &id).await?, &acting.org.currency)))
}

/// Which slots.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct SlotsQuery {
    /// Only of this experience.
    pub experience_id: Option<String>,
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

/// List slots.
///
/// Of all states, the soonest first.
#[utoipa::path(
    get, path = "/api/admin/slots", tag = "admin", security(("api_key" = [])), params(SlotsQuery),
    responses(
        (status = 200, description = "A page of slots", body = Success<Vec<SlotView>>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 404, description = "`EXPERIENCE_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn list_slots(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    QueryFields(mut fields): QueryFields,
) -> Result<Reply<Vec<SlotView>>, ApiError> {
    let experience_id = fields.optional(EXPERIENCE_ID, kinds::uuid);
    let (from, to) = read_dates(&mut fields);
    let page: Page<ByStart> = Page::read(&mut fields, LIMIT_USUAL, LIMIT_MAX);
    fields.finish()?;
    let org = &acting.org;
    let client = app.store.read().await?;
    if let Some(id) = experience_id {
        experiences::by_id(&client, org.id, id).await?.ok_or_else(no_experience)?;
    }
    let filter = SlotFilter { experience_id, from, to };
    let mut rows = experiences::slots(&client, org.id, &filter, page.cursor, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.slot.starts_at, row.slot.id));
    Ok(Reply::ok(rows.into_iter().map(|row| SlotView::new(row, &org.currency)).collect()).next(next))
}

/// `from` and `to`, in this order.
pub fn read_dates(fields: &mut Fields) -> (Option<Date>, Option<Date>) {
    let (from, to) = (fields.optional(FROM, kinds::date), fields.optional(TO, kinds::date));
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        fields.problem(TO.own(), format!("must not be before from, {from}"));
    }
    (from, to)
}

/// What to change; what is absent stays as it is.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct ChangeSlotRequest {
    /// Seats; never fewer than are taken, held and withheld.
    #[schema(example = 12)]
    pub capacity: Option<i32>,
    /// What one guest pays, in minor units; `null`: the experience's price. What is booked keeps its price.
    pub price: Option<i64>,
    /// `true` takes the slot out of sale, with a reason; `false` puts it back.
    pub is_blocked: Option<bool>,
    /// Why it is blocked. Required to block.
    pub blocked_reason: Option<String>,
    /// `false` closes the slot: no more bookings; `true` opens it again.
    pub is_active: Option<bool>,
    /// `cancelled`: the slot's bookings are cancelled and their money goes back. There is no way back. `active` and
    /// `inactive` are `isActive` in other words.
    pub status: Option<String>,
    /// The `version` you saw: the change is refused if it has another by now.
    pub version: Option<i64>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// What became of the bookings of a slot that was cancelled.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotBookingsCancelled {
    /// Cancelled now; their money goes back.
    pub cancelled: usize,
    /// Cancelled by somebody else meanwhile.
    pub already_cancelled: usize,
    /// Left as they are: the traveller took part meanwhile.
    pub skipped: usize,
    /// Not cancelled yet: this goes on in the background until it is done. Holds of open checkouts are not counted:
    /// they end with the checkout.
    pub pending: usize,
}

impl From<Report> for SlotBookingsCancelled {
    fn from(report: Report) -> SlotBookingsCancelled {
        SlotBookingsCancelled {
            cancelled: report.cancelled,
            already_cancelled: report.already_cancelled,
            skipped: report.skipped,
            pending: report.failed,
        }
    }
}

/// A slot after a change.
#[derive(Serialize, ToSchema)]
pub struct SlotChanged {
    /// The slot.
    #[serde(flatten)]
    pub slot: SlotView,
    /// Whether anything was different before.
    pub changed: bool,
    /// If the slot was cancelled: what became of its bookings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bookings: Option<SlotBookingsCancelled>,
}

/// Change a slot.
///
/// Changes only what the body names. To cancel, send `{"status": "cancelled"}`: the sale ends at once, then each
/// booking is cancelled and its money goes back; if the server dies in between, it goes on when it is back.
#[utoipa::path(
    patch, path = "/api/admin/slots/{id}", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID of the slot"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = ChangeSlotRequest,
    responses(
        (status = 200, description = "The slot as it is now", body = Success<SlotChanged>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 404, description = "`SLOT_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`CAPACITY_TOO_LOW`, `SLOT_CANCELLED`, `VERSION_CONFLICT`", body = ErrorBody),
    )
)]
pub async fn change_slot(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<SlotChanged>, ApiError> {
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    let mut change = read_change(&acting, fields)?;
    change.slot_id = slot(&app, &acting, &id).await?.slot.id;
    let (slot_id, cancels) = (change.slot_id, change.status == Some(SlotStatus::Cancelled));
    let key = key.key();
    let outcome = app.submit(&acting, admin_email.clone(), key.clone(), Command::ChangeSlot(change)).await;
    let outcome = outcome.map_err(in_words_of_trips)?;
    let unread = |error: ApiError| ApiError::after_commit(error, key.text());
    let replayed = outcome.replayed;
    let saved = expect_answer!(outcome, SlotChanged)?;

    let bookings = match cancels {
        true => Some(cancel_bookings(&app, &acting, slot_id, admin_email.as_deref()).await.map_err(unread)?.into()),
        false => None,
    };
    let row = slot(&app, &acting, &id).await.map_err(unread)?;
    let slot = SlotView::new(row, &acting.org.currency);
    Ok(Reply::ok(SlotChanged { slot, changed: saved.changed, bookings }).replayed(replayed))
}

fn read_change(acting: &Acting, mut fields: Fields) -> Result<ChangeSlot, ApiError> {
    fields.must_mention_one_of(&[CAPACITY, PRICE, BLOCKED, BLOCKED_REASON, IS_ACTIVE, STATUS])?;
    let capacity = fields.optional(CAPACITY, kinds::small_integer(1, acting.org.slot_capacity_max));
    let price_minor = fields.clearable(PRICE, kinds::money);
    if fields.has(BLOCKED_REASON) && !fields.has(BLOCKED) {
        fields.problem(BLOCKED.own(), "is required along with blockedReason: true to block, false to unblock");
    }
    let blocked = read_blocked(&mut fields, BLOCKED, BLOCKED_REASON);
    let status = read_status(&mut fields);
    let expected_version = fields.optional(VERSION, kinds::integer(1, i64::MAX));
    for name in [CAPACITY, BLOCKED, IS_ACTIVE, STATUS] {
        if fields.mentions(name) && !fields.has(name) {
            fields.problem(name.own(), "must have a value; leave it out to keep the present one");
        }
    }
    fields.finish()?;
    Ok(ChangeSlot { expected_version, capacity, status, blocked, price_minor, ..ChangeSlot::default() })
}

/// `isActive` and `status` say the same, but for `cancelled`.
fn read_status(fields: &mut Fields) -> Option<SlotStatus> {
    let active = fields.optional(IS_ACTIVE, kinds::boolean);
    let active = active.map(|active| if active { SlotStatus::Active } else { SlotStatus::Inactive });
    let word = fields.optional(STATUS, kinds::one_of(&["active", "inactive", "cancelled"])).and_then(SlotStatus::parse);
    match (active, word) {
        (Some(SlotStatus::Active), Some(SlotStatus::Inactive | SlotStatus::Cancelled))
        | (Some(SlotStatus::Inactive), Some(SlotStatus::Active)) => {
            fields.problem(STATUS.own(), "says something else than isActive; send one of them");
            None
        }
        (active, word) => word.or(active),
    }
}

/// Seats to take out of sale, or to put back.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct SlotSeatsRequest {
    /// How many, at least 1.
    #[schema(example = 2)]
    pub seats: i32,
    /// Why, for the audit log.
    pub reason: Option<String>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// The seats of a slot after a change.
#[derive(Serialize, ToSchema)]
pub struct SlotSeats {
    /// The slot's UUID.
    pub id: Uuid,
    /// Seats out of sale without a booking.
    pub withheld: i32,
    /// Seats that are left.
    pub available: i32,
}

/// Withhold seats of a slot.
///
/// Takes seats out of sale without a booking: by a difference, so that two operators never overwrite each other.
#[utoipa::path(
    post, path = "/api/admin/slots/{id}/withhold", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID of the slot"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = SlotSeatsRequest,
    responses(
        (status = 200, description = "Done", body = Success<SlotSeats>),
        (status = 400, description = "`VALIDATION_ERROR`; `INSUFFICIENT_AVAILABILITY`: too few seats are left", body = ErrorBody),
        (status = 404, description = "`SLOT_NOT_FOUND`", body = ErrorBody),
    )
)]
pub async fn withhold_slot_seats(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(fields): JsonFields,
) -> Result<Reply<SlotSeats>, ApiError> {
    withhold(&app, &acting, &id, key, fields, |seats| seats).await
}

/// Put withheld seats of a slot back on sale.
///
/// By a difference, as they were withheld.
#[utoipa::path(
    post, path = "/api/admin/slots/{id}/release", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "UUID of the slot"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = SlotSeatsRequest,
    responses(
        (status = 200, description = "Done", body = Success<SlotSeats>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
        (status = 404, description = "`SLOT_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`RELEASE_EXCEEDS_WITHHELD`", body = ErrorBody),
    )
)]
pub async fn release_slot_seats(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(fields): JsonFields,
) -> Result<Reply<SlotSeats>, ApiError> {
    withhold(&app, &acting, &id, key, fields, |seats| -seats).await
}

async fn withhold(
    app: &App,
    acting: &Acting,
    id: &str,
    key: IdempotencyKey,
    mut fields: Fields,
    difference: impl FnOnce(i32) -> i32,
) -> Result<Reply<SlotSeats>, ApiError> {
    let seats: i32 = fields.required(SEATS, kinds::small_integer(1, 1_000_000));
    let reason = fields.optional(REASON, kinds::note);
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    fields.finish()?;
    let slot_id = slot(app, acting, id).await?.slot.id;
    let command = Command::Withhold(Withhold { slot_id, seats: difference(seats), reason, on_sale_only: false });
    let outcome = app.submit(acting, admin_email, key.key(), command).await.map_err(in_words_of_trips)?;
    let replayed = outcome.replayed;
    let saved = expect_answer!(outcome, SlotChanged)?;
    let seats = SlotSeats { id: saved.slot_id, withheld: saved.withheld, available: saved.available };
    Ok(Reply::ok(seats).replayed(replayed))
}
