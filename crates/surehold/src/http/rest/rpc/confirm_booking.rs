//! `confirm_booking_atomic`

use serde_json::{Value, json};
use surehold_core::Refusal;
use surehold_core::rows::{BookingStatus, Family};
use uuid::Uuid;

use super::call::{Call, Returned};
use crate::http::error::ApiError;
use crate::store::bookings::{self, BookingRow};

/// Says whether a booking of a trip is confirmed. Nobody confirms one by saying so: money does. Where it is not known to be
/// there, Stripe is asked, and if it is, the booking is confirmed by that.
pub async fn run(call: &Call<'_>) -> Result<Returned, ApiError> {
    let (id, trip_id) = (call.arguments.uuid("p_booking_id")?, call.arguments.uuid("p_trip_id")?);
    let (Some(id), Some(trip_id)) = (id, trip_id) else { return Ok(no_booking(id)) };
    let Some(booking) = booking(call, id, trip_id).await? else { return Ok(no_booking(Some(id))) };
    let booking = match booking.payment_id {
        Some(payment_id) if is_open(booking.status) => {
            ask_stripe(call, payment_id).await?;
            self::booking(call, id, trip_id).await?.unwrap_or(booking)
        }
        _ => booking,
    };
    Ok(answer(&booking))
}

async fn booking(call: &Call<'_>, id: Uuid, trip_id: Uuid) -> Result<Option<BookingRow>, ApiError> {
    let found = bookings::by_id(&*call.app.store.read().await?, call.caller.access.org.id, id, None).await?;
    Ok(found.filter(|booking| booking.family == Family::Experience && booking.trip_id == Some(trip_id)))
}

/// Whether money can still come.
fn is_open(status: BookingStatus) -> bool {
    matches!(status, BookingStatus::PendingPayment | BookingStatus::Processing)
}

async fn ask_stripe(call: &Call<'_>, payment_id: Uuid) -> Result<(), ApiError> {
    let org = &call.caller.acting.org;
    let payment = call.app.cashier.payment(org.id, payment_id).await?;
    if let Some(payment) = payment.filter(|payment| payment.status.is_open()) {
        call.app.cashier.learn(org, &payment).await?;
    }
    Ok(())
}

fn answer(booking: &BookingRow) -> Returned {
    let (error, code) = match booking.status {
        BookingStatus::Confirmed | BookingStatus::Completed | BookingStatus::NoShow => (Value::Null, None),
        status if is_open(status) => ("The payment has not succeeded".into(), Some("PAYMENT_NOT_SUCCEEDED")),
        status => {
            let refusal = Refusal::BookingNotActive { status };
            (refusal.to_string().into(), Some(refusal.code()))
        }
    };
    let mut value = json!({
        "success": code.is_none(), "booking_id": booking.id, "reference": booking.code, "status": booking.status,
        "error": error,
    });
    if let Some(code) = code {
        value["errorCode"] = code.into();
    }
    Returned::new(&value)
}

fn no_booking(id: Option<Uuid>) -> Returned {
    Returned::new(&json!({
        "success": false, "booking_id": id, "reference": null, "status": null, "error": "Booking not found",
        "errorCode": "BOOKING_NOT_FOUND",
    }))
}
