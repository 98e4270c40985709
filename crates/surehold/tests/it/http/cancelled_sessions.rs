//! A session that is cancelled gives back all its credits, also when the server dies on the way.

use std::sync::Arc;

use serde_json::json;
use surehold::workers::session_cancellation::resume_once;
use surehold_core::command::{ChangeSlot, Command};
use surehold_core::rows::SlotStatus;

use crate::support::Api;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_a_session_gives_back_every_credit_to_the_kind_that_paid() {
    let api = Api::open().await;
    let session = api.opens("Clinical Skills", 10).await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let bob = api.enrols("BOB", json!({ "shared_mock_credits": 1 })).await;
    let (eve, fay) =
        (api.enrols("EVE", json!({ "cs_credits": 1 })).await, api.enrols("FAY", json!({ "cs_credits": 1 })).await);
    let mut ids = Vec::new();
    for student in [&ann, &bob, &eve, &fay] {
        ids.push(api.books(student, session).await.is(201).id());
    }
    api.cancels(&eve, ids[2]).await.is(200);
    api.marks(ids[3], json!("Yes")).await.is(200);

    let boss = json!({ "status": "cancelled", "admin_email": "boss@example.org" });
    let cancelled = api.changes(session, boss.clone()).await.is(200);
    assert_eq!(
        cancelled.data()["bookings"],
        json!({ "cancelled": 2, "already_cancelled": 0, "skipped": 0, "pending": 0, "credits_returned": 2 })
    );
    assert_eq!((&cancelled.data()["activation"], &cancelled.data()["bookable"]), (&json!("cancelled"), &json!(false)));
    assert_eq!(api.credits(&ann).await["cs_credits"], 1);
    assert_eq!(api.credits(&bob).await["shared_mock_credits"], 1);
    assert_eq!(api.credits(&eve).await["cs_credits"], 1);
    assert_eq!(api.credits(&fay).await["cs_credits"], 0, "what took place is not undone");
    let read = api.reads(&ann, ids[0]).await.is(200);
    assert_eq!((&read.data()["status"], &read.data()["token_refunded"]), (&json!("cancelled"), &json!("cs_credits")));

    // Again, by all ways there are: nothing comes back twice.
    let again = api.changes(session, boss).await.is(200);
    assert_eq!((&again.data()["changed"], &again.data()["bookings"]["cancelled"]), (&json!(false), &json!(0)));
    api.cancels(&ann, ids[0]).await.is(200);
    api.refunds(&ids[0].to_string(), json!({})).await.refused(409, "ALREADY_REFUNDED");
    assert_eq!(api.credits(&ann).await["cs_credits"], 1);
    let audit = api.get("/api/admin/audit?actor=boss@example.org&entity=booking").by_admin().await.is(200);
    assert_eq!(audit.rows().len(), 2, "in the name of the boss");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_that_a_crash_interrupted_goes_on() {
    let api = Api::open().await;
    let (session, untouched) =
        (api.opens("Clinical Skills", 9).await, api.opens_on("Clinical Skills", 9, "2030-05-05").await);
    let mut students = Vec::new();
    for n in 0..5 {
        let student = api.enrols(&format!("S{n}"), json!({ "cs_credits": 2 })).await;
        api.books(&student, session).await.is(201);
        api.books(&student, untouched).await.is(201);
        students.push(student);
    }
    // The server got as far as this, and died.
    let change = ChangeSlot { slot_id: session, status: Some(SlotStatus::Cancelled), ..ChangeSlot::default() };
    api.school.submit(Command::ChangeSlot(change)).await.unwrap();
    api.cancels(&students[0], "Clinical Skills-S0-May 4, 2030").await.is(200);
    let late = api.enrols("LATE", json!({ "cs_credits": 1 })).await;
    api.books(&late, session).await.refused(409, "EXAM_NOT_ACTIVE");

    // Two servers find the unfinished work at the same time.
    let other = api.school.second_server();
    let (a, b) =
        futures::join!(resume_once(&api.school.store, &api.school.desk), resume_once(&api.school.store, &other));
    a.and(b).expect("both looked");

    for student in &students {
        assert_eq!(api.credits(student).await["cs_credits"], 1, "{student:?}");
    }
    assert_eq!((api.seats(session).await.1, api.seats(untouched).await.1), (9, 4));
    let audit = api.get("/api/admin/audit?actor=system:session_cancellation").by_admin().await.is(200);
    assert_eq!(audit.rows().len(), 4);
    resume_once(&api.school.store, &api.school.desk).await.expect("nothing is left");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_itself_finds_the_unfinished_work() {
    let api = Api::open().await;
    let session = api.opens("Clinical Skills", 9).await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let id = api.books(&ann, session).await.is(201).id();
    let change = ChangeSlot { slot_id: session, status: Some(SlotStatus::Cancelled), ..ChangeSlot::default() };
    api.school.submit(Command::ChangeSlot(change)).await.unwrap();

    let stop = Arc::new(tokio::sync::Notify::new());
    let stopped = stop.clone();
    let worker = tokio::spawn(surehold::workers::session_cancellation::resume(
        api.school.store.clone(),
        api.school.desk.clone(),
        async move { stopped.notified().await },
    ));
    tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while api.reads(&ann, id).await.is(200).data()["status"] != "cancelled" {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("within a few seconds");
    stop.notify_one();
    worker.await.unwrap();
    assert_eq!(api.credits(&ann).await["cs_credits"], 1);
}
