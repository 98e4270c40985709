//! Search: what it finds, in which order, how late, and how much of it.

use std::time::Duration;

use serde_json::{Value, json};
use surehold_simulators::hubspot::Options;

use super::support::*;

const SEARCH: &str = "/crm/objects/2026-09/bookings/search";

fn by_grade(grade: &str) -> Value {
    one(json!({ "propertyName": "grade", "operator": "EQ", "value": grade }))
}

fn one(filter: Value) -> Value {
    json!({ "filterGroups": [{ "filters": [filter] }], "properties": ["uuid"] })
}

async fn found(crm: &Crm, body: Value) -> Vec<String> {
    let answer = crm.post(SEARCH, body).await.is(200);
    let uuid = |result: &Value| result["properties"]["uuid"].as_str().unwrap().to_owned();
    answer["results"].as_array().unwrap().iter().map(uuid).collect()
}

async fn three() -> Crm {
    let crm = Crm::open().await;
    crm.create(BOOKINGS, json!({ "uuid": "u1", "grade": "Good Work", "seats": 9 })).await;
    crm.create(BOOKINGS, json!({ "uuid": "u2", "grade": "bad", "seats": 10 })).await;
    crm.create(BOOKINGS, json!({ "uuid": "u3", "seats": 100 })).await;
    crm
}

#[tokio::test]
async fn operators_compare_numbers_by_size_and_texts_in_any_case() {
    let crm = three().await;
    for (filter, expected) in [
        (json!({ "propertyName": "grade", "operator": "EQ", "value": "BAD" }), vec!["u2"]),
        (json!({ "propertyName": "grade", "operator": "NEQ", "value": "bad" }), vec!["u1", "u3"]),
        (json!({ "propertyName": "seats", "operator": "LT", "value": "10" }), vec!["u1"]),
        (json!({ "propertyName": "seats", "operator": "LTE", "value": "10" }), vec!["u1", "u2"]),
        (json!({ "propertyName": "seats", "operator": "GT", "value": 10 }), vec!["u3"]),
        (json!({ "propertyName": "seats", "operator": "GTE", "value": "10" }), vec!["u2", "u3"]),
        (json!({ "propertyName": "seats", "operator": "BETWEEN", "value": "9", "highValue": "10" }), vec!["u1", "u2"]),
        (json!({ "propertyName": "uuid", "operator": "IN", "values": ["u3", "u1"] }), vec!["u1", "u3"]),
        (json!({ "propertyName": "uuid", "operator": "NOT_IN", "values": ["u3", "u1"] }), vec!["u2"]),
        (json!({ "propertyName": "grade", "operator": "HAS_PROPERTY" }), vec!["u1", "u2"]),
        (json!({ "propertyName": "grade", "operator": "NOT_HAS_PROPERTY" }), vec!["u3"]),
        (json!({ "propertyName": "grade", "operator": "CONTAINS_TOKEN", "value": "work" }), vec!["u1"]),
        (json!({ "propertyName": "grade", "operator": "CONTAINS_TOKEN", "value": "wor*" }), vec!["u1"]),
        (json!({ "propertyName": "grade", "operator": "CONTAINS_TOKEN", "value": "wor" }), vec![]),
        (json!({ "propertyName": "grade", "operator": "NOT_CONTAINS_TOKEN", "value": "work" }), vec!["u2", "u3"]),
        (
            json!({ "propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "2020-01-01T00:00:00Z" }),
            vec!["u1", "u2", "u3"],
        ),
        (json!({ "propertyName": "hs_lastmodifieddate", "operator": "LT", "value": "1600000000000" }), vec![]),
    ] {
        assert_eq!(found(&crm, one(filter.clone())).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn filters_of_a_group_all_hold_and_one_group_is_enough() {
    let crm = three().await;
    let is = |name: &str, value: &str| json!({ "propertyName": name, "operator": "EQ", "value": value });
    let groups = json!([
        { "filters": [is("grade", "bad"), is("seats", "10")] },
        { "filters": [is("grade", "bad"), is("seats", "9")] },
        { "filters": [is("uuid", "u3")] },
    ]);
    assert_eq!(found(&crm, json!({ "filterGroups": groups, "properties": ["uuid"] })).await, ["u2", "u3"]);
    assert_eq!(found(&crm, json!({ "query": "good", "properties": ["uuid"] })).await, ["u1"]);
}

#[tokio::test]
async fn results_are_sorted_and_come_in_pages() {
    let crm = three().await;
    let sorts = json!([{ "propertyName": "seats", "direction": "DESCENDING" }]);
    let body = json!({ "sorts": sorts, "limit": 2, "properties": ["uuid"] });
    let first = crm.post(SEARCH, body.clone()).await.is(200);
    assert_eq!((&first["total"], &first["paging"]["next"]["after"]), (&json!(3), &json!("2")));
    assert_eq!(first["results"][0]["properties"]["uuid"], "u3");
    let mut next = body;
    next["after"] = "2".into();
    let second = crm.post(SEARCH, next).await.is(200);
    assert_eq!((count(&second["results"]), second.get("paging")), (1, None));
    assert_eq!(found(&crm, json!({ "sorts": ["-uuid"], "properties": ["uuid"] })).await, ["u3", "u2", "u1"]);
}

#[tokio::test]
async fn the_search_learns_late() {
    let crm = Crm::with(Options { search_delay: Duration::from_secs(3600), ..options() }).await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1", "grade": "A" })).await;
    assert!(found(&crm, by_grade("A")).await.is_empty());
    crm.simulator.refresh_search();
    crm.patch(&format!("{BOOKINGS}/{booking}"), json!({ "properties": { "grade": "B", "uuid": "u9" } })).await.is(200);
    // It knows the record as it was, with its old values.
    assert_eq!(found(&crm, by_grade("A")).await, ["u1"]);
    assert!(found(&crm, by_grade("B")).await.is_empty());
    crm.control("/search", json!({})).await.is(200);
    assert_eq!(found(&crm, by_grade("B")).await, ["u9"]);
    // By itself, after its time. Everything else knows at once.
    crm.simulator.set_search_delay(Duration::from_millis(20));
    crm.patch(&format!("{BOOKINGS}/{booking}"), json!({ "properties": { "grade": "C" } })).await.is(200);
    assert_eq!(crm.get(&format!("{BOOKINGS}/{booking}?properties=grade")).await.is(200)["properties"]["grade"], "C");
    while found(&crm, by_grade("C")).await.is_empty() {}
}

#[tokio::test]
async fn archived_records_are_never_found() {
    let crm = three().await;
    crm.delete(&format!("{BOOKINGS}/u2?idProperty=uuid")).await.is(204);
    assert!(found(&crm, by_grade("bad")).await.is_empty());
}

#[tokio::test]
async fn a_search_has_its_own_limits() {
    let crm = three().await;
    let filter = json!({ "propertyName": "uuid", "operator": "HAS_PROPERTY" });
    let groups = |groups: usize, filters: usize| json!({ "filterGroups": vec![json!({ "filters": vec![filter.clone(); filters] }); groups] });
    crm.post(SEARCH, groups(3, 6)).await.is(200);
    crm.post(SEARCH, groups(5, 3)).await.is(200);
    for wrong in [
        groups(6, 1),
        groups(1, 7),
        groups(4, 5),
        json!({ "limit": 201 }),
        json!({ "after": "9999", "limit": 2 }),
        json!({ "after": "next" }),
        json!({ "sorts": ["uuid", "grade"] }),
        json!({ "query": "x".repeat(3001) }),
        one(json!({ "propertyName": "uuid", "operator": "LIKE", "value": "x" })),
        one(json!({ "propertyName": "uuid", "operator": "EQ" })),
        one(json!({ "propertyName": "uuid", "operator": "IN", "value": "x" })),
        one(json!({ "propertyName": "missing", "operator": "EQ", "value": "x" })),
    ] {
        crm.post(SEARCH, wrong).await.fails(400, "VALIDATION_ERROR");
    }
    crm.post(SEARCH, json!({ "after": "9800", "limit": 200, "query": "x".repeat(3000) })).await.is(200);
}
