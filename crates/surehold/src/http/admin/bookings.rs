//! Bookings: an operator's override, and moving one to another session.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use surehold_core::command::{Book, Command, ExpectedSlot, Move, Pay};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::access::{Acting, Admin};
use crate::http::app::{App, expect_answer};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{
    ADMIN_EMAIL, ATTENDING_LOCATION, DOMINANT_HAND, EMAIL, EXAM_DATE, Fields, MOCK_TYPE, Name, SESSION, STUDENT_ID,
};
use crate::http::find::{self, Named};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::newcomer;
use crate::http::reply::{Reply, Success};
use crate::http::student::book::BookingMade;
use crate::http::student::credits::unknown_type;

const CONTACT: Name = Name(&["contact_id", "contactId"]);

/// A seat that costs nothing.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct OverrideRequest {
    /// The student's ID; or send `contact_id`.
    pub student_id: Option<String>,
    /// The student's email; or send `contact_id`.
    pub email: Option<String>,
    /// The contact: UUID or HubSpot number.
    pub contact_id: Option<String>,
    /// The session: its UUID, HubSpot number or name.
    pub mock_exam_id: String,
    /// The type you believe it is; checked if given.
    pub mock_type: Option<String>,
    /// The local date you believe it is on; checked if given.
    #[schema(format = Date)]
    pub exam_date: Option<String>,
    /// Where or how the student attends, as when a student books.
    pub attending_location: Option<String>,
    /// `right` or `left`.
    pub dominant_hand: Option<String>,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// Book for a student, free of charge.
///
/// An operator's override: no credit is drawn, and it also books what is not on sale yet or has begun. It
/// never books beyond the capacity: raise that, or release withheld seats, if there is really room.
#[utoipa::path(
    post, path = "/api/admin/bookings", tag = "admin", security(("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = OverrideRequest,
    responses(
        (status = 201, description = "Booked", body = Success<BookingMade>),
        (status = 200, description = "Booked before: nothing was changed", body = Success<BookingMade>),
        (status = 400, description = "`VALIDATION_ERROR`, `INVALID_EXAM_TYPE`", body = ErrorBody),
        (status = 404, description = "`CONTACT_NOT_FOUND`, `EXAM_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`EXAM_FULL`, `DUPLICATE_BOOKING`, `SLOT_BLOCKED`, `EXAM_NOT_ACTIVE` (cancelled)", body = ErrorBody),
        (status = 503, description = "`OVERLOADED`, `DATABASE_UNAVAILABLE`, `CRM_UNAVAILABLE` or `OUTCOME_UNKNOWN`", body = ErrorBody),
    )
)]
pub async fn override_booking(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<BookingMade>, ApiError> {
    let who = read_contact(&mut fields);
    let session: String = fields.required(SESSION, kinds::reference);
    let mock_type = fields.optional(MOCK_TYPE, kinds::text(kinds::NAME_MAX));
    let local_date = fields.optional(EXAM_DATE, kinds::date);
    let attending_location = fields.optional(ATTENDING_LOCATION, |value| {
        let format = kinds::one_of(kinds::DISCUSSION_FORMATS)(value);
        format.or_else(|_| kinds::exam_location(value)).map(str::to_owned)
    });
    let dominant_hand = fields.optional(DOMINANT_HAND, kinds::hand);
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    fields.finish()?;
    let offering = match mock_type {
        None => None,
        Some(name) => {
            let catalogue = app.directory.catalogue(acting.org.id).await?;
            let offering = catalogue.offering(&name).ok_or_else(|| unknown_type(&catalogue.names(None)))?;
            Some(offering.name.clone())
        }
    };
    let command = Command::Book(Book {
        contact_id: contact_id(&app, &acting, who).await?,
        slot_id: find::session(&app, acting.org.id, &session).await?.slot.id,
        guests: 1,
        pay: Pay::Override,
        attending_location,
        dominant_hand,
        code: None,
        expected: ExpectedSlot { family: None, offering, local_date },
    });
    let outcome = app.submit(&acting, admin_email, key.key(), command).await?;
    let (replayed, status) = (outcome.replayed, outcome.booking_status);
    let made = BookingMade::new(expect_answer!(outcome, Booked)?, status);
    let reply = Reply::created_unless(replayed, made);
    Ok(if replayed { reply.message("Booking already exists").idempotent() } else { reply.message("Booking created") })
}

/// How a request names a contact.
enum Who {
    Reference(String),
    Identity(String, String),
}

fn read_contact(fields: &mut Fields) -> Who {
    match fields.optional(CONTACT, kinds::reference) {
        Some(reference) => Who::Reference(reference),
        None => Who::Identity(fields.required(STUDENT_ID, kinds::student_id), fields.required(EMAIL, kinds::email)),
    }
}

async fn contact_id(app: &App, acting: &Acting, who: Who) -> Result<Uuid, ApiError> {
    match who {
        Who::Reference(reference) => Ok(find::contact(app, acting.org.id, &reference).await?.id),
        Who::Identity(student_id, email) => {
            let found = newcomer::contact_id(app, &acting.org, &student_id, &email).await?;
            found.ok_or_else(|| surehold_core::Refusal::ContactNotFound.into())
        }
    }
}

/// Where to.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct MoveRequest {
    /// The other session: its UUID, HubSpot number or name.
    pub mock_exam_id: String,
    /// The person you act for, for the audit log.
    pub admin_email: Option<String>,
}

/// A booking that is at another session now.
#[derive(Serialize, ToSchema)]
pub struct BookingMoved {
    /// The human booking ID, which follows the date.
    pub booking_id: String,
    /// The booking's UUID, which stays.
    pub id: Uuid,
    /// The session it was for.
    pub from_mock_exam_id: Uuid,
    /// The session it is for now.
    pub mock_exam_id: Uuid,
    /// That session's local date.
    #[schema(value_type = String, format = Date)]
    pub exam_date: jiff::civil::Date,
}

/// Move a booking to another session of its type.
///
/// In one transaction: the old seat is free, the new one is taken, the same credit pays, and the booking ID
/// follows the new date.
#[utoipa::path(
    post, path = "/api/admin/bookings/{id}/move", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or booking ID"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = MoveRequest,
    responses(
        (status = 200, description = "Moved", body = Success<BookingMoved>),
        (status = 404, description = "`BOOKING_NOT_FOUND`, `EXAM_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`BOOKING_NOT_ACTIVE`, `EXAM_TYPE_MISMATCH`, `EXAM_NOT_ACTIVE`, `EXAM_PAST`, `SLOT_BLOCKED`, `DUPLICATE_BOOKING`, `EXAM_FULL`", body = ErrorBody),
    )
)]
pub async fn move_booking(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<BookingMoved>, ApiError> {
    let session: String = fields.required(SESSION, kinds::reference);
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    fields.finish()?;
    let booking_id = find::booking(&app, acting.org.id, &id, None).await?.id;
    let to_slot_id = find::session(&app, acting.org.id, &session).await?.slot.id;
    let command = Command::Move(Move { booking_id, to_slot_id });
    let outcome = app.submit(&acting, admin_email, key.key(), command).await?;
    let replayed = outcome.replayed;
    let moved = expect_answer!(outcome, Moved)?;
    Ok(Reply::ok(BookingMoved {
        booking_id: moved.code,
        id: moved.booking_id,
        from_mock_exam_id: moved.from_slot_id,
        mock_exam_id: moved.to_slot_id,
        exam_date: moved.local_date,
    })
    .replayed(replayed))
}
