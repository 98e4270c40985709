//! A trips marketplace with a desk: what tests tell their stories about.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;
use surehold::desk::{Desk, DeskError};
use surehold_core::command::*;
use surehold_core::outcome::{PaymentSaved, TripHeld};
use surehold_core::rows::{SlotStatus, StripeEvent};
use surehold_core::{Answer, Outcome};
use uuid::Uuid;

use super::School;
use super::school::{request, times_on};

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
        let walk = add_offering(&school, "City walk", 5000).await;
        Marketplace { school, walk }
    }

    /// A slot of the city walk with so many seats.
    pub async fn slot(&self, capacity: i32) -> Uuid {
        let day = date(2030, 5, 4);
        let command = OpenSlot {
            offering_id: self.walk,
            name: "City walk".to_owned(),
            times: times_on(day),
            location: None,
            mock_set: None,
            capacity,
            withheld: 0,
            status: SlotStatus::Active,
            activates_at: None,
            prerequisites: Vec::new(),
            price_minor: None,
            one_per_start: false,
            hubspot_id: None,
        };
        match self.submit(Command::OpenSlot(command)).await.expect("a new slot").answer {
            Answer::SlotOpened(saved) => saved.slot_id,
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Several slots with so many seats each, sorted as the desk locks them.
    pub async fn slots(&self, count: usize, capacity: i32) -> Vec<Uuid> {
        let mut ids = futures::future::join_all((0..count).map(|_| self.slot(capacity))).await;
        ids.sort_unstable();
        ids
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

    /// The hold came to its end a second ago.
    pub async fn is_due(&self, trip: &TripHeld) {
        let id = trip.payment_id;
        let sql = format!(
            "BEGIN;
             UPDATE payments SET pay_until = now() - interval '3 s', expires_at = now() - interval '1 s' WHERE id = '{id}';
             UPDATE bookings SET expires_at = now() - interval '1 s'
             WHERE payment_id = '{id}' AND status = 'pending_payment';
             COMMIT"
        );
        self.db.owner().await.batch_execute(&sql).await.unwrap();
    }

    /// Taken and held seats of a slot.
    pub async fn seats(&self, slot_id: Uuid) -> (i32, i32) {
        let row = self.db.owner().await.query_one("SELECT taken, held FROM slots WHERE id = $1", &[&slot_id]).await;
        let row = row.unwrap();
        (row.get(0), row.get(1))
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

async fn add_offering(school: &School, name: &str, price_minor: i64) -> Uuid {
    let terms = OfferingTerms { price_minor: Some(price_minor), ..OfferingTerms::default() };
    let command = Command::AddOffering(AddOffering { name: name.to_owned(), terms });
    match school.submit(command).await.expect("a new experience").answer {
        Answer::OfferingSaved(saved) => saved.offering_id,
        other => panic!("unexpected {other:?}"),
    }
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
