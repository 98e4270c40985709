//! Refunds and disputes.

use serde_json::{Value, json};
use surehold_simulators::stripe::{Faults, RefundStatus};

use super::support::*;

fn intent(session: &Value) -> &str {
    id(&session["payment_intent"])
}

fn charge(session: &Value) -> &str {
    id(&session["payment_intent"]["latest_charge"])
}

#[tokio::test]
async fn refunds_take_from_the_rest_until_nothing_is_left() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    let refund = async |amount: &str| {
        let mut form =
            vec![("payment_intent", intent(&session)), ("reason", "requested_by_customer"), ("metadata[why]", "ill")];
        if !amount.is_empty() {
            form.push(("amount", amount));
        }
        shop.post("/v1/refunds", &form).await
    };
    let too_much = refund("10001").await.refused(400);
    assert_eq!(too_much["message"], "Refund amount ($100.01) is greater than charge amount ($100.00)");
    let first = refund("3000").await.ok();
    assert_eq!((&first["amount"], &first["status"]), (&json!(3_000), &json!("succeeded")));
    assert_eq!((&first["reason"], &first["metadata"]["why"]), (&json!("requested_by_customer"), &json!("ill")));
    assert_eq!(shop.get(&format!("/v1/refunds/{}", id(&first))).await.ok(), first);
    let too_much = refund("7001").await.refused(400);
    assert_eq!(too_much["message"], "Refund amount ($70.01) is greater than unrefunded amount on charge ($70.00)");
    assert_eq!((&too_much["type"], &too_much["param"]), (&json!("invalid_request_error"), &json!("amount")));
    assert_eq!(refund("").await.ok()["amount"], 7_000);
    let nothing_left = refund("1").await.refused(400);
    assert_eq!(nothing_left["code"], "charge_already_refunded");

    let charge = shop.get(&format!("/v1/charges/{}", charge(&session))).await.ok();
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(10_000), &json!(true)));
    assert_eq!(shop.event_types()[3..], ["charge.refunded", "refund.created", "charge.refunded", "refund.created"]);
    let refunded: Vec<Value> =
        shop.simulator.events().iter().map(|event| event["data"]["object"]["amount_refunded"].clone()).collect();
    assert_eq!((&refunded[3], &refunded[5]), (&json!(3_000), &json!(10_000)));
}

#[tokio::test]
async fn a_refund_names_a_charge_or_a_payment_intent() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    assert_eq!(shop.post("/v1/refunds", &[("charge", charge(&session)), ("amount", "1")]).await.ok()["amount"], 1);
    for form in [
        &[][..],
        &[("payment_intent", "pi_x")],
        &[("charge", "ch_x")],
        &[("charge", charge(&session)), ("amount", "0")],
        &[("charge", charge(&session)), ("amount", "-5")],
        &[("charge", charge(&session)), ("reason", "boredom")],
    ] {
        shop.post("/v1/refunds", form).await.refused(400);
    }
    assert_eq!(shop.simulator.refunds().len(), 1);
}

#[tokio::test]
async fn a_pending_refund_succeeds_later() {
    let shop = Shop::open().await;
    shop.simulator.faults().set(Faults { refund_status: RefundStatus::Pending, ..Faults::default() });
    let session = shop.paid().await;
    let refund = shop.post("/v1/refunds", &[("payment_intent", intent(&session))]).await.ok();
    assert_eq!(refund["status"], "pending");
    let settle =
        async |outcome: &str| shop.control(&format!("/_simulator/refunds/{}/{outcome}", id(&refund)), json!({})).await;
    assert_eq!(settle("succeed").await.ok()["status"], "succeeded");
    assert_eq!(shop.event_types()[3..], ["charge.refunded", "refund.created", "refund.updated"]);
    settle("succeed").await.refused(400);
    settle("vanish").await.refused(400);
}

#[tokio::test]
async fn a_refund_that_fails_can_be_made_again() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    let form = [("payment_intent", intent(&session))];
    let refund = shop.post("/v1/refunds", &form).await.ok();
    shop.post("/v1/refunds", &form).await.refused(400);
    let failed = shop.control(&format!("/_simulator/refunds/{}/fail", id(&refund)), json!({})).await.ok();
    assert_eq!(failed["status"], "failed");
    assert!(failed["failure_reason"].is_string());
    assert_eq!(shop.event_types()[5..], ["refund.updated", "refund.failed"]);
    assert_eq!(shop.simulator.charges()[0].amount_refunded, 0);
    assert_eq!(shop.post("/v1/refunds", &form).await.ok()["amount"], 10_000);
}

#[tokio::test]
async fn a_disputed_charge_cannot_be_refunded() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    let path = format!("/_simulator/charges/{}/dispute", charge(&session));
    assert_eq!(shop.control(&path, json!({})).await.ok()["disputed"], true);
    shop.control(&path, json!({})).await.refused(400);
    let event = shop.simulator.events().pop().unwrap();
    assert_eq!(event["type"], "charge.dispute.created");
    assert_eq!(event["data"]["object"]["charge"], charge(&session));
    let error = shop.post("/v1/refunds", &[("charge", charge(&session))]).await.refused(400);
    assert_eq!(error["code"], "charge_disputed");
}

#[tokio::test]
async fn refunds_at_once_do_not_exceed_the_charge() {
    let shop = Shop::open().await;
    let session = shop.paid().await;
    let form = [("payment_intent", intent(&session)), ("amount", "4000")];
    let (a, b, c, d) = tokio::join!(
        shop.post("/v1/refunds", &form),
        shop.post("/v1/refunds", &form),
        shop.post("/v1/refunds", &form),
        shop.post("/v1/refunds", &form)
    );
    assert_eq!([a, b, c, d].iter().filter(|answer| answer.status == 200).count(), 2);
    assert_eq!(shop.simulator.charges()[0].amount_refunded, 8_000);
}
