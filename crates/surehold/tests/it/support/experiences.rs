//! Experiences and their slots over HTTP, without any Stripe: what staff does with them, and what travellers see.

use serde_json::{Value, json};
use surehold_core::outcome::TripHeld;
use uuid::Uuid;

use super::Api;
use super::answer::Answer;
use super::api::{Keys, merged};
use super::marketplace::hold;

impl Api {
    /// Adds an experience at 49.00 a guest.
    pub async fn offers(&self, name: &str) -> Uuid {
        self.offers_for(&self.keys, json!({ "name": name })).await
    }

    pub async fn offers_for(&self, keys: &Keys, more: Value) -> Uuid {
        let body = merged(json!({ "name": "Sunset sail", "price": 4900 }), more);
        self.post("/api/admin/experiences", body).bearer(&keys.admin).await.is(201).id()
    }

    /// Opens a slot on May 4th, 2030, at 18:30 for 90 minutes with five seats; `more` says what differs.
    pub async fn opens_slot(&self, experience: Uuid, more: Value) -> Uuid {
        let opened = self.opens_slots(experience, more).await.is(201);
        opened.data()["slots"][0]["id"].as_str().unwrap().parse().unwrap()
    }

    pub async fn opens_slots(&self, experience: Uuid, more: Value) -> Answer {
        let path = format!("/api/admin/experiences/{experience}/slots");
        self.post(path, slot_on_may_4th(more)).by_admin().await
    }

    pub async fn slot(&self, slot: Uuid) -> Value {
        self.get(format!("/api/admin/slots/{slot}")).by_admin().await.is(200).data().clone()
    }

    pub async fn changes_slot(&self, slot: Uuid, body: Value) -> Answer {
        self.patch(format!("/api/admin/slots/{slot}"), body).by_admin().await
    }

    /// What a traveller sees of an experience.
    pub async fn sees_slots(&self, experience: Uuid, query: &str) -> Vec<Value> {
        let answer = self.get(format!("/functions/v1/experiences/{experience}/slots{query}")).await.is(200);
        answer.data().as_array().unwrap().clone()
    }

    /// A traveller holds seats of one slot.
    pub async fn holds(&self, traveller: Uuid, slot: Uuid, guests: i32) -> TripHeld {
        let mut hold = hold(traveller, &[slot]);
        hold.items[0].guests = guests;
        self.school.hold_at(&self.school.desk, hold).await.expect("a hold")
    }
}

pub fn slot_on_may_4th(more: Value) -> Value {
    let usual = json!({ "date": "2030-05-04", "time": "18:30", "durationMinutes": 90, "capacity": 5 });
    merged(usual, more)
}
