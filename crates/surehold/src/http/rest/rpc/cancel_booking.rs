//! `cancel_booking_atomic`

use serde_json::json;
use surehold_core::command::{Cancel, Command};
use surehold_core::rows::Family;
use uuid::Uuid;

use super::call::{Call, Returned};
use super::create_booking::credit_kind;
use super::raised::{printed, raised, refused};
use crate::desk::made_key;
use crate::http::error::ApiError;
use crate::store::bookings;

/// Gives a booking up. Its credit comes back as the kind that paid, once; what the caller names instead is only checked to be
/// a kind, and the number in `p_restored_credit_value` is only a number. A booking that was given up before is a success
/// that changes nothing.
pub async fn run(call: &Call<'_>) -> Result<Returned, ApiError> {
    let id = call.arguments.uuid("p_booking_id")?;
    let field = call.arguments.text("p_credit_field")?;
    call.arguments.integer("p_restored_credit_value")?;
    credit_kind(call, field.as_deref()).await?;

    let Some(id) = id else { return Err(no_booking(None)) };
    let org_id = call.caller.access.org.id;
    let found = bookings::by_id(&*call.app.store.read().await?, org_id, id, None).await?;
    // What was bought for money goes another way.
    let booking = found.filter(|booking| booking.family != Family::Experience).ok_or_else(|| no_booking(Some(id)))?;
    let command =
        Cancel { booking_id: id, by_student: !call.caller.access.is_admin(), return_credit: true, reason: None };
    let on_behalf_of = Some(format!("student:{}", booking.contact_id));
    call.app.submit(&call.caller.acting, on_behalf_of, made_key(), Command::Cancel(command)).await.map_err(refused)?;
    Ok(Returned::new(&json!({
        "success": true, "booking_id": id, "booking_hubspot_id": booking.hubspot_id, "student_id": booking.student_id,
        "mock_exam_id": booking.slot_hubspot_id.unwrap_or_else(|| booking.slot_id.to_string()),
    })))
}

fn no_booking(id: Option<Uuid>) -> ApiError {
    raised(format!("Booking not found: {}", printed(id.map(|id| id.to_string()).as_deref())))
}
