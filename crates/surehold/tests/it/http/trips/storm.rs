//! Fifty travellers, scarce seats, and webhooks that come late, twice, in reverse or not at all: nobody gets a seat that
//! is not there, and all money is a booking's or goes back.

use std::collections::HashMap;

use futures::future::join_all;
use serde_json::{Value, json};
use surehold::workers::expired_holds;
use surehold_simulators::stripe::{Action, Chance, Drop as Lost};
use uuid::Uuid;

use crate::support::MarketplaceApi;
use crate::support::marketplace_api::{Held, Slot, Traveller, traveller, until};

const TRAVELLERS: usize = 50;
/// Far fewer seats than are wanted: some 230.
const SEATS: [i32; 8] = [3, 4, 5, 6, 7, 8, 9, 10];

/// What one traveller wants: 1 to 5 slots, in an order of their own, 1 to 3 guests each.
fn wants(number: usize, slots: &[Slot; 8]) -> Value {
    let count = 1 + number % 5;
    let step = [1, 3, 5, 7][number % 4]; // no common divisor with 8: no slot comes twice
    let item = |place: usize| slots[(number + place * step) % 8].item(1 + ((number + place) % 3) as i32);
    json!((0..count).map(item).collect::<Vec<Value>>())
}

/// What becomes of a held trip.
async fn goes_on(shop: &MarketplaceApi, number: usize, who: &Traveller, held: &Held) {
    let act = |action| shop.stripe.act(&held.session, action).is_ok();
    match number % 6 {
        0 | 1 => assert!(act(Action::Pay)),
        // Twice, and the success page is faster than any webhook.
        2 => {
            assert!(act(Action::Pay));
            assert!(!act(Action::Pay));
            shop.comes_back(who, &held.session).await.is(200);
        }
        3 => {
            assert!(act(Action::PayLater));
            shop.comes_back(who, &held.session).await.is(200);
            assert!(act(Action::AsyncSucceed));
        }
        4 => {
            assert!(act(Action::PayLater));
            assert!(act(Action::AsyncFail));
        }
        _ => assert!(act(Action::Expire)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_overlapping_trips_are_paid_or_free_again_whatever_webhooks_do() {
    let shop = MarketplaceApi::open().await;
    let slots = shop.slots(SEATS).await;
    shop.stripe.faults().change(|faults| {
        faults.webhooks.duplicate = Some(Chance::Probability(0.5));
        faults.webhooks.twin = Some(Chance::Probability(0.2));
        faults.webhooks.reorder = true;
        faults.webhooks.delay_ms = Some((0, 40));
        faults.webhooks.drop = vec![Lost { kind: None, times: 10, retried: true }];
    });

    // All at once; every fifth one clicks twice.
    let travellers: Vec<Traveller> = (0..TRAVELLERS).map(|_| traveller()).collect();
    let stories = travellers.iter().enumerate().map(async |(number, who)| {
        let items = wants(number, &slots);
        let (first, second) = futures::join!(async { shop.holds(who, items.clone()).await }, async {
            if number % 5 == 0 { Some(shop.holds(who, items.clone()).await) } else { None }
        });
        let held = [Some(first), second].into_iter().flatten().filter(|answer| match answer.status {
            200 | 201 => true,
            400 => {
                assert_eq!(answer.body["errorCode"], "INSUFFICIENT_AVAILABILITY", "{answer:?}");
                false
            }
            _ => panic!("{answer:?}"),
        });
        let held = held.map(|answer| Held::of(&answer)).last()?;
        goes_on(&shop, number, who, &held).await;
        Some((number, held))
    });
    let held: Vec<(usize, Held)> = join_all(stories).await.into_iter().flatten().collect();
    assert!(held.len() >= 8 && held.len() < TRAVELLERS, "{} trips were held", held.len());
    shop.delivered().await;

    // No payment stays open: each is the bookings' or nobody's.
    for (number, trip) in &held {
        let expected = if number % 6 < 4 { "succeeded" } else { "failed" };
        until("settled", async || shop.status(trip.payment).await == expected).await;
        let bookings = shop.bookings(trip.payment).await;
        let state = if number % 6 < 4 { "confirmed" } else { "expired" };
        assert!(bookings.iter().all(|booking| booking == state), "{number}: {bookings:?}");
    }
    let mut taken: HashMap<Uuid, i32> = HashMap::new();
    for slot in &slots {
        let (now, held) = shop.seats(slot).await;
        taken.insert(slot.id, now);
        assert_eq!(held, 0, "a hold of nobody");
    }
    for (slot, capacity) in slots.iter().zip(SEATS) {
        assert!(taken[&slot.id] <= capacity);
    }
    let paid: i64 = shop.stripe.charges().iter().map(|charge| charge.amount).sum();
    let received = "SELECT coalesce(sum(received_minor), 0)::bigint FROM payments";
    assert_eq!(shop.api.school.number(received).await, paid);
    let worth = "SELECT coalesce(sum(price_minor), 0)::bigint FROM bookings WHERE status = 'confirmed'";
    assert_eq!(shop.api.school.number(worth).await, paid);
    assert_eq!(expired_holds::expire_once(&shop.api.school.store, &shop.api.school.desk).await.unwrap(), 0);
    shop.laws_hold().await;
}
