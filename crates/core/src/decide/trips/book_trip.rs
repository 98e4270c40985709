//! Book a trip with money that is there: all items or none. With a payment whose session was paid, the bookings
//! that it settled are the answer; the same payment always has the same bookings.

use super::items::{self, Cutoff};
use super::rows::money_left;
use crate::command::BookTrip;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome, TripBooked, TripBooking};
use crate::refusal::Refusal;
use crate::rows::{BookingStatus, Payment, TripStatus};

pub(in crate::decide) fn book_trip(act: &mut Act<'_>, c: &BookTrip) -> Result<Outcome, Stop> {
    let payment = act.payment(c.payment_id)?;
    if payment.contact_id != c.contact_id {
        return Err(Refusal::PaymentNotFound.into());
    }
    let trip = act.ledger.trip(c.trip_id);
    if trip.is_some_and(|trip| trip.contact_id != c.contact_id) {
        return Err(Refusal::TripNotFound.into());
    }
    if c.items.is_empty() {
        return Err(Refusal::EmptyTrip.into());
    }
    if !payment.status.pays() {
        return Err(Refusal::PaymentNotSucceeded { status: payment.status }.into());
    }
    // That of a checkout has its trip from the start.
    if payment.trip_id.is_some() {
        return again(act, c, &payment);
    }
    if trip.is_some_and(|trip| trip.status == TripStatus::Booked) {
        let paid = act.ledger.payments().find(|p| p.trip_id == Some(c.trip_id) && p.status.pays());
        return Err(Refusal::TripAlreadyBooked { payment_id: paid.map(|p| p.id) }.into());
    }
    if let Some(open) = act.ledger.payments().find(|p| p.trip_id == Some(c.trip_id) && p.status.is_open()) {
        return Err(Refusal::CheckoutOpen { payment_id: open.id }.into());
    }
    let priced = items::check(act, &c.items, Cutoff::Passed)?;
    let needed_minor = items::total(&priced);
    let needed_currency = act.ledger.org.currency.clone();
    let paid_minor = money_left(act, &payment);
    if paid_minor < needed_minor || payment.currency != needed_currency {
        return Err(Refusal::AmountMismatch {
            paid_minor,
            paid_currency: payment.currency,
            needed_minor,
            needed_currency,
        }
        .into());
    }

    // Effects.
    act.ensure_trip(c.trip_id, c.contact_id);
    act.set_trip(c.trip_id, TripStatus::Booked);
    let used = Payment { trip_id: Some(c.trip_id), ..payment.clone() };
    let payment = act.change_payment("payment.used", &payment, used);
    let bookings = act.make_trip_bookings(&payment, c.trip_id, &priced, BookingStatus::Confirmed);
    let answer = TripBooked { trip_id: c.trip_id, payment_id: payment.id, bookings };
    act.done(Answer::TripBooked(answer), None)
}

/// The bookings that this money pays for already.
fn again(act: &mut Act<'_>, c: &BookTrip, payment: &Payment) -> Result<Outcome, Stop> {
    let bookings = act.ledger.bookings_of_payment(payment.id);
    if payment.trip_id != Some(c.trip_id) || !items::same(&c.items, &bookings) {
        return Err(Refusal::PaymentUsed.into());
    }
    let bookings = bookings.into_iter().map(TripBooking::from).collect();
    let answer = TripBooked { trip_id: c.trip_id, payment_id: payment.id, bookings };
    act.given_before(payment, Answer::TripBooked(answer))
}
