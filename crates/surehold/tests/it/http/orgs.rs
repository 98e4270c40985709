//! Several organisations on one server.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;
use surehold::store::api_keys::{self, Role};
use uuid::Uuid;

use crate::support::Api;
use crate::support::api::unlimited;

/// A service that looks at organisations and keys afresh for each request.
async fn two_schools() -> (Api, crate::support::api::Keys) {
    let options = HttpOptions { directory_max_age: Duration::ZERO, ..unlimited() };
    let api = Api::with(DeskOptions::default(), options).await;
    let keys = api.another_org("harbour", &["harbour.example.org"]).await;
    api.meddles("UPDATE orgs SET hosts = '{school.example.org}' WHERE slug = 'school'").await;
    (api, keys)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_organisations_the_host_says_which_or_nobody_knows() {
    let (api, harbour) = two_schools().await;
    let here = api.opens("Clinical Skills", 1).await;
    let there = api.opens_for(&harbour, json!({ "mock_type": "Clinical Skills" })).await;

    let unclear = api.get("/api/mock-exams/available").await;
    assert_body!("org_unknown", unclear);
    unclear.refused(400, "ORG_UNKNOWN");
    api.post("/api/user/login", json!({ "student_id": "A", "email": "a@b.org" })).await.refused(400, "ORG_UNKNOWN");
    for (host, id) in [("school.example.org", here), ("Harbour.Example.org:8787", there)] {
        let answer = api.get("/api/mock-exams/available").header("host", host).await.is(200);
        assert_eq!(answer.rows().len(), 1, "{host}");
        assert_eq!(answer.data()[0]["id"], id.to_string(), "{host}");
    }
    // A key says more than a host.
    let call = api.get("/api/mock-exams/available").header("host", "school.example.org").bearer(&harbour.service);
    assert_eq!(call.await.is(200).data()[0]["id"], there.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_good_for_its_own_organisation_only() {
    let (api, harbour) = two_schools().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let twin = api.enrols_as(&harbour, "ANN", "ann@example.org", json!({ "cs_credits": 1 })).await;
    assert_ne!(ann.id, twin.id);
    let session = api.opens("Clinical Skills", 2).await;
    let login = |host: &str| api.post("/api/user/login", ann.identity()).header("host", host);
    let hers = login("school.example.org").await.is(200);
    let theirs = login("harbour.example.org").await.is(200);
    assert_eq!((hers.id(), theirs.id()), (ann.id, twin.id));

    // The token says the organisation, whatever the host is; with the other's secret it is no token.
    let token = theirs.data()["token"].as_str().unwrap();
    let list = api.get("/api/bookings/list").header("host", "school.example.org").bearer(token).await.is(200);
    assert_eq!(list.data()["bookings"], json!([]));
    let body = crate::support::api::booking_of(session);
    api.post("/api/bookings/create", body).bearer(token).await.refused(404, "EXAM_NOT_FOUND");
    api.meddles(
        "UPDATE orgs SET token_secret = (SELECT token_secret FROM orgs WHERE slug = 'school') WHERE slug = 'harbour'",
    )
    .await;
    api.get("/api/bookings/list").bearer(token).await.refused(401, "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_organisations_rows_never_appear_in_anothers_answers() {
    let (api, harbour) = two_schools().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    let session = api.opens_with(json!({ "mock_type": "Clinical Skills", "name": "Spring round" })).await;
    api.hubspot_knows("slot", session, "44001").await;
    let booked = api.books(&ann, session).by_service().await.is(201);
    api.hubspot_knows("booking", booked.id(), "7001").await;
    api.hubspot_knows("contact", ann.id, "3001").await;

    let empty = |path: &str| {
        let call = api.get(path).bearer(&harbour.admin);
        async move {
            let answer = call.await.is(200);
            assert_eq!(answer.data(), &json!([]));
        }
    };
    empty("/api/admin/mock-exams").await;
    empty("/api/admin/contacts?search=ANN").await;
    empty("/api/admin/audit").await;
    empty(&format!("/api/admin/audit?entity=booking&entity_id={}", booked.id())).await;
    empty("/api/mock-exams/available").await;

    let code = "Clinical%20Skills-ANN-May%204%2C%202030";
    for name in [booked.id().to_string().as_str(), "7001", code] {
        api.get(format!("/api/bookings/{name}")).bearer(&harbour.admin).await.refused(404, "BOOKING_NOT_FOUND");
        api.delete(format!("/api/bookings/{name}")).bearer(&harbour.admin).await.refused(404, "BOOKING_NOT_FOUND");
        let refund = api.post(format!("/api/admin/bookings/{name}/refund"), json!({}));
        refund.bearer(&harbour.admin).await.refused(404, "BOOKING_NOT_FOUND");
        let attendance = api.patch(format!("/api/admin/bookings/{name}/attendance"), json!({ "attendance": "Yes" }));
        attendance.bearer(&harbour.admin).await.refused(404, "BOOKING_NOT_FOUND");
    }
    for name in [session.to_string().as_str(), "44001", "Spring%20round"] {
        api.get(format!("/api/admin/mock-exams/{name}")).bearer(&harbour.admin).await.refused(404, "EXAM_NOT_FOUND");
        api.get(format!("/api/mock-exams/{name}/capacity")).bearer(&harbour.admin).await.refused(404, "EXAM_NOT_FOUND");
        let change = api.patch(format!("/api/admin/mock-exams/{name}"), json!({ "status": "cancelled" }));
        change.bearer(&harbour.admin).await.refused(404, "EXAM_NOT_FOUND");
    }
    for name in [ann.id.to_string().as_str(), "3001"] {
        api.get(format!("/api/admin/contacts/{name}")).bearer(&harbour.admin).await.refused(404, "CONTACT_NOT_FOUND");
        let grant = api.post(format!("/api/admin/contacts/{name}/credits"), json!({ "cs_credits": 5 }));
        grant.bearer(&harbour.admin).await.refused(404, "CONTACT_NOT_FOUND");
    }
    let theirs = api.enrols_as(&harbour, "BOB", "bob@example.org", json!({ "cs_credits": 1 })).await;
    let across = json!({ "contact_id": theirs.id, "mock_exam_id": session, "dominant_hand": "left" });
    api.post("/api/admin/bookings", across).bearer(&harbour.admin).await.refused(404, "EXAM_NOT_FOUND");
    let needs: Value = json!({ "mock_type": "Mock Discussion", "exam_date": "2030-06-01", "start_time": "09:00",
        "end_time": "10:00", "capacity": 1, "prerequisite_exam_ids": [session] });
    api.post("/api/admin/mock-exams", needs).bearer(&harbour.admin).await.names_bad_fields(&["prerequisite_exam_ids"]);
    assert_eq!(
        api.get(format!("/api/bookings/{}", booked.id())).by_admin().await.is(200).data()["status"],
        "confirmed"
    );
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_test_organisation_is_hidden_everywhere_and_its_rows_stay() {
    let api = Api::open().await;
    let made = api.call(reqwest::Method::POST, "/api/admin/test-orgs").by_admin().await.is(201);
    let text = |member: &str| made.data()[member].as_str().unwrap().to_owned();
    let (id, admin, service) = (text("org_id"), text("admin_key"), text("service_key"));
    let keys = crate::support::api::Keys { org_id: id.parse().unwrap(), admin: admin.clone(), ..api.keys.clone() };
    let ann = api.enrols_as(&keys, "ANN", "ann@example.org", json!({ "cs_credits": 1 })).await;
    let session = api.opens_for(&keys, json!({ "mock_type": "Clinical Skills" })).await;
    api.books(&ann, session).bearer(&service).await.is(201);
    let token = api.post("/api/user/login", ann.identity()).bearer(&service).await.is(200);
    let token = token.data()["token"].as_str().unwrap().to_owned();
    // It does not make the only real organisation unclear, and is not found without its keys.
    assert_eq!(api.get("/api/mock-exams/available").await.is(200).data(), &json!([]));
    api.post("/api/user/login", ann.identity()).await.refused(404, "STUDENT_NOT_FOUND");

    api.delete(format!("/api/admin/test-orgs/{id}")).by_admin().await.is(200);
    for credential in [&admin, &service, &token] {
        api.get("/api/mock-exams/available").bearer(credential).await.refused(401, "UNAUTHENTICATED");
    }
    api.get("/api/admin/laws").bearer(&admin).await.refused(401, "UNAUTHENTICATED");
    api.delete(format!("/api/admin/test-orgs/{id}")).by_admin().await.refused(404, "ORG_NOT_FOUND");
    // A real organisation is not closed this way.
    let real = api.school.org_id;
    api.delete(format!("/api/admin/test-orgs/{real}")).by_admin().await.refused(404, "ORG_NOT_FOUND");
    assert_eq!(api.school.count(&format!("bookings WHERE org_id = '{id}'")).await, 1);
    assert_eq!(keys.org_id, id.parse::<Uuid>().unwrap());
    // Nor does a key that is made for it afterwards open it.
    let owner = api.school.db.owner().await;
    let late = api_keys::create(&owner, keys.org_id, "late", Role::Admin).await.unwrap();
    api.get("/api/admin/audit").bearer(late.text.expose_secret()).await.refused(401, "UNAUTHENTICATED");
    api.school.laws_hold().await;
}
