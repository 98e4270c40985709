//! Checkout: seats held, one session at Stripe, and nobody pays another price.

use std::collections::BTreeSet;
use std::future::IntoFuture;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use surehold::desk::{CommitMode, DeskOptions};
use surehold::stripe::Accounts;
use surehold_core::command::OfferingTerms;

use crate::support::MarketplaceApi;
use crate::support::api::merged;
use crate::support::marketplace_api::{Held, checkout_of, traveller};
use crate::support::stripe_client::stripe_client;

const CREATE: &str = "POST /v1/checkout/sessions";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trip_is_held_and_there_is_a_page_to_pay_it() {
    let shop = MarketplaceApi::open().await;
    let (sail, lunch) = (shop.experience("Sunset sail", 4900).await, shop.experience("Lunch", 2000).await);
    let (evening, noon) = (shop.slot(sail, 5).await, shop.slot(lunch, 5).await);
    let ann = traveller();

    let answer = shop.holds(&ann, json!([evening.item(2), noon.item(1)])).await.is(201);

    let mut body = answer.masked();
    for (place, prefix) in [("/sessionId", "cs_test_"), ("/checkoutUrl", shop.stripe.base_url())] {
        let text = body.pointer_mut(place).unwrap();
        assert!(text.as_str().unwrap().starts_with(prefix), "{text}");
        *text = "[stripe's]".into();
    }
    for booking in body["bookings"].as_array_mut().unwrap() {
        let reference = booking["reference"].as_str().unwrap();
        let rest = reference.strip_prefix("PL-").unwrap();
        assert!(rest.len() == 8 && !rest.contains(['0', 'O', '1', 'I', 'L']), "{reference}");
        booking["reference"] = "PL-[8 characters]".into();
    }
    insta::assert_json_snapshot!("checkout_opened", body);
    let held = Held::of(&answer);
    let until: Timestamp = answer.body["expiresAt"].as_str().unwrap().parse().unwrap();
    let minutes = (until - Timestamp::now()).total(jiff::Unit::Minute).unwrap();
    assert!((33.0..=35.1).contains(&minutes), "{minutes}");
    assert_eq!((shop.seats(&evening).await, shop.seats(&noon).await), ((0, 2), (0, 1)));

    // As any shop would read it at Stripe.
    let job = json!({ "job": "session", "id": held.session });
    let [session]: [Value; 1] = stripe_client(shop.stripe.base_url(), &[job]).await.try_into().unwrap();
    assert_eq!((&session["amount_total"], &session["currency"]), (&json!(11800), &json!("usd")));
    assert_eq!(session["client_reference_id"], json!(held.payment));
    assert_eq!(session["expires_at"], until.as_second());
    let ours = json!({ "payment_id": held.payment, "trip_id": held.trip, "user_id": ann.id, "org_id": shop.api.school.org_id });
    assert_eq!(session["metadata"], ours);
    assert_eq!(session["url"], answer.body["checkoutUrl"]);
    let lines: Vec<_> =
        session["line_items"]["data"].as_array().unwrap().iter().map(|line| &line["description"]).collect();
    let name = |experience: &str, slot: &crate::support::marketplace_api::Slot| {
        json!(format!("{experience}, {} {}", slot.date, slot.time))
    };
    assert_eq!(lines, [&name("Sunset sail", &evening), &name("Lunch", &noon)]);
    // On the payment itself, too: charges and refunds have that.
    shop.pays(&held.session).await;
    assert_eq!(json!(shop.stripe.payment_intents()[0].metadata), ours);
    // The hold outlives its session by two minutes.
    let sql = format!(
        "SELECT extract(epoch FROM expires_at - pay_until)::bigint FROM payments WHERE id = '{}'",
        held.payment
    );
    assert_eq!(shop.api.school.number(&sql).await, 120);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_items_again_are_the_same_trip() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([5, 5]).await;
    let ann = traveller();
    let first = shop.holds(&ann, json!([a.item(2), b.item(1)])).await.is(201);

    // In another order, by the trip's id, by a service key for her, and by date and time.
    let by_time = json!({ "experienceId": a.experience, "date": a.date, "time": a.time, "guestCount": 2 });
    let trip = json!({ "tripItems": [a.item(2), b.item(1)], "tripId": first.body["tripId"] });
    let repeats = [
        shop.holds(&ann, json!([a.item(2), b.item(1)])),
        shop.holds(&ann, json!([b.item(1), a.item(2)])),
        shop.checks_out(&ann, trip).bearer(&ann.token),
        shop.checks_out(&ann, json!({ "tripItems": [a.item(2), b.item(1)] })).by_service(),
        shop.holds(&ann, json!([by_time, b.item(1)])),
    ];
    for call in repeats {
        let again = call.await.is(200);
        assert!(again.is_replayed());
        assert_eq!(again.body, first.body);
    }
    // Somebody else with the same wishes has a trip of their own.
    let bob = shop.holds(&traveller(), json!([a.item(2), b.item(1)])).await.is(201);
    assert_ne!(bob.body["tripId"], first.body["tripId"]);
    assert_eq!(shop.stripe.sessions().len(), 2);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 4), (0, 2)));
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_clicks_at_once_are_one_trip_one_payment_and_one_session() {
    for mode in [CommitMode::Lanes, CommitMode::PerRequest] {
        let shop = MarketplaceApi::with(DeskOptions { mode, ..DeskOptions::default() }, |_| {}).await;
        let [a, b] = shop.slots([20, 20]).await;
        let ann = traveller();
        for (round, trip) in [None, Some(uuid::Uuid::new_v4())].into_iter().enumerate() {
            // Stripe takes its time, so that all of them want the session at once.
            shop.stripe.faults().change(|faults| faults.api.latency_ms = Some((50, 100)));
            let body = json!({ "tripItems": [a.item(1 + round as i32), b.item(1)], "tripId": trip });
            let clicks = (0..10).map(|_| shop.checks_out(&ann, body.clone()).bearer(&ann.token).into_future());
            let answers = join_all(clicks).await;

            assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{mode:?}");
            assert!(answers.iter().all(|answer| answer.status == 201 || answer.is_replayed()), "{answers:?}");
            assert_eq!(answers.iter().map(|answer| answer.body.to_string()).collect::<BTreeSet<_>>().len(), 1);
            assert_eq!(shop.stripe.sessions().len(), round + 1);
        }
        assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 3), (0, 2)));
        assert_eq!((shop.count("trips").await, shop.count("payments").await), (2, 2));
        shop.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_travellers_for_the_last_seat_exactly_one_holds_it() {
    for mode in [CommitMode::Lanes, CommitMode::PerRequest] {
        let shop = MarketplaceApi::with(DeskOptions { mode, ..DeskOptions::default() }, |_| {}).await;
        let [wanted, other] = shop.slots([1, 50]).await;
        let travellers: Vec<_> = (0..10).map(|_| traveller()).collect();

        let tries = travellers.iter().map(|who| shop.holds(who, json!([other.item(2), wanted.item(1)])).into_future());
        let answers = join_all(tries).await;

        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{mode:?}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            let details = answer.refused(400, "INSUFFICIENT_AVAILABILITY");
            assert_eq!(details, &json!({ "slots": [{ "slotId": wanted.id, "requested": 1, "available": 0 }] }));
            assert_eq!(answer.body["errorCode"], "INSUFFICIENT_AVAILABILITY");
            assert!(answer.body["error"].as_str().unwrap().contains("Slot no longer available"), "{answer:?}");
        }
        // All or nothing: nine trips left nothing on the slot that has seats for all.
        assert_eq!((shop.seats(&wanted).await, shop.seats(&other).await), ((0, 1), (0, 2)));
        assert_eq!(shop.stripe.sessions().len(), 1);
        shop.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_price_is_ours_whatever_the_body_says() {
    let shop = MarketplaceApi::open().await;
    let sail = shop.experience("Sail", 5000).await;
    let (plain, at) = (shop.slot(sail, 9).await, Timestamp::now() + SignedDuration::from_hours(240));
    let dear = shop.slot_for(shop.api.school.org_id, sail, 9, at, Some(7500)).await;
    let ann = traveller();
    let cheap = |item: Value| merged(item, json!({ "price": 1, "totalPrice": 1, "unitAmount": 1, "amount": 1 }));
    let body =
        json!({ "tripItems": [cheap(plain.item(1)), cheap(dear.item(2))], "amount": 1, "currency": "jpy", "price": 1 });

    let held = shop.checks_out(&ann, body).bearer(&ann.token).await.is(201);

    assert_eq!((&held.body["amount"], &held.body["currency"]), (&json!(20_000), &json!("usd")));
    let session = &shop.stripe.sessions()[0];
    assert_eq!((session.amount_total, session.currency.as_str()), (20_000, "usd"));
    // A later price changes nothing for whoever holds seats.
    shop.api.meddles("UPDATE offerings SET price_minor = 1").await;
    shop.pays(&session.id).await;
    assert_eq!(shop.status(Held::of(&held).payment).await, "succeeded");

    // Without a price, and for nothing, there is no checkout.
    let free = shop.experience("Free", 0).await;
    let unsold = shop.experience_with("Not sold", OfferingTerms::default()).await;
    for experience in [free, unsold] {
        let slot = shop.slot(experience, 5).await;
        shop.holds(&ann, json!([slot.item(1)])).await.refused(400, "INVALID_PRICE");
    }
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_field_is_named() {
    let shop = MarketplaceApi::open().await;
    let [slot, other] = shop.slots([20, 20]).await;
    let ann = traveller();
    let good = merged(checkout_of(&ann), json!({ "tripItems": [slot.item(1)] }));
    let ask = |more: Value| shop.api.post("/functions/v1/checkout", merged(good.clone(), more)).bearer(&ann.token);
    let item = |more: Value| json!({ "tripItems": [merged(slot.item(1), more)] });

    let empty = shop.api.post("/functions/v1/checkout", json!({})).bearer(&ann.token).await;
    empty.names_bad_fields(&["cancelUrl", "successUrl", "tripItems"]);
    let everything = json!({
        "tripId": 7, "successUrl": "javascript:alert(1)", "cancelUrl": "x", "email": "nobody", "tripItems": [slot.item(0), 5],
    });
    ask(everything).await.names_bad_fields(&[
        "cancelUrl",
        "email",
        "successUrl",
        "tripId",
        "tripItems[0]",
        "tripItems[1]",
    ]);
    for (bad, field) in [
        (json!({ "tripItems": "all" }), "tripItems"),
        (json!({ "tripItems": { "slotId": slot.id } }), "tripItems"),
        (item(json!({ "guestCount": 0 })), "tripItems[0]"),
        (item(json!({ "guestCount": -1 })), "tripItems[0]"),
        (item(json!({ "guestCount": 1.5 })), "tripItems[0]"),
        (item(json!({ "guestCount": null })), "tripItems[0]"),
        (item(json!({ "guestCount": i64::MAX })), "tripItems[0]"),
        (item(json!({ "guestCount": 11 })), "tripItems"),
        (item(json!({ "slotId": null })), "tripItems[0]"),
        (item(json!({ "slotId": null, "date": slot.date })), "tripItems[0]"),
        (item(json!({ "experienceId": null })), "tripItems[0]"),
        (item(json!({ "experienceId": uuid::Uuid::new_v4() })), "tripItems"),
        (item(json!({ "date": "2030-02-30" })), "tripItems[0]"),
        (item(json!({ "date": "2031-01-01" })), "tripItems"),
        (item(json!({ "time": "00:01" })), "tripItems"),
        (json!({ "tripItems": [slot.item(6), slot.item(5)] }), "tripItems"),
        (json!({ "tripItems": vec![slot.item(1); 51] }), "tripItems"),
        (json!({ "successUrl": "https://" }), "successUrl"),
        (json!({ "cancelUrl": "https://trips.example/\r\nx" }), "cancelUrl"),
    ] {
        ask(bad).await.names_bad_fields(&[field]);
    }
    ask(json!({ "tripItems": [] })).await.refused(400, "EMPTY_TRIP");
    ask(item(json!({ "slotId": uuid::Uuid::new_v4() }))).await.refused(404, "SLOT_NOT_FOUND");
    ask(item(json!({ "slotId": null, "date": "2031-01-01", "time": "09:00" }))).await.refused(404, "SLOT_NOT_FOUND");
    // Sessions of the exam school are none of the marketplace's.
    let exam = shop.api.opens("Clinical Skills", 5).await;
    ask(item(json!({ "slotId": exam }))).await.refused(404, "SLOT_NOT_FOUND");

    assert_eq!(shop.count("bookings").await + shop.count("payments").await + shop.count("trips").await, 0);
    assert_eq!(shop.stripe.request_count(CREATE), 0);
    // A slot that is named twice counts together.
    ask(json!({ "tripItems": [slot.item(6), other.item(1), slot.item(4)] })).await.is(201);
    assert_eq!(shop.seats(&slot).await, (0, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_is_not_on_sale_says_why() {
    let shop = MarketplaceApi::open().await;
    let sail = shop.experience("Sail", 5000).await;
    let ann = traveller();
    for (slot, change, code) in [
        (shop.slot_in(sail, 5, 119).await, None, "CUTOFF_TIME_PASSED"),
        (shop.slot_in(sail, 5, -1).await, None, "SLOT_PAST"),
        (shop.slot(sail, 5).await, Some("is_blocked = true, blocked_reason = 'wind'"), "SLOT_BLOCKED"),
        (shop.slot(sail, 5).await, Some("status = 'inactive'"), "SLOT_NOT_ACTIVE"),
    ] {
        if let Some(change) = change {
            assert_eq!(shop.api.meddles(&format!("UPDATE slots SET {change} WHERE id = '{}'", slot.id)).await, 1);
        }
        shop.holds(&ann, json!([slot.item(1)])).await.refused(400, code);
        assert_eq!(shop.seats(&slot).await, (0, 0));
    }
    let soon = shop.slot_in(sail, 5, 123).await;
    shop.holds(&ann, json!([soon.item(1)])).await.is(201);
    assert_eq!(shop.stripe.sessions().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_one_checkout_for_ever() {
    let shop = MarketplaceApi::open().await;
    let [a, b] = shop.slots([5, 5]).await;
    let ann = traveller();
    let ask = |items: Value| shop.holds(&ann, items).key("mine");
    let first = ask(json!([a.item(1)])).await.is(201);
    let again = ask(json!([a.item(1)])).await.is(200);
    assert!(again.is_replayed());
    assert_eq!(again.body, first.body);
    ask(json!([b.item(1)])).await.refused(422, "IDEMPOTENCY_MISMATCH");
    // The same key of another traveller, or of a service key, is another key.
    let bob = traveller();
    shop.holds(&bob, json!([a.item(1)])).key("mine").await.is(201);

    // Long afterwards, too: it is told of its own session, whatever became of that.
    let held = Held::of(&first);
    shop.time_goes_by(held.payment, -180, -60).await;
    assert_eq!(shop.holds_end().await, 1);
    let late = ask(json!([a.item(1)])).await.is(200);
    assert_eq!((&late.body["sessionId"], late.body.get("checkoutUrl")), (&json!(held.session), None));
    assert_eq!(late.body["bookings"][0]["status"], "expired");
    assert_eq!(shop.seats(&a).await, (0, 1));
    // Without it she may try again.
    let anew = shop.held(&ann, json!([a.item(1)])).await;
    assert_ne!((anew.payment, anew.session), (held.payment, held.session));
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_account_nothing_is_held() {
    let shop = MarketplaceApi::with(DeskOptions::default(), |options| options.stripe = Accounts::default()).await;
    let [slot] = shop.slots([5]).await;
    let ann = traveller();
    let answer = shop.holds(&ann, json!([slot.item(1)])).await;
    answer.refused(503, "PAYMENTS_NOT_CONFIGURED");
    shop.hears("{}", "t=1,v1=00").await.refused(503, "PAYMENTS_NOT_CONFIGURED");
    assert_eq!(shop.seats(&slot).await, (0, 0));
    assert_eq!(shop.count("payments").await, 0);
}
