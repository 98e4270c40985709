//! `create_booking_atomic` in the marketplace's shape, and `confirm_booking_atomic`.

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::{Value, json};
use surehold_simulators::stripe::{Action, Down};
use uuid::Uuid;

use super::with;
use crate::support::MarketplaceApi;
use crate::support::api::{Call, merged};
use crate::support::marketplace_api::{Traveller, traveller};

impl MarketplaceApi {
    fn books_by_function(&self, payment: Uuid, trip: Uuid, who: &Traveller, items: Value) -> Call {
        let arguments = json!({ "p_payment_id": payment, "p_trip_id": trip, "p_user_id": who.id, "p_items": items });
        self.api.rpc("create_booking_atomic", arguments)
    }

    fn confirms(&self, booking: impl Into<Value>, trip: impl Into<Value>) -> Call {
        let arguments = json!({ "p_booking_id": booking.into(), "p_trip_id": trip.into() });
        self.api.rpc("confirm_booking_atomic", arguments)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_trip_is_booked_whole_and_once() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([5, 5]).await;
    let ann = traveller();
    let (payment, trip) = (shop.records(&ann, 15_000, "usd").await, Uuid::new_v4());
    let by_start = json!({ "slotId": null, "date": b.date, "time": format!("{}:00", b.time) });
    let items = json!([a.item(2), merged(b.item(1), by_start)]);

    let answer = shop.books_by_function(payment, trip, &ann, items.clone()).await.is(200);
    assert_eq!(answer.header("idempotent-replayed"), None);
    let bookings = answer.body.as_array().expect("a bare array");
    for (booking, slot) in bookings.iter().zip([&a, &b]) {
        let (id, reference) = (&booking["id"], &booking["reference"]);
        let expected =
            json!({ "id": id, "reference": reference, "experienceId": slot.experience, "status": "confirmed" });
        assert_eq!(booking, &expected);
        assert!(reference.as_str().unwrap().starts_with("PL-"), "{booking}");
    }
    assert_eq!((bookings.len(), shop.seats(&a).await, shop.seats(&b).await), (2, (2, 0), (1, 0)));

    // The same again is the same again, also as text, also by the route.
    for items in [items.clone(), json!(items.to_string()), json!([a.item(2), b.item(1)])] {
        let again = shop.books_by_function(payment, trip, &ann, items).await.is(200);
        assert_eq!((again.is_replayed(), &again.body), (true, &answer.body));
    }
    let by_route = shop.creates_bookings(payment, trip, &ann, items).await.is(200);
    assert_eq!(by_route.body["bookings"], answer.body);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_raised_and_leaves_nothing() {
    let shop = MarketplaceApi::open().await;
    let [slot, blocked] = shop.slots([2, 5]).await;
    shop.api.changes_slot(blocked.id, json!({ "isBlocked": true, "blockedReason": "storm" })).await.is(200);
    let (ann, bob) = (traveller(), traveller());
    let payment = shop.records(&ann, 10_000, "usd").await;
    let trip = Uuid::new_v4();
    let guests = |guests: i32| json!([slot.item(guests)]);
    let nowhere = json!([merged(slot.item(1), json!({ "slotId": Uuid::new_v4() }))]);
    for (items, beginning) in [
        (guests(3), "INSUFFICIENT_AVAILABILITY: "),
        (json!([slot.item(1), blocked.item(1)]), "SLOT_BLOCKED: "),
        (nowhere, "SLOT_NOT_FOUND: "),
        (guests(-1), "VALIDATION_ERROR: p_items[0]"),
        (guests(0), "VALIDATION_ERROR: p_items[0]"),
        (json!([{}]), "VALIDATION_ERROR: p_items[0]"),
        (json!([]), "EMPTY_TRIP: "),
        (json!(null), "EMPTY_TRIP: "),
    ] {
        shop.books_by_function(payment, trip, &ann, items).await.raises(beginning);
    }
    let little = shop.records(&ann, 9_999, "usd").await;
    shop.books_by_function(little, trip, &ann, guests(2)).await.raises("AMOUNT_MISMATCH: ");
    shop.books_by_function(payment, trip, &bob, guests(2)).await.raises("PAYMENT_NOT_FOUND: ");
    shop.books_by_function(Uuid::new_v4(), trip, &ann, guests(2)).await.raises("PAYMENT_NOT_FOUND: ");
    let held = shop.held(&bob, guests(1)).await;
    shop.books_by_function(held.payment, held.trip, &bob, guests(1)).await.raises("PAYMENT_NOT_SUCCEEDED: ");
    for missing in ["p_payment_id", "p_trip_id", "p_user_id"] {
        let all = json!({ "p_payment_id": payment, "p_trip_id": trip, "p_user_id": ann.id, "p_items": guests(2) });
        let arguments = with(all, json!({ missing: null }));
        shop.api.rpc("create_booking_atomic", arguments).await.raises(&format!("VALIDATION_ERROR: {missing}"));
    }
    // What PostgreSQL itself says of such a call.
    for (items, message) in [
        (json!("{}"), "cannot extract elements from an object"),
        (json!("7"), "cannot extract elements from a scalar"),
        (json!(true), "cannot extract elements from a scalar"),
    ] {
        let answer = shop.books_by_function(payment, trip, &ann, items).await;
        assert_eq!((answer.status, answer.code(), answer.rest_message()), (400, "22023", message));
    }
    let answer = shop.books_by_function(payment, trip, &ann, json!("[")).await;
    assert_eq!((answer.status, answer.code()), (400, "22P02"), "{answer:?}");
    assert_eq!((shop.seats(&slot).await, shop.count("bookings").await), ((0, 1), 1), "only the hold");

    shop.books_by_function(payment, trip, &ann, guests(2)).await.raises("INSUFFICIENT_AVAILABILITY: ");
    shop.acts(&held.session, Action::Expire).await;
    shop.books_by_function(payment, trip, &ann, guests(2)).await.is(200);
    shop.books_by_function(payment, Uuid::new_v4(), &ann, guests(2)).await.raises("PAYMENT_USED: ");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_trips_for_the_last_seat() {
    let shop = MarketplaceApi::open().await;
    let [last, other] = shop.slots([1, 50]).await;
    let mut paid = Vec::new();
    for _ in 0..10 {
        let who = traveller();
        paid.push((shop.records(&who, 10_000, "usd").await, who));
    }
    let items = json!([other.item(1), last.item(1)]);
    let tries = paid
        .iter()
        .map(|(payment, who)| shop.books_by_function(*payment, Uuid::new_v4(), who, items.clone()).into_future());
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.raises("INSUFFICIENT_AVAILABILITY: ");
    }
    assert_eq!((shop.seats(&last).await, shop.seats(&other).await), ((1, 0), (1, 0)));
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_confirmed_by_money_and_by_nothing_else() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let ann = traveller();
    // The webhook is lost.
    shop.stripe.set_webhooks(Vec::new());
    let held = shop.held(&ann, json!([slot.item(1)])).await;
    let (booking, trip) = (held.bookings[0], held.trip);

    let unpaid = shop.confirms(booking.to_string(), trip.to_string()).await.is(200);
    assert_eq!((&unpaid.body["success"], &unpaid.body["errorCode"]), (&json!(false), &json!("PAYMENT_NOT_SUCCEEDED")));
    assert_eq!(shop.bookings(held.payment).await, ["pending_payment"]);

    shop.pays(&held.session).await;
    shop.stripe.faults().change(|faults| faults.api.down = Some(Down::Closed));
    let away = shop.confirms(booking.to_string(), trip.to_string()).await;
    assert_eq!((away.status, away.code()), (503, "STRIPE_UNAVAILABLE"), "nobody knows: {away:?}");
    shop.stripe.faults().change(|faults| faults.api.down = None);
    for _ in 0..2 {
        let done = shop.confirms(booking.to_string(), trip.to_string()).await.is(200);
        let reference = done.body["reference"].clone();
        assert!(reference.as_str().unwrap().starts_with("PL-"), "{done:?}");
        let expected = json!({
            "success": true, "booking_id": booking, "reference": reference, "status": "confirmed", "error": null,
        });
        assert_eq!(done.body, expected);
    }
    assert_eq!(shop.count("journal WHERE event = 'booking.confirmed'").await, 1);

    let asked = shop.stripe.request_count("GET /v1/checkout/sessions/{id}");
    shop.cancels(&ann, booking).await.is(200);
    let gone = shop.confirms(booking.to_string(), trip.to_string()).await.is(200);
    let said = (&gone.body["success"], &gone.body["status"], &gone.body["errorCode"]);
    assert_eq!(said, (&json!(false), &json!("cancelled"), &json!("BOOKING_NOT_ACTIVE")));
    assert_eq!(shop.stripe.request_count("GET /v1/checkout/sessions/{id}"), asked, "nothing to ask");

    let student = shop.api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let exam = shop.api.books(&student, shop.api.opens("Clinical Skills", 1).await).await.is(201).id();
    for (booking, trip) in [
        (json!(booking), json!(Uuid::new_v4())),
        (json!(Uuid::new_v4()), json!(trip)),
        (json!(exam), json!(trip)),
        (json!(null), json!(trip)),
        (json!(booking), json!(null)),
    ] {
        let none = shop.confirms(booking, trip).await.is(200);
        assert_eq!((&none.body["success"], &none.body["error"]), (&json!(false), &json!("Booking not found")));
    }
    let wrong = shop.confirms("x", trip.to_string()).await;
    assert_eq!((wrong.status, wrong.code()), (400, "22P02"), "{wrong:?}");
    shop.laws_hold().await;
}
