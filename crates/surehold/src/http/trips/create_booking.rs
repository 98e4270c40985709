//! Create bookings with money that is there, server to server: the seed's function, with its shapes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use surehold_core::Refusal;
use surehold_core::command::{BookTrip, Command, Key, TripItem};
use surehold_core::outcome::{TripBooked, TripBooking};
use surehold_core::rows::BookingStatus;
use utoipa::ToSchema;
use uuid::Uuid;

use super::TripError;
use super::checkout::bookings_of;
use super::items::{self, TRIP_ID, TRIP_ITEMS, TripItemRequest, WantedItems};
use super::traveller::{USER_ID, by_key};
use crate::http::access::{Access, Acting};
use crate::http::app::{App, expect_answer};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{Fields, Name};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;

const PAYMENT_ID: Name = Name(&["paymentId", "payment_id"]);

/// A paid trip to be booked.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
#[schema(rename_all = "camelCase")]
pub struct CreateBookingRequest {
    /// A payment of a checkout, or one that was recorded.
    pub payment_id: Uuid,
    /// The trip.
    pub trip_id: Uuid,
    /// Who travels.
    pub user_id: Uuid,
    /// 1 to 50 items.
    pub trip_items: Vec<TripItemRequest>,
}

/// The same, read.
pub struct TripRequest {
    /// The money.
    pub payment_id: Uuid,
    /// The trip.
    pub trip_id: Uuid,
    /// Who travels.
    pub contact_id: Uuid,
    /// What is booked.
    pub(in crate::http) wanted: WantedItems,
}

impl TripRequest {
    /// Reads the body; every bad field is named.
    pub fn read(mut fields: Fields) -> Result<TripRequest, ApiError> {
        let payment_id = fields.required(PAYMENT_ID, kinds::uuid);
        let trip_id = fields.required(TRIP_ID, kinds::uuid);
        let contact_id = fields.required(USER_ID, kinds::uuid);
        let wanted = items::read(&mut fields, TRIP_ITEMS);
        fields.finish()?;
        Ok(TripRequest { payment_id, trip_id, contact_id, wanted })
    }

    /// Its items, once those that are named by date and time are found.
    pub async fn items(&self, app: &App, org_id: Uuid) -> Result<Vec<TripItem>, TripError> {
        self.wanted.find(app, org_id).await
    }
}

/// Bookings that were made, now or before.
#[derive(Serialize, ToSchema)]
pub struct BookingsCreated {
    /// Always true.
    pub success: bool,
    /// In the order of the items.
    pub bookings: Vec<CreatedBooking>,
}

impl BookingsCreated {
    /// The same, as callers see it.
    pub fn of(booked: TripBooked) -> BookingsCreated {
        let bookings = booked.bookings.into_iter().map(CreatedBooking::from);
        BookingsCreated { success: true, bookings: bookings.collect() }
    }
}

/// One of them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedBooking {
    /// Its UUID.
    pub id: Uuid,
    /// What people call it.
    #[schema(example = "PL-7KQ2MD9X")]
    pub reference: String,
    /// The experience.
    pub experience_id: Uuid,
    /// Where it stands at present.
    #[schema(value_type = String, example = "confirmed")]
    pub status: BookingStatus,
}

impl From<TripBooking> for CreatedBooking {
    fn from(booking: TripBooking) -> CreatedBooking {
        CreatedBooking {
            id: booking.id,
            reference: booking.reference,
            experience_id: booking.offering_id,
            status: booking.status,
        }
    }
}

/// Book a trip with money that is there.
///
/// All items or none. The same payment again gives the same bookings. With a payment of a checkout whose money is not
/// known to be there, Stripe is asked. `errorCode` is the seed's; `code` says more where the seed had one word for all.
#[utoipa::path(
    post, path = "/functions/v1/create-booking", tag = "trips", security(("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = CreateBookingRequest,
    responses(
        (status = 200, description = "Booked, now or before", body = BookingsCreated),
        (status = 400, description = "`VALIDATION_ERROR`, `EMPTY_TRIP`, `INSUFFICIENT_AVAILABILITY` (`details.slots`), \
            `SLOT_BLOCKED`, `SLOT_NOT_ACTIVE`, `SLOT_PAST`, `AMOUNT_MISMATCH`, `INVALID_PRICE`", body = ErrorBody),
        (status = 403, description = "`FORBIDDEN`: not a service key", body = ErrorBody),
        (status = 404, description = "`PAYMENT_NOT_FOUND`, `SLOT_NOT_FOUND`, `TRIP_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`PAYMENT_NOT_SUCCEEDED`, `PAYMENT_USED`, `TRIP_ALREADY_BOOKED`, `CHECKOUT_OPEN`", body = ErrorBody),
        (status = 422, description = "`IDEMPOTENCY_MISMATCH`", body = ErrorBody),
        (status = 500, description = "`TRANSACTION_FAILED`", body = ErrorBody),
        (status = 503, description = "`TRANSACTION_FAILED`; `code` says why: `OVERLOADED`, `DATABASE_UNAVAILABLE`, \
            `OUTCOME_UNKNOWN`, `STRIPE_UNAVAILABLE`", body = ErrorBody),
    )
)]
pub async fn create_booking_function(
    State(app): State<Arc<App>>,
    access: Access,
    key: IdempotencyKey,
    JsonFields(fields): JsonFields,
) -> Result<Json<BookingsCreated>, TripError> {
    let acting = by_key(&access)?;
    let request = TripRequest::read(fields)?;
    let (booked, _) = book_paid_trip(&app, &acting, request, key.key()).await?;
    Ok(Json(BookingsCreated::of(booked)))
}

/// Books a trip with its payment's money. Also says whether it was booked before; then its bookings are as they stand at
/// present.
pub async fn book_paid_trip(
    app: &App,
    acting: &Acting,
    request: TripRequest,
    key: Key,
) -> Result<(TripBooked, bool), TripError> {
    let (payment_id, trip_id, contact_id) = (request.payment_id, request.trip_id, request.contact_id);
    let org = &acting.org;
    let payment = app.cashier.payment(org.id, payment_id).await?;
    let payment = payment.filter(|payment| payment.contact_id == contact_id);
    let payment = payment.ok_or_else(|| ApiError::from(Refusal::PaymentNotFound))?;
    let items = request.items(app, org.id).await?;
    if payment.status.is_open() {
        app.cashier.learn(org, &payment).await.map_err(|error| TripError::from(error).of_transaction())?;
    }
    let command = Command::BookTrip(BookTrip { payment_id, trip_id, contact_id, items });
    let request = app.request(acting, Some(format!("user:{contact_id}")), key, command);
    let outcome = app.desk.submit(org.id, request).await.map_err(|error| TripError::from(error).of_transaction())?;
    let replayed = outcome.replayed;
    let mut booked = expect_answer!(outcome, TripBooked)?;
    if replayed {
        // The answer is of then; they may stand elsewhere by now.
        booked.bookings = bookings_of(app, org.id, booked.payment_id).await?;
    }
    Ok((booked, replayed))
}
