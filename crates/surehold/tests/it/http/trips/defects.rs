//! What was wrong with the system that the marketplace had before (trips-app.md, B3): each defect is a test.

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::{Value, json};
use surehold_simulators::stripe::Action;
use uuid::Uuid;

use super::webhook::says;
use crate::support::MarketplaceApi;
use crate::support::marketplace_api::{Held, STRIPE_KEY, traveller};

/// A missing slot was "confirmed", negative guests raised what was available, items came as a text, the same payment
/// booked twice, and multi-item orders died of deadlocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_1_the_booking_function() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([100, 100]).await;
    let ann = traveller();
    let payment = shop.records(&ann, 10_000, "usd").await;
    let trip = Uuid::new_v4();
    let missing = json!([{ "experienceId": a.experience, "slotId": Uuid::new_v4(), "guestCount": 1 }]);
    shop.creates_bookings(payment, trip, &ann, missing).await.refused(404, "SLOT_NOT_FOUND");
    let negative = json!([{ "experienceId": a.experience, "slotId": a.id, "guestCount": -5 }]);
    shop.creates_bookings(payment, trip, &ann, negative).await.refused(400, "VALIDATION_ERROR");
    let as_text = Value::String(json!([a.item(1)]).to_string());
    shop.creates_bookings(payment, trip, &ann, as_text).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(shop.count("bookings").await, 0);

    let items = json!([a.item(1), b.item(1)]);
    let first = shop.creates_bookings(payment, trip, &ann, items.clone()).await.is(200);
    assert_eq!(shop.creates_bookings(payment, trip, &ann, items).await.is(200).body, first.body);
    assert_eq!(shop.count("bookings").await, 2);

    // Orders of the same slots in opposite order, all at once.
    let mut orders = Vec::new();
    for number in 0..30 {
        let who = traveller();
        let payment = shop.records(&who, 10_000, "usd").await;
        let items = if number % 2 == 0 { json!([a.item(1), b.item(1)]) } else { json!([b.item(1), a.item(1)]) };
        orders.push(shop.creates_bookings(payment, Uuid::new_v4(), &who, items));
    }
    let answers = join_all(orders.into_iter().map(IntoFuture::into_future)).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((31, 0), (31, 0)));
    shop.laws_hold().await;
}

/// The states of a hold were none that the table took: no booking, no payment, and whoever paid had nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_2_whoever_pays_has_a_booking() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let held = shop.held(&traveller(), json!([slot.item(1)])).await;
    assert_eq!(shop.bookings(held.payment).await, ["pending_payment"]);
    assert_eq!(shop.status(held.payment).await, "pending");
    shop.pays(&held.session).await;
    assert_eq!(shop.bookings(held.payment).await, ["confirmed"]);
    assert_eq!(shop.status(held.payment).await, "succeeded");
}

/// A session has no payment intent until it is paid; the payment's row was skipped for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_3_a_payment_needs_no_intent_yet() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let held = shop.held(&traveller(), json!([slot.item(1)])).await;
    assert_eq!(shop.stripe.session(&held.session).unwrap().payment_intent, None);
    assert_eq!(shop.payment(held.payment).await["stripePaymentIntentId"], Value::Null);
    shop.pays(&held.session).await;
    let intent = shop.stripe.session(&held.session).unwrap().payment_intent;
    assert_eq!(shop.payment(held.payment).await["stripePaymentIntentId"], json!(intent.unwrap()));
}

/// Expired sessions and failed transfers kept their seats for ever; completed counted as paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_4_no_seat_leaks_and_unpaid_is_not_paid() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    for actions in [&[Action::Expire][..], &[Action::PayLater, Action::AsyncFail]] {
        let held = shop.held(&traveller(), json!([slot.item(2)])).await;
        for action in actions {
            shop.acts(&held.session, *action).await;
            assert!(!shop.bookings(held.payment).await.contains(&"confirmed".to_owned()));
        }
        assert_eq!(shop.status(held.payment).await, "failed");
        assert_eq!(shop.seats(&slot).await, (0, 0));
    }
    shop.laws_hold().await;
}

/// The key to Stripe was made of trip and user: a double click reserved twice, and an expired session came back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_5_each_attempt_has_its_own_key() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let ann = traveller();
    let trip = Uuid::new_v4();
    let click = || shop.checks_out(&ann, json!({ "tripItems": [slot.item(1)], "tripId": trip })).bearer(&ann.token);
    let (one, two) = futures::join!(click().into_future(), click().into_future());
    assert_eq!(one.body, two.body);
    assert_eq!((shop.seats(&slot).await, shop.stripe.sessions().len()), ((0, 1), 1));
    // Half an hour later the session is over; a new attempt has a session that can be paid.
    shop.acts(&Held::of(&one).session, Action::Expire).await;
    let anew = Held::of(&click().await.is(201));
    assert!(shop.stripe.session(&anew.session).unwrap().is_open());
    shop.pays(&anew.session).await;
    assert_eq!(shop.status(anew.payment).await, "succeeded");
    shop.laws_hold().await;
}

/// Events were looked up and then processed, without a unique index; what failed was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_6_an_event_counts_once_and_only_when_it_is_done() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    shop.stripe.set_webhooks(Vec::new());
    let held = shop.held(&traveller(), json!([slot.item(1)])).await;
    shop.stripe.act(&held.session, Action::Pay).unwrap();
    let event = shop.stripe.events().into_iter().find(|event| event["type"] == "checkout.session.completed").unwrap();
    let body = format!("{event:#}");
    let now = jiff::Timestamp::now().as_second();
    let secret = crate::support::marketplace_api::WEBHOOK_SECRET;
    let header = crate::support::stripe_client::signed(&[(&body, secret, now)]).await.remove(0);
    let answers = join_all((0..10).map(|_| shop.hears(&body, &header).into_future())).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(shop.count("stripe_events").await, 1);
    assert_eq!(shop.count("journal WHERE event = 'booking.confirmed'").await, 1);
    assert_eq!(shop.count("journal WHERE event = 'payment.succeeded'").await, 1);
    shop.laws_hold().await;
    // That what failed is not acknowledged: webhook::what_cannot_be_stored_is_not_acknowledged.
}

/// Confirmed without seats when a function failed; refunds had the time in their key; amounts were added up from
/// events instead of read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_7_no_seat_without_a_seat_and_no_cent_twice() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([1]).await;
    let late = shop.held(&traveller(), json!([slot.item(1)])).await;
    shop.time_goes_by(late.payment, -121, -1).await;
    shop.holds_end().await;
    let paid = shop.books(&traveller(), json!([slot.item(1)])).await;
    shop.pays(&late.session).await;
    assert_eq!(shop.bookings(late.payment).await, ["expired"], "there is no seat");
    assert_eq!(shop.seats(&slot).await, (1, 0));
    let org = shop.org().await;
    for _ in 0..3 {
        shop.cashier.push_refunds(&org).await.unwrap();
    }
    shop.delivered().await;
    assert_eq!(shop.stripe.refunds().len(), 1);

    // charge.refunded without `refunds`, twice, about a part of the other payment.
    let charge = shop.stripe.charges().into_iter().find(|charge| charge.amount_refunded == 0).unwrap();
    shop.stripe.set_webhooks(Vec::new());
    let call = shop.api.client.post(format!("{}/v1/refunds", shop.stripe.base_url())).bearer_auth(STRIPE_KEY);
    let form = format!("charge={}&amount=2000", charge.id);
    call.header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    let object = json!({
        "id": charge.id, "object": "charge", "amount": 5000, "amount_refunded": 2000, "currency": "usd", "refunded": false,
        "payment_intent": charge.payment_intent, "metadata": {}, "created": charge.created,
    });
    for _ in 0..2 {
        says(&shop, "charge.refunded", &object).await;
        let payment = shop.payment(paid.payment).await;
        assert_eq!((&payment["refunded"], &payment["status"]), (&json!(2000), &json!("partially_refunded")));
    }
    assert_eq!(shop.bookings(paid.payment).await, ["confirmed"]);
    shop.laws_hold().await;
}
