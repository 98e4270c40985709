//! The `Idempotency-Key` header.

use serde_json::json;
use uuid::Uuid;

use crate::support::Api;
use crate::support::api::{booking_of, merged};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_under_the_same_key_gets_the_same_answer() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3 })).await;
    let session = api.opens("Clinical Skills", 3).await;
    api.hubspot_knows("slot", session, "44001").await;

    let first = api.books(&ann, session).key("k-1").await.is(201);
    let again = api.books(&ann, session).key("k-1").await.is(200);
    assert!(again.is_replayed() && !first.is_replayed());
    assert_eq!(again.data(), first.data());
    assert_eq!((again.message(), &again.body["idempotent"]), ("Booking already exists", &json!(true)));

    // Other spellings are the same request: aliases, names of the session, the token instead of the identity.
    let token = api.logs_in(&ann).await;
    let body = json!({ "mockExamId": 44001, "dominantHand": true, "attendingLocation": "Mississauga", "examDate": "2030-05-04" });
    let spelled = api.post("/api/bookings/create", body).bearer(&token).key("k-1").await.is(200);
    assert_eq!(spelled.id(), first.id());
    // The seed's own name of the header.
    let call = api.books(&ann, session).header("x-idempotency-key", "k-1");
    assert_eq!(call.await.is(200).id(), first.id());
    assert_eq!(api.credits(&ann).await["cs_credits"], 2);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_request_under_the_same_key_is_refused() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3, "sj_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 3).await;
    let other = api.opens_on("Clinical Skills", 3, "2030-05-05").await;
    let first = api.books(&ann, session).key("k-1").await.is(201);

    let mismatch = api.books(&ann, other).key("k-1").await;
    assert_body!("mismatch", mismatch);
    mismatch.refused(422, "IDEMPOTENCY_MISMATCH");
    let left_handed = merged(merged(ann.identity(), booking_of(session)), json!({ "dominant_hand": "left" }));
    api.post("/api/bookings/create", left_handed).key("k-1").await.refused(422, "IDEMPOTENCY_MISMATCH");
    api.cancels(&ann, first.id()).key("k-1").await.refused(422, "IDEMPOTENCY_MISMATCH");
    assert_eq!(api.credits(&ann).await["cs_credits"], 2);
    assert_eq!(api.seats(other).await.1, 3);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_for_a_booked_session_is_a_duplicate() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3 })).await;
    let session = api.opens("Clinical Skills", 3).await;
    let first = api.books(&ann, session).key("k-1").await.is(201);

    let duplicate = api.books(&ann, session).key("k-2").await;
    assert_eq!(
        duplicate.refused(409, "DUPLICATE_BOOKING"),
        &json!({ "id": first.id(), "booking_id": "Clinical Skills-ANN-May 4, 2030" })
    );
    // Without a key the booking itself is the answer.
    assert_eq!(api.books(&ann, session).await.is(200).id(), first.id());
    // A refusal is not remembered: once the first is given up, the second key books.
    api.cancels(&ann, first.id()).await.is(200);
    assert_ne!(api.books(&ann, session).key("k-2").await.is(201).id(), first.id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_1_to_255_visible_characters() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3 })).await;
    let session = api.opens("Clinical Skills", 3).await;
    for bad in ["x".repeat(256).as_str(), "two words", "", "\u{e9}"] {
        api.books(&ann, session).key(bad).await.names_bad_fields(&["Idempotency-Key"]);
    }
    api.books(&ann, session).key("a").key("b").await.names_bad_fields(&["Idempotency-Key"]);
    api.books(&ann, session).key(&"x".repeat(255)).await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_principals_with_the_same_key_have_two_keys() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3 })).await;
    let bob = api.enrols("BOB", json!({ "cs_credits": 3 })).await;
    let session = api.opens("Clinical Skills", 5).await;

    let hers = api.books(&ann, session).key("same").await.is(201);
    let his = api.books(&bob, session).key("same").await.is(201);
    assert_ne!(hers.id(), his.id());
    // The school's web site is a principal too, and one for all its students.
    api.books(&ann, session).by_service().key("same").await.refused(409, "DUPLICATE_BOOKING");
    let carl = api.enrols("CARL", json!({ "cs_credits": 3 })).await;
    api.books(&carl, session).by_service().key("same").await.is(201);
    api.books(&bob, session).by_service().key("same").await.refused(422, "IDEMPOTENCY_MISMATCH");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_says_where_the_booking_stands_now() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 3 })).await;
    let session = api.opens("Clinical Skills", 3).await;
    let first = api.books(&ann, session).key("k-1").await.is(201);
    assert_eq!(first.data()["status"], "confirmed");
    api.cancels(&ann, first.id()).key("c-1").await.is(200);

    let replay = api.books(&ann, session).key("k-1").await.is(200);
    assert!(replay.is_replayed());
    assert_eq!((replay.id(), &replay.data()["status"]), (first.id(), &json!("cancelled")));
    let cancelled = api.cancels(&ann, first.id()).key("c-1").await.is(200);
    assert!(cancelled.is_replayed());
    assert_eq!(cancelled.message(), "Booking already cancelled");
    assert_eq!(api.credits(&ann).await["cs_credits"], 3, "neither did anything");

    api.books(&ann, session).key("k-3").await.is(201);
    assert_eq!(api.books(&ann, session).key("k-1").await.is(200).data()["status"], "cancelled");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_office_does_can_be_repeated_too() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let path = format!("/api/admin/contacts/{}/credits", ann.id);
    let granted = api.post(&path, json!({ "cs_credits": 2 })).by_admin().key("invoice-1").await.is(200);
    let again =
        api.post(&path, json!({ "credits": { "Clinical Skills Token": 2 } })).by_admin().key("invoice-1").await.is(200);
    assert!(again.is_replayed());
    assert_eq!(again.data(), granted.data());
    assert_eq!(again.data()["credits"]["cs_credits"], 3);
    api.post(&path, json!({ "cs_credits": 3 })).by_admin().key("invoice-1").await.refused(422, "IDEMPOTENCY_MISMATCH");

    let session = json!({ "mock_type": "Mini-mock", "exam_date": "2030-05-04", "start_time": "09:00", "end_time": "10:00", "capacity": 3 });
    let opened = api.post("/api/admin/mock-exams", session.clone()).by_admin().key("s").await.is(201);
    let again = api.post("/api/admin/mock-exams", session).by_admin().key("s").await.is(200);
    assert_eq!((again.id(), again.is_replayed()), (opened.id(), true));
    let contact = json!({ "student_id": "BOB", "email": "bob@example.org" });
    let added = api.post("/api/admin/contacts", contact.clone()).by_admin().key("c").await.is(201);
    assert_eq!(api.post("/api/admin/contacts", contact.clone()).by_admin().key("c").await.is(200).id(), added.id());
    let exists = api.post("/api/admin/contacts", contact).by_admin().await;
    assert_eq!(exists.refused(409, "CONTACT_EXISTS")["id"], added.id().to_string());

    let id = opened.id();
    let withheld =
        |seats: i32| api.post(format!("/api/admin/mock-exams/{id}/withhold"), json!({ "seats": seats })).by_admin();
    withheld(2).key("w").await.is(200);
    assert!(withheld(2).key("w").await.is(200).is_replayed());
    assert_eq!(api.seats(id).await.1, 1);
    let blocked = || api.patch(format!("/api/admin/mock-exams/{id}"), json!({ "capacity": 9 })).by_admin();
    blocked().key("p").await.is(200);
    assert!(blocked().key("p").await.is(200).is_replayed());
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_batch_is_a_key_of_each_item() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    let (a, b) = (api.opens("Clinical Skills", 3).await, api.opens_on("Clinical Skills", 3, "2030-05-05").await);
    let (a, b) = (api.books(&ann, a).await.is(201).id(), api.books(&ann, b).await.is(201).id());
    let cancel = |ids: &[Uuid]| {
        let body = merged(ann.identity(), json!({ "booking_ids": ids }));
        api.post("/api/bookings/batch-cancel", body).key("batch")
    };

    assert_eq!(cancel(&[a, b]).await.is(200).data()["summary"]["cancelled"], 2);
    // In another order, and with one item twice.
    let again = cancel(&[b, a, b]).await.is(200);
    assert_eq!(again.data()["summary"]["already_cancelled"], 3);
    assert_eq!(again.data()["results"][0]["credits_restored"], 0);
    assert_eq!(api.credits(&ann).await["cs_credits"], 2);
    api.school.laws_hold().await;
}

/// What a caller leaves out is filled in from the row as it is; that the row is different after the first
/// time must not make the repeat another request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_says_only_a_part_can_be_repeated() {
    let api = Api::open().await;
    let session = api.opens("Clinical Skills", 3).await;
    for (key, edit) in [
        ("date", json!({ "exam_date": "2030-06-01" })),
        ("start", json!({ "start_time": "10:00" })),
        ("place", json!({ "location": "Vancouver" })),
        ("zone", json!({ "time_zone": "America/Edmonton" })),
        ("all", json!({ "exam_date": "2030-06-02", "start_time": "08:00", "end_time": "09:00", "time_zone": "UTC" })),
    ] {
        let send = || api.patch(format!("/api/admin/mock-exams/{session}"), edit.clone()).by_admin().key(key);
        let first = send().await.is(200);
        assert_eq!((&first.data()["changed"], first.is_replayed()), (&json!(true), false), "{key}");
        let again = send().await.is(200);
        assert!(again.is_replayed(), "{key}: {again:?}");
    }
    api.patch(format!("/api/admin/mock-exams/{session}"), json!({ "exam_date": "2030-06-03" }))
        .by_admin()
        .key("date")
        .await
        .refused(422, "IDEMPOTENCY_MISMATCH");

    let ann = api.enrols("ANN", json!({})).await;
    for (key, edit) in [("email", json!({ "email": "a@example.org" })), ("id", json!({ "student_id": "ANNA" }))] {
        let send = || api.patch(format!("/api/admin/contacts/{}", ann.id), edit.clone()).by_admin().key(key);
        send().await.is(200);
        assert!(send().await.is(200).is_replayed(), "{key}");
    }
    api.school.laws_hold().await;
}
