//! Limits: what is let through, what callers are told, and what a test can see of it.

use serde_json::json;
use surehold_simulators::hubspot::{Limits, Options};

use super::support::*;

/// An interval so long that no test sees it end.
fn limits() -> Limits {
    let (interval_ms, search_interval_ms) = (3_600_000, 3_600_000);
    Limits { calls: 3, searches: 2, association_calls: 2, interval_ms, search_interval_ms, ..Limits::starter() }
}

async fn crm(limits: Limits) -> Crm {
    Crm::with(Options { limits, ..options() }).await
}

#[tokio::test]
async fn one_call_too_many_is_refused_and_does_nothing() {
    let crm = crm(limits()).await;
    for uuid in ["u1", "u2", "u3"] {
        crm.upsert(&[(uuid, json!({}))]).await.is(200);
    }
    let refused = crm.upsert(&[("u4", json!({}))]).await;
    let body = refused.is(429);
    assert_eq!((&body["status"], &body["errorType"]), (&json!("error"), &json!("RATE_LIMIT")));
    assert_eq!(body["policyName"], "TEN_SECONDLY_ROLLING");
    assert_eq!(body["message"], "You have reached your ten_secondly_rolling limit.");
    assert!(body["correlationId"].is_string() && body["requestId"].is_string());
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(crm.simulator.records("bookings").len(), 3);
    let report = crm.simulator.limits().calls;
    assert_eq!((report.peak, report.total, report.refused), (4, 4, 1));
}

#[tokio::test]
async fn callers_are_told_what_is_left() {
    let crm = crm(limits()).await;
    let header = |answer: &Answer, name: &str| answer.header(&format!("X-HubSpot-RateLimit-{name}")).map(str::to_owned);
    let told = |answer: &Answer| {
        ["Max", "Remaining", "Interval-Milliseconds", "Daily", "Daily-Remaining"]
            .map(|name| header(answer, name).unwrap())
    };
    assert_eq!(told(&crm.get(BOOKINGS).await), ["3", "2", "3600000", "250000", "249999"]);
    // Also of a call that fails.
    assert_eq!(told(&crm.get(&format!("{BOOKINGS}/1")).await), ["3", "1", "3600000", "250000", "249998"]);
    crm.get(BOOKINGS).await.is(200);
    assert_eq!(told(&crm.get(BOOKINGS).await), ["3", "0", "3600000", "250000", "249997"]);
    let search = crm.post(&format!("{BOOKINGS}/search"), json!({})).await;
    assert!(search.headers.keys().all(|name| !name.as_str().contains("ratelimit")), "{:?}", search.headers);
    search.is(200);
    // An app of the marketplace is not told of days.
    crm.simulator.set_limits(Limits::marketplace());
    let answer = crm.get(BOOKINGS).await;
    assert_eq!((header(&answer, "Max").as_deref(), header(&answer, "Daily")), (Some("110"), None));
}

#[tokio::test]
async fn searches_have_a_limit_of_their_own() {
    let crm = crm(limits()).await;
    let search = async || crm.post(&format!("{BOOKINGS}/search"), json!({})).await;
    search().await.is(200);
    search().await.is(200);
    let refused = search().await;
    let body = refused.is(429);
    assert_eq!(
        (&body["policyName"], &body["message"]),
        (&json!("SECONDLY"), &json!("You have reached your secondly limit."))
    );
    crm.get(BOOKINGS).await.is(200);
    let report = crm.simulator.limits();
    assert_eq!((report.calls.total, report.searches.total, report.searches.refused), (1, 3, 1));
}

#[tokio::test]
async fn associations_have_a_limit_of_their_own() {
    let crm = crm(limits()).await;
    let read = async || {
        let body = json!({ "inputs": [{ "id": "1" }] });
        crm.post("/crm/associations/2026-09/bookings/contacts/batch/read", body).await
    };
    assert_eq!(read().await.header("x-hubspot-ratelimit-max"), Some("2"));
    read().await.is(200);
    assert_eq!(read().await.is(429)["policyName"], "TEN_SECONDLY_ROLLING");
    let put = crm.put(&format!("{BOOKINGS}/1/associations/default/contacts/1"), json!(null)).await;
    put.is(429);
    for _ in 0..3 {
        crm.get(BOOKINGS).await.is(200);
    }
    let report = crm.simulator.limits();
    assert_eq!((report.calls.total, report.associations.total, report.associations.refused), (3, 4, 2));
    assert_eq!(report.daily_used, 3);
}

#[tokio::test]
async fn a_day_has_a_limit() {
    let crm = crm(Limits { daily: Some(2), ..Limits::starter() }).await;
    crm.get(BOOKINGS).await.is(200);
    crm.post(&format!("{BOOKINGS}/search"), json!({})).await.is(200);
    let body = crm.get(BOOKINGS).await.is(429);
    assert_eq!(
        (&body["policyName"], &body["message"]),
        (&json!("DAILY"), &json!("You have reached your daily limit."))
    );
    // The day's calls come back with a reset.
    crm.simulator.reset();
    crm.get(BOOKINGS).await.is(200);
}

#[tokio::test]
async fn windows_can_be_shorter_and_callers_are_told() {
    let crm = crm(Limits { calls: 1, ..Limits::starter() }.faster(100)).await;
    let first = crm.get(BOOKINGS).await;
    assert_eq!(first.header("x-hubspot-ratelimit-interval-milliseconds"), Some("100"));
    // After its time the window is open again.
    while crm.get(BOOKINGS).await.status == 429 {}
    let report = crm.simulator.limits();
    assert_eq!((report.calls.total - report.calls.refused, report.limits.interval_ms), (2, 100));
}

#[tokio::test]
async fn many_callers_at_once_get_no_more() {
    let crm = crm(Limits { calls: 10, ..limits() }).await;
    let calls = (0..40).map(|_| tokio::spawn(crm.http.get(crm.url(BOOKINGS)).bearer_auth(TOKEN).send()));
    let mut good = 0;
    for call in calls.collect::<Vec<_>>() {
        good += usize::from(call.await.unwrap().unwrap().status() == 200);
    }
    assert_eq!((good, crm.simulator.limits().calls.peak), (10, 40));
}

#[tokio::test]
async fn limits_are_seen_and_set_over_http() {
    let crm = crm(limits()).await;
    crm.get(BOOKINGS).await.is(200);
    let report = crm.control("/limits", json!({ "calls": 250, "interval_ms": 1000 })).await.is(200);
    assert_eq!(report["limits"]["interval_ms"], 1000);
    assert_eq!((&report["calls"]["peak"], &report["limits"]["searches"]), (&json!(1), &json!(2)));
    assert_eq!(crm.get(BOOKINGS).await.header("x-hubspot-ratelimit-max"), Some("250"));
    let shown = Answer::of(crm.http.get(crm.url("/_simulator/limits")).send().await.unwrap()).await.is(200);
    assert_eq!(shown, json!(crm.simulator.limits()));
    crm.control("/limits", json!({ "weather": 1 })).await.fails(400, "VALIDATION_ERROR");
}

#[test]
fn editions_have_their_limits() {
    let of = |limits: Limits| (limits.calls, limits.daily, limits.association_calls);
    assert_eq!(of(Limits::starter()), (100, Some(250_000), 100));
    assert_eq!(of(Limits::professional()), (190, Some(650_000), 150));
    assert_eq!(of(Limits::enterprise()), (190, Some(1_000_000), 150));
    assert_eq!(of(Limits::with_add_on()), (250, Some(2_000_000), 150));
    assert_eq!(of(Limits::marketplace()), (110, None, 150));
}
