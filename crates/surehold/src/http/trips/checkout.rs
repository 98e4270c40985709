//! Checkout: every seat of a trip held, and a page to pay for them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use surehold_core::Refusal;
use surehold_core::command::{Command, HoldTrip, Key};
use surehold_core::outcome::TripBooking;
use surehold_core::rows::{BookingStatus, Payment, PaymentStatus};
use utoipa::ToSchema;
use uuid::Uuid;

use super::TripError;
use super::items::{self, TRIP_ID, TRIP_ITEMS, TripItemRequest};
use super::traveller::{Traveller, by_key, url};
use crate::cashier::{CashierError, Closed};
use crate::http::access::Access;
use crate::http::app::{App, expect_answer};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::Name;
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::reply::replay_header;
use crate::store::{StoreError, payments};

const SUCCESS_URL: Name = Name(&["successUrl", "success_url"]);
const CANCEL_URL: Name = Name(&["cancelUrl", "cancel_url"]);
const CUSTOMER_EMAIL: Name = Name(&["email", "customerEmail", "customer_email"]);
/// Times that an earlier checkout may be in the way of one request.
const ROUNDS_MAX: usize = 4;

/// A trip to be paid.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[schema(rename_all = "camelCase")]
pub struct CheckoutRequest {
    /// Who travels. A token's own user if left out; required with a service key.
    pub user_id: Option<Uuid>,
    /// Your own id of the trip. Without it, the user's open trip with the same items is meant, or a new one.
    pub trip_id: Option<Uuid>,
    /// 1 to 50 items.
    pub trip_items: Vec<TripItemRequest>,
    /// Where the traveller goes after paying. Stripe puts its session id in the place of `{CHECKOUT_SESSION_ID}`.
    #[schema(example = "https://example.org/thanks?session={CHECKOUT_SESSION_ID}")]
    pub success_url: String,
    /// Where the traveller goes instead.
    #[schema(example = "https://example.org/trip")]
    pub cancel_url: String,
    /// Filled into Stripe's form.
    pub email: Option<String>,
}

/// Held seats, and the page to pay for them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutOpened {
    /// Always true.
    pub success: bool,
    /// Send the traveller there. Absent once the session cannot be paid any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout_url: Option<String>,
    /// Stripe's session.
    pub session_id: String,
    /// This attempt to pay.
    pub payment_id: Uuid,
    /// The trip.
    pub trip_id: Uuid,
    /// Until when it can be paid. The seats are held two minutes longer.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What is to be paid, in minor units (cents).
    pub amount: i64,
    /// ISO 4217, lower case.
    #[schema(example = "usd")]
    pub currency: String,
    /// In the order of the items.
    pub bookings: Vec<TripBookingJson>,
}

/// A booking of a trip.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TripBookingJson {
    /// Its UUID.
    pub id: Uuid,
    /// What people call it.
    #[schema(example = "PL-7KQ2MD9X")]
    pub reference: String,
    /// The experience.
    pub experience_id: Uuid,
    /// The slot.
    pub slot_id: Uuid,
    /// Seats.
    pub guest_count: i32,
    /// Where it stands at present.
    #[schema(value_type = String, example = "pending_payment")]
    pub status: BookingStatus,
}

impl From<TripBooking> for TripBookingJson {
    fn from(booking: TripBooking) -> TripBookingJson {
        TripBookingJson {
            id: booking.id,
            reference: booking.reference,
            experience_id: booking.offering_id,
            slot_id: booking.slot_id,
            guest_count: booking.guests,
            status: booking.status,
        }
    }
}

/// Check out a trip.
///
/// Holds every seat of the trip, or none, and opens a Checkout Session of Stripe's. The price is ours, never the
/// caller's. The bookings are confirmed when the money is there; if it does not come, the seats go back on sale by
/// themselves.
///
/// **Safe to repeat.** The same items again, while the session is open, give the same answer (200): a double click
/// makes one trip. With other items, the earlier session is ended first.
#[utoipa::path(
    post, path = "/functions/v1/checkout", tag = "trips", security(("user_token" = []), ("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = CheckoutRequest,
    responses(
        (status = 201, description = "Seats are held", body = CheckoutOpened),
        (status = 200, description = "They were held before, by the same request", body = CheckoutOpened,
            headers(("Idempotent-Replayed" = String, description = "`true`"))),
        (status = 400, description = "`VALIDATION_ERROR`, `EMPTY_TRIP`, `INVALID_PRICE`, `CUTOFF_TIME_PASSED`, \
            `INSUFFICIENT_AVAILABILITY` (`details.slots`: `slotId`, `requested`, `available`), `SLOT_BLOCKED`, \
            `SLOT_NOT_ACTIVE`, `SLOT_PAST`, `STRIPE_ERROR`", body = ErrorBody),
        (status = 403, description = "`FORBIDDEN`: the token is another user's", body = ErrorBody),
        (status = 404, description = "`SLOT_NOT_FOUND`, `TRIP_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`TRIP_ALREADY_BOOKED`, `PAYMENT_PROCESSING`, `CHECKOUT_ENDED`", body = ErrorBody),
        (status = 422, description = "`IDEMPOTENCY_MISMATCH`", body = ErrorBody),
        (status = 503, description = "`STRIPE_UNAVAILABLE`, `PAYMENTS_NOT_CONFIGURED`, `OVERLOADED`, \
            `DATABASE_UNAVAILABLE`, `OUTCOME_UNKNOWN`", body = ErrorBody),
    )
)]
pub async fn checkout(
    State(app): State<Arc<App>>,
    access: Access,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Response, TripError> {
    let traveller = Traveller::of(&access, &mut fields)?;
    let trip_id = fields.optional(TRIP_ID, kinds::uuid);
    let wanted = items::read(&mut fields, TRIP_ITEMS);
    let success_url = fields.required(SUCCESS_URL, url);
    let cancel_url = fields.required(CANCEL_URL, url);
    let customer_email = fields.optional(CUSTOMER_EMAIL, kinds::email);
    fields.finish()?;
    let org = traveller.acting.org.clone();
    if app.cashier.account(&org).is_none() {
        return Err(CashierError::NoAccount.into());
    }
    let hold = HoldTrip {
        contact_id: traveller.user_id,
        trip_id,
        items: wanted.find(&app, org.id).await?,
        success_url,
        cancel_url,
        customer_email,
        pay_seconds: app.options.pay_seconds,
    };
    let given = key.key();
    let mut over = 0;
    for round in 1..=ROUNDS_MAX {
        let key = key_after(&given, over);
        match hold_and_open(&app, &traveller, key, hold.clone(), round < ROUNDS_MAX).await? {
            Round::Answer(response) => return Ok(response),
            Round::InTheWay => {}
            Round::Over => over += 1,
        }
    }
    Err(CashierError::Over.into())
}

/// A key is remembered with its hold, also when that came to nothing because Stripe was away. Who repeats the request
/// then wants a checkout, not the memory of one: the next hold has a key made of the same one.
fn key_after(given: &Key, over: usize) -> Key {
    match given {
        Key::Given(key) if over > 0 => Key::Given(format!("again{over}:{key}")),
        key => key.clone(),
    }
}

/// How one try ended.
enum Round {
    /// With an answer.
    Answer(Response),
    /// An earlier checkout was in the way, and is gone.
    InTheWay,
    /// Seats were held, and went before there was a page to pay for them.
    Over,
}

/// One try. An earlier checkout is closed only if there is another try to take its place: of several requests that
/// change a trip at once, one stays open.
async fn hold_and_open(
    app: &App,
    traveller: &Traveller,
    key: Key,
    hold: HoldTrip,
    may_close: bool,
) -> Result<Round, TripError> {
    let org = &traveller.acting.org;
    let command = Command::HoldTrip(hold);
    let request = app.request(&traveller.acting, traveller.on_behalf_of.clone(), key, command);
    let outcome = match app.desk.submit(org.id, request).await {
        Ok(outcome) => outcome,
        Err(crate::desk::DeskError::Refused(Refusal::CheckoutOpen { .. })) if !may_close => return Ok(Round::InTheWay),
        Err(crate::desk::DeskError::Refused(Refusal::CheckoutOpen { payment_id })) => {
            return match app.cashier.close_checkout(org, payment_id).await? {
                Closed::Released => Ok(Round::InTheWay),
                Closed::Paid => Err(refused(Refusal::TripAlreadyBooked { payment_id: Some(payment_id) })),
                Closed::Processing => Err(refused(Refusal::PaymentProcessing { payment_id })),
            };
        }
        Err(error) => return Err(error.into()),
    };
    let replayed = outcome.replayed;
    let mut held = expect_answer!(outcome, TripHeld)?;
    let checkout = match app.cashier.open_checkout(org, held.payment_id).await {
        Ok(checkout) => checkout,
        Err(CashierError::Over) => return Ok(Round::Over),
        // It was held a while ago, and Stripe was not asked in time: it has to be held anew.
        Err(CashierError::Refused(_)) if replayed => return Ok(Round::Over),
        Err(error) => return Err(error.into()),
    };
    if replayed {
        // The answer is of then; they may stand elsewhere by now.
        held.bookings = bookings_of(app, org.id, held.payment_id).await?;
    }
    let body = CheckoutOpened {
        success: true,
        checkout_url: checkout.url,
        session_id: checkout.session_id,
        payment_id: held.payment_id,
        trip_id: held.trip_id,
        expires_at: held.pay_until,
        amount: held.amount_minor,
        currency: held.currency,
        bookings: held.bookings.into_iter().map(TripBookingJson::from).collect(),
    };
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    Ok(Round::Answer((status, replay_header(replayed), Json(body)).into_response()))
}

fn refused(refusal: Refusal) -> TripError {
    ApiError::from(refusal).into()
}

/// The bookings of a payment, as they stand at present.
pub(super) async fn bookings_of(app: &App, org_id: Uuid, payment_id: Uuid) -> Result<Vec<TripBooking>, StoreError> {
    let bookings = payments::bookings_of(&*app.store.read().await?, org_id, payment_id).await?;
    Ok(bookings.iter().map(TripBooking::from).collect())
}

/// Where a checkout stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutState {
    /// Always true.
    pub success: bool,
    /// `pending`, `processing`, `succeeded`, `failed`, `refunding`, `partially_refunded` or `refunded`.
    #[schema(value_type = String, example = "succeeded")]
    pub status: PaymentStatus,
    /// Stripe's session.
    pub session_id: String,
    /// Where it can still be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout_url: Option<String>,
    /// The payment.
    pub payment_id: Uuid,
    /// The trip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trip_id: Option<Uuid>,
    /// What was to be paid, in minor units.
    pub amount: i64,
    /// What has gone back, in minor units.
    pub refunded: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Why it failed, or why its money goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In the order of the items.
    pub bookings: Vec<TripBookingJson>,
}

/// See where a checkout stands.
///
/// For the page that a traveller comes back to. While the money is not known to be there, Stripe is asked; its answer
/// counts as its webhook would. A page that is opened is no proof of payment: only what Stripe says is.
#[utoipa::path(
    get, path = "/functions/v1/checkout/{sessionId}", tag = "trips", security(("user_token" = []), ("api_key" = [])),
    params(("sessionId" = String, Path, description = "Stripe's session, `cs_…`")),
    responses(
        (status = 200, description = "Where it stands", body = CheckoutState),
        (status = 404, description = "`CHECKOUT_NOT_FOUND`: there is none, or it is another user's", body = ErrorBody),
    )
)]
pub async fn see_checkout(
    State(app): State<Arc<App>>,
    access: Access,
    Path(session_id): Path<String>,
) -> Result<Json<CheckoutState>, TripError> {
    let org = match access.user() {
        Some(_) => access.org.clone(),
        None => by_key(&access)?.org,
    };
    let session_id =
        kinds::text(255)(&session_id.into()).map_err(|problem| ApiError::invalid_field("sessionId", problem))?;
    let find = async || -> Result<Payment, TripError> {
        let found = payments::by_session(&*app.store.read().await?, org.id, &session_id).await?;
        let mine = found.filter(|payment| access.user().is_none_or(|user| user == payment.contact_id));
        mine.ok_or_else(|| ApiError::not_found("CHECKOUT_NOT_FOUND", "There is no such checkout.").into())
    };
    let mut payment = find().await?;
    if payment.status.is_open() {
        match app.cashier.learn(&org, &payment).await {
            Ok(()) => payment = find().await?,
            // What we know is what we can say.
            Err(error) => tracing::warn!(payment = %payment.id, %error, "could not ask Stripe about a checkout"),
        }
    }
    let bookings = bookings_of(&app, org.id, payment.id).await?;
    Ok(Json(CheckoutState {
        success: true,
        status: payment.status,
        checkout_url: payment.checkout_url.filter(|_| payment.status == PaymentStatus::Pending),
        session_id,
        payment_id: payment.id,
        trip_id: payment.trip_id,
        amount: payment.amount_minor,
        refunded: payment.refunded_minor,
        currency: payment.currency,
        reason: payment.reason,
        bookings: bookings.into_iter().map(TripBookingJson::from).collect(),
    }))
}
