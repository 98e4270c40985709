//! Hold a trip: every seat of it out of sale until it is paid, or none.

use jiff::SignedDuration;

use super::items::{self, Cutoff, Priced};
use crate::command::HoldTrip;
use crate::decide::act::text;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome, TripBooking, TripHeld};
use crate::refusal::Refusal;
use crate::rows::{
    BookingStatus, CheckoutLine, CheckoutRequest, Payment, PaymentSource, PaymentStatus, Trip, TripStatus,
};

/// The hold outlives its session by this. A session that is paid in its last moment is settled before its seats
/// go back on sale, and no call to Stripe is needed to know that it cannot be paid any more.
const HOLD_OUTLIVES_SESSION: SignedDuration = SignedDuration::from_mins(2);

pub(in crate::decide) fn hold_trip(act: &mut Act<'_>, c: &HoldTrip) -> Result<Outcome, Stop> {
    if c.items.is_empty() {
        return Err(Refusal::EmptyTrip.into());
    }
    // The trip's own state.
    let trip = match c.trip_id {
        Some(id) => act.ledger.trip(id).cloned(),
        None => open_trip_with(act, c),
    };
    if let Some(trip) = &trip {
        if trip.contact_id != c.contact_id {
            return Err(Refusal::TripNotFound.into());
        }
        if let Some(outcome) = open_checkout(act, c, trip)? {
            return Ok(outcome);
        }
    }
    let priced = items::check(act, &c.items, Cutoff::Counts)?;

    // Effects.
    act.ensure_traveller(c.contact_id);
    let trip_id = trip.map(|trip| trip.id).or(c.trip_id).unwrap_or_else(|| act.fresh_id());
    act.ensure_trip(trip_id, c.contact_id);
    act.set_trip(trip_id, TripStatus::Planning);
    let payment = new_payment(act, c, trip_id, &priced);
    act.make_payment("payment.opened", payment.clone());
    let bookings = act.make_trip_bookings(&payment, trip_id, &priced, BookingStatus::PendingPayment);
    act.done(Answer::TripHeld(held(&payment, bookings)), None)
}

/// The traveller's open trip with the same items: a double click makes one trip.
fn open_trip_with(act: &Act<'_>, c: &HoldTrip) -> Option<Trip> {
    let mut open = act.ledger.payments().filter(|p| p.contact_id == c.contact_id && p.status.is_open());
    let payment = open.find(|p| items::same(&c.items, &act.ledger.bookings_of_payment(p.id)))?;
    act.ledger.trip(payment.trip_id?).cloned()
}

/// What an earlier checkout of the trip answers, if there is one.
fn open_checkout(act: &mut Act<'_>, c: &HoldTrip, trip: &Trip) -> Result<Option<Outcome>, Stop> {
    if trip.status == TripStatus::Booked {
        let paid = act.ledger.payments().find(|p| p.trip_id == Some(trip.id) && p.status.pays());
        return Err(Refusal::TripAlreadyBooked { payment_id: paid.map(|p| p.id) }.into());
    }
    let Some(open) = act.ledger.payments().find(|p| p.trip_id == Some(trip.id) && p.status.is_open()).cloned() else {
        return Ok(None);
    };
    if open.status == PaymentStatus::Processing {
        return Err(Refusal::PaymentProcessing { payment_id: open.id }.into());
    }
    let bookings = act.ledger.bookings_of_payment(open.id);
    if !items::same(&c.items, &bookings) || open.pay_until.is_none_or(|until| until <= act.now) {
        return Err(Refusal::CheckoutOpen { payment_id: open.id }.into());
    }
    let bookings = bookings.into_iter().map(TripBooking::from).collect();
    let answer = Answer::TripHeld(held(&open, bookings));
    act.given_before(&open, answer).map(Some)
}

fn new_payment(act: &mut Act<'_>, c: &HoldTrip, trip_id: uuid::Uuid, priced: &[Priced]) -> Payment {
    let pay_until = act.now + SignedDuration::from_secs(c.pay_seconds);
    let currency = act.ledger.org.currency.clone();
    let request = CheckoutRequest {
        lines: priced.iter().map(line).collect(),
        currency: currency.clone(),
        success_url: c.success_url.clone(),
        cancel_url: c.cancel_url.clone(),
        customer_email: c.customer_email.clone(),
    };
    Payment {
        id: act.fresh_id(),
        contact_id: c.contact_id,
        trip_id: Some(trip_id),
        source: PaymentSource::Checkout,
        status: PaymentStatus::Pending,
        amount_minor: items::total(priced),
        currency,
        received_minor: None,
        received_currency: None,
        refunded_minor: 0,
        reference: None,
        checkout: Some(text(&request)),
        stripe_session_id: None,
        checkout_url: None,
        stripe_payment_intent: None,
        pay_until: Some(pay_until),
        expires_at: Some(pay_until + HOLD_OUTLIVES_SESSION),
        processing_since: None,
        reason: None,
        flag: None,
        stripe_dispute_id: None,
        version: 1,
        created_at: act.now,
    }
}

fn line(item: &Priced) -> CheckoutLine {
    let begins = format!("{} {}", item.slot.local_date, item.slot.local_start.strftime("%H:%M"));
    CheckoutLine {
        name: format!("{}, {begins}", item.offering.name),
        unit_amount_minor: item.unit_minor,
        quantity: i64::from(item.guests),
    }
}

fn held(payment: &Payment, bookings: Vec<TripBooking>) -> TripHeld {
    TripHeld {
        trip_id: payment.trip_id.unwrap_or_default(),
        payment_id: payment.id,
        amount_minor: payment.amount_minor,
        currency: payment.currency.clone(),
        pay_until: payment.pay_until.unwrap_or_default(),
        expires_at: payment.expires_at.unwrap_or_default(),
        bookings,
    }
}
