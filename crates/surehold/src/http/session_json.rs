//! Sessions and bookings as callers see them.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Serialize;
use surehold_core::rows::{BookingStatus, SlotStatus};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::bookings::BookingRow;
use crate::store::sessions::SessionRow;

/// So many seats or fewer are "limited".
const LIMITED: i32 = 3;

/// `full`, `limited` (3 or fewer) or `available`.
pub fn seats_status(available: i32) -> &'static str {
    match available {
        ..=0 => "full",
        1..=LIMITED => "limited",
        _ => "available",
    }
}

/// A time of day as callers read it.
pub fn hours_minutes(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}

/// An instant with the offset of a place, such as `2026-10-23T09:00:00-04:00`.
pub fn with_offset(at: Timestamp, time_zone: &str) -> String {
    match TimeZone::get(time_zone) {
        Ok(zone) => at.display_with_offset(zone.to_offset(at)).to_string(),
        Err(_) => at.to_string(),
    }
}

/// A session as students see it.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    /// The session's UUID.
    pub id: Uuid,
    /// What to send as `mock_exam_id`: the UUID again.
    pub mock_exam_id: Uuid,
    /// HubSpot's number of it, once it has one.
    pub hubspot_id: Option<String>,
    /// Its name.
    pub mock_exam_name: String,
    /// Its type.
    #[schema(example = "Clinical Skills")]
    pub mock_type: String,
    /// Which set of questions.
    pub mock_set: Option<String>,
    /// The date at the place of the session.
    #[schema(value_type = String, format = Date, example = "2026-10-23")]
    pub exam_date: Date,
    /// Start, on the clock at the place of the session.
    #[schema(example = "09:00")]
    pub start_time: String,
    /// End, on the same clock.
    #[schema(example = "12:00")]
    pub end_time: String,
    /// Start, with its offset from UTC.
    #[schema(example = "2026-10-23T09:00:00-04:00")]
    pub starts_at: String,
    /// End, with its offset from UTC.
    pub ends_at: String,
    /// The session's IANA time zone.
    #[schema(example = "America/Toronto")]
    pub time_zone: String,
    /// Where it takes place.
    pub location: Option<String>,
    /// Sessions (UUIDs) in each of which a booking is needed first.
    pub prerequisite_exam_ids: Vec<Uuid>,
    /// Seats in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<i32>,
    /// Seats that cannot be booked any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bookings: Option<i32>,
    /// Seats that can be booked now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_slots: Option<i32>,
    /// `full`, `limited` (3 seats or fewer) or `available`.
    #[schema(example = "limited")]
    pub status: &'static str,
}

impl SessionView {
    /// With or without the numbers of seats.
    pub fn new(row: SessionRow, include_capacity: bool) -> SessionView {
        let slot = row.slot;
        let available = slot.available().max(0);
        let count = |seats: i32| include_capacity.then_some(seats);
        SessionView {
            id: slot.id,
            mock_exam_id: slot.id,
            hubspot_id: row.hubspot_id,
            exam_date: slot.local_date,
            start_time: hours_minutes(slot.local_start),
            end_time: hours_minutes(slot.local_end),
            starts_at: with_offset(slot.starts_at, &slot.time_zone),
            ends_at: with_offset(slot.ends_at, &slot.time_zone),
            capacity: count(slot.capacity),
            total_bookings: count(slot.capacity - available),
            available_slots: count(available),
            status: seats_status(available),
            mock_exam_name: slot.name,
            mock_type: row.offering,
            mock_set: slot.mock_set,
            time_zone: slot.time_zone,
            location: slot.location,
            prerequisite_exam_ids: slot.prerequisites,
        }
    }
}

/// The seats of one session, read at this moment.
#[derive(Serialize, ToSchema)]
pub struct CapacityView {
    /// The session's UUID.
    pub id: Uuid,
    /// What to send as `mock_exam_id`: the UUID again.
    pub mock_exam_id: Uuid,
    /// HubSpot's number of it, once it has one.
    pub hubspot_id: Option<String>,
    /// Its type.
    pub mock_type: String,
    /// The date at the place of the session.
    #[schema(value_type = String, format = Date)]
    pub exam_date: Date,
    /// Seats in all.
    pub capacity: i32,
    /// Seats that cannot be booked any more: booked, held or withheld.
    pub total_bookings: i32,
    /// Seats that can be booked now.
    pub available_slots: i32,
    /// `full`, `limited` (3 seats or fewer) or `available`.
    pub status: &'static str,
    /// Whether it is on sale at all: active, not blocked, not begun.
    pub bookable: bool,
}

impl From<SessionRow> for CapacityView {
    fn from(row: SessionRow) -> CapacityView {
        let available = row.slot.available().max(0);
        CapacityView {
            bookable: row.is_on_sale(),
            id: row.slot.id,
            mock_exam_id: row.slot.id,
            hubspot_id: row.hubspot_id,
            mock_type: row.offering,
            exam_date: row.slot.local_date,
            capacity: row.slot.capacity,
            total_bookings: row.slot.capacity - available,
            available_slots: available,
            status: seats_status(available),
        }
    }
}

/// A session as operators see it.
#[derive(Serialize, ToSchema)]
pub struct AdminSessionView {
    /// What students see of it.
    #[serde(flatten)]
    pub session: SessionView,
    /// Whether it is on sale by now: a scheduled session becomes active at its time.
    pub is_active: bool,
    /// What an operator decided.
    #[schema(value_type = String, example = "scheduled")]
    pub activation: SlotStatus,
    /// When a scheduled session goes on sale.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scheduled_activation_datetime: Option<Timestamp>,
    /// Whether a student could book it now, seats aside.
    pub bookable: bool,
    /// Out of sale by an operator.
    pub is_blocked: bool,
    /// Why.
    pub blocked_reason: Option<String>,
    /// Seats of confirmed and attended bookings.
    pub taken: i32,
    /// Seats held for payments in progress.
    pub held: i32,
    /// Seats out of sale without a booking.
    pub withheld: i32,
    /// Grows with every edit; send it back as `version` to change only what you have seen.
    pub version: i64,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed, by a booking or an edit.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<SessionRow> for AdminSessionView {
    fn from(row: SessionRow) -> AdminSessionView {
        AdminSessionView {
            is_active: row.slot.is_active(row.now),
            activation: row.slot.status,
            scheduled_activation_datetime: row.slot.activates_at,
            bookable: row.is_on_sale(),
            is_blocked: row.slot.is_blocked,
            blocked_reason: row.slot.blocked_reason.clone(),
            taken: row.slot.taken,
            held: row.slot.held,
            withheld: row.slot.withheld,
            version: row.slot.edit_version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            session: SessionView::new(row, true),
        }
    }
}

/// A booking as callers see it.
#[derive(Serialize, ToSchema)]
pub struct BookingView {
    /// The human booking ID. It repeats when a cancelled session is booked again.
    #[schema(example = "Clinical Skills-1599999-October 23, 2026")]
    pub booking_id: String,
    /// The booking's UUID.
    pub id: Uuid,
    /// HubSpot's number of it, once it has one.
    pub hubspot_id: Option<String>,
    /// `confirmed`, `cancelled`, `completed`, `no_show`.
    #[schema(value_type = String, example = "confirmed")]
    pub status: BookingStatus,
    /// The same in the words of older callers: `Active`, `Cancelled` or `Completed`.
    pub is_active: &'static str,
    /// The session's UUID.
    pub mock_exam_id: Uuid,
    /// HubSpot's number of the session, once it has one.
    pub mock_exam_hubspot_id: Option<String>,
    /// The session's name.
    pub mock_exam_name: String,
    /// The session's type.
    pub mock_type: String,
    /// Which set of questions.
    pub mock_set: Option<String>,
    /// The date at the place of the session.
    #[schema(value_type = String, format = Date)]
    pub exam_date: Date,
    /// Start, on the clock there.
    pub start_time: String,
    /// End, on the clock there.
    pub end_time: String,
    /// Start, with its offset from UTC.
    pub starts_at: String,
    /// End, with its offset from UTC.
    pub ends_at: String,
    /// The session's IANA time zone.
    pub time_zone: String,
    /// Where the session takes place.
    pub location: Option<String>,
    /// Where or how the student attends.
    pub attending_location: Option<String>,
    /// `left` or `right`.
    pub dominant_hand: Option<String>,
    /// The credit that paid for it.
    #[schema(example = "Clinical Skills Token")]
    pub token_used: Option<String>,
    /// `Yes`, `No`, or nothing yet.
    pub attendance: Option<String>,
    /// The contact's UUID.
    pub contact_id: Uuid,
    /// The student's ID.
    pub student_id: String,
    /// The student's email.
    pub student_email: String,
    /// The student's name.
    pub student_name: String,
    /// When it was cancelled.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cancelled_at: Option<Timestamp>,
    /// When its credit came back.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub token_refunded_at: Option<Timestamp>,
    /// The kind of credit that came back.
    pub token_refunded: Option<String>,
    /// Who refunded it by hand.
    pub token_refund_admin: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A booking's status in the words of older callers.
pub fn is_active_word(status: BookingStatus) -> &'static str {
    match status {
        BookingStatus::PendingPayment | BookingStatus::Processing | BookingStatus::Confirmed => "Active",
        BookingStatus::Cancelled | BookingStatus::Expired => "Cancelled",
        BookingStatus::Completed | BookingStatus::NoShow => "Completed",
    }
}

impl From<BookingRow> for BookingView {
    fn from(row: BookingRow) -> BookingView {
        BookingView {
            is_active: is_active_word(row.status),
            start_time: hours_minutes(row.local_start),
            end_time: hours_minutes(row.local_end),
            starts_at: with_offset(row.starts_at, &row.time_zone),
            ends_at: with_offset(row.ends_at, &row.time_zone),
            student_name: format!("{} {}", row.first_name, row.last_name).trim().to_owned(),
            booking_id: row.code,
            id: row.id,
            hubspot_id: row.hubspot_id,
            status: row.status,
            mock_exam_id: row.slot_id,
            mock_exam_hubspot_id: row.slot_hubspot_id,
            mock_exam_name: row.slot_name,
            mock_type: row.offering,
            mock_set: row.mock_set,
            exam_date: row.local_date,
            time_zone: row.time_zone,
            location: row.location,
            attending_location: row.attending_location,
            dominant_hand: row.dominant_hand,
            token_used: row.token_used,
            attendance: row.attendance,
            contact_id: row.contact_id,
            student_id: row.student_id,
            student_email: row.email,
            cancelled_at: row.cancelled_at,
            token_refunded_at: row.credit_returned_at,
            token_refunded: row.returned_kind,
            token_refund_admin: row.refunded_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_seats_or_fewer_are_limited() {
        let words: Vec<_> = [-1, 0, 1, 3, 4].map(seats_status).into();
        assert_eq!(words, ["full", "full", "limited", "limited", "available"]);
    }

    #[test]
    fn instants_show_the_offset_of_their_place() {
        let at: Timestamp = "2026-10-23T13:00:00Z".parse().expect("an instant");
        assert_eq!(with_offset(at, "America/Toronto"), "2026-10-23T09:00:00-04:00");
        assert_eq!(with_offset(at, "Nowhere/Else"), "2026-10-23T13:00:00Z");
    }
}
