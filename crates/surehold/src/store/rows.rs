//! Columns and decoders of the rows that decisions work on.

use std::sync::Arc;

use surehold_core::rows::{
    Attendance, Booking, BookingStatus, CodeStyle, Contact, Family, Hand, Offering, PaidBy, Purchase, Slot, SlotStatus,
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;

/// Columns of [`slot`].
pub const SLOT: &str = "id, offering_id, name, starts_at, ends_at, local_date, local_start, local_end, time_zone, \
    location, mock_set, capacity, taken, held, withheld, status, activates_at, is_blocked, blocked_reason, \
    prerequisites, price_minor, version, edit_version";

/// Decodes a row that has the columns of [`SLOT`], by their names.
pub fn slot(row: &Row) -> Result<Slot, StoreError> {
    Ok(Slot {
        id: row.try_get("id")?,
        offering_id: row.try_get("offering_id")?,
        name: row.try_get("name")?,
        starts_at: row.try_get("starts_at")?,
        ends_at: row.try_get("ends_at")?,
        local_date: row.try_get("local_date")?,
        local_start: row.try_get("local_start")?,
        local_end: row.try_get("local_end")?,
        time_zone: row.try_get("time_zone")?,
        location: row.try_get("location")?,
        mock_set: row.try_get("mock_set")?,
        capacity: row.try_get("capacity")?,
        taken: row.try_get("taken")?,
        held: row.try_get("held")?,
        withheld: row.try_get("withheld")?,
        status: parsed(row.try_get("status")?, SlotStatus::parse)?,
        activates_at: row.try_get("activates_at")?,
        is_blocked: row.try_get("is_blocked")?,
        blocked_reason: row.try_get("blocked_reason")?,
        prerequisites: row.try_get("prerequisites")?,
        price_minor: row.try_get("price_minor")?,
        version: row.try_get("version")?,
        edit_version: row.try_get("edit_version")?,
    })
}

/// Columns of [`offering`], in its order.
pub const OFFERING: &str = "id, family, name, credit_policy, one_per_day, needs_dominant_hand, \
    needs_attending_location, code_style, cancel_cutoff_minutes, price_minor, guests_max, booking_cutoff_minutes, \
    free_cancel_minutes, late_refund_percent, is_active, version";

/// Decodes a row of [`OFFERING`].
pub fn offering(row: &Row) -> Result<Offering, StoreError> {
    let policy: Vec<&str> = row.try_get(3)?;
    Ok(Offering {
        id: row.try_get(0)?,
        family: parsed(row.try_get(1)?, Family::parse)?,
        name: row.try_get(2)?,
        credit_policy: policy.into_iter().map(Arc::from).collect(),
        one_per_day: row.try_get(4)?,
        needs_dominant_hand: row.try_get(5)?,
        needs_attending_location: row.try_get(6)?,
        code_style: parsed(row.try_get(7)?, CodeStyle::parse)?,
        cancel_cutoff_minutes: row.try_get(8)?,
        price_minor: row.try_get(9)?,
        guests_max: row.try_get(10)?,
        booking_cutoff_minutes: row.try_get(11)?,
        free_cancel_minutes: row.try_get(12)?,
        late_refund_percent: row.try_get(13)?,
        is_active: row.try_get(14)?,
        version: row.try_get(15)?,
    })
}

/// Columns of [`contact`], in its order.
pub const CONTACT: &str = "id, student_id, email, first_name, last_name, ndecc_exam_date, version";

/// Decodes a row of [`CONTACT`].
pub fn contact(row: &Row) -> Result<Contact, StoreError> {
    Ok(Contact {
        id: row.try_get(0)?,
        student_id: row.try_get(1)?,
        email: row.try_get(2)?,
        first_name: row.try_get(3)?,
        last_name: row.try_get(4)?,
        ndecc_exam_date: row.try_get(5)?,
        version: row.try_get(6)?,
    })
}

/// Columns of [`booking`], in its order.
pub const BOOKING: &str = "id, contact_id, slot_id, offering_id, booked_slot_id, status, guests, code, \
    exclusive_date, paid_by, credit_kind, token_used, attending_location, dominant_hand, attendance, cancelled_at, \
    cancelled_by, credit_returned_at, returned_kind, refunded_by, trip_id, payment_id, price_minor, expires_at, \
    version, created_at";

/// Decodes a row of [`BOOKING`].
pub fn booking(row: &Row) -> Result<Booking, StoreError> {
    Ok(Booking {
        id: row.try_get(0)?,
        contact_id: row.try_get(1)?,
        slot_id: row.try_get(2)?,
        offering_id: row.try_get(3)?,
        booked_slot_id: row.try_get(4)?,
        status: parsed(row.try_get(5)?, BookingStatus::parse)?,
        guests: row.try_get(6)?,
        code: row.try_get(7)?,
        exclusive_date: row.try_get(8)?,
        paid_by: parsed(row.try_get(9)?, PaidBy::parse)?,
        credit_kind: row.try_get::<_, Option<&str>>(10)?.map(Arc::from),
        token_used: row.try_get(11)?,
        attending_location: row.try_get(12)?,
        dominant_hand: parsed_or_null(row.try_get(13)?, Hand::parse)?,
        attendance: parsed_or_null(row.try_get(14)?, Attendance::parse)?,
        cancelled_at: row.try_get(15)?,
        cancelled_by: row.try_get(16)?,
        credit_returned_at: row.try_get(17)?,
        returned_kind: row.try_get::<_, Option<&str>>(18)?.map(Arc::from),
        refunded_by: row.try_get(19)?,
        purchase: purchase(row, 20)?,
        expires_at: row.try_get(23)?,
        version: row.try_get(24)?,
        created_at: row.try_get(25)?,
    })
}

/// All three columns or none (`bookings_payment`).
fn purchase(row: &Row, first: usize) -> Result<Option<Purchase>, StoreError> {
    let (trip_id, payment_id, price_minor): (Option<Uuid>, Option<Uuid>, Option<i64>) =
        (row.try_get(first)?, row.try_get(first + 1)?, row.try_get(first + 2)?);
    Ok(trip_id.zip(payment_id).zip(price_minor).map(|((trip_id, payment_id), price_minor)| Purchase {
        trip_id,
        payment_id,
        price_minor,
    }))
}

/// A text column that holds one of an enum's names.
pub fn parsed<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    parse(text).ok_or_else(|| StoreError::Corrupt(format!("unknown value {text:?}")))
}

fn parsed_or_null<T>(text: Option<&str>, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
    text.map(|text| parsed(text, parse)).transpose()
}
