//! Giving bookings up: by policy, by an operator, in part, in whole, and by Stripe's dashboard.

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::{Value, json};
use surehold_core::command::OfferingTerms;
use surehold_simulators::stripe::{Chance, Down, RefundStatus};
use uuid::Uuid;

use crate::support::MarketplaceApi;
use crate::support::marketplace_api::{Held, STRIPE_KEY, traveller, until};

/// Sends what was requested; the webhooks about it are delivered.
async fn refunds_go_out(shop: &MarketplaceApi) {
    let report = shop.cashier.push_refunds(&shop.org().await).await.unwrap();
    assert_eq!(report.failed, 0);
    shop.delivered().await;
}

/// Gives money back in Stripe's dashboard.
async fn dashboard(shop: &MarketplaceApi, held: &Held, amount: i64) -> String {
    let intent = shop.stripe.session(&held.session).unwrap().payment_intent.unwrap();
    let form = format!("payment_intent={intent}&amount={amount}");
    let call = shop.api.client.post(format!("{}/v1/refunds", shop.stripe.base_url())).bearer_auth(STRIPE_KEY);
    let call = call.header("content-type", "application/x-www-form-urlencoded").body(form);
    let refund: Value = call.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
    shop.delivered().await;
    refund["id"].as_str().unwrap().to_owned()
}

fn amounts(shop: &MarketplaceApi) -> Vec<i64> {
    shop.stripe.refunds().iter().map(|refund| refund.amount).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_traveller_gets_back_what_the_policy_says() {
    let shop = MarketplaceApi::open().await;
    let terms = OfferingTerms {
        price_minor: Some(3333),
        booking_cutoff_minutes: Some(0),
        free_cancel_minutes: Some(600),
        late_refund_percent: Some(50),
        ..OfferingTerms::default()
    };
    let sail = shop.experience_with("Sail", terms.clone()).await;
    let strict = OfferingTerms { late_refund_percent: Some(0), ..terms };
    let strict = shop.experience_with("Strict", strict).await;
    let ann = traveller();
    for (experience, minutes, back) in
        [(sail, 602, Some(9999)), (sail, 598, Some(4999)), (strict, 598, None), (strict, 602, Some(9999))]
    {
        let slot = shop.slot_in(experience, 5, minutes).await;
        let held = shop.books(&ann, json!([slot.item(3)])).await;
        let before = amounts(&shop).len();

        let answer = shop.cancels(&ann, held.bookings[0]).await.is(200);

        assert_eq!(answer.body["booking"]["status"], "cancelled");
        assert_eq!(answer.body["refund"]["amount"].as_i64(), back, "{minutes}");
        assert_eq!(shop.seats(&slot).await, (0, 0), "at once, whatever Stripe says");
        refunds_go_out(&shop).await;
        assert_eq!(amounts(&shop)[before..], back.into_iter().collect::<Vec<_>>());
        let status = match back {
            Some(9999) => "refunded",
            Some(_) => "partially_refunded",
            None => "succeeded",
        };
        assert_eq!(shop.status(held.payment).await, status);
        assert_eq!(shop.count(&format!("trips WHERE id = '{}' AND status = 'cancelled'", held.trip)).await, 1);
        // Once more gives nothing more.
        let again = shop.cancels(&ann, held.bookings[0]).await.is(200);
        assert_eq!(again.body["refund"], Value::Null);
        refunds_go_out(&shop).await;
        assert_eq!(amounts(&shop).len(), before + usize::from(back.is_some()));
    }
    // Once it has begun it is too late for her, and not for the office.
    let slot = shop.slot_in(sail, 5, 30).await;
    let held = shop.books(&ann, json!([slot.item(1)])).await;
    let begins = format!("UPDATE slots SET starts_at = now() - interval '1 minute' WHERE id = '{}'", slot.id);
    shop.api.meddles(&begins).await;
    shop.cancels(&ann, held.bookings[0]).await.refused(409, "CANCEL_TOO_LATE");
    let office = format!("/functions/v1/bookings/{}/cancel", held.bookings[0]);
    let answer = shop.api.post(office, json!({})).by_admin().await.is(200);
    assert_eq!(answer.body["refund"]["amount"], 3333);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_cancellations_at_once_are_one_refund() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([5, 5]).await;
    let ann = traveller();
    let held = shop.books(&ann, json!([a.item(2), b.item(1)])).await;
    let answers = join_all((0..10).map(|_| shop.cancels(&ann, held.bookings[0]).into_future())).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.body["refund"].is_object()).count(), 1);
    let org = shop.org().await;
    join_all((0..4).map(|_| shop.cashier.push_refunds(&org))).await;
    shop.delivered().await;
    assert_eq!(amounts(&shop), [10_000]);
    assert_eq!(shop.bookings(held.payment).await, ["cancelled", "confirmed"]);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 0), (1, 0)));
    assert_eq!(shop.status(held.payment).await, "partially_refunded");
    assert_eq!(shop.count(&format!("trips WHERE id = '{}' AND status = 'booked'", held.trip)).await, 1);
    // The other one, too: by its reference, with a key that is sent twice.
    let sql = format!("SELECT code FROM bookings WHERE id = '{}'", held.bookings[1]);
    let reference: String = shop.api.school.db.owner().await.query_one(&sql, &[]).await.unwrap().get(0);
    for _ in 0..2 {
        let answer = shop.cancels(&ann, &reference).key("bye").await.is(200);
        assert_eq!(answer.body["refund"]["amount"], 5000);
    }
    refunds_go_out(&shop).await;
    assert_eq!(amounts(&shop), [10_000, 5000]);
    assert_eq!(shop.status(held.payment).await, "refunded");
    assert_eq!(shop.count(&format!("trips WHERE id = '{}' AND status = 'cancelled'", held.trip)).await, 1);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_gives_back_a_part_or_all() {
    let shop = MarketplaceApi::open().await;
    let [slot, other] = shop.slots([5, 5]).await;
    let ann = traveller();
    let held = shop.books(&ann, json!([slot.item(2), other.item(1)])).await;
    let [booking, second] = [held.bookings[0], held.bookings[1]];
    // Not for travellers, nor for the service key.
    let amount = json!({ "amount": 100, "userId": ann.id });
    let path = format!("/functions/v1/bookings/{booking}/refund");
    shop.api.post(&path, amount.clone()).bearer(&ann.token).await.refused(403, "FORBIDDEN");
    shop.api.post(&path, amount).by_service().await.refused(403, "FORBIDDEN");
    for bad in [json!(0), json!(-1), json!("all"), json!(1.5)] {
        shop.refunds(booking, json!({ "amount": bad })).await.names_bad_fields(&["amount"]);
    }
    shop.refunds(booking, json!({ "amount": 10_001 })).await.refused(400, "REFUND_TOO_LARGE");

    for part in [2500, 1500] {
        let answer = shop.refunds(booking, json!({ "amount": part, "reason": "rain" })).await.is(200);
        assert_eq!(
            (&answer.body["refund"]["amount"], &answer.body["booking"]["status"]),
            (&json!(part), &json!("confirmed"))
        );
    }
    assert_eq!(shop.seats(&slot).await, (2, 0), "the booking stays");
    refunds_go_out(&shop).await;
    let payment = shop.payment(held.payment).await;
    assert_eq!((&payment["status"], &payment["refunded"]), (&json!("partially_refunded"), &json!(4000)));
    shop.refunds(booking, json!({ "amount": 6001 })).await.refused(400, "REFUND_TOO_LARGE");
    let rest = shop.refunds(booking, json!({})).await.is(200);
    assert_eq!((&rest.body["refund"]["amount"], &rest.body["booking"]["status"]), (&json!(6000), &json!("cancelled")));
    assert_eq!(shop.seats(&slot).await, (0, 0));
    shop.refunds(booking, json!({})).await.refused(400, "FULLY_REFUNDED");
    refunds_go_out(&shop).await;
    assert_eq!(amounts(&shop), [2500, 1500, 6000]);
    assert_eq!(shop.bookings(held.payment).await, ["cancelled", "confirmed"], "the other one was paid, too");
    // Without money back, if the office says so.
    let path = format!("/functions/v1/bookings/{second}/cancel");
    let answer = shop.api.post(path, json!({ "refund": false })).by_admin().await.is(200);
    assert_eq!(answer.body["refund"], Value::Null);
    assert_eq!(shop.seats(&other).await, (0, 0));
    assert_eq!(shop.count("journal WHERE event = 'booking.refunded'").await, 3);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_sent_until_stripe_has_an_answer() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let ann = traveller();
    let held = shop.books(&ann, json!([slot.item(1)])).await;
    shop.stripe.faults().change(|faults| faults.api.down = Some(Down::Closed));
    // Stripe is down, and the traveller does not notice.
    shop.cancels(&ann, held.bookings[0]).await.is(200);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (store, cashier) = (shop.api.school.store.clone(), shop.cashier.clone());
    let worker = tokio::spawn(surehold::workers::payments::send_refunds(store, cashier, async { drop(stopped.await) }));
    let asked = || async { shop.stripe.request_count("POST /v1/refunds") >= 1 };
    until("the worker tries", asked).await;
    assert_eq!(shop.count("refunds WHERE status = 'requested'").await, 1);
    shop.stripe.faults().clear();
    until("it is sent", || async { shop.count("refunds WHERE status = 'succeeded'").await == 1 }).await;
    drop(stop);
    worker.await.unwrap();
    assert_eq!(amounts(&shop), [5000]);
    assert_eq!(shop.status(held.payment).await, "refunded");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_stripe_refuses_or_that_comes_back_is_flagged() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let ann = traveller();
    // Somebody gave it back in the dashboard, and its webhooks are lost: Stripe has nothing left to give.
    let held = shop.books(&ann, json!([slot.item(1)])).await;
    shop.stripe.set_webhooks(Vec::new());
    dashboard(&shop, &held, 5000).await;
    shop.cancels(&ann, held.bookings[0]).await.is(200);
    shop.cashier.push_refunds(&shop.org().await).await.unwrap();
    let payment = shop.payment(held.payment).await;
    assert_eq!(
        (&payment["status"], &payment["flag"], &payment["refunded"]),
        (&json!("refunded"), &json!("REFUND_FAILED"), &json!(5000))
    );
    assert!(payment["refunds"][0]["problem"].as_str().is_some(), "{payment}");
    assert_eq!(amounts(&shop), [5000]);

    // One that Stripe could not deliver.
    shop.stripe.set_webhook(
        format!("{}{}", shop.api.url, crate::support::marketplace_api::WEBHOOK),
        crate::support::marketplace_api::WEBHOOK_SECRET,
    );
    shop.stripe.faults().change(|faults| faults.refund_status = RefundStatus::Pending);
    let held = shop.books(&ann, json!([slot.item(1)])).await;
    shop.cancels(&ann, held.bookings[0]).await.is(200);
    refunds_go_out(&shop).await;
    let pending = shop.payment(held.payment).await;
    assert_eq!((&pending["refunds"][0]["status"], &pending["flag"]), (&json!("pending"), &Value::Null));
    let id = pending["refunds"][0]["stripeRefundId"].as_str().unwrap();
    shop.stripe.settle_refund(id, RefundStatus::Failed).unwrap();
    shop.delivered().await;
    let failed = shop.payment(held.payment).await;
    assert_eq!((&failed["refunds"][0]["status"], &failed["flag"]), (&json!("failed"), &json!("REFUND_FAILED")));
    assert_eq!(failed["refunded"], 0);
    // And one that was slow.
    let held = shop.books(&ann, json!([slot.item(1)])).await;
    shop.cancels(&ann, held.bookings[0]).await.is(200);
    refunds_go_out(&shop).await;
    let id = shop.payment(held.payment).await["refunds"][0]["stripeRefundId"].as_str().unwrap().to_owned();
    shop.stripe.settle_refund(&id, RefundStatus::Succeeded).unwrap();
    shop.delivered().await;
    assert_eq!(shop.payment(held.payment).await["refunds"][0]["status"], "succeeded");
    assert_eq!(shop.status(held.payment).await, "refunded");
    shop.laws_hold().await;
}

/// Two partial refunds in the dashboard: events repeated, in pairs, in reverse. Nothing is swallowed, nothing counts twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboards_refunds_are_followed() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([5, 5]).await;
    let ann = traveller();
    let held = shop.books(&ann, json!([a.item(2), b.item(1)])).await;
    shop.stripe.faults().change(|faults| {
        faults.webhooks.twin = Some(Chance::Probability(1.0));
        faults.webhooks.duplicate = Some(Chance::Probability(1.0));
        faults.webhooks.reorder = true;
        faults.webhooks.delay_ms = Some((0, 20));
    });
    for (part, all) in [(4000, 4000), (1000, 5000), (4000, 9000)] {
        dashboard(&shop, &held, part).await;
        let payment = shop.payment(held.payment).await;
        assert_eq!((&payment["status"], &payment["refunded"]), (&json!("partially_refunded"), &json!(all)));
        assert_eq!(shop.bookings(held.payment).await, ["confirmed", "confirmed"]);
    }
    let id = dashboard(&shop, &held, 6000).await;
    let payment = shop.payment(held.payment).await;
    assert_eq!((&payment["status"], &payment["refunded"]), (&json!("refunded"), &json!(15_000)));
    let refunds = payment["refunds"].as_array().unwrap();
    assert_eq!(refunds.len(), 4);
    assert!(refunds.iter().any(|refund| refund["stripeRefundId"] == json!(id) && refund["reason"] == "made_at_stripe"));
    // All of it went back: nobody has paid for these seats.
    assert_eq!(shop.bookings(held.payment).await, ["cancelled", "cancelled"]);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 0), (0, 0)));
    assert_eq!(shop.count(&format!("trips WHERE id = '{}' AND status = 'cancelled'", held.trip)).await, 1);
    assert_eq!(shop.count("journal WHERE event = 'booking.cancelled' AND stripe_event_id IS NOT NULL").await, 2);
    shop.cancels(&ann, held.bookings[0]).await.is(200);
    assert_eq!(amounts(&shop).iter().sum::<i64>(), 15_000);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_webhooks_of_refunds_are_found_by_reconciliation() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let held = shop.books(&traveller(), json!([slot.item(1)])).await;
    shop.stripe.set_webhooks(Vec::new());
    dashboard(&shop, &held, 5000).await;
    let since = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let report = shop.cashier.reconcile_refunds(&shop.org().await, since).await.unwrap();
    assert_eq!((report.asked, report.changed), (1, 1));
    assert_eq!(shop.bookings(held.payment).await, ["cancelled"]);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_is_recorded_and_shown() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let held = shop.books(&traveller(), json!([slot.item(1)])).await;
    let charge = shop.stripe.charges()[0].id.clone();
    shop.stripe.faults().change(|faults| faults.webhooks.twin = Some(Chance::Count(1)));
    shop.stripe.dispute(&charge).unwrap();
    shop.delivered().await;
    let payment = shop.payment(held.payment).await;
    assert_eq!(payment["flag"], "DISPUTED");
    assert!(payment["stripeDisputeId"].as_str().is_some_and(|id| !id.is_empty()));
    assert_eq!(shop.bookings(held.payment).await, ["confirmed"]);
    assert_eq!(shop.count("journal WHERE event = 'payment.flagged'").await, 1);
    let unflag = format!("/api/admin/payments/{}/unflag", held.payment);
    shop.api.post(unflag, json!({})).by_admin().await.is(200);
    assert_eq!(shop.payment(held.payment).await["flag"], Value::Null);
    shop.laws_hold().await;
}

/// Money that was taken elsewhere goes back by hand; what Stripe took and was recorded goes back by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_money_waits_for_an_operators_hand() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let ann = traveller();
    let payment = shop.records(&ann, 5000, "usd").await;
    let booked = shop.creates_bookings(payment, Uuid::new_v4(), &ann, json!([slot.item(1)])).await.is(200);
    let booking = booked.body["bookings"][0]["id"].as_str().unwrap().to_owned();
    let answer = shop.cancels(&ann, booking).await.is(200);
    assert_eq!(answer.body["refund"]["amount"], 5000);
    refunds_go_out(&shop).await;
    assert_eq!(shop.count("refunds WHERE status = 'requested'").await, 1);
    assert!(shop.stripe.refunds().is_empty());
    assert_eq!(shop.seats(&slot).await, (0, 0));
    shop.laws_hold().await;
}
