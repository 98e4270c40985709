//! Unique properties: who comes second is refused, and told who was first.

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn a_value_that_another_record_has_is_refused() {
    let crm = Crm::open().await;
    let first = crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
    let message = crm.post(BOOKINGS, json!({ "properties": { "uuid": "u1" } })).await.fails(400, "VALIDATION_ERROR");
    // It names two ids: the one that the record would have had, then the one that is there.
    let next = first.parse::<u64>().unwrap() + 1;
    assert!(message.starts_with("Cannot set PropertyValueCoordinates{portalId="), "{message}");
    assert!(
        message.ends_with(&format!("propertyName=uuid, value=u1}} on {next}. {first} already has that value.")),
        "{message}"
    );

    let other = crm.create(BOOKINGS, json!({ "uuid": "u2" })).await;
    assert_ne!(other, next.to_string());
    let path = format!("{BOOKINGS}/{other}");
    let message = crm.patch(&path, json!({ "properties": { "uuid": "u1" } })).await.fails(400, "VALIDATION_ERROR");
    assert!(message.ends_with(&format!("on {other}. {first} already has that value.")), "{message}");
    assert_eq!(crm.simulator.records("bookings").len(), 2);
}

#[tokio::test]
async fn a_value_that_was_given_up_is_free() {
    let crm = Crm::open().await;
    let first = crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
    crm.patch(&format!("{BOOKINGS}/{first}"), json!({ "properties": { "uuid": "u2" } })).await.is(200);
    let second = crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
    crm.delete(&format!("{BOOKINGS}/{second}")).await.is(204);
    crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
}

#[tokio::test]
async fn other_types_may_have_it_too() {
    let crm = Crm::open().await;
    crm.simulator.define("mock_exams", surehold_simulators::hubspot::Property::unique("uuid")).unwrap();
    crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
    crm.create("/crm/v3/objects/mock_exams", json!({ "uuid": "u1" })).await;
}
