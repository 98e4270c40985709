//! A small trips marketplace, and what travellers, Stripe and operators do there.
//!
//! Every request of these tests passes [`Market::ask`], which checks the laws after each.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::outcome::*;
use surehold_core::rows::*;
use surehold_core::{Answer, Outcome, Request};
use uuid::Uuid;

use crate::trip_laws::laws_hold;
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
