//! Checkout Sessions: how they are made, paid and ended.

use serde_json::json;
use surehold_simulators::stripe::{Action, Options};

use super::support::*;

#[tokio::test]
async fn a_new_session_is_open_and_unpaid() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    assert!(id(&session).starts_with("cs_test_"));
    assert_eq!(session["object"], "checkout.session");
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("open"), &json!("unpaid")));
    assert_eq!((&session["amount_total"], &session["currency"]), (&json!(10_000), &json!("usd")));
    assert_eq!(session["url"], format!("{}/pay/{}", shop.simulator.base_url(), id(&session)));
    assert_eq!(session["payment_intent"], json!(null));
    assert_eq!(session["client_reference_id"], "booking-1");
    assert_eq!(session["metadata"], json!({ "booking_id": "b1" }));
    assert_eq!(session["livemode"], false);
    assert_eq!(session["adaptive_pricing"], json!({ "enabled": false }));
    let created = session["created"].as_i64().unwrap();
    assert_eq!(session["expires_at"], created + 24 * 60 * 60);
    assert_eq!(shop.retrieve(&session).await, session);
    assert_eq!(shop.simulator.events().len(), 0);
}

#[tokio::test]
async fn a_paid_session_is_complete_and_has_a_payment_intent_with_metadata_of_its_own() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("paid")));
    assert_eq!(session["url"], json!(null));
    let intent = &session["payment_intent"];
    assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("succeeded"), &json!(10_000)));
    assert_eq!(intent["metadata"], json!({ "booking_id": "p1" }));
    let charge = &intent["latest_charge"];
    assert_eq!((&charge["amount"], &charge["amount_refunded"]), (&json!(10_000), &json!(0)));
    assert_eq!(charge["payment_intent"], intent["id"]);
    assert_eq!(shop.event_types(), ["payment_intent.succeeded", "charge.succeeded", "checkout.session.completed"]);
    let completed = &shop.simulator.events()[2]["data"]["object"];
    assert_eq!((&completed["payment_status"], &completed["payment_intent"]), (&json!("paid"), &intent["id"]));
}

#[tokio::test]
async fn a_session_that_costs_nothing_needs_no_payment() {
    let shop = Shop::open().await;
    let form = purchase_with(&[("line_items[0][price_data][unit_amount]", "0")]);
    let session = shop.post("/v1/checkout/sessions", &form).await.ok();
    shop.press(&session, "pay").await;
    let session = shop.retrieve(&session).await;
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("no_payment_required")));
    assert_eq!(session["payment_intent"], json!(null));
    assert_eq!(shop.event_types(), ["checkout.session.completed"]);
}

#[tokio::test]
async fn only_an_open_session_can_be_expired() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    let path = format!("/v1/checkout/sessions/{}/expire", id(&session));
    let expired = shop.post(&path, &[]).await.ok();
    assert_eq!((&expired["status"], &expired["url"]), (&json!("expired"), &json!(null)));
    assert_eq!(shop.event_types(), ["checkout.session.expired"]);
    let error = shop.post(&path, &[]).await.refused(400);
    assert_eq!(
        error["message"],
        "Only Checkout Sessions with a status in [\"open\"] can be expired. \
         This Checkout Session has a status of `expired`."
    );

    let paid = shop.paid().await;
    let error = shop.post(&format!("/v1/checkout/sessions/{}/expire", id(&paid)), &[]).await.refused(400);
    assert!(error["message"].as_str().unwrap().ends_with("has a status of `complete`."), "{error}");
    assert_eq!(shop.retrieve(&paid).await["status"], "complete");
}

#[tokio::test]
async fn an_expired_session_cannot_be_paid() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    shop.simulator.act(id(&session), Action::Expire).unwrap();
    for action in ["pay", "pay_later", "fail"] {
        let answer = shop.control(&format!("/_simulator/sessions/{}/{action}", id(&session)), json!({})).await;
        assert_eq!(answer.refused(400)["code"], "session_not_open");
    }
    assert!(shop.simulator.charges().is_empty());
}

#[tokio::test]
async fn expires_at_is_half_an_hour_to_a_day_away() {
    let shop = Shop::open().await;
    let create = async |seconds: i64| {
        let expires_at = (now() + seconds).to_string();
        let mut form = purchase();
        form.push(("expires_at", &expires_at));
        shop.post("/v1/checkout/sessions", &form).await
    };
    let error = create(29 * 60).await.refused(400);
    assert_eq!(
        error["message"],
        "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
    );
    assert_eq!(error["param"], "expires_at");
    let error = create(24 * 60 * 60 + 60).await.refused(400);
    assert_eq!(
        error["message"],
        "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
    );
    create(31 * 60).await.ok();
    create(24 * 60 * 60 - 60).await.ok();
}

#[tokio::test]
async fn parameters_are_checked() {
    let shop = Shop::open().await;
    for (changes, code, param) in [
        (&[("mode", "")][..], "parameter_missing", "mode"),
        (&[("success_url", "")], "parameter_missing", "success_url"),
        (&[("success_url", "shop.example")], "url_invalid", "success_url"),
        (&[("success_url", "https://shop.example/a b")], "url_invalid", "success_url"),
        (&[("cancel_url", "javascript:alert(1)")], "url_invalid", "cancel_url"),
        (&[("customer_email", "ann")], "email_invalid", "customer_email"),
        (&[("line_items[0][quantity]", "0")], "parameter_invalid_integer", "line_items[0][quantity]"),
        (&[("line_items[0][quantity]", "")], "parameter_missing", "line_items[0][quantity]"),
        (
            &[("line_items[0][price_data][unit_amount]", "1.5")],
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        (&[("line_items[0][colour]", "red")], "parameter_unknown", "line_items[0][colour]"),
        (&[("colour", "red")], "parameter_unknown", "colour"),
    ] {
        let error = shop.post("/v1/checkout/sessions", &purchase_with(changes)).await.refused(400);
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{changes:?}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    for (unit_amount, code) in [("10", "amount_too_small"), ("90000000", "amount_too_large")] {
        let form = purchase_with(&[("line_items[0][price_data][unit_amount]", unit_amount)]);
        assert_eq!(shop.post("/v1/checkout/sessions", &form).await.refused(400)["code"], code);
    }
    assert!(shop.simulator.sessions().is_empty());
}

#[tokio::test]
async fn the_address_of_pages_can_be_set() {
    let shop = Shop::with(Options { base_url: Some("http://pay.example/".to_owned()), ..options() }).await;
    let session = Answer::of(
        shop.http
            .post(format!("http://{}/v1/checkout/sessions", shop.simulator.address()))
            .bearer_auth(KEY)
            .body(form_urlencoded::Serializer::new(String::new()).extend_pairs(purchase()).finish())
            .send()
            .await
            .unwrap(),
    )
    .await
    .ok();
    assert_eq!(session["url"], format!("http://pay.example/pay/{}", id(&session)));
}
