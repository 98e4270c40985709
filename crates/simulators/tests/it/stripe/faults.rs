//! Faults of API calls, by code and over HTTP.

use serde_json::json;
use surehold_simulators::stripe::{ApiFaults, Calls, Down, Error500, Faults, RefundStatus};

use super::support::*;

const SESSIONS: &str = "/v1/checkout/sessions";

fn api(api: ApiFaults) -> Faults {
    Faults { api, ..Faults::default() }
}

fn calls(times: u32) -> Vec<Calls> {
    vec![Calls::next(times, "POST", SESSIONS)]
}

#[tokio::test]
async fn the_next_calls_of_a_path_fail_with_500() {
    let shop = Shop::open().await;
    let path = "/v1/checkout/sessions/{id}/expire";
    let error_500 = vec![Error500 { calls: Calls::next(2, "POST", path), saved: false }];
    shop.simulator.faults().set(api(ApiFaults { error_500, ..Default::default() }));
    let session = shop.create().await;
    let expire = async || shop.post_with_key(&path.replace("{id}", id(&session)), "k1", &[]).await;
    assert_eq!(expire().await.refused(500)["type"], "api_error");
    expire().await.refused(500);
    assert_eq!(shop.retrieve(&session).await["status"], "open");
    // The same key works: execution had not begun.
    assert_eq!(expire().await.ok()["status"], "expired");
    assert_eq!(shop.simulator.request_count(&format!("POST {path}")), 3);
}

#[tokio::test]
async fn too_many_calls_are_429() {
    let shop = Shop::open().await;
    shop.simulator.faults().set(api(ApiFaults { error_429: calls(1), ..Default::default() }));
    assert_eq!(shop.post(SESSIONS, &purchase()).await.refused(429)["code"], "rate_limit");
    shop.create().await;
}

#[tokio::test]
async fn a_timeout_before_the_effect_leaves_nothing() {
    let shop = Shop::open().await;
    shop.simulator.faults().set(api(ApiFaults { timeout_before_effect: calls(1), ..Default::default() }));
    let call = || shop.call(SESSIONS, &purchase()).header("idempotency-key", "k1");
    call().send().await.expect_err("no answer");
    assert!(shop.simulator.sessions().is_empty());
    let repeat = Answer::of(call().send().await.unwrap()).await;
    assert_eq!((repeat.status, repeat.header("idempotent-replayed")), (200, None));
}

#[tokio::test]
async fn a_timeout_after_the_effect_hides_what_was_done() {
    let shop = Shop::open().await;
    shop.simulator.faults().set(api(ApiFaults { timeout_after_effect: calls(1), ..Default::default() }));
    let call = || shop.call(SESSIONS, &purchase()).header("idempotency-key", "k1");
    call().send().await.expect_err("no answer");
    assert_eq!(shop.simulator.sessions().len(), 1);
    // The repeat learns of it, and does it not again.
    let repeat = Answer::of(call().send().await.unwrap()).await;
    assert_eq!(id(&repeat.ok()), shop.simulator.sessions()[0].id);
    assert_eq!(repeat.header("idempotent-replayed"), Some("true"));
    assert_eq!(shop.simulator.sessions().len(), 1);
}

#[tokio::test]
async fn the_api_can_be_down_while_the_page_is_up() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    shop.simulator.faults().set(api(ApiFaults { down: Some(Down::Unavailable), ..Default::default() }));
    shop.post(SESSIONS, &purchase()).await.refused(503);
    shop.simulator.faults().set(api(ApiFaults { down: Some(Down::Closed), ..Default::default() }));
    shop.call(SESSIONS, &purchase()).send().await.expect_err("no answer");
    assert_eq!(shop.press(&session, "pay").await.status, 303);
    shop.simulator.faults().clear();
    assert_eq!(shop.retrieve(&session).await["payment_status"], "paid");
    assert_eq!(shop.simulator.sessions().len(), 1);
}

#[tokio::test]
async fn calls_can_take_longer() {
    let shop = Shop::open().await;
    shop.simulator.faults().set(api(ApiFaults { latency_ms: Some((50, 60)), ..Default::default() }));
    let start = std::time::Instant::now();
    shop.create().await;
    assert!(start.elapsed().as_millis() >= 50);
}

#[tokio::test]
async fn a_call_goes_on_when_its_caller_breaks_off() {
    let shop = Shop::open().await;
    shop.simulator.faults().set(api(ApiFaults { latency_ms: Some((100, 100)), ..Default::default() }));
    let call = shop.call(SESSIONS, &purchase()).header("idempotency-key", "k1");
    let call = tokio::spawn(call.send());
    shop.simulator.until(|simulator| simulator.state()["keys_in_flight"] == 1).await;
    call.abort();
    shop.simulator.until(|simulator| simulator.sessions().len() == 1).await;
}

#[tokio::test]
async fn faults_are_set_shown_and_cleared_over_http() {
    let shop = Shop::open().await;
    let path = "/_simulator/faults";
    let nothing = json!(Faults::default());
    assert_eq!(shop.get(path).await.ok(), nothing);
    shop.control(path, json!({ "api": { "error_500": [{ "path": SESSIONS, "times": 2 }], "latency_ms": [0, 1] } }))
        .await
        .ok();
    let merged = json!({ "refund_status": "pending", "webhooks": { "duplicate": { "count": 3 }, "delay_ms": [1, 5] } });
    shop.control(path, merged).await.ok();
    shop.control(path, json!({ "webhooks": { "duplicate": { "probability": 0.5 } } })).await.ok();
    shop.post(SESSIONS, &purchase()).await.refused(500);
    let faults = shop.simulator.faults().get();
    assert_eq!(faults.api.error_500[0].calls.times, 1);
    assert_eq!(faults.api.latency_ms, Some((0, 1)));
    assert_eq!(faults.refund_status, RefundStatus::Pending);
    assert_eq!(faults.webhooks.delay_ms, Some((1, 5)));
    assert_eq!(json!(faults.webhooks.duplicate), json!({ "probability": 0.5 }));
    for wrong in [json!({ "weather": 1 }), json!({ "api": { "error_500": 2 } }), json!([])] {
        shop.control(path, wrong).await.refused(400);
    }
    assert_eq!(shop.simulator.faults().get(), faults);
    let cleared = Answer::of(shop.http.delete(shop.url(path)).send().await.unwrap()).await.ok();
    assert_eq!(cleared, nothing);
    shop.create().await;
}

#[tokio::test]
async fn equal_seeds_bring_equal_chance() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let receiver = Receiver::open().await;
        let options =
            surehold_simulators::stripe::Options { webhooks: vec![receiver.endpoint(&[SECRET])], seed, ..options() };
        let shop = Shop::with(options).await;
        shop.control("/_simulator/faults", json!({ "webhooks": { "duplicate": { "probability": 0.5 } } })).await.ok();
        for _ in 0..10 {
            shop.paid().await;
        }
        shop.simulator.delivered().await;
        runs.push(receiver.kinds());
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn the_whole_state_can_be_seen() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    shop.post("/v1/refunds", &[("payment_intent", id(&session["payment_intent"]))]).await.ok();
    let state = shop.get("/_simulator/state").await.ok();
    assert_eq!(state["sessions"][0]["id"], session["id"]);
    for (kind, count) in [("payment_intents", 1), ("charges", 1), ("refunds", 1), ("events", 5)] {
        assert_eq!(state[kind].as_array().unwrap().len(), count, "{kind}");
    }
    assert_eq!(state["requests"]["POST /v1/checkout/sessions"], 1);
    assert_eq!(state, shop.simulator.state());
}
