//! The defects of the systems that came before (`A8`), each by its number: none of them is here.
//!
//! a8_11 is about the sync with HubSpot, which is not built yet.

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::{Value, json};
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;

use crate::support::Api;
use crate::support::api::{booking_of, encoded, merged, unlimited};

/// Its published functions failed at every call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_01_a_booking_and_its_cancellation_succeed() {
    let api = Api::open().await;
    for (mock_type, kind) in [
        ("Clinical Skills", "cs_credits"),
        ("Situational Judgment", "sj_credits"),
        ("Mini-mock", "sjmini_credits"),
        ("Mock Discussion", "mock_discussion_token"),
    ] {
        let student = api.enrols(kind, json!({ kind: 1 })).await;
        let session = api.opens(mock_type, 1).await;
        let call = match mock_type {
            "Mock Discussion" => api.books_discussion(&student, session),
            _ => api.books(&student, session),
        };
        let booked = call.await.is(201);
        assert_eq!(api.credits(&student).await[kind], 0);
        assert_eq!(api.cancels(&student, booked.id()).await.is(200).data()["credits_restored"], 1);
        assert_eq!(api.credits(&student).await[kind], 1);
    }
    api.school.laws_hold().await;
}

/// The caller said which balance it should be afterwards, of whichever column.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_02_bookings_at_once_cost_a_credit_each_whatever_the_caller_says_is_left() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3 })).await;
    let mut sessions = Vec::new();
    for day in 1..=5 {
        sessions.push(api.opens_on("Clinical Skills", 5, &format!("2030-05-0{day}")).await);
    }
    let wish = json!({ "p_new_credit_value": 99, "new_credit_value": 99, "credit_field": "shared_mock_credits", "p_credit_field": "id" });
    let answers = join_all(sessions.iter().map(|session| {
        let body = merged(merged(ann.identity(), booking_of(*session)), wish.clone());
        api.post("/api/bookings/create", body).into_future()
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
    assert_eq!(answers.iter().filter(|answer| answer.code() == "INSUFFICIENT_CREDITS").count(), 2);
    let credits = api.credits(&ann).await;
    assert_eq!((&credits["cs_credits"], &credits["shared_mock_credits"]), (&json!(0), &json!(0)));
    api.school.laws_hold().await;
}

/// Seats were counted outside the transaction, and the count drifted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_03_the_count_of_seats_does_not_drift() {
    let api = Api::open().await;
    let session = api.opens("Clinical Skills", 3).await;
    let mut students = Vec::new();
    for n in 0..8 {
        students.push(api.enrols(&format!("S{n}"), json!({ "cs_credits": 1 })).await);
    }
    for _ in 0..3 {
        join_all(students.iter().map(|student| api.books(student, session).into_future())).await;
        let code = |id: &str| format!("Clinical Skills-{id}-May 4, 2030");
        join_all(students.iter().take(5).map(|s| api.cancels(s, code(&s.student_id)).into_future())).await;
    }
    join_all(students.iter().map(|student| api.books(student, session).into_future())).await;
    assert_eq!(api.seats(session).await, (3, 0, "full".to_owned()));
    let active = format!("SELECT count(*) FROM bookings WHERE slot_id = '{session}' AND status = 'confirmed'");
    assert_eq!(api.school.number(&active).await, 3);
    api.school.laws_hold().await;
}

/// Any violated constraint was "success", and so was a booking again within five minutes of a cancellation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_04_success_means_that_there_is_a_booking() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    let session = api.opens("Clinical Skills", 2).await;
    let first = api.books(&ann, session).await.is(201).id();
    api.cancels(&ann, first).await.is(200);
    let second = api.books(&ann, session).await.is(201).id();
    assert_ne!(first, second);
    assert_eq!(api.reads(&ann, second).await.is(200).data()["status"], "confirmed");

    // A unique constraint that no decision knows of.
    let meddle = "CREATE UNIQUE INDEX surprise ON bookings (org_id, contact_id) WHERE status = 'confirmed'";
    api.school.db.owner().await.batch_execute(meddle).await.unwrap();
    let other = api.opens_on("Clinical Skills", 2, "2030-05-05").await;
    api.books(&ann, other).await.refused(500, "INTERNAL_ERROR");
    assert_eq!(api.credits(&ann).await["cs_credits"], 1);
    assert_eq!(api.seats(other).await.1, 2);
}

/// "Only one NULL in a unique index": there are as many as there are rows that HubSpot does not know yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_05_many_rows_wait_for_their_hubspot_id_at_once() {
    let api = Api::open().await;
    let session = api.opens("Clinical Skills", 9).await;
    for n in 0..4 {
        let student = api.enrols(&format!("S{n}"), json!({ "cs_credits": 1 })).await;
        let id = api.books(&student, session).await.is(201).id();
        let read = api.reads(&student, id).await.is(200);
        assert_eq!((&read.data()["hubspot_id"], &read.data()["mock_exam_hubspot_id"]), (&Value::Null, &Value::Null));
    }
    assert_eq!(api.seats(session).await.1, 5);
}

/// A crash left its lock behind for hours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_07_who_hangs_up_or_dies_leaves_no_lock_behind() {
    let api = Api::open().await;
    let session = api.opens("Clinical Skills", 5).await;
    let mut students = Vec::new();
    for n in 0..3 {
        students.push(api.enrols(&format!("S{n}"), json!({ "cs_credits": 1 })).await);
    }
    let owner = api.school.somebody_locks("slots", session).await;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let somebody_waits = async { while api.school.number(waiting).await == 0 {} };

    // One caller hangs up in the middle; then the connection that works for it is killed.
    tokio::select! {
        answer = api.books(&students[0], session).into_future() => panic!("the row is held: {answer:?}"),
        () = somebody_waits => {}
    }
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'surehold' AND wait_event_type = 'Lock'";
    owner.query_one(kill, &[]).await.unwrap();
    owner.batch_execute("ROLLBACK").await.unwrap();

    for student in &students[1..] {
        api.books(student, session).await.is(201);
    }
    // The first one may have been booked or not; the same request again says so, and books once.
    let again = api.books(&students[0], session).await;
    assert!([200, 201].contains(&again.status), "{again:?}");
    assert_eq!(api.seats(session).await.1, 2);
    api.school.laws_hold().await;
}

/// The marker of a booking outlived it for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_08_after_a_cancellation_the_day_is_free_again() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let (a, b) = (api.opens("Clinical Skills", 1).await, api.opens("Clinical Skills", 1).await);
    let mut session = a;
    for _ in 0..4 {
        let id = api.books(&ann, session).await.is(201).id();
        let other = if session == a { b } else { a };
        api.books(&ann, other).await.refused(409, "DUPLICATE_BOOKING");
        api.cancels(&ann, id).await.is(200);
        session = other;
    }
    api.school.laws_hold().await;
}

/// Without a HubSpot id nobody could cancel, and everybody was the same nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_09_contacts_without_hubspot_id_can_cancel_and_do_not_block_each_other() {
    let api = Api::open().await;
    let (ann, bob) =
        (api.enrols("ANN", json!({ "cs_credits": 1 })).await, api.enrols("BOB", json!({ "cs_credits": 1 })).await);
    let (a, b) = (api.opens("Clinical Skills", 2).await, api.opens("Clinical Skills", 2).await);
    let hers = api.books(&ann, a).await.is(201).id();
    let his = api.books(&bob, a).await.is(201).id();
    api.books(&ann, b).await.refused(409, "DUPLICATE_BOOKING");
    assert_eq!(api.credits(&ann).await["cs_credits"], 0);
    for (student, id) in [(&ann, hers), (&bob, his)] {
        let token = api.logs_in(student).await;
        let cancelled = api.delete(format!("/api/bookings/{id}")).bearer(&token).await.is(200);
        assert_eq!((&cancelled.data()["hubspot_id"], &cancelled.data()["credits_restored"]), (&Value::Null, &json!(1)));
    }
    api.school.laws_hold().await;
}

/// The first discussion of a day blocked all others, prerequisites were checked for nobody, and the four
/// other balances were overwritten with 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_10_a_discussion_concerns_its_own_student_and_its_own_credit() {
    let api = Api::open().await;
    let full = json!({ "mock_discussion_token": 2, "cs_credits": 5, "sj_credits": 6, "sjmini_credits": 7, "shared_mock_credits": 8 });
    let (ann, bob) = (api.enrols("ANN", full.clone()).await, api.enrols("BOB", full).await);
    let exam = api.opens("Clinical Skills", 5).await;
    let open = api.opens("Mock Discussion", 5).await;
    let demanding = api
        .opens_with(
            json!({ "mock_type": "Mock Discussion", "exam_date": "2030-05-06", "prerequisite_exam_ids": [exam] }),
        )
        .await;
    for student in [&ann, &bob] {
        api.books_discussion(student, open).await.is(201);
        api.books_discussion(student, demanding).await.refused(400, "PREREQUISITE_NOT_MET");
        api.books(student, exam).await.is(201);
        api.books_discussion(student, demanding).await.is(201);
        assert_eq!(
            api.credits(student).await,
            json!({ "mock_discussion_token": 0, "cs_credits": 4, "sj_credits": 6, "sjmini_credits": 7, "shared_mock_credits": 8 })
        );
    }
}

/// Shared tokens could not be refunded, two bookings of one student gave one credit, and shared credits were
/// overwritten with 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_12_each_refund_gives_its_own_credit_to_the_right_kind() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1, "shared_mock_credits": 3 })).await;
    let mut ids = Vec::new();
    for day in 1..=3 {
        let session = api.opens_on("Clinical Skills", 2, &format!("2030-05-0{day}")).await;
        ids.push(api.books(&ann, session).await.is(201).id());
    }
    let refund = || api.post("/api/admin/bookings/batch-refund", json!({ "booking_ids": ids })).by_admin();
    let active = refund().await.is(200);
    assert!(active.data()["results"].as_array().unwrap().iter().all(|item| item["code"] == "BOOKING_ACTIVE"));
    for id in &ids {
        api.marks(*id, json!("No")).await.is(200);
    }
    let refunded = refund().await.is(200);
    let kinds: Vec<_> = refunded.data()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["refund"]["token_refunded"].clone())
        .collect();
    assert_eq!(kinds, ["cs_credits", "shared_mock_credits", "shared_mock_credits"]);
    let credits = api.credits(&ann).await;
    assert_eq!((&credits["cs_credits"], &credits["shared_mock_credits"]), (&json!(1), &json!(3)));
    api.school.laws_hold().await;
}

/// Booking was not rate-limited, and errors lost their code and their sentence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_14_booking_is_rate_limited_and_says_so() {
    let api = Api::with(DeskOptions::default(), HttpOptions { student_calls_per_minute: 2, ..unlimited() }).await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 9, "mock_discussion_token": 9 })).await;
    let session = api.opens("Clinical Skills", 9).await;
    api.books(&ann, session).await.is(201);
    api.cancels(&ann, "nothing").await.refused(404, "BOOKING_NOT_FOUND");
    for call in [api.books(&ann, session), api.books_discussion(&ann, session), api.cancels(&ann, "nothing")] {
        let answer = call.await;
        answer.refused(429, "RATE_LIMITED");
        assert!(answer.body["error"].as_str().unwrap().starts_with("Too many requests"));
    }
}

/// Values were HTML-escaped before they were looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_15_an_apostrophe_in_an_email_is_found() {
    let api = Api::open().await;
    let email = "o'neil&sons+mock@example.org";
    let ann = api.enrols_as(&api.keys, "ANN", email, json!({ "cs_credits": 1 })).await;
    assert_eq!(ann.email, email);
    assert_eq!(api.post("/api/user/login", ann.identity()).await.is(200).data()["email"], email);
    let session =
        api.opens_with(json!({ "mock_type": "Clinical Skills", "name": "Tom's <b>\"exam\"</b> & more; --" })).await;
    let named = merged(booking_of(session), json!({ "mock_exam_id": "Tom's <b>\"exam\"</b> & more; --" }));
    let id = api.post("/api/bookings/create", merged(named, ann.identity())).await.is(201).id();
    let read = api.reads(&ann, id).await.is(200);
    assert_eq!(read.data()["mock_exam_name"], "Tom's <b>\"exam\"</b> & more; --");
    let change = json!({ "last_name": "O'Neil <script>alert(1)</script>" });
    api.patch(format!("/api/admin/contacts/{}", ann.id), change).by_admin().await.is(200);
    let found = api.get(format!("/api/admin/contacts?search={}", encoded("o'neil <s"))).by_admin().await.is(200);
    assert_eq!(found.data()[0]["last_name"], "O'Neil <script>alert(1)</script>");
}

/// A booking ID that occurs twice was an error, taken for "not found".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_16_a_repeated_booking_id_finds_the_active_one() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let (session, other) = (api.opens("Clinical Skills", 1).await, api.opens("Clinical Skills", 1).await);
    let code = "Clinical Skills-ANN-May 4, 2030";
    let first = api.books(&ann, session).await.is(201).id();
    api.cancels(&ann, code).await.is(200);
    let second = api.books(&ann, other).await.is(201).id();
    assert_eq!(api.reads(&ann, code).await.is(200).id(), second, "the active one");
    // However old it is.
    api.meddles(&format!("UPDATE bookings SET created_at = created_at - interval '1 day' WHERE id = '{second}'")).await;
    assert_eq!(api.reads(&ann, code).await.is(200).id(), second);
    api.meddles(&format!("UPDATE bookings SET created_at = created_at + interval '1 day' WHERE id = '{second}'")).await;
    assert_eq!(api.cancels(&ann, code).await.is(200).id(), second);
    assert_eq!(api.reads(&ann, code).await.is(200).id(), second, "none is active: the newest");
    let third = api.books(&ann, session).await.is(201).id();
    let by_admin = api.get(format!("/api/bookings/{}", encoded(code))).by_admin().await.is(200);
    assert_eq!(by_admin.id(), third);
    assert_eq!(api.reads(&ann, first).await.is(200).data()["status"], "cancelled");
    api.school.laws_hold().await;
}
