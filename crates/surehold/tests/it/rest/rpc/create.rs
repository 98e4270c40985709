//! `create_booking_atomic`: a seat for a credit, or the seed's words.

use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::super::open;
use super::{booking, with};
use crate::support::Api;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_and_one_credit_are_taken_whatever_number_is_sent() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3, "shared_mock_credits": 1 })).await;
    let exam = api.opens("Clinical Skills", 5).await;
    api.hubspot_knows("contact", ann.id, "9001").await;
    api.hubspot_knows("slot", exam, "7001").await;
    let code = "Clinical Skills-ANN-May 4, 2030";

    let made = api.creates(with(booking(&ann, exam, "k1"), json!({ "p_new_credit_value": 999 }))).await.is(200);
    let id = made.body["booking_id"].clone();
    assert_eq!(
        made.body,
        json!({
            "success": true, "booking_id": id, "booking_code": code, "contact_hubspot_id": "9001",
            "mock_exam_hubspot_id": "7001",
        })
    );
    assert_eq!(made.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!((made.range(), made.header("content-profile")), ("0-0/*", Some("public")));
    assert_eq!(made.header("idempotent-replayed"), None);
    let row = &api.found(&format!("hubspot_bookings?id=eq.{}", id.as_str().unwrap())).await[0];
    for (name, value) in [
        ("booking_id", json!(code)),
        ("is_active", json!("Active")),
        ("token_used", json!("Clinical Skills Token")),
        ("dominant_hand", json!("true")),
        ("idempotency_key", json!("k1")),
        ("mock_exam_id", json!("7001")),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    assert_eq!(api.credits(&ann).await["cs_credits"], 2);
    assert_eq!(api.seats(exam).await.1, 4);
    let journal = api.audit("booking", id.as_str().unwrap()).await;
    assert!(journal.body.to_string().contains(&format!("student:{}", ann.id)), "on whose behalf: {journal:?}");

    // Twelve arguments, a session by HubSpot's number, a hand that is no text, and another kind of credit.
    let other = api.opens_on("Clinical Skills", 5, "2030-05-05").await;
    api.hubspot_knows("slot", other, "7002").await;
    let more = json!({
        "p_mock_exam_id": 7002, "p_mock_set": null, "p_dominant_hand": false, "p_new_credit_value": "-5",
        "p_credit_field": "shared_mock_credits", "p_booking_id": " BK, as I like it ", "p_attending_location": "",
        "p_student_id": " ann ", "p_student_email": "ANN@example.org",
    });
    let made = api.creates(with(booking(&ann, other, "k2"), more)).await.is(200);
    assert_eq!(made.body["booking_code"], " BK, as I like it ");
    assert_eq!(made.body["mock_exam_hubspot_id"], "7002");
    let credits = api.credits(&ann).await;
    assert_eq!((&credits["cs_credits"], &credits["shared_mock_credits"]), (&json!(2), &json!(0)));

    // Who names no kind draws by the type's policy; who names no code gets one; who has no numbers gets none.
    let ben = api.enrols("BEN", json!({ "cs_credits": 1 })).await;
    let third = api.opens_on("Clinical Skills", 5, "2030-05-06").await;
    let less = json!({ "p_credit_field": null, "p_booking_id": null, "p_new_credit_value": null });
    let made = api.creates(with(booking(&ben, third, "k3"), less)).await.is(200);
    assert_eq!(made.body["booking_code"], "Clinical Skills-BEN-May 6, 2030");
    assert_eq!((&made.body["contact_hubspot_id"], &made.body["mock_exam_hubspot_id"]), (&json!(null), &json!(null)));
    assert_eq!(api.credits(&ben).await["cs_credits"], 0);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_booked_is_raised_and_never_taken_for_a_success() {
    let (api, scene) = open().await;
    let ann = api.enrols("BEA", json!({ "cs_credits": 2, "sj_credits": 1 })).await;
    let exam = api.opens_on("Clinical Skills", 5, "2030-05-10").await;
    let usual = || booking(&ann, exam, "wrong");
    let nowhere = Uuid::from_u128(7).to_string();
    let long = "x".repeat(253);
    let table = [
        (json!({ "p_student_id": "NOBODY" }), "Contact not found for student_id: NOBODY, email: bea@example.org"),
        (json!({ "p_student_email": "no address" }), "Contact not found for student_id: BEA, email: no address"),
        (
            json!({ "p_student_id": null, "p_student_email": null }),
            "Contact not found for student_id: <NULL>, email: <NULL>",
        ),
        (json!({ "p_mock_exam_id": nowhere }), "Mock exam not found: 00000000-0000-0000-0000-000000000007"),
        (json!({ "p_mock_exam_id": "7999" }), "Mock exam not found: 7999"),
        (json!({ "p_mock_exam_id": "No such exam" }), "Mock exam not found: No such exam"),
        (json!({ "p_mock_exam_id": null }), "Mock exam not found: <NULL>"),
        // That there are trips is nobody's business here.
        (json!({ "p_mock_exam_id": scene.slot }), "Mock exam not found: "),
        (json!({ "p_credit_field": "email" }), "CREDIT_KIND_NOT_ALLOWED: "),
        (json!({ "p_credit_field": "" }), "CREDIT_KIND_NOT_ALLOWED: "),
        (json!({ "p_credit_field": "sj_credits" }), "CREDIT_KIND_NOT_ALLOWED: "),
        (json!({ "p_credit_field": "shared_mock_credits" }), "INSUFFICIENT_CREDITS: "),
        (json!({ "p_dominant_hand": null }), "VALIDATION_ERROR: dominant_hand: is required"),
        (json!({ "p_dominant_hand": "both" }), "VALIDATION_ERROR: p_dominant_hand: must be"),
        (json!({ "p_attending_location": "a\nb" }), "VALIDATION_ERROR: p_attending_location: must not"),
        (json!({ "p_booking_id": "" }), "VALIDATION_ERROR: p_booking_id: must have"),
        (json!({ "p_booking_id": "a\tb" }), "VALIDATION_ERROR: p_booking_id: must have"),
        (json!({ "p_booking_id": long }), "VALIDATION_ERROR: p_booking_id: must have"),
        (json!({ "p_idempotency_key": "" }), "VALIDATION_ERROR: p_idempotency_key: must have"),
        (json!({ "p_idempotency_key": long }), "VALIDATION_ERROR: p_idempotency_key: must have"),
    ];
    for (others, message) in table {
        api.creates(with(usual(), others)).await.raises(message);
    }
    assert_eq!((api.credits(&ann).await["cs_credits"].clone(), api.seats(exam).await.1), (json!(2), 5));

    // The state of the session.
    assert_eq!(api.changes(exam, json!({ "is_blocked": true, "blocked_reason": "flood" })).await.status, 200);
    api.creates(usual()).await.raises("SLOT_BLOCKED: ");
    api.changes(exam, json!({ "is_blocked": false, "is_active": false })).await.is(200);
    api.creates(usual()).await.raises("EXAM_NOT_ACTIVE: ");
    api.changes(exam, json!({ "is_active": true, "capacity": 1 })).await.is(200);
    // A refusal is not remembered: the same key books when it can be.
    api.creates(usual()).await.is(200);
    let again = api.creates(booking(&ann, exam, "another key")).await;
    again.raises("DUPLICATE_BOOKING: ");
    assert!(again.body["details"].as_str().unwrap().contains("Clinical Skills-BEA-May 4, 2030"), "{again:?}");
    let ben = api.enrols("BEN", json!({ "cs_credits": 1 })).await;
    let full = api.creates(booking(&ben, exam, "k")).await;
    full.raises("EXAM_FULL: This session is full.");
    assert_eq!(full.body["details"], "{\"available\":0,\"requested\":1}");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_callers_for_the_last_seat_one_succeeds() {
    let api = Api::open().await;
    let exam = api.opens("Clinical Skills", 1).await;
    let names: Vec<String> = (0..20).map(|place| format!("S{place:02}")).collect();
    let students = join_all(names.iter().map(|name| api.enrols(name, json!({ "cs_credits": 1 })))).await;
    let calls = students.iter().map(|student| api.creates(booking(student, exam, &student.student_id)));
    let answers = join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.raises("EXAM_FULL: ");
    }
    assert_eq!(api.seats(exam).await.1, 0);
    api.school.laws_hold().await;
}
