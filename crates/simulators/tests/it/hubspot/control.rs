//! Control routes and the journal.

use std::collections::BTreeMap;

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn a_person_makes_changes_and_archives_records() {
    let crm = Crm::open().await;
    let made = crm.control("/objects/bookings", json!({ "properties": { "uuid": "u1" }, "user_id": 3 })).await.is(200);
    let path = format!("/objects/2-50158943/{}", id(&made));
    let edited = crm.control(&path, json!({ "properties": { "grade": "A" } })).await.is(200);
    assert_eq!(edited["properties"]["grade"], "A");
    crm.control(&path, json!({ "properties": { "missing": "x" } })).await.fails(400, "VALIDATION_ERROR");
    crm.control(&path, json!({ "grade": "A" })).await.fails(400, "VALIDATION_ERROR");
    crm.control("/objects/bookings/1", json!({ "properties": {} })).await.fails(404, "OBJECT_NOT_FOUND");
    let url = crm.url(&format!("/_simulator{path}"));
    let archive = async || Answer::of(crm.http.delete(&url).send().await.unwrap()).await;
    archive().await.is(204);
    archive().await.fails(404, "OBJECT_NOT_FOUND");
    assert!(crm.simulator.records("bookings").is_empty());
    // None of it was a call of the API.
    assert!(crm.simulator.calls().is_empty());
}

#[tokio::test]
async fn an_account_can_begin_with_records_of_before() {
    let (crm, receiver) = Crm::with_receiver().await;
    crm.simulator.set_search_delay(std::time::Duration::from_secs(600));
    let booking = |number: u64, uuid: &str| (number, BTreeMap::from([("uuid".to_owned(), uuid.to_owned())]));
    let made_at = 1_700_000_000_000;
    crm.simulator.bring("bookings", made_at, [booking(41, "u1"), booking(42, "u2")]).unwrap();

    // They are as old as they are said to be, and everybody knows them.
    let read = crm.get(&format!("{BOOKINGS}/41?propertiesWithHistory=uuid")).await.is(200);
    assert_eq!((&read["createdAt"], &read["properties"]["uuid"]), (&json!("2023-11-14T22:13:20.000Z"), &json!("u1")));
    assert_eq!(read["propertiesWithHistory"]["uuid"][0]["timestamp"], "2023-11-14T22:13:20.000Z");
    let search = crm.post(&format!("{BOOKINGS}/search"), json!({})).await.is(200);
    assert_eq!(search["total"], 2);
    assert_eq!((crm.simulator.undelivered(), receiver.arrived().len()), (0, 0));
    // One that there is already keeps out all that come with it; what is new has another number.
    for taken in [booking(42, "u4"), booking(44, "u2")] {
        assert!(crm.simulator.bring("bookings", made_at, [booking(43, "u3"), taken]).is_err());
    }
    assert_eq!(crm.simulator.records("bookings").len(), 2);
    assert!(crm.create(BOOKINGS, json!({ "uuid": "u3" })).await.parse::<u64>().unwrap() > 42);
}

#[tokio::test]
async fn calls_are_counted_by_kind() {
    let crm = Crm::open().await;
    crm.upsert(&[("u1", json!({}))]).await.is(200);
    crm.post("/crm/v3/objects/contacts/batch/upsert", json!({})).await.is(400);
    crm.get(&format!("{BOOKINGS}/17")).await.is(404);
    crm.get("/crm/unicorns").await.is(404);
    assert_eq!(crm.simulator.request_count("POST /crm/objects/{type}/batch/upsert"), 2);
    assert_eq!(crm.simulator.request_count("GET /crm/objects/{type}/{id}"), 1);
    assert_eq!(crm.simulator.request_counts().len(), 2);
    let calls = crm.simulator.calls();
    assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [Some(200), Some(400), Some(404)]);
    assert_eq!(calls[1].path, "/crm/v3/objects/contacts/batch/upsert");
}

#[tokio::test]
async fn a_reset_forgets_records_but_not_settings() {
    let crm = Crm::open().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
    let contact = crm.create(CONTACTS, json!({})).await;
    let path = format!("{BOOKINGS}/{booking}/associations/default/contacts/{contact}");
    crm.put(&path, json!(null)).await.is(200);
    let state = crm.control("/reset", json!({})).await.is(200);
    assert_eq!((&state["objects"], &state["associations"], &state["requests"]), (&json!({}), &json!([]), &json!({})));
    assert_eq!(crm.simulator.limits().calls.total, 0);
    let search = crm.post(&format!("{BOOKINGS}/search"), json!({})).await.is(200);
    assert_eq!(search["total"], 0);
    // Properties are still there, and ids do not come again.
    assert_ne!(crm.create(BOOKINGS, json!({ "uuid": "u1" })).await, booking);
}

#[tokio::test]
async fn the_state_shows_everything() {
    let crm = Crm::open().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
    let state = Answer::of(crm.http.get(crm.url("/_simulator/state")).send().await.unwrap()).await.is(200);
    assert_eq!(state["objects"]["2-50158943"][0]["id"], booking);
    assert_eq!(state["objects"]["2-50158943"][0]["properties"]["uuid"], "u1");
    assert_eq!(state["requests"]["POST /crm/objects/{type}"], 1);
    assert_eq!(state["limits"]["calls"]["total"], 1);
    assert_eq!(state, crm.simulator.state());
}
