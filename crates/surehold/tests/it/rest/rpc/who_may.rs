//! Who calls, and about whose rows.

use serde_json::json;

use super::super::open;
use super::{booking, with};
use crate::support::Api;
use crate::support::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_organisations_names_mean_nothing() {
    let (api, _) = open().await;
    let neighbour = api.school.neighbour("neighbour").await;
    let theirs = Scene::of(&neighbour, "ZOE").await;
    let ann = api.enrols("BEA", json!({ "cs_credits": 2 })).await;
    let exam = api.opens_on("Clinical Skills", 5, "2030-05-05").await;
    api.creates(booking(&ann, theirs.exam, "k")).await.raises("Mock exam not found: ");
    let zoe = json!({ "p_student_id": "ZOE", "p_student_email": "zoe@example.org" });
    api.creates(with(booking(&ann, exam, "k"), zoe)).await.raises("Contact not found for student_id: ZOE");
    api.gives_up(&json!(theirs.booking)).await.raises("Booking not found: ");
    let check = json!({ "p_idempotency_key": "ZOE-key" });
    assert_eq!(api.rpc("check_idempotency_key", check).await.is(200).body, json!(null));
    let count = json!({ "p_exam_id": theirs.exam, "p_delta": 1 });
    api.rpc("increment_exam_bookings", count).await.raises("Exam ");
    for (function, arguments) in [
        ("get_contact_credits", json!({ "p_id": theirs.student, "p_student_id": "ZOE" })),
        ("get_booking", json!({ "p_id": theirs.booking, "p_booking_id": "Clinical Skills-ZOE-May 4, 2030" })),
    ] {
        assert_eq!(api.rpc(function, arguments).await.is(200).body["id"], json!(null), "{function}");
    }
    // Their key is theirs, and the same text is another key here.
    api.creates(booking(&ann, exam, "ZOE-key")).await.is(200);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_strangers_call_nothing() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let token = api.logs_in(&ann).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let arguments = booking(&ann, exam, "k");
    let path = "/rest/v1/rpc/create_booking_atomic";
    let refused = api.post(path, arguments.clone()).bearer(&token).await;
    refused.fails(403, "42501", "permission denied for function create_booking_atomic");
    let refused = api.get("/rest/v1/rpc/get_booking").bearer(&token).await;
    refused.fails(403, "42501", "permission denied for function get_booking");
    api.post(path, arguments.clone()).await.fails(401, "PGRST302", "Anonymous access is disabled");
    assert_eq!(api.post(path, arguments.clone()).bearer("wrong").await.is(401).code(), "PGRST301");
    assert_eq!(api.seats(exam).await.1, 5);
    // Either header is enough, and either role.
    api.post(path, arguments.clone()).header("apikey", &api.keys.service).await.is(200);
    let replay = api.post(path, arguments).by_admin().await;
    replay.raises("DUPLICATE_BOOKING: ");
}
