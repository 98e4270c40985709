//! Trips at the desk: a marketplace, and how travellers hold seats, pay for them, and come to the end of their time.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;
use surehold::desk::{Desk, DeskError};
use surehold_core::command::*;
use surehold_core::outcome::{PaymentSaved, TripHeld};
use surehold_core::rows::StripeEvent;
use surehold_core::{Answer, Outcome};
use uuid::Uuid;

use super::School;
use super::school::{request, slot_of, times_on};

/// A marketplace with an experience; else it has what a school has.
pub struct Marketplace {
    school: School,
    /// 50.00 a guest.
    pub walk: Uuid,
}

impl Deref for Marketplace {
    type Target = School;
    fn deref(&self) -> &School {
        &self.school
    }
}

impl Marketplace {
    /// A marketplace whose desk works in lanes.
    pub async fn open() -> Marketplace {
        Marketplace::at(School::open().await).await
    }

    /// A marketplace that decides each command in a transaction of its own.
    pub async fn one_by_one() -> Marketplace {
        Marketplace::at(School::one_by_one().await).await
    }

    async fn at(school: School) -> Marketplace {
        let walk = school.add_experience(school.org_id, "City walk", at_price(5000)).await;
        Marketplace { school, walk }
    }

    /// A slot of the city walk with so many seats.
    pub async fn slot(&self, capacity: i32) -> Uuid {
        self.open_slot(self.org_id, slot_of(self.walk, times_on(date(2030, 5, 4)), capacity)).await
    }

    /// Several slots with so many seats each, sorted as the desk locks them.
    pub async fn slots(&self, count: usize, capacity: i32) -> Vec<Uuid> {
        let mut ids = futures::future::join_all((0..count).map(|_| self.slot(capacity))).await;
        ids.sort_unstable();
        ids
    }
}

/// Trips and their money, at a marketplace or at any other organisation.
impl School {
    /// Adds an experience to an organisation.
    pub async fn add_experience(&self, org_id: Uuid, name: &str, terms: OfferingTerms) -> Uuid {
        let command = Command::AddOffering(AddOffering { id: None, name: name.to_owned(), terms });
        match self.desk.submit(org_id, request(command)).await.expect("a new experience").answer {
            Answer::OfferingSaved(saved) => saved.offering_id,
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Holds seats of some slots, one each.
    pub async fn hold(&self, who: Uuid, slots: &[Uuid]) -> Result<TripHeld, DeskError> {
        self.hold_at(&self.desk, hold(who, slots)).await
    }

    /// The same at another server.
    pub async fn hold_at(&self, desk: &Desk, hold: HoldTrip) -> Result<TripHeld, DeskError> {
        held(desk.submit(self.org_id, request(Command::HoldTrip(hold))).await)
    }

    /// The money of a trip is there.
    pub async fn settle(&self, trip: &TripHeld) -> Result<PaymentSaved, DeskError> {
        self.settle_at(&self.desk, trip).await
    }

    /// The same at another server.
    pub async fn settle_at(&self, desk: &Desk, trip: &TripHeld) -> Result<PaymentSaved, DeskError> {
        payment(desk.submit(self.org_id, request(paid(trip))).await)
    }

    /// Time goes by for a payment: its session and its hold end so many seconds from now.
    pub async fn time_goes_by(&self, payment_id: Uuid, pay_until: i64, expires_at: i64) {
        let at = |seconds: i64| format!("now() + interval '{seconds} seconds'");
        let (pay, end) = (at(pay_until), at(expires_at));
        let sql = format!(
            "WITH holds AS (
                UPDATE bookings SET expires_at = {end} WHERE payment_id = '{payment_id}' AND expires_at IS NOT NULL)
             UPDATE payments SET pay_until = {pay}, expires_at = {end} WHERE id = '{payment_id}'"
        );
        assert_eq!(self.db.owner().await.execute(&sql, &[]).await.unwrap(), 1);
    }

    /// The hold came to its end a second ago.
    pub async fn is_due(&self, trip: &TripHeld) {
        self.time_goes_by(trip.payment_id, -3, -1).await;
    }

    /// How many bookings of a trip's payment stand where.
    pub async fn statuses(&self, trip: &TripHeld) -> HashMap<String, i64> {
        let sql = "SELECT status, count(*) FROM bookings WHERE payment_id = $1 GROUP BY status";
        let rows = self.db.owner().await.query(sql, &[&trip.payment_id]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Where a payment stands.
    pub async fn status(&self, payment_id: Uuid) -> String {
        let sql = "SELECT status FROM payments WHERE id = $1";
        self.db.owner().await.query_one(sql, &[&payment_id]).await.unwrap().get(0)
    }
}

/// Terms of an experience at so much a guest.
pub fn at_price(price_minor: i64) -> OfferingTerms {
    OfferingTerms { price_minor: Some(price_minor), ..OfferingTerms::default() }
}

/// A traveller goes to the checkout with one guest for each slot.
pub fn hold(contact_id: Uuid, slots: &[Uuid]) -> HoldTrip {
    let item = |slot_id: &Uuid| TripItem { slot_id: *slot_id, guests: 1, expected: ExpectedItem::default() };
    HoldTrip {
        contact_id,
        trip_id: None,
        items: slots.iter().map(item).collect(),
        success_url: "https://trips.example/thanks".to_owned(),
        cancel_url: "https://trips.example/cart".to_owned(),
        customer_email: None,
        pay_seconds: 35 * 60,
    }
}

/// Stripe has the money of this trip, as it was asked for.
pub fn paid(trip: &TripHeld) -> Command {
    Command::Settle(Settle {
        payment_id: trip.payment_id,
        amount_minor: trip.amount_minor,
        currency: trip.currency.clone(),
        session_id: Some(format!("cs_{}", trip.payment_id.simple())),
        stripe_payment_intent: Some(format!("pi_{}", trip.payment_id.simple())),
    })
}

/// Dollars that were taken elsewhere.
pub fn record(contact_id: Uuid, reference: &str, amount_minor: i64) -> RecordPayment {
    RecordPayment {
        contact_id,
        reference: reference.to_owned(),
        amount_minor,
        currency: "usd".to_owned(),
        stripe_payment_intent: None,
    }
}

/// What Stripe's webhook makes of an event.
pub fn from_stripe(event_id: &str, command: Command) -> Request {
    let event = StripeEvent {
        id: event_id.to_owned(),
        kind: "checkout.session.completed".to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        payload: "{}".to_owned(),
    };
    Request {
        principal: Arc::from("system:stripe"),
        key: Key::Given(event_id.to_owned()),
        stripe_event: Some(Arc::new(event)),
        ..request(command)
    }
}

pub fn held(result: Result<Outcome, DeskError>) -> Result<TripHeld, DeskError> {
    match result?.answer {
        Answer::TripHeld(trip) => Ok(trip),
        other => panic!("unexpected {other:?}"),
    }
}

pub fn payment(result: Result<Outcome, DeskError>) -> Result<PaymentSaved, DeskError> {
    match result?.answer {
        Answer::PaymentSaved(payment) => Ok(payment),
        other => panic!("unexpected {other:?}"),
    }
}
