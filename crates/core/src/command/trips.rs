//! Commands about trips, the money for them, and money on its way back.

use jiff::civil;
use serde::Serialize;
use uuid::Uuid;

/// Take the seats of a trip out of sale until it is paid: all of them or none.
#[derive(Debug, Clone, Serialize)]
pub struct HoldTrip {
    /// Who travels; put on the books if new.
    pub contact_id: Uuid,
    /// The caller's id of the trip; `None`: the traveller's open trip with the same items, or a new one.
    pub trip_id: Option<Uuid>,
    /// What is wanted, in the order in which the bookings are answered.
    pub items: Vec<TripItem>,
    /// Where the traveller goes after paying.
    pub success_url: String,
    /// Where the traveller goes instead.
    pub cancel_url: String,
    /// Filled into Stripe's form.
    pub customer_email: Option<String>,
    /// How long it may be paid, in seconds. A setting, not part of the request's identity.
    #[serde(skip)]
    pub pay_seconds: i64,
}

/// A slot of a trip.
#[derive(Debug, Clone, Serialize)]
pub struct TripItem {
    /// Which slot.
    pub slot_id: Uuid,
    /// Seats.
    pub guests: i32,
    /// What the caller believes of the slot.
    #[serde(skip)]
    pub expected: ExpectedItem,
}

/// What a caller believes of a slot of a trip: checked, but not part of the request's identity.
#[derive(Debug, Clone, Default)]
pub struct ExpectedItem {
    /// Its experience.
    pub offering_id: Option<Uuid>,
    /// Its local date.
    pub local_date: Option<civil::Date>,
    /// Its local start.
    pub local_start: Option<civil::Time>,
}

/// Book a trip with money that is there: all of its slots or none.
#[derive(Debug, Clone, Serialize)]
pub struct BookTrip {
    /// The money.
    pub payment_id: Uuid,
    /// The caller's id of the trip.
    pub trip_id: Uuid,
    /// Who travels.
    pub contact_id: Uuid,
    /// What is wanted.
    pub items: Vec<TripItem>,
}

/// Record money that was taken elsewhere.
#[derive(Debug, Clone, Serialize)]
pub struct RecordPayment {
    /// Who paid; put on the books if new.
    pub contact_id: Uuid,
    /// Its name where it was taken, unique in the organisation.
    pub reference: String,
    /// In minor units.
    pub amount_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Stripe's payment intent, if Stripe took it: verified before.
    pub stripe_payment_intent: Option<String>,
}

/// Note the Checkout Session that Stripe made for a payment.
#[derive(Debug, Clone, Serialize)]
pub struct AttachCheckout {
    /// The payment.
    pub payment_id: Uuid,
    /// Stripe's session.
    pub session_id: String,
    /// Where the traveller pays.
    pub url: Option<String>,
}

/// The money of a payment is there.
#[derive(Debug, Clone, Serialize)]
pub struct Settle {
    /// The payment.
    pub payment_id: Uuid,
    /// What came, in minor units.
    pub amount_minor: i64,
    /// Its currency: ISO 4217, lower case.
    pub currency: String,
    /// The session that was paid.
    pub session_id: Option<String>,
    /// Stripe's payment intent, by which it can be refunded.
    pub stripe_payment_intent: Option<String>,
}

/// Checkout is done, but the money is still on its way: the seats are held without an end.
#[derive(Debug, Clone, Serialize)]
pub struct AwaitPayment {
    /// The payment.
    pub payment_id: Uuid,
    /// The session.
    pub session_id: Option<String>,
    /// Stripe's payment intent.
    pub stripe_payment_intent: Option<String>,
}

/// No money will come for a payment: its seats go back on sale.
#[derive(Debug, Clone, Serialize)]
pub struct ReleasePayment {
    /// The payment.
    pub payment_id: Uuid,
    /// Why, in a word or two.
    pub reason: ReleaseReason,
}

/// Why no money will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// Its session ended unpaid.
    SessionExpired,
    /// The traveller's bank said no.
    PaymentFailed,
    /// Stripe refused to make a session.
    CheckoutRefused,
    /// The traveller wants other items; money that comes all the same goes back.
    Replaced,
    /// An operator gave it up; money that came goes back.
    Operator,
}

impl ReleaseReason {
    /// Its text in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ReleaseReason::SessionExpired => "session_expired",
            ReleaseReason::PaymentFailed => "payment_failed",
            ReleaseReason::CheckoutRefused => "checkout_refused",
            ReleaseReason::Replaced => "replaced",
            ReleaseReason::Operator => "operator",
        }
    }
}

/// A hold has come to its end.
#[derive(Debug, Clone, Serialize)]
pub struct ExpireHold {
    /// The payment that was not made.
    pub payment_id: Uuid,
}

/// Note that an operator has to look at a payment.
#[derive(Debug, Clone, Serialize)]
pub struct FlagPayment {
    /// The payment.
    pub payment_id: Uuid,
    /// Why; `None`: it was looked at.
    pub flag: Option<String>,
    /// Stripe's dispute, if it is about one.
    pub stripe_dispute_id: Option<String>,
}

/// Give money back for a booking.
#[derive(Debug, Clone, Serialize)]
pub struct RefundBooking {
    /// Which booking.
    pub booking_id: Uuid,
    /// How much, in minor units; `None`: all that has not gone back yet, and the booking is given up.
    pub amount_minor: Option<i64>,
    /// By the traveller, who gets what the cancellation policy gives; else by an operator.
    pub by_traveller: bool,
    /// Why.
    pub reason: Option<String>,
}

/// What Stripe says of all refunds of a payment.
#[derive(Debug, Clone, Serialize)]
pub struct SeeRefunds {
    /// The payment.
    pub payment_id: Uuid,
    /// Every refund that Stripe has of it.
    pub refunds: Vec<SeenRefund>,
}

/// A refund as Stripe has it.
#[derive(Debug, Clone, Serialize)]
pub struct SeenRefund {
    /// Stripe's id.
    pub stripe_refund_id: String,
    /// Ours, if we asked for it.
    pub refund_id: Option<Uuid>,
    /// In minor units.
    pub amount_minor: i64,
    /// Where it stands.
    pub status: crate::rows::RefundStatus,
}

/// Stripe refuses a refund that we asked for.
#[derive(Debug, Clone, Serialize)]
pub struct FailRefund {
    /// Of which payment.
    pub payment_id: Uuid,
    /// Which one.
    pub refund_id: Uuid,
    /// What Stripe said.
    pub problem: String,
}

/// Put a new offering on sale.
#[derive(Debug, Clone, Serialize)]
pub struct AddOffering {
    /// The id it has elsewhere, to be kept; `None`: a fresh one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name, unique in the organisation.
    pub name: String,
    /// What is said of it.
    pub terms: OfferingTerms,
}

/// Change an offering. `None` leaves a field as it is.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeOffering {
    /// Which one.
    pub offering_id: Uuid,
    /// Refuse if it has another version by now: not part of the request's identity.
    #[serde(skip)]
    pub expected_version: Option<i64>,
    /// Its name.
    pub name: Option<String>,
    /// The rest.
    pub terms: OfferingTerms,
}

/// Price and rules of an offering. `None` leaves them as they are, or takes the default for a new one.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OfferingTerms {
    /// Price of one guest, in minor units.
    pub price_minor: Option<i64>,
    /// Guests that one booking may have.
    pub guests_max: Option<i32>,
    /// A checkout ends so many minutes before the start.
    pub booking_cutoff_minutes: Option<i32>,
    /// Free cancellation until so many minutes before the start.
    pub free_cancel_minutes: Option<i32>,
    /// What a later cancellation gives back, in percent.
    pub late_refund_percent: Option<i32>,
    /// Whether it is offered.
    pub is_active: Option<bool>,
}
