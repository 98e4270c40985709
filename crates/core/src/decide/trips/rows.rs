//! Trips, payments and refunds: read them or refuse; every change with its version and its journal row.

use serde_json::json;
use uuid::Uuid;

use super::items::Priced;
use crate::codes::reference;
use crate::command::Key;
use crate::decide::act::text;
use crate::decide::contacts::insert_contact;
use crate::decide::{Act, Stop};
use crate::outcome::{Answer, Outcome, PaymentSaved, RefundRequested, TripBooking};
use crate::refusal::Refusal;
use crate::rows::{
    Booking, BookingStatus, Contact, Entity, PaidBy, Payment, Purchase, Refund, RefundStatus, Trip, TripStatus,
};

impl Act<'_> {
    /// A payment, whose contact and whose bookings' slots are locked.
    pub fn payment(&self, id: Uuid) -> Result<Payment, Stop> {
        let payment = self.ledger.payment(id).ok_or(Refusal::PaymentNotFound)?;
        let bookings = self.ledger.bookings_of_payment(id);
        let all_locked = self.ledger.contact(payment.contact_id).is_some()
            && bookings.iter().all(|booking| self.ledger.slot(booking.slot_id).is_some());
        if all_locked { Ok(payment.clone()) } else { Err(Stop::ResolveAgain) }
    }

    /// A traveller is known by the marketplace's user id alone; who is new is put on the books.
    pub fn ensure_traveller(&mut self, id: Uuid) {
        if self.ledger.contact(id).is_none() {
            let contact = Contact {
                id,
                student_id: id.to_string().to_uppercase(),
                email: String::new(),
                first_name: String::new(),
                last_name: String::new(),
                ndecc_exam_date: None,
                version: 1,
            };
            insert_contact(self, contact);
        }
    }

    /// The trip of this id and traveller, new if it has to be.
    pub fn ensure_trip(&mut self, id: Uuid, contact_id: Uuid) -> Trip {
        if let Some(trip) = self.ledger.trip(id) {
            return trip.clone();
        }
        let trip = Trip { id, contact_id, status: TripStatus::Planning, version: 1, created_at: self.now };
        self.make_trip("trip.added", trip.clone());
        trip
    }

    /// Adds a new trip.
    pub fn make_trip(&mut self, event: &'static str, trip: Trip) {
        self.journal_trip(event, None, &trip);
        self.ledger.write_trip(trip);
    }

    /// Notes where a trip stands, if that is new.
    pub fn set_trip(&mut self, id: Uuid, status: TripStatus) {
        let Some(before) = self.ledger.trip(id).cloned().filter(|trip| trip.status != status) else { return };
        let after = Trip { status, version: before.version + 1, ..before.clone() };
        let event = match status {
            TripStatus::Planning => "trip.reopened",
            TripStatus::Booked => "trip.booked",
            TripStatus::Cancelled => "trip.cancelled",
        };
        self.journal_trip(event, Some(&before), &after);
        self.ledger.write_trip(after);
    }

    /// A booked trip without a live booking is a cancelled one. Whichever payment they are of: a trip that was given
    /// up may have been booked anew.
    pub fn end_trip_without_bookings(&mut self, booking: &Booking) {
        let Some(Purchase { trip_id, .. }) = booking.purchase else { return };
        let of_trip = |b: &Booking| b.purchase.is_some_and(|purchase| purchase.trip_id == trip_id);
        let any_live = self.ledger.bookings_of(booking.contact_id).any(|b| b.status.is_live() && of_trip(b));
        let is_booked = self.ledger.trip(trip_id).is_some_and(|trip| trip.status == TripStatus::Booked);
        if is_booked && !any_live {
            self.set_trip(trip_id, TripStatus::Cancelled);
        }
    }

    fn journal_trip(&mut self, event: &'static str, before: Option<&Trip>, after: &Trip) {
        let facts = |trip: &Trip| {
            text(&json!({ "contact_id": trip.contact_id, "status": trip.status, "version": trip.version }))
        };
        self.journal(event, Entity::Trip, after.id, before.map(facts), Some(facts(after)));
    }

    /// Adds a new payment.
    pub fn make_payment(&mut self, event: &'static str, payment: Payment) {
        self.journal(event, Entity::Payment, payment.id, None, Some(text(&payment_facts(&payment))));
        self.ledger.write_payment(payment);
    }

    /// Replaces a payment by its changed self.
    pub fn change_payment(&mut self, event: &'static str, before: &Payment, mut after: Payment) -> Payment {
        after.version = before.version + 1;
        let (old, new) = (text(&payment_facts(before)), text(&payment_facts(&after)));
        self.journal(event, Entity::Payment, after.id, Some(old), Some(new));
        self.ledger.write_payment(after.clone());
        after
    }

    /// An answer that was given before in other words. It is a replay, unless it is remembered under another key now.
    pub fn given_before(&mut self, payment: &Payment, answer: Answer) -> Result<Outcome, Stop> {
        let replayed = matches!(self.request.key, Key::Made(_));
        let outcome = self.unchanged(Entity::Payment, payment.id, answer, None)?;
        Ok(Outcome { replayed, ..outcome })
    }

    /// The answer about a payment that was changed.
    pub fn payment_done(&mut self, payment: &Payment) -> Result<Outcome, Stop> {
        self.done(Answer::PaymentSaved(saved(payment, true)), None)
    }

    /// The answer about a payment that stays as it is.
    pub fn payment_unchanged(&mut self, payment: &Payment) -> Result<Outcome, Stop> {
        self.unchanged(Entity::Payment, payment.id, Answer::PaymentSaved(saved(payment, false)), None)
    }

    /// Asks for money to go back: a row, which a worker sends to Stripe.
    pub fn request_refund(
        &mut self,
        payment: &Payment,
        booking_id: Option<Uuid>,
        amount_minor: i64,
        reason: &str,
    ) -> RefundRequested {
        let refund = Refund {
            id: self.fresh_id(),
            payment_id: payment.id,
            booking_id,
            amount_minor,
            status: RefundStatus::Requested,
            reason: reason.to_owned(),
            stripe_refund_id: None,
            problem: None,
            version: 1,
            created_at: self.now,
        };
        let answer = RefundRequested {
            refund_id: refund.id,
            payment_id: payment.id,
            amount_minor,
            currency: payment.received_currency.clone().unwrap_or_else(|| payment.currency.clone()),
        };
        self.make_refund("refund.requested", refund);
        answer
    }

    /// Adds a new refund.
    pub fn make_refund(&mut self, event: &'static str, refund: Refund) {
        self.journal(event, Entity::Refund, refund.id, None, Some(text(&refund_facts(&refund))));
        self.ledger.write_refund(refund);
    }

    /// Replaces a refund by its changed self.
    pub fn change_refund(&mut self, event: &'static str, before: &Refund, mut after: Refund) {
        after.version = before.version + 1;
        let (old, new) = (text(&refund_facts(before)), text(&refund_facts(&after)));
        self.journal(event, Entity::Refund, after.id, Some(old), Some(new));
        self.ledger.write_refund(after);
    }

    /// Makes the bookings of a trip, and takes or holds their seats.
    pub(super) fn make_trip_bookings(
        &mut self,
        payment: &Payment,
        trip_id: Uuid,
        priced: &[Priced],
        status: BookingStatus,
    ) -> Vec<TripBooking> {
        let event = if status.is_taken() { "booking.confirmed" } else { "booking.held" };
        let mut made = Vec::with_capacity(priced.len());
        for item in priced {
            let id = self.fresh_id();
            let booking = Booking {
                id,
                contact_id: payment.contact_id,
                slot_id: item.slot.id,
                offering_id: item.offering.id,
                booked_slot_id: item.slot.id,
                status,
                guests: item.guests,
                code: reference(id),
                exclusive_date: None,
                paid_by: PaidBy::Payment,
                credit_kind: None,
                token_used: None,
                attending_location: None,
                dominant_hand: None,
                attendance: None,
                cancelled_at: None,
                cancelled_by: None,
                credit_returned_at: None,
                returned_kind: None,
                refunded_by: None,
                purchase: Some(Purchase { trip_id, payment_id: payment.id, price_minor: item.price_minor() }),
                expires_at: payment.expires_at.filter(|_| status == BookingStatus::PendingPayment),
                version: 1,
                created_at: self.now,
            };
            if status.is_taken() {
                self.ledger.take_seats(item.slot.id, item.guests);
            } else {
                self.ledger.hold_seats(item.slot.id, item.guests);
            }
            made.push(TripBooking::from(&booking));
            self.make_booking(event, booking);
        }
        made
    }

    /// Moves the bookings of a payment that are in one of `from` to another state, with their seats.
    pub fn move_trip_bookings(
        &mut self,
        payment_id: Uuid,
        from: &[BookingStatus],
        to: BookingStatus,
        event: &'static str,
        reason: Option<&str>,
    ) {
        let bookings = self.ledger.bookings_of_payment(payment_id).into_iter().cloned().collect::<Vec<Booking>>();
        for before in bookings.into_iter().filter(|booking| from.contains(&booking.status)) {
            if before.status.is_live() {
                self.give_seats_back(&before);
            }
            let mut after = before.clone();
            after.status = to;
            after.expires_at = None;
            if to.is_taken() {
                self.ledger.take_seats(after.slot_id, after.guests);
            } else if to.is_live() {
                self.ledger.hold_seats(after.slot_id, after.guests);
            }
            if to == BookingStatus::Cancelled {
                after.cancelled_at = Some(self.now);
                after.cancelled_by = Some(self.request.principal.to_string());
            }
            self.change_booking_because(event, &before, &mut after, reason);
        }
    }
}

/// What of a payment's money is neither back nor on its way back, in minor units.
pub(super) fn money_left(act: &Act<'_>, payment: &Payment) -> i64 {
    let back: i64 = going_back(act, payment).map(|refund| refund.amount_minor).sum();
    (payment.money() - back).max(0)
}

/// What can still go back of a booking's money, in minor units: never more than of its payment.
pub(in crate::decide) fn refundable(act: &Act<'_>, payment: &Payment, booking: &Booking) -> i64 {
    let of_this = going_back(act, payment).filter(|refund| refund.booking_id == Some(booking.id));
    let back: i64 = of_this.map(|refund| refund.amount_minor).sum();
    let price = booking.purchase.map_or(0, |purchase| purchase.price_minor);
    (price - back).min(money_left(act, payment)).max(0)
}

fn going_back<'a>(act: &'a Act<'_>, payment: &Payment) -> impl Iterator<Item = &'a Refund> {
    act.ledger.refunds_of(payment.id).filter(|refund| refund.status != RefundStatus::Failed)
}

fn saved(payment: &Payment, changed: bool) -> PaymentSaved {
    PaymentSaved {
        payment_id: payment.id,
        trip_id: payment.trip_id,
        status: payment.status,
        flag: payment.flag.clone(),
        changed,
    }
}

fn payment_facts(payment: &Payment) -> serde_json::Value {
    let mut facts = json!({
        "contact_id": payment.contact_id, "trip_id": payment.trip_id, "source": payment.source,
        "status": payment.status, "amount_minor": payment.amount_minor, "currency": payment.currency,
        "received_minor": payment.received_minor, "received_currency": payment.received_currency,
        "refunded_minor": payment.refunded_minor, "reference": payment.reference,
        "stripe_session_id": payment.stripe_session_id, "stripe_payment_intent": payment.stripe_payment_intent,
        "pay_until": payment.pay_until, "reason": payment.reason, "flag": payment.flag,
        "stripe_dispute_id": payment.stripe_dispute_id, "version": payment.version,
    });
    if let Some(object) = facts.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    facts
}

fn refund_facts(refund: &Refund) -> serde_json::Value {
    json!({
        "payment_id": refund.payment_id, "booking_id": refund.booking_id, "amount_minor": refund.amount_minor,
        "status": refund.status, "reason": refund.reason, "stripe_refund_id": refund.stripe_refund_id,
        "problem": refund.problem, "version": refund.version,
    })
}
