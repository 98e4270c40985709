//! Batches: their envelope, and what one bad input does to the others.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use surehold_simulators::hubspot::Options;

use super::support::*;

const CREATE: &str = "/crm/v3/objects/bookings/batch/create";

fn creates(bookings: &[(&str, Value)]) -> Value {
    let inputs = bookings.iter().map(|(trace_id, properties)| {
        json!({ "properties": properties, "associations": [], "objectWriteTraceId": trace_id })
    });
    json!({ "inputs": inputs.collect::<Vec<_>>() })
}

fn without_traces(mut body: Value) -> Value {
    for input in body["inputs"].as_array_mut().unwrap() {
        input.as_object_mut().unwrap().remove("objectWriteTraceId");
    }
    body
}

#[tokio::test]
async fn a_batch_is_answered_in_an_envelope() {
    let crm = Crm::open().await;
    let made =
        crm.post(CREATE, creates(&[("t1", json!({ "uuid": "u1" })), ("t2", json!({ "uuid": "u2" }))])).await.is(201);
    assert_eq!((&made["status"], count(&made["results"])), (&json!("COMPLETE"), 2));
    assert!(made["startedAt"].is_string() && made["completedAt"].is_string(), "{made:#}");
    assert_eq!((made.get("numErrors"), made.get("errors")), (None, None));
    assert_eq!(by(&made, "uuid", "u2")["objectWriteTraceId"], "t2");

    let (one, two) = (id(by(&made, "uuid", "u1")), id(by(&made, "uuid", "u2")));
    let body = json!({ "inputs": [
        { "id": one, "properties": { "grade": "A" } },
        { "idProperty": "uuid", "id": "u2", "properties": { "grade": "B" } },
    ] });
    let updated = crm.post(&format!("{BOOKINGS}/batch/update"), body).await.is(200);
    assert_eq!(id(by(&updated, "grade", "A")), one);
    assert_eq!(id(by(&updated, "grade", "B")), two);

    let body = json!({ "properties": ["grade"], "inputs": [{ "id": one }, { "id": two }, { "id": one }] });
    let read = crm.post(&format!("{BOOKINGS}/batch/read"), body).await.is(200);
    assert_eq!(count(&read["results"]), 2);
    assert_eq!(by(&read, "grade", "B")["id"], two);

    let archived =
        crm.post(&format!("{BOOKINGS}/batch/archive"), json!({ "inputs": [{ "id": one }, { "id": "1" }] })).await;
    assert_eq!((archived.status, archived.text.as_str()), (204, ""));
    assert_eq!(crm.simulator.records("bookings").len(), 1);
}

#[tokio::test]
async fn with_trace_ids_a_bad_input_fails_alone() {
    let crm = Crm::open().await;
    let body =
        creates(&[("t1", json!({ "uuid": "u1" })), ("t2", json!({ "missing": "x" })), ("t3", json!({ "uuid": "u1" }))]);
    let made = crm.post(CREATE, body).await.is(207);
    assert_eq!((&made["status"], &made["numErrors"], count(&made["results"])), (&json!("COMPLETE"), &json!(2), 1));
    let errors = made["errors"].as_array().unwrap();
    let of =
        |trace_id: &str| errors.iter().find(|error| error["context"]["objectWriteTraceId"][0] == trace_id).unwrap();
    let unknown = of("t2");
    assert_eq!((&unknown["status"], &unknown["category"]), (&json!("error"), &json!("VALIDATION_ERROR")));
    let message = unknown["message"].as_str().unwrap();
    assert!(message.starts_with("Property values were not valid: [{"), "{message}");
    assert!(
        message.contains(r#""error":"PROPERTY_DOESNT_EXIST""#)
            && message.contains(r#"Property \"missing\" does not exist"#),
        "{message}"
    );
    assert!(of("t3")["message"].as_str().unwrap().ends_with("already has that value."), "{made:#}");
    assert_eq!(crm.simulator.records("bookings").len(), 1);
}

#[tokio::test]
async fn without_trace_ids_a_bad_input_spoils_the_batch() {
    let crm = Crm::open().await;
    let body = creates(&[("t1", json!({ "uuid": "u1" })), ("t2", json!({ "missing": "x" }))]);
    crm.post(CREATE, without_traces(body.clone())).await.fails(400, "VALIDATION_ERROR");
    // One trace id is missing: that is as good as none.
    let mut some = body.clone();
    some["inputs"][0].as_object_mut().unwrap().remove("objectWriteTraceId");
    crm.post(CREATE, some).await.fails(400, "VALIDATION_ERROR");
    assert!(crm.simulator.records("bookings").is_empty());
    // Nothing is left of it: the unique value is free.
    crm.post(CREATE, body).await.is(207);
    assert_eq!(crm.simulator.records("bookings").len(), 1);
}

#[tokio::test]
async fn a_spoiled_batch_of_updates_changes_nothing() {
    let crm = Crm::open().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1", "grade": "A" })).await;
    let body = json!({ "inputs": [
        { "id": booking, "properties": { "grade": "B" } },
        { "id": "1", "properties": { "grade": "C" } },
    ] });
    let missing = crm.post(&format!("{BOOKINGS}/batch/update"), body).await;
    assert!(missing.fails(404, "OBJECT_NOT_FOUND").starts_with("Could not get some BOOKING objects"));
    assert_eq!(crm.simulator.history("bookings", &booking, "grade").len(), 1);
    assert_eq!(crm.simulator.record("bookings", &booking).unwrap().value("grade"), Some("A"));
}

#[tokio::test]
async fn a_batch_has_at_most_a_hundred_inputs() {
    let crm = Crm::open().await;
    let bookings = |count: usize| {
        let inputs = (0..count).map(|number| json!({ "properties": { "uuid": format!("u{number}") } }));
        json!({ "inputs": inputs.collect::<Vec<_>>() })
    };
    let ids =
        |count: usize| json!({ "inputs": (1..=count).map(|id| json!({ "id": id.to_string() })).collect::<Vec<_>>() });
    crm.post(CREATE, bookings(101)).await.fails(400, "VALIDATION_ERROR");
    crm.post(CREATE, bookings(0)).await.fails(400, "VALIDATION_ERROR");
    assert_eq!(count(&crm.post(CREATE, bookings(100)).await.is(201)["results"]), 100);
    for verb in ["read", "archive"] {
        crm.post(&format!("{BOOKINGS}/batch/{verb}"), ids(101)).await.fails(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn results_come_in_any_order() {
    let order = async |seed| {
        let crm = Crm::with(Options { seed, ..options() }).await;
        let bookings: Vec<(String, Value)> =
            (0..20).map(|number| (format!("t{number}"), json!({ "uuid": number }))).collect();
        let bookings: Vec<(&str, Value)> =
            bookings.iter().map(|(trace, values)| (trace.as_str(), values.clone())).collect();
        let made = crm.post(CREATE, creates(&bookings)).await.is(201);
        let uuid = |result: &Value| result["properties"]["uuid"].as_str().unwrap().to_owned();
        made["results"].as_array().unwrap().iter().map(uuid).collect::<Vec<_>>()
    };
    let (first, again, other) = (order(1).await, order(1).await, order(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert_eq!(first.iter().collect::<BTreeSet<_>>(), other.iter().collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn a_trace_id_names_one_input() {
    let crm = Crm::open().await;
    let body = creates(&[("t1", json!({ "uuid": "u1" })), ("t1", json!({ "uuid": "u2" }))]);
    crm.post(CREATE, body).await.fails(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn what_a_batch_does_not_find_is_an_error_of_its_own() {
    let crm = Crm::open().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
    let body =
        json!({ "idProperty": "uuid", "properties": [], "inputs": [{ "id": "u1" }, { "id": "u2" }, { "id": "u3" }] });
    let read = crm.post(&format!("{BOOKINGS}/batch/read"), body).await.is(207);
    assert_eq!(id(&read["results"][0]), booking);
    assert_eq!((&read["numErrors"], &read["errors"][0]["context"]["ids"]), (&json!(1), &json!(["u2", "u3"])));
    assert_eq!(read["errors"][0]["category"], "OBJECT_NOT_FOUND");
}

#[tokio::test]
async fn failures_can_come_with_the_status_of_success() {
    let crm = Crm::with(Options { multi_status: false, ..options() }).await;
    let body = creates(&[("t1", json!({ "uuid": "u1" })), ("t2", json!({ "missing": "x" }))]);
    let made = crm.post(CREATE, body).await.is(201);
    assert_eq!((&made["numErrors"], count(&made["results"])), (&json!(1), 1));
}
