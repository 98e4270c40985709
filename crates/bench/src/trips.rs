//! The requests of `trips`: trips of three slots, a fifth of which share a slot with another trip in flight.
//!
//! So many trips in a hundred ([`POPULAR_SHARE`]) are of popular slots only: three different ones of
//! [`POPULAR_SLOTS`], drawn at random, in the order in which they were drawn. The slots of all other trips are dealt
//! from the rest like cards, in an order that is random in each round, so that of the trips in flight no two share
//! one of those. [`overlap`] says what comes of it; a test compares it with requests as they are made.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use axum::body::Bytes;
use hyper::{Method, Uri};
use rand::rngs::StdRng;
use rand::seq::{SliceRandom, index};
use rand::{RngExt, SeedableRng};
use uuid::{Builder, Uuid};

use crate::load::{Item, RequestSet};
use crate::seed::trips::PATH;
use crate::world::{Market, SlotOnSale, World};

/// Slots of a trip.
pub const SLOTS_OF_TRIP: usize = 3;
/// Slots on sale.
pub const SLOTS: usize = 1000;
/// The first so many of them are the popular ones.
pub const POPULAR_SLOTS: usize = 50;
/// The share of trips that are of popular slots.
pub const POPULAR_SHARE: f64 = 0.22;

/// The share of trips that share a slot with at least one of the others, of so many in flight: it has to be a
/// popular one, and of each other trip three different slots of [`POPULAR_SLOTS`] avoid its three with
/// (47 · 46 · 45) / (50 · 49 · 48).
pub fn overlap(in_flight: usize) -> f64 {
    let avoids: f64 = (0..SLOTS_OF_TRIP)
        .map(|drawn| (POPULAR_SLOTS - SLOTS_OF_TRIP - drawn) as f64 / (POPULAR_SLOTS - drawn) as f64)
        .product();
    let meets_one = POPULAR_SHARE * (1.0 - avoids);
    POPULAR_SHARE * (1.0 - (1.0 - meets_one).powi(i32::try_from(in_flight - 1).unwrap_or(i32::MAX)))
}

/// A booking of each paid trip, in an order that depends on the round only.
///
/// # Errors
///
/// A world without a market.
pub fn requests(world: &World, round: u64) -> anyhow::Result<Arc<RequestSet>> {
    let market = world.market.as_ref().context("nothing is sold for money there")?;
    let mut random = StdRng::seed_from_u64(round);
    let mut paid = market.paid.clone();
    paid.shuffle(&mut random);
    let mut draw = Draw::new(market.slots.len(), &mut random);
    let items = paid.iter().map(|paid| {
        let slots = draw.next(&mut random).map(|slot| market.slots[slot]);
        // The caller's own id, as other systems make them.
        let trip_id = Builder::from_random_bytes(random.random()).into_uuid();
        let body = body(market, paid.payment_id, trip_id, paid.traveller, &slots);
        Item { caller: 0, key: None, body }
    });
    Ok(Arc::new(RequestSet {
        method: Method::POST,
        uri: Uri::from_static(PATH),
        items: items.collect(),
        authorizations: world.orgs.iter().map(|org| org.authorization.clone()).collect(),
        repeats: false,
        made: 200,
    }))
}

/// Which slots trips are of, by their places.
struct Draw {
    cards: Vec<usize>,
    dealt: usize,
}

impl Draw {
    fn new(slots: usize, random: &mut StdRng) -> Draw {
        let mut cards: Vec<usize> = (POPULAR_SLOTS..slots).collect();
        cards.shuffle(random);
        Draw { cards, dealt: 0 }
    }

    fn next(&mut self, random: &mut StdRng) -> [usize; SLOTS_OF_TRIP] {
        if random.random_bool(POPULAR_SHARE) {
            let drawn = index::sample(random, POPULAR_SLOTS, SLOTS_OF_TRIP);
            return std::array::from_fn(|place| drawn.index(place));
        }
        std::array::from_fn(|_| {
            let card = self.cards[self.dealt % self.cards.len()];
            self.dealt += 1;
            card
        })
    }
}

fn body(market: &Market, payment: Uuid, trip: Uuid, user: Uuid, slots: &[SlotOnSale]) -> Bytes {
    let experience = market.experience;
    let items: Vec<String> = slots
        .iter()
        .map(|SlotOnSale { id, date }| {
            format!(
                r#"{{"experienceId":"{experience}","slotId":"{id}","guestCount":1,"date":"{date}","time":"09:00"}}"#
            )
        })
        .collect();
    let items = items.join(",");
    Bytes::from(format!(r#"{{"paymentId":"{payment}","tripId":"{trip}","userId":"{user}","tripItems":[{items}]}}"#))
}

/// The share of trips that share a slot with one of the others, of so many that follow each other.
pub fn measured_overlap(trips: &[[usize; SLOTS_OF_TRIP]], in_flight: usize) -> f64 {
    let (mut overlapping, mut looked_at) = (0_usize, 0_usize);
    for window in trips.chunks_exact(in_flight) {
        let mut wanted: HashMap<usize, usize> = HashMap::new();
        for slot in window.iter().flatten() {
            *wanted.entry(*slot).or_default() += 1;
        }
        overlapping += window.iter().filter(|trip| trip.iter().any(|slot| wanted[slot] > 1)).count();
        looked_at += window.len();
    }
    overlapping as f64 / looked_at as f64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hyper::header::HeaderValue;

    use super::*;
    use crate::workload::CONNECTIONS;
    use crate::world::{Org, PaidTrip};

    fn drawn(count: usize) -> Vec<[usize; SLOTS_OF_TRIP]> {
        let mut random = StdRng::seed_from_u64(1);
        let mut draw = Draw::new(SLOTS, &mut random);
        (0..count).map(|_| draw.next(&mut random)).collect()
    }

    #[test]
    fn a_fifth_of_the_trips_in_flight_share_a_slot() {
        let trips = drawn(CONNECTIONS * 3000);
        let (computed, measured) = (overlap(CONNECTIONS), measured_overlap(&trips, CONNECTIONS));
        assert!((computed - 0.2).abs() < 0.005, "{computed}");
        assert!((measured - computed).abs() < 0.005, "{measured}, not {computed}");
        assert_eq!(overlap(1), 0.0);
    }

    #[test]
    fn a_trip_is_of_three_slots_in_any_order_and_only_popular_ones_are_shared() {
        let trips = drawn(CONNECTIONS * 1000);
        let mut ascending = 0;
        for trip in &trips {
            assert_eq!(trip.iter().collect::<HashSet<_>>().len(), SLOTS_OF_TRIP);
            ascending += usize::from(trip.is_sorted());
        }
        // One of six orders.
        let share = ascending as f64 / trips.len() as f64;
        assert!((share - 1.0 / 6.0).abs() < 0.02, "{share}");
        for window in trips.windows(CONNECTIONS).step_by(7) {
            let others: Vec<_> = window.iter().flatten().filter(|slot| **slot >= POPULAR_SLOTS).collect();
            assert_eq!(others.iter().collect::<HashSet<_>>().len(), others.len());
        }
    }

    #[test]
    fn each_paid_trip_is_booked_once_and_rounds_differ() {
        let date = jiff::civil::date(2030, 1, 1);
        let org = Org {
            id: Uuid::now_v7(),
            authorization: HeaderValue::from_static("Bearer x"),
            students: 0..0,
            hot: Uuid::now_v7(),
            rush: Uuid::now_v7(),
            spread: Vec::new(),
        };
        let market = Market {
            experience: Uuid::now_v7(),
            slots: (0..SLOTS).map(|_| SlotOnSale { id: Uuid::now_v7(), date }).collect(),
            paid: (0..100).map(|_| PaidTrip { payment_id: Uuid::now_v7(), traveller: Uuid::now_v7() }).collect(),
        };
        let world = World { database: "none", orgs: vec![org], market: Some(market) };
        let bodies = |round| -> Vec<serde_json::Value> {
            let set = requests(&world, round).expect("requests");
            set.items.iter().map(|item| serde_json::from_slice(&item.body).expect("JSON")).collect()
        };
        let first = bodies(0);
        for id in ["paymentId", "tripId", "userId"] {
            assert_eq!(first.iter().map(|body| body[id].to_string()).collect::<HashSet<_>>().len(), 100);
        }
        assert!(first.iter().all(|body| body["tripItems"].as_array().is_some_and(|items| items.len() == 3)));
        assert_eq!(first, bodies(0));
        assert_ne!(first, bodies(1));
    }
}
