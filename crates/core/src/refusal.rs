//! The expected "no": refusals with stable codes.
//!
//! Order of precedence, for every command: the key first (`IDEMPOTENCY_MISMATCH`, or a replay), then
//! what is named but does not exist, then what the request says wrongly, then the state of the slot,
//! then the contact's other bookings, then seats, then credits. The table tests pin it.
//!
//! Three that one might expect elsewhere: `DUPLICATE_BOOKING` on this very slot (under another key) comes
//! before the slot's state, `VERSION_CONFLICT` before `VALIDATION_ERROR` (the caller's picture is old),
//! `BOOKING_NOT_ACTIVE` before `EXAM_TYPE_MISMATCH`. A trip's own state (`TRIP_ALREADY_BOOKED`, an open checkout) comes
//! before that of its slots.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use thiserror::Error;
use uuid::Uuid;

use crate::rows::{BookingStatus, CreditKind, PaymentStatus};

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
    /// A trip without items.
    #[error("The trip has no items.")]
    EmptyTrip,
    /// An experience without a price, or a trip that costs nothing or too much.
    #[error("{problem}")]
    InvalidPrice {
        /// What is wrong.
        problem: String,
    },
    /// A checkout so shortly before the start.
    #[error("This can no longer be booked: checkout ended at {until}.")]
    CutoffPassed {
        /// The slot.
        slot_id: Uuid,
        /// The cut-off.
        until: Timestamp,
    },
    /// Too few seats on at least one slot of a trip.
    #[error("{}", shortage_sentence(.0))]
    Shortages(Vec<Shortage>),
    /// No such trip of this traveller.
    #[error("There is no such trip.")]
    TripNotFound,
    /// No such payment.
    #[error("There is no such payment.")]
    PaymentNotFound,
    /// The trip is paid.
    #[error("This trip is already booked.")]
    TripAlreadyBooked {
        /// The payment that paid for it.
        payment_id: Option<Uuid>,
    },
    /// A session of this trip may still be paid.
    #[error("A checkout of this trip is open. Finish it, or wait until it has ended.")]
    CheckoutOpen {
        /// The payment.
        payment_id: Uuid,
    },
    /// The money of this trip is on its way.
    #[error("The payment of this trip is being processed.")]
    PaymentProcessing {
        /// The payment.
        payment_id: Uuid,
    },
    /// The money is not there.
    #[error("This payment is {status}, so nothing can be booked with it.")]
    PaymentNotSucceeded {
        /// Where it stands.
        status: PaymentStatus,
    },
    /// The money is there already.
    #[error("The money of this payment has arrived; refund it instead.")]
    PaymentSucceeded,
    /// The money pays for other items or another trip.
    #[error("This payment has been used for another trip or other items.")]
    PaymentUsed,
    /// The money does not cover the trip.
    #[error(
        "The payment is {paid_minor} {paid_currency}, but the trip costs {needed_minor} {needed_currency} (in minor units)."
    )]
    AmountMismatch {
        /// What is there, in minor units.
        paid_minor: i64,
        /// Its currency.
        paid_currency: String,
        /// What is needed, in minor units.
        needed_minor: i64,
        /// Its currency.
        needed_currency: String,
    },
    /// The money cannot go back (no payment of money, or Stripe does not know it).
    #[error("{problem}")]
    NotRefundable {
        /// Why.
        problem: String,
    },
    /// All of it has gone back.
    #[error("All money of this booking has gone back or is on its way.")]
    FullyRefunded,
    /// More than is left.
    #[error("Only {left_minor} (in minor units) of this booking can be refunded.")]
    RefundTooLarge {
        /// What is left, in minor units.
        left_minor: i64,
    },
    /// The name is another offering's.
    #[error("An offering of this name exists.")]
    OfferingExists {
        /// That offering.
        offering_id: Uuid,
    },
    /// A booking that was paid with money keeps its slot.
    #[error("This booking was paid with money, so it cannot be moved. Cancel it and book again.")]
    PaidBooking,
}

/// A slot of a trip with too few seats.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortage {
    /// The slot.
    pub slot_id: Uuid,
    /// Seats asked for, of all items of the trip on this slot.
    pub requested: i32,
    /// Seats left.
    pub available: i32,
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
            Refusal::EmptyTrip => "EMPTY_TRIP",
            Refusal::InvalidPrice { .. } => "INVALID_PRICE",
            Refusal::CutoffPassed { .. } => "CUTOFF_TIME_PASSED",
            Refusal::Shortages(_) => "INSUFFICIENT_AVAILABILITY",
            Refusal::TripNotFound => "TRIP_NOT_FOUND",
            Refusal::PaymentNotFound => "PAYMENT_NOT_FOUND",
            Refusal::TripAlreadyBooked { .. } => "TRIP_ALREADY_BOOKED",
            Refusal::CheckoutOpen { .. } => "CHECKOUT_OPEN",
            Refusal::PaymentProcessing { .. } => "PAYMENT_PROCESSING",
            Refusal::PaymentNotSucceeded { .. } => "PAYMENT_NOT_SUCCEEDED",
            Refusal::PaymentSucceeded => "PAYMENT_SUCCEEDED",
            Refusal::PaymentUsed => "PAYMENT_USED",
            Refusal::AmountMismatch { .. } => "AMOUNT_MISMATCH",
            Refusal::NotRefundable { .. } => "PAYMENT_NOT_REFUNDABLE",
            Refusal::FullyRefunded => "FULLY_REFUNDED",
            Refusal::RefundTooLarge { .. } => "REFUND_TOO_LARGE",
            Refusal::OfferingExists { .. } => "EXPERIENCE_EXISTS",
            Refusal::PaidBooking => "PAID_BOOKING",
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
            Refusal::CutoffPassed { slot_id, until } => json!({ "slotId": slot_id, "until": until }),
            Refusal::Shortages(slots) => json!({ "slots": slots }),
            Refusal::TripAlreadyBooked { payment_id: Some(id) } => json!({ "paymentId": id }),
            Refusal::CheckoutOpen { payment_id } | Refusal::PaymentProcessing { payment_id } => {
                json!({ "paymentId": payment_id })
            }
            Refusal::PaymentNotSucceeded { status } => json!({ "status": status }),
            Refusal::AmountMismatch { paid_minor, paid_currency, needed_minor, needed_currency } => json!({
                "paid": paid_minor, "paidCurrency": paid_currency, "needed": needed_minor,
                "neededCurrency": needed_currency,
            }),
            Refusal::RefundTooLarge { left_minor } => json!({ "left": left_minor }),
            Refusal::OfferingExists { offering_id } => json!({ "id": offering_id }),
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

fn shortage_sentence(slots: &[Shortage]) -> String {
    match slots {
        [Shortage { requested, available, .. }] if *available > 0 => {
            format!("Only {available} seats are left, {requested} were asked for.")
        }
        _ if slots.iter().all(|slot| slot.available > 0) => "More seats were asked for than are left.".to_owned(),
        // The words that callers of the seed's function look for.
        _ => "Slot no longer available".to_owned(),
    }
}
