//! Every "no" that a booking can get: its status, its code, its details, its place in the order.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::Api;
use crate::support::api::{booking_of, merged};

/// Everything is wrong at first; one thing after the other is put right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_in_the_documented_order() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "shared_mock_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 1).await;
    let rival = api.opens("Clinical Skills", 1).await;
    let before = api.books(&ann, rival).await.is(201).id();
    api.post(format!("/api/admin/mock-exams/{session}/withhold"), json!({ "seats": 1 })).by_admin().await.is(200);
    api.changes(session, json!({ "is_active": false, "is_blocked": true, "blocked_reason": "fire drill" }))
        .await
        .is(200);
    let meddle = |what: &str| format!("UPDATE slots SET {what} WHERE id = '{session}'");
    api.meddles(&meddle("starts_at = now() - interval '1 h'")).await;

    let mut body = merged(
        booking_of(Uuid::from_u128(1)),
        json!({
            "student_id": "NOBODY", "email": "nobody", "exam_date": "2030-05-05", "mock_type": "Mini-mock",
        }),
    );
    let mut send = |more: Value| {
        body = merged(body.clone(), more);
        api.post("/api/bookings/create", body.clone())
    };

    send(json!({})).await.names_bad_fields(&["email"]);
    send(json!({ "email": "nobody@example.org" })).await.refused(404, "CONTACT_NOT_FOUND");
    send(ann.identity()).await.refused(404, "EXAM_NOT_FOUND");
    send(json!({ "mock_exam_id": "Nowhere" })).await.refused(404, "EXAM_NOT_FOUND");
    send(json!({ "mock_exam_id": "999" })).await.refused(404, "EXAM_NOT_FOUND");
    send(json!({ "mock_exam_id": session })).await.names_bad_fields(&["exam_date", "mock_type"]);
    send(json!({ "exam_date": "2030-05-04", "mock_type": "Clinical Skills" })).await.refused(409, "EXAM_NOT_ACTIVE");
    api.changes(session, json!({ "is_active": true })).await.is(200);
    send(json!({})).await.refused(409, "EXAM_PAST");
    api.meddles(&meddle("starts_at = ends_at - interval '3 h'")).await;
    send(json!({})).await.refused(409, "SLOT_BLOCKED");
    api.changes(session, json!({ "is_blocked": false })).await.is(200);
    let other = send(json!({})).await;
    assert_eq!(other.refused(409, "DUPLICATE_BOOKING")["id"], before.to_string());
    // Made dearer for her, so that her credit does not come back.
    api.cancels(&ann, before).await.is(200);
    let taken = json!({ "shared_mock_credits": -1 });
    api.post(format!("/api/admin/contacts/{}/credits", ann.id), taken).by_admin().await.is(200);
    let full = send(json!({})).await;
    assert_eq!(full.refused(409, "EXAM_FULL"), &json!({ "requested": 1, "available": 0 }));
    api.post(format!("/api/admin/mock-exams/{session}/withhold"), json!({ "seats": -1 })).by_admin().await.is(200);
    let broke = send(json!({})).await;
    let details = broke.refused(402, "INSUFFICIENT_CREDITS");
    assert_eq!((&details["needed"], &details["available"]), (&json!(1), &json!(0)));
    assert_body!("insufficient_credits", broke);
    let given = json!({ "cs_credits": 1 });
    api.post(format!("/api/admin/contacts/{}/credits", ann.id), given).by_admin().await.is(200);
    send(json!({})).await.is(201);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_session_says_so_and_costs_nothing() {
    let api = Api::open().await;
    let (ann, bob) =
        (api.enrols("ANN", json!({ "cs_credits": 1 })).await, api.enrols("BOB", json!({ "cs_credits": 1 })).await);
    let session = api.opens("Clinical Skills", 1).await;
    api.books(&ann, session).await.is(201);

    let full = api.books(&bob, session).await;
    assert_body!("full", full);
    full.refused(409, "EXAM_FULL");
    assert_eq!(api.credits(&bob).await["cs_credits"], 1);
    assert_eq!(api.seats(session).await, (1, 0, "full".to_owned()));

    // Her own second click is answered with her booking, not with "full".
    api.books(&ann, session).await.is(200);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_that_are_not_here_are_named_with_those_that_are() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({})).await;
    let exam = api.opens("Clinical Skills", 1).await;
    let discussion = api.opens("Mock Discussion", 1).await;
    let with_type = |path: &str, session: Uuid, name: &str| {
        let body = merged(booking_of(session), json!({ "mock_type": name, "attending_location": null }));
        api.post(path, merged(body, ann.identity()))
    };

    let answer = with_type("/api/bookings/create", exam, "Clinical Trials").await;
    assert_eq!(
        answer.refused(400, "INVALID_EXAM_TYPE")["allowed"],
        json!(["Clinical Skills", "Mini-mock", "Situational Judgment"])
    );
    with_type("/api/bookings/create", discussion, "Mock Discussion").await.refused(400, "INVALID_EXAM_TYPE");
    with_type("/api/mock-discussions/create-booking", exam, "Clinical Skills").await.refused(400, "INVALID_EXAM_TYPE");
    // Nor does leaving the type out open the wrong door.
    api.books_discussion(&ann, exam).await.refused(400, "INVALID_EXAM_TYPE");
    api.get("/api/mock-exams/available?mock_type=Mock%20Discussion").await.refused(400, "INVALID_EXAM_TYPE");
    let question = merged(ann.identity(), json!({ "mock_type": "Mock Discussion" }));
    api.post("/api/mock-exams/validate-credits", question).await.refused(400, "INVALID_EXAM_TYPE");
    let session = json!({ "mock_type": "Chess", "exam_date": "2030-01-01", "start_time": "09:00", "end_time": "10:00", "capacity": 1 });
    api.post("/api/admin/mock-exams", session).by_admin().await.refused(400, "INVALID_EXAM_TYPE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_or_a_date_that_is_not_the_sessions_is_a_bad_field() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1, "sj_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 1).await;
    let book =
        |more: Value| api.post("/api/bookings/create", merged(merged(ann.identity(), booking_of(session)), more));

    book(json!({ "mock_type": "Situational Judgment" })).await.names_bad_fields(&["mock_type"]);
    book(json!({ "exam_date": "2030-05-05" })).await.names_bad_fields(&["exam_date"]);
    book(json!({ "mock_type": "Mini-mock", "examDate": "2030-05-05" }))
        .await
        .names_bad_fields(&["exam_date", "mock_type"]);
    assert_eq!(api.seats(session).await.1, 1);
    book(json!({ "mock_type": "clinical skills", "exam_date": "2030-05-04T00:00:00.000Z" })).await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_does_not_tell_a_wrong_email_from_an_unknown_student() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let tries = [
        json!({ "student_id": ann.student_id, "email": "bob@example.org" }),
        json!({ "student_id": "BOB", "email": ann.email }),
        json!({ "student_id": "BOB", "email": "bob@example.org" }),
    ];
    let mut bodies = Vec::new();
    for body in tries {
        let login = api.post("/api/user/login", body.clone()).await;
        login.refused(404, "STUDENT_NOT_FOUND");
        bodies.push(login.masked());
        let question = merged(body, json!({ "mock_type": "Clinical Skills" }));
        let validation = api.post("/api/mock-exams/validate-credits", question).await;
        validation.refused(404, "STUDENT_NOT_FOUND");
        bodies.push(validation.masked());
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    assert_body!(
        "student_not_found",
        api.post("/api/user/login", json!({ "student_id": "X", "email": "x@y.org" })).await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_not_found_by_any_of_the_three_names() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({})).await;
    for name in ["123", "0190f6a2-8f2e-7c31-b1d2-6a5b3f0e9c11", "Clinical Skills-ANN-May 4, 2030", "BK-20300504-ABC234"]
    {
        api.reads(&ann, name).await.refused(404, "BOOKING_NOT_FOUND");
        api.cancels(&ann, name).await.refused(404, "BOOKING_NOT_FOUND");
        let path = crate::support::api::encoded(name);
        api.get(format!("/api/bookings/{path}")).by_admin().await.refused(404, "BOOKING_NOT_FOUND");
        api.get(format!("/api/mock-exams/{path}/capacity")).await.refused(404, "EXAM_NOT_FOUND");
        api.get(format!("/api/admin/mock-exams/{path}")).by_admin().await.refused(404, "EXAM_NOT_FOUND");
        api.get(format!("/api/admin/contacts/{path}")).by_admin().await.refused(404, "CONTACT_NOT_FOUND");
        api.refunds(name, json!({})).await.refused(404, "BOOKING_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_say_who_they_are_is_asked() {
    let api = Api::open().await;
    let id = Uuid::from_u128(1);
    api.get(format!("/api/bookings/{id}")).await.refused(401, "UNAUTHENTICATED");
    api.delete(format!("/api/bookings/{id}")).await.refused(401, "UNAUTHENTICATED");
    api.get("/api/bookings/list").await.refused(401, "UNAUTHENTICATED");
    api.post("/api/bookings/batch-cancel", json!({ "booking_ids": [id] })).await.refused(401, "UNAUTHENTICATED");
    for path in ["/api/admin/mock-exams", "/api/admin/contacts", "/api/admin/audit", "/api/admin/laws"] {
        let answer = api.get(path).await;
        answer.refused(401, "UNAUTHENTICATED");
        assert!(answer.header("www-authenticate").is_some_and(|text| text.starts_with("Bearer")));
    }
    // Half an identity is a bad field, not a stranger.
    api.get("/api/bookings/list?student_id=ANN").await.names_bad_fields(&["email"]);
    for wrong in ["surehold_admin_x_y", "Basic", "a.b.c", ""] {
        let answer = api.get("/api/mock-exams/available").bearer(wrong).await;
        answer.refused(401, "UNAUTHENTICATED");
    }
    api.get("/api/mock-exams/available").header("authorization", "Basic YTpi").await.refused(401, "UNAUTHENTICATED");
    api.get("/api/admin/audit").header("apikey", &api.keys.admin).await.is(200);
}
