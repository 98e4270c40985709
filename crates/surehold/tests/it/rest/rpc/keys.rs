//! One key, one booking; and a new one when that has ended.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::{booking, with};
use crate::support::Api;

/// The booking that a key has.
async fn of_key(api: &Api, key: &str) -> Value {
    api.rpc("check_idempotency_key", json!({ "p_idempotency_key": key })).await.is(200).body.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_is_the_same_booking() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3, "shared_mock_credits": 1 })).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let made = api.creates(booking(&ann, exam, "k")).await.is(200);
    let again = api.creates(booking(&ann, exam, "k")).await.is(200);
    assert_eq!(again.body, made.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    // Whose answer was lost counts credits anew, and may come with other arguments.
    let others = json!({ "p_credit_field": "shared_mock_credits", "p_booking_id": "another", "p_new_credit_value": 0 });
    let lost = api.creates(with(booking(&ann, exam, "k"), others)).await.is(200);
    assert_eq!(lost.body, made.body);
    assert_eq!(lost.header("idempotent-replayed"), Some("true"));
    // Without a key, a double click books once.
    let without = api.creates(with(booking(&ann, exam, "k"), json!({ "p_idempotency_key": null }))).await.is(200);
    assert_eq!(without.body["booking_id"], made.body["booking_id"]);
    // For something else it was not meant.
    let other = api.opens_on("Clinical Skills", 5, "2030-05-05").await;
    api.creates(booking(&ann, other, "k")).await.raises("IDEMPOTENCY_MISMATCH: ");
    let ben = api.enrols("BEN", json!({ "cs_credits": 1 })).await;
    api.creates(booking(&ben, exam, "k")).await.raises("IDEMPOTENCY_MISMATCH: ");
    assert_eq!(api.credits(&ann).await["cs_credits"], 2);
    assert_eq!((api.seats(exam).await.1, api.seats(other).await.1), (4, 5));
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_booking_has_ended_books_anew() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1, "shared_mock_credits": 1 })).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let mut seen = BTreeSet::new();
    for round in 0..3 {
        let made = api.creates(booking(&ann, exam, "k")).await.is(200);
        assert_eq!(made.header("idempotent-replayed"), None, "round {round}");
        assert!(seen.insert(made.body["booking_id"].to_string()), "a new booking in round {round}");
        let again = api.creates(booking(&ann, exam, "k")).await.is(200);
        assert_eq!(again.body, made.body);
        let found = of_key(&api, "k").await;
        assert_eq!((&found["id"], &found["is_active"]), (&made.body["booking_id"], &json!("Active")));
        api.gives_up(&made.body["booking_id"]).await.is(200);
        let found = of_key(&api, "k").await;
        assert_eq!((&found["id"], &found["is_active"]), (&made.body["booking_id"], &json!("Cancelled")));
    }
    // With other arguments, too.
    let others = json!({ "p_credit_field": "shared_mock_credits" });
    let made = api.creates(with(booking(&ann, exam, "k"), others)).await.is(200);
    assert!(seen.insert(made.body["booking_id"].to_string()));
    let credits = api.credits(&ann).await;
    assert_eq!((&credits["cs_credits"], &credits["shared_mock_credits"]), (&json!(1), &json!(0)));
    // A seat that was used is no reason for another one.
    assert_eq!(api.marks(made.body["booking_id"].as_str().unwrap().parse().unwrap(), json!("Yes")).await.status, 200);
    assert_eq!(api.creates(booking(&ann, exam, "k")).await.is(200).body, made.body);
    assert_eq!(of_key(&api, "k").await["is_active"], "Completed");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_callers_with_the_key_of_a_cancelled_booking_make_one() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 9 })).await;
    let exam = api.opens("Clinical Skills", 9).await;
    let first = api.creates(booking(&ann, exam, "k")).await.is(200).body["booking_id"].clone();
    api.gives_up(&first).await.is(200);
    let answers = join_all((0..20).map(|_| api.creates(booking(&ann, exam, "k")))).await;
    let made: BTreeSet<String> = answers.iter().map(|answer| answer.body["booking_id"].to_string()).collect();
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(made.len(), 1, "{made:?}");
    assert!(!made.contains(&first.to_string()));
    let now = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count();
    assert_eq!(now, 1, "one of them made it");
    assert_eq!(api.credits(&ann).await["cs_credits"], 8);
    assert_eq!(api.seats(exam).await.1, 8);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_wears_out() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let exam = api.opens("Clinical Skills", 1).await;
    for _ in 0..33 {
        let made = api.creates(booking(&ann, exam, &"k".repeat(252))).await.is(200);
        api.gives_up(&made.body["booking_id"]).await.is(200);
    }
    api.creates(booking(&ann, exam, &"k".repeat(252))).await.raises("IDEMPOTENCY_KEY_WORN: ");
    api.creates(booking(&ann, exam, "another")).await.is(200);
    api.school.laws_hold().await;
}
