//! Book: take seats on a slot and pay for them with credits, or by an operator's override.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::codes::booking_code;
use crate::command::{Book, Key, Pay};
use crate::decide::{Act, Stop, check_on_sale};
use crate::key::derived;
use crate::outcome::{Answer, Booked, Outcome};
use crate::refusal::Refusal;
use crate::rows::{Booking, BookingStatus, CreditKind, EntryReason, Family, Offering, PaidBy, Slot, SlotStatus};

/// The label that a booking shows when nothing paid for it.
const OVERRIDE_LABEL: &str = "Admin Override";

pub(super) fn book(act: &mut Act<'_>, c: &Book) -> Result<Outcome, Stop> {
    let contact = act.contact(c.contact_id)?;
    let slot = act.slot(c.slot_id)?;
    let offering = act.offering(slot.offering_id)?;

    // What the request says wrongly.
    check_expectations(c, &slot, &offering)?;
    check_fields(c, &offering)?;
    let kinds = payable_kinds(c, &offering)?;

    // An active booking of this contact on this slot is the answer, if the caller sent no key.
    let here = act.ledger.bookings_of(contact.id).find(|b| b.slot_id == slot.id && b.status.is_live());
    if let Some(booking) = here {
        return match &act.request.key {
            Key::Made(_) => Ok(Outcome {
                answer: Answer::Booked(describe(booking, &slot, &offering, balance_of(act, booking))),
                replayed: true,
                booking_status: Some(booking.status),
            }),
            Key::Given(_) => Err(duplicate(booking).into()),
        };
    }

    // The state of the slot. An operator may book ahead of the sale and after the start.
    if c.pay != Pay::Override {
        check_on_sale(&slot, act.now)?;
    } else if slot.status == SlotStatus::Cancelled {
        return Err(Refusal::SlotNotActive { activates_at: None }.into());
    } else if slot.is_blocked {
        return Err(Refusal::SlotBlocked.into());
    }

    // The contact's other bookings.
    let exclusive_date = offering.one_per_day.then_some(slot.local_date);
    if let Some(date) = exclusive_date
        && let Some(other) = act
            .ledger
            .bookings_of(contact.id)
            .find(|b| b.offering_id == offering.id && b.exclusive_date == Some(date) && b.status.is_live())
    {
        return Err(duplicate(other).into());
    }
    if c.pay != Pay::Override {
        check_prerequisites(act, contact.id, &slot, None)?;
    }

    // Seats before credits: nobody should buy credits for a full session.
    if slot.available() < c.guests {
        return Err(Refusal::Full { requested: c.guests, available: slot.available() }.into());
    }
    let kind = match &c.pay {
        Pay::Override => None,
        Pay::Credit { .. } => Some(choose_kind(act, contact.id, kinds, c.guests)?),
    };

    // Effects.
    let id = act.fresh_id();
    let code = c
        .code
        .clone()
        .unwrap_or_else(|| booking_code(offering.code_style, &offering.name, &contact.student_id, slot.local_date, id));
    let token_used = match &kind {
        Some(kind) => act.ledger.org.token_label(kind).unwrap_or(kind).to_owned(),
        None => OVERRIDE_LABEL.to_owned(),
    };
    let booking = Booking {
        id,
        contact_id: contact.id,
        slot_id: slot.id,
        offering_id: offering.id,
        booked_slot_id: slot.id,
        status: BookingStatus::Confirmed,
        guests: c.guests,
        code,
        exclusive_date,
        paid_by: if kind.is_some() { PaidBy::Credit } else { PaidBy::Override },
        credit_kind: kind.clone(),
        token_used: Some(token_used),
        attending_location: c.attending_location.clone(),
        dominant_hand: c.dominant_hand,
        attendance: None,
        cancelled_at: None,
        cancelled_by: None,
        credit_returned_at: None,
        returned_kind: None,
        refunded_by: None,
        purchase: None,
        expires_at: None,
        version: 1,
        created_at: act.now,
    };
    let before = act.ledger.bookings_of(contact.id).filter(|b| b.booked_slot_id == slot.id).count();
    act.ledger.take_seats(slot.id, c.guests);
    let balance =
        kind.map(|kind| act.enter_credit(contact.id, kind, -i64::from(c.guests), EntryReason::Booking, Some(id)));
    let answer = Answer::Booked(describe(&booking, &slot, &offering, balance));
    act.make_booking("booking.confirmed", booking);
    let key = match &act.request.key {
        Key::Given(key) => key.clone(),
        Key::Made(_) => derived(offering.family, contact.id, slot.id, before),
    };
    act.done_as(key, answer, Some(BookingStatus::Confirmed))
}

fn check_expectations(c: &Book, slot: &Slot, offering: &Offering) -> Result<(), Refusal> {
    if c.expected.family.is_some()
        && offering.family == Family::Experience
        && c.expected.family != Some(Family::Experience)
    {
        // Trips are not sold here; that they exist is nobody's business here either.
        return Err(Refusal::SlotNotFound);
    }
    if c.expected.family.is_some_and(|family| family != offering.family) {
        return Err(Refusal::WrongFamily { actual: offering.name.clone() });
    }
    let mut wrong = BTreeMap::new();
    if c.expected.offering.as_ref().is_some_and(|name| *name != offering.name) {
        wrong.insert("mock_type", format!("the session is a {}", offering.name));
    }
    if c.expected.local_date.is_some_and(|date| date != slot.local_date) {
        wrong.insert("exam_date", format!("the session is on {}", slot.local_date));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(wrong)) }
}

fn check_fields(c: &Book, offering: &Offering) -> Result<(), Refusal> {
    let mut wrong = BTreeMap::new();
    if c.guests < 1 {
        wrong.insert("guests", "must be at least 1".to_owned());
    }
    if offering.needs_dominant_hand && c.dominant_hand.is_none() {
        wrong.insert("dominant_hand", format!("is required for {}: right or left", offering.name));
    }
    if offering.needs_attending_location && c.attending_location.is_none() {
        wrong.insert("attending_location", format!("is required for {}", offering.name));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(wrong)) }
}

/// `leaving`: a booking that will not be where it is, if this goes well.
pub(super) fn check_prerequisites(
    act: &Act<'_>,
    contact_id: Uuid,
    slot: &Slot,
    leaving: Option<Uuid>,
) -> Result<(), Refusal> {
    let met = |required: &Uuid| {
        act.ledger.bookings_of(contact_id).any(|b| {
            b.slot_id == *required
                && Some(b.id) != leaving
                && (b.status == BookingStatus::Confirmed || b.status == BookingStatus::Completed)
        })
    };
    let missing: Vec<Uuid> = slot.prerequisites.iter().copied().filter(|id| !met(id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::PrerequisiteNotMet { missing, required: slot.prerequisites.len() })
}

/// The kinds of credit that may pay: those of the policy, or the one of them that the caller chose.
fn payable_kinds<'o>(c: &Book, offering: &'o Offering) -> Result<&'o [CreditKind], Refusal> {
    let policy = offering.credit_policy.as_slice();
    let Pay::Credit { only: Some(kind) } = &c.pay else { return Ok(policy) };
    policy.iter().find(|allowed| *allowed == kind).map(std::slice::from_ref).ok_or_else(|| {
        Refusal::CreditKindNotAllowed {
            kind: kind.to_string(),
            allowed: policy.iter().map(ToString::to_string).collect(),
        }
    })
}

/// The first kind that covers the booking: the specific one, then the shared one.
fn choose_kind(act: &Act<'_>, contact_id: Uuid, kinds: &[CreditKind], guests: i32) -> Result<CreditKind, Refusal> {
    let needed = i64::from(guests);
    if let Some(kind) = kinds.iter().find(|kind| act.ledger.balance(contact_id, kind) >= needed) {
        return Ok(kind.clone());
    }
    Err(Refusal::InsufficientCredits {
        needed,
        available: kinds.iter().map(|kind| act.ledger.balance(contact_id, kind)).max().unwrap_or(0),
        kinds: kinds.to_vec(),
    })
}

pub(super) fn duplicate(booking: &Booking) -> Refusal {
    Refusal::DuplicateBooking { booking_id: booking.id, code: booking.code.clone() }
}

fn balance_of(act: &Act<'_>, booking: &Booking) -> Option<i64> {
    let kind = booking.credit_kind.as_ref()?;
    Some(act.ledger.balance(booking.contact_id, kind))
}

pub(super) fn describe(booking: &Booking, slot: &Slot, offering: &Offering, balance: Option<i64>) -> Booked {
    Booked {
        booking_id: booking.id,
        code: booking.code.clone(),
        contact_id: booking.contact_id,
        slot_id: slot.id,
        offering: offering.name.clone(),
        local_date: slot.local_date,
        local_start: slot.local_start,
        local_end: slot.local_end,
        location: slot.location.clone(),
        guests: booking.guests,
        credit_kind: booking.credit_kind.clone(),
        token_used: booking.token_used.clone(),
        balance,
        attending_location: booking.attending_location.clone(),
        dominant_hand: booking.dominant_hand,
    }
}
