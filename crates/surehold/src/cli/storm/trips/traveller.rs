//! One traveller: checks out, pays or does not, and comes back to the success page.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use rand::RngExt;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::api::Api;
use super::counter::{CANCEL, CHECKOUT, Counter, PAGE, RELEASE};
use super::habits::{self, Habit};
use super::simulator::Simulator;
use super::stage::{Item, Stage};

/// Tries of somebody who was refused: seats come back while others leave.
const ROUNDS: usize = 4;
/// Looks at the success page by somebody who waits there.
const LOOKS: usize = 40;
/// Between two of them, in milliseconds.
const GLANCE: Range<u64> = 20..150;

/// What all travellers share.
pub struct World {
    pub stage: Stage,
    /// The office.
    pub ours: Api,
    /// The shop.
    pub service: Api,
    pub simulator: Simulator,
    pub counter: Counter,
    /// Trips that were held so far: each gets the next habit.
    pub held: AtomicUsize,
}

/// What came of one traveller.
#[derive(Debug, Default)]
pub struct Journey {
    /// `None`: there were never seats for all of the trip.
    pub habit: Option<Habit>,
    /// Sessions that the server has answered.
    pub sessions: Vec<String>,
    /// Sessions of which the success page said that their money had come.
    pub promised: Vec<String>,
    /// Answers that contradict each other.
    pub faults: Vec<String>,
}

/// Held seats, as the server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    session: String,
    payment: String,
    trip: String,
}

struct Traveller<'w> {
    world: &'w World,
    user: Uuid,
    /// Whether they come back to the success page; else only webhooks tell.
    comes_back: bool,
    journey: Journey,
}

/// One traveller's whole journey.
///
/// # Errors
///
/// The simulator does not do as it is told.
pub async fn travel(world: &World, number: usize) -> anyhow::Result<Journey> {
    let comes_back = number.is_multiple_of(2);
    let mut traveller = Traveller { world, user: Uuid::new_v4(), comes_back, journey: Journey::default() };
    let items = world.stage.trip();
    let clicks = if number % 4 == 1 { 2 } else { 1 };
    for round in 0..ROUNDS {
        if let Some(held) = traveller.clicks(&items, None, clicks).await {
            let habit = habits::ALL[world.held.fetch_add(1, Ordering::Relaxed) % habits::ALL.len()];
            traveller.journey.habit = Some(habit);
            traveller.goes_on(habit, &items, held).await?;
            break;
        }
        pause(50 << round..400 << round).await;
    }
    Ok(traveller.journey)
}

impl Traveller<'_> {
    async fn goes_on(&mut self, habit: Habit, items: &[Item], held: Held) -> anyhow::Result<()> {
        let session = held.session.as_str();
        match habit {
            Habit::Pays => self.acts(session, &["pay"]).await?,
            Habit::DeclinedFirst => self.acts(session, &["fail", "pay"]).await?,
            Habit::PaysLater => self.acts(session, &["pay_later", "async_succeed"]).await?,
            Habit::TransferFails => self.acts(session, &["pay_later", "async_fail"]).await?,
            Habit::Leaves => self.acts(session, &["expire"]).await?,
            Habit::ClicksAgain => {
                let again = self.clicks(items, Some(&held.trip), 3).await;
                if again.as_ref() != Some(&held) {
                    self.journey.faults.push(format!("a double click on {} was answered {again:?}", held.trip));
                }
                self.acts(session, &["pay"]).await?;
            }
            Habit::ChangesItems => {
                let other = self.world.stage.trip();
                let changed = self.clicks(&other, Some(&held.trip), 1).await.unwrap_or(held);
                self.acts(&changed.session, &["pay"]).await?;
            }
            Habit::PaysTwice => {
                let simulator = &self.world.simulator;
                let (one, other) = tokio::join!(simulator.act(session, "pay"), simulator.act(session, "pay"));
                if one? && other? {
                    self.journey.faults.push(format!("{session} was paid twice"));
                }
                self.clicks(items, Some(&held.trip), 1).await;
                self.looks(session).await;
            }
            Habit::PaysWhileChanging => self.pays_while_changing(held).await?,
            Habit::Cancels => self.pays_and_cancels(session).await?,
            Habit::PaysTooLate => {
                self.world.simulator.act(session, "pay_later").await?;
                let path = format!("/api/admin/payments/{}/release", held.payment);
                let world = self.world;
                world.counter.ask(&world.ours, RELEASE, Method::POST, &path, Some(&json!({}))).await;
                // Others take the seats meanwhile, or do not.
                pause(100..1500).await;
                self.acts(session, &["async_succeed"]).await?;
            }
        }
        Ok(())
    }

    async fn pays_while_changing(&mut self, held: Held) -> anyhow::Result<()> {
        let (world, other) = (self.world, self.world.stage.trip());
        let pay = world.simulator.act(&held.session, "pay");
        let (paid, changed) = tokio::join!(pay, self.clicks(&other, Some(&held.trip), 1));
        let paid = paid?;
        self.looks(&held.session).await;
        match changed {
            Some(changed) if changed.session != held.session => {
                if paid {
                    self.journey.faults.push(format!("{} was paid, and its trip changed all the same", held.session));
                }
                self.acts(&changed.session, &["pay"]).await
            }
            _ => Ok(()),
        }
    }

    async fn pays_and_cancels(&mut self, session: &str) -> anyhow::Result<()> {
        self.world.simulator.act(session, "pay").await?;
        for _ in 0..LOOKS {
            let Some(seen) = self.looks_once(session).await else { break };
            let booking = seen["bookings"].as_array().and_then(|all| all.first());
            let confirmed = booking.filter(|booking| booking["status"] == "confirmed");
            if let Some(id) = confirmed.and_then(|booking| booking["id"].as_str()) {
                let (path, world) = (format!("/functions/v1/bookings/{id}/cancel"), self.world);
                let body = json!({ "userId": self.user });
                world.counter.ask(&world.service, CANCEL, Method::POST, &path, Some(&body)).await;
                break;
            }
            pause(GLANCE).await;
        }
        Ok(())
    }

    /// Checks out, several times at once; all are to give the same. `None`: refused.
    async fn clicks(&mut self, items: &[Item], trip: Option<&str>, times: usize) -> Option<Held> {
        let (world, body) = (self.world, checkout(self.user, items, trip));
        let path = "/functions/v1/checkout";
        let one = || world.counter.ask(&world.service, CHECKOUT, Method::POST, path, Some(&body));
        let replies = join_all((0..times).map(|_| one())).await;
        let mut all: Vec<Held> = replies.iter().flatten().filter_map(|reply| held(reply.body())).collect();
        self.journey.sessions.extend(all.iter().map(|held| held.session.clone()));
        all.dedup();
        if all.len() > 1 {
            self.journey.faults.push(format!("a double click was answered twice: {all:?}"));
        }
        all.pop()
    }

    /// Does one thing after another on Stripe's page, and comes back or does not.
    async fn acts(&mut self, session: &str, actions: &[&str]) -> anyhow::Result<()> {
        for action in actions {
            self.world.simulator.act(session, action).await?;
            if self.comes_back {
                self.looks_once(session).await;
            } else {
                pause(GLANCE).await;
            }
        }
        self.looks(session).await;
        Ok(())
    }

    /// Waits on the success page for a while, or does not.
    async fn looks(&mut self, session: &str) {
        if !self.comes_back {
            return;
        }
        for _ in 0..LOOKS {
            let Some(seen) = self.looks_once(session).await else { return };
            if !matches!(seen["status"].as_str(), Some("pending" | "processing")) {
                return;
            }
            pause(GLANCE).await;
        }
    }

    async fn looks_once(&mut self, session: &str) -> Option<Value> {
        let (world, path) = (self.world, format!("/functions/v1/checkout/{session}"));
        let reply = world.counter.ask(&world.service, PAGE, Method::GET, &path, None).await?;
        if !reply.status.is_success() {
            return None;
        }
        if reply.body()["status"] == "succeeded" {
            self.journey.promised.push(session.to_owned());
        }
        Some(reply.body().clone())
    }
}

/// The body of a checkout.
pub fn checkout(user: Uuid, items: &[Item], trip: Option<&str>) -> Value {
    let mut body = json!({
        "userId": user, "tripItems": items.iter().map(Item::json).collect::<Vec<_>>(),
        "successUrl": "https://storm.example/thanks?session={CHECKOUT_SESSION_ID}",
        "cancelUrl": "https://storm.example/trip",
    });
    if let Some(trip) = trip {
        body["tripId"] = trip.into();
    }
    body
}

fn held(body: &Value) -> Option<Held> {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    Some(Held { session: text("sessionId")?, payment: text("paymentId")?, trip: text("tripId")? })
}

/// So many milliseconds.
async fn pause(within: Range<u64>) {
    let pause = rand::rng().random_range(within);
    tokio::time::sleep(Duration::from_millis(pause)).await;
}
