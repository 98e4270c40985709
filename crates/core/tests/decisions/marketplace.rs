//! A small trips marketplace, and what travellers, Stripe and operators do there.
//!
//! Every request of these tests passes [`Market::ask`], which checks the laws after each.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::outcome::*;
use surehold_core::rows::*;
use surehold_core::{Answer, Ledger, Outcome, Request};
use uuid::Uuid;

use crate::world::*;

/// A walk through the city: 50.00 a guest.
pub const CITY: Uuid = Uuid::from_u128(0x61);
/// A hike: 33.33 a guest, four guests at most; half of the money back after the free limit.
pub const HIKE: Uuid = Uuid::from_u128(0x62);

/// What Stripe's webhook is known as.
pub const STRIPE: &str = "system:stripe";

pub struct Market(World);

impl Deref for Market {
    type Target = World;
    fn deref(&self) -> &World {
        &self.0
    }
}

impl DerefMut for Market {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.0
    }
}

/// The marketplace at noon (UTC) of 1 October 2026, three weeks before its slots.
pub fn market() -> Market {
    let mut world = world();
    for offering in experiences() {
        world.ledger.load_offering_name(offering.name.clone(), offering.id);
        world.ledger.load_offering(Arc::new(offering));
    }
    Market(world)
}

pub fn experiences() -> [Offering; 2] {
    let [.., tour] = offerings();
    let tour = Offering { credit_policy: Vec::new(), ..tour };
    [
        Offering { id: CITY, name: "City walk".to_owned(), price_minor: Some(5000), ..tour.clone() },
        Offering {
            id: HIKE,
            name: "Hike".to_owned(),
            price_minor: Some(3333),
            guests_max: 4,
            late_refund_percent: 50,
            ..tour
        },
    ]
}

impl Market {
    /// Without the checks of the laws.
    pub fn into_world(self) -> World {
        self.0
    }

    /// A slot of the city walk with so many seats.
    pub fn walk(&mut self, capacity: i32) -> Uuid {
        self.slot_with(CITY, capacity)
    }

    /// A slot of the hike with so many seats.
    pub fn hike(&mut self, capacity: i32) -> Uuid {
        self.slot_with(HIKE, capacity)
    }

    fn slot_with(&mut self, offering_id: Uuid, capacity: i32) -> Uuid {
        let id = self.session(offering_id);
        self.where_session(id, |s| s.capacity = capacity);
        id
    }

    /// An operator takes every free seat out of sale.
    pub fn sells_out(&mut self, slot_id: Uuid) {
        let free = self.slot(slot_id).available();
        self.ask(withhold(slot_id, free)).expect("seats to withhold");
    }

    // What people ask.

    pub fn ask(&mut self, command: impl Ask) -> Result<Outcome, Stop> {
        let request = self.request(PORTAL, None, command);
        self.ask_exactly(&request)
    }

    pub fn ask_with_key(&mut self, key: &str, command: impl Ask) -> Result<Outcome, Stop> {
        let request = self.request(PORTAL, Some(key), command);
        self.ask_exactly(&request)
    }

    /// An event of Stripe's, as its webhook passes it on.
    pub fn stripe_says(&mut self, event_id: &str, command: impl Ask) -> Result<Outcome, Stop> {
        let mut request = self.request(STRIPE, Some(event_id), command);
        request.stripe_event = Some(Arc::new(StripeEvent {
            id: event_id.to_owned(),
            kind: "checkout.session.completed".to_owned(),
            created_at: self.now,
            payload: "{}".to_owned(),
        }));
        self.ask_exactly(&request)
    }

    pub fn ask_exactly(&mut self, request: &Request) -> Result<Outcome, Stop> {
        let result = self.0.decide(request);
        laws_hold(&self.0.ledger);
        result
    }

    /// The command is done, and changes nothing.
    #[track_caller]
    pub fn changes_nothing(&mut self, command: impl Ask) -> Outcome {
        let before = self.ledger.writes().clone();
        let outcome = self.ask(command).expect("it is answered");
        let new_rows = &self.ledger.writes().journal[before.journal.len()..];
        assert!(*self.ledger.writes() == before, "it has changed something: {new_rows:?}");
        outcome
    }

    /// Holds a trip.
    #[track_caller]
    pub fn holds(&mut self, who: Uuid, items: &[(Uuid, i32)]) -> TripHeld {
        held(self.ask(hold(who, items)))
    }

    /// Holds a trip and pays for it.
    #[track_caller]
    pub fn buys(&mut self, who: Uuid, items: &[(Uuid, i32)]) -> TripHeld {
        let trip = self.holds(who, items);
        assert_eq!(saved_payment(self.ask(paid(&trip))).status, PaymentStatus::Succeeded);
        trip
    }

    /// The hold of this trip comes to its end.
    pub fn hold_ends(&mut self, trip: &TripHeld) {
        self.now = self.now.max(trip.expires_at);
        let payment = saved_payment(self.ask(ExpireHold { payment_id: trip.payment_id }));
        assert_eq!(payment.status, PaymentStatus::Failed);
    }

    // What people see afterwards.

    pub fn trip(&self, id: Uuid) -> Trip {
        self.ledger.trip(id).expect("a known trip").clone()
    }

    pub fn payment(&self, id: Uuid) -> Payment {
        self.ledger.payment(id).expect("a known payment").clone()
    }

    /// Where the bookings of a trip stand, in the order in which they were made.
    pub fn statuses(&self, trip: &TripHeld) -> Vec<BookingStatus> {
        trip.bookings.iter().map(|booking| self.booking(booking.id).status).collect()
    }

    pub fn refunds(&self, payment_id: Uuid) -> Vec<Refund> {
        self.ledger.refunds_of(payment_id).cloned().collect()
    }

    /// Taken and held seats.
    pub fn seats(&self, slot_id: Uuid) -> (i32, i32) {
        let slot = self.slot(slot_id);
        (slot.taken, slot.held)
    }

    /// The moment before which a traveller cancels without loss.
    pub fn free_until(&self, slot_id: Uuid) -> Timestamp {
        self.slot(slot_id).starts_at - SignedDuration::from_hours(24)
    }
}

/// Laws 1, 2, 5, 7 and 8 of what commands have made so far, and what the tables' constraints say of it.
pub fn laws_hold(ledger: &Ledger) {
    let writes = ledger.writes();
    let bookings: Vec<&Booking> = writes.bookings.keys().filter_map(|id| ledger.booking(*id)).collect();
    for slot in writes.slots.keys().filter_map(|id| ledger.slot(*id)) {
        assert!(slot.taken >= 0 && slot.held >= 0 && slot.withheld >= 0 && slot.available() >= 0, "law 1: {slot:?}");
        let seats = |counts: fn(BookingStatus) -> bool| -> i32 {
            bookings.iter().filter(|b| b.slot_id == slot.id && counts(b.status)).map(|b| b.guests).sum()
        };
        let (taken, held) = (seats(BookingStatus::is_taken), seats(|s| s.is_live() && !s.is_taken()));
        assert_eq!((slot.taken, slot.held), (taken, held), "law 2: {slot:?}");
    }
    journal_is_complete(ledger);
    for booking in bookings.iter().filter(|booking| booking.purchase.is_some()) {
        booking_has_its_money(ledger, booking);
    }
    for payment in ledger.payments() {
        money_is_accounted_for(ledger, payment);
    }
    for trip in writes.trips.keys().filter_map(|id| ledger.trip(*id)) {
        let of_trip = |p: &&Payment| p.trip_id == Some(trip.id);
        let open = ledger.payments().filter(of_trip).filter(|p| p.status.is_open()).count();
        assert!(open <= 1, "one open payment: {trip:?}");
        let confirmed =
            bookings.iter().any(|b| b.status.is_taken() && b.purchase.is_some_and(|p| p.trip_id == trip.id));
        assert_eq!(trip.status == TripStatus::Booked, confirmed, "{trip:?}");
    }
    let codes: BTreeSet<&str> = bookings.iter().map(|booking| booking.code.as_str()).collect();
    assert_eq!(codes.len(), bookings.len(), "references are unique");
}

fn journal_is_complete(ledger: &Ledger) {
    let writes = ledger.writes();
    let check = |entity: Entity, id: Uuid, version: i64, status: Option<&str>| {
        let rows = writes.journal.iter().filter(|row| (row.entity, row.entity_id) == (entity, id));
        let facts = rows.filter(|row| row.event != "request.unchanged").map(|row| row.after.as_deref());
        let facts: Vec<serde_json::Value> =
            facts.map(|text| serde_json::from_str(text.expect("facts")).expect("JSON")).collect();
        let versions: Vec<i64> = facts.iter().filter_map(|facts| facts["version"].as_i64()).collect();
        assert_eq!(versions, (1..=version).collect::<Vec<_>>(), "law 5: the versions of {entity} {id}");
        if let Some(status) = status {
            assert_eq!(facts.last().expect("a row")["status"], status, "law 5: {entity} {id}");
        }
    };
    for booking in writes.bookings.keys().filter_map(|id| ledger.booking(*id)) {
        check(Entity::Booking, booking.id, booking.version, Some(booking.status.as_str()));
    }
    for trip in writes.trips.keys().filter_map(|id| ledger.trip(*id)) {
        check(Entity::Trip, trip.id, trip.version, Some(trip.status.as_str()));
    }
    for payment in writes.payments.keys().filter_map(|id| ledger.payment(*id)) {
        check(Entity::Payment, payment.id, payment.version, Some(payment.status.as_str()));
    }
    for refund in writes.refunds.keys().filter_map(|id| ledger.refund(*id)) {
        check(Entity::Refund, refund.id, refund.version, Some(refund.status.as_str()));
    }
    for row in &writes.journal {
        let kept = |id: &String| writes.stripe_events.iter().any(|event| event.id == *id);
        assert!(row.stripe_event_id.as_ref().is_none_or(kept), "the event of {row:?} is kept");
    }
}

fn booking_has_its_money(ledger: &Ledger, booking: &Booking) {
    let payment = ledger.payment(booking.purchase.expect("a purchase").payment_id).expect("its payment");
    let went_through = payment.status.pays() || payment.status == PaymentStatus::Refunded;
    let fits = match booking.status {
        BookingStatus::PendingPayment => payment.status == PaymentStatus::Pending,
        BookingStatus::Processing => payment.status == PaymentStatus::Processing,
        BookingStatus::Confirmed => payment.status.pays(),
        BookingStatus::Expired => !payment.status.is_open() && !payment.status.pays(),
        BookingStatus::Cancelled | BookingStatus::Completed | BookingStatus::NoShow => went_through,
    };
    assert!(fits, "law 7: {booking:?} of {payment:?}");
    match booking.status {
        BookingStatus::PendingPayment => {
            assert_eq!(booking.expires_at, payment.expires_at, "law 8: {booking:?}");
            assert!(payment.pay_until < payment.expires_at, "law 8: {payment:?}");
        }
        _ => assert_eq!(booking.expires_at, None, "law 8: {booking:?}"),
    }
    assert!(booking.code.starts_with("PL-") && booking.code.len() == 11, "{booking:?}");
}

fn money_is_accounted_for(ledger: &Ledger, payment: &Payment) {
    let bookings = ledger.bookings_of_payment(payment.id);
    let price = |b: &&Booking| b.purchase.map_or(0, |purchase| purchase.price_minor);
    let prices: i64 = bookings.iter().map(price).sum();
    match payment.source {
        PaymentSource::Checkout => assert_eq!(payment.amount_minor, prices, "law 7: {payment:?}"),
        PaymentSource::Recorded => assert!(prices <= payment.money(), "law 7: {payment:?}"),
    }
    let back: i64 =
        ledger.refunds_of(payment.id).filter(|r| r.status != RefundStatus::Failed).map(|r| r.amount_minor).sum();
    assert!(back <= payment.money(), "law 7: {back} of {payment:?} goes back");
    assert!(payment.refunded_minor <= payment.money(), "law 7: {payment:?}");
    match payment.status {
        PaymentStatus::Pending => assert_eq!(payment.received_minor, None, "law 7: {payment:?}"),
        PaymentStatus::Failed => assert_eq!(payment.money(), 0, "law 7: {payment:?}"),
        PaymentStatus::Succeeded | PaymentStatus::PartiallyRefunded => {
            let as_asked = (payment.received_minor, payment.received_currency.as_ref());
            assert_eq!(as_asked, (Some(payment.amount_minor), Some(&payment.currency)), "law 7: {payment:?}");
        }
        PaymentStatus::Refunding | PaymentStatus::Refunded => {
            let is_seen_to = back == payment.money() || payment.flag.is_some();
            assert!(is_seen_to, "law 7: only {back} of {payment:?} goes back");
        }
        PaymentStatus::Processing => {}
    }
}

// Requests.

pub fn items(items: &[(Uuid, i32)]) -> Vec<TripItem> {
    let item = |(slot_id, guests): &(Uuid, i32)| TripItem {
        slot_id: *slot_id,
        guests: *guests,
        expected: ExpectedItem::default(),
    };
    items.iter().map(item).collect()
}

/// A traveller goes to the checkout.
pub fn hold(contact_id: Uuid, wanted: &[(Uuid, i32)]) -> HoldTrip {
    HoldTrip {
        contact_id,
        trip_id: None,
        items: items(wanted),
        success_url: "https://trips.example/thanks".to_owned(),
        cancel_url: "https://trips.example/cart".to_owned(),
        customer_email: None,
        pay_seconds: 35 * 60,
    }
}

/// Stripe has the money of this trip, as it was asked for.
pub fn paid(trip: &TripHeld) -> Settle {
    Settle {
        payment_id: trip.payment_id,
        amount_minor: trip.amount_minor,
        currency: trip.currency.clone(),
        session_id: Some("cs_1".to_owned()),
        stripe_payment_intent: Some("pi_1".to_owned()),
    }
}

/// The checkout of this trip is done, the money is on its way.
pub fn on_its_way(trip: &TripHeld) -> AwaitPayment {
    AwaitPayment {
        payment_id: trip.payment_id,
        session_id: Some("cs_1".to_owned()),
        stripe_payment_intent: Some("pi_1".to_owned()),
    }
}

pub fn release(trip: &TripHeld, reason: ReleaseReason) -> ReleasePayment {
    ReleasePayment { payment_id: trip.payment_id, reason }
}

/// An operator records money that was taken elsewhere.
pub fn record(contact_id: Uuid, reference: &str, amount_minor: i64) -> RecordPayment {
    RecordPayment {
        contact_id,
        reference: reference.to_owned(),
        amount_minor,
        currency: "usd".to_owned(),
        stripe_payment_intent: None,
    }
}

/// An operator refunds a booking, all that is left of it.
pub fn refund_all(booking_id: Uuid) -> RefundBooking {
    RefundBooking { booking_id, amount_minor: None, by_traveller: false, reason: None }
}

/// An operator refunds a part of a booking.
pub fn refund_part(booking_id: Uuid, amount_minor: i64) -> RefundBooking {
    RefundBooking { amount_minor: Some(amount_minor), ..refund_all(booking_id) }
}

/// A traveller asks for the money of a booking.
pub fn refund_to_traveller(booking_id: Uuid) -> RefundBooking {
    RefundBooking { by_traveller: true, ..refund_all(booking_id) }
}

/// A refund as Stripe has it: of ours, or made in its dashboard.
pub fn seen(stripe_id: &str, ours: Option<Uuid>, amount_minor: i64, status: RefundStatus) -> SeenRefund {
    SeenRefund { stripe_refund_id: stripe_id.to_owned(), refund_id: ours, amount_minor, status }
}

pub fn see(payment_id: Uuid, refunds: &[SeenRefund]) -> SeeRefunds {
    SeeRefunds { payment_id, refunds: refunds.to_vec() }
}

// Answers.

#[track_caller]
pub fn held(result: Result<Outcome, Stop>) -> TripHeld {
    match result.expect("it can be held").answer {
        Answer::TripHeld(trip) => trip,
        other => panic!("expected a held trip, got {other:?}"),
    }
}

#[track_caller]
pub fn booked_trip(result: Result<Outcome, Stop>) -> TripBooked {
    match result.expect("it can be booked").answer {
        Answer::TripBooked(trip) => trip,
        other => panic!("expected a booked trip, got {other:?}"),
    }
}

#[track_caller]
pub fn saved_payment(result: Result<Outcome, Stop>) -> PaymentSaved {
    match result.expect("it can be done").answer {
        Answer::PaymentSaved(payment) => payment,
        other => panic!("expected a payment, got {other:?}"),
    }
}

#[track_caller]
pub fn refunded(result: Result<Outcome, Stop>) -> BookingRefunded {
    match result.expect("it can be refunded").answer {
        Answer::BookingRefunded(refunded) => refunded,
        other => panic!("expected a refund, got {other:?}"),
    }
}

#[track_caller]
pub fn saved_offering(result: Result<Outcome, Stop>) -> OfferingSaved {
    match result.expect("it can be saved").answer {
        Answer::OfferingSaved(offering) => offering,
        other => panic!("expected an offering, got {other:?}"),
    }
}
