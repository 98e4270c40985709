//! Upserts: one record for each value of a unique property, however often it is sent.

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn an_upsert_makes_a_record_once() {
    let crm = Crm::open().await;
    let first = crm.upsert(&[("u1", json!({ "grade": "A" }))]).await.is(200);
    let made = &first["results"][0];
    assert_eq!(
        (&made["new"], &made["properties"]["uuid"], &made["objectWriteTraceId"]),
        (&json!(true), &json!("u1"), &json!("trace-u1"))
    );
    assert!(made["url"].as_str().unwrap().ends_with(id(made)));
    let second = crm.upsert(&[("u1", json!({ "grade": "B" })), ("u2", json!({ "grade": "C" }))]).await.is(200);
    let (old, new) = (by(&second, "uuid", "u1"), by(&second, "uuid", "u2"));
    assert_eq!((&old["new"], id(old), &old["properties"]["grade"]), (&json!(false), id(made), &json!("B")));
    assert_eq!(new["new"], true);
    assert_eq!(crm.simulator.records("bookings").len(), 2);
}

#[tokio::test]
async fn racing_upserts_make_one_record() {
    let crm = Crm::open().await;
    let calls = (0..10).map(|number| {
        let call = crm.call(&format!("{BOOKINGS}/batch/upsert"), &upserts(&[("u1", json!({ "grade": number }))]));
        tokio::spawn(call.send())
    });
    let mut new = 0;
    for call in calls.collect::<Vec<_>>() {
        let body = Answer::of(call.await.unwrap().unwrap()).await.is(200);
        new += usize::from(body["results"][0]["new"] == true);
    }
    assert_eq!((new, crm.simulator.records("bookings").len()), (1, 1));
}

#[tokio::test]
async fn two_inputs_for_one_record_spoil_the_batch() {
    let crm = Crm::open().await;
    let twice =
        crm.upsert(&[("u1", json!({ "grade": "A" })), ("u2", json!({})), ("u1", json!({ "grade": "B" }))]).await;
    assert_eq!(twice.fails(400, "VALIDATION_ERROR"), "Duplicate IDs found in batch input: [u1]. IDs must be unique");
    assert_eq!(twice.json()["context"]["ids"], json!(["u1"]));
    assert!(crm.simulator.records("bookings").is_empty());

    // Also when they name it by different properties, and with trace ids.
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1", "code": "c1" })).await;
    let body = json!({ "inputs": [
        { "idProperty": "uuid", "id": "u1", "properties": { "grade": "A" }, "objectWriteTraceId": "t1" },
        { "idProperty": "code", "id": "c1", "properties": { "grade": "B" }, "objectWriteTraceId": "t2" },
    ] });
    let message = crm.post(&format!("{BOOKINGS}/batch/upsert"), body).await.fails(400, "VALIDATION_ERROR");
    assert!(message.contains(&format!("[{booking}]")), "{message}");
    let body = json!({ "inputs": [{ "id": booking, "properties": {} }, { "id": booking, "properties": {} }] });
    crm.post(&format!("{BOOKINGS}/batch/update"), body).await.fails(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn only_unique_properties_tell_records_apart() {
    let crm = Crm::open().await;
    let booking = crm.create(BOOKINGS, json!({ "grade": "A" })).await;
    let upsert = async |input| crm.post(&format!("{BOOKINGS}/batch/upsert"), json!({ "inputs": [input] })).await;
    for (property, id) in [("grade", "A"), ("hs_object_id", booking.as_str()), ("missing", "x")] {
        let message =
            upsert(json!({ "idProperty": property, "id": id, "properties": {} })).await.fails(400, "VALIDATION_ERROR");
        let expected =
            format!("Unable to perform update/upsert by non-unique 2-50158943 property {property} in portal ID");
        assert!(message.starts_with(&expected), "{message}");
    }
    upsert(json!({ "id": booking, "properties": {} })).await.fails(400, "VALIDATION_ERROR");
    upsert(json!({ "idProperty": "uuid", "properties": {} })).await.fails(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_bad_input_fails_alone_if_it_can_be_told_apart() {
    let crm = Crm::open().await;
    let mut body = upserts(&[("u1", json!({ "grade": "A" })), ("u2", json!({ "seats": "many" }))]);
    let partial = crm.post(&format!("{BOOKINGS}/batch/upsert"), body.clone()).await.is(207);
    assert_eq!((count(&partial["results"]), &partial["numErrors"]), (1, &json!(1)));
    assert_eq!(partial["errors"][0]["context"]["objectWriteTraceId"], json!(["trace-u2"]));
    for input in body["inputs"].as_array_mut().unwrap() {
        input.as_object_mut().unwrap().remove("objectWriteTraceId");
    }
    body["inputs"][0]["properties"]["grade"] = "B".into();
    crm.post(&format!("{BOOKINGS}/batch/upsert"), body).await.fails(400, "VALIDATION_ERROR");
    assert_eq!(crm.simulator.find("bookings", "grade", "A").len(), 1);
}

#[tokio::test]
async fn an_upsert_cannot_take_another_records_value() {
    let crm = Crm::open().await;
    crm.upsert(&[("u1", json!({ "code": "c1" }))]).await.is(200);
    let refused = crm.upsert(&[("u2", json!({ "code": "c1" }))]).await.is(207);
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("propertyName=code, value=c1"), "{refused:#}");
    assert_eq!(crm.simulator.records("bookings").len(), 1);
    // A contact that is made by an upsert meets the rule of contacts.
    crm.simulator.define("contacts", surehold_simulators::hubspot::Property::unique("person_uuid")).unwrap();
    let ann = crm.create(CONTACTS, json!({ "email": "ann@example.org" })).await;
    let body = json!({ "inputs": [{ "idProperty": "person_uuid", "id": "p1", "properties": { "email": "ann@example.org" } }] });
    let conflict = crm.post(&format!("{CONTACTS}/batch/upsert"), body).await.fails(409, "CONFLICT");
    assert_eq!(conflict, format!("Contact already exists. Existing ID: {ann}"));
}
