//! What the trips go to: two experiences with a few slots each, and too few seats.

use std::collections::HashMap;

use anyhow::Context;
use jiff::ToSpan;
use rand::RngExt;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::api::Api;

/// Slots that trips are made of: few, so that they overlap.
pub const SLOTS: usize = 8;
/// Guests that an item has at most.
const GUESTS_MAX: i64 = 2;
/// What a guest pays on either experience, in minor units: what goes back has to be right for each.
const PRICES: [i64; 2] = [4900, 1300];

/// A slot.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    pub id: Uuid,
    pub experience: Uuid,
    /// What a guest pays, in minor units.
    pub price: i64,
    /// Its seats.
    pub seats: i64,
}

/// What can be booked.
#[derive(Debug)]
pub struct Stage {
    /// For the trips.
    pub slots: Vec<Slot>,
    /// With one seat: to be checked out by many at once.
    pub last_to_check_out: Slot,
    /// With one seat: to be booked by many who have paid elsewhere.
    pub last_to_book: Slot,
}

/// An item of a trip.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    pub slot: Slot,
    pub guests: i64,
}

impl Item {
    /// As it is asked for.
    pub fn json(&self) -> Value {
        json!({ "experienceId": self.slot.experience, "slotId": self.slot.id, "guestCount": self.guests })
    }
}

impl Stage {
    /// Opens everything.
    pub async fn set(ours: &Api, seats: u32) -> anyhow::Result<Stage> {
        let mut slots = Vec::with_capacity(SLOTS + 2);
        let mut experiences = Vec::new();
        for (number, price) in PRICES.into_iter().enumerate() {
            let body = json!({ "name": format!("Storm trip {}", number + 1), "price": price });
            let reply = ours.post("/api/admin/experiences", &body).await?.expect(201, "add an experience")?;
            experiences.push((reply.text("id")?.parse::<Uuid>().context("an experience's id is no UUID")?, price));
        }
        for number in 0..SLOTS + 2 {
            let (experience, price) = experiences[number % experiences.len()];
            let seats = if number < SLOTS { seats.into() } else { 1 };
            slots.push(open(ours, number, experience, price, seats).await?);
        }
        let last = slots.split_off(SLOTS);
        Ok(Stage { slots, last_to_check_out: last[0], last_to_book: last[1] })
    }

    /// A trip: 1 to 5 slots in any order, for one or two.
    pub fn trip(&self) -> Vec<Item> {
        let mut random = rand::rng();
        let mut slots = self.slots.clone();
        slots.shuffle(&mut random);
        slots.truncate(random.random_range(1..=5));
        slots.into_iter().map(|slot| Item { slot, guests: random.random_range(1..=GUESTS_MAX) }).collect()
    }

    /// All slots, by their ids.
    pub fn by_id(&self) -> HashMap<Uuid, Slot> {
        let last = [self.last_to_check_out, self.last_to_book];
        self.slots.iter().chain(&last).map(|slot| (slot.id, *slot)).collect()
    }
}

async fn open(ours: &Api, number: usize, experience: Uuid, price: i64, seats: i64) -> anyhow::Result<Slot> {
    let days = i64::try_from(number)? + 30;
    let date = jiff::Zoned::now().date().checked_add(days.days())?.to_string();
    let body = json!({ "date": date, "time": "10:00", "durationMinutes": 90, "capacity": seats });
    let reply = ours.post(&format!("/api/admin/experiences/{experience}/slots"), &body).await?;
    let reply = reply.expect(201, &format!("open a slot with {seats} seats"))?;
    let id = reply.data()["slots"][0]["id"].as_str().and_then(|id| id.parse().ok());
    Ok(Slot { id: id.context("the server's answer has no slot")?, experience, price, seats })
}
