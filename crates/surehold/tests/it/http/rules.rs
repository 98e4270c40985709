//! The exam school's rules for one booking.

use serde_json::{Value, json};

use crate::support::api::{booking_of, merged};
use crate::support::{Api, answer::Answer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_are_drawn_from_the_types_own_kind_and_then_from_the_shared_one() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1, "sj_credits": 1, "shared_mock_credits": 2 })).await;
    let expected = [
        ("Clinical Skills", "2030-05-01", "Clinical Skills Token", 0),
        ("Clinical Skills", "2030-05-02", "Shared Token", 1),
        ("Situational Judgment", "2030-05-02", "Situational Judgment Token", 0),
        ("Situational Judgment", "2030-05-03", "Shared Token", 0),
    ];
    let mut bookings = Vec::new();
    for (mock_type, date, token, left) in expected {
        let session = api.opens_on(mock_type, 2, date).await;
        let booked = api.books(&ann, session).await.is(201);
        assert_eq!(
            (&booked.data()["tokenUsed"], &booked.data()["creditsAfterDeduction"]),
            (&json!(token), &json!(left))
        );
        bookings.push(booked.id());
    }
    let broke = api.opens_on("Clinical Skills", 2, "2030-05-09").await;
    api.books(&ann, broke).await.refused(402, "INSUFFICIENT_CREDITS");

    // What comes back goes to the kind that paid.
    let cancelled = api.cancels(&ann, bookings[1]).await.is(200);
    assert_eq!(cancelled.data()["restored_kind"], "shared_mock_credits");
    let credits = api.credits(&ann).await;
    assert_eq!((&credits["cs_credits"], &credits["shared_mock_credits"]), (&json!(0), &json!(1)));
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mini_mocks_and_discussions_are_never_paid_with_shared_credits() {
    let api = Api::open().await;
    let rich = api.enrols("RICH", json!({ "shared_mock_credits": 9, "cs_credits": 9, "sj_credits": 9 })).await;
    let mini = api.opens("Mini-mock", 2).await;
    let discussion = api.opens("Mock Discussion", 2).await;
    let refused = api.books(&rich, mini).await;
    let details = refused.refused(402, "INSUFFICIENT_CREDITS");
    assert_eq!((&details["available"], &details["kinds"]), (&json!(0), &json!(["sjmini_credits"])));
    api.books_discussion(&rich, discussion).await.refused(402, "INSUFFICIENT_CREDITS");
    let question = merged(rich.identity(), json!({ "mock_type": "Mini-mock" }));
    let validated = api.post("/api/mock-exams/validate-credits", question).await.is(200);
    assert_eq!(validated.data()["eligible"], false);
    assert_eq!(validated.data()["credit_breakdown"], json!({ "specific_credits": 0, "shared_credits": 0 }));

    let mini_only = api.enrols("MINI", json!({ "sjmini_credits": 1 })).await;
    assert_eq!(api.books(&mini_only, mini).await.is(201).data()["tokenUsed"], "Mini-mock Token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_type_asks_for_what_it_needs() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1, "sj_credits": 1, "sjmini_credits": 1 })).await;
    for (mock_type, field) in [
        ("Clinical Skills", "dominant_hand"),
        ("Situational Judgment", "attending_location"),
        ("Mini-mock", "attending_location"),
    ] {
        let session = api.opens(mock_type, 1).await;
        let body = merged(ann.identity(), booking_of(session));
        let without = merged(body.clone(), json!({ field: null }));
        api.post("/api/bookings/create", without).await.names_bad_fields(&[field]);
        // The other of the two is not needed.
        let other = if field == "dominant_hand" { "attending_location" } else { "dominant_hand" };
        api.post("/api/bookings/create", merged(body, json!({ other: null }))).await.is(201);
    }
    let session = api.opens_on("Clinical Skills", 1, "2030-07-01").await;
    let nowhere = merged(merged(ann.identity(), booking_of(session)), json!({ "attending_location": "Virtual" }));
    api.post("/api/bookings/create", nowhere).await.names_bad_fields(&["attending_location"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_active_booking_per_day_and_type() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3, "sj_credits": 1 })).await;
    let morning = api.opens("Clinical Skills", 2).await;
    let evening =
        api.opens_with(json!({ "mock_type": "Clinical Skills", "start_time": "18:00", "end_time": "21:00" })).await;
    let other_type = api.opens("Situational Judgment", 2).await;
    let other_day = api.opens_on("Clinical Skills", 2, "2030-05-05").await;

    let first = api.books(&ann, morning).await.is(201);
    api.books(&ann, evening).await.refused(409, "DUPLICATE_BOOKING");
    api.books(&ann, other_type).await.is(201);
    api.books(&ann, other_day).await.is(201);
    api.cancels(&ann, first.id()).await.is(200);
    api.books(&ann, evening).await.is(201);
    api.books(&ann, morning).await.refused(409, "DUPLICATE_BOOKING");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discussion_with_prerequisites_wants_a_booking_in_each() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "mock_discussion_token": 1, "cs_credits": 1, "sj_credits": 2 })).await;
    let (first, second) = (api.opens("Clinical Skills", 2).await, api.opens("Situational Judgment", 2).await);
    let discussion = api
        .opens_with(json!({ "mock_type": "Mock Discussion", "exam_date": "2030-06-01", "prerequisite_exam_ids": [first, second] }))
        .await;
    let listed = api.get("/api/mock-discussions/available").await.is(200);
    assert_eq!(listed.data()[0]["prerequisite_exam_ids"].as_array().unwrap().len(), 2);
    let missing = |answer: &Answer| {
        let details = answer.refused(400, "PREREQUISITE_NOT_MET").clone();
        assert_eq!(details["total_required"], 2);
        assert_eq!(details["total_missing"], details["missing_prerequisites"].as_array().unwrap().len());
        details["missing_prerequisites"].clone()
    };

    let none = api.books_discussion(&ann, discussion).await;
    assert_eq!(missing(&none).as_array().unwrap().len(), 2);
    assert_body!("prerequisites", none);
    let exam = api.books(&ann, first).await.is(201).id();
    assert_eq!(missing(&api.books_discussion(&ann, discussion).await), json!([second]));
    let judgment = api.books(&ann, second).await.is(201).id();
    // A booking that was given up does not count, one that was missed neither; one that was attended does.
    api.cancels(&ann, judgment).await.is(200);
    assert_eq!(missing(&api.books_discussion(&ann, discussion).await), json!([second]));
    api.books(&ann, second).await.is(201);
    api.marks(exam, json!("No")).await.is(200);
    assert_eq!(missing(&api.books_discussion(&ann, discussion).await), json!([first]));
    api.marks(exam, json!("Yes")).await.is(200);
    assert_eq!(api.credits(&ann).await["mock_discussion_token"], 1);
    api.books_discussion(&ann, discussion).await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_student_cancels_until_the_cut_off_and_an_admin_always() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 2).await;
    let id = api.books(&ann, session).await.is(201).id();
    let starts_in = |minutes: i32| {
        format!(
            "UPDATE slots SET starts_at = now() + interval '{minutes} min', ends_at = now() + interval '9 h' WHERE id = '{session}'"
        )
    };

    api.meddles("UPDATE offerings SET cancel_cutoff_minutes = 60 WHERE name = 'Clinical Skills'").await;
    api.meddles(&starts_in(50)).await;
    let late = api.cancels(&ann, id).await;
    assert!(late.refused(409, "CANCEL_TOO_LATE")["until"].is_string());
    api.cancels(&ann, id).by_service().await.refused(409, "CANCEL_TOO_LATE");
    api.meddles("UPDATE offerings SET cancel_cutoff_minutes = 0 WHERE name = 'Clinical Skills'").await;
    api.meddles(&starts_in(-1)).await;
    api.cancels(&ann, id).await.refused(409, "CANCEL_TOO_LATE");
    assert_eq!(api.credits(&ann).await["cs_credits"], 0);

    let cancelled = api.delete(format!("/api/bookings/{id}?admin_email=boss@example.org")).by_admin().await.is(200);
    assert_eq!(cancelled.data()["credits_restored"], 1);
    // What is cancelled already can be "cancelled" by the student at any time.
    assert_eq!(api.cancels(&ann, id).await.is(200).message(), "Booking already cancelled");

    let other = api.opens_on("Clinical Skills", 2, "2030-07-01").await;
    let id = api.books(&ann, other).await.is(201).id();
    api.meddles(&format!("UPDATE slots SET starts_at = now() + interval '1 min' WHERE id = '{other}'")).await;
    api.cancels(&ann, id).await.is(200);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_override_costs_nothing_and_never_oversells() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({})).await;
    let bob = api.enrols("BOB", json!({})).await;
    let session = api.opens_with(json!({ "mock_type": "Clinical Skills", "capacity": 1, "is_active": false })).await;
    api.meddles(&format!("UPDATE slots SET starts_at = now() - interval '1 h' WHERE id = '{session}'")).await;
    let override_for = |who: Value| {
        let body = merged(booking_of(session), merged(who, json!({ "admin_email": "boss@example.org" })));
        api.post("/api/admin/bookings", body).by_admin()
    };

    let booked = override_for(ann.identity()).await.is(201);
    assert_body!("override", booked);
    assert_eq!(booked.data()["tokenUsed"], "Admin Override");
    assert_eq!(override_for(json!({ "contact_id": ann.id })).await.is(200).id(), booked.id());
    override_for(bob.identity()).await.refused(409, "EXAM_FULL");
    override_for(json!({ "student_id": "CARL", "email": "carl@example.org" })).await.refused(404, "CONTACT_NOT_FOUND");

    let cancelled = api.delete(format!("/api/bookings/{}", booked.id())).by_admin().await.is(200);
    assert_eq!(cancelled.data()["credits_restored"], 0);
    api.refunds(&booked.id().to_string(), json!({ "tokenType": "cs_credits" })).await.refused(409, "NOTHING_TO_REFUND");
    api.school.laws_hold().await;
}
