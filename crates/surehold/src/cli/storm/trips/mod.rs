//! Trips: many travellers, a few slots, money that comes, comes late, or does not; and a Stripe whose webhooks are
//! delayed, reordered, repeated and lost. Judged from outside: the API's view against Stripe's.

mod counter;
mod habits;
mod judge;
mod last_seat;
mod report;
mod settle;
mod simulator;
mod stage;
mod there;
mod traveller;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::counter::Counter;
use self::judge::{Known, judge};
pub use self::report::Report;
pub use self::simulator::Simulator;
use self::stage::Stage;
use self::there::There;
use self::traveller::{Journey, World, travel};
use super::super::output::count;
use super::api::Api;
use super::plan::Trips;
use super::there::check_laws;
use crate::cli::progress;

/// Storms, and judges.
pub async fn storm(
    trips: Trips,
    (ours, service): (&Api, &Api),
    simulator: &Simulator,
    org_id: &str,
    tell: impl Fn(String),
) -> anyhow::Result<Report> {
    let stage = Stage::set(ours, trips.seats).await?;
    let slots = stage.by_id();
    tell(format!(
        "{} of 1 to 5 slots each, out of {} with {} each, paid at {}, at {} …",
        count(trips.trips, "trip"),
        stage::SLOTS,
        count(trips.seats, "seat"),
        simulator.url(),
        service.url()
    ));
    let world = Arc::new(World {
        stage,
        ours: ours.clone(),
        service: service.clone(),
        simulator: simulator.clone(),
        counter: Counter::default(),
        held: AtomicUsize::new(0),
    });
    let before = simulator.whole(org_id).await?.acknowledged;
    let (checked_out, sessions) = last_seat::check_out(&world).await?;
    let booked = last_seat::book(&world).await?;
    is_paid_here(simulator, org_id, &sessions).await?;
    for session in &sessions {
        simulator.act(session, "pay").await?;
    }
    simulator.set_faults(&faults(trips.trips)).await?;
    let journeys = travel_all(&world, trips.trips).await?;
    tell("everybody has paid or left; waiting until every payment has come to its end …".to_owned());
    let settled = settle::settle(ours, simulator, org_id).await?;
    simulator.clear_faults().await?;

    let there = There::read(ours, service, simulator, org_id).await?;
    let (counted, last) = (world.counter.counted(), world.stage.last_to_book);
    let known =
        Known { slots: &slots, booked_elsewhere: (last.id, last.seats), journeys: &journeys, more_sessions: &sessions };
    let mut checks = vec![checked_out, booked];
    checks.extend(judge(&known, &settled, &counted, &there));
    checks.push(check_laws(ours).await?);
    let webhooks = settled.acknowledged.saturating_sub(before);
    Ok(Report::new(service.url(), &journeys, counted, (webhooks, settled), &there, checks))
}

/// What goes wrong meanwhile. None of it excuses anything.
fn faults(trips: u32) -> Value {
    let lost = trips / 2;
    json!({
        "webhooks": {
            "delay_ms": [0, 800], "reorder": true,
            "duplicate": { "probability": 0.4 }, "twin": { "probability": 0.2 },
            "drop": [{ "times": lost, "retried": true }],
        },
        "api": {
            "latency_ms": [0, 40],
            "timeout_after_effect": [
                { "method": "POST", "path": "/v1/checkout/sessions", "times": 2 },
                { "method": "POST", "path": "/v1/refunds", "times": 1 },
            ],
        },
    })
}

/// The sessions of this server are this simulator's.
async fn is_paid_here(simulator: &Simulator, org_id: &str, sessions: &[String]) -> anyhow::Result<()> {
    let there = simulator.whole(org_id).await?.sessions;
    let is_here = sessions.iter().all(|id| there.iter().any(|session| session.id == *id));
    anyhow::ensure!(
        is_here,
        "the server takes its payments somewhere else than at {}: give the address of its own stand-in for Stripe with \
         --stripe-api-base",
        simulator.url()
    );
    Ok(())
}

/// All at once. Who interrupts the storm stops them, too.
async fn travel_all(world: &Arc<World>, trips: u32) -> anyhow::Result<Vec<Journey>> {
    let mut travellers = JoinSet::new();
    for number in 0..trips as usize {
        let world = Arc::clone(world);
        travellers.spawn(async move { travel(&world, number).await });
    }
    let bar = progress::bar(trips as usize, "trips");
    let mut journeys = Vec::with_capacity(travellers.len());
    while let Some(journey) = travellers.join_next().await {
        journeys.push(journey??);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(journeys)
}
