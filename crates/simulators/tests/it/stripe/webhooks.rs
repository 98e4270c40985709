//! Webhooks: signed, tried again, and with what can go wrong on their way.

use std::collections::BTreeSet;

use serde_json::json;
use surehold_simulators::stripe::{Action, Chance, Drop, Faults, Options, WebhookFaults, sign};

use super::support::*;

const PAYMENT: [&str; 3] = ["payment_intent.succeeded", "charge.succeeded", "checkout.session.completed"];

fn webhooks(webhooks: WebhookFaults) -> Faults {
    Faults { webhooks, ..Faults::default() }
}

#[tokio::test]
async fn events_arrive_in_order_and_signed() {
    let (shop, receiver) = Shop::with_receiver().await;
    let session = shop.paid().await;
    shop.simulator.delivered().await;
    assert_eq!(receiver.kinds(), PAYMENT);
    let delivery = &receiver.arrived()[2];
    let header = delivery.headers["stripe-signature"].to_str().unwrap();
    let (timestamp, signature) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let timestamp: i64 = timestamp.parse().unwrap();
    assert!((now() - timestamp).abs() < 60);
    assert_eq!(signature, sign(SECRET, timestamp, &delivery.body));

    let event = &delivery.event;
    assert_eq!((&event["object"], &event["livemode"]), (&json!("event"), &json!(false)));
    assert!(id(event).starts_with("evt_"));
    assert_eq!(event["pending_webhooks"], 1);
    assert_eq!(event["request"], json!({ "id": null, "idempotency_key": null }));
    assert_eq!(event["data"]["object"]["id"], session["id"]);
    // Acknowledged since.
    assert_eq!(shop.get(&format!("/v1/events/{}", id(event))).await.ok()["pending_webhooks"], 0);
}

#[tokio::test]
async fn an_event_names_the_request_that_caused_it() {
    let (shop, receiver) = Shop::with_receiver().await;
    let session = shop.create().await;
    let answer = shop.post_with_key(&format!("/v1/checkout/sessions/{}/expire", id(&session)), "k1", &[]).await;
    shop.simulator.delivered().await;
    let request = &receiver.arrived()[0].event["request"];
    assert_eq!(request["idempotency_key"], "k1");
    assert_eq!(request["id"].as_str(), answer.header("request-id"));
}

#[tokio::test]
async fn while_a_secret_is_rolled_both_sign() {
    let (shop, receiver) = Shop::with_receiver().await;
    shop.simulator.set_webhooks(vec![receiver.endpoint(&["whsec_old", "whsec_new"])]);
    shop.paid().await;
    shop.simulator.delivered().await;
    let delivery = &receiver.arrived()[0];
    let header = delivery.headers["stripe-signature"].to_str().unwrap();
    let timestamp = header[2..].split(',').next().unwrap().parse().unwrap();
    let (old, new) = (sign("whsec_old", timestamp, &delivery.body), sign("whsec_new", timestamp, &delivery.body));
    assert_eq!(header, format!("t={timestamp},v1={old},v1={new}"));
}

#[tokio::test]
async fn a_delivery_is_tried_again_until_it_is_acknowledged() {
    let (shop, receiver) = Shop::with_receiver().await;
    receiver.answer_next(&[500, 302, 404, 503]);
    let session = shop.create().await;
    shop.simulator.act(id(&session), Action::Expire).unwrap();
    shop.simulator.delivered().await;
    assert_eq!(receiver.kinds(), ["checkout.session.expired"; 5]);
    let ids: BTreeSet<String> = receiver.arrived().iter().map(|delivery| id(&delivery.event).to_owned()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn events_wait_for_a_receiver_that_is_not_there_yet() {
    // The port was free a moment ago.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = format!("http://{free}/hooks");
    let endpoint = surehold_simulators::stripe::WebhookEndpoint { url: nobody, secrets: vec![SECRET.to_owned()] };
    let shop = Shop::with(Options { webhooks: vec![endpoint], ..options() }).await;
    // Nobody listens, and the shop is served all the same.
    shop.paid().await;
    shop.simulator.until(|simulator| simulator.undelivered().iter().all(|waiting| waiting.attempts >= 2)).await;
    assert_eq!(shop.simulator.undelivered().len(), 3);
    assert!(shop.simulator.undelivered()[0].last_failure.is_some());
    let receiver = Receiver::open().await;
    shop.simulator.set_webhook(receiver.url(), SECRET);
    shop.simulator.delivered().await;
    let kinds: BTreeSet<String> = receiver.kinds().into_iter().collect();
    assert_eq!(kinds, PAYMENT.map(str::to_owned).into());
}

#[tokio::test]
async fn every_endpoint_gets_every_event() {
    let (shop, one) = Shop::with_receiver().await;
    let other = Receiver::open().await;
    let body = json!([one.endpoint(&[SECRET]), other.endpoint(&["whsec_other"])]);
    shop.control("/_simulator/webhooks", body).await.ok();
    shop.paid().await;
    shop.simulator.delivered().await;
    assert_eq!((one.kinds(), other.kinds()), (PAYMENT.map(str::to_owned).into(), PAYMENT.map(str::to_owned).into()));
    assert_eq!(one.arrived()[0].event["pending_webhooks"], 2);
}

#[tokio::test]
async fn duplicates_carry_the_same_event() {
    let (shop, receiver) = Shop::with_receiver().await;
    shop.simulator.faults().set(webhooks(WebhookFaults { duplicate: Some(Chance::Count(2)), ..Default::default() }));
    shop.paid().await;
    shop.simulator.delivered().await;
    let ids: Vec<String> = receiver.arrived().iter().map(|delivery| id(&delivery.event).to_owned()).collect();
    assert_eq!(ids.len(), 5);
    assert!(ids[0] == ids[1] && ids[2] == ids[3] && ids[4] != ids[3], "{ids:?}");
    assert_eq!(shop.simulator.faults().get(), Faults::default());
}

#[tokio::test]
async fn a_duplicate_is_not_another_endpoints_acknowledgement() {
    let (shop, receiver) = Shop::with_receiver().await;
    let other = Receiver::open().await;
    let _never = other.hold();
    shop.simulator.set_webhooks(vec![receiver.endpoint(&[SECRET]), other.endpoint(&[SECRET])]);
    shop.simulator.faults().set(webhooks(WebhookFaults { duplicate: Some(Chance::Count(1)), ..Default::default() }));
    let session = shop.create().await;
    shop.simulator.act(id(&session), Action::Expire).unwrap();
    shop.simulator.until(|simulator| simulator.state()["webhooks"]["acknowledged"] == 2).await;
    assert_eq!(shop.simulator.events()[0]["pending_webhooks"], 1);
}

#[tokio::test]
async fn the_next_event_waits_for_the_answer_to_the_last() {
    let (shop, receiver) = Shop::with_receiver().await;
    let held = receiver.hold();
    shop.paid().await;
    for arrived in 1..=3 {
        while receiver.arrived().len() < arrived {
            tokio::task::yield_now().await;
        }
        shop.create().await; // time enough for another delivery, if one were sent
        assert_eq!(receiver.arrived().len(), arrived);
        held.notify_one();
    }
    shop.simulator.delivered().await;
}

#[tokio::test]
async fn twins_are_two_events_of_one_occurrence() {
    let (shop, receiver) = Shop::with_receiver().await;
    shop.simulator.faults().set(webhooks(WebhookFaults { twin: Some(Chance::Probability(1.0)), ..Default::default() }));
    shop.paid().await;
    shop.simulator.delivered().await;
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), 6);
    assert_eq!(arrived[4].event["data"], arrived[5].event["data"]);
    assert_ne!(arrived[4].event["id"], arrived[5].event["id"]);
}

#[tokio::test]
async fn events_of_one_payment_can_come_in_reverse() {
    let (shop, receiver) = Shop::with_receiver().await;
    shop.simulator.faults().set(webhooks(WebhookFaults { reorder: true, ..Default::default() }));
    shop.paid().await;
    shop.simulator.delivered().await;
    let mut reversed = PAYMENT;
    reversed.reverse();
    assert_eq!(receiver.kinds(), reversed);
}

#[tokio::test]
async fn delays_let_later_events_overtake() {
    let (shop, receiver) = Shop::with_receiver().await;
    let session = shop.create().await;
    shop.simulator.faults().set(webhooks(WebhookFaults { delay_ms: Some((300, 300)), ..Default::default() }));
    shop.simulator.act(id(&session), Action::PayLater).unwrap();
    shop.simulator.faults().clear();
    shop.simulator.act(id(&session), Action::AsyncFail).unwrap();
    shop.simulator.delivered().await;
    assert_eq!(receiver.kinds().last().unwrap(), "checkout.session.completed");
    assert_eq!(receiver.kinds().len(), 3);
}

#[tokio::test]
async fn a_lost_delivery_is_tried_again_or_never_arrives() {
    let (shop, receiver) = Shop::with_receiver().await;
    let lose = |kind: &str, times, retried| Drop { kind: Some(kind.to_owned()), times, retried };
    let drop = vec![lose("charge.succeeded", 2, true), lose("checkout.session.completed", 1, false)];
    shop.simulator.faults().set(webhooks(WebhookFaults { drop, ..Default::default() }));
    let session = shop.paid().await;
    shop.simulator.delivered().await;
    assert_eq!(receiver.kinds(), ["payment_intent.succeeded", "charge.succeeded"]);
    assert_eq!(shop.simulator.state()["webhooks"]["lost"], 1);
    assert_eq!(shop.simulator.faults().get(), Faults::default());
    // What was lost can be sent again by hand, as from Stripe's dashboard.
    let event = shop.simulator.events().pop().unwrap();
    shop.control(&format!("/_simulator/events/{}/resend", id(&event)), json!({})).await.ok();
    shop.simulator.delivered().await;
    assert_eq!(receiver.arrived()[2].event["data"]["object"]["id"], session["id"]);
}

#[tokio::test]
async fn many_deliveries_can_be_in_flight() {
    let receiver = Receiver::open().await;
    let webhooks = vec![receiver.endpoint(&[SECRET])];
    let shop = Shop::with(Options { webhooks, deliveries_at_once: 16, ..options() }).await;
    for _ in 0..10 {
        let session = shop.create().await;
        shop.simulator.act(id(&session), Action::Pay).unwrap();
    }
    shop.simulator.delivered().await;
    assert_eq!(receiver.arrived().len(), 30);
}
