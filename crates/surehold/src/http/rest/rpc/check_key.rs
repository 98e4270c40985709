//! `check_idempotency_key`

use serde_json::{Map, Value};

use super::call::{Call, Returned};
use super::{generations, row};
use crate::http::error::ApiError;
use crate::http::rest::filter;
use crate::store::drop_in::query::{Condition, Operator};

/// What callers read of the booking.
const COLUMNS: &str = "booking_id,id,hubspot_id,is_active,student_id,mock_exam_id,created_at";

/// The booking of a key: one that has not been given up, else the newest; `null` if there is none. Whichever key of the
/// organisation made it.
pub async fn run(call: &Call<'_>) -> Result<Returned, ApiError> {
    let Some(key) = call.arguments.text("p_idempotency_key")? else { return Ok(Returned::new(&Value::Null)) };
    let view = row::view("hubspot_bookings")?;
    let keys = generations::all(&key);
    let of_key = || Ok::<_, ApiError>(Condition::In(filter::column(view, "idempotency_key")?, keys.clone()));
    let is_live = Condition::Compare(filter::column(view, "is_active")?, Operator::Neq, "Cancelled".to_owned());
    let wanted = vec![vec![of_key()?, is_live], vec![of_key()?]];
    let Some(found) = row::first(call, view, COLUMNS, wanted).await? else { return Ok(Returned::new(&Value::Null)) };
    let mut booking: Map<String, Value> =
        serde_json::from_str(&found).map_err(|error| ApiError::internal(error.to_string()))?;
    booking.insert("found".to_owned(), Value::Bool(true));
    Ok(Returned::new(&Value::Object(booking)))
}
