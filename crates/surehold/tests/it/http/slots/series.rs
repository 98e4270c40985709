//! Series of slots: made by the calendar, finished when they are interrupted, never twice.

use futures::future::join_all;
use serde_json::{Value, json};
use surehold::desk::DeskError;
use surehold_core::command::{Command, OpenSlot};
use surehold_core::{Answer, Outcome};
use uuid::Uuid;

use crate::support::Api;
use crate::support::answer::texts;
use crate::support::experiences::slot_on_may_4th;
use crate::support::school::{request, slot_of, times_on};

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
    assert_eq!(api.school.count("slots").await, 6);
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
    assert_eq!(api.school.count("slots").await, 31);
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
        let opened: Vec<_> = join_all(opened).await.iter().map(made).collect();
        assert_eq!(opened.iter().filter(|(created, _)| *created).count(), 1, "{opened:?}");
        assert!(opened.iter().all(|(_, id)| *id == opened[0].1), "{opened:?}");
    }
    // And over HTTP.
    let series = json!({ "repeat": { "every": "day", "count": 4 } });
    let series = join_all((0..6).map(|_| api.opens_slots(sail, series.clone()))).await;
    let created: u64 = series.iter().map(|answer| answer.body["data"]["created"].as_u64().unwrap()).sum();
    assert_eq!(created, 4);
    let all = i64::from(DAYS) + 4;
    assert_eq!(api.school.count("slots").await, all);
    assert_eq!(api.school.count("journal WHERE event = 'slot.opened'").await, all);
    api.school.laws_hold().await;
}
