//! `decrement_slot_availability` and `release_slot_availability`: seats out of sale, and back.

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::with;
use crate::support::MarketplaceApi;
use crate::support::answer::Answer;
use crate::support::marketplace_api::{Slot, traveller};

impl MarketplaceApi {
    async fn decrements(&self, arguments: Value) -> Answer {
        self.api.rpc("decrement_slot_availability", arguments).await
    }

    async fn releases(&self, arguments: Value) -> Answer {
        self.api.rpc("release_slot_availability", arguments).await
    }

    async fn withheld(&self, slot: &Slot) -> i64 {
        self.api.slot(slot.id).await["withheld"].as_i64().unwrap()
    }
}

impl Answer {
    /// Says no, with 200, as the function does.
    #[track_caller]
    fn says_no(&self, error: &str, code: &str) {
        assert_eq!(self.status, 200, "{self:?}");
        let said = (&self.body["success"], &self.body["error"], &self.body["errorCode"]);
        assert_eq!(said, (&json!(false), &json!(error), &json!(code)), "{self:?}");
    }
}

fn of(slot: &Slot, count: i32) -> Value {
    json!({ "p_slot_id": slot.id, "p_count": count })
}

fn of_start(slot: &Slot, count: i32) -> Value {
    let time = format!("{}:00", slot.time);
    json!({ "p_experience_id": slot.experience, "p_slot_date": slot.date, "p_slot_time": time, "p_count": count })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_are_taken_and_put_back_by_either_name() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let done =
        |available: i32| json!({ "success": true, "slot_id": slot.id, "available_count": available, "error": null });

    assert_eq!(shop.decrements(of(&slot, 2)).await.is(200).body, done(3));
    assert_eq!(shop.decrements(of_start(&slot, 1)).await.is(200).body, done(2));
    let inventory = shop.api.rpc("decrement_slot_inventory", of(&slot, 1)).await;
    assert_eq!(inventory.is(200).body, done(1));
    let row = &shop.api.get(format!("/rest/v1/experience_slots?id=eq.{}", slot.id)).by_service().await.is(200).body[0];
    assert_eq!((&row["total_capacity"], &row["available_count"]), (&json!(5), &json!(1)));

    shop.decrements(of(&slot, 2))
        .await
        .says_no("Slot no longer available. Requested: 2, Available: 1", "INSUFFICIENT_AVAILABILITY");
    shop.releases(of(&slot, 5))
        .await
        .says_no("More than was taken. Requested: 5, Taken: 4", "RELEASE_EXCEEDS_WITHHELD");
    assert_eq!(shop.releases(of_start(&slot, 4)).await.is(200).body, done(5));
    shop.releases(of(&slot, 1))
        .await
        .says_no("More than was taken. Requested: 1, Taken: 0", "RELEASE_EXCEEDS_WITHHELD");

    // Booked seats are not put back by it, and the journal says who took what.
    let held = shop.held(&traveller(), json!([slot.item(3)])).await;
    assert_eq!(shop.decrements(of(&slot, 3)).await.body["available_count"], 2, "{held:?}");
    shop.releases(of(&slot, 3))
        .await
        .says_no("More than was taken. Requested: 3, Taken: 0", "RELEASE_EXCEEDS_WITHHELD");
    let journal = shop.api.audit("slot", slot.id).await.body.to_string();
    for reason in ["decrement_slot_availability", "release_slot_availability"] {
        assert!(journal.contains(reason), "{journal}");
    }
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_a_traveller_could_book_is_taken() {
    let shop = MarketplaceApi::open().await;
    let elsewhere = shop.api.another_org("elsewhere", &[]).await;
    let [slot, blocked, closed] = shop.slots([5, 5, 5]).await;
    let begun = shop.slot_in(slot.experience, 5, -10).await;
    let exam = shop.api.opens("Clinical Skills", 5).await;
    shop.api.changes_slot(closed.id, json!({ "isActive": false })).await.is(200);
    assert_eq!(shop.decrements(of(&blocked, 1)).await.body["success"], true);
    shop.api.changes_slot(blocked.id, json!({ "isBlocked": true, "blockedReason": "storm" })).await.is(200);

    shop.decrements(of(&blocked, 1)).await.says_no("Slot is blocked", "SLOT_BLOCKED");
    shop.decrements(of(&closed, 1)).await.says_no("Slot is blocked", "SLOT_NOT_ACTIVE");
    shop.decrements(of(&begun, 1)).await.says_no("This slot has already begun.", "SLOT_PAST");
    for nothing in [json!(null), json!(exam), json!(Uuid::new_v4())] {
        let answer = shop.decrements(json!({ "p_slot_id": nothing, "p_count": 1 })).await;
        answer.says_no("Slot not found", "SLOT_NOT_FOUND");
        assert_eq!((&answer.body["slot_id"], &answer.body["available_count"]), (&json!(null), &json!(null)));
    }
    let foreign =
        shop.api.post("/rest/v1/rpc/decrement_slot_availability", of(&slot, 1)).bearer(&elsewhere.service).await;
    foreign.says_no("Slot not found", "SLOT_NOT_FOUND");
    for count in [json!(0), json!(-3), json!(null)] {
        let arguments = json!({ "p_slot_id": slot.id, "p_count": count });
        shop.decrements(arguments.clone()).await.says_no("Count must be positive", "VALIDATION_ERROR");
        shop.releases(arguments).await.says_no("Count must be positive", "VALIDATION_ERROR");
    }
    assert_eq!((shop.withheld(&slot).await, shop.withheld(&blocked).await), (0, 1));
    assert_eq!(shop.releases(of(&blocked, 1)).await.body["available_count"], 5, "put back also while it is blocked");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_names_one_slot_or_none() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let changed = |change: Value| with(of_start(&slot, 1), change);
    for other in [
        json!({ "p_slot_date": "2031-01-01" }),
        json!({ "p_slot_time": "03:59" }),
        json!({ "p_slot_date": null }),
        json!({ "p_experience_id": Uuid::new_v4() }),
    ] {
        shop.decrements(changed(other)).await.says_no("Slot not found", "SLOT_NOT_FOUND");
    }
    for (wrong, code) in [
        (json!({ "p_slot_date": "soon" }), "22007"),
        (json!({ "p_slot_time": "noon" }), "22007"),
        (json!({ "p_experience_id": "x" }), "22P02"),
        (json!({ "p_count": "many" }), "22P02"),
    ] {
        let answer = shop.decrements(changed(wrong)).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{answer:?}");
    }
    // Another one at the same time, which the seed's unique index does not know.
    let at = |slot: &Slot| {
        format!(
            "UPDATE slots SET (local_date, local_start) = (SELECT local_date, local_start FROM slots WHERE id = '{}')",
            slot.id
        )
    };
    let twin = shop.slot(slot.experience, 5).await;
    assert_eq!(shop.api.meddles(&format!("{} WHERE id = '{}'", at(&slot), twin.id)).await, 1);
    let error = "There are several slots at this time: name one by p_slot_id";
    shop.decrements(of_start(&slot, 1)).await.says_no(error, "VALIDATION_ERROR");
    assert_eq!(shop.decrements(of(&twin, 1)).await.body["success"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_at_once_take_the_three_seats_there_are() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([3]).await;
    let tries = (0..10).map(|_| shop.api.rpc("decrement_slot_availability", of(&slot, 1)).into_future());
    let answers = join_all(tries).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.body["success"] == true).count(), 3);
    assert_eq!(shop.withheld(&slot).await, 3);
    shop.laws_hold().await;
}
