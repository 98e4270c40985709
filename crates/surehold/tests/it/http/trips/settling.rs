//! From money to bookings: however we come to hear of it, it is settled once.

use std::future::IntoFuture;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use surehold_simulators::stripe::{Action, Down};

use super::webhook::says;
use crate::support::MarketplaceApi;
use crate::support::marketplace_api::{Held, Slot, Traveller, traveller};

async fn held_trip() -> (MarketplaceApi, Traveller, [Slot; 2], Held) {
    let shop = MarketplaceApi::open().await;
    let slots = shop.slots([5, 5]).await;
    let ann = traveller();
    let held = shop.held(&ann, json!([slots[0].item(2), slots[1].item(1)])).await;
    (shop, ann, slots, held)
}

fn a_day_ago() -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_success_page_shows_what_there_is() {
    let (shop, ann, [a, b], held) = held_trip().await;
    let open = shop.comes_back(&ann, &held.session).await.is(200);
    assert_eq!((&open.body["status"], open.body["checkoutUrl"].is_string()), (&json!("pending"), true));
    shop.pays(&held.session).await;
    let asked = shop.stripe.request_count("GET /v1/checkout/sessions/{id}");

    let mut seen = shop.comes_back(&ann, &held.session).await.is(200).masked();

    assert_eq!(shop.stripe.request_count("GET /v1/checkout/sessions/{id}"), asked, "nothing to ask");
    seen["sessionId"] = "[stripe's]".into();
    for booking in seen["bookings"].as_array_mut().unwrap() {
        booking["reference"] = "PL-[8 characters]".into();
    }
    insta::assert_json_snapshot!("checkout_paid", seen);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((2, 0), (1, 0)));
    assert_eq!(shop.count(&format!("trips WHERE id = '{}' AND status = 'booked'", held.trip)).await, 1);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_success_page_asks_when_the_webhook_is_lost() {
    let (shop, ann, _, held) = held_trip().await;
    shop.stripe.set_webhooks(Vec::new());
    shop.pays(&held.session).await;
    assert_eq!(shop.status(held.payment).await, "pending");
    // Stripe does not answer: the page says what is known.
    shop.stripe.faults().change(|faults| faults.api.down = Some(Down::Closed));
    assert_eq!(shop.comes_back(&ann, &held.session).await.is(200).body["status"], "pending");
    shop.stripe.faults().change(|faults| faults.api.down = None);
    let seen = shop.comes_back(&ann, &held.session).await.is(200);
    assert_eq!((&seen.body["status"], &seen.body["bookings"][0]["status"]), (&json!("succeeded"), &json!("confirmed")));
    // Opening the page proves nothing.
    let bob = traveller();
    let [slot] = shop.slots([1]).await;
    let unpaid = shop.held(&bob, json!([slot.item(1)])).await;
    assert_eq!(shop.comes_back(&bob, &unpaid.session).await.is(200).body["status"], "pending");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_at_once_settles_once() {
    let (shop, ann, [a, b], held) = held_trip().await;
    shop.stripe
        .faults()
        .change(|faults| faults.webhooks.twin = Some(surehold_simulators::stripe::Chance::Probability(1.0)));
    let org = shop.org().await;
    let pages = join_all((0..6).map(|_| shop.comes_back(&ann, &held.session).into_future()));
    let looks = join_all((0..3).map(|_| shop.cashier.reconcile(&org, a_day_ago())));
    shop.stripe.act(&held.session, Action::Pay).unwrap();
    let (pages, looks, ()) = futures::join!(pages, looks, shop.delivered());

    assert!(pages.iter().all(|page| page.status == 200), "{pages:?}");
    assert!(looks.iter().all(|report| report.as_ref().is_ok_and(|report| report.failed == 0)), "{looks:?}");
    assert_eq!(shop.bookings(held.payment).await, ["confirmed", "confirmed"]);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((2, 0), (1, 0)));
    assert_eq!(shop.count("journal WHERE event = 'booking.confirmed'").await, 2);
    assert_eq!(shop.count("journal WHERE event = 'payment.succeeded'").await, 1);
    assert!(shop.stripe.refunds().is_empty());
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_holds_its_seats_until_it_is_decided() {
    for (action, end, seats) in [(Action::AsyncSucceed, "succeeded", (2, 0)), (Action::AsyncFail, "failed", (0, 0))] {
        let (shop, ann, [a, _], held) = held_trip().await;
        shop.acts(&held.session, Action::PayLater).await;
        let page = shop.comes_back(&ann, &held.session).await.is(200);
        assert_eq!((&page.body["status"], page.body.get("checkoutUrl")), (&json!("processing"), None));
        assert_eq!(shop.bookings(held.payment).await, ["processing", "processing"]);
        // However long it takes.
        shop.time_goes_by(held.payment, -9999, -9000).await;
        shop.holds_end().await;
        assert_eq!(shop.seats(&a).await, (0, 2));
        shop.cancels(&ann, held.bookings[0]).await.refused(409, "PAYMENT_PROCESSING");

        shop.acts(&held.session, action).await;

        assert_eq!(shop.status(held.payment).await, end);
        assert_eq!(shop.seats(&a).await, seats);
        let again = shop.holds(&ann, json!([a.item(2)])).await;
        assert_eq!(again.status, 201, "another trip, or another try: {again:?}");
        shop.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_takes_ten_days_is_flagged() {
    let (shop, _, _, held) = held_trip().await;
    shop.acts(&held.session, Action::PayLater).await;
    let org = shop.org().await;
    assert_eq!(shop.cashier.reconcile(&org, a_day_ago()).await.unwrap().flagged, 0);
    shop.api.meddles("UPDATE payments SET processing_since = now() - interval '241 hours'").await;
    assert_eq!(shop.cashier.reconcile(&org, a_day_ago()).await.unwrap().flagged, 1);
    assert_eq!(shop.payment(held.payment).await["flag"], "PROCESSING_TOO_LONG");
    let flagged = shop.api.get("/api/admin/payments?flagged=true").by_admin().await.is(200);
    assert_eq!(flagged.rows().len(), 1);
    assert_eq!(shop.cashier.reconcile(&org, a_day_ago()).await.unwrap().flagged, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_gives_its_seats_back() {
    let (shop, ann, [a, b], held) = held_trip().await;
    shop.acts(&held.session, Action::Expire).await;
    assert_eq!(shop.bookings(held.payment).await, ["expired", "expired"]);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 0), (0, 0)));
    assert_eq!(shop.comes_back(&ann, &held.session).await.is(200).body["status"], "failed");
    // A declined card is not the end.
    let again = shop.held(&ann, json!([a.item(1)])).await;
    shop.acts(&again.session, Action::Fail).await;
    assert_eq!(shop.status(again.payment).await, "pending");
    shop.pays(&again.session).await;
    assert_eq!(shop.status(again.payment).await, "succeeded");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_ends_by_itself_and_the_next_one_has_its_seats() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([2]).await;
    let held = shop.held(&traveller(), json!([slot.item(2)])).await;
    let bob = traveller();
    shop.holds(&bob, json!([slot.item(1)])).await.refused(400, "INSUFFICIENT_AVAILABILITY");
    // Stripe is not needed for it.
    shop.stripe.faults().change(|faults| faults.api.down = Some(Down::Closed));
    shop.time_goes_by(held.payment, -121, -1).await;
    shop.stripe.faults().clear();
    // No worker has come by: the command that wants the seats frees them.
    shop.holds(&bob, json!([slot.item(2)])).await.is(201);
    assert_eq!(shop.status(held.payment).await, "failed");
    assert_eq!(shop.seats(&slot).await, (0, 2));
    shop.laws_hold().await;
}

/// A genuine event about our session, with another amount or currency than we asked for.
async fn says_paid(shop: &MarketplaceApi, held: &Held, amount: i64, currency: &str) {
    shop.stripe.set_webhooks(Vec::new());
    let session = shop.stripe.act(&held.session, Action::Pay).unwrap();
    let object = json!({
        "id": session.id, "object": "checkout.session", "status": "complete", "payment_status": "paid",
        "amount_total": amount, "currency": currency, "expires_at": session.expires_at,
        "payment_intent": session.payment_intent, "client_reference_id": held.payment, "metadata": session.metadata,
    });
    says(shop, "checkout.session.completed", &object).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_money_than_was_asked_for_confirms_nothing() {
    for (amount, currency) in [(14_999, "usd"), (15_001, "usd"), (15_000, "eur"), (0, "usd")] {
        let (shop, ann, [a, _], held) = held_trip().await;
        says_paid(&shop, &held, amount, currency).await;

        let payment = shop.payment(held.payment).await;
        assert_eq!(
            (&payment["status"], &payment["flag"]),
            (&json!("processing"), &json!("AMOUNT_MISMATCH")),
            "{amount} {currency}"
        );
        assert_eq!(payment["received"], amount);
        assert_eq!(shop.bookings(held.payment).await, ["processing", "processing"]);
        assert_eq!(shop.seats(&a).await, (0, 2), "until an operator has decided");
        assert_eq!(shop.count("journal WHERE event = 'payment.flagged'").await, 1);
        // Asking again does not make it right.
        shop.comes_back(&ann, &held.session).await.is(200);
        assert_eq!(shop.status(held.payment).await, "processing");
        shop.time_goes_by(held.payment, -121, -1).await;
        shop.holds_end().await;
        assert_eq!(shop.seats(&a).await, (0, 2));

        // The operator gives it up: what came goes back.
        let release = format!("/api/admin/payments/{}/release", held.payment);
        shop.api.post(release, json!({})).by_admin().await.is(200);
        assert_eq!(shop.seats(&a).await, (0, 0));
        let refunds = shop.payment(held.payment).await["refunds"].clone();
        let amounts: Vec<_> =
            refunds.as_array().unwrap().iter().map(|refund| refund["amount"].as_i64().unwrap()).collect();
        assert_eq!(amounts, if amount > 0 { vec![amount] } else { vec![] });
        shop.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconciliation_finds_what_webhooks_lost() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([50]).await;
    shop.stripe.set_webhooks(Vec::new());
    let actions = [
        (vec![Action::Pay], "succeeded"),
        (vec![Action::PayLater], "processing"),
        (vec![Action::PayLater, Action::AsyncSucceed], "succeeded"),
        (vec![Action::PayLater, Action::AsyncFail], "failed"),
        (vec![Action::Expire], "failed"),
        (vec![], "pending"),
    ];
    let mut trips = Vec::new();
    for (actions, end) in actions {
        let held = shop.held(&traveller(), json!([slot.item(1)])).await;
        for action in actions {
            shop.stripe.act(&held.session, action).unwrap();
        }
        trips.push((held, end));
    }
    let org = shop.org().await;
    // Stripe is away for the first look.
    shop.stripe.faults().change(|faults| faults.api.down = Some(Down::Unavailable));
    assert!(shop.cashier.reconcile(&org, a_day_ago()).await.unwrap().failed > 0);
    shop.stripe.faults().clear();
    let report = shop.cashier.reconcile(&org, a_day_ago()).await.unwrap();
    assert_eq!((report.asked, report.changed, report.failed), (6, 5, 0));
    for (held, end) in &trips {
        assert_eq!(shop.status(held.payment).await, *end);
    }
    assert_eq!(shop.seats(&slot).await, (2, 2));
    // A second look finds nothing new.
    assert_eq!(shop.cashier.reconcile(&org, a_day_ago()).await.unwrap().changed, 0);
    shop.laws_hold().await;
}

/// Paid in the last moment, and the webhook is late: between `pay_until` and `expires_at` Stripe is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_of_the_last_moment_keeps_its_seats() {
    let (shop, _, [a, _], held) = held_trip().await;
    let other = shop.held(&traveller(), json!([a.item(1)])).await;
    shop.stripe.set_webhooks(Vec::new());
    shop.stripe.act(&held.session, Action::Pay).unwrap();
    let org = shop.org().await;
    assert_eq!(shop.cashier.settle_ending(&org).await.unwrap().asked, 0, "it is not at its end");
    shop.time_goes_by(held.payment, -5, 115).await;
    let report = shop.cashier.settle_ending(&org).await.unwrap();
    assert_eq!((report.asked, report.changed), (1, 1));
    shop.time_goes_by(held.payment, -121, -1).await;
    shop.holds_end().await;
    assert_eq!(shop.bookings(held.payment).await, ["confirmed", "confirmed"]);
    assert_eq!(shop.status(other.payment).await, "pending");
    let page: Value = shop.payment(held.payment).await;
    assert_eq!(page["received"], 15_000);
    shop.laws_hold().await;
}
