//! Functions that read.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::open;
use super::booking;
use crate::support::Api;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_finds_its_booking() {
    let (api, scene) = open().await;
    let check = |key: Value| api.rpc("check_idempotency_key", json!({ "p_idempotency_key": key }));
    let found = check(json!("ANN-key")).await.is(200).body.clone();
    let created_at = found["created_at"].clone();
    assert!(created_at.is_string());
    assert_eq!(
        found,
        json!({
            "found": true, "booking_id": "Clinical Skills-ANN-May 4, 2030", "id": scene.booking, "hubspot_id": null,
            "is_active": "Active", "student_id": "ANN", "mock_exam_id": scene.exam, "created_at": created_at,
        })
    );
    for unknown in [json!("no such key"), json!(""), json!(null)] {
        assert_eq!(check(unknown.clone()).await.is(200).body, json!(null), "{unknown}");
    }
    // By GET, which has no types, and HEAD, which has no body.
    let path = "/rest/v1/rpc/check_idempotency_key?p_idempotency_key=ANN-key";
    assert_eq!(api.get(path).by_service().await.is(200).body["id"], json!(scene.booking));
    let head = api.call(reqwest::Method::HEAD, path).header("prefer", "count=exact").by_service().await;
    assert_eq!((head.status, head.range()), (200, "0-0/1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_found_by_each_of_its_names() {
    let (api, scene) = open().await;
    api.hubspot_knows("contact", scene.student, "9001").await;
    let get = |arguments| api.rpc("get_contact_credits", arguments);
    let row = api.found("hubspot_contact_credits").await[0].clone();
    for names in [
        json!({ "p_id": scene.student }),
        json!({ "p_hubspot_id": 9001 }),
        json!({ "p_student_id": "ann", "p_email": "ANN@example.org" }),
        json!({ "p_student_id": "ANN" }),
        json!({ "p_email": "ann@example.org" }),
        // The first that finds somebody.
        json!({ "p_id": Uuid::from_u128(7), "p_hubspot_id": "1", "p_student_id": "ANN" }),
        json!({ "p_id": null, "p_hubspot_id": "9001", "p_student_id": "NOBODY" }),
    ] {
        assert_eq!(get(names.clone()).await.is(200).body, row, "{names}");
    }
    for names in [json!({}), json!({ "p_student_id": "ANN", "p_email": "x@example.org" }), json!({ "p_id": null })] {
        let nobody = get(names.clone()).await.is(200).body.clone();
        let nulls = nobody.as_object().unwrap();
        assert_eq!(nulls.len(), row.as_object().unwrap().len(), "{names}");
        assert!(nulls.values().all(Value::is_null), "{names}: {nobody}");
    }
    let selected =
        api.post("/rest/v1/rpc/get_contact_credits?select=id,left:cs_credits", json!({ "p_student_id": "ANN" }));
    assert_eq!(selected.by_service().await.is(200).body, json!({ "id": scene.student, "left": 2 }));
    let single = get(json!({ "p_student_id": "ANN" })).header("accept", "application/vnd.pgrst.object+json").await;
    assert_eq!(single.header("content-type"), Some("application/vnd.pgrst.object+json; charset=utf-8"));
    get(json!({ "p_id": "x" })).await.fails(400, "22P02", "invalid input syntax for type uuid: \"x\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_id_that_repeats_means_the_active_one() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let code = "Clinical Skills-ANN-May 4, 2030";
    let get = |arguments| api.rpc("get_booking", arguments);
    let first = api.creates(booking(&ann, exam, "k")).await.is(200).body["booking_id"].clone();
    api.gives_up(&first).await.is(200);
    assert_eq!(get(json!({ "p_booking_id": code })).await.is(200).body["id"], first);
    let second = api.creates(booking(&ann, exam, "k")).await.is(200).body["booking_id"].clone();
    assert_eq!(get(json!({ "p_booking_id": code })).await.is(200).body["id"], second);
    // Not the newest: one that was given up after it.
    let other = api.opens_on("Clinical Skills", 5, "2030-05-05").await;
    let third = api.creates(booking(&ann, other, "k3")).await.is(200).body["booking_id"].clone();
    api.gives_up(&third).await.is(200);
    assert_eq!(get(json!({ "p_booking_id": code })).await.is(200).body["id"], second);
    assert_eq!(get(json!({ "p_id": first, "p_booking_id": code })).await.is(200).body["id"], first);
    api.hubspot_knows("booking", first.as_str().unwrap().parse().unwrap(), "5001").await;
    assert_eq!(get(json!({ "p_hubspot_id": "5001" })).await.is(200).body["id"], first);
    let path = format!("/rest/v1/rpc/get_booking?p_id={}&select=is_active", second.as_str().unwrap());
    assert_eq!(api.get(path).by_service().await.is(200).body, json!({ "is_active": "Active" }));
    assert_eq!(get(json!({ "p_booking_id": "nothing" })).await.is(200).body["id"], json!(null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_is_not_changed_by_counting() {
    let (api, scene) = open().await;
    api.hubspot_knows("slot", scene.exam, "7001").await;
    let count =
        |exam: Value, delta: Value| api.rpc("increment_exam_bookings", json!({ "p_exam_id": exam, "p_delta": delta }));
    for (exam, delta) in [(json!(scene.exam), 1), (json!("7001"), -1), (json!(7001), 100), (json!("7001"), -100)] {
        assert_eq!(count(exam, json!(delta)).await.is(200).body, json!(1));
    }
    let row = &api.found("hubspot_mock_exams").await[0];
    assert_eq!(row["total_bookings"], 1);
    for unknown in [json!("7999"), json!(scene.slot), json!(Uuid::from_u128(7))] {
        let text = unknown.as_str().unwrap();
        count(unknown.clone(), json!(1)).await.raises(&format!("Exam {text} not found in Supabase"));
    }
    count(json!(null), json!(1)).await.raises("Exam <NULL> not found in Supabase");
    count(json!("7001"), json!("x")).await.fails(400, "22P02", "invalid input syntax for type integer: \"x\"");
    api.school.laws_hold().await;
}
