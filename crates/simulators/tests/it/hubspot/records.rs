//! Single records: made, read, changed, archived, under every path.

use std::collections::BTreeSet;

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn a_record_is_made_read_changed_and_archived() {
    let crm = Crm::open().await;
    let made = crm.post(BOOKINGS, json!({ "properties": { "uuid": "u1", "seats": 2, "grade": null } })).await.is(201);
    assert_eq!(made["properties"]["seats"], "2");
    assert_eq!(made["archived"], false);
    assert_eq!(made["createdAt"], made["properties"]["hs_createdate"]);
    assert_eq!(made["id"], made["properties"]["hs_object_id"]);
    assert!(id(&made).parse::<u64>().unwrap() > u64::from(u32::MAX));

    let path = format!("{BOOKINGS}/{}", id(&made));
    let changed = crm.patch(&path, json!({ "properties": { "grade": "A" } })).await.is(200);
    assert_eq!(changed["properties"]["grade"], "A");
    assert!(changed["updatedAt"].as_str() > made["updatedAt"].as_str(), "{changed:#}");
    assert_eq!(changed["createdAt"], made["createdAt"]);

    let read = crm.get(&format!("{path}?properties=grade,seats&properties=code")).await.is(200);
    assert_eq!(read["properties"]["grade"], "A");
    assert_eq!(read["properties"]["seats"], "2");
    assert_eq!(read["properties"]["code"], json!(null));
    assert_eq!(read["properties"].get("uuid"), None);

    crm.delete(&path).await.is(204);
    assert_eq!(crm.get(&path).await.fails(404, "OBJECT_NOT_FOUND"), "resource not found");
    crm.patch(&path, json!({ "properties": { "grade": "B" } })).await.is(404);
    let archived = crm.get(&format!("{path}?archived=true")).await.is(200);
    assert_eq!(archived["archived"], true);
    assert!(archived["archivedAt"].is_string());
    // Again is as good as once; what never was is not there.
    crm.delete(&path).await.is(204);
    crm.delete(&format!("{BOOKINGS}/1")).await.is(404);
}

#[tokio::test]
async fn dated_and_older_paths_mean_the_same_and_so_do_names_and_ids_of_types() {
    let crm = Crm::open().await;
    let booking = crm.create("/crm/v3/objects/2-50158943", json!({ "uuid": "u1" })).await;
    for path in ["/crm/objects/2026-09/2-50158943", "/crm/objects/2026-03/bookings", "/crm/v3/objects/bookings"] {
        assert_eq!(id(&crm.get(&format!("{path}/{booking}")).await.is(200)), booking);
    }
    let contact = crm.create("/crm/v3/objects/0-1", json!({ "email": "a@b.org" })).await;
    assert_eq!(id(&crm.get(&format!("{CONTACTS}/{contact}")).await.is(200)), contact);
    // A custom type that nobody has named exists too.
    crm.post("/crm/v3/objects/2-777", json!({ "properties": {} })).await.is(201);
    let unknown = crm.post("/crm/v3/objects/unicorns", json!({ "properties": {} })).await;
    assert_eq!(unknown.fails(400, "VALIDATION_ERROR"), "Unable to infer object type from: unicorns");
    crm.get("/crm/v2/objects/contacts").await.fails(404, "OBJECT_NOT_FOUND");
    crm.get("/crm/objects/2026-07/contacts").await.fails(404, "OBJECT_NOT_FOUND");
}

#[tokio::test]
async fn ids_are_unique_only_within_a_type() {
    let crm = Crm::open().await;
    let mut bookings = BTreeSet::new();
    bookings.insert(crm.create(BOOKINGS, json!({})).await);
    let contact = crm.create(CONTACTS, json!({})).await;
    assert!(!bookings.contains(&contact));
    for _ in 0..9 {
        bookings.insert(crm.create(BOOKINGS, json!({})).await);
    }
    assert_eq!(bookings.len(), 10);
    assert!(bookings.contains(&contact), "{contact} {bookings:?}");
}

#[tokio::test]
async fn a_unique_property_finds_a_record() {
    let crm = Crm::open().await;
    let made = crm.create(BOOKINGS, json!({ "uuid": "u/1", "grade": "A" })).await;
    let path = format!("{BOOKINGS}/u%2F1?idProperty=uuid");
    assert_eq!(id(&crm.get(&path).await.is(200)), made);
    assert_eq!(id(&crm.patch(&path, json!({ "properties": { "grade": "B" } })).await.is(200)), made);
    assert!(
        crm.get(&format!("{BOOKINGS}/B?idProperty=grade")).await.fails(400, "VALIDATION_ERROR").contains("non-unique")
    );
    crm.get(&format!("{BOOKINGS}/u2?idProperty=uuid")).await.is(404);
    crm.delete(&path).await.is(204);
    crm.get(&path).await.is(404);
}

#[tokio::test]
async fn unknown_properties_and_bad_values_are_refused_all_at_once() {
    let crm = Crm::open().await;
    let answer =
        crm.post(BOOKINGS, json!({ "properties": { "missing": "x", "seats": "many", "hs_object_id": "1" } })).await;
    let message = answer.fails(400, "VALIDATION_ERROR");
    let faults = message.strip_prefix("Property values were not valid: ").unwrap();
    let faults: serde_json::Value = serde_json::from_str(faults).unwrap();
    let of = |name: &str| faults.as_array().unwrap().iter().find(|fault| fault["name"] == name).unwrap().clone();
    assert_eq!(of("missing")["error"], "PROPERTY_DOESNT_EXIST");
    assert_eq!(of("missing")["message"], "Property \"missing\" does not exist");
    assert_eq!(of("missing")["isValid"], false);
    assert_eq!(of("seats")["error"], "INVALID_NUMBER");
    assert_eq!(of("hs_object_id")["error"], "READ_ONLY_VALUE");
    let details = &answer.json()["errors"];
    assert_eq!((count(details), &details[1]["context"]["propertyName"][0]), (3, &json!("missing")));
    assert!(crm.simulator.records("bookings").is_empty());
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let crm = Crm::open().await;
    let send = async |body: &'static str| {
        Answer::of(crm.http.post(crm.url(BOOKINGS)).bearer_auth(TOKEN).body(body).send().await.unwrap()).await
    };
    for wrong in [
        "{",
        "[]",
        "",
        r#"{"properties":[]}"#,
        r#"{"properties":{"grade":{}}}"#,
        r#"{"properties":{},"associations":1}"#,
    ] {
        assert!(send(wrong).await.fails(400, "VALIDATION_ERROR").starts_with("Invalid input JSON"), "{wrong}");
    }
}

#[tokio::test]
async fn an_empty_value_clears() {
    let crm = Crm::open().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1", "grade": "A" })).await;
    let path = format!("{BOOKINGS}/{booking}");
    assert_eq!(crm.patch(&path, json!({ "properties": { "grade": "" } })).await.is(200)["properties"]["grade"], "");
    // A cleared unique value is free again.
    crm.patch(&path, json!({ "properties": { "uuid": null } })).await.is(200);
    crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
}
