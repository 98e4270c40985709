//! Reading records.

use serde_json::json;

use super::super::testing::{answering, body_of};
use super::*;
use crate::stub::Stub;

const FIELDS: Fields<'_> = Fields { properties: &["email"], with_history: &["sj_credits"] };

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn records_are_found_by_what_was_asked_in_any_order() {
    let answer = json!({"status": "COMPLETE", "numErrors": 1, "results": [
        {"id": "2", "properties": {"surehold_id": "b", "email": null}},
        {"id": "1", "properties": {"surehold_id": "A", "email": "a@x.example"}, "archived": true,
         "createdAt": "2026-09-08T12:00:00.000Z", "updatedAt": "2026-09-08T12:00:01.500Z",
         "propertiesWithHistory": {"sj_credits": [{"value": "3", "timestamp": "2026-09-08T12:00:00Z", "sourceType": "CRM_UI", "sourceId": 7}]}},
        {"id": "9", "properties": {"surehold_id": "z"}},
    ], "errors": [{"category": "OBJECT_NOT_FOUND", "message": "Could not get some objects", "context": {"ids": ["c"]}}]});
    let (stub, client) = answering(207, answer.to_string()).await;
    let asked = ids(&["a", "b", "c", "a"]);
    let found = client.batch_read("0-1", Some("surehold_id"), &asked, FIELDS).await.expect("records");
    assert_eq!(found.records.keys().collect::<Vec<_>>(), ["a", "b"]);
    let record = &found.records["a"];
    assert_eq!((record.id.as_str(), record.property("email"), record.archived), ("1", Some("a@x.example"), true));
    assert_eq!(record.updated_at.expect("a time").to_string(), "2026-09-08T12:00:01.5Z");
    let version = &record.properties_with_history["sj_credits"][0];
    assert_eq!(
        (version.value.as_str(), version.source_type.as_str(), version.source_id.as_str()),
        ("3", "CRM_UI", "7")
    );
    assert_eq!(found.records["b"].property("email"), None);
    assert!(found.refused.len() == 1 && found.refused[0].is_not_found());

    let asked = &stub.asked()[0];
    assert_eq!(asked.uri, "/crm/v3/objects/0-1/batch/read");
    assert_eq!(
        body_of(asked),
        json!({"idProperty": "surehold_id", "properties": ["email", "surehold_id"], "propertiesWithHistory": ["sj_credits"],
            "inputs": [{"id": "a"}, {"id": "b"}, {"id": "c"}]})
    );
}

#[tokio::test]
async fn records_are_found_by_hubspots_ids() {
    let answer = json!({"status": "COMPLETE", "results": [{"id": 2}, {"id": "1"}]});
    let (stub, client) = answering(200, answer.to_string()).await;
    let found = client.batch_read("0-1", None, &ids(&["1", "2", "3"]), FIELDS).await.expect("records");
    assert_eq!(found.records.keys().collect::<Vec<_>>(), ["1", "2"]);
    assert!(body_of(&stub.asked()[0]).get("idProperty").is_none());
}

#[tokio::test]
async fn a_half_answer_is_none() {
    for answer in
        [json!({"status": "PENDING", "results": []}), json!({}), json!({"status": "COMPLETE", "results": [{}]})]
    {
        let (_stub, client) = answering(200, answer.to_string()).await;
        let error = client.batch_read("0-1", None, &ids(&["1"]), FIELDS).await.expect_err("no answer");
        assert_eq!(error.kind(), "unexpected", "{error}");
    }
}

#[tokio::test]
async fn too_many_are_not_asked_for_and_none_need_no_call() {
    let stub = Stub::start(vec![]).await;
    let many: Vec<String> = (0..=BATCH_MAX).map(|n| n.to_string()).collect();
    stub.hubspot().batch_read("0-1", None, &many, FIELDS).await.expect_err("too many");
    assert_eq!(stub.hubspot().batch_read("0-1", None, &[], FIELDS).await, Ok(Found::default()));
    assert!(stub.asked().is_empty());
}
