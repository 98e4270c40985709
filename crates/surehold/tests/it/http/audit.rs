//! The audit log.

use serde_json::{Value, json};

use crate::support::Api;
use crate::support::api::encoded;

fn events(data: &Value) -> Vec<&str> {
    data.as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_found_by_what_it_changed_who_did_it_and_when() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    let session = api.opens("Clinical Skills", 3).await;
    let to = api.opens_on("Clinical Skills", 3, "2030-05-05").await;
    let booked = api.books(&ann, session).key("click-7").await.is(201).id();
    api.hubspot_knows("booking", booked, "7001").await;
    let body = json!({ "mock_exam_id": to, "admin_email": "boss@example.org" });
    api.post(format!("/api/admin/bookings/{booked}/move"), body).by_admin().await.is(200);
    api.cancels(&ann, booked).by_service().json(&json!({ "reason": "moving away" })).await.is(200);
    let log = async |query: &str| api.get(format!("/api/admin/audit?{query}")).by_admin().await.is(200);

    // Of one booking, the newest first, by each of its names.
    let of_booking = log(&format!("entity_id={booked}")).await;
    assert_body!("audit_of_a_booking", of_booking);
    assert_eq!(events(of_booking.data()), ["booking.cancelled", "booking.moved", "booking.confirmed"]);
    for name in ["7001", "Clinical Skills-ANN-May 5, 2030"] {
        let same = log(&format!("entity=booking&entity_id={}", encoded(name))).await;
        assert_eq!(same.data(), of_booking.data(), "{name}");
    }
    let entries = of_booking.data();
    assert_eq!(entries[2]["idempotency_key"], "click-7");
    assert_eq!(entries[2]["actor"], format!("student:{}", ann.id));
    assert_eq!(entries[1]["on_behalf_of"], "boss@example.org");
    assert_eq!(entries[1]["actor"], format!("key:{}", api.keys.admin_id));
    assert_eq!((&entries[1]["before"]["slot_id"], &entries[1]["after"]["slot_id"]), (&json!(session), &json!(to)));
    assert_eq!(entries[0]["on_behalf_of"], format!("student:{}", ann.id));
    assert_eq!(entries[0]["after"]["reason"], "moving away");

    // By who did it.
    assert_eq!(events(log("actor=boss@example.org").await.data()), ["booking.moved"]);
    let hers = log(&format!("actor=student:{}", ann.id)).await;
    assert_eq!(events(hers.data()), ["booking.cancelled", "booking.confirmed"], "and what was done in her name");
    assert_eq!(events(log("actor=nobody").await.data()), [] as [&str; 0]);

    // By when.
    let moved_at = entries[1]["at"].as_str().unwrap();
    let since = log(&format!("entity=booking&since={}", encoded(moved_at))).await;
    assert_eq!(events(since.data()), ["booking.cancelled", "booking.moved"]);
    let until = log(&format!("entity=booking&until={}", encoded(moved_at))).await;
    assert_eq!(events(until.data()), ["booking.confirmed"]);
    assert_eq!(events(log("entity=session").await.data()).len(), 2);
    log(&format!("entity=contact&entity_id={}", ann.id)).await.rows().first().expect("an entry");
    api.get("/api/admin/audit?entity_id=7001").by_admin().await.names_bad_fields(&["entity_id"]);
    api.get("/api/admin/audit?entity=booking&entity_id=1").by_admin().await.refused(404, "BOOKING_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_comes_in_pages_that_neither_repeat_nor_hide() {
    let api = Api::open().await;
    for n in 0..7 {
        api.enrols(&format!("S{n}"), json!({ "cs_credits": 1 })).await;
    }
    let all = api.get("/api/admin/audit?limit=500").by_admin().await.is(200);
    let ids = |data: &Value| -> Vec<String> {
        data.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(format!("/api/admin/audit?limit=3{cursor}")).by_admin().await.is(200);
        assert!(page.rows().len() <= 3);
        seen.extend(ids(page.data()));
        // What happens meanwhile does not move the pages that are still to come.
        api.enrols(&format!("L{}", seen.len()), json!({})).await;
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ids(all.data()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_and_a_replay_leave_no_trace() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 1).await;
    api.books(&ann, session).key("k").await.is(201);
    let before = api.school.count("journal").await;
    api.books(&ann, session).key("k").await.is(200);
    api.books(&ann, session).await.is(200);
    api.books(&ann, session).key("other").await.refused(409, "DUPLICATE_BOOKING");
    let bob = api.enrols("BOB", json!({})).await;
    api.books(&bob, session).await.refused(409, "EXAM_FULL");
    assert_eq!(api.school.count("journal WHERE entity <> 'contact'").await, before - 1);
    let laws = api.get("/api/admin/laws").by_admin().await.is(200);
    assert_eq!(laws.data()["all_hold"], true);
}
