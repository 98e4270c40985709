//! Book: a seat for a credit.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use surehold_core::command::{Book, Command, ExpectedSlot, Pay};
use surehold_core::outcome::Booked;
use surehold_core::rows::{BookingStatus, Family, Hand};
use utoipa::ToSchema;
use uuid::Uuid;

use super::credits::unknown_type;
use crate::http::access::{Access, Claim};
use crate::http::app::{App, expect_answer};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ATTENDING_LOCATION, DOMINANT_HAND, EXAM_DATE, Fields, MOCK_TYPE, SESSION};
use crate::http::find;
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::reply::{Reply, Success};
use crate::http::session_json::hours_minutes;

/// How a student attends a discussion who does not say.
const DISCUSSION_FORMAT_USUAL: &str = "Virtual";

/// A seat in an exam.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct BookExamRequest {
    /// The student's ID; also accepted as `studentId`. Not needed with a bearer token.
    #[schema(example = "1599999")]
    pub student_id: Option<String>,
    /// The student's email; also accepted as `studentEmail`. Not needed with a bearer token.
    #[schema(example = "olivia.park@example.org")]
    pub email: Option<String>,
    /// The session: its UUID, HubSpot number or name. Also accepted as `mockExamId` or `sessionId`.
    #[schema(example = "0199f6a2-8f2e-7c31-b1d2-6a5b3f0e9c11")]
    pub mock_exam_id: String,
    /// The type you believe it is; checked if given.
    #[schema(example = "Clinical Skills")]
    pub mock_type: Option<String>,
    /// The local date you believe it is on; checked if given. Also accepted as `examDate`.
    #[schema(format = Date, example = "2026-10-23")]
    pub exam_date: Option<String>,
    /// Where the student attends: `mississauga`, `calgary`, `vancouver`, `montreal` or `richmond_hill`.
    /// Required for Situational Judgment and Mini-mock. Also accepted as `attendingLocation`.
    #[schema(example = "calgary")]
    pub attending_location: Option<String>,
    /// `right` (or `true`) or `left` (or `false`). Required for Clinical Skills. Also accepted as
    /// `dominantHand`.
    #[schema(example = "right")]
    pub dominant_hand: Option<String>,
}

/// A seat in a discussion.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct BookDiscussionRequest {
    /// The student's ID; also accepted as `studentId`. Not needed with a bearer token.
    #[schema(example = "1599999")]
    pub student_id: Option<String>,
    /// The student's email; also accepted as `studentEmail`. Not needed with a bearer token.
    #[schema(example = "olivia.park@example.org")]
    pub email: Option<String>,
    /// The session: its UUID, HubSpot number or name. Also accepted as `sessionId`.
    pub mock_exam_id: String,
    /// The local date you believe it is on; checked if given.
    #[schema(format = Date, example = "2026-10-23")]
    pub exam_date: Option<String>,
    /// `Virtual` (default), `In-Person` or `Hybrid`. Also accepted as `attending_location`.
    #[schema(example = "Virtual")]
    pub discussion_format: Option<String>,
}

/// A booking that was made, now or by the same request before.
#[derive(Serialize, ToSchema)]
pub struct BookingMade {
    /// The human booking ID. It repeats when a cancelled session is booked again; `id` does not.
    #[schema(example = "Clinical Skills-1599999-October 23, 2026")]
    pub booking_id: String,
    /// The same as `booking_id`.
    pub booking_record_id: String,
    /// The booking's UUID.
    pub id: Uuid,
    /// Where the booking stands at present.
    #[schema(value_type = String, example = "confirmed")]
    pub status: BookingStatus,
    /// The session's UUID.
    pub mock_exam_id: Uuid,
    /// The session's type.
    #[serde(rename = "examType")]
    #[schema(example = "Clinical Skills")]
    pub exam_type: String,
    /// The local date.
    #[serde(rename = "examDate")]
    #[schema(value_type = String, format = Date, example = "2026-10-23")]
    pub exam_date: jiff::civil::Date,
    /// Local start.
    #[serde(rename = "startTime")]
    #[schema(example = "09:00")]
    pub start_time: String,
    /// Local end.
    #[serde(rename = "endTime")]
    #[schema(example = "12:00")]
    pub end_time: String,
    /// Where the session takes place.
    pub location: Option<String>,
    /// Where or how the student attends.
    pub attending_location: Option<String>,
    /// The credit that paid, as people call it.
    #[serde(rename = "tokenUsed")]
    #[schema(example = "Clinical Skills Token")]
    pub token_used: Option<String>,
    /// What is left of the kind that paid.
    #[serde(rename = "creditsAfterDeduction")]
    #[schema(example = 4)]
    pub credits_after_deduction: Option<i64>,
}

impl BookingMade {
    /// What the desk answered, and where the booking stands.
    pub fn new(booked: Booked, status: Option<BookingStatus>) -> BookingMade {
        BookingMade {
            booking_record_id: booked.code.clone(),
            booking_id: booked.code,
            id: booked.booking_id,
            status: status.unwrap_or(BookingStatus::Confirmed),
            mock_exam_id: booked.slot_id,
            exam_type: booked.offering,
            exam_date: booked.local_date,
            start_time: hours_minutes(booked.local_start),
            end_time: hours_minutes(booked.local_end),
            location: booked.location,
            attending_location: booked.attending_location,
            token_used: booked.token_used,
            credits_after_deduction: booked.balance,
        }
    }
}

/// Book an exam.
///
/// Takes one seat and one credit, in one transaction: both or neither. The type's own credit is drawn first,
/// then a shared one where the type allows it.
///
/// **Safe to repeat.** With an `Idempotency-Key`, the same request gives the same booking again (200, header
/// `Idempotent-Replayed: true`), and another request under the same key is refused (422). Without one, an
/// active booking of this student on this session is the answer, so a double click books once; after a
/// cancellation the same request books anew.
///
/// A student who is not known yet is looked for at HubSpot, once, and known from then on. If HubSpot cannot be asked,
/// that is `CRM_UNAVAILABLE`; students who are known do not depend on it.
///
/// Refusals come in this order: the key, what does not exist, wrong fields, the state of the session, the
/// student's other bookings, seats, credits.
#[utoipa::path(
    post, path = "/api/bookings/create", tag = "students", security((), ("student_token" = []), ("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters, new for each booking")),
    request_body = BookExamRequest,
    responses(
        (status = 201, description = "Booked", body = Success<BookingMade>),
        (status = 200, description = "Booked before: nothing was changed, `message` is `Booking already exists`", body = Success<BookingMade>,
            headers(("Idempotent-Replayed" = String, description = "`true`"))),
        (status = 400, description = "`VALIDATION_ERROR` (every bad field is named), `INVALID_EXAM_TYPE`, `PREREQUISITE_NOT_MET`", body = ErrorBody),
        (status = 402, description = "`INSUFFICIENT_CREDITS`, with `needed` and `available`", body = ErrorBody),
        (status = 404, description = "`CONTACT_NOT_FOUND`, `EXAM_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`EXAM_FULL` (with `requested` and `available`), `DUPLICATE_BOOKING`, `SLOT_BLOCKED`, `EXAM_NOT_ACTIVE`, `EXAM_PAST`", body = ErrorBody),
        (status = 422, description = "`IDEMPOTENCY_MISMATCH`: the key was used for another request", body = ErrorBody),
        (status = 503, description = "`OVERLOADED`, `DATABASE_UNAVAILABLE` or `CRM_UNAVAILABLE` (nothing was done), or `OUTCOME_UNKNOWN` (repeat with the key in `details`); see `Retry-After`", body = ErrorBody),
    )
)]
pub async fn create_booking(
    State(app): State<Arc<App>>,
    access: Access,
    key: IdempotencyKey,
    JsonFields(fields): JsonFields,
) -> Result<Reply<BookingMade>, ApiError> {
    book(&app, access, key, fields, Family::MockExam).await
}

/// Book a discussion.
///
/// As for exams: one seat, one discussion token, safe to repeat. A discussion may require bookings in other
/// sessions first: else `PREREQUISITE_NOT_MET`, with `missing_prerequisites`, `total_required`,
/// `total_missing`.
#[utoipa::path(
    post, path = "/api/mock-discussions/create-booking", tag = "discussions", security((), ("student_token" = []), ("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters, new for each booking")),
    request_body = BookDiscussionRequest,
    responses(
        (status = 201, description = "Booked", body = Success<BookingMade>),
        (status = 200, description = "Booked before: nothing was changed", body = Success<BookingMade>,
            headers(("Idempotent-Replayed" = String, description = "`true`"))),
        (status = 400, description = "`VALIDATION_ERROR`, `INVALID_EXAM_TYPE`, `PREREQUISITE_NOT_MET`", body = ErrorBody),
        (status = 402, description = "`INSUFFICIENT_CREDITS`", body = ErrorBody),
        (status = 404, description = "`CONTACT_NOT_FOUND`, `EXAM_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`EXAM_FULL`, `DUPLICATE_BOOKING`, `SLOT_BLOCKED`, `EXAM_NOT_ACTIVE`, `EXAM_PAST`", body = ErrorBody),
        (status = 422, description = "`IDEMPOTENCY_MISMATCH`: the key was used for another request", body = ErrorBody),
        (status = 503, description = "`OVERLOADED`, `DATABASE_UNAVAILABLE`, `CRM_UNAVAILABLE` or `OUTCOME_UNKNOWN`", body = ErrorBody),
    )
)]
pub async fn create_discussion_booking(
    State(app): State<Arc<App>>,
    access: Access,
    key: IdempotencyKey,
    JsonFields(fields): JsonFields,
) -> Result<Reply<BookingMade>, ApiError> {
    book(&app, access, key, fields, Family::MockDiscussion).await
}

/// A request to book, read and checked as far as that needs no database.
pub struct BookingRequest {
    /// Which student.
    pub claim: Claim,
    /// Which session, as the caller names it.
    pub session: String,
    /// The sort of offering that the route serves.
    pub family: Family,
    /// The type that the caller believes it is.
    pub mock_type: Option<String>,
    /// The date that the caller believes it is on.
    pub local_date: Option<jiff::civil::Date>,
    /// The hand the student works with.
    pub dominant_hand: Option<Hand>,
    /// Where or how the student attends.
    pub attending_location: Option<&'static str>,
}

impl BookingRequest {
    /// Reads the fields of a request.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR`, with every bad field.
    pub fn read(access: &Access, mut fields: Fields, family: Family) -> Result<BookingRequest, ApiError> {
        let request = BookingRequest {
            claim: access.claim(&mut fields),
            session: fields.required(SESSION, kinds::reference),
            family,
            mock_type: fields.optional(MOCK_TYPE, kinds::text(kinds::NAME_MAX)),
            local_date: fields.optional(EXAM_DATE, kinds::date),
            dominant_hand: fields.optional(DOMINANT_HAND, kinds::hand),
            attending_location: match family {
                Family::MockDiscussion => Some(
                    fields
                        .optional(ATTENDING_LOCATION, kinds::one_of(kinds::DISCUSSION_FORMATS))
                        .unwrap_or(DISCUSSION_FORMAT_USUAL),
                ),
                Family::MockExam | Family::Experience => fields.optional(ATTENDING_LOCATION, kinds::exam_location),
            },
        };
        fields.finish()?;
        Ok(request)
    }
}

/// The answer to a booking that was made now (201), or by the same request before (200).
pub fn booking_reply(booked: Booked, status: Option<BookingStatus>, replayed: bool) -> Reply<BookingMade> {
    let reply = Reply::created_unless(replayed, BookingMade::new(booked, status));
    if replayed { reply.message("Booking already exists").idempotent() } else { reply.message("Booking created") }
}

/// The hot path: authenticate (done), validate, resolve with as few reads as possible, submit.
async fn book(
    app: &App,
    access: Access,
    key: IdempotencyKey,
    fields: Fields,
    family: Family,
) -> Result<Reply<BookingMade>, ApiError> {
    let request = BookingRequest::read(&access, fields, family)?;
    let offering = match request.mock_type {
        None => None,
        Some(name) => Some(known_type(app, access.org.id, family, &name).await?),
    };

    let scope = access.scope_of_anybody(app, request.claim).await?;
    let no_contact = || ApiError::from(surehold_core::Refusal::ContactNotFound);
    let scope = scope.ok_or_else(no_contact)?;
    let contact_id = scope.contact_id.ok_or_else(no_contact)?;
    let slot_id = find::session_id(app, access.org.id, &request.session).await?;
    let command = Command::Book(Book {
        contact_id,
        slot_id,
        guests: 1,
        pay: Pay::Credit { only: None },
        attending_location: request.attending_location.map(str::to_owned),
        dominant_hand: request.dominant_hand,
        code: None,
        expected: ExpectedSlot { family: Some(family), offering, local_date: request.local_date },
    });
    let outcome = app.submit(&scope.acting, scope.on_behalf_of, key.key(), command).await?;
    let (replayed, status) = (outcome.replayed, outcome.booking_status);
    Ok(booking_reply(expect_answer!(outcome, Booked)?, status, replayed))
}

/// The type that a caller names, spelled as the organisation spells it.
async fn known_type(app: &App, org_id: Uuid, family: Family, name: &str) -> Result<String, ApiError> {
    let catalogue = app.directory.catalogue(org_id).await?;
    match catalogue.offering(name) {
        Some(offering) if offering.family == family => Ok(offering.name.clone()),
        _ => Err(unknown_type(&catalogue.names(Some(family)))),
    }
}
