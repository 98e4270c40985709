//! Import a booking: take it over as it stands elsewhere.
//!
//! A balance that is brought over is net of the bookings that it paid for. So an imported booking brings the credits that
//! it costs, and where they came back, takes those out again: its entries say what it cost and that it came back, and the
//! balance stays what it was there.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::codes::booking_code;
use crate::command::ImportBooking;
use crate::decide::adjust_credits::check_kinds;
use crate::decide::book::{describe, duplicate};
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome};
use crate::refusal::Refusal;
use crate::rows::{
    Attendance, Booking, BookingStatus, Contact, Entity, EntryReason, Offering, PaidBy, Slot, SlotStatus,
};

pub(super) fn import_booking(act: &mut Act<'_>, c: &ImportBooking) -> Result<Outcome, Stop> {
    let contact = act.contact(c.contact_id)?;
    let slot = act.slot(c.slot_id)?;
    let offering = act.offering(slot.offering_id)?;
    check_fields(c)?;
    check_kinds(act, c.credit_kind.iter())?;

    // It is here: whatever has become of it since stays.
    if let Some(here) = act.ledger.booking(c.id) {
        let (status, answer) = (here.status, Answer::Booked(describe(here, &slot, &offering, None)));
        return act.unchanged(Entity::Booking, c.id, answer, Some(status));
    }

    // One that holds no seat excludes nothing and needs no room.
    let exclusive_date = offering.one_per_day.then_some(slot.local_date);
    if c.status.is_live() {
        if slot.status == SlotStatus::Cancelled {
            return Err(Refusal::SlotCancelled.into());
        }
        let excludes = |b: &&Booking| {
            b.status.is_live()
                && (b.slot_id == slot.id
                    || (b.offering_id == offering.id && exclusive_date.is_some() && b.exclusive_date == exclusive_date))
        };
        if let Some(other) = act.ledger.bookings_of(contact.id).find(excludes) {
            return Err(duplicate(other).into());
        }
        if slot.available() < c.guests {
            return Err(Refusal::Full { requested: c.guests, available: slot.available() }.into());
        }
    }

    // Effects.
    let booking = booking_of(act, c, &contact, &slot, &offering);
    if booking.status.is_live() {
        act.ledger.take_seats(slot.id, booking.guests);
    }
    let balance = enter_credits(act, &booking);
    if let Some(hubspot_id) = &c.hubspot_id {
        act.ledger.link_hubspot(Entity::Booking, booking.id, hubspot_id.clone());
    }
    let (status, answer) = (booking.status, Answer::Booked(describe(&booking, &slot, &offering, balance)));
    act.make_booking("booking.imported", booking);
    act.done(answer, Some(status))
}

/// What a booking that is taken over has to say of itself, whatever it is for.
pub(super) struct Standing {
    /// Seats.
    pub guests: i32,
    /// Where it stands.
    pub status: BookingStatus,
    /// Whether the contact came.
    pub attendance: Option<Attendance>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
}

impl Standing {
    /// What of it cannot be, by field.
    pub fn problems(self) -> BTreeMap<&'static str, String> {
        let Standing { guests, status, attendance, cancelled_at } = self;
        let mut wrong = BTreeMap::new();
        if guests < 1 {
            wrong.insert("guests", "must be at least 1".to_owned());
        }
        let fits = match status {
            BookingStatus::Confirmed => attendance.is_none(),
            BookingStatus::Completed => attendance != Some(Attendance::No),
            BookingStatus::NoShow => attendance == Some(Attendance::No),
            BookingStatus::Cancelled => true,
            // A hold is the promise of money that comes here.
            BookingStatus::PendingPayment | BookingStatus::Processing | BookingStatus::Expired => {
                wrong.insert("status", format!("a booking that is {status} cannot be taken over"));
                true
            }
        };
        if !fits {
            wrong.insert("attendance", does_not_fit(status));
        }
        if cancelled_at.is_some() && status != BookingStatus::Cancelled {
            wrong.insert("cancelled_at", does_not_fit(status));
        }
        wrong
    }
}

/// What is said of a field that a booking of this status does not have.
pub(super) fn does_not_fit(status: BookingStatus) -> String {
    format!("does not fit a booking that is {status}")
}

fn check_fields(c: &ImportBooking) -> Result<(), Refusal> {
    let ImportBooking { guests, status, attendance, cancelled_at, .. } = *c;
    let mut wrong = Standing { guests, status, attendance, cancelled_at }.problems();
    if c.credit_returned.is_some() && c.credit_kind.is_none() {
        wrong.insert("credit_returned", "no credit paid, so none can have come back".to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(wrong)) }
}

fn booking_of(act: &Act<'_>, c: &ImportBooking, contact: &Contact, slot: &Slot, offering: &Offering) -> Booking {
    let own_code = || booking_code(offering.code_style, &offering.name, &contact.student_id, slot.local_date, c.id);
    let is_cancelled = c.status == BookingStatus::Cancelled;
    let returned = c.credit_returned.as_ref();
    Booking {
        id: c.id,
        contact_id: contact.id,
        slot_id: slot.id,
        offering_id: offering.id,
        booked_slot_id: slot.id,
        status: c.status,
        guests: c.guests,
        code: c.code.clone().unwrap_or_else(own_code),
        exclusive_date: offering.one_per_day.then_some(slot.local_date),
        paid_by: if c.credit_kind.is_some() { PaidBy::Credit } else { PaidBy::Override },
        credit_kind: c.credit_kind.clone(),
        token_used: c.token_used.clone(),
        attending_location: c.attending_location.clone(),
        dominant_hand: c.dominant_hand,
        attendance: c.attendance,
        cancelled_at: is_cancelled.then(|| c.cancelled_at.unwrap_or(act.now)),
        cancelled_by: None,
        credit_returned_at: returned.map(|returned| returned.at.unwrap_or(act.now)),
        returned_kind: c.credit_kind.clone().filter(|_| returned.is_some()),
        refunded_by: returned.and_then(|returned| returned.by.clone()),
        purchase: None,
        expires_at: None,
        version: 1,
        created_at: c.created_at.unwrap_or(act.now),
    }
}

/// What it cost, and that it came back. The balance is in the end what it was. Returns it.
fn enter_credits(act: &mut Act<'_>, booking: &Booking) -> Option<i64> {
    let kind = booking.credit_kind.clone()?;
    let (credits, id) = (i64::from(booking.guests), Some(booking.id));
    act.enter_credit(booking.contact_id, kind.clone(), credits, EntryReason::Import, None);
    let mut balance = act.enter_credit(booking.contact_id, kind.clone(), -credits, EntryReason::Booking, id);
    if booking.credit_returned_at.is_some() {
        act.enter_credit(booking.contact_id, kind.clone(), credits, EntryReason::Return, id);
        balance = act.enter_credit(booking.contact_id, kind, -credits, EntryReason::Import, None);
    }
    Some(balance)
}
