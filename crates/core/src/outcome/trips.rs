//! What commands about trips and money answer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rows::{Booking, BookingStatus, PaymentStatus};

/// Seats of a trip that are held until it is paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripHeld {
    /// The trip.
    pub trip_id: Uuid,
    /// This attempt to pay for it.
    pub payment_id: Uuid,
    /// What is to be paid, in minor units.
    pub amount_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// The last moment at which it can be paid.
    pub pay_until: Timestamp,
    /// When the seats go back on sale, if it was not paid.
    pub expires_at: Timestamp,
    /// In the order of the items.
    pub bookings: Vec<TripBooking>,
}

/// A booking of a trip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripBooking {
    /// Primary key.
    pub id: Uuid,
    /// `PL-…`
    pub reference: String,
    /// Its experience.
    pub offering_id: Uuid,
    /// Its slot.
    pub slot_id: Uuid,
    /// Seats.
    pub guests: i32,
    /// Where it stood then.
    pub status: BookingStatus,
}

impl From<&Booking> for TripBooking {
    fn from(booking: &Booking) -> TripBooking {
        TripBooking {
            id: booking.id,
            reference: booking.code.clone(),
            offering_id: booking.offering_id,
            slot_id: booking.slot_id,
            guests: booking.guests,
            status: booking.status,
        }
    }
}

/// A trip that is booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripBooked {
    /// The trip.
    pub trip_id: Uuid,
    /// The money that pays for it.
    pub payment_id: Uuid,
    /// In the order of the items.
    pub bookings: Vec<TripBooking>,
}

/// A trip that was taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripSaved {
    /// The trip.
    pub trip_id: Uuid,
    /// Whether this command changed anything.
    pub changed: bool,
}

/// Where a payment stands after a command about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaymentSaved {
    /// The payment.
    pub payment_id: Uuid,
    /// Its trip.
    pub trip_id: Option<Uuid>,
    /// Where it stands now.
    pub status: PaymentStatus,
    /// Something for an operator to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<String>,
    /// Whether this command changed anything.
    pub changed: bool,
}

/// Money that is on its way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundRequested {
    /// The refund.
    pub refund_id: Uuid,
    /// Of which payment.
    pub payment_id: Uuid,
    /// In minor units.
    pub amount_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
}

/// A booking whose money was given back, in whole or in part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BookingRefunded {
    /// The booking.
    pub booking_id: Uuid,
    /// `PL-…`
    pub reference: String,
    /// Where it stands now.
    pub status: BookingStatus,
    /// What goes back; `None`: the policy gives nothing back.
    pub refund: Option<RefundRequested>,
}

/// An offering that was added or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferingSaved {
    /// Primary key.
    pub offering_id: Uuid,
    /// The version it has now.
    pub version: i64,
    /// Whether anything was changed.
    pub changed: bool,
}
