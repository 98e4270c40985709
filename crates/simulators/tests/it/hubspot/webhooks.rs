//! Webhooks: signed arrays, tried again, and with what can go wrong on their way.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use surehold_simulators::hubspot::{Chance, Faults, Options, Webhook, WebhookFaults, sign};

use super::support::*;

/// All events that arrived, in their order.
fn events(receiver: &Receiver) -> Vec<Value> {
    receiver.arrived().iter().flat_map(|delivery| delivery.event.as_array().unwrap().clone()).collect()
}

fn kinds(receiver: &Receiver) -> Vec<String> {
    let kind = |event: &Value| match event["propertyName"].as_str() {
        Some(name) => format!("{name}={}", event["propertyValue"].as_str().unwrap()),
        None => event["subscriptionType"].as_str().unwrap().to_owned(),
    };
    events(receiver).iter().map(kind).collect()
}

fn webhooks(webhooks: WebhookFaults) -> Faults {
    Faults { webhooks, ..Faults::default() }
}

#[tokio::test]
async fn what_happens_to_records_arrives_signed() {
    let (crm, receiver) = Crm::with_receiver().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
    crm.simulator.delivered().await;
    crm.simulator.edit_as(12, "bookings", &booking, &[("grade", "A"), ("uuid", "u1")]).unwrap();
    crm.simulator.delivered().await;
    crm.delete(&format!("{BOOKINGS}/{booking}")).await.is(204);
    crm.simulator.delivered().await;
    assert_eq!(kinds(&receiver), ["object.creation", "uuid=u1", "grade=A", "object.deletion"]);

    let delivery = &receiver.arrived()[0];
    let timestamp: i64 = delivery.headers["x-hubspot-request-timestamp"].to_str().unwrap().parse().unwrap();
    assert!((now() * 1000 - timestamp).abs() < 60_000);
    let expected = sign(CLIENT_SECRET, "POST", receiver.url(), &delivery.body, timestamp);
    assert_eq!(delivery.headers["x-hubspot-signature-v3"].to_str().unwrap(), expected);

    let events = events(&receiver);
    let (created, edited) = (&events[0], &events[2]);
    assert_eq!((&created["changeSource"], &created["sourceId"]), (&json!("INTEGRATION"), &json!(APP_ID.to_string())));
    assert_eq!((&edited["changeSource"], &edited["sourceId"]), (&json!("CRM_UI"), &json!("userId:12")));
    assert_eq!(
        (&edited["subscriptionType"], &edited["objectTypeId"]),
        (&json!("object.propertyChange"), &json!("2-50158943"))
    );
    assert_eq!((edited["objectId"].to_string(), &edited["appId"]), (booking.clone(), &json!(APP_ID)));
    assert_eq!((&edited["attemptNumber"], edited["portalId"].is_u64()), (&json!(0), true));
    let changed = crm.simulator.history("bookings", &booking, "grade")[0].timestamp;
    assert_eq!(edited["occurredAt"], changed);
}

#[tokio::test]
async fn a_delivery_has_at_most_a_hundred_events() {
    let (crm, receiver) = Crm::with_receiver().await;
    let uuids: Vec<String> = (0..75).map(|number| format!("u{number}")).collect();
    let bookings: Vec<(&str, Value)> = uuids.iter().map(|uuid| (uuid.as_str(), json!({}))).collect();
    crm.upsert(&bookings).await.is(200);
    crm.simulator.delivered().await;
    assert_eq!(receiver.arrived().iter().map(|one| count(&one.event)).collect::<Vec<_>>(), [100, 50]);
}

#[tokio::test]
async fn a_delivery_is_tried_again_until_it_is_acknowledged() {
    let (crm, receiver) = Crm::with_receiver().await;
    receiver.answer_next(&[500, 302, 404]);
    crm.create(BOOKINGS, json!({})).await;
    crm.simulator.delivered().await;
    let attempts: Vec<Value> = events(&receiver).iter().map(|event| event["attemptNumber"].clone()).collect();
    assert_eq!(attempts, [0, 1, 2, 3]);
    let ids: BTreeSet<u64> = events(&receiver).iter().map(|event| event["eventId"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn after_ten_retries_a_delivery_is_given_up() {
    let (crm, receiver) = Crm::with_receiver().await;
    receiver.answer_next(&[500; 12]);
    crm.create(BOOKINGS, json!({})).await;
    crm.simulator.delivered().await;
    assert_eq!((receiver.arrived().len(), &crm.simulator.state()["webhooks"]["given_up"]), (11, &json!(1)));
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_no_event() {
    let (crm, receiver) = Crm::with_receiver().await;
    let booking = crm.create(BOOKINGS, json!({ "uuid": "u1", "grade": "A" })).await;
    crm.patch(&format!("{BOOKINGS}/{booking}"), json!({ "properties": { "grade": "A" } })).await.is(200);
    let spoiled = json!({ "inputs": [{ "properties": { "grade": "B" } }, { "properties": { "uuid": "u1" } }] });
    crm.post(&format!("{BOOKINGS}/batch/create"), spoiled).await.is(400);
    crm.simulator.delivered().await;
    assert_eq!(kinds(&receiver), ["object.creation", "grade=A", "uuid=u1"]);
}

#[tokio::test]
async fn only_what_is_subscribed_to_is_sent() {
    let (crm, receiver) = Crm::with_receiver().await;
    let (object_types, properties) = (vec!["0-1".to_owned()], vec!["email".to_owned()]);
    let body = json!(Webhook { object_types, properties, ..Webhook::new(receiver.url(), CLIENT_SECRET) });
    crm.control("/webhook", body).await.is(200);
    crm.create(BOOKINGS, json!({ "uuid": "u1" })).await;
    crm.create(CONTACTS, json!({ "email": "ann@example.org", "firstname": "Ann" })).await;
    crm.simulator.delivered().await;
    assert_eq!(kinds(&receiver), ["object.creation", "email=ann@example.org"]);
    crm.control("/webhook", json!(null)).await.is(200);
    crm.create(CONTACTS, json!({})).await;
    assert_eq!(crm.simulator.undelivered(), 0);
}

#[tokio::test]
async fn events_come_twice_or_never() {
    let (crm, receiver) = Crm::with_receiver().await;
    crm.simulator.set_faults(webhooks(WebhookFaults { duplicate: Some(Chance::Count(1)), ..Default::default() }));
    crm.create(BOOKINGS, json!({})).await;
    crm.simulator.delivered().await;
    let ids: Vec<Value> = events(&receiver).iter().map(|event| event["eventId"].clone()).collect();
    assert_eq!(ids, [1, 1]);
    crm.simulator.set_faults(webhooks(WebhookFaults { lose: Some(Chance::Count(1)), ..Default::default() }));
    crm.create(BOOKINGS, json!({ "grade": "A" })).await;
    crm.simulator.delivered().await;
    assert_eq!(kinds(&receiver)[2..], ["grade=A"]);
    assert_eq!(crm.simulator.state()["webhooks"]["lost"], 1);
    assert_eq!(crm.simulator.faults(), Faults::default());
}

#[tokio::test]
async fn events_come_late_and_in_reverse() {
    let (crm, receiver) = Crm::with_receiver().await;
    let hour = 3_600_000;
    crm.simulator.set_faults(webhooks(WebhookFaults { delay_ms: Some((hour, hour)), ..Default::default() }));
    crm.create(BOOKINGS, json!({ "grade": "late" })).await;
    crm.simulator.clear_faults();
    crm.create(BOOKINGS, json!({ "grade": "soon" })).await;
    crm.simulator.until(|simulator| simulator.undelivered() == 2).await;
    assert_eq!(kinds(&receiver), ["object.creation", "grade=soon"]);

    crm.simulator.set_webhook(None);
    crm.simulator.set_webhook(Some(Webhook::new(receiver.url(), CLIENT_SECRET)));
    crm.simulator.set_faults(webhooks(WebhookFaults { reorder: true, ..Default::default() }));
    crm.create(BOOKINGS, json!({ "grade": "A" })).await;
    crm.simulator.delivered().await;
    assert_eq!(kinds(&receiver)[2..], ["grade=A", "object.creation"]);
}

#[tokio::test]
async fn events_wait_for_a_receiver_that_is_not_there_yet() {
    // The port was free a moment ago.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = Some(Webhook::new(format!("http://{free}/hooks"), CLIENT_SECRET));
    let crm = Crm::with(Options { webhook: nobody, ..options() }).await;
    crm.create(BOOKINGS, json!({})).await;
    crm.simulator.until(|simulator| simulator.state()["webhooks"]["last_failure"].is_string()).await;
    assert_eq!(crm.simulator.undelivered(), 1);
    let receiver = Receiver::open().await;
    crm.simulator.set_webhook(Some(Webhook::new(receiver.url(), CLIENT_SECRET)));
    crm.simulator.delivered().await;
    assert_eq!(kinds(&receiver), ["object.creation"]);
}
