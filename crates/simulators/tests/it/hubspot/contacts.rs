//! Contacts, which their email tells apart.

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn a_second_contact_with_an_email_is_a_conflict_that_names_the_first() {
    let crm = Crm::open().await;
    let first = crm.create(CONTACTS, json!({ "email": "ann@example.org" })).await;
    let expected = format!("Contact already exists. Existing ID: {first}");
    let again = crm.post(CONTACTS, json!({ "properties": { "email": "Ann@Example.org" } })).await;
    assert_eq!(again.fails(409, "CONFLICT"), expected);
    let batch = json!({ "inputs": [{ "properties": { "email": "ann@example.org" }, "associations": [] }] });
    assert_eq!(crm.post(&format!("{CONTACTS}/batch/create"), batch).await.fails(409, "CONFLICT"), expected);
    assert_eq!(crm.simulator.records("contacts").len(), 1);
}

#[tokio::test]
async fn an_email_finds_a_contact_in_any_case() {
    let crm = Crm::open().await;
    let ann = crm.create(CONTACTS, json!({ "email": "Ann@Example.org", "firstname": "Ann" })).await;
    let found = crm.get(&format!("{CONTACTS}/ANN@example.org?idProperty=email")).await.is(200);
    assert_eq!((id(&found), &found["properties"]["email"]), (ann.as_str(), &json!("ann@example.org")));
    let body = json!({ "idProperty": "email", "properties": ["firstname"], "inputs": [{ "id": "ann@EXAMPLE.org" }] });
    let read = crm.post(&format!("{CONTACTS}/batch/read"), body).await.is(200);
    assert_eq!(read["results"][0]["properties"]["firstname"], "Ann");
}

#[tokio::test]
async fn an_email_is_no_key_for_batches_of_writes() {
    let crm = Crm::open().await;
    crm.create(CONTACTS, json!({ "email": "ann@example.org" })).await;
    let body = json!({ "inputs": [
        { "idProperty": "email", "id": "ann@example.org", "properties": { "firstname": "Ann" } },
    ] });
    let upsert = crm.post(&format!("{CONTACTS}/batch/upsert"), body.clone()).await;
    assert!(upsert.fails(400, "VALIDATION_ERROR").contains("email"), "{}", upsert.text);
    let update = crm.post(&format!("{CONTACTS}/batch/update"), body).await;
    assert!(update.fails(400, "VALIDATION_ERROR").contains("non-unique 0-1 property email"), "{}", update.text);
}

#[tokio::test]
async fn an_email_that_another_contact_has_cannot_be_taken() {
    let crm = Crm::open().await;
    let ann = crm.create(CONTACTS, json!({ "email": "ann@example.org" })).await;
    let ben = crm.create(CONTACTS, json!({ "email": "ben@example.org" })).await;
    let path = format!("{CONTACTS}/{ben}");
    let message =
        crm.patch(&path, json!({ "properties": { "email": "ann@example.org" } })).await.fails(400, "VALIDATION_ERROR");
    assert!(message.ends_with(&format!("on {ben}. {ann} already has that value.")), "{message}");
    // An archived contact gives its email up.
    crm.delete(&format!("{CONTACTS}/{ann}")).await.is(204);
    crm.patch(&path, json!({ "properties": { "email": "ann@example.org" } })).await.is(200);
    // Its own is no conflict.
    crm.patch(&path, json!({ "properties": { "email": "ann@example.org" } })).await.is(200);
}

#[tokio::test]
async fn what_is_no_email_is_refused() {
    let crm = Crm::open().await;
    for wrong in ["ann", "ann@", "@example.org", "ann@example", "a b@example.org"] {
        let answer = crm.post(CONTACTS, json!({ "properties": { "email": wrong } })).await;
        assert!(answer.fails(400, "VALIDATION_ERROR").contains("INVALID_EMAIL"), "{wrong}");
    }
}

#[tokio::test]
async fn contacts_have_names_of_their_own_for_their_times() {
    let crm = Crm::open().await;
    let made = crm.post(CONTACTS, json!({ "properties": { "email": "ann@example.org" } })).await.is(201);
    assert_eq!(made["properties"]["lastmodifieddate"], made["updatedAt"]);
    assert_eq!(made["properties"]["createdate"], made["createdAt"]);
    assert_eq!(made["properties"].get("hs_lastmodifieddate"), None);
}
