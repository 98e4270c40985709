//! Payments whose money comes later.

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn a_transfer_that_arrives_pays_the_session() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    let answer = shop.press(&session, "pay_later").await;
    assert_eq!(answer.header("location"), Some(&*format!("https://shop.example/thanks?session={}", id(&session))));
    let waiting = shop.retrieve(&session).await;
    assert_eq!((&waiting["status"], &waiting["payment_status"]), (&json!("complete"), &json!("unpaid")));
    let intent = waiting["payment_intent"].as_str().unwrap();
    assert_eq!(shop.get(&format!("/v1/payment_intents/{intent}")).await.ok()["status"], "processing");
    assert_eq!(shop.event_types(), ["checkout.session.completed"]);
    assert_eq!(shop.simulator.events()[0]["data"]["object"]["payment_status"], "unpaid");

    shop.press(&session, "async_succeed").await;
    assert_eq!(shop.retrieve(&session).await["payment_status"], "paid");
    assert_eq!(
        shop.event_types()[1..],
        ["payment_intent.succeeded", "charge.succeeded", "checkout.session.async_payment_succeeded"]
    );
}

#[tokio::test]
async fn a_transfer_that_fails_leaves_the_session_unpaid() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    shop.press(&session, "pay_later").await;
    shop.press(&session, "async_fail").await;
    let failed = shop.retrieve(&session).await;
    assert_eq!((&failed["status"], &failed["payment_status"]), (&json!("complete"), &json!("unpaid")));
    assert_eq!(
        shop.event_types(),
        ["checkout.session.completed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"]
    );
    let error = shop.post("/v1/refunds", &[("payment_intent", failed["payment_intent"].as_str().unwrap())]).await;
    assert!(error.refused(400)["message"].as_str().unwrap().contains("does not have a successful charge"));
}

#[tokio::test]
async fn a_transfer_ends_once() {
    let shop = Shop::open().await;
    let session = shop.create().await;
    let act =
        async |action: &str| shop.control(&format!("/_simulator/sessions/{}/{action}", id(&session)), json!({})).await;
    act("async_succeed").await.refused(400);
    act("pay_later").await.ok();
    act("async_succeed").await.ok();
    act("async_succeed").await.refused(400);
    act("async_fail").await.refused(400);
    act("dance").await.refused(400);
    assert_eq!(shop.simulator.charges().len(), 1);
}
