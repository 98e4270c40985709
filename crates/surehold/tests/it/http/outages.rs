//! The database at its worst, as a caller sees it: nothing booked, nothing lost, and how to find out.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;
use surehold::desk::{Desk, DeskOptions};

use crate::support::api::unlimited;
use crate::support::cluster::connect;
use crate::support::cut::{Cut, Wire};
use crate::support::school::store_on;
use crate::support::{Api, School};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_said_at_once_and_costs_nothing() {
    let api = Api::with(DeskOptions { queue_max: 3, ..DeskOptions::default() }, unlimited()).await;
    let session = api.opens("Clinical Skills", 20).await;
    let mut students = Vec::new();
    for n in 0..9 {
        students.push(api.enrols(&format!("Q{n}"), json!({ "cs_credits": 1 })).await);
    }
    let owner = api.school.somebody_locks("slots", session).await;

    let api = &api;
    let call = |student| async move { (student, api.books(student, session).await) };
    let mut calls: FuturesUnordered<_> = students[..3].iter().map(call).collect();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    // The first of them has got as far as the row.
    loop {
        tokio::select! {
            told = calls.next() => panic!("told before the queue was full: {told:?}"),
            count = api.school.number(waiting) => if count == 1 { break },
        }
    }
    calls.extend(students[3..].iter().map(call));
    // Three wait for the row; the other six are told while those are still waiting.
    let mut told = Vec::new();
    for _ in 0..6 {
        told.push(calls.next().await.unwrap());
    }
    assert_eq!(api.school.number(waiting).await, 1, "told at once, not when the wait was over");
    for (student, answer) in told {
        answer.refused(503, "OVERLOADED");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(api.credits(student).await["cs_credits"], 1);
    }
    owner.batch_execute("ROLLBACK").await.unwrap();
    while let Some((student, answer)) = calls.next().await {
        // On a slow machine even the three may have waited for longer than a row is waited for.
        let left = if answer.status == 201 { 0 } else { 1 };
        assert!(answer.status == 201 || answer.code() == "OVERLOADED", "{answer:?}");
        assert_eq!(api.credits(student).await["cs_credits"], left);
    }
    drop(calls);
    for student in &students {
        let answer = api.books(student, session).await;
        assert!([200, 201].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(api.seats(session).await.1, 11);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_nothing_is_booked_and_everybody_is_told() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 2).await;
    let token = api.logs_in(&ann).await;
    api.get("/health/ready").await.is(200);

    let database = &api.school.db.name;
    let elsewhere = connect(&api.school.db.url.replace(&format!("dbname={database}"), "dbname=postgres")).await;
    let allow = |yes: bool| format!("ALTER DATABASE {database} WITH ALLOW_CONNECTIONS {yes}");
    elsewhere.batch_execute(&allow(false)).await.unwrap();
    let kill = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
    elsewhere.batch_execute(&kill).await.unwrap();

    let away = "DATABASE_UNAVAILABLE";
    let booking = api.books(&ann, session).await;
    assert_body!("database_unavailable", booking);
    booking.refused(503, away);
    api.post("/api/bookings/create", crate::support::api::booking_of(session)).bearer(&token).await.refused(503, away);
    api.post("/api/user/login", ann.identity()).await.refused(503, away);
    api.get("/api/mock-exams/available").await.refused(503, away);
    api.cancels(&ann, "x").await.refused(503, away);
    api.get("/api/admin/audit").by_admin().await.refused(503, away);
    api.get("/health/ready").await.refused(503, away);
    api.get("/health/live").await.is(200);
    api.get("/metrics").await.is(200);

    elsewhere.batch_execute(&allow(true)).await.unwrap();
    api.get("/health/ready").await.is(200);
    assert_eq!(api.credits(&ann).await["cs_credits"], 1);
    api.books(&ann, session).await.is(201);
    api.school.laws_hold().await;
}

/// COMMIT went out and no answer came back, and the way to the database is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_comes_with_the_key_that_finds_it_out() {
    for (cut, key) in [(Cut::AfterCommit, None), (Cut::AfterCommit, Some("mine")), (Cut::BeforeCommit, None)] {
        let school = School::open().await;
        let wire = Wire::to(&school.db.socket_dir, cut).await;
        let url =
            school.db.url.replace(&school.db.socket_dir.display().to_string(), &wire.socket_dir.display().to_string());
        let store = store_on(&url);
        let desk = Desk::new(store.clone(), DeskOptions { flights_max: 6, ..DeskOptions::default() });
        let api = Api::serving(school, store, desk, unlimited()).await;
        // One at a time, so that the desk has one connection, and no other to find out with.
        let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
        let session = api.opens("Clinical Skills", 2).await;

        let (way, gone) = (wire.socket_dir.join(".s.PGSQL.5432"), wire.socket_dir.join("gone"));
        std::fs::rename(&way, &gone).unwrap();
        wire.cut_next(1);
        let call = api.books(&ann, session);
        let answer = match key {
            Some(key) => call.key(key).await,
            None => call.await,
        };
        let given = answer.refused(503, "OUTCOME_UNKNOWN")["idempotency_key"].as_str().unwrap().to_owned();
        match key {
            Some(key) => assert_eq!(given, key),
            None => assert!(given.starts_with("idem_") && given.len() == 37, "{given}"),
        }
        if key.is_none() && cut == Cut::AfterCommit {
            assert_body!("outcome_unknown", answer);
        }

        std::fs::rename(&gone, &way).unwrap();
        let again = api.books(&ann, session).key(&given).await;
        match cut {
            Cut::AfterCommit => assert!(again.status == 200 && again.is_replayed(), "it had gone through: {again:?}"),
            Cut::BeforeCommit => assert!(again.status == 201 && !again.is_replayed(), "it had not: {again:?}"),
        }
        assert_eq!(api.school.count("bookings").await, 1);
        assert_eq!(api.reads(&ann, again.id()).await.is(200).data()["status"], "confirmed");
        assert_eq!(api.credits(&ann).await["cs_credits"], 0);
        api.school.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_ours_is_a_500_that_says_nothing_of_itself() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 2).await;
    let constraint = format!("ALTER TABLE bookings ADD CONSTRAINT unlucky CHECK (contact_id <> '{}')", ann.id);
    api.school.db.owner().await.batch_execute(&constraint).await.unwrap();

    let answer = api.books(&ann, session).await;
    assert_body!("internal_error", answer);
    answer.refused(500, "INTERNAL_ERROR");
    assert_eq!(api.credits(&ann).await["cs_credits"], 1);
    assert_eq!(api.seats(session).await.1, 2);
    api.school.laws_hold().await;
}

/// The desk reaches the database and the reads do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_and_cannot_be_read_is_not_said_to_be_undone() {
    let school = School::open().await;
    let wire = Wire::to(&school.db.socket_dir, Cut::AfterCommit).await;
    let url =
        school.db.url.replace(&school.db.socket_dir.display().to_string(), &wire.socket_dir.display().to_string());
    let (store, desk) = (store_on(&url), school.second_server());
    let api = Api::serving(school, store, desk, unlimited()).await;
    // From here on the keys and the types of the school are known.
    api.enrols("ANN", json!({})).await;
    api.opens("Clinical Skills", 2).await;
    let contact = json!({ "student_id": "BOB", "email": "bob@example.org" });
    let session = json!({
        "mock_type": "Clinical Skills", "exam_date": "2030-05-09", "start_time": "09:00", "end_time": "12:00", "capacity": 5,
    });
    let (way, gone) = (wire.socket_dir.join(".s.PGSQL.5432"), wire.socket_dir.join("gone"));
    for (path, body) in [("/api/admin/contacts", contact), ("/api/admin/mock-exams", session)] {
        std::fs::rename(&way, &gone).unwrap();
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        api.school.db.owner().await.batch_execute(kill).await.unwrap();
        let answer = api.post(path, body.clone()).by_admin().await;
        let key = answer.refused(503, "OUTCOME_UNKNOWN")["idempotency_key"].as_str().unwrap().to_owned();
        assert!(answer.body["error"].as_str().unwrap().starts_with("It was done"), "{answer:?}");

        std::fs::rename(&gone, &way).unwrap();
        let again = api.post(path, body).by_admin().key(&key).await.is(200);
        assert!(again.is_replayed(), "{again:?}");
    }
    api.school.laws_hold().await;
}
