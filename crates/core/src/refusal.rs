//! The expected "no": refusals with stable codes.
//!
//! Order of precedence, for every command: the key first (`IDEMPOTENCY_MISMATCH`, or a replay), then
//! what is named but does not exist, then what the request says wrongly, then the state of the slot,
//! then the contact's other bookings, then seats, then credits. The table tests pin it.
//!
//! Three that one might expect elsewhere: `DUPLICATE_BOOKING` on this very slot (under another key) comes
//! before the slot's state, `VERSION_CONFLICT` before `VALIDATION_ERROR` (the caller's picture is old),
//! `BOOKING_NOT_ACTIVE` before `EXAM_TYPE_MISMATCH`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use thiserror::Error;
use uuid::Uuid;

use crate::rows::{BookingStatus, CreditKind};

/// Why a command has no effect. Codes are part of the API: they never change.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Refusal {
    /// The key was used for another request.
    #[error("This Idempotency-Key was used for a different request. Send a new key, or repeat the original request.")]
    IdempotencyMismatch,
    /// No such contact.
    #[error("No contact matches this student ID and email.")]
    ContactNotFound,
    /// No such slot.
    #[error("There is no such session.")]
    SlotNotFound,
    /// No such booking.
    #[error("There is no such booking.")]
    BookingNotFound,
    /// No such offering.
    #[error("There is no such type of session.")]
    OfferingNotFound,
    /// Fields of the request are missing or wrong.
    #[error("{}", invalid_sentence(.0))]
    Invalid(BTreeMap<&'static str, String>),
    /// The slot belongs to another family of offerings than the route serves.
    #[error("This session is a {actual}, which cannot be booked here.")]
    WrongFamily {
        /// The type of the session.
        actual: String,
    },
    /// The slot was cancelled or is not on sale (yet).
    #[error("This session is not open for booking.")]
    SlotNotActive {
        /// When it goes on sale, if that is known.
        activates_at: Option<Timestamp>,
    },
    /// The slot has begun.
    #[error("This session has already begun.")]
    SlotPast,
    /// An operator blocked the slot.
    #[error("This session is blocked.")]
    SlotBlocked,
    /// The contact has a live booking that excludes this one.
    #[error("There is already an active booking for this type of session on this date.")]
    DuplicateBooking {
        /// That booking.
        booking_id: Uuid,
        /// Its human ID.
        code: String,
    },
    /// The contact has not attended what the slot requires.
    #[error("A booking in each required session is needed first.")]
    PrerequisiteNotMet {
        /// Required slots without an active or completed booking.
        missing: Vec<Uuid>,
        /// Required slots in all.
        required: usize,
    },
    /// Too few seats are left.
    #[error("{}", full_sentence(*.requested, *.available))]
    Full {
        /// Seats asked for.
        requested: i32,
        /// Seats left.
        available: i32,
    },
    /// Too few credits.
    #[error("Not enough credits: {needed} needed, {available} available.")]
    InsufficientCredits {
        /// Credits asked for.
        needed: i64,
        /// Credits there are, of the kinds that may pay.
        available: i64,
        /// Those kinds.
        kinds: Vec<CreditKind>,
    },
    /// A kind of credit that the organisation does not have, or that may not pay for this.
    #[error("{kind} is not a kind of credit that can be used here. Use one of: {}.", .allowed.join(", "))]
    CreditKindNotAllowed {
        /// The kind named.
        kind: String,
        /// The kinds that are allowed.
        allowed: Vec<String>,
    },
    /// The cut-off for cancelling has passed.
    #[error("This booking can no longer be cancelled: the time limit was {until}.")]
    CancelTooLate {
        /// The cut-off.
        until: Timestamp,
    },
    /// The booking is not in a state for this.
    #[error("This booking is {status}, so this is not possible.")]
    BookingNotActive {
        /// Where it stands.
        status: BookingStatus,
    },
    /// A refund of a booking that still holds its seat.
    #[error("This booking is active. Cancel it, and its credit comes back.")]
    BookingActive,
    /// Its credit came back before.
    #[error("The credit of this booking has already been given back.")]
    AlreadyRefunded {
        /// When.
        at: Timestamp,
    },
    /// No credit paid for it.
    #[error("No credit paid for this booking, so none can be given back.")]
    NothingToRefund,
    /// A move to a slot of another offering.
    #[error("A booking can be moved only to a session of its own type.")]
    TypeMismatch,
    /// Capacity below the seats in use.
    #[error("Capacity cannot be below the {in_use} seats in use.")]
    CapacityTooLow {
        /// Seats taken, held and withheld.
        in_use: i32,
    },
    /// Release of more seats than were withheld.
    #[error("Only {withheld} withheld seats can be released.")]
    ReleaseExceedsWithheld {
        /// Seats withheld.
        withheld: i32,
    },
    /// The row has another version by now.
    #[error("It has changed since you read it: you sent version {expected}, it is at {actual}. Read it again.")]
    VersionConflict {
        /// The version the caller saw.
        expected: i64,
        /// The version there is.
        actual: i64,
    },
    /// A cancelled slot stays cancelled.
    #[error("This session was cancelled. Open a new one instead.")]
    SlotCancelled,
    /// The date of a slot with live bookings does not change: their holders agreed to another day.
    #[error("The date and time cannot change while {bookings} seats are booked. Move or cancel the bookings first.")]
    SlotHasBookings {
        /// Seats booked or held.
        bookings: i32,
    },
    /// A contact with this identity exists.
    #[error("A contact with this student ID and email exists.")]
    ContactExists {
        /// That contact.
        contact_id: Uuid,
    },
}

impl Refusal {
    /// An [`Refusal::Invalid`] about one field.
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Refusal {
        Refusal::Invalid(BTreeMap::from([(field, problem.into())]))
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::IdempotencyMismatch => "IDEMPOTENCY_MISMATCH",
            Refusal::ContactNotFound => "CONTACT_NOT_FOUND",
            Refusal::SlotNotFound => "EXAM_NOT_FOUND",
            Refusal::BookingNotFound => "BOOKING_NOT_FOUND",
            Refusal::OfferingNotFound => "INVALID_EXAM_TYPE",
            Refusal::Invalid(_) => "VALIDATION_ERROR",
            Refusal::WrongFamily { .. } => "INVALID_EXAM_TYPE",
            Refusal::SlotNotActive { .. } => "EXAM_NOT_ACTIVE",
            Refusal::SlotPast => "EXAM_PAST",
            Refusal::SlotBlocked => "SLOT_BLOCKED",
            Refusal::DuplicateBooking { .. } => "DUPLICATE_BOOKING",
            Refusal::PrerequisiteNotMet { .. } => "PREREQUISITE_NOT_MET",
            Refusal::Full { .. } => "EXAM_FULL",
            Refusal::InsufficientCredits { .. } => "INSUFFICIENT_CREDITS",
            Refusal::CreditKindNotAllowed { .. } => "CREDIT_KIND_NOT_ALLOWED",
            Refusal::CancelTooLate { .. } => "CANCEL_TOO_LATE",
            Refusal::BookingNotActive { .. } => "BOOKING_NOT_ACTIVE",
            Refusal::BookingActive => "BOOKING_ACTIVE",
            Refusal::AlreadyRefunded { .. } => "ALREADY_REFUNDED",
            Refusal::NothingToRefund => "NOTHING_TO_REFUND",
            Refusal::TypeMismatch => "EXAM_TYPE_MISMATCH",
            Refusal::CapacityTooLow { .. } => "CAPACITY_TOO_LOW",
            Refusal::ReleaseExceedsWithheld { .. } => "RELEASE_EXCEEDS_WITHHELD",
            Refusal::VersionConflict { .. } => "VERSION_CONFLICT",
            Refusal::SlotCancelled => "EXAM_CANCELLED",
            Refusal::SlotHasBookings { .. } => "EXAM_HAS_BOOKINGS",
            Refusal::ContactExists { .. } => "CONTACT_EXISTS",
        }
    }

    /// What a program may want to know of it, as a JSON object.
    pub fn details(&self) -> Option<Value> {
        Some(match self {
            Refusal::Invalid(fields) => json!({ "fields": fields }),
            Refusal::WrongFamily { actual } => json!({ "mock_type": actual }),
            Refusal::SlotNotActive { activates_at: Some(at) } => json!({ "activates_at": at }),
            Refusal::DuplicateBooking { booking_id, code } => json!({ "id": booking_id, "booking_id": code }),
            Refusal::PrerequisiteNotMet { missing, required } => json!({
                "missing_prerequisites": missing, "total_required": required, "total_missing": missing.len(),
            }),
            Refusal::Full { requested, available } => json!({ "requested": requested, "available": available }),
            Refusal::InsufficientCredits { needed, available, kinds } => {
                json!({ "needed": needed, "available": available, "kinds": kinds })
            }
            Refusal::CreditKindNotAllowed { kind, allowed } => json!({ "kind": kind, "allowed": allowed }),
            Refusal::CancelTooLate { until } => json!({ "until": until }),
            Refusal::BookingNotActive { status } => json!({ "status": status }),
            Refusal::AlreadyRefunded { at } => json!({ "refunded_at": at }),
            Refusal::CapacityTooLow { in_use } => json!({ "in_use": in_use }),
            Refusal::ReleaseExceedsWithheld { withheld } => json!({ "withheld": withheld }),
            Refusal::VersionConflict { expected, actual } => json!({ "expected": expected, "actual": actual }),
            Refusal::SlotHasBookings { bookings } => json!({ "booked_seats": bookings }),
            Refusal::ContactExists { contact_id } => json!({ "id": contact_id }),
            _ => return None,
        })
    }
}

fn invalid_sentence(fields: &BTreeMap<&'static str, String>) -> String {
    let mut parts = fields.iter().map(|(field, problem)| format!("{field}: {problem}"));
    let first = parts.next().unwrap_or_default();
    parts.fold(first, |sentence, part| sentence + "; " + &part)
}

fn full_sentence(requested: i32, available: i32) -> String {
    if available <= 0 {
        "This session is full.".to_owned()
    } else {
        format!("Only {available} seats are left, {requested} were asked for.")
    }
}
