//! `create_booking_atomic`, as the marketplace calls it: a trip that is paid.

use serde_json::{Map, Value, json};

use super::call::{Call, Returned};
use super::raised::refused;
use crate::desk::made_key;
use crate::http::error::ApiError;
use crate::http::fields::{Fields, Name};
use crate::http::trips::create_booking::{CreatedBooking, TripRequest, book_paid_trip};
use crate::http::trips::items;

const ITEMS: Name = Name(&["p_items"]);

/// Books all items of a trip, or none. The same payment again gives the same bookings.
pub async fn run(call: &Call<'_>) -> Result<Returned, ApiError> {
    let arguments = &call.arguments;
    let missing = |name| refused(ApiError::invalid_field(name, "is required"));
    let id = |name| arguments.uuid(name)?.ok_or_else(|| missing(name));
    let items = arguments.array("p_items")?.unwrap_or_default();
    let (payment_id, trip_id, contact_id) = (id("p_payment_id")?, id("p_trip_id")?, id("p_user_id")?);
    let mut fields = Fields::new(Map::from_iter([(ITEMS.own().to_owned(), Value::Array(items))]));
    let wanted = items::read(&mut fields, ITEMS);
    fields.finish().map_err(refused)?;

    let request = TripRequest { payment_id, trip_id, contact_id, wanted };
    let (booked, is_replayed) = book_paid_trip(call.app, &call.caller.acting, request, made_key())
        .await
        .map_err(|error| refused(error.into()))?;
    let bookings: Vec<CreatedBooking> = booked.bookings.into_iter().map(CreatedBooking::from).collect();
    Ok(Returned { is_replayed, ..Returned::new(&json!(bookings)) })
}
