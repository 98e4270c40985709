//! Students see only their own; keys open only what they are for.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;
use surehold::store::api_keys::{self, Role};

use crate::support::Api;
use crate::support::api::{booking_of, merged, unlimited};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_booking_is_not_found() {
    let api = Api::open().await;
    let (ann, eve) =
        (api.enrols("ANN", json!({ "cs_credits": 1 })).await, api.enrols("EVE", json!({ "cs_credits": 1 })).await);
    let session = api.opens("Clinical Skills", 3).await;
    let hers = api.books(&ann, session).await.is(201);
    api.hubspot_knows("booking", hers.id(), "7001").await;
    let token = api.logs_in(&eve).await;

    let code = hers.data()["booking_id"].as_str().unwrap();
    for name in [hers.id().to_string().as_str(), "7001", code] {
        api.reads(&eve, name).await.refused(404, "BOOKING_NOT_FOUND");
        api.cancels(&eve, name).await.refused(404, "BOOKING_NOT_FOUND");
        api.reads(&eve, name).by_service().await.refused(404, "BOOKING_NOT_FOUND");
        let path = format!("/api/bookings/{}", crate::support::api::encoded(name));
        api.get(&path).bearer(&token).await.refused(404, "BOOKING_NOT_FOUND");
        api.delete(&path).bearer(&token).await.refused(404, "BOOKING_NOT_FOUND");
        // Her own name does not help a token that is not hers.
        api.reads(&ann, name).bearer(&token).await.refused(404, "BOOKING_NOT_FOUND");
        api.cancels(&ann, name).bearer(&token).await.refused(404, "BOOKING_NOT_FOUND");
        let body = json!({ "booking_ids": [name] });
        let batch = api.post("/api/bookings/batch-cancel", body).bearer(&token).await.is(200);
        assert_eq!(batch.data()["results"][0]["status"], "not_found");
    }
    api.get(format!("/api/bookings/list?{}", ann.query())).bearer(&token).await.refused(404, "CONTACT_NOT_FOUND");
    api.books(&ann, session).bearer(&token).await.refused(404, "CONTACT_NOT_FOUND");
    let question = merged(ann.identity(), json!({ "mock_type": "Clinical Skills" }));
    api.post("/api/mock-exams/validate-credits", question).bearer(&token).await.refused(404, "STUDENT_NOT_FOUND");
    assert_eq!(api.reads(&ann, hers.id()).await.is(200).data()["status"], "confirmed");
    // A student of hers is one who is known by both, ID and email.
    let half = format!("/api/bookings/{}?student_id=ANN&email=eve%40example.org", hers.id());
    api.get(&half).await.refused(404, "BOOKING_NOT_FOUND");
    api.delete(&half).await.refused(404, "BOOKING_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends() {
    let options = HttpOptions { token_lifetime: Duration::ZERO, ..unlimited() };
    let api = Api::with(DeskOptions::default(), options).await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let token = api.logs_in(&ann).await;

    // It was good for less than a second, and ends with the second in which it was made.
    let answer = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            let answer = api.get("/api/bookings/list").bearer(&token).await;
            if answer.status != 200 {
                return answer;
            }
        }
    });
    answer.await.expect("it ends").refused(401, "UNAUTHENTICATED");
    api.books(&ann, api.opens("Clinical Skills", 1).await).bearer(&token).await.refused(401, "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_tampered_with_is_worth_nothing() {
    let api = Api::open().await;
    let (ann, eve) = (api.enrols("ANN", json!({})).await, api.enrols("EVE", json!({})).await);
    let (hers, theirs) = (api.logs_in(&ann).await, api.logs_in(&eve).await);
    let part = |token: &str, n: usize| token.split('.').nth(n).unwrap().to_owned();

    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", part(&hers, 1));
    let swapped = format!("{}.{}.{}", part(&theirs, 0), part(&hers, 1), part(&theirs, 2));
    for wrong in [unsigned, swapped, hers[..hers.len() - 1].to_owned()] {
        api.get("/api/bookings/list").bearer(&wrong).await.refused(401, "UNAUTHENTICATED");
    }
    api.get("/api/bookings/list").bearer(&hers).await.is(200);
    api.get("/api/admin/audit").bearer(&hers).await.refused(403, "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_key_acts_for_any_student_and_for_nobody_else() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 1).await;
    let booked = api.books(&ann, session).by_service().await.is(201);
    api.get(format!("/api/bookings/{}", booked.id())).by_service().await.names_bad_fields(&["email", "student_id"]);
    api.cancels(&ann, booked.id()).by_service().await.is(200);

    let id = booked.id();
    let calls = [
        api.get("/api/admin/mock-exams"),
        api.post("/api/admin/mock-exams", json!({})),
        api.patch(format!("/api/admin/mock-exams/{session}"), json!({ "capacity": 9 })),
        api.get(format!("/api/admin/mock-exams/{session}/bookings")),
        api.post(format!("/api/admin/mock-exams/{session}/withhold"), json!({ "seats": 1 })),
        api.post("/api/admin/contacts", json!({ "student_id": "X", "email": "x@example.org" })),
        api.patch(format!("/api/admin/contacts/{}", ann.id), json!({ "first_name": "Eve" })),
        api.post(format!("/api/admin/contacts/{}/credits", ann.id), json!({ "cs_credits": 9 })),
        api.post("/api/admin/bookings", merged(ann.identity(), booking_of(session))),
        api.post(format!("/api/admin/bookings/{id}/move"), json!({ "mock_exam_id": session })),
        api.post(format!("/api/admin/bookings/{id}/refund"), json!({})),
        api.post("/api/admin/bookings/batch-refund", json!({ "booking_ids": [id] })),
        api.patch(format!("/api/admin/bookings/{id}/attendance"), json!({ "attendance": "Yes" })),
        api.get("/api/admin/audit"),
        api.get("/api/admin/laws"),
        api.call(reqwest::Method::POST, "/api/admin/test-orgs"),
        api.delete(format!("/api/admin/test-orgs/{id}")),
    ];
    for call in calls {
        call.by_service().await.refused(403, "FORBIDDEN");
    }
    assert_eq!(api.credits(&ann).await["cs_credits"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_opens_nothing() {
    let options = HttpOptions { directory_max_age: Duration::ZERO, ..unlimited() };
    let api = Api::with(DeskOptions::default(), options).await;
    let owner = api.school.db.owner().await;
    let key = api_keys::create(&owner, api.school.org_id, "lost laptop", Role::Admin).await.unwrap();
    let text = key.text.expose_secret();
    api.get("/api/admin/audit").bearer(text).await.is(200);

    assert!(api_keys::revoke(&owner, api.school.org_id, key.id).await.unwrap());
    api.get("/api/admin/audit").bearer(text).await.refused(401, "UNAUTHENTICATED");
    api.get("/api/mock-exams/available").bearer(text).await.refused(401, "UNAUTHENTICATED");
    api.get("/api/admin/audit").by_admin().await.is(200);
    // A service key that calls itself an admin's is not one.
    let promoted = api.keys.service.replace("_service_", "_admin_");
    api.get("/api/admin/audit").bearer(&promoted).await.refused(401, "UNAUTHENTICATED");
    let guessed = format!("{}x", &api.keys.admin[..api.keys.admin.len() - 1]);
    api.get("/api/admin/audit").bearer(&guessed).await.refused(401, "UNAUTHENTICATED");
}
