//! Many callers at once, over HTTP.

use std::collections::BTreeSet;
use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::json;
use surehold::desk::{CommitMode, DeskOptions};

use crate::support::Api;
use crate::support::api::unlimited;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_callers_for_one_seat_exactly_one_gets_it() {
    for mode in [CommitMode::Lanes, CommitMode::PerRequest] {
        let api = Api::with(DeskOptions { mode, ..DeskOptions::default() }, unlimited()).await;
        let session = api.opens("Clinical Skills", 1).await;
        let mut students = Vec::new();
        for n in 0..10 {
            students.push(api.enrols(&format!("S{n}"), json!({ "cs_credits": 1 })).await);
        }

        let answers = join_all(students.iter().map(|student| api.books(student, session).into_future())).await;

        for (student, answer) in students.iter().zip(&answers) {
            let left = match answer.status {
                201 => 0,
                _ => {
                    assert_eq!(answer.refused(409, "EXAM_FULL"), &json!({ "requested": 1, "available": 0 }));
                    1
                }
            };
            assert_eq!(api.credits(student).await["cs_credits"], left);
        }
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{mode:?}");
        assert_eq!(api.seats(session).await, (1, 0, "full".to_owned()));
        api.school.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_double_clicks_are_one_booking() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 5 })).await;
    for (date, key) in [("2030-05-04", None), ("2030-05-05", Some("click"))] {
        let session = api.opens_on("Clinical Skills", 5, date).await;
        let token = api.logs_in(&ann).await;
        let clicks = (0..10).map(|n| {
            let call = api.books(&ann, session);
            let call = if n % 2 == 0 { call.bearer(&token) } else { call };
            async {
                match key {
                    Some(key) => call.key(key).await,
                    None => call.await,
                }
            }
        });
        let answers = join_all(clicks).await;

        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert!(answers.iter().all(|answer| answer.status == 201 || answer.status == 200 && answer.is_replayed()));
        assert_eq!(answers.iter().map(|answer| answer.id()).collect::<BTreeSet<_>>().len(), 1);
        assert_eq!(api.seats(session).await.1, 4);
    }
    assert_eq!(api.credits(&ann).await["cs_credits"], 3);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_06_ten_double_cancels_give_back_one_credit() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 5).await;
    let id = api.books(&ann, session).await.is(201).id();

    let answers = join_all((0..10).map(|_| async { api.cancels(&ann, id).await.is(200) })).await;

    let restored: i64 = answers.iter().map(|answer| answer.data()["credits_restored"].as_i64().unwrap()).sum();
    assert_eq!(restored, 1);
    assert_eq!(answers.iter().filter(|answer| answer.message() == "Booking cancelled").count(), 1);
    assert_eq!(api.credits(&ann).await["cs_credits"], 1);
    api.school.laws_hold().await;
}

/// Two moves towards each other, a cancellation of the session and late bookings: no deadlock, no lost seat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moves_cancellations_and_bookings_at_once_leave_the_laws_standing() {
    let api = Api::open().await;
    let (a, b) = (api.opens("Clinical Skills", 4).await, api.opens_on("Clinical Skills", 4, "2030-05-05").await);
    let mut bookings = Vec::new();
    for n in 0..6 {
        let student = api.enrols(&format!("S{n}"), json!({ "cs_credits": 1 })).await;
        let session = if n % 2 == 0 { a } else { b };
        bookings.push((api.books(&student, session).await.is(201).id(), if n % 2 == 0 { b } else { a }, student));
    }
    let moves = join_all(bookings.iter().map(|(id, to, _)| api.moves(*id, *to)));
    let cancels = join_all(bookings.iter().take(2).map(|(id, _, student)| api.cancels(student, id).into_future()));
    let cancel_session = api.changes(a, json!({ "status": "cancelled" }));
    let (moved, cancelled, session) = futures::join!(moves, cancels, cancel_session);

    assert_eq!(session.status, 200);
    assert!(cancelled.iter().all(|answer| answer.status == 200), "{cancelled:?}");
    assert!(moved.iter().all(|answer| [200, 409].contains(&answer.status)), "{moved:?}");
    surehold::workers::session_cancellation::resume_once(&api.school.store, &api.school.desk).await.unwrap();
    assert_eq!(api.school.number(&format!("SELECT taken::bigint FROM slots WHERE id = '{a}'")).await, 0);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_partial_edits_at_once_all_hold() {
    let api = Api::open().await;
    for _ in 0..5 {
        let session = api.opens("Clinical Skills", 5).await;
        let edits =
            [json!({ "start_time": "08:00" }), json!({ "end_time": "13:00" }), json!({ "exam_date": "2030-06-01" })];
        for answer in join_all(edits.map(|edit| api.changes(session, edit))).await {
            answer.is(200);
        }
        let seen = api.get(format!("/api/admin/mock-exams/{session}")).by_admin().await.is(200);
        assert_eq!(
            (&seen.data()["exam_date"], &seen.data()["start_time"], &seen.data()["end_time"]),
            (&json!("2030-06-01"), &json!("08:00"), &json!("13:00"))
        );
    }
}
