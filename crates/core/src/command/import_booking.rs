//! Take a booking over from another system, as it stands there.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::rows::{Attendance, BookingStatus, CreditKind, Hand};

/// Take a booking over that was made elsewhere. Nothing is asked of it but what the laws ask of every booking: that
/// there is a seat, and that it is the only one of its contact for the type and the day. Whether it could be made
/// today (sale, start, prerequisites, credits) does not matter: it was made.
#[derive(Debug, Clone, Serialize)]
pub struct ImportBooking {
    /// The id it has there, to be kept.
    pub id: Uuid,
    /// Whose.
    pub contact_id: Uuid,
    /// Of which slot.
    pub slot_id: Uuid,
    /// Seats.
    pub guests: i32,
    /// Where it stands: confirmed, cancelled, completed or no-show.
    pub status: BookingStatus,
    /// The booking ID that people know; `None`: the offering's own style.
    pub code: Option<String>,
    /// The kind of credit that paid; `None`: nothing did. The contact's balance is net of it already.
    pub credit_kind: Option<CreditKind>,
    /// How that is shown.
    pub token_used: Option<String>,
    /// The credit came back, and is in the contact's balance already.
    pub credit_returned: Option<CreditReturned>,
    /// Where the contact attends.
    pub attending_location: Option<String>,
    /// The hand the contact works with.
    pub dominant_hand: Option<Hand>,
    /// Whether the contact came.
    pub attendance: Option<Attendance>,
    /// When it was made; `None`: nobody knows, so now.
    pub created_at: Option<Timestamp>,
    /// When it was cancelled; `None`: nobody knows, so now if it is.
    pub cancelled_at: Option<Timestamp>,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<String>,
}

/// How the credit of an imported booking came back.
#[derive(Debug, Clone, Serialize)]
pub struct CreditReturned {
    /// When; `None`: nobody knows, so now.
    pub at: Option<Timestamp>,
    /// Who refunded it, if it was not cancelled.
    pub by: Option<String>,
}
