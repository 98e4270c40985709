//! Ten requests for the last seat, at the same moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use futures::future::try_join_all;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use uuid::Uuid;

use super::super::api::{Api, Reply};
use super::super::check::Check;
use super::counter::{BOOK, CHECKOUT, Errand};
use super::stage::{Item, Slot};
use super::traveller::{World, checkout};

/// So many ask.
const REQUESTS: usize = 10;
/// What all but one are told.
const GONE: &str = "Slot no longer available";

/// Many check out the last seat. Gives the session of the one who got it, too.
pub async fn check_out(world: &Arc<World>) -> anyhow::Result<(Check, Vec<String>)> {
    let slot = world.stage.last_to_check_out;
    let bodies = (0..REQUESTS).map(|_| checkout(Uuid::new_v4(), &[Item { slot, guests: 1 }], None)).collect();
    let replies = at_once(world, CHECKOUT, "/functions/v1/checkout", bodies).await?;
    let sessions = replies.iter().filter_map(|reply| reply.body()["sessionId"].as_str().map(str::to_owned)).collect();
    Ok((judge("last seat, checked out", &replies, 201), sessions))
}

/// Many who have paid elsewhere book the last seat.
pub async fn book(world: &Arc<World>) -> anyhow::Result<Check> {
    let slot = world.stage.last_to_book;
    let bodies = try_join_all((0..REQUESTS).map(|number| paid_elsewhere(&world.ours, slot, number))).await?;
    let replies = at_once(world, BOOK, "/functions/v1/create-booking", bodies).await?;
    Ok(judge("last seat, booked", &replies, 200))
}

async fn paid_elsewhere(ours: &Api, slot: Slot, number: usize) -> anyhow::Result<Value> {
    let user = Uuid::new_v4();
    let money = json!({ "reference": format!("storm-{number}-{user}"), "userId": user, "amount": slot.price });
    let reply = ours.post("/api/admin/payments", &money).await?.expect(201, "record a payment")?;
    let items = [Item { slot, guests: 1 }.json()];
    Ok(json!({ "paymentId": reply.text("id")?, "tripId": Uuid::new_v4(), "userId": user, "tripItems": items }))
}

async fn at_once(
    world: &Arc<World>,
    errand: Errand,
    path: &'static str,
    bodies: Vec<Value>,
) -> anyhow::Result<Vec<Reply>> {
    let start = Arc::new(Barrier::new(bodies.len()));
    let requests = bodies.into_iter().map(|body| {
        let (world, start) = (Arc::clone(world), Arc::clone(&start));
        tokio::spawn(async move {
            start.wait().await;
            let begin = Instant::now();
            let reply = world.service.post(path, &body).await;
            world.counter.count(errand, &reply, begin.elapsed());
            reply
        })
    });
    let mut replies = Vec::with_capacity(REQUESTS);
    for request in requests.collect::<Vec<_>>() {
        replies.push(request.await?.context("a request for the last seat has no answer")?);
    }
    Ok(replies)
}

fn judge(check: &'static str, replies: &[Reply], success: u16) -> Check {
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for reply in replies {
        let name = match reply.status.as_u16() {
            status if status == success => "booked".to_owned(),
            _ if reply.sentence() == GONE => GONE.to_owned(),
            status => format!("{status} {} {}", reply.code(), reply.sentence()),
        };
        *answers.entry(name).or_default() += 1;
    }
    let is_right = answers.get("booked") == Some(&1) && answers.get(GONE) == Some(&(replies.len() - 1));
    let found: Vec<String> = answers.iter().rev().map(|(answer, n)| format!("{n} x {answer}")).collect();
    Check::new(check, is_right, found.join(", "))
}
