//! The rows that decisions read and change, as the store loads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A kind of prepaid credit, such as `sj_credits`.
pub type CreditKind = Arc<str>;

/// A text column whose values are the variants of an enum, by the same names as in the database.
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }
        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &[$name] = &[$($name::$variant),+];
            /// The text in the database and in JSON.
            pub fn as_str(self) -> &'static str { match self { $($name::$variant => $text),+ } }
            /// The value of a text from the database or from a caller.
            pub fn parse(text: &str) -> Option<Self> { match text { $($text => Some($name::$variant),)+ _ => None } }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

mod trips;

pub use trips::{
    CheckoutLine, CheckoutRequest, Payment, PaymentSource, PaymentStatus, Refund, RefundStatus, StripeEvent, Trip,
    TripStatus,
};

text_enum! {
    /// Where a booking stands.
    BookingStatus {
        /// A hold: seats are out of sale until it expires.
        PendingPayment = "pending_payment",
        /// Checkout is done, the money is not there yet.
        Processing = "processing",
        /// The seat is the contact's.
        Confirmed = "confirmed",
        /// Given up by the contact or an operator.
        Cancelled = "cancelled",
        /// A hold that was not paid in time.
        Expired = "expired",
        /// The contact attended.
        Completed = "completed",
        /// The contact did not come.
        NoShow = "no_show",
    }
}

impl BookingStatus {
    /// Whether a booking in this state occupies seats of its slot, taken or held.
    pub fn is_live(self) -> bool {
        !matches!(self, BookingStatus::Cancelled | BookingStatus::Expired)
    }

    /// Whether its seats count as taken (law 2).
    pub fn is_taken(self) -> bool {
        matches!(self, BookingStatus::Confirmed | BookingStatus::Completed | BookingStatus::NoShow)
    }

    /// Whether the claim is still ahead of its event: not attended, not given up.
    pub fn is_active(self) -> bool {
        matches!(self, BookingStatus::Confirmed | BookingStatus::PendingPayment | BookingStatus::Processing)
    }
}

text_enum! {
    /// Whether an operator has put a slot on sale.
    SlotStatus {
        /// On sale.
        Active = "active",
        /// Not on sale.
        Inactive = "inactive",
        /// On sale from `activates_at` on.
        Scheduled = "scheduled",
        /// Will not take place.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// What sort of thing an offering is; decides which routes show it and what its refusals are called.
    Family {
        /// A mock exam.
        MockExam = "mock_exam",
        /// A mock discussion.
        MockDiscussion = "mock_discussion",
        /// An experience of a trips marketplace.
        Experience = "experience",
    }
}

text_enum! {
    /// How an offering's human booking IDs are made.
    CodeStyle {
        /// `{type}-{student_id}-{Month D, YYYY}`.
        TypeStudentDate = "type_student_date",
        /// `BK-YYYYMMDD-XXXXXX`.
        Bk = "bk",
    }
}

text_enum! {
    /// What pays for a booking.
    PaidBy {
        /// One prepaid credit.
        Credit = "credit",
        /// Nothing: an operator's override.
        Override = "override",
        /// Money.
        Payment = "payment",
    }
}

text_enum! {
    /// The hand a student works with; some exams prepare the room for it.
    Hand {
        /// Left-handed.
        Left = "left",
        /// Right-handed.
        Right = "right",
    }
}

text_enum! {
    /// Whether a booking's contact came.
    Attendance {
        /// Came.
        Yes = "Yes",
        /// Did not come.
        No = "No",
    }
}

text_enum! {
    /// Why a balance changed.
    EntryReason {
        /// The balance a contact came with.
        Opening = "opening",
        /// Given or taken by an operator.
        Grant = "grant",
        /// A difference between two imports of one row.
        Import = "import",
        /// Spent on a booking.
        Booking = "booking",
        /// Came back from a booking.
        Return = "return",
        /// Bought or cut at HubSpot.
        Hubspot = "hubspot",
    }
}

/// Settings of an organisation that decisions need.
#[derive(Debug, Clone)]
pub struct OrgRules {
    /// The largest capacity a slot may have.
    pub slot_capacity_max: i32,
    /// Kinds of credit with the label that a booking shows, in the organisation's order.
    pub credit_kinds: Vec<(CreditKind, String)>,
    /// What prices are in: ISO 4217, lower case.
    pub currency: String,
}

impl OrgRules {
    /// The label of a kind of credit, e.g. `Clinical Skills Token`.
    pub fn token_label(&self, kind: &str) -> Option<&str> {
        self.credit_kinds.iter().find(|(k, _)| &**k == kind).map(|(_, label)| label.as_str())
    }
}

/// What is on sale, with its rules.
#[derive(Debug, Clone)]
pub struct Offering {
    /// Primary key.
    pub id: Uuid,
    /// Exam, discussion or experience.
    pub family: Family,
    /// Name, for exams the mock type.
    pub name: String,
    /// Kinds of credit that pay, in the order drawn.
    pub credit_policy: Vec<CreditKind>,
    /// A contact has at most one live booking of it per local date.
    pub one_per_day: bool,
    /// A booking must say the dominant hand.
    pub needs_dominant_hand: bool,
    /// A booking must say where the contact attends.
    pub needs_attending_location: bool,
    /// How booking IDs are made.
    pub code_style: CodeStyle,
    /// Students may cancel until so many minutes before the start.
    pub cancel_cutoff_minutes: i32,
    /// Price of one guest in minor units; `None` is not sold for money.
    pub price_minor: Option<i64>,
    /// Guests that one booking may have.
    pub guests_max: i32,
    /// A checkout ends so many minutes before the start.
    pub booking_cutoff_minutes: i32,
    /// A traveller who cancels so many minutes before the start gets everything back.
    pub free_cancel_minutes: i32,
    /// Who cancels later gets so much back, in percent.
    pub late_refund_percent: i32,
    /// Whether it is offered at all.
    pub is_active: bool,
    /// Grows with an operator's edits.
    pub version: i64,
}

/// One dated occurrence of an offering, with its seats.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Primary key.
    pub id: Uuid,
    /// Its offering.
    pub offering_id: Uuid,
    /// What is written over it.
    pub name: String,
    /// Start.
    pub starts_at: Timestamp,
    /// End.
    pub ends_at: Timestamp,
    /// The date in its own time zone.
    pub local_date: civil::Date,
    /// Start in its own time zone.
    pub local_start: civil::Time,
    /// End in its own time zone.
    pub local_end: civil::Time,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// Where it takes place.
    pub location: Option<String>,
    /// Which set of questions.
    pub mock_set: Option<String>,
    /// Seats in all.
    pub capacity: i32,
    /// Seats of confirmed, completed and no-show bookings.
    pub taken: i32,
    /// Seats of holds.
    pub held: i32,
    /// Seats out of sale without a booking.
    pub withheld: i32,
    /// On sale or not.
    pub status: SlotStatus,
    /// When a scheduled slot goes on sale.
    pub activates_at: Option<Timestamp>,
    /// Out of sale by an operator, for a reason.
    pub is_blocked: bool,
    /// That reason.
    pub blocked_reason: Option<String>,
    /// Slots in each of which a booking must be active or completed.
    pub prerequisites: Vec<Uuid>,
    /// Price of one guest in minor units, instead of the offering's.
    pub price_minor: Option<i64>,
    /// Grows with every change, seats included.
    pub version: i64,
    /// Grows with an operator's edits only.
    pub edit_version: i64,
}

impl Slot {
    /// Seats that can still be booked.
    pub fn available(&self) -> i32 {
        self.capacity - self.taken - self.held - self.withheld
    }

    /// When it goes on sale, if it is scheduled.
    pub fn goes_on_sale_at(&self) -> Option<Timestamp> {
        self.activates_at.filter(|_| self.status == SlotStatus::Scheduled)
    }

    /// Whether it is on sale at `now`, its start and its seats aside.
    pub fn is_active(&self, now: Timestamp) -> bool {
        match self.status {
            SlotStatus::Active => true,
            SlotStatus::Scheduled => self.activates_at.is_some_and(|at| at <= now),
            SlotStatus::Inactive | SlotStatus::Cancelled => false,
        }
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// Primary key.
    pub id: Uuid,
    /// Upper case.
    pub student_id: String,
    /// Lower case, trimmed.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// The date of the real exam, if known.
    pub ndecc_exam_date: Option<civil::Date>,
    /// Grows with every change of the row itself.
    pub version: i64,
}

/// One party's claim on one slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Booking {
    /// Primary key.
    pub id: Uuid,
    /// Whose it is.
    pub contact_id: Uuid,
    /// The slot it is for now.
    pub slot_id: Uuid,
    /// That slot's offering.
    pub offering_id: Uuid,
    /// The slot it was made for; differs after a move.
    pub booked_slot_id: Uuid,
    /// Where it stands.
    pub status: BookingStatus,
    /// Seats.
    pub guests: i32,
    /// The human booking ID.
    pub code: String,
    /// The date on which it excludes others of its offering.
    pub exclusive_date: Option<civil::Date>,
    /// What paid.
    pub paid_by: PaidBy,
    /// The kind of credit that paid.
    pub credit_kind: Option<CreditKind>,
    /// How that is shown.
    pub token_used: Option<String>,
    /// Where the contact attends.
    pub attending_location: Option<String>,
    /// The hand the contact works with.
    pub dominant_hand: Option<Hand>,
    /// Whether the contact came.
    pub attendance: Option<Attendance>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// By whom.
    pub cancelled_by: Option<String>,
    /// When its credit came back.
    pub credit_returned_at: Option<Timestamp>,
    /// As which kind.
    pub returned_kind: Option<CreditKind>,
    /// Who refunded it.
    pub refunded_by: Option<String>,
    /// The trip it is part of, and the money that pays for it.
    pub purchase: Option<Purchase>,
    /// When its seats go back on sale, while it is a hold.
    pub expires_at: Option<Timestamp>,
    /// Grows with every change; the journal has one row per version.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How a booking is paid for with money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purchase {
    /// The trip.
    pub trip_id: Uuid,
    /// The payment.
    pub payment_id: Uuid,
    /// What all its guests pay together, in minor units.
    pub price_minor: i64,
}

/// A signed, immutable change of one balance.
#[derive(Debug, Clone, PartialEq)]
pub struct CreditEntry {
    /// Primary key.
    pub id: Uuid,
    /// Whose balance.
    pub contact_id: Uuid,
    /// Which balance.
    pub kind: CreditKind,
    /// By how much.
    pub delta: i64,
    /// The balance it led to.
    pub balance: i64,
    /// Why.
    pub reason: EntryReason,
    /// The booking it paid for or came back from.
    pub booking_id: Option<Uuid>,
}

/// A contact's balances by kind.
pub type Balances = BTreeMap<CreditKind, i64>;

text_enum! {
    /// What a journal row is about.
    Entity {
        /// A booking.
        Booking = "booking",
        /// A slot.
        Slot = "slot",
        /// A contact.
        Contact = "contact",
        /// A trip.
        Trip = "trip",
        /// A payment.
        Payment = "payment",
        /// A refund.
        Refund = "refund",
        /// An offering.
        Offering = "offering",
        /// What a caller noted; its id is that of whatever it is about.
        Note = "note",
    }
}

text_enum! {
    /// Who did what a note says.
    ActorType {
        /// A person.
        User = "user",
        /// A seller.
        Vendor = "vendor",
        /// A program.
        System = "system",
        /// Stripe.
        Stripe = "stripe",
    }
}

/// One row of the journal, to be written with the change that it records.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRow {
    /// Primary key.
    pub id: Uuid,
    /// Shared by all rows of one command.
    pub command_id: Uuid,
    /// Who asked.
    pub principal: Arc<str>,
    /// For whom, as the caller said.
    pub on_behalf_of: Option<String>,
    /// The event of Stripe's that caused it.
    pub stripe_event_id: Option<String>,
    /// What happened, e.g. `booking.confirmed`.
    pub event: &'static str,
    /// To what.
    pub entity: Entity,
    /// Which one.
    pub entity_id: Uuid,
    /// JSON of what mattered before.
    pub before: Option<String>,
    /// JSON of it now.
    pub after: Option<String>,
    /// On the first row of a command: key, fingerprint and answer.
    pub idempotency: Option<IdempotencyRecord>,
}

/// What the first journal row of a command remembers of its request.
#[derive(Debug, Clone, PartialEq)]
pub struct IdempotencyRecord {
    /// The key, unique per organisation and principal.
    pub key: String,
    /// SHA-256 of the parsed command.
    pub fingerprint: [u8; 32],
    /// JSON of the [`crate::Answer`].
    pub answer: String,
}

/// A command that was carried out before, found by its key.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// The command it was.
    pub command_id: Uuid,
    /// SHA-256 of the parsed command.
    pub fingerprint: [u8; 32],
    /// What was answered.
    pub answer: crate::Answer,
    /// The present status of the booking it was about.
    pub booking_status: Option<BookingStatus>,
}
