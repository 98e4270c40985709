//! `increment_exam_bookings`

use serde_json::json;

use super::call::{Call, Returned};
use super::exam;
use super::raised::{printed, raised};
use crate::http::error::ApiError;
use crate::http::find;

/// The seats of a session that are not for sale any more. The seed's callers count them up and down themselves; here the
/// number follows from the bookings, so nothing is changed, and the true number is the answer.
pub async fn run(call: &Call<'_>) -> Result<Returned, ApiError> {
    let exam = call.arguments.text("p_exam_id")?;
    call.arguments.integer("p_delta")?;
    let find = async |name: &str| find::session(call.app, call.caller.access.org.id, name).await;
    let session = exam::named(exam.as_deref(), find).await?;
    let session = session.ok_or_else(|| raised(format!("Exam {} not found in Supabase", printed(exam.as_deref()))))?;
    Ok(Returned::new(&json!(session.slot.capacity - session.slot.available())))
}
