//! `increment_exam_bookings`

use serde_json::{Value, json};

use super::call::{Call, Returned};
use super::raised::{printed, raised};
use crate::http::error::ApiError;
use crate::http::{find, kinds};

/// The seats of a session that are not for sale any more. The seed's callers count them up and down themselves; here the
/// number follows from the bookings, so nothing is changed, and the true number is the answer.
pub async fn run(call: &Call<'_>) -> Result<Returned, ApiError> {
    let exam = call.arguments.text("p_exam_id")?;
    call.arguments.integer("p_delta")?;
    let nothing = || raised(format!("Exam {} not found in Supabase", printed(exam.as_deref())));
    let reference = kinds::reference(&exam.as_deref().map(Value::from).unwrap_or_default()).map_err(|_| nothing())?;
    let session = match find::session(call.app, call.caller.access.org.id, &reference).await {
        Err(error) if error.code == "EXAM_NOT_FOUND" => return Err(nothing()),
        found => found?,
    };
    Ok(Returned::new(&json!(session.slot.capacity - session.slot.available())))
}
