//! Associations: made once however often they are written, and readable from both sides.

use serde_json::{Value, json};
use surehold_simulators::hubspot::{AssociationType, Category, Options};

use super::support::*;

const TO_CONTACTS: &str = "/crm/associations/2026-09/bookings/contacts";
const V4: &str = "/crm/v4/associations/bookings/contacts";

fn pair(from: &str, to: &str) -> Value {
    let types = json!([{ "associationCategory": "USER_DEFINED", "associationTypeId": 1289 }]);
    json!({ "from": { "id": from }, "to": { "id": to }, "types": types })
}

fn inputs(inputs: &[Value]) -> Value {
    json!({ "inputs": inputs })
}

/// A booking and a contact.
async fn two(crm: &Crm) -> (String, String) {
    (crm.create(BOOKINGS, json!({})).await, crm.create(CONTACTS, json!({ "email": "ann@example.org" })).await)
}

#[tokio::test]
async fn an_association_is_readable_from_both_sides() {
    let crm = Crm::open().await;
    let (booking, contact) = two(&crm).await;
    let made = crm.post(&format!("{V4}/batch/create"), inputs(&[pair(&booking, &contact)])).await.is(201);
    assert_eq!(made["results"][0]["fromObjectId"], booking);
    assert_eq!(
        (&made["results"][0]["fromObjectTypeId"], &made["results"][0]["toObjectTypeId"]),
        (&json!("2-50158943"), &json!("0-1"))
    );

    let expected = |id: &str| {
        let kind = json!({ "category": "USER_DEFINED", "typeId": 1289, "label": null });
        json!({ "toObjectId": id, "associationTypes": [kind] })
    };
    let read = crm.post(&format!("{TO_CONTACTS}/batch/read"), inputs(&[json!({ "id": booking })])).await.is(200);
    assert_eq!(read["results"], json!([{ "from": { "id": booking }, "to": [expected(&contact)] }]));
    let back = "/crm/v4/associations/0-1/2-50158943/batch/read";
    let read = crm.post(back, inputs(&[json!({ "id": contact })])).await.is(200);
    assert_eq!(read["results"][0]["to"], json!([expected(&booking)]));
    let listed = crm.get(&format!("{BOOKINGS}/{booking}/associations/contacts")).await.is(200);
    assert_eq!(listed["results"], json!([expected(&contact)]));
}

#[tokio::test]
async fn writing_it_again_changes_nothing_but_is_counted() {
    let crm = Crm::open().await;
    let (booking, contact) = two(&crm).await;
    for _ in 0..2 {
        crm.post(&format!("{TO_CONTACTS}/batch/create"), inputs(&[pair(&booking, &contact)])).await.is(200);
    }
    // From the other side it is the same one, but not by the type of this side.
    let back = "/crm/associations/2026-09/contacts/bookings/batch";
    let body = inputs(&[pair(&contact, &booking)]);
    assert_eq!(crm.post(&format!("{back}/create"), body.clone()).await.is(200)["numErrors"], 1);
    crm.post(&format!("{back}/associate/default"), body).await.is(200);
    let all = crm.simulator.associations();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].writes, all[0].type_id, all[0].category), (3, 1289, Category::UserDefined));
    assert_eq!(all[0].from, ("2-50158943".to_owned(), booking.parse().unwrap()));
    assert_eq!(all[0].to, ("0-1".to_owned(), contact.parse().unwrap()));
}

#[tokio::test]
async fn the_default_type_is_the_one_without_a_label() {
    let guest = AssociationType::user_defined(42, "2-50158943", "0-1", Some("guest"));
    let crm = Crm::with(Options { association_types: vec![guest], ..options() }).await;
    crm.simulator.define_association(AssociationType::user_defined(1289, "2-50158943", "0-1", None));
    let (booking, contact) = two(&crm).await;
    let spec = json!({ "associationCategory": "USER_DEFINED", "associationTypeId": 1289 });
    let body = inputs(&[json!({ "from": { "id": booking }, "to": { "id": contact } })]);
    for base in [TO_CONTACTS, V4] {
        let made = crm.post(&format!("{base}/batch/associate/default"), body.clone()).await.is(200);
        assert_eq!(made["results"][0]["associationSpec"], spec);
    }
    for base in [BOOKINGS, "/crm/v4/objects/bookings"] {
        let path = format!("{base}/{booking}/associations/default/contacts/{contact}");
        let made = crm.put(&path, Value::Null).await.is(200);
        assert_eq!((&made["results"][0]["associationSpec"], &made["results"][0]["to"]["id"]), (&spec, &json!(contact)));
    }
    assert_eq!((crm.simulator.associations().len(), crm.simulator.associations()[0].writes), (1, 4));

    // A label is a second association of the two.
    let label = json!([{ "associationCategory": "USER_DEFINED", "associationTypeId": 42 }]);
    let made =
        crm.put(&format!("/crm/v4/objects/bookings/{booking}/associations/contacts/{contact}"), label).await.is(201);
    assert_eq!(made["labels"], json!(["guest"]));
    assert_eq!(crm.simulator.associations().len(), 2);
    let read = crm.get(&format!("{BOOKINGS}/{booking}/associations/contacts")).await.is(200);
    assert_eq!((count(&read["results"]), count(&read["results"][0]["associationTypes"])), (1, 2));
}

#[tokio::test]
async fn a_pair_without_a_type_gets_one() {
    let crm = Crm::open().await;
    let one = crm.create("/crm/v3/objects/2-1", json!({})).await;
    let other = crm.create("/crm/v3/objects/2-2", json!({})).await;
    let path = |from: &str, to: &str| format!("/crm/objects/2026-09/{from}/{one}/associations/default/{to}/{other}");
    let made = crm.put(&path("2-1", "2-2"), Value::Null).await.is(200)["results"][0]["associationSpec"].clone();
    assert_eq!(crm.put(&path("2-1", "2-2"), Value::Null).await.is(200)["results"][0]["associationSpec"], made);
    assert_eq!(crm.simulator.associations().len(), 1);
}

#[tokio::test]
async fn a_bad_pair_fails_alone() {
    let crm = Crm::open().await;
    let (booking, contact) = two(&crm).await;
    let mut unknown = pair(&booking, &contact);
    unknown["types"][0]["associationTypeId"] = 1291.into(); // leads to exams
    let body = inputs(&[pair(&booking, "1"), pair(&booking, &contact), unknown]);
    let made = crm.post(&format!("{V4}/batch/create"), body.clone()).await.is(207);
    assert_eq!((count(&made["results"]), &made["numErrors"]), (1, &json!(2)));
    let missing =
        made["errors"].as_array().unwrap().iter().find(|error| error["category"] == "OBJECT_NOT_FOUND").unwrap();
    assert_eq!(missing["context"], json!({ "toObjectId": ["1"] }));
    // The dated version says it with the status of success.
    assert_eq!(crm.post(&format!("{TO_CONTACTS}/batch/create"), body).await.is(200)["numErrors"], 2);
    assert_eq!(crm.simulator.associations().len(), 1);
    let body = inputs(&[json!({ "from": { "id": "1" }, "to": { "id": contact } })]);
    assert_eq!(crm.post(&format!("{TO_CONTACTS}/batch/associate/default"), body).await.is(200)["numErrors"], 1);
}

#[tokio::test]
async fn a_record_without_associations_is_an_error_of_its_own() {
    let crm = Crm::open().await;
    let (booking, contact) = two(&crm).await;
    let other = crm.create(BOOKINGS, json!({})).await;
    crm.post(&format!("{V4}/batch/create"), inputs(&[pair(&booking, &contact)])).await.is(201);
    let read = crm
        .post(&format!("{V4}/batch/read"), inputs(&[json!({ "id": other }), json!({ "id": booking })]))
        .await
        .is(207);
    assert_eq!(count(&read["results"]), 1);
    let error = &read["errors"][0];
    assert_eq!(error["subCategory"], "crm.associations.NO_ASSOCIATIONS_FOUND");
    assert_eq!(error["message"], format!("No contact is associated with booking {other}."));
    assert_eq!(error["context"]["fromObjectId"], json!([other]));
}

#[tokio::test]
async fn associations_are_taken_away() {
    let crm = Crm::open().await;
    let (booking, contact) = two(&crm).await;
    for base in [TO_CONTACTS, V4] {
        crm.post(&format!("{TO_CONTACTS}/batch/create"), inputs(&[pair(&booking, &contact)])).await.is(200);
        let body = inputs(&[json!({ "from": { "id": booking }, "to": [{ "id": contact }] })]);
        crm.post(&format!("{base}/batch/archive"), body).await.is(204);
        assert!(crm.simulator.associations().is_empty());
        assert_eq!(count(&crm.get(&format!("{CONTACTS}/{contact}/associations/bookings")).await.is(200)["results"]), 0);
    }
}

#[tokio::test]
async fn an_archived_record_is_associated_with_nothing() {
    let crm = Crm::open().await;
    let (booking, contact) = two(&crm).await;
    crm.post(&format!("{TO_CONTACTS}/batch/create"), inputs(&[pair(&booking, &contact)])).await.is(200);
    crm.delete(&format!("{CONTACTS}/{contact}")).await.is(204);
    assert_eq!(count(&crm.get(&format!("{BOOKINGS}/{booking}/associations/contacts")).await.is(200)["results"]), 0);
}

#[tokio::test]
async fn a_record_can_be_made_with_its_associations() {
    let crm = Crm::open().await;
    let (_, contact) = two(&crm).await;
    let link = |to: &str| {
        let types = json!([{ "associationCategory": "USER_DEFINED", "associationTypeId": 1289 }]);
        json!([{ "to": { "id": to }, "types": types }])
    };
    let made = crm.post(BOOKINGS, json!({ "properties": {}, "associations": link(&contact) })).await.is(201);
    let batch = json!({ "inputs": [
        { "properties": {}, "associations": link(&contact), "objectWriteTraceId": "t1" },
        { "properties": {}, "associations": link("1"), "objectWriteTraceId": "t2" },
    ] });
    let partial = crm.post(&format!("{BOOKINGS}/batch/create"), batch).await.is(207);
    assert_eq!((count(&partial["results"]), &partial["errors"][0]["category"]), (1, &json!("OBJECT_NOT_FOUND")));
    crm.post(BOOKINGS, json!({ "properties": {}, "associations": link("1") })).await.fails(404, "OBJECT_NOT_FOUND");
    let all = crm.simulator.associations();
    assert_eq!(all.iter().map(|one| one.writes).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(all[0].from.1.to_string(), id(&made));
    assert_eq!(crm.simulator.records("bookings").len(), 3);
}

#[tokio::test]
async fn a_call_has_at_most_two_thousand_writes_or_a_thousand_reads() {
    let crm = Crm::open().await;
    let (booking, contact) = two(&crm).await;
    let writes = |count: usize| inputs(&vec![pair(&booking, &contact); count]);
    let reads = |count: usize| inputs(&vec![json!({ "id": booking }); count]);
    crm.post(&format!("{V4}/batch/create"), writes(2001)).await.fails(400, "VALIDATION_ERROR");
    crm.post(&format!("{V4}/batch/create"), writes(2000)).await.is(201);
    crm.post(&format!("{V4}/batch/read"), reads(1001)).await.fails(400, "VALIDATION_ERROR");
    crm.post(&format!("{V4}/batch/read"), reads(1000)).await.is(200);
    assert_eq!(crm.simulator.associations()[0].writes, 2000);
}
