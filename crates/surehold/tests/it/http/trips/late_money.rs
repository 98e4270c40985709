//! Money that comes when its seats are back on sale: they are taken again, all of them, or all of the money goes back.

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::json;
use surehold_simulators::stripe::{Action, Calls, Chance, Simulator};

use crate::support::MarketplaceApi;
use crate::support::marketplace_api::{Held, Slot, Traveller, traveller};
use crate::support::stripe_client::stripe_client;

/// A trip of two slots whose hold has ended, while its session at Stripe is still open (as their clocks may differ).
async fn ended_trip(seats: [i32; 2]) -> (MarketplaceApi, Traveller, [Slot; 2], Held) {
    let shop = MarketplaceApi::open().await;
    let slots = shop.slots(seats).await;
    let ann = traveller();
    let held = shop.held(&ann, json!([slots[0].item(2), slots[1].item(1)])).await;
    shop.time_goes_by(held.payment, -121, -1).await;
    assert_eq!(shop.holds_end().await, 1);
    assert_eq!((shop.seats(&slots[0]).await, shop.seats(&slots[1]).await), ((0, 0), (0, 0)));
    (shop, ann, slots, held)
}

/// Sends refunds until none is left to send, and their webhooks are delivered.
async fn refunds_go_out(shop: &MarketplaceApi) {
    let org = shop.org().await;
    for _ in 0..2 {
        shop.cashier.push_refunds(&org).await.unwrap();
    }
    shop.delivered().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_gets_its_seats_again_if_all_are_free() {
    let (shop, ann, [a, b], held) = ended_trip([2, 1]).await;
    shop.pays(&held.session).await;
    assert_eq!(shop.bookings(held.payment).await, ["confirmed", "confirmed"]);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((2, 0), (1, 0)));
    let page = shop.comes_back(&ann, &held.session).await.is(200);
    assert_eq!((&page.body["status"], page.body.get("reason")), (&json!("succeeded"), None));
    refunds_go_out(&shop).await;
    assert!(shop.stripe.refunds().is_empty());
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_goes_back_once_if_one_seat_is_gone() {
    let (shop, ann, [a, b], held) = ended_trip([2, 5]).await;
    // One of two seats of the first slot; the second slot has enough.
    let bob = shop.held(&traveller(), json!([a.item(1)])).await;
    shop.stripe.faults().change(|faults| faults.webhooks.twin = Some(Chance::Probability(1.0)));
    let org = shop.org().await;

    shop.stripe.act(&held.session, Action::Pay).unwrap();
    let pages = join_all((0..5).map(|_| shop.comes_back(&ann, &held.session).into_future()));
    let (_, ()) = futures::join!(pages, shop.delivered());
    // Two servers send refunds at the same moment, and one of them once more.
    let sent = join_all((0..3).map(|_| shop.cashier.push_refunds(&org))).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    refunds_go_out(&shop).await;

    let intent = shop.stripe.session(&held.session).unwrap().payment_intent.unwrap();
    let job = json!({ "job": "refunds", "payment_intent": intent });
    let [refunds]: [serde_json::Value; 1] = stripe_client(shop.stripe.base_url(), &[job]).await.try_into().unwrap();
    let refunds: Vec<_> = refunds.as_array().unwrap().iter().map(|refund| refund["amount"].as_i64().unwrap()).collect();
    assert_eq!(refunds, [15_000], "in full, exactly once");
    let payment = shop.payment(held.payment).await;
    assert_eq!((&payment["status"], &payment["reason"]), (&json!("refunded"), &json!("seats_gone")));
    assert_eq!(shop.bookings(held.payment).await, ["expired", "expired"]);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 1), (0, 0)));
    let page = shop.comes_back(&ann, &held.session).await.is(200);
    assert_eq!((&page.body["status"], &page.body["refunded"]), (&json!("refunded"), &json!(15_000)));
    assert_eq!(shop.status(bob.payment).await, "pending");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_slot_is_no_free_one() {
    let (shop, _, [a, _], held) = ended_trip([5, 5]).await;
    let block = format!("UPDATE slots SET is_blocked = true, blocked_reason = 'storm' WHERE id = '{}'", a.id);
    assert_eq!(shop.api.meddles(&block).await, 1);
    shop.pays(&held.session).await;
    assert_eq!(shop.status(held.payment).await, "refunding");
    refunds_go_out(&shop).await;
    assert_eq!(shop.status(held.payment).await, "refunded");
    shop.laws_hold().await;
}

/// She has checked out anew and paid; then the first session's money arrives, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trip_is_paid_once() {
    let (shop, ann, [a, b], first) = ended_trip([9, 9]).await;
    let again = json!({ "tripItems": [a.item(2), b.item(1)], "tripId": first.trip });
    let second = Held::of(&shop.checks_out(&ann, again).bearer(&ann.token).await.is(201));
    assert_ne!(first.payment, second.payment);
    shop.pays(&second.session).await;
    shop.pays(&first.session).await;
    refunds_go_out(&shop).await;
    assert_eq!(shop.bookings(second.payment).await, ["confirmed", "confirmed"]);
    let payment = shop.payment(first.payment).await;
    assert_eq!((&payment["status"], &payment["reason"]), (&json!("refunded"), &json!("trip_paid_otherwise")));
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((2, 0), (1, 0)));
    shop.laws_hold().await;
}

/// Its old session is closed at Stripe before a trip changes, so only what Stripe says otherwise can still pay it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_on_a_replaced_session_goes_back() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([5, 5]).await;
    let ann = traveller();
    let old = shop.held(&ann, json!([a.item(1)])).await;
    let change = json!({ "tripItems": [b.item(1)], "tripId": old.trip });
    let new = Held::of(&shop.checks_out(&ann, change).bearer(&ann.token).await.is(201));
    // A charge that Stripe made all the same, by another session with the same metadata.
    let session = shop.stripe.session(&old.session).unwrap();
    let other = shop.holds(&traveller(), json!([a.item(1)])).await.is(201);
    shop.stripe.set_webhooks(Vec::new());
    let paid = shop.stripe.act(&Held::of(&other).session, Action::Pay).unwrap();
    let object = json!({
        "id": session.id, "object": "checkout.session", "status": "complete", "payment_status": "paid",
        "amount_total": 5000, "currency": "usd", "expires_at": session.expires_at,
        "payment_intent": paid.payment_intent, "client_reference_id": old.payment, "metadata": session.metadata,
    });
    super::webhook::says(&shop, "checkout.session.completed", &object).await;

    let payment = shop.payment(old.payment).await;
    assert_eq!((&payment["status"], &payment["reason"]), (&json!("refunding"), &json!("replaced")));
    refunds_go_out(&shop).await;
    assert_eq!(shop.status(old.payment).await, "refunded");
    assert_eq!(shop.stripe.refunds()[0].amount, 5000);
    assert_eq!(shop.status(new.payment).await, "pending");
    shop.laws_hold().await;
}

/// Stripe has made the refund, and its answer was lost: the next try has the same key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_whose_answer_is_lost_is_not_made_twice() {
    let (shop, _, [a, _], held) = ended_trip([2, 1]).await;
    shop.holds(&traveller(), json!([a.item(1)])).await.is(201);
    shop.pays(&held.session).await;
    shop.stripe.set_webhooks(Vec::new());
    let org = shop.org().await;
    shop.stripe.faults().change(|faults| {
        faults.api.timeout_after_effect = vec![Calls::next(1, "POST", "/v1/refunds")];
    });
    assert_eq!(shop.cashier.push_refunds(&org).await.unwrap().failed, 1);
    assert_eq!(shop.stripe.refunds().len(), 1, "and we do not know");
    assert_eq!(shop.cashier.push_refunds(&org).await.unwrap().failed, 0);
    let amounts = |stripe: &Simulator| stripe.refunds().iter().map(|refund| refund.amount).collect::<Vec<_>>();
    assert_eq!(amounts(&shop.stripe), [15_000]);
    assert_eq!(shop.status(held.payment).await, "refunded");

    // Stripe may forget a key after a day: then it is looked first.
    shop.api.meddles("UPDATE refunds SET status = 'requested', stripe_refund_id = NULL, created_at = now() - interval '30 hours'").await;
    let asked = shop.stripe.request_count("POST /v1/refunds");
    assert_eq!(shop.cashier.push_refunds(&org).await.unwrap().failed, 0);
    assert_eq!(shop.stripe.request_count("POST /v1/refunds"), asked);
    assert_eq!(shop.count("refunds WHERE status = 'succeeded'").await, 1);
    shop.laws_hold().await;
}
