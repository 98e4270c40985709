//! Requests to change seats, credits or what belongs to them. Ids and aliases are resolved before.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{Timestamp, civil};
use serde::Serialize;
use uuid::Uuid;

use crate::rows::{Attendance, CreditKind, EntryReason, Family, Hand, SlotStatus, StripeEvent};

mod add_notes;
mod import_booking;
mod import_trip;
mod needs;
mod trips;

pub use add_notes::*;
pub use import_booking::*;
pub use import_trip::*;
pub use needs::*;
pub use trips::*;

/// A command, who asks, and how a repeat is recognised.
#[derive(Debug, Clone)]
pub struct Request {
    /// Identifies this request; shared by all journal rows it causes. A command that is run again after
    /// a lost connection recognises its own rows by it.
    pub command_id: Uuid,
    /// Who asks: `student:<contact id>`, `key:<api key id>` or `system:<part>`.
    pub principal: Arc<str>,
    /// The person an API key acts for, as the caller says.
    pub on_behalf_of: Option<String>,
    /// How a repeat of it is recognised.
    pub key: Key,
    /// The event of Stripe's that it comes from: stored with its effect.
    pub stripe_event: Option<Arc<StripeEvent>>,
    /// What is asked.
    pub command: Command,
}

/// How a repeat of a request is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The caller's `Idempotency-Key`.
    Given(String),
    /// None given. A booking's key is derived under the lock ([`crate::key::derived`]); for any other
    /// command the server made this one, only so that it can recognise its own work after a lost
    /// connection.
    Made(String),
}

impl Key {
    /// Its text.
    pub fn text(&self) -> &str {
        match self {
            Key::Given(key) | Key::Made(key) => key,
        }
    }
}

/// A request to change seats, credits or what belongs to them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Take seats on a slot and pay for them.
    Book(Book),
    /// Give a booking up.
    Cancel(Cancel),
    /// Take a booking over that was made elsewhere.
    ImportBooking(ImportBooking),
    /// Take a trip over that was planned elsewhere.
    ImportTrip(ImportTrip),
    /// Take money over that was taken elsewhere, with what of it has gone back.
    ImportPayment(ImportPayment),
    /// Take a booking of a trip over that was made elsewhere.
    ImportTripBooking(ImportTripBooking),
    /// Move a booking to another slot of its offering.
    Move(Move),
    /// Say whether the contact came.
    MarkAttendance(MarkAttendance),
    /// Give back the credit of a booking that is no longer active.
    RefundCredit(RefundCredit),
    /// Grant or take credits.
    AdjustCredits(AdjustCredits),
    /// Put a new contact on the books.
    AddContact(AddContact),
    /// Change what is known of a contact.
    ChangeContact(ChangeContact),
    /// Put a new slot on the calendar.
    OpenSlot(OpenSlot),
    /// Change a slot.
    ChangeSlot(ChangeSlot),
    /// Take seats out of sale, or put them back, without a booking.
    Withhold(Withhold),
    /// Take the seats of a trip out of sale until it is paid.
    HoldTrip(HoldTrip),
    /// Book a trip with money that is there.
    BookTrip(BookTrip),
    /// Record money that was taken elsewhere.
    RecordPayment(RecordPayment),
    /// Note the Checkout Session of a payment.
    AttachCheckout(AttachCheckout),
    /// The money of a payment is there.
    Settle(Settle),
    /// The money of a payment is on its way.
    AwaitPayment(AwaitPayment),
    /// No money will come for a payment.
    ReleasePayment(ReleasePayment),
    /// A hold has come to its end.
    ExpireHold(ExpireHold),
    /// An operator has to look at a payment.
    FlagPayment(FlagPayment),
    /// Give money back for a booking.
    RefundBooking(RefundBooking),
    /// What Stripe says of the refunds of a payment.
    SeeRefunds(SeeRefunds),
    /// Stripe refuses a refund.
    FailRefund(FailRefund),
    /// Put a new offering on sale.
    AddOffering(AddOffering),
    /// Change an offering.
    ChangeOffering(ChangeOffering),
    /// Add notes to the journal.
    AddNotes(AddNotes),
}

/// Take seats on a slot.
#[derive(Debug, Clone, Serialize)]
pub struct Book {
    /// Who books.
    pub contact_id: Uuid,
    /// What.
    pub slot_id: Uuid,
    /// Seats.
    pub guests: i32,
    /// What pays.
    pub pay: Pay,
    /// Where the contact attends.
    pub attending_location: Option<String>,
    /// The hand the contact works with.
    pub dominant_hand: Option<Hand>,
    /// A booking ID that the caller wants kept; `None`: the offering's own style.
    pub code: Option<String>,
    /// What the caller believes of the slot: checked, but not part of the request's identity.
    #[serde(skip)]
    pub expected: ExpectedSlot,
}

/// What a caller believes of a slot it names.
#[derive(Debug, Clone, Default)]
pub struct ExpectedSlot {
    /// The route serves only this family.
    pub family: Option<Family>,
    /// The offering's name (for exams: `mock_type`).
    pub offering: Option<String>,
    /// The local date.
    pub local_date: Option<civil::Date>,
}

/// What pays for a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pay {
    /// One credit per guest, by the offering's policy; or this kind, if the policy allows it.
    Credit {
        /// The caller's choice of kind.
        only: Option<CreditKind>,
    },
    /// Nothing: an operator's override. It also books what is not on sale yet or has begun, but never
    /// beyond the capacity.
    Override,
}

/// Give a booking up.
#[derive(Debug, Clone, Serialize)]
pub struct Cancel {
    /// Which one.
    pub booking_id: Uuid,
    /// By the student, who has to keep to the cut-off; else by an operator.
    pub by_student: bool,
    /// Whether the credit comes back.
    pub return_credit: bool,
    /// Why, for the journal.
    pub reason: Option<String>,
}

/// Move a booking to another slot of its offering.
#[derive(Debug, Clone, Serialize)]
pub struct Move {
    /// Which one.
    pub booking_id: Uuid,
    /// Where to.
    pub to_slot_id: Uuid,
}

/// Say whether the contact came.
#[derive(Debug, Clone, Serialize)]
pub struct MarkAttendance {
    /// Which booking.
    pub booking_id: Uuid,
    /// Came, did not come, or not known after all.
    pub attendance: Option<Attendance>,
}

/// Give back the credit of a booking that is no longer active.
#[derive(Debug, Clone, Serialize)]
pub struct RefundCredit {
    /// Which booking.
    pub booking_id: Uuid,
    /// The kind to credit; `None`: the kind that paid.
    pub kind: Option<CreditKind>,
}

/// Grant or take credits.
#[derive(Debug, Clone, Serialize)]
pub struct AdjustCredits {
    /// Whose.
    pub contact_id: Uuid,
    /// By how much, per kind; never an absolute value, which would overwrite what happened meanwhile.
    pub deltas: BTreeMap<CreditKind, i64>,
    /// Why the entries say so: `grant`, `import` or `hubspot`.
    pub reason: EntryReason,
    /// Take no more than there is, instead of refusing.
    pub stop_at_zero: bool,
    /// A note for the journal.
    pub note: Option<String>,
}

/// Put a new contact on the books.
#[derive(Debug, Clone, Serialize)]
pub struct AddContact {
    /// The id it has elsewhere, to be kept; `None`: a fresh one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Upper case.
    pub student_id: String,
    /// Lower case, trimmed.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// The date of the real exam.
    pub ndecc_exam_date: Option<civil::Date>,
    /// Credits the contact starts with.
    pub opening: BTreeMap<CreditKind, i64>,
    /// What HubSpot knows the contact as.
    pub hubspot_id: Option<String>,
}

/// Change what is known of a contact. `None` leaves a field as it is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ChangeContact {
    /// Whom.
    pub contact_id: Uuid,
    /// The new student ID, upper case.
    pub student_id: Option<String>,
    /// The new email, lower case.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// The date of the real exam; `Some(None)` forgets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ndecc_exam_date: Option<Option<civil::Date>>,
}

/// When a slot takes place: the instants, and how they read on the wall clock there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlotTimes {
    /// Start.
    pub starts_at: Timestamp,
    /// End.
    pub ends_at: Timestamp,
    /// Local date of the start.
    pub local_date: civil::Date,
    /// Local start.
    pub local_start: civil::Time,
    /// Local end.
    pub local_end: civil::Time,
    /// IANA name.
    pub time_zone: String,
}

/// Put a new slot on the calendar.
#[derive(Debug, Clone, Serialize)]
pub struct OpenSlot {
    /// The id it has elsewhere, to be kept; `None`: a fresh one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Of which offering.
    pub offering_id: Uuid,
    /// What is written over it.
    pub name: String,
    /// When.
    pub times: SlotTimes,
    /// Where.
    pub location: Option<String>,
    /// Which set of questions.
    pub mock_set: Option<String>,
    /// Seats.
    pub capacity: i32,
    /// Seats that are out of sale from the start.
    pub withheld: i32,
    /// On sale or not; `cancelled` is not for new slots.
    pub status: SlotStatus,
    /// When a scheduled slot goes on sale.
    pub activates_at: Option<Timestamp>,
    /// Slots that must have been attended.
    pub prerequisites: Vec<Uuid>,
    /// Price of one guest in minor units, instead of the offering's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_minor: Option<i64>,
    /// The offering has one slot per date and start: one that is there and not cancelled is the answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub one_per_start: bool,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<String>,
}

/// Change a slot. `None` leaves a field as it is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ChangeSlot {
    /// Which one.
    pub slot_id: Uuid,
    /// Refuse if the slot has another edit version by now: checked, but not part of the request's identity,
    /// or the repeat of a change that went through would be another request.
    #[serde(skip)]
    pub expected_version: Option<i64>,
    /// What is written over it.
    pub name: Option<String>,
    /// When. Only while it has no live booking.
    pub times: Option<SlotTimes>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Option<String>>,
    /// Which set of questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mock_set: Option<Option<String>>,
    /// Seats; never fewer than are taken, held and withheld.
    pub capacity: Option<i32>,
    /// On sale or not. From `cancelled` there is no way back.
    pub status: Option<SlotStatus>,
    /// When a scheduled slot goes on sale.
    pub activates_at: Option<Timestamp>,
    /// `Some(Some(reason))` blocks, `Some(None)` unblocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Option<String>>,
    /// Slots that must have been attended.
    pub prerequisites: Option<Vec<Uuid>>,
    /// Price of one guest in minor units; `Some(None)` is the offering's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_minor: Option<Option<i64>>,
}

/// Take seats out of sale, or put them back, without a booking.
#[derive(Debug, Clone, Serialize)]
pub struct Withhold {
    /// On which slot.
    pub slot_id: Uuid,
    /// Seats: positive takes out of sale, negative puts back.
    pub seats: i32,
    /// Why, for the journal.
    pub reason: Option<String>,
    /// Take only seats that somebody could book at this moment. An operator may take others, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_sale_only: bool,
}

impl Command {
    /// The word for it in logs and metrics.
    pub fn verb(&self) -> &'static str {
        match self {
            Command::Book(_) => "book",
            Command::ImportBooking(_) => "import_booking",
            Command::ImportTrip(_) => "import_trip",
            Command::ImportPayment(_) => "import_payment",
            Command::ImportTripBooking(_) => "import_trip_booking",
            Command::Cancel(_) => "cancel",
            Command::Move(_) => "move",
            Command::MarkAttendance(_) => "mark_attendance",
            Command::RefundCredit(_) => "refund_credit",
            Command::AdjustCredits(_) => "adjust_credits",
            Command::AddContact(_) => "add_contact",
            Command::ChangeContact(_) => "change_contact",
            Command::OpenSlot(_) => "open_slot",
            Command::ChangeSlot(_) => "change_slot",
            Command::Withhold(_) => "withhold",
            Command::HoldTrip(_) => "hold_trip",
            Command::BookTrip(_) => "book_trip",
            Command::RecordPayment(_) => "record_payment",
            Command::AttachCheckout(_) => "attach_checkout",
            Command::Settle(_) => "settle",
            Command::AwaitPayment(_) => "await_payment",
            Command::ReleasePayment(_) => "release_payment",
            Command::ExpireHold(_) => "expire_hold",
            Command::FlagPayment(_) => "flag_payment",
            Command::RefundBooking(_) => "refund_booking",
            Command::SeeRefunds(_) => "see_refunds",
            Command::FailRefund(_) => "fail_refund",
            Command::AddOffering(_) => "add_offering",
            Command::ChangeOffering(_) => "change_offering",
            Command::AddNotes(_) => "add_notes",
        }
    }
}
