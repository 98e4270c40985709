//! Attendance: whether the student came.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use surehold_core::command::{Command, MarkAttendance};
use surehold_core::rows::{Attendance, BookingStatus};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::access::Admin;
use crate::http::app::{App, expect_answer};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, Name};
use crate::http::find::{self, Named};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::reply::{Reply, Success};
use crate::http::session_json::is_active_word;

const ATTENDANCE: Name = Name(&["attendance"]);

/// Whether the student came.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct AttendanceRequest {
    /// `Yes`, `No`, or `""` or `null` for "not known after all".
    #[schema(example = "Yes")]
    pub attendance: Option<String>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// Attendance that was recorded.
#[derive(Serialize, ToSchema)]
pub struct AttendanceRecorded {
    /// The human booking ID.
    pub booking_id: String,
    /// The booking's UUID.
    pub id: Uuid,
    /// `Yes`, `No` or nothing.
    #[schema(value_type = Option<String>, example = "Yes")]
    pub attendance: Option<Attendance>,
    /// Where the booking stands: `completed`, `no_show` or `confirmed`.
    #[schema(value_type = String, example = "completed")]
    pub status: BookingStatus,
    /// The same in the words of older callers.
    pub is_active: &'static str,
}

/// Record attendance.
#[utoipa::path(
    patch, path = "/api/admin/bookings/{id}/attendance", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or booking ID"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = AttendanceRequest,
    responses(
        (status = 200, description = "Recorded", body = Success<AttendanceRecorded>),
        (status = 400, description = "`VALIDATION_ERROR`; `FULLY_REFUNDED`: not known after all, but its money went back", body = ErrorBody),
        (status = 404, description = "`BOOKING_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`BOOKING_NOT_ACTIVE`: it was cancelled", body = ErrorBody),
    )
)]
pub async fn mark_attendance(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<AttendanceRecorded>, ApiError> {
    if !fields.mentions(ATTENDANCE) {
        fields.problem(ATTENDANCE.own(), "is required: Yes, No or empty");
    }
    let attendance = fields.optional(ATTENDANCE, kinds::attendance);
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    fields.finish()?;
    let booking_id = find::booking(&app, acting.org.id, &id, None).await?.id;
    let command = Command::MarkAttendance(MarkAttendance { booking_id, attendance });
    let outcome = app.submit(&acting, admin_email, key.key(), command).await?;
    let replayed = outcome.replayed;
    let marked = expect_answer!(outcome, AttendanceMarked)?;
    Ok(Reply::ok(AttendanceRecorded {
        booking_id: marked.code,
        id: marked.booking_id,
        attendance: marked.attendance,
        status: marked.status,
        is_active: is_active_word(marked.status),
    })
    .replayed(replayed))
}
