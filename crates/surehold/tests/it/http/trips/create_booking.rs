//! `create-booking`, server to server: the seed's function, with its shapes.

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::{Value, json};
use surehold::desk::{CommitMode, DeskOptions};
use surehold_simulators::stripe::{Action, Down};
use uuid::Uuid;

use crate::support::MarketplaceApi;
use crate::support::api::merged;
use crate::support::marketplace_api::traveller;

fn is_reference(text: &Value) -> bool {
    text.as_str().and_then(|text| text.strip_prefix("PL-")).is_some_and(|rest| rest.len() == 8)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_money_books_a_trip_in_the_seeds_shape() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([5, 5]).await;
    let ann = traveller();
    let (payment, trip) = (shop.records(&ann, 15_000, "usd").await, Uuid::new_v4());
    // As the seed's callers write it: every member, the time with its seconds.
    let item = |slot: &crate::support::marketplace_api::Slot, guests: i32| {
        merged(slot.item(guests), json!({ "date": slot.date, "time": format!("{}:00", slot.time) }))
    };
    let items = json!([item(&a, 2), item(&b, 1)]);

    let answer = shop.creates_bookings(payment, trip, &ann, items.clone()).await.is(200);

    let bookings = answer.body["bookings"].as_array().unwrap().clone();
    let ids: Vec<Uuid> = bookings.iter().map(|booking| booking["id"].as_str().unwrap().parse().unwrap()).collect();
    assert!(bookings.iter().all(|booking| is_reference(&booking["reference"])));
    let expected = |place: usize| json!({ "id": ids[place], "reference": bookings[place]["reference"], "experienceId": a.experience, "status": "confirmed" });
    assert_eq!(answer.body, json!({ "success": true, "bookings": [expected(0), expected(1)] }), "and nothing else");
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((2, 0), (1, 0)));
    assert_eq!(shop.count(&format!("trips WHERE id = '{trip}' AND status = 'booked'")).await, 1);

    // The same payment again: the same bookings, in whatever order it is asked.
    for items in [items.clone(), json!([b.item(1), a.item(2)])] {
        assert_eq!(shop.creates_bookings(payment, trip, &ann, items).await.is(200).body, answer.body);
    }
    let again =
        join_all((0..10).map(|_| shop.creates_bookings(payment, trip, &ann, items.clone()).into_future())).await;
    assert!(again.iter().all(|again| again.body == answer.body), "{again:?}");
    // For anything else it is used.
    shop.creates_bookings(payment, Uuid::new_v4(), &ann, items.clone()).await.refused(409, "PAYMENT_USED");
    shop.creates_bookings(payment, trip, &ann, json!([a.item(1)])).await.refused(409, "PAYMENT_USED");
    let more = shop.records(&ann, 15_000, "usd").await;
    shop.creates_bookings(more, trip, &ann, items).await.refused(409, "TRIP_ALREADY_BOOKED");
    assert_eq!(shop.count("bookings").await, 2);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_at_once_for_the_last_seat_exactly_one_gets_it() {
    for mode in [CommitMode::Lanes, CommitMode::PerRequest] {
        let shop = MarketplaceApi::with(DeskOptions { mode, ..DeskOptions::default() }, |_| {}).await;
        let [wanted, other] = shop.slots([1, 50]).await;
        let mut paid = Vec::new();
        for _ in 0..10 {
            let who = traveller();
            paid.push((shop.records(&who, 10_000, "usd").await, who));
        }
        let items = json!([other.item(1), wanted.item(1)]);
        let tries = paid
            .iter()
            .map(|(payment, who)| shop.creates_bookings(*payment, Uuid::new_v4(), who, items.clone()).into_future());
        let answers = join_all(tries).await;

        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{mode:?}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            let details = answer.refused(400, "INSUFFICIENT_AVAILABILITY");
            assert_eq!(details, &json!({ "slots": [{ "slotId": wanted.id, "requested": 1, "available": 0 }] }));
            assert_eq!(
                (&answer.body["success"], &answer.body["errorCode"]),
                (&json!(false), &json!("INSUFFICIENT_AVAILABILITY"))
            );
            assert!(answer.body["error"].as_str().unwrap().contains("Slot no longer available"), "{answer:?}");
        }
        assert_eq!((shop.seats(&wanted).await, shop.seats(&other).await), ((1, 0), (1, 0)), "all or nothing");
        shop.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_payment_in_ten_requests_at_once_books_once() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([50, 50]).await;
    let ann = traveller();
    let payment = shop.records(&ann, 10_000, "usd").await;
    let trip = Uuid::new_v4();
    let items = json!([a.item(1), b.item(1)]);
    let tries = (0..10).map(|_| shop.creates_bookings(payment, trip, &ann, items.clone()).into_future());
    let answers = join_all(tries).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body), "{answers:?}");
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((1, 0), (1, 0)));
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_have_the_seeds_shape_and_leave_nothing() {
    let shop = MarketplaceApi::open().await;
    let [slot, blocked] = shop.slots([2, 5]).await;
    let ann = traveller();
    shop.api
        .meddles(&format!("UPDATE slots SET is_blocked = true, blocked_reason = 'x' WHERE id = '{}'", blocked.id))
        .await;
    let payment = shop.records(&ann, 10_000, "usd").await;
    let trip = Uuid::new_v4();
    let unknown = json!({ "experienceId": slot.experience, "slotId": Uuid::new_v4(), "guestCount": 1 });
    let bad_guests = |guests: Value| json!([merged(slot.item(1), json!({ "guestCount": guests }))]);
    for (items, status, code) in [
        (json!([slot.item(1), unknown]), 404, "SLOT_NOT_FOUND"),
        (json!([slot.item(1), blocked.item(1)]), 400, "SLOT_BLOCKED"),
        (json!([slot.item(2), slot.item(1)]), 400, "INSUFFICIENT_AVAILABILITY"),
        (json!([slot.item(3)]), 400, "INSUFFICIENT_AVAILABILITY"),
        (bad_guests(json!(0)), 400, "VALIDATION_ERROR"),
        (bad_guests(json!(-2)), 400, "VALIDATION_ERROR"),
        (bad_guests(json!(11)), 400, "VALIDATION_ERROR"),
        (bad_guests(json!("two")), 400, "VALIDATION_ERROR"),
        (json!("[{}]"), 400, "VALIDATION_ERROR"),
        (json!([]), 400, "EMPTY_TRIP"),
    ] {
        let answer = shop.creates_bookings(payment, trip, &ann, items.clone()).await;
        answer.refused(status, code);
        assert_eq!((&answer.body["success"], &answer.body["errorCode"]), (&json!(false), &json!(code)), "{items}");
    }
    shop.creates_bookings(Uuid::new_v4(), trip, &ann, json!([slot.item(1)])).await.refused(404, "PAYMENT_NOT_FOUND");
    // Another traveller's money.
    shop.creates_bookings(payment, trip, &traveller(), json!([slot.item(1)])).await.refused(404, "PAYMENT_NOT_FOUND");
    let empty = shop.api.post("/functions/v1/create-booking", json!({})).by_service().await;
    empty.names_bad_fields(&["paymentId", "tripId", "tripItems", "userId"]);
    assert_eq!(shop.count("bookings").await + shop.count("trips").await, 0);
    assert_eq!(shop.seats(&slot).await, (0, 0));
    assert_eq!(shop.status(payment).await, "succeeded");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_money_has_to_cover_the_trip() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([9]).await;
    let ann = traveller();
    for (amount, currency) in [(9_999, "usd"), (10_000, "eur"), (1, "usd")] {
        let payment = shop.records(&ann, amount, currency).await;
        let answer = shop.creates_bookings(payment, Uuid::new_v4(), &ann, json!([slot.item(2)])).await;
        answer.refused(400, "AMOUNT_MISMATCH");
        assert_eq!(answer.body["errorCode"], "AMOUNT_MISMATCH");
    }
    assert_eq!(shop.seats(&slot).await, (0, 0));
    let payment = shop.records(&ann, 10_001, "usd").await;
    shop.creates_bookings(payment, Uuid::new_v4(), &ann, json!([slot.item(2)])).await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkouts_payment_is_settled_by_it() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([9]).await;
    shop.stripe.set_webhooks(Vec::new());
    let ann = traveller();
    let held = shop.held(&ann, json!([slot.item(2)])).await;
    let creates = || shop.creates_bookings(held.payment, held.trip, &ann, json!([slot.item(2)]));
    creates().await.refused(409, "PAYMENT_NOT_SUCCEEDED");
    shop.stripe.act(&held.session, Action::Pay).unwrap();
    // We do not know yet, and Stripe does not say.
    shop.stripe.faults().change(|faults| faults.api.down = Some(Down::Closed));
    let answer = creates().await;
    answer.refused(503, "STRIPE_UNAVAILABLE");
    assert_eq!(answer.body["errorCode"], "TRANSACTION_FAILED");
    shop.stripe.faults().clear();
    let booked = creates().await.is(200);
    assert_eq!(booked.body["bookings"][0]["id"], json!(held.bookings[0]));
    assert_eq!(booked.body["bookings"][0]["status"], "confirmed");
    assert_eq!(creates().await.is(200).body, booked.body);
    assert_eq!(shop.seats(&slot).await, (2, 0));
    // A transfer on its way is no money.
    let bob = traveller();
    let held = shop.held(&bob, json!([slot.item(1)])).await;
    shop.stripe.act(&held.session, Action::PayLater).unwrap();
    let early = shop.creates_bookings(held.payment, held.trip, &bob, json!([slot.item(1)])).await;
    early.refused(409, "PAYMENT_NOT_SUCCEEDED");
    assert_eq!(shop.status(held.payment).await, "processing");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_organisations_ids_are_unknown_ids() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([9]).await;
    let islands = shop.api.another_org("islands", &["islands.example"]).await;
    let theirs = shop.slot_of_others(islands.org_id, 100).await;
    let ann = traveller();
    let (payment, trip) = (shop.records(&ann, 50_000, "usd").await, Uuid::new_v4());
    shop.creates_bookings(payment, trip, &ann, json!([slot.item(1), theirs.item(1)]))
        .await
        .refused(404, "SLOT_NOT_FOUND");
    let body = |items: Value| json!({ "paymentId": payment, "tripId": trip, "userId": ann.id, "tripItems": items });
    let by_them = |items: Value| shop.api.post("/functions/v1/create-booking", body(items)).bearer(&islands.service);
    by_them(json!([slot.item(1)])).await.refused(404, "PAYMENT_NOT_FOUND");
    by_them(json!([theirs.item(1)])).await.refused(404, "PAYMENT_NOT_FOUND");
    assert_eq!((shop.seats(&slot).await, shop.seats(&theirs).await), ((0, 0), (0, 0)));
    shop.creates_bookings(payment, trip, &ann, json!([slot.item(1)])).await.is(200);

    // Only a key of the marketplace's own servers.
    let call = || shop.api.post("/functions/v1/create-booking", body(json!([slot.item(1)])));
    call().bearer(&ann.token).header("host", "islands.example").await.refused(403, "FORBIDDEN");
    call().bearer("nonsense").await.refused(401, "UNAUTHENTICATED");
    call().header("host", "islands.example").await.refused(401, "UNAUTHENTICATED");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_stripe_took_is_verified_with_stripe() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([9]).await;
    let ann = traveller();
    shop.stripe.set_webhooks(Vec::new());
    let other = shop.held(&ann, json!([slot.item(1)])).await;
    let intent = shop.stripe.act(&other.session, Action::Pay).unwrap().payment_intent.unwrap();
    let record = |reference: &str, intent: &str, amount: i64| {
        let body =
            json!({ "reference": reference, "userId": ann.id, "amount": amount, "stripePaymentIntentId": intent });
        shop.api.post("/api/admin/payments", body).by_admin()
    };
    record("A", "pi_unknown", 5000).await.names_bad_fields(&["stripePaymentIntentId"]);
    record("A", &intent, 5001).await.names_bad_fields(&["stripePaymentIntentId"]);
    shop.stripe.faults().change(|faults| faults.api.down = Some(Down::Unavailable));
    record("A", &intent, 5000).await.refused(503, "STRIPE_UNAVAILABLE");
    shop.stripe.faults().clear();
    let later = shop.held(&traveller(), json!([slot.item(1)])).await;
    let unpaid = shop.stripe.act(&later.session, Action::PayLater).unwrap().payment_intent.unwrap();
    record("B", &unpaid, 5000).await.names_bad_fields(&["stripePaymentIntentId"]);
    assert_eq!(shop.count("payments WHERE source = 'recorded'").await, 0);
    // Cash.
    let cash = json!({ "reference": "INV-7", "userId": ann.id, "amount": 5000 });
    let first = shop.api.post("/api/admin/payments", cash.clone()).by_admin().await.is(201);
    assert_eq!(shop.api.post("/api/admin/payments", cash.clone()).by_admin().await.is(200).id(), first.id());
    let other_amount = merged(cash, json!({ "amount": 1 }));
    shop.api.post("/api/admin/payments", other_amount).by_admin().await.names_bad_fields(&["reference"]);
}

/// One charge is one payment: what a checkout of ours took cannot be recorded as money for another trip.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_charge_pays_for_one_trip() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([9]).await;
    let ann = traveller();
    let held = shop.books(&ann, json!([slot.item(1)])).await;
    let intent = shop.stripe.session(&held.session).unwrap().payment_intent.unwrap();
    let body = json!({ "reference": "AGAIN", "userId": ann.id, "amount": 5000, "stripePaymentIntentId": intent });
    shop.api.post("/api/admin/payments", body).by_admin().await.names_bad_fields(&["stripePaymentIntentId"]);
    assert_eq!(shop.count("payments").await, 1);
}
