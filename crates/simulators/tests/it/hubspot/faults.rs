//! Faults of API calls, by code and over HTTP.

use serde_json::{Value, json};
use surehold_simulators::hubspot::{Chance, Effect, Fault, Faults, Policy, Rule};

use super::support::*;

const UPSERT: &str = "/crm/objects/*/batch/upsert";

async fn with(times: u32, fault: Fault) -> Crm {
    let crm = Crm::open().await;
    crm.simulator.add_fault(Rule::next(times, "POST", UPSERT, fault));
    crm
}

fn two() -> Value {
    upserts(&[("u1", json!({ "grade": "A" })), ("u2", json!({ "grade": "B" }))])
}

fn uuids(crm: &Crm) -> Vec<String> {
    crm.simulator.records("bookings").iter().map(|record| record.value("uuid").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_next_calls_of_a_path_fail() {
    let crm = with(2, Fault::status(500)).await;
    crm.create(BOOKINGS, json!({})).await;
    crm.upsert(&[("u1", json!({}))]).await.fails(500, "INTERNAL_ERROR");
    crm.post("/crm/v3/objects/bookings/batch/upsert", two()).await.is(500);
    crm.upsert(&[("u1", json!({}))]).await.is(200);
    assert_eq!(crm.simulator.faults(), Faults::default());
}

#[tokio::test]
async fn what_stands_before_hubspot_answers_with_pages() {
    for status in [502, 503, 504, 524] {
        let crm = with(1, Fault::status(status)).await;
        let answer = crm.upsert(&[("u1", json!({}))]).await;
        assert_eq!(answer.status, status);
        assert!(
            answer.text.starts_with("<!DOCTYPE html>")
                && answer.header("content-type").unwrap().starts_with("text/html")
        );
        assert!(crm.simulator.records("bookings").is_empty());
    }
    let crm = with(1, Fault::status(423)).await;
    crm.upsert(&[("u1", json!({}))]).await.fails(423, "LOCKED");
}

#[tokio::test]
async fn a_timeout_hides_what_was_done() {
    let crm = with(1, Fault::timeout()).await;
    assert_eq!(crm.upsert(&[("u1", json!({}))]).await.status, 524);
    assert_eq!(uuids(&crm), ["u1"]);
    // The repeat finds what the first call made.
    assert_eq!(crm.upsert(&[("u1", json!({}))]).await.is(200)["results"][0]["new"], false);
}

#[tokio::test]
async fn batches_are_not_atomic() {
    for (effect, done) in [(Effect::None, vec![]), (Effect::Half, vec!["u1"]), (Effect::All, vec!["u1", "u2"])] {
        let crm = with(1, Fault::Status { status: 502, effect }).await;
        assert_eq!(crm.post(&format!("{BOOKINGS}/batch/upsert"), two()).await.status, 502);
        assert_eq!(uuids(&crm), done);
    }
}

#[tokio::test]
async fn half_of_a_single_call_is_nothing() {
    let crm = Crm::open().await;
    let fault = Fault::Status { status: 500, effect: Effect::Half };
    crm.simulator.add_fault(Rule::next(1, "POST", "/crm/objects/bookings", fault));
    crm.post(BOOKINGS, json!({ "properties": {} })).await.is(500);
    assert!(crm.simulator.records("bookings").is_empty());
}

#[tokio::test]
async fn a_connection_breaks_before_or_after_the_work() {
    for (effect, done) in [(Effect::None, vec![]), (Effect::All, vec!["u1", "u2"])] {
        let crm = with(1, Fault::Reset { effect }).await;
        crm.call(&format!("{BOOKINGS}/batch/upsert"), &two()).send().await.expect_err("no answer");
        assert_eq!(uuids(&crm), done);
        assert_eq!(crm.simulator.calls()[0].status, None);
    }
}

#[tokio::test]
async fn a_call_can_be_slow_and_goes_on_when_its_caller_breaks_off() {
    let crm = with(1, Fault::Delay { ms: (50, 60), effect: Effect::None }).await;
    let start = std::time::Instant::now();
    crm.upsert(&[("u1", json!({}))]).await.is(200);
    assert!(start.elapsed().as_millis() >= 50);

    crm.simulator.add_fault(Rule::next(1, "POST", UPSERT, Fault::Delay { ms: (50, 50), effect: Effect::None }));
    let call = tokio::spawn(crm.call(&format!("{BOOKINGS}/batch/upsert"), &two()).send());
    crm.simulator.until(|simulator| simulator.calls().len() == 2).await;
    call.abort();
    crm.simulator.until(|simulator| simulator.records("bookings").len() == 2).await;
}

#[tokio::test]
async fn a_slow_call_can_have_done_its_work_before() {
    let crm = with(1, Fault::Delay { ms: (3_600_000, 3_600_000), effect: Effect::All }).await;
    let call = tokio::spawn(crm.call(&format!("{BOOKINGS}/batch/upsert"), &two()).send());
    crm.simulator.until(|simulator| simulator.records("bookings").len() == 2).await;
    assert!(!call.is_finished());
    call.abort();
}

#[tokio::test]
async fn too_many_calls_can_be_said_at_any_time() {
    let crm = with(1, Fault::TooMany { policy: Policy::TenSecondlyRolling, retry_after: Some(7) }).await;
    let answer = crm.upsert(&[("u1", json!({}))]).await;
    assert_eq!(
        (&answer.is(429)["policyName"], answer.header("retry-after")),
        (&json!("TEN_SECONDLY_ROLLING"), Some("7"))
    );
    assert!(crm.simulator.records("bookings").is_empty());
}

#[tokio::test]
async fn faults_are_set_shown_and_cleared_over_http() {
    let crm = Crm::open().await;
    let show = async || Answer::of(crm.http.get(crm.url("/_simulator/faults")).send().await.unwrap()).await.is(200);
    assert_eq!(show().await, json!(Faults::default()));
    let calls = json!([
        { "path": UPSERT, "skip": 1, "chance": { "count": 2 }, "fault": { "status": { "status": 503 } } },
        { "method": "GET", "chance": { "probability": 0.5 }, "fault": { "delay": { "ms": [1, 2], "effect": "all" } } },
        { "path": "/crm/**", "fault": { "reset": { "effect": "half" } } },
        { "fault": { "too_many": { "policy": "DAILY" } } },
    ]);
    crm.control("/faults", json!({ "calls": calls, "webhooks": { "duplicate": { "count": 3 } } })).await.is(200);
    crm.control("/faults", json!({ "webhooks": { "duplicate": { "probability": 0.5 }, "delay_ms": [1, 5] } }))
        .await
        .is(200);
    let faults = crm.simulator.faults();
    assert_eq!(faults.calls[0], Rule { skip: 1, method: None, ..Rule::next(2, "", UPSERT, Fault::status(503)) });
    assert_eq!(faults.calls[2].chance, Chance::Count(1));
    assert_eq!(faults.webhooks.duplicate, Some(Chance::Probability(0.5)));
    for wrong in [json!({ "weather": 1 }), json!({ "calls": [{}] }), json!([])] {
        crm.control("/faults", wrong).await.fails(400, "VALIDATION_ERROR");
    }
    assert_eq!(json!(crm.simulator.faults()), show().await);
    Answer::of(crm.http.delete(crm.url("/_simulator/faults")).send().await.unwrap()).await.is(200);
    assert_eq!(crm.simulator.faults(), Faults::default());
}
