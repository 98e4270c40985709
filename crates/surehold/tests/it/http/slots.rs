//! Experiences and their slots: what staff does with them, and what travellers see.

use serde_json::{Value, json};
use surehold::desk::DeskError;
use surehold::http::HttpOptions;
use surehold::workers::session_cancellation::resume_once;
use surehold_core::command::{Command, OpenSlot};
use surehold_core::{Answer, Outcome};
use uuid::Uuid;

use crate::support::Api;
use crate::support::api::unlimited;
use crate::support::experiences::slot_on_may_4th;
use crate::support::school::{request, slot_of, times_on};

fn texts<'v>(rows: impl IntoIterator<Item = &'v Value>, member: &str) -> Vec<&'v str> {
    rows.into_iter().map(|row| row[member].as_str().unwrap()).collect()
}

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
    let audit = api.get(format!("/api/admin/audit?entity=experience&entity_id={id}")).by_admin().await.is(200);
    assert_eq!(texts(audit.data().as_array().unwrap(), "event"), ["offering.changed", "offering.added"]);
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
        names.extend(texts(page.data().as_array().unwrap(), "name").into_iter().map(str::to_owned));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        next = format!("/api/admin/experiences?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["Canyon hike", "Sunset sail", "Whale watch"]);
    let seen = api.get("/functions/v1/experiences").await.is(200);
    assert_eq!(texts(seen.data().as_array().unwrap(), "name"), ["Canyon hike", "Whale watch"], "only active ones");
    assert_eq!((&seen.data()[0]["price"], &seen.data()[0]["guestsMax"]), (&json!(4900), &json!(10)));
    api.school.laws_hold().await;
}

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
    let dates = texts(page.data().as_array().unwrap(), "date");
    assert_eq!(dates, ["2030-05-04", "2030-05-05", "2030-05-06"]);
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let page = api.get(format!("/api/admin/slots?cursor={cursor}")).by_admin().await.is(200);
    assert_eq!(texts(page.data().as_array().unwrap(), "date"), ["2030-11-03"]);
    let some = api.get("/api/admin/slots?from=2030-05-05&to=2030-05-05").by_admin().await.is(200);
    assert_eq!(texts(some.data().as_array().unwrap(), "date"), ["2030-05-05"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_is_made_by_the_calendar_and_never_twice() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    // May 4th, 2030 is a Saturday.
    let weekends = json!({ "repeat": { "every": "week", "weekdays": ["Sunday", "mon"], "until": "2030-05-19" } });
    let made = api.opens_slots(sail, weekends.clone()).await.is(201);
    let slots = made.data()["slots"].as_array().unwrap();
    assert_eq!(texts(slots, "date"), ["2030-05-05", "2030-05-06", "2030-05-12", "2030-05-13", "2030-05-19"]);
    // Without a key, what is there is answered, also as it is now.
    let first: Uuid = slots[0]["id"].as_str().unwrap().parse().unwrap();
    api.changes_slot(first, json!({ "capacity": 9 })).await.is(200);
    let again = api.opens_slots(sail, weekends).await.is(200);
    assert_eq!((&again.data()["created"], &again.data()["existing"]), (&json!(0), &json!(5)));
    assert_eq!((&again.data()["slots"][0]["id"], &again.data()["slots"][0]["capacity"]), (&json!(first), &json!(9)));
    assert_eq!(again.data()["slots"][0]["created"], false);
    // The days of a week are that of the date, if nothing else is said; the same time on the wall, in winter too.
    let weekly = json!({ "date": "2030-10-23", "repeat": { "every": "week", "count": 3 } });
    let weekly = api.opens_slots(sail, weekly).await.is(201);
    let starts = texts(weekly.data()["slots"].as_array().unwrap(), "startsAt");
    assert_eq!(starts, ["2030-10-23T18:30:00-04:00", "2030-10-30T18:30:00-04:00", "2030-11-06T18:30:00-05:00"]);
    // A whole leap year of days is as many as may be.
    let year = json!({ "date": "2032-01-01", "repeat": { "every": "day", "until": "2032-12-31" } });
    assert_eq!(api.opens_slots(sail, year).await.is(201).data()["created"], 366);
    let more = json!({ "date": "2032-01-01", "repeat": { "every": "day", "until": "2033-01-01" } });
    let refused = api.opens_slots(sail, more).await;
    let problem = &refused.refused(400, "VALIDATION_ERROR")["fields"]["repeat.until"];
    assert!(problem.as_str().unwrap().contains("2033-01-01"), "{problem}");
    // A cancelled slot is none: its time can be given to another.
    api.changes_slot(first, json!({ "status": "cancelled" })).await.is(200);
    let another = api.opens_slot(sail, json!({ "date": "2030-05-05" })).await;
    assert_ne!(another, first);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_that_was_interrupted_is_finished_by_its_repeat() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let path = format!("/api/admin/experiences/{sail}/slots");
    let series = |count: i32| slot_on_may_4th(json!({ "repeat": { "every": "day", "count": count } }));
    let send = |body: Value| api.post(&path, body).by_admin().key("summer");
    // The server got as far as the third of five, and died before it answered.
    let begun = send(series(3)).await.is(201);
    api.patch(format!("/api/admin/experiences/{sail}"), json!({ "name": "Evening sail" })).by_admin().await.is(200);
    let first: Uuid = begun.data()["slots"][0]["id"].as_str().unwrap().parse().unwrap();
    api.changes_slot(first, json!({ "status": "cancelled" })).await.is(200);

    let finished = send(series(5)).await.is(201);
    let ids = texts(finished.data()["slots"].as_array().unwrap(), "id");
    assert_eq!(ids[..3], texts(begun.data()["slots"].as_array().unwrap(), "id"));
    assert_eq!(
        (&finished.data()["created"], &finished.data()["existing"]),
        (&json!(5), &json!(0)),
        "as the first time"
    );
    assert!(!finished.is_replayed());
    assert_eq!(finished.data()["slots"][0]["status"], "cancelled", "the repeat of a key makes nothing anew");
    let repeated = send(series(5)).await.is(200);
    assert!(repeated.is_replayed());
    assert_eq!(repeated.data(), finished.data());
    let other = slot_on_may_4th(json!({ "capacity": 4, "repeat": { "every": "day", "count": 5 } }));
    send(other).await.refused(422, "IDEMPOTENCY_MISMATCH");
    // One slot alone: its key is the request's.
    let one = || api.post(&path, slot_on_may_4th(json!({ "date": "2031-01-01" }))).by_admin().key("one");
    one().await.is(201);
    assert!(one().await.is(200).is_replayed());
    let other = slot_on_may_4th(json!({ "date": "2031-01-02" }));
    api.post(&path, other).by_admin().key("one").await.refused(422, "IDEMPOTENCY_MISMATCH");
    assert_eq!(api.school.number("SELECT count(*) FROM slots").await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_that_cannot_be_made_now_says_so_and_its_repeat_makes_it() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let meddler = api.school.db.owner().await;
    let series = json!({ "repeat": { "every": "day", "count": 30 } });
    meddler.batch_execute("BEGIN; SELECT FROM offerings WHERE family = 'experience' FOR UPDATE").await.unwrap();
    let refused = api.opens_slots(sail, series.clone()).await;
    let details = refused.refused(503, "SERIES_INCOMPLETE");
    assert_eq!((&details["wanted"], &details["there"]), (&json!(30), &json!(0)));
    assert!(refused.header("retry-after").is_some());
    // Bookings do not take that lock, and an exam's slots neither.
    api.opens("Clinical Skills", 5).await;
    meddler.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(api.opens_slots(sail, series).await.data()["slots"].as_array().unwrap().len(), 30);
    assert_eq!(api.school.number("SELECT count(*) FROM slots").await, 31);
}

/// Several servers, the same slot at once: it is one. Many times, because it is a race.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_many_open_at_once_is_one_slot() {
    const DAYS: i8 = 30;
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let open_on = |day: i8| {
        let usual = slot_of(sail, times_on(jiff::civil::date(2030, 6, day)), 5);
        Command::OpenSlot(OpenSlot { one_per_start: true, ..usual })
    };
    let desks: Vec<_> = (0..4).map(|_| api.school.second_server()).collect();
    let made = |result: &Result<Outcome, DeskError>| match &result.as_ref().expect("an answer").answer {
        Answer::SlotOpened(saved) => (saved.changed, saved.slot_id),
        other => panic!("unexpected {other:?}"),
    };
    for day in 1..=DAYS {
        let opened = desks.iter().map(|desk| desk.submit(api.school.org_id, request(open_on(day))));
        let opened: Vec<_> = futures::future::join_all(opened).await.iter().map(made).collect();
        assert_eq!(opened.iter().filter(|(created, _)| *created).count(), 1, "{opened:?}");
        assert!(opened.iter().all(|(_, id)| *id == opened[0].1), "{opened:?}");
    }
    // And over HTTP.
    let series = json!({ "repeat": { "every": "day", "count": 4 } });
    let series = futures::future::join_all((0..6).map(|_| api.opens_slots(sail, series.clone()))).await;
    let created: u64 = series.iter().map(|answer| answer.body["data"]["created"].as_u64().unwrap()).sum();
    assert_eq!(created, 4);
    let all = i64::from(DAYS) + 4;
    assert_eq!(api.school.number("SELECT count(*) FROM slots").await, all);
    assert_eq!(api.school.number("SELECT count(*) FROM journal WHERE event = 'slot.opened'").await, all);
    api.school.laws_hold().await;
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

    let audit = api.get(format!("/api/admin/audit?entity=slot&entity_id={slot}")).by_admin().await.is(200);
    let entries = audit.data().as_array().unwrap();
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
        let entries = audit.data().as_array().unwrap();
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
    let audit = api.get(format!("/api/admin/audit?entity=slot&entity_id={slot}")).by_admin().await.is(200);
    let entries = audit.data().as_array().unwrap();
    assert_eq!(texts(entries, "event"), ["slot.released", "slot.withheld", "slot.opened"]);
    assert_eq!((&entries[0]["before"]["withheld"], &entries[0]["after"]["withheld"]), (&json!(3), &json!(1)));
    assert_eq!(entries[0]["after"]["reason"], "crew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn travellers_see_what_they_can_book_and_nothing_else() {
    let api = Api::open().await;
    let sail = api.offers_for(&api.keys, json!({ "maxGuests": 4, "cutoffMinutes": 60 })).await;
    let on = |date: &str, more: Value| api.opens_slot(sail, crate::support::api::merged(json!({ "date": date }), more));
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

/// Each side is blind to the other: what is there is "not found".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exams_and_experiences_do_not_see_each_other() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let slot = api.opens_slot(sail, json!({})).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let exam_type = api.school.offerings["Clinical Skills"];
    let ann = api.enrols("ANN", json!({ "cs_credits": 1, "shared_mock_credits": 1 })).await;
    let hers = api.books(&ann, exam).await.is(201).id();

    // Here no exams.
    for path in [format!("/api/admin/slots/{exam}"), format!("/api/admin/slots/{}", Uuid::now_v7())] {
        api.get(&path).by_admin().await.refused(404, "SLOT_NOT_FOUND");
        api.patch(&path, json!({ "capacity": 9 })).by_admin().await.refused(404, "SLOT_NOT_FOUND");
        for what in ["withhold", "release"] {
            let call = api.post(format!("{path}/{what}"), json!({ "seats": 1 }));
            call.by_admin().await.refused(404, "SLOT_NOT_FOUND");
        }
    }
    for id in [exam_type.to_string(), "Clinical%20Skills".to_owned(), "Sunset%20sail".to_owned()] {
        let path = format!("/api/admin/experiences/{id}");
        api.get(&path).by_admin().await.refused(404, "EXPERIENCE_NOT_FOUND");
        api.patch(&path, json!({ "price": 1 })).by_admin().await.refused(404, "EXPERIENCE_NOT_FOUND");
        let open = api.post(format!("{path}/slots"), slot_on_may_4th(json!({}))).by_admin();
        open.await.refused(404, "EXPERIENCE_NOT_FOUND");
        api.get(format!("/functions/v1/experiences/{id}/slots")).await.refused(404, "EXPERIENCE_NOT_FOUND");
    }
    let exams = api.get(format!("/api/admin/slots?experienceId={exam_type}")).by_admin().await;
    exams.refused(404, "EXPERIENCE_NOT_FOUND");
    assert_eq!(
        texts(api.get("/api/admin/slots").by_admin().await.is(200).data().as_array().unwrap(), "id"),
        [slot.to_string()]
    );
    assert_eq!(api.get("/api/admin/experiences").by_admin().await.is(200).data().as_array().unwrap().len(), 1);

    // There no experiences: not in lists, not by id or name, not as a type, not in the names of an error.
    for path in ["/api/mock-exams/available", "/api/mock-discussions/available", "/api/admin/mock-exams"] {
        let list = api.get(path).by_admin().await.is(200);
        assert!(!list.body.to_string().contains("2030-05-04T18:30"), "{path}");
        let unknown = api.get(format!("{path}?mock_type=Sunset%20sail")).by_admin().await;
        assert!(!unknown.refused(400, "INVALID_EXAM_TYPE").to_string().contains("Sunset"), "{path}");
    }
    for id in [slot.to_string(), "2030-05-04%2018:30".to_owned()] {
        api.get(format!("/api/mock-exams/{id}/capacity")).await.refused(404, "EXAM_NOT_FOUND");
        let path = format!("/api/admin/mock-exams/{id}");
        api.get(&path).by_admin().await.refused(404, "EXAM_NOT_FOUND");
        api.get(format!("{path}/bookings")).by_admin().await.refused(404, "EXAM_NOT_FOUND");
        api.patch(&path, json!({ "capacity": 9 })).by_admin().await.refused(404, "EXAM_NOT_FOUND");
        api.post(format!("{path}/withhold"), json!({ "seats": 1 })).by_admin().await.refused(404, "EXAM_NOT_FOUND");
    }
    api.books(&ann, slot).await.refused(404, "EXAM_NOT_FOUND");
    api.books_discussion(&ann, slot).await.refused(404, "EXAM_NOT_FOUND");
    let free = json!({ "mock_exam_id": slot, "contact_id": ann.id, "dominant_hand": "left" });
    api.post("/api/admin/bookings", free).by_admin().await.refused(404, "EXAM_NOT_FOUND");
    api.moves(hers, slot).await.refused(404, "EXAM_NOT_FOUND");
    api.changes(exam, json!({ "prerequisite_exam_ids": [slot] })).await.names_bad_fields(&["prerequisite_exam_ids"]);
    let open = json!({ "mock_type": "Sunset sail", "exam_date": "2030-05-05", "start_time": "09:00", "end_time": "10:00", "capacity": 1 });
    let refused = api.post("/api/admin/mock-exams", open).by_admin().await;
    assert!(!refused.refused(400, "INVALID_EXAM_TYPE").to_string().contains("Sunset"));
    let credits = json!({ "student_id": ann.student_id, "email": ann.email, "mock_type": "Sunset sail" });
    api.post("/api/mock-exams/validate-credits", credits).await.refused(400, "INVALID_EXAM_TYPE");
    let seen = api.slot(slot).await;
    assert_eq!((&seen["capacity"], &seen["withheld"], &seen["taken"]), (&json!(5), &json!(0), &json!(0)));
    // Exams of one type may begin together, as before.
    let twins = [api.opens("Clinical Skills", 5).await, api.opens("Clinical Skills", 5).await];
    assert_ne!(twins[0], twins[1]);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_organisations_do_not_see_each_others_experiences() {
    let api = Api::open().await;
    let harbour = api.another_org("harbour", &["harbour.example"]).await;
    let sail = api.offers("Sunset sail").await;
    let slot = api.opens_slot(sail, json!({})).await;
    let theirs = api.offers_for(&harbour, json!({ "name": "Sunset sail", "price": 700 })).await;
    assert_ne!(theirs, sail, "a name is one organisation's own");

    let read = api.get(format!("/api/admin/experiences/{theirs}")).bearer(&harbour.admin).await.is(200);
    assert_eq!(read.data()["currency"], "eur");
    for path in ["/api/admin/slots", &format!("/api/admin/audit?entity=slot&entity_id={slot}")] {
        assert_eq!(api.get(path).bearer(&harbour.admin).await.is(200).data(), &json!([]), "{path}");
    }
    let by = |call: crate::support::api::Call| call.bearer(&harbour.admin);
    by(api.get(format!("/api/admin/experiences/{sail}"))).await.refused(404, "EXPERIENCE_NOT_FOUND");
    let change = api.patch(format!("/api/admin/experiences/{sail}"), json!({ "price": 1 }));
    by(change).await.refused(404, "EXPERIENCE_NOT_FOUND");
    let open = api.post(format!("/api/admin/experiences/{sail}/slots"), slot_on_may_4th(json!({})));
    by(open).await.refused(404, "EXPERIENCE_NOT_FOUND");
    by(api.get(format!("/api/admin/slots?experienceId={sail}"))).await.refused(404, "EXPERIENCE_NOT_FOUND");
    by(api.get(format!("/functions/v1/experiences/{sail}/slots"))).await.refused(404, "EXPERIENCE_NOT_FOUND");
    by(api.get(format!("/api/admin/slots/{slot}"))).await.refused(404, "SLOT_NOT_FOUND");
    by(api.patch(format!("/api/admin/slots/{slot}"), json!({ "capacity": 9 }))).await.refused(404, "SLOT_NOT_FOUND");
    for what in ["withhold", "release"] {
        let call = api.post(format!("/api/admin/slots/{slot}/{what}"), json!({ "seats": 1 }));
        by(call).await.refused(404, "SLOT_NOT_FOUND");
    }

    // Without a key, the host says which organisation is meant.
    let list = api.get("/functions/v1/experiences").header("host", "harbour.example").await.is(200);
    assert_eq!(texts(list.data().as_array().unwrap(), "id"), [theirs.to_string()]);
    api.get("/functions/v1/experiences").await.refused(400, "ORG_UNKNOWN");
    let seen = api.get(format!("/functions/v1/experiences/{sail}/slots"));
    seen.header("host", "harbour.example").await.refused(404, "EXPERIENCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_field_is_named_at_once() {
    let api = Api::open().await;
    let sail = api.offers("Sunset sail").await;
    let slot = api.opens_slot(sail, json!({})).await;

    // Experiences.
    let bad = json!({
        "name": "x".repeat(201), "price": 49.5, "maxGuests": 0, "cutoffMinutes": -1, "freeCancellationMinutes": 999_999,
        "lateRefundPercent": 101, "isActive": "maybe", "admin_email": "nobody",
    });
    let names = [
        "admin_email",
        "cutoffMinutes",
        "freeCancellationMinutes",
        "isActive",
        "lateRefundPercent",
        "maxGuests",
        "name",
        "price",
    ];
    api.post("/api/admin/experiences", bad.clone()).by_admin().await.names_bad_fields(&names);
    api.post("/api/admin/experiences", json!({})).by_admin().await.names_bad_fields(&["name", "price"]);
    api.post("/api/admin/experiences", json!({ "name": "a\u{0}b", "price": "free" }))
        .by_admin()
        .await
        .names_bad_fields(&["name", "price"]);
    let change = |body: Value| api.patch(format!("/api/admin/experiences/{sail}"), body).by_admin();
    change(bad).await.names_bad_fields(&names);
    change(json!({})).await.names_bad_fields(&["body"]);
    change(json!({ "version": 1 })).await.names_bad_fields(&["body"]);
    change(json!({ "price": null, "name": "", "version": 0 })).await.names_bad_fields(&["name", "price", "version"]);
    change(json!({ "price": 1, "max_guests": 2, "maxGuests": 3 })).await.names_bad_fields(&["maxGuests"]);

    // Slots.
    let open = |body: Value| api.post(format!("/api/admin/experiences/{sail}/slots"), body).by_admin();
    open(json!({})).await.names_bad_fields(&["capacity", "date", "durationMinutes", "time"]);
    open(json!({
        "date": "2030-02-30", "time": "25:00", "durationMinutes": 0, "capacity": 101, "price": -1, "timezone": "Mars/Base",
        "isActive": 7, "withheld": -1, "location": "\u{1b}", "repeat": "daily",
    }))
    .await
    .names_bad_fields(&[
        "capacity", "date", "durationMinutes", "isActive", "location", "price", "repeat", "time", "timezone", "withheld",
    ]);
    for (more, names) in [
        (json!({ "endTime": "19:00" }), ["endTime"]),
        (json!({ "endTime": "18:30", "durationMinutes": null }), ["endTime"]),
        (json!({ "durationMinutes": 10_081 }), ["durationMinutes"]),
        (json!({ "withheld": 6 }), ["withheld"]),
        (json!({ "date": "2201-01-01" }), ["date"]),
        (json!({ "repeat": { "every": "day" } }), ["repeat.until"]),
        (json!({ "repeat": { "every": "month", "count": 2 } }), ["repeat.every"]),
        (json!({ "repeat": { "count": 2 } }), ["repeat.every"]),
        (json!({ "repeat": { "every": "day", "count": 2, "until": "2030-06-01" } }), ["repeat.count"]),
        (json!({ "repeat": { "every": "day", "count": 367 } }), ["repeat.count"]),
        (json!({ "repeat": { "every": "day", "count": 0 } }), ["repeat.count"]),
        (json!({ "repeat": { "every": "day", "until": "2030-05-03" } }), ["repeat.until"]),
        (json!({ "repeat": { "every": "day", "until": "9999-12-31" } }), ["repeat.until"]),
        (json!({ "repeat": { "every": "day", "until": "2200-12-31" } }), ["repeat.until"]),
        (json!({ "repeat": { "every": "day", "count": 2, "weekdays": ["mon"] } }), ["repeat.weekdays"]),
        (json!({ "repeat": { "every": "week", "count": 2, "weekdays": [] } }), ["repeat.weekdays"]),
        (json!({ "repeat": { "every": "week", "count": 2, "weekdays": "mon" } }), ["repeat.weekdays"]),
        (json!({ "repeat": { "every": "week", "count": 2, "weekdays": ["moon"] } }), ["repeat.weekdays[0]"]),
        (json!({ "repeat": { "every": "week", "until": "2030-05-05", "weekdays": ["mon"] } }), ["repeat.weekdays"]),
        (json!({ "date": "2200-12-30", "repeat": { "every": "day", "count": 3 } }), ["repeat.count"]),
    ] {
        open(slot_on_may_4th(more)).await.names_bad_fields(&names);
    }
    let change = |body: Value| api.patch(format!("/api/admin/slots/{slot}"), body).by_admin();
    change(json!({ "version": 1 })).await.names_bad_fields(&["body"]);
    change(json!({ "capacity": 0, "price": "x", "isBlocked": "so", "isActive": 3, "status": "scheduled", "version": "old" }))
        .await
        .names_bad_fields(&["capacity", "isActive", "isBlocked", "price", "status", "version"]);
    change(json!({ "blockedReason": "storm" })).await.names_bad_fields(&["isBlocked"]);
    change(json!({ "isActive": true, "status": "cancelled" })).await.names_bad_fields(&["status"]);
    change(json!({ "capacity": null, "isActive": "" })).await.names_bad_fields(&["capacity", "isActive"]);

    // Lists.
    let wrong = "from=soon&to=2030-13-01&limit=0&cursor=x";
    let names = ["cursor", "experienceId", "from", "limit", "to"];
    api.get(format!("/api/admin/slots?experienceId=7&{wrong}")).by_admin().await.names_bad_fields(&names);
    api.get("/api/admin/slots?from=2030-05-02&to=2030-05-01").by_admin().await.names_bad_fields(&["to"]);
    api.get("/api/admin/experiences?limit=501&cursor=bm8").by_admin().await.names_bad_fields(&["cursor", "limit"]);
    api.get("/functions/v1/experiences?limit=x").await.names_bad_fields(&["limit"]);
    let names = ["cursor", "from", "guests", "limit", "to"];
    api.get(format!("/functions/v1/experiences/{sail}/slots?guests=0&{wrong}")).await.names_bad_fields(&names);
    api.get("/api/admin/audit?entity=cruise").by_admin().await.names_bad_fields(&["entity"]);
    api.get("/api/admin/audit?entity=payment&entity_id=PL-1").by_admin().await.names_bad_fields(&["entity_id"]);

    // And who may.
    let paths = ["/api/admin/experiences", "/api/admin/slots", &format!("/api/admin/slots/{slot}")];
    for path in paths {
        api.get(path).await.refused(401, "UNAUTHENTICATED");
        api.get(path).by_service().await.refused(403, "FORBIDDEN");
    }
    api.post(format!("/api/admin/experiences/{sail}/slots"), json!({})).by_service().await.refused(403, "FORBIDDEN");
    api.get("/functions/v1/experiences").bearer("nonsense").await.refused(401, "UNAUTHENTICATED");
    assert_eq!(api.school.number("SELECT count(*) FROM slots").await, 1, "nothing of it was done");
}
