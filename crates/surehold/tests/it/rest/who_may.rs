//! Who reads, and whose rows.

use serde_json::{Value, json};

use super::open;
use crate::support::marketplace_api::{MarketplaceApi, traveller};
use crate::support::scene::{Scene, VIEWS};
use crate::support::{Api, School};

/// Everything of another organisation that could be told from its rows.
async fn marks_of(school: &School, scene: &Scene, mark: &str) -> Vec<String> {
    let ids = [
        scene.student,
        scene.exam,
        scene.booking,
        scene.traveller,
        scene.slot,
        scene.trip.trip_id,
        scene.trip.payment_id,
    ];
    ids.iter().map(ToString::to_string).chain([mark.to_owned(), school.org_id.to_string()]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_another_organisations_rows_by_any_view() {
    let (api, ours) = open().await;
    let neighbour = api.school.neighbour("neighbour").await;
    let theirs = Scene::of(&neighbour, "ZOE").await;
    let marks = marks_of(&neighbour, &theirs, "ZOE").await;
    for (_, view) in VIEWS {
        for query in [
            "",
            "?or=(id.is.null,id.not.is.null)",
            "?not.and=(id.is.null,id.is.null)",
            "?order=created_at.desc",
            "?limit=1000&offset=0",
            "?select=id",
        ] {
            let answer = api.rest(&format!("{view}{query}")).header("prefer", "count=exact").await.is(200);
            let text = answer.body.to_string();
            assert!(!answer.body.as_array().unwrap().is_empty(), "{view}{query}: ours are there");
            for mark in &marks {
                assert!(!text.contains(mark.as_str()), "{view}{query} shows {mark}: {text}");
            }
        }
        // org_id is no column of theirs, whatever they say of it.
        let nosy = api.rest(&format!("{view}?org_id=eq.{}", neighbour.org_id)).await;
        nosy.fails(400, "42703", &format!("column {view}.org_id does not exist"));
    }
    // By every name of theirs: the same as if there were no such row.
    for query in [
        format!("hubspot_bookings?id=eq.{}", theirs.booking),
        format!("hubspot_bookings?mock_exam_id=eq.{}", theirs.exam),
        "hubspot_bookings?idempotency_key=eq.ZOE-key".to_owned(),
        format!("hubspot_mock_exams?hubspot_id=in.({})", theirs.exam),
        "hubspot_contact_credits?student_id=eq.ZOE".to_owned(),
        format!("bookings?user_id=eq.{}", theirs.traveller),
        format!("payments?trip_id=eq.{}", theirs.trip.trip_id),
        format!("audit_logs?entity_id=eq.{}", theirs.booking),
    ] {
        assert_eq!(api.found(&query).await, Vec::<Value>::new(), "{query}");
    }
    assert_eq!(api.found(&format!("hubspot_bookings?id=eq.{}", ours.booking)).await.len(), 1);
    assert_eq!(api.found(&format!("audit_logs?entity_id=eq.{}", ours.booking)).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_without_a_key() {
    let (api, _) = open().await;
    let anonymous = api.get("/rest/v1/bookings").await;
    anonymous.fails(401, "PGRST302", "Anonymous access is disabled");
    assert_eq!(anonymous.header("www-authenticate"), Some("Bearer"));
    for wrong in ["nonsense", "surehold_service_0_x", api.keys.service.trim_end_matches(|c: char| c != '_')] {
        let refused = api.get("/rest/v1/bookings").bearer(wrong).await.is(401);
        assert_eq!(refused.code(), "PGRST301");
        assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
        assert_eq!(api.get("/rest/v1/bookings").header("apikey", wrong).await.is(401).code(), "PGRST301");
    }
    // Either header is enough; clients send both.
    api.get("/rest/v1/bookings").header("apikey", &api.keys.service).await.is(200);
    api.get("/rest/v1/bookings").header("apikey", &api.keys.service).by_service().await.is(200);
    api.get("/rest/v1/bookings").by_admin().await.is(200);
    // A key that was revoked works no longer than the directory remembers it.
    assert_eq!(api.meddles("UPDATE api_keys SET revoked_at = now() WHERE role = 'service'").await, 1);
    tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while api.rest("bookings").await.status != 401 {}
    })
    .await
    .expect("it is refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_students_token_opens_nothing() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({})).await;
    let token = api.logs_in(&ann).await;
    for (_, view) in VIEWS {
        let refused = api.get(format!("/rest/v1/{view}?select=id")).bearer(&token).await;
        refused.fails(403, "42501", &format!("permission denied for table {view}"));
        let refused = api.post(format!("/rest/v1/{view}"), json!({})).bearer(&token).await;
        refused.fails(403, "42501", &format!("permission denied for table {view}"));
        let refused = api.patch(format!("/rest/v1/{view}"), json!({})).bearer(&token).await;
        refused.fails(403, "42501", &format!("permission denied for table {view}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_travellers_token_opens_nothing() {
    let marketplace = MarketplaceApi::open().await;
    let who = traveller();
    let refused = marketplace.api.get("/rest/v1/trips").bearer(&who.token).await;
    refused.fails(403, "42501", "permission denied for table trips");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_changes_a_view_and_everybody_is_told_how_it_is_done() {
    let (api, scene) = open().await;
    for (_, view) in VIEWS {
        // What may be repeated and what is a note: `repeats.rs` and `notes.rs`.
        let (allow, refused_methods) = match view {
            "audit_logs" => ("OPTIONS,GET,HEAD,POST", &["PATCH", "PUT", "DELETE"] as &[&str]),
            view if view.starts_with("hubspot_") => ("OPTIONS,GET,HEAD,POST,PATCH", &["PUT", "DELETE"] as &[&str]),
            _ => ("OPTIONS,GET,HEAD", &["POST", "PATCH", "PUT", "DELETE"] as &[&str]),
        };
        for method in refused_methods {
            let call = api.call(method.parse().unwrap(), &format!("/rest/v1/{view}?id=eq.{}", scene.booking));
            let refused =
                call.header("content-profile", "public").json(&json!({ "id": scene.booking })).by_service().await;
            refused.fails(405, "25006", &format!("{view} is read-only here"));
            assert!(refused.body["hint"].as_str().is_some_and(|hint| hint.len() > 20), "{view}: {:#}", refused.body);
            assert_eq!(refused.header("allow"), Some(allow), "{method} {view}");
        }
        for method in ["POST", "PATCH", "PUT", "DELETE"] {
            let anonymous = api.call(method.parse().unwrap(), &format!("/rest/v1/{view}")).await;
            anonymous.fails(401, "PGRST302", "Anonymous access is disabled");
        }
        let options = api.call(reqwest::Method::OPTIONS, &format!("/rest/v1/{view}")).by_service().await;
        assert_eq!((options.status, options.header("allow")), (200, Some(allow)), "{view}");
    }
    let nothing = json!({ "booking_id": "BK-NEW" });
    let refused = api.post("/rest/v1/hubspot_bookings", nothing).by_service().await.is(405);
    assert!(refused.body["hint"].as_str().unwrap().contains("rpc('create_booking_atomic'"));
    api.post("/rest/v1/nothing", json!({})).by_service().await.is(404);
    api.school.laws_hold().await;
}
