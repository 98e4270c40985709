//! `Idempotency-Key`.

use surehold_simulators::stripe::{ApiFaults, Calls, Error500, Faults};

use super::support::*;

const SESSIONS: &str = "/v1/checkout/sessions";

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_has_no_effect() {
    let shop = Shop::open().await;
    let first = shop.post_with_key(SESSIONS, "k1", &purchase()).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    // The order of parameters does not matter, and what happened since does not show.
    shop.press(&first.ok(), "pay").await;
    let mut other_order = purchase();
    other_order.reverse();
    let repeat = shop.post_with_key(SESSIONS, "k1", &other_order).await;
    assert_eq!((repeat.status, &repeat.text), (200, &first.text));
    assert_eq!(repeat.header("idempotent-replayed"), Some("true"));
    assert_eq!(repeat.header("original-request"), first.header("request-id"));
    assert_ne!(repeat.header("request-id"), first.header("request-id"));
    assert_eq!(shop.simulator.sessions().len(), 1);
    shop.post_with_key(SESSIONS, "k2", &purchase()).await.ok();
    assert_eq!(shop.simulator.sessions().len(), 2);
}

#[tokio::test]
async fn a_key_belongs_to_its_parameters_and_its_path() {
    let shop = Shop::open().await;
    shop.post_with_key(SESSIONS, "k1", &purchase()).await.ok();
    let changed = purchase_with(&[("line_items[0][quantity]", "3")]);
    let error = shop.post_with_key(SESSIONS, "k1", &changed).await.refused(400);
    assert_eq!(error["type"], "idempotency_error");
    assert!(error["message"].as_str().unwrap().contains("the same parameters"), "{error}");
    let error = shop.post_with_key("/v1/refunds", "k1", &purchase()).await.refused(400);
    assert_eq!(error["type"], "idempotency_error");
    assert!(error["message"].as_str().unwrap().contains("('/v1/refunds' vs '/v1/checkout/sessions')"), "{error}");
    assert_eq!(shop.simulator.sessions().len(), 1);
}

#[tokio::test]
async fn a_request_that_fails_validation_leaves_its_key_free() {
    let shop = Shop::open().await;
    let wrong = purchase_with(&[("success_url", "nowhere")]);
    shop.post_with_key(SESSIONS, "k1", &wrong).await.refused(400);
    let again = shop.post_with_key(SESSIONS, "k1", &wrong).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (400, None));
    shop.post_with_key(SESSIONS, "k1", &purchase()).await.ok();
}

#[tokio::test]
async fn an_error_of_execution_is_kept() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    let path = format!("{SESSIONS}/{}/expire", id(&session));
    let first = shop.post_with_key(&path, "k1", &[]).await;
    first.refused(400);
    let repeat = shop.post_with_key(&path, "k1", &[]).await;
    assert_eq!((repeat.status, &repeat.text), (400, &first.text));
    assert_eq!(repeat.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn a_500_of_execution_is_kept_too() {
    let shop = Shop::open().await;
    let error_500 = vec![Error500 { calls: Calls::next(1, "POST", SESSIONS), saved: true }];
    shop.simulator.faults().set(Faults { api: ApiFaults { error_500, ..ApiFaults::default() }, ..Faults::default() });
    shop.post_with_key(SESSIONS, "k1", &purchase()).await.refused(500);
    assert_eq!(shop.post_with_key(SESSIONS, "k1", &purchase()).await.header("idempotent-replayed"), Some("true"));
    shop.post_with_key(SESSIONS, "k1", &purchase()).await.refused(500);
    assert!(shop.simulator.sessions().is_empty());
    shop.post_with_key(SESSIONS, "k2", &purchase()).await.ok();
}

#[tokio::test]
async fn a_repeat_while_the_first_is_in_flight_is_a_conflict() {
    let shop = Shop::open().await;
    // The first request takes its key, then waits as long as the second needs.
    shop.simulator.faults().change(|faults| faults.api.latency_ms = Some((3_600_000, 3_600_000)));
    let first = shop.call(SESSIONS, &purchase()).header("idempotency-key", "k1");
    let first = tokio::spawn(first.send());
    shop.simulator.until(|simulator| simulator.state()["keys_in_flight"] == 1).await;
    shop.simulator.faults().clear();
    let error = shop.post_with_key(SESSIONS, "k1", &purchase()).await.refused(409);
    assert_eq!(error["code"], "idempotency_key_in_use");
    assert!(shop.simulator.sessions().is_empty());
    first.abort();
}

#[tokio::test]
async fn a_key_has_at_most_255_characters() {
    let shop = Shop::open().await;
    let error = shop.post_with_key(SESSIONS, &"k".repeat(256), &purchase()).await.refused(400);
    assert_eq!(error["type"], "idempotency_error");
    shop.post_with_key(SESSIONS, &"k".repeat(255), &purchase()).await.ok();
}

#[tokio::test]
async fn repeats_at_once_make_one_session() {
    let shop = Shop::open().await;
    let form = purchase();
    let calls = (0..20).map(|_| tokio::spawn(shop.call(SESSIONS, &form).header("idempotency-key", "k1").send()));
    for call in calls.collect::<Vec<_>>() {
        let status = call.await.unwrap().unwrap().status().as_u16();
        assert!([200, 409].contains(&status), "{status}");
    }
    assert_eq!(shop.simulator.sessions().len(), 1);
}
