//! A slot on the calendar: opened on the clock of its place, edited, closed, cancelled; its seats withheld.

use serde_json::{Value, json};
use surehold::workers::session_cancellation::resume_once;
use uuid::Uuid;

use crate::support::Api;
use crate::support::answer::texts;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_is_opened_on_the_clock_of_its_place() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let opened = api
        .opens_slots(sail, json!({ "location": "Vancouver", "price": 3900, "withheld": 2, "isActive": false }))
        .await
        .is(201);
    let counts = (&opened.data()["created"], &opened.data()["existing"]);
    assert_eq!(counts, (&json!(1), &json!(0)));
    let slot = &opened.data()["slots"][0];
    assert_eq!((&slot["experienceId"], &slot["created"]), (&json!(sail), &json!(true)));
    assert_eq!(
        (&slot["timezone"], &slot["startsAt"]),
        (&json!("America/Vancouver"), &json!("2030-05-04T18:30:00-07:00"))
    );
    assert_eq!(
        (&slot["date"], &slot["time"], &slot["endTime"]),
        (&json!("2030-05-04"), &json!("18:30"), &json!("20:00"))
    );
    assert_eq!(
        (&slot["price"], &slot["priceOverride"], &slot["currency"]),
        (&json!(3900), &json!(3900), &json!("usd"))
    );
    assert_eq!((&slot["capacity"], &slot["withheld"], &slot["available"]), (&json!(5), &json!(2), &json!(3)));
    assert_eq!((&slot["status"], &slot["isBlocked"], &slot["version"]), (&json!("inactive"), &json!(false), &json!(1)));

    // Spelled otherwise; until after midnight; at the experience's price.
    let night = json!({ "slot_date": "2030-05-05", "start_time": "23:00", "duration_minutes": 120, "capacity": 2, "time_zone": "utc" });
    let night = api.post(format!("/api/admin/experiences/{sail}/slots"), night).by_admin().await.is(201);
    let night = &night.data()["slots"][0];
    assert_eq!((&night["endTime"], &night["endsAt"]), (&json!("01:00"), &json!("2030-05-06T01:00:00+00:00")));
    assert_eq!((&night["price"], &night["priceOverride"]), (&json!(4900), &Value::Null));
    // Until a time on the same day.
    let until =
        api.opens_slots(sail, json!({ "date": "2030-05-06", "endTime": "19:00", "durationMinutes": null })).await;
    assert_eq!(until.is(201).data()["slots"][0]["endTime"], "19:00");

    // Half past two does not exist on the night on which clocks go forward; half past one occurs twice in autumn.
    let gap = json!({ "date": "2030-03-10", "time": "02:30" });
    api.opens_slots(sail, gap.clone()).await.names_bad_fields(&["time"]);
    let ends_in_gap = json!({ "date": "2030-03-10", "time": "01:00", "endTime": "02:30", "durationMinutes": null });
    api.opens_slots(sail, ends_in_gap).await.names_bad_fields(&["endTime"]);
    let series = json!({ "date": "2030-03-08", "time": "02:30", "repeat": { "every": "day", "count": 5 } });
    let refused = api.opens_slots(sail, series).await;
    assert!(refused.refused(400, "VALIDATION_ERROR")["fields"]["time"].as_str().unwrap().contains("2030-03-10"));
    let twice = api.opens_slots(sail, json!({ "date": "2030-11-03", "time": "01:30" })).await.is(201);
    assert_eq!(twice.data()["slots"][0]["startsAt"], "2030-11-03T01:30:00-04:00", "the first");

    // Pages, the soonest first.
    let page = api.get(format!("/api/admin/slots?experience_id={sail}&limit=3")).by_admin().await.is(200);
    let dates = texts(page.rows(), "date");
    assert_eq!(dates, ["2030-05-04", "2030-05-05", "2030-05-06"]);
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let page = api.get(format!("/api/admin/slots?cursor={cursor}")).by_admin().await.is(200);
    assert_eq!(texts(page.rows(), "date"), ["2030-11-03"]);
    let some = api.get("/api/admin/slots?from=2030-05-05&to=2030-05-05").by_admin().await.is(200);
    assert_eq!(texts(some.rows(), "date"), ["2030-05-05"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_is_edited_blocked_closed_and_each_change_is_in_the_journal() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let slot = api.opens_slot(sail, json!({})).await;
    let (ann, bob) = (Uuid::now_v7(), Uuid::now_v7());
    api.school.settle(&api.holds(ann, slot, 2).await).await.unwrap();
    api.holds(bob, slot, 1).await;
    let seen = api.slot(slot).await;
    assert_eq!((&seen["taken"], &seen["held"], &seen["available"]), (&json!(2), &json!(1), &json!(2)));

    // Bookings in between are no conflict; another edit is.
    let version = seen["version"].clone();
    assert_eq!(version, 1);
    let changed = api.changes_slot(slot, json!({ "capacity": 3, "price": 5500, "version": version })).await.is(200);
    assert_eq!((&changed.data()["available"], &changed.data()["price"]), (&json!(0), &json!(5500)));
    assert_eq!((&changed.data()["version"], &changed.data()["changed"]), (&json!(2), &json!(true)));
    let old = api.changes_slot(slot, json!({ "capacity": 9, "version": version })).await;
    assert_eq!(old.refused(409, "VERSION_CONFLICT"), &json!({ "expected": 1, "actual": 2 }));
    assert_eq!(api.changes_slot(slot, json!({ "capacity": 2 })).await.refused(409, "CAPACITY_TOO_LOW")["in_use"], 3);
    let same = api.changes_slot(slot, json!({ "capacity": 3 })).await.is(200);
    assert_eq!(same.data()["changed"], false);
    let usual = api.changes_slot(slot, json!({ "price": null })).await.is(200);
    assert_eq!((&usual.data()["price"], &usual.data()["priceOverride"]), (&json!(4900), &Value::Null));

    api.changes_slot(slot, json!({ "isBlocked": true })).await.names_bad_fields(&["blockedReason"]);
    let blocked = json!({ "isBlocked": true, "blockedReason": "storm warning", "admin_email": "boss@example.org" });
    let blocked = api.changes_slot(slot, blocked).await.is(200);
    assert_eq!(
        (&blocked.data()["isBlocked"], &blocked.data()["blockedReason"]),
        (&json!(true), &json!("storm warning"))
    );
    let open = api.changes_slot(slot, json!({ "is_blocked": false })).await.is(200);
    assert_eq!((&open.data()["isBlocked"], &open.data()["blockedReason"]), (&json!(false), &Value::Null));
    assert_eq!(api.changes_slot(slot, json!({ "isActive": false })).await.is(200).data()["status"], "inactive");
    assert_eq!(api.changes_slot(slot, json!({ "status": "active" })).await.is(200).data()["status"], "active");

    let audit = api.audit("slot", slot).await;
    let entries = audit.rows();
    assert_eq!(
        texts(entries, "event"),
        [
            "slot.changed",
            "slot.changed",
            "slot.unblocked",
            "slot.blocked",
            "slot.changed",
            "slot.changed",
            "slot.opened"
        ]
    );
    let (blocked, priced) = (&entries[3], &entries[5]);
    assert_eq!((&blocked["before"]["is_blocked"], &blocked["after"]["is_blocked"]), (&json!(false), &json!(true)));
    assert_eq!(
        (&blocked["after"]["blocked_reason"], &blocked["on_behalf_of"]),
        (&json!("storm warning"), &json!("boss@example.org"))
    );
    assert_eq!((&priced["before"]["capacity"], &priced["after"]["capacity"]), (&json!(5), &json!(3)));
    assert_eq!((&priced["before"]["price_minor"], &priced["after"]["price_minor"]), (&Value::Null, &json!(5500)));
    assert_eq!(priced["actor"], format!("key:{}", api.keys.admin_id));
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_a_slot_cancels_its_bookings_and_gives_the_money_back() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let slot = api.opens_slot(sail, json!({})).await;
    let paid = api.holds(Uuid::now_v7(), slot, 2).await;
    api.school.settle(&paid).await.unwrap();
    let open = api.holds(Uuid::now_v7(), slot, 1).await;

    let cancelled = api.changes_slot(slot, json!({ "status": "cancelled" })).await.is(200);
    assert_eq!(cancelled.data()["status"], "cancelled");
    // An open checkout may still be paid: its hold ends with it, or is confirmed and cancelled then.
    let counts = json!({ "cancelled": 1, "alreadyCancelled": 0, "skipped": 0, "pending": 0 });
    assert_eq!(cancelled.data()["bookings"], counts);
    let refunds = format!("SELECT sum(amount_minor)::bigint FROM refunds WHERE payment_id = '{}'", paid.payment_id);
    assert_eq!(api.school.number(&refunds).await, 9800);
    let again = api.changes_slot(slot, json!({ "status": "cancelled" })).await.is(200);
    assert_eq!((&again.data()["changed"], &again.data()["bookings"]["cancelled"]), (&json!(false), &json!(0)));
    assert_eq!(api.school.number(&refunds).await, 9800);
    for back in [json!({ "isActive": true }), json!({ "status": "inactive" })] {
        api.changes_slot(slot, back).await.refused(409, "SLOT_CANCELLED");
    }
    // The checkout's time is over: the worker finishes.
    api.school.is_due(&open).await;
    surehold::workers::expired_holds::expire_once(&api.school.store, &api.school.desk).await.unwrap();
    resume_once(&api.school.store, &api.school.desk).await.unwrap();
    let left = api.slot(slot).await;
    assert_eq!((&left["taken"], &left["held"], &left["available"]), (&json!(0), &json!(0), &json!(5)));
    assert_eq!(api.sees_slots(sail, "").await, Vec::<Value>::new());
    for entity in ["trip", "payment", "refund"] {
        let audit = api.get(format!("/api/admin/audit?entity={entity}")).by_admin().await.is(200);
        let entries = audit.rows();
        assert!(!entries.is_empty() && entries.iter().all(|entry| entry["entity"] == entity), "{entity}");
    }
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_are_withheld_and_released_by_differences() {
    let api = Api::open().await;
    let slot = api.opens_slot(api.offers("Sunset sail").await, json!({})).await;
    let call = |what: &str, seats: Value| {
        api.post(format!("/api/admin/slots/{slot}/{what}"), json!({ "seats": seats, "reason": "crew" })).by_admin()
    };
    let withheld = call("withhold", json!(3)).key("w").await.is(200);
    assert_eq!(withheld.data(), &json!({ "id": slot, "withheld": 3, "available": 2 }));
    assert!(call("withhold", json!(3)).key("w").await.is(200).is_replayed());
    let too_many = call("withhold", json!(3)).await;
    assert_eq!(too_many.refused(400, "INSUFFICIENT_AVAILABILITY"), &json!({ "requested": 3, "available": 2 }));
    assert_eq!(call("release", json!(4)).await.refused(409, "RELEASE_EXCEEDS_WITHHELD")["withheld"], 3);
    assert_eq!(call("release", json!("2")).await.is(200).data()["withheld"], 1);
    for what in ["withhold", "release"] {
        for bad in [json!(0), json!(-1), json!(1.5), json!("many"), Value::Null] {
            call(what, bad).await.names_bad_fields(&["seats"]);
        }
    }
    let audit = api.audit("slot", slot).await;
    let entries = audit.rows();
    assert_eq!(texts(entries, "event"), ["slot.released", "slot.withheld", "slot.opened"]);
    assert_eq!((&entries[0]["before"]["withheld"], &entries[0]["after"]["withheld"]), (&json!(3), &json!(1)));
    assert_eq!(entries[0]["after"]["reason"], "crew");
}
