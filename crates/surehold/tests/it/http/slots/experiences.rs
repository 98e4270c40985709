//! An experience: what staff says of it, and what travellers see of it and its slots.

use serde_json::{Value, json};
use surehold::http::HttpOptions;
use uuid::Uuid;

use crate::support::Api;
use crate::support::answer::texts;
use crate::support::api::{merged, unlimited};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_experience_is_added_read_listed_and_changed() {
    let api = Api::open().await;
    let add = json!({ "name": " Sunset sail ", "price": 4900, "maxGuests": 4, "cutoff_minutes": 30, "lateRefundPercent": 50 });
    let added = api.post("/api/admin/experiences", add.clone()).by_admin().key("sail").await.is(201);
    let id = added.id();
    let data = added.data();
    assert_eq!(
        (&data["name"], &data["price"], &data["currency"]),
        (&json!("Sunset sail"), &json!(4900), &json!("usd"))
    );
    assert_eq!((&data["maxGuests"], &data["cutoffMinutes"]), (&json!(4), &json!(30)));
    assert_eq!((&data["freeCancellationMinutes"], &data["lateRefundPercent"]), (&json!(1440), &json!(50)));
    assert_eq!((&data["isActive"], &data["version"]), (&json!(true), &json!(1)));
    let again = api.post("/api/admin/experiences", add).by_admin().key("sail").await.is(200);
    assert!(again.is_replayed() && again.id() == id);
    let taken = api.post("/api/admin/experiences", json!({ "name": "Sunset sail", "price": 1 })).by_admin().await;
    assert_eq!(taken.refused(409, "EXPERIENCE_EXISTS")["id"], id.to_string());

    let path = format!("/api/admin/experiences/{id}");
    let change = |body: Value| api.patch(&path, body).by_admin();
    let changed = change(json!({ "price": 5900, "isActive": false, "version": 1 })).await.is(200);
    assert_eq!((&changed.data()["changed"], &changed.data()["version"]), (&json!(true), &json!(2)));
    assert_eq!((&changed.data()["price"], &changed.data()["maxGuests"]), (&json!(5900), &json!(4)));
    let old = change(json!({ "price": 1, "version": 1 })).await;
    assert_eq!(old.refused(409, "VERSION_CONFLICT"), &json!({ "expected": 1, "actual": 2 }));
    let same = change(json!({ "price": 5900 })).await.is(200);
    assert_eq!((&same.data()["changed"], &same.data()["version"]), (&json!(false), &json!(2)));
    assert_eq!(api.get(&path).by_admin().await.is(200).data()["price"], 5900);

    // In the journal, before and after.
    let audit = api.audit("experience", id).await;
    assert_eq!(texts(audit.rows(), "event"), ["offering.changed", "offering.added"]);
    let entry = &audit.data()[0];
    assert_eq!((&entry["before"]["price_minor"], &entry["after"]["price_minor"]), (&json!(4900), &json!(5900)));

    // A page at a time, by name.
    for name in ["Canyon hike", "Whale watch"] {
        api.offers(name).await;
    }
    let mut names = Vec::new();
    let mut next = "/api/admin/experiences?limit=2".to_owned();
    loop {
        let page = api.get(&next).by_admin().await.is(200);
        names.extend(texts(page.rows(), "name").into_iter().map(str::to_owned));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        next = format!("/api/admin/experiences?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["Canyon hike", "Sunset sail", "Whale watch"]);
    let seen = api.get("/functions/v1/experiences").await.is(200);
    assert_eq!(texts(seen.rows(), "name"), ["Canyon hike", "Whale watch"], "only active ones");
    assert_eq!((&seen.data()[0]["price"], &seen.data()[0]["guestsMax"]), (&json!(4900), &json!(10)));
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn travellers_see_what_they_can_book_and_nothing_else() {
    let api = Api::open().await;
    let sail = api.offers_for(&api.keys, json!({ "maxGuests": 4, "cutoffMinutes": 60 })).await;
    let on = |date: &str, more: Value| api.opens_slot(sail, merged(json!({ "date": date }), more));
    let good = on("2030-05-01", json!({ "price": 3900, "location": "Calgary", "withheld": 1 })).await;
    let blocked = on("2030-05-02", json!({})).await;
    api.changes_slot(blocked, json!({ "isBlocked": true, "blockedReason": "secret" })).await.is(200);
    let closed = on("2030-05-03", json!({ "isActive": false })).await;
    let cancelled = on("2030-05-04", json!({})).await;
    api.changes_slot(cancelled, json!({ "status": "cancelled" })).await.is(200);
    let past = on("2030-05-05", json!({})).await;
    api.meddles(&format!("UPDATE slots SET starts_at = now() - interval '1 s' WHERE id = '{past}'")).await;
    let soon = on("2030-05-06", json!({})).await;
    api.meddles(&format!("UPDATE slots SET starts_at = now() + interval '59 min' WHERE id = '{soon}'")).await;
    let narrow = on("2030-05-07", json!({ "capacity": 1 })).await;

    let seen = api.sees_slots(sail, "").await;
    let seats: Vec<(&str, i64)> =
        seen.iter().map(|slot| (slot["id"].as_str().unwrap(), slot["available"].as_i64().unwrap())).collect();
    let ids = [soon, good, blocked, closed, narrow].map(|id| id.to_string());
    let expected: Vec<(&str, i64)> = ids.iter().map(String::as_str).zip([0, 4, 0, 0, 1]).collect();
    assert_eq!(seats, expected);
    let slot = &seen[1];
    assert_eq!(
        slot,
        &json!({
            "id": good, "experienceId": sail, "date": "2030-05-01", "time": "18:30", "endTime": "20:00",
            "startsAt": "2030-05-01T18:30:00-06:00", "endsAt": "2030-05-01T20:00:00-06:00",
            "timezone": "America/Edmonton", "location": "Calgary", "price": 3900, "currency": "usd", "available": 4,
            "guestsMax": 4,
        })
    );
    let text = Value::Array(seen.clone()).to_string();
    assert!(!text.contains("secret") && !text.contains("locked") && !text.contains("ithheld"), "{text}");

    // For so many guests: only where there is room for them.
    assert_eq!(texts(&api.sees_slots(sail, "?guests=2").await, "id"), [good.to_string()]);
    assert_eq!(texts(&api.sees_slots(sail, "?guests=1&from=2030-05-07").await, "id"), [narrow.to_string()]);
    assert_eq!(api.sees_slots(sail, "?guests=5").await.len(), 0, "more than one booking may have");
    api.holds(Uuid::now_v7(), good, 2).await;
    assert_eq!(api.sees_slots(sail, "?from=2030-05-01&to=2030-05-01").await[0]["available"], 2);
    assert_eq!(api.sees_slots(sail, "?guests=3").await.len(), 0);
    let page = api.get(format!("/functions/v1/experiences/{sail}/slots?limit=4")).await.is(200);
    let cursor = page.body["next_cursor"].as_str().unwrap();
    assert_eq!(texts(&api.sees_slots(sail, &format!("?cursor={cursor}")).await, "id"), [narrow.to_string()]);

    // What is not offered any more is not there.
    api.patch(format!("/api/admin/experiences/{sail}"), json!({ "isActive": false })).by_admin().await.is(200);
    let slots = format!("/functions/v1/experiences/{sail}/slots");
    api.get(&slots).await.refused(404, "EXPERIENCE_NOT_FOUND");
    assert_eq!(api.get("/functions/v1/experiences").await.is(200).data(), &json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn travellers_without_a_key_have_the_limit_of_their_address() {
    let api = Api::with(Default::default(), HttpOptions { address_calls_per_minute: 3, ..unlimited() }).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(api.get("/functions/v1/experiences").await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    let sail = format!("/functions/v1/experiences/{}/slots", Uuid::now_v7());
    api.get(&sail).await.refused(429, "RATE_LIMITED");
    api.get(&sail).by_service().await.refused(404, "EXPERIENCE_NOT_FOUND");
}
