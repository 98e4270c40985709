//! Definitions of properties and their groups.

use serde_json::{Value, json};
use surehold_simulators::hubspot::{Property, PropertyKind};

use super::support::*;

const PROPERTIES: &str = "/crm/properties/2026-09/bookings";

fn definition(name: &str, is_unique: bool) -> Value {
    json!({
        "groupName": "bookings_information", "name": name, "label": name, "type": "string", "fieldType": "text",
        "hasUniqueValue": is_unique,
    })
}

#[tokio::test]
async fn a_property_is_defined_and_used() {
    let crm = Crm::open().await;
    let made = crm.post(PROPERTIES, definition("room", true)).await.is(201);
    assert_eq!(
        (&made["hasUniqueValue"], &made["hubspotDefined"], &made["type"]),
        (&json!(true), &json!(false), &json!("string"))
    );
    assert_eq!(crm.get("/crm/v3/properties/2-50158943/room").await.is(200), made);
    let all = crm.get(PROPERTIES).await.is(200);
    let names: Vec<&str> = all["results"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"room") && names.contains(&"hs_object_id"), "{names:?}");
    crm.create(BOOKINGS, json!({ "room": "12" })).await;
    crm.post(BOOKINGS, json!({ "properties": { "room": "12" } })).await.fails(400, "VALIDATION_ERROR");
    let conflict = crm.post(PROPERTIES, definition("room", false)).await;
    assert_eq!(conflict.fails(409, "CONFLICT"), "A property named 'room' already exists.");
    // Other types do not have it.
    crm.get("/crm/v3/properties/contacts/room").await.fails(404, "OBJECT_NOT_FOUND");
    crm.get(&format!("{PROPERTIES}/missing")).await.fails(404, "OBJECT_NOT_FOUND");
}

#[tokio::test]
async fn a_type_has_at_most_ten_unique_properties() {
    let crm = Crm::open().await;
    // It has two already.
    for number in 0..8 {
        crm.post(PROPERTIES, definition(&format!("unique{number}"), true)).await.is(201);
    }
    assert!(
        crm.post(PROPERTIES, definition("one_more", true)).await.fails(400, "VALIDATION_ERROR").contains("at most 10")
    );
    crm.post(PROPERTIES, definition("one_more", false)).await.is(201);
}

#[tokio::test]
async fn uniqueness_is_for_ever() {
    let crm = Crm::open().await;
    crm.post(PROPERTIES, definition("room", false)).await.is(201);
    let path = format!("{PROPERTIES}/room");
    crm.patch(&path, json!({ "hasUniqueValue": true })).await.fails(400, "VALIDATION_ERROR");
    let changed = crm.patch(&path, json!({ "label": "Room", "hasUniqueValue": false })).await.is(200);
    assert_eq!((&changed["label"], &changed["hasUniqueValue"]), (&json!("Room"), &json!(false)));
    crm.delete(&path).await.is(204);
    crm.get(&path).await.is(404);
    crm.delete(&format!("{PROPERTIES}/hs_object_id")).await.fails(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn what_is_no_definition_is_refused() {
    let crm = Crm::open().await;
    let with = |field: &str, value: Value| {
        let mut body = definition("room", false);
        body[field] = value;
        body
    };
    for wrong in [
        with("name", json!("Room 12")),
        with("name", json!("1room")),
        with("type", json!("poem")),
        with("groupName", json!("nowhere")),
        json!({ "name": "room" }),
    ] {
        crm.post(PROPERTIES, wrong).await.fails(400, "VALIDATION_ERROR");
    }
    crm.post(&format!("{PROPERTIES}/groups"), json!({ "name": "nowhere", "label": "Now here" })).await.is(201);
    crm.post(&format!("{PROPERTIES}/groups"), json!({ "name": "nowhere", "label": "Again" }))
        .await
        .fails(409, "CONFLICT");
    crm.post(PROPERTIES, with("groupName", json!("nowhere"))).await.is(201);
    assert_eq!(count(&crm.get("/crm/v3/properties/bookings/groups").await.is(200)["results"]), 2);
}

#[tokio::test]
async fn properties_are_defined_in_batches() {
    let crm = Crm::open().await;
    let path = format!("{PROPERTIES}/batch/create");
    let body = json!({ "inputs": [definition("room", false), definition("uuid", false), definition("floor", false)] });
    let made = crm.post(&path, body).await.is(207);
    assert_eq!((count(&made["results"]), &made["errors"][0]["category"]), (2, &json!("CONFLICT")));
    let body = json!({ "inputs": [definition("door", false)] });
    crm.post(&path, body).await.is(201);
}

#[tokio::test]
async fn values_are_of_their_kind() {
    let crm = Crm::open().await;
    for kind in [PropertyKind::Number, PropertyKind::Bool, PropertyKind::Date, PropertyKind::DateTime] {
        crm.simulator.define("bookings", Property::of_kind(&format!("a_{kind:?}").to_lowercase(), kind)).unwrap();
    }
    crm.simulator.define("bookings", Property::choice("a_choice", &["Yes", "No"])).unwrap();
    for (name, good, bad) in [
        ("a_number", json!("1.5"), json!("one")),
        ("a_bool", json!(true), json!("yes")),
        ("a_date", json!("2026-09-08"), json!("2026-09-08T12:00:00Z")),
        ("a_date", json!(1_788_825_600_000_u64), json!(1_788_825_600_001_u64)),
        ("a_datetime", json!("2026-09-08T12:00:00Z"), json!("noon")),
        ("a_choice", json!("Yes"), json!("yes")),
    ] {
        crm.create(BOOKINGS, json!({ name: good })).await;
        crm.create(BOOKINGS, json!({ name: "" })).await;
        let message = crm.post(BOOKINGS, json!({ "properties": { name: bad } })).await.fails(400, "VALIDATION_ERROR");
        assert!(message.contains("\"isValid\":false"), "{name}: {message}");
    }
}
