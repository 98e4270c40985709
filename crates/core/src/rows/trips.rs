//! Trips, the money for them, and money on its way back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// Where a trip stands.
    TripStatus {
        /// Not paid (yet).
        Planning = "planning",
        /// Paid; its bookings are confirmed.
        Booked = "booked",
        /// All its bookings were given up.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// Where the money of a payment was taken.
    PaymentSource {
        /// In a Checkout Session of ours.
        Checkout = "checkout",
        /// Elsewhere; an operator recorded it.
        Recorded = "recorded",
    }
}

text_enum! {
    /// Where a payment stands.
    PaymentStatus {
        /// May be paid.
        Pending = "pending",
        /// Checkout is done and the money on its way; or it came otherwise than asked, and an operator has to look.
        Processing = "processing",
        /// The money is there, its bookings are confirmed.
        Succeeded = "succeeded",
        /// No money came, or the attempt was replaced.
        Failed = "failed",
        /// Money came for seats that were gone: all of it is on its way back.
        Refunding = "refunding",
        /// A part of it went back.
        PartiallyRefunded = "partially_refunded",
        /// All of it went back.
        Refunded = "refunded",
    }
}

impl PaymentStatus {
    /// Whether it may still be paid. A trip has at most one such payment.
    pub fn is_open(self) -> bool {
        matches!(self, PaymentStatus::Pending | PaymentStatus::Processing)
    }

    /// Whether its money is there, and pays for bookings.
    pub fn pays(self) -> bool {
        matches!(self, PaymentStatus::Succeeded | PaymentStatus::PartiallyRefunded)
    }
}

text_enum! {
    /// Where a refund stands, in the order in which it gets there: one that failed may have succeeded before.
    RefundStatus {
        /// Stripe has not answered yet.
        Requested = "requested",
        /// Stripe has it.
        Pending = "pending",
        /// The money is back.
        Succeeded = "succeeded",
        /// It will not go back this way.
        Failed = "failed",
    }
}

/// The bookings that are paid together.
#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    /// Primary key; the caller's own id of it, if it named one.
    pub id: Uuid,
    /// Whose it is.
    pub contact_id: Uuid,
    /// Where it stands.
    pub status: TripStatus,
    /// Grows with every change; the journal has one row per version.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One attempt to pay for a trip, or money that was taken elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// Primary key.
    pub id: Uuid,
    /// Who pays.
    pub contact_id: Uuid,
    /// For which trip. Recorded money may come before its trip.
    pub trip_id: Option<Uuid>,
    /// Where it was taken.
    pub source: PaymentSource,
    /// Where it stands.
    pub status: PaymentStatus,
    /// What was asked for, in minor units.
    pub amount_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// What came, in minor units.
    pub received_minor: Option<i64>,
    /// The currency that came.
    pub received_currency: Option<String>,
    /// What of it has gone back, as Stripe says, in minor units.
    pub refunded_minor: i64,
    /// The name of recorded money where it was taken.
    pub reference: Option<String>,
    /// JSON of a [`CheckoutRequest`]: what Stripe is asked for.
    pub checkout: Option<String>,
    /// Stripe's session, once it is known.
    pub stripe_session_id: Option<String>,
    /// Where the traveller pays.
    pub checkout_url: Option<String>,
    /// Stripe's payment intent, once it is known.
    pub stripe_payment_intent: Option<String>,
    /// The last moment at which its session can be paid.
    pub pay_until: Option<Timestamp>,
    /// When its seats go back on sale, if it was not paid.
    pub expires_at: Option<Timestamp>,
    /// Since when the money has been on its way.
    pub processing_since: Option<Timestamp>,
    /// Why it failed, or why its money goes back.
    pub reason: Option<String>,
    /// Something for an operator to look at.
    pub flag: Option<String>,
    /// Stripe's dispute, if the traveller's bank raised one.
    pub stripe_dispute_id: Option<String>,
    /// Grows with every change; the journal has one row per version.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Payment {
    /// The money that is there, in minor units.
    pub fn money(&self) -> i64 {
        self.received_minor.unwrap_or(0)
    }
}

/// What Stripe is asked for. The request is made of it alone, so a retry sends the same bytes; fields keep their
/// order and their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutRequest {
    /// What is sold.
    pub lines: Vec<CheckoutLine>,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Where the traveller goes after paying.
    pub success_url: String,
    /// Where the traveller goes instead.
    pub cancel_url: String,
    /// Filled into Stripe's form.
    pub customer_email: Option<String>,
}

/// A line of a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutLine {
    /// The experience and when it begins.
    pub name: String,
    /// Price of one guest, in minor units.
    pub unit_amount_minor: i64,
    /// Guests.
    pub quantity: i64,
}

/// Money on its way back.
#[derive(Debug, Clone, PartialEq)]
pub struct Refund {
    /// Primary key; also the idempotency key with which Stripe is asked.
    pub id: Uuid,
    /// Of which payment.
    pub payment_id: Uuid,
    /// For which booking; `None`: for the payment as a whole.
    pub booking_id: Option<Uuid>,
    /// How much, in minor units of the money that came.
    pub amount_minor: i64,
    /// Where it stands.
    pub status: RefundStatus,
    /// Why.
    pub reason: String,
    /// Stripe's refund, once it is known.
    pub stripe_refund_id: Option<String>,
    /// What Stripe said when it refused.
    pub problem: Option<String>,
    /// Grows with every change; the journal has one row per version.
    pub version: i64,
    /// When it was requested.
    pub created_at: Timestamp,
}

/// An event of Stripe's, to be stored with its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeEvent {
    /// `evt_…`
    pub id: String,
    /// `checkout.session.completed` …
    pub kind: String,
    /// Stripe's time of it.
    pub created_at: Timestamp,
    /// Its body, as it came.
    pub payload: String,
}
