//! `cancel_booking_atomic`: the seat and the credit come back, once.

use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::super::open;
use super::{booking, with};
use crate::support::Api;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_credit_that_paid_comes_back_once_whatever_is_named() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 2, "shared_mock_credits": 1 })).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let shared = json!({ "p_credit_field": "shared_mock_credits" });
    let id = api.creates(with(booking(&ann, exam, "k"), shared)).await.is(200).body["booking_id"].clone();
    api.hubspot_knows("booking", id.as_str().unwrap().parse().unwrap(), "5001").await;
    // Another pot, and a number that would be a gift.
    let arguments = json!({ "p_booking_id": id, "p_credit_field": "cs_credits", "p_restored_credit_value": 99 });
    let expected = json!({
        "success": true, "booking_id": id, "booking_hubspot_id": "5001", "student_id": "ANN", "mock_exam_id": exam,
    });
    let answers = join_all((0..10).map(|_| api.rpc("cancel_booking_atomic", arguments.clone()).into_future())).await;
    for answer in answers {
        assert_eq!(answer.is(200).body, expected);
    }
    let credits = api.credits(&ann).await;
    assert_eq!((&credits["cs_credits"], &credits["shared_mock_credits"]), (&json!(2), &json!(1)));
    assert_eq!(api.seats(exam).await.1, 5);
    let row = &api.found(&format!("hubspot_bookings?id=eq.{}", id.as_str().unwrap())).await[0];
    assert_eq!((&row["is_active"], &row["token_refunded"]), (&json!("Cancelled"), &json!("true")));
    // The session's number, once HubSpot has given one.
    api.hubspot_knows("slot", exam, "7001").await;
    assert_eq!(api.gives_up(&id).await.is(200).body["mock_exam_id"], "7001");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_cancelled_is_raised() {
    let (api, scene) = open().await;
    let cancel = |others| {
        let usual = json!({
            "p_booking_id": scene.booking, "p_credit_field": "cs_credits", "p_restored_credit_value": 1,
        });
        api.rpc("cancel_booking_atomic", with(usual, others))
    };
    let nowhere = Uuid::from_u128(7);
    cancel(json!({ "p_booking_id": nowhere })).await.raises(&format!("Booking not found: {nowhere}"));
    cancel(json!({ "p_booking_id": null })).await.raises("Booking not found: <NULL>");
    let trip = api.found("bookings?select=id").await[0]["id"].clone();
    cancel(json!({ "p_booking_id": trip })).await.raises("Booking not found: ");
    cancel(json!({ "p_credit_field": "email" })).await.raises("CREDIT_KIND_NOT_ALLOWED: ");
    let text = cancel(json!({ "p_booking_id": "Clinical Skills-ANN" })).await;
    text.fails(400, "22P02", "invalid input syntax for type uuid: \"Clinical Skills-ANN\"");
    // After the start, only staff may.
    let past = "UPDATE slots SET starts_at = now() - interval '1 minute' WHERE ends_at > now()";
    assert!(api.meddles(past).await > 0);
    cancel(json!({})).await.raises("CANCEL_TOO_LATE: ");
    assert_eq!(api.found("hubspot_bookings?is_active=eq.Active").await.len(), 1);
    let usual = json!({ "p_booking_id": scene.booking, "p_credit_field": null, "p_restored_credit_value": null });
    api.post("/rest/v1/rpc/cancel_booking_atomic", usual).by_admin().await.is(200);
    assert_eq!(api.found("hubspot_bookings?is_active=eq.Active").await.len(), 0);
    api.school.laws_hold().await;
}
