//! Import a booking of a trip: take it over as it stands elsewhere.
//!
//! It is paid for by a payment that was taken over, or brings the money along that it costs: recorded money that nobody
//! can send back by Stripe. A booking that was cancelled without money is one whose hold expired.

use crate::codes::reference;
use crate::command::ImportTripBooking;
use crate::decide::add_offering::price_problem;
use crate::decide::book::describe;
use crate::decide::import_booking::{Standing, does_not_fit};
use crate::decide::trips::record_payment::{never_came, recorded};
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome};
use crate::refusal::Refusal;
use crate::rows::{
    Booking, BookingStatus, Entity, Family, Offering, PaidBy, Payment, PaymentSource, PaymentStatus, Purchase, Slot,
    SlotStatus, Trip, TripStatus,
};

pub(in crate::decide) fn import_trip_booking(act: &mut Act<'_>, c: &ImportTripBooking) -> Result<Outcome, Stop> {
    act.contact(c.contact_id)?;
    let slot = act.slot(c.slot_id)?;
    let offering = act.offering(slot.offering_id)?;
    if offering.family != Family::Experience {
        return Err(Refusal::SlotNotFound.into());
    }
    let trip = act.ledger.trip(c.trip_id).filter(|trip| trip.contact_id == c.contact_id).cloned();
    let trip = trip.ok_or(Refusal::TripNotFound)?;
    let payment = c.payment_id.map(|id| act.payment(id)).transpose()?;
    if payment.as_ref().is_some_and(|payment| payment.contact_id != c.contact_id) {
        return Err(Refusal::PaymentNotFound.into());
    }
    check_fields(c)?;

    // It is here: whatever has become of it since stays.
    if let Some(here) = act.ledger.booking(c.id) {
        let (status, answer) = (here.status, Answer::Booked(describe(here, &slot, &offering, None)));
        return act.unchanged(Entity::Booking, c.id, answer, Some(status));
    }
    if let Some(payment) = &payment {
        check_payment(act, c, payment)?;
    }
    if c.status.is_live() {
        if slot.status == SlotStatus::Cancelled {
            return Err(Refusal::SlotCancelled.into());
        }
        if slot.available() < c.guests {
            return Err(Refusal::Full { requested: c.guests, available: slot.available() }.into());
        }
    }

    // Effects.
    let payment = match payment {
        Some(payment) if payment.trip_id.is_none() => {
            let used = Payment { trip_id: Some(c.trip_id), ..payment.clone() };
            Some(act.change_payment("payment.used", &payment, used))
        }
        Some(payment) => Some(payment),
        None if c.price_minor > 0 => {
            let own = own_money(act, c);
            act.make_payment("payment.imported", own.clone());
            Some(own)
        }
        None => None,
    };
    let booking = booking_of(act, c, &slot, &offering, payment.as_ref());
    if booking.status.is_live() {
        act.ledger.take_seats(slot.id, booking.guests);
    }
    if booking.purchase.is_some() {
        follow(act, &trip, booking.status);
    }
    let (status, answer) = (booking.status, Answer::Booked(describe(&booking, &slot, &offering, None)));
    act.make_booking("booking.imported", booking);
    act.done(answer, Some(status))
}

fn check_fields(c: &ImportTripBooking) -> Result<(), Refusal> {
    let ImportTripBooking { guests, status, attendance, cancelled_at, .. } = *c;
    let mut wrong = Standing { guests, status, attendance, cancelled_at }.problems();
    if let Some(problem) = price_problem(c.price_minor) {
        wrong.insert("price", problem);
    }
    if status == BookingStatus::Cancelled && attendance.is_some() {
        wrong.insert("attendance", does_not_fit(status));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(wrong)) }
}

/// Whether the payment has the money that the booking costs, and it has not gone to other bookings.
fn check_payment(act: &Act<'_>, c: &ImportTripBooking, payment: &Payment) -> Result<(), Refusal> {
    if payment.source != PaymentSource::Recorded || payment.trip_id.is_some_and(|trip_id| trip_id != c.trip_id) {
        return Err(Refusal::PaymentUsed);
    }
    let is_over = payment.status == PaymentStatus::Refunded;
    let fits = match c.status {
        BookingStatus::Confirmed => payment.status.pays(),
        BookingStatus::Cancelled => payment.status.pays() || is_over || payment.status == PaymentStatus::Failed,
        _ => payment.status.pays() || is_over,
    };
    if !fits {
        return Err(Refusal::PaymentNotSucceeded { status: payment.status });
    }
    let of_others = act.ledger.bookings_of_payment(payment.id).into_iter().filter_map(|booking| booking.purchase);
    let spent: i64 = of_others.map(|purchase| purchase.price_minor).sum();
    if spent + c.price_minor > payment.amount_minor {
        return Err(Refusal::AmountMismatch {
            paid_minor: payment.amount_minor - spent,
            paid_currency: payment.currency.clone(),
            needed_minor: c.price_minor,
            needed_currency: payment.currency.clone(),
        });
    }
    Ok(())
}

/// The money that a booking brings along. Of one that was cancelled nobody says that any came.
fn own_money(act: &mut Act<'_>, c: &ImportTripBooking) -> Payment {
    let created_at = c.created_at.unwrap_or(act.now);
    let currency = act.ledger.org.currency.clone();
    let came = recorded(act.fresh_id(), c.contact_id, c.price_minor, currency, created_at);
    let money = if c.status == BookingStatus::Cancelled { never_came(came) } else { came };
    Payment { trip_id: Some(c.trip_id), reference: Some(format!("import:booking:{}", c.id)), ..money }
}

fn booking_of(
    act: &Act<'_>,
    c: &ImportTripBooking,
    slot: &Slot,
    offering: &Offering,
    payment: Option<&Payment>,
) -> Booking {
    let never_paid = payment.is_some_and(|payment| payment.status == PaymentStatus::Failed);
    let is_cancelled = c.status == BookingStatus::Cancelled && !never_paid;
    let purchase =
        payment.map(|payment| Purchase { trip_id: c.trip_id, payment_id: payment.id, price_minor: c.price_minor });
    Booking {
        id: c.id,
        contact_id: c.contact_id,
        slot_id: slot.id,
        offering_id: offering.id,
        booked_slot_id: slot.id,
        status: if never_paid { BookingStatus::Expired } else { c.status },
        guests: c.guests,
        code: c.code.clone().unwrap_or_else(|| reference(c.id)),
        exclusive_date: None,
        paid_by: if purchase.is_some() { PaidBy::Payment } else { PaidBy::Override },
        credit_kind: None,
        token_used: None,
        attending_location: None,
        dominant_hand: None,
        attendance: c.attendance,
        cancelled_at: is_cancelled.then(|| c.cancelled_at.unwrap_or(act.now)),
        cancelled_by: None,
        credit_returned_at: None,
        returned_kind: None,
        refunded_by: None,
        purchase,
        expires_at: None,
        version: 1,
        created_at: c.created_at.unwrap_or(act.now),
    }
}

/// A trip with a live booking is booked; one whose bookings have all ended is cancelled.
fn follow(act: &mut Act<'_>, trip: &Trip, status: BookingStatus) {
    if status.is_live() {
        act.set_trip(trip.id, TripStatus::Booked);
    } else if trip.status == TripStatus::Planning {
        act.set_trip(trip.id, TripStatus::Cancelled);
    }
}
