//! A traveller changes a trip that has a checkout already: the old session is closed at Stripe first.

use std::future::IntoFuture;

use serde_json::{Value, json};
use surehold_simulators::stripe::{Action, Calls, Down, SessionStatus};

use crate::support::MarketplaceApi;
use crate::support::api::Call;
use crate::support::marketplace_api::{Held, Slot, Traveller, traveller};

const EXPIRE: &str = "/v1/checkout/sessions/{id}/expire";

/// A marketplace, and a trip of one slot that is held; another slot to change it to.
async fn held_trip() -> (MarketplaceApi, Traveller, [Slot; 2], Held) {
    let shop = MarketplaceApi::open().await;
    let slots = shop.slots([5, 5]).await;
    let ann = traveller();
    let held = shop.held(&ann, json!([slots[0].item(2)])).await;
    (shop, ann, slots, held)
}

/// The same trip, with other items.
fn changes(shop: &MarketplaceApi, ann: &Traveller, trip: &Held, items: Value) -> Call {
    shop.checks_out(ann, json!({ "tripItems": items, "tripId": trip.trip })).bearer(&ann.token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_session_is_closed_and_its_seats_are_free() {
    let (shop, ann, [a, b], old) = held_trip().await;

    let answer = changes(&shop, &ann, &old, json!([b.item(1), a.item(1)])).await.is(201);

    let new = Held::of(&answer);
    assert_eq!(new.trip, old.trip);
    assert_ne!((new.payment, &new.session), (old.payment, &old.session));
    assert_eq!(shop.stripe.session(&old.session).unwrap().status, SessionStatus::Expired);
    assert_eq!(shop.stripe.session(&new.session).unwrap().status, SessionStatus::Open);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 1), (0, 1)));
    let payment = shop.payment(old.payment).await;
    // Stripe's own word that it is closed may have been faster than ours.
    let reasons = [json!("replaced"), json!("session_expired")];
    assert!(payment["status"] == "failed" && reasons.contains(&payment["reason"]), "{payment}");
    // Its last webhook comes late, and changes nothing.
    shop.delivered().await;
    assert_eq!(shop.status(new.payment).await, "pending");
    shop.pays(&new.session).await;
    assert_eq!(shop.bookings(new.payment).await, ["confirmed", "confirmed"]);
    shop.laws_hold().await;
}

/// Of two changes at once each ends as somebody's checkout, and one of them is open in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_at_once_leave_one_open_session() {
    let (shop, ann, [a, b], old) = held_trip().await;
    let calls = (1..=4).map(|n| changes(&shop, &ann, &old, json!([b.item(n), a.item(1)])).into_future());
    let answers = futures::future::join_all(calls).await;

    let accepted = |status| [200, 201, 409, 503].contains(&status);
    assert!(answers.iter().all(|answer| accepted(answer.status)), "{answers:?}");
    assert!(answers.iter().any(|answer| answer.status == 201), "{answers:?}");
    let open: Vec<_> = shop.stripe.sessions().into_iter().filter(|session| session.is_open()).collect();
    assert_eq!(open.len(), 1, "{answers:?}");
    assert_eq!(shop.count("payments WHERE status = 'pending'").await, 1);
    let (taken, held) = shop.seats(&a).await;
    assert_eq!((taken, held), (0, 1));
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_session_that_was_paid_is_settled() {
    let (shop, ann, [a, b], old) = held_trip().await;
    // The webhook is lost; only Stripe knows.
    shop.stripe.set_webhooks(Vec::new());
    shop.stripe.act(&old.session, Action::Pay).unwrap();

    changes(&shop, &ann, &old, json!([b.item(1)])).await.refused(409, "TRIP_ALREADY_BOOKED");

    assert_eq!(shop.status(old.payment).await, "succeeded");
    assert_eq!(shop.bookings(old.payment).await, ["confirmed"]);
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((2, 0), (0, 0)));
    changes(&shop, &ann, &old, json!([b.item(1)])).await.refused(409, "TRIP_ALREADY_BOOKED");
    changes(&shop, &ann, &old, json!([a.item(2)])).await.refused(409, "TRIP_ALREADY_BOOKED");
    // Another trip is another matter.
    shop.holds(&ann, json!([a.item(2)])).await.is(201);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_session_whose_transfer_is_on_its_way_stands() {
    let (shop, ann, [a, b], old) = held_trip().await;
    shop.stripe.set_webhooks(Vec::new());
    shop.stripe.act(&old.session, Action::PayLater).unwrap();

    for _ in 0..2 {
        changes(&shop, &ann, &old, json!([b.item(1)])).await.refused(409, "PAYMENT_PROCESSING");
    }
    assert_eq!(shop.status(old.payment).await, "processing");
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 2), (0, 0)));
    // Nor is it another trip if she only clicks again.
    shop.holds(&ann, json!([a.item(2)])).await.refused(409, "PAYMENT_PROCESSING");
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_stripe_is_silent_the_old_hold_stands() {
    let (shop, ann, [a, b], old) = held_trip().await;
    for down in [Down::Unavailable, Down::Closed] {
        shop.stripe.faults().change(|faults| faults.api.down = Some(down));
        changes(&shop, &ann, &old, json!([b.item(1)])).await.refused(503, "STRIPE_UNAVAILABLE");
    }
    shop.stripe.faults().clear();
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 2), (0, 0)));
    assert_eq!(shop.status(old.payment).await, "pending");
    // The same items need no word from Stripe.
    shop.stripe.faults().change(|faults| faults.api.down = Some(Down::Closed));
    assert_eq!(Held::of(&shop.holds(&ann, json!([a.item(2)])).await.is(200)).session, old.session);
    shop.stripe.faults().clear();

    // It is closed, and the answer is lost: the next try finds out.
    shop.stripe.faults().change(|faults| faults.api.timeout_after_effect = vec![Calls::next(1, "POST", EXPIRE)]);
    changes(&shop, &ann, &old, json!([b.item(1)])).await.refused(503, "STRIPE_UNAVAILABLE");
    assert_eq!(shop.stripe.session(&old.session).unwrap().status, SessionStatus::Expired);
    let new = Held::of(&changes(&shop, &ann, &old, json!([b.item(1)])).await.is(201));
    assert_eq!((shop.seats(&a).await, shop.seats(&b).await), ((0, 0), (0, 1)));
    shop.pays(&new.session).await;
    assert_eq!(shop.status(new.payment).await, "succeeded");
    shop.laws_hold().await;
}

/// The new items do not fit: the old hold is gone then, since its session cannot be opened again, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_to_what_is_full_leaves_nothing_half_done() {
    let (shop, ann, [a, b], old) = held_trip().await;
    changes(&shop, &ann, &old, json!([b.item(6)])).await.refused(400, "INSUFFICIENT_AVAILABILITY");
    let held = shop.seats(&a).await.1;
    let session = shop.stripe.session(&old.session).unwrap().status;
    assert!(matches!((held, session), (0, SessionStatus::Expired) | (2, SessionStatus::Open)), "{held} {session:?}");
    assert_eq!(shop.seats(&b).await, (0, 0));
    shop.laws_hold().await;
}
