//! Take trips, the money for them and their bookings over from another system, as they stand there.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::rows::{Attendance, BookingStatus};

/// Take a trip over. Whether it is booked follows from its bookings, which come after it.
#[derive(Debug, Clone, Serialize)]
pub struct ImportTrip {
    /// The id it has there, to be kept.
    pub id: Uuid,
    /// Whose; put on the books if new.
    pub contact_id: Uuid,
    /// It was given up there.
    pub is_cancelled: bool,
    /// When it was made; `None`: nobody knows, so now.
    pub created_at: Option<Timestamp>,
}

/// Take money over that was taken in another system. It is recorded money until a booking of a trip comes that it pays
/// for; if none does, a trip can be booked with it.
#[derive(Debug, Clone, Serialize)]
pub struct ImportPayment {
    /// The id it has there, to be kept.
    pub id: Uuid,
    /// Who paid; put on the books if new.
    pub contact_id: Uuid,
    /// In minor units.
    pub amount_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Whether the money came; else the attempt failed.
    pub is_paid: bool,
    /// Stripe's payment intent, by which it can be refunded.
    pub stripe_payment_intent: Option<String>,
    /// Stripe's session.
    pub stripe_session_id: Option<String>,
    /// What of it has gone back.
    pub refund: Option<ImportedRefund>,
    /// When it was made; `None`: nobody knows, so now.
    pub created_at: Option<Timestamp>,
}

/// Money that went back in another system.
#[derive(Debug, Clone, Serialize)]
pub struct ImportedRefund {
    /// Stripe's refund; `None`: nobody knows, so it is the first that Stripe says.
    pub stripe_refund_id: Option<String>,
    /// In minor units.
    pub amount_minor: i64,
    /// For which booking, which comes after it; `None`: for the payment as a whole.
    pub booking_id: Option<Uuid>,
    /// When; `None`: nobody knows, so now.
    pub at: Option<Timestamp>,
}

/// Take a booking of a trip over that was made elsewhere. Nothing is asked of it but what the laws ask of every
/// booking: that there are seats, and money that pays for them. Whether it could be made today does not matter.
#[derive(Debug, Clone, Serialize)]
pub struct ImportTripBooking {
    /// The id it has there, to be kept.
    pub id: Uuid,
    /// Whose.
    pub contact_id: Uuid,
    /// Of which trip, which is here.
    pub trip_id: Uuid,
    /// Of which slot.
    pub slot_id: Uuid,
    /// The money that pays for it, which is here; `None`: it brings what it costs along.
    pub payment_id: Option<Uuid>,
    /// What all its guests paid together, in minor units; 0: nobody knows.
    pub price_minor: i64,
    /// Seats.
    pub guests: i32,
    /// Where it stands: confirmed, cancelled, completed or no-show.
    pub status: BookingStatus,
    /// The reference that people know; `None`: one of ours.
    pub code: Option<String>,
    /// Whether the traveller came.
    pub attendance: Option<Attendance>,
    /// When it was made; `None`: nobody knows, so now.
    pub created_at: Option<Timestamp>,
    /// When it was cancelled; `None`: nobody knows, so now if it is.
    pub cancelled_at: Option<Timestamp>,
}
