//! What a command that was carried out answers.

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rows::{Attendance, Balances, BookingStatus, CreditKind, Hand};

mod trips;

pub use trips::*;

/// The answer to a command, and whether it was given before.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What was done, then or now.
    pub answer: Answer,
    /// It was done by an earlier request; nothing was changed by this one.
    pub replayed: bool,
    /// Where the booking that it is about stands at present.
    pub booking_status: Option<BookingStatus>,
}

/// What was done. It is stored with the key, so it must be readable by later versions: add fields with
/// defaults, never rename.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A booking was made.
    Booked(Booked),
    /// A booking was given up, now or before.
    Cancelled(Cancelled),
    /// A booking is at another slot now.
    Moved(Moved),
    /// Attendance was recorded.
    AttendanceMarked(AttendanceMarked),
    /// A credit was given back.
    Refunded(Refunded),
    /// Balances were changed.
    CreditsAdjusted(CreditsAdjusted),
    /// A contact was added.
    ContactAdded(ContactSaved),
    /// A contact was changed.
    ContactChanged(ContactSaved),
    /// A slot was opened.
    SlotOpened(SlotSaved),
    /// A slot was changed.
    SlotChanged(SlotSaved),
    /// Seats of a trip are held.
    TripHeld(TripHeld),
    /// A trip is booked.
    TripBooked(TripBooked),
    /// A trip was taken over, or is here.
    TripSaved(TripSaved),
    /// A payment was recorded, or stands where it stands.
    PaymentSaved(PaymentSaved),
    /// Money of a booking goes back.
    BookingRefunded(BookingRefunded),
    /// An offering was added or changed.
    OfferingSaved(OfferingSaved),
    /// Notes are in the journal.
    NotesAdded(NotesAdded),
}

/// A booking that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Booked {
    /// Primary key.
    pub booking_id: Uuid,
    /// The human booking ID.
    pub code: String,
    /// Whose.
    pub contact_id: Uuid,
    /// Of which slot.
    pub slot_id: Uuid,
    /// The offering's name.
    pub offering: String,
    /// Local date.
    pub local_date: civil::Date,
    /// Local start.
    pub local_start: civil::Time,
    /// Local end.
    pub local_end: civil::Time,
    /// Where.
    pub location: Option<String>,
    /// Seats.
    pub guests: i32,
    /// The kind that paid.
    pub credit_kind: Option<CreditKind>,
    /// How that is shown.
    pub token_used: Option<String>,
    /// What is left of the kind that paid.
    pub balance: Option<i64>,
    /// Where the contact attends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attending_location: Option<String>,
    /// The hand the contact works with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominant_hand: Option<Hand>,
}

/// A booking that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Primary key.
    pub booking_id: Uuid,
    /// The human booking ID.
    pub code: String,
    /// Its slot.
    pub slot_id: Uuid,
    /// When; for a second cancel, when it was first cancelled.
    pub cancelled_at: Timestamp,
    /// Credits that came back by this cancel.
    pub credits_returned: i64,
    /// As which kind.
    pub returned_kind: Option<CreditKind>,
    /// The balance of that kind now.
    pub balance: Option<i64>,
    /// It had been given up before; nothing was changed.
    #[serde(default)]
    pub already: bool,
    /// Money that goes back for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundRequested>,
}

/// A booking that is at another slot now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Primary key.
    pub booking_id: Uuid,
    /// The human booking ID, which follows the date.
    pub code: String,
    /// Where it was.
    pub from_slot_id: Uuid,
    /// Where it is.
    pub to_slot_id: Uuid,
    /// Local date of the new slot.
    pub local_date: civil::Date,
}

/// Attendance that was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttendanceMarked {
    /// Primary key.
    pub booking_id: Uuid,
    /// The human booking ID.
    pub code: String,
    /// Came or not.
    pub attendance: Option<Attendance>,
    /// Where the booking stands now.
    pub status: BookingStatus,
}

/// A credit that was given back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refunded {
    /// Primary key of the booking.
    pub booking_id: Uuid,
    /// The human booking ID.
    pub code: String,
    /// As which kind.
    pub kind: CreditKind,
    /// How many.
    pub credits: i64,
    /// The balance of that kind now.
    pub balance: i64,
    /// When.
    pub refunded_at: Timestamp,
}

/// Balances that were changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreditsAdjusted {
    /// Whose.
    pub contact_id: Uuid,
    /// All balances now.
    pub balances: Balances,
    /// What was really added or taken; differs from the request where it stopped at zero.
    pub applied: Balances,
}

/// A contact that was added or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContactSaved {
    /// Primary key.
    pub contact_id: Uuid,
    /// All balances.
    pub balances: Balances,
}

/// A slot that was opened or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotSaved {
    /// Primary key.
    pub slot_id: Uuid,
    /// The edit version it has now.
    pub version: i64,
    /// Seats out of sale without a booking.
    pub withheld: i32,
    /// Seats that can be booked.
    pub available: i32,
    /// Whether anything was changed.
    pub changed: bool,
}

/// Notes that were added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotesAdded {
    /// Their journal rows, in the order of the notes.
    pub ids: Vec<Uuid>,
}
