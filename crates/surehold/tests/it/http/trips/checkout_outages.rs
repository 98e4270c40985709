//! Stripe at its worst while a checkout is opened: the seats are free afterwards, or the session is found again.

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::json;
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;
use surehold_core::command::{Command, ReleasePayment, ReleaseReason};
use surehold_simulators::stripe::{Calls, Down, Error500, SessionStatus, Simulator};

use crate::support::MarketplaceApi;
use crate::support::gate::{Gate, Stop};
use crate::support::marketplace_api::{Held, WEBHOOK_SECRET, accounts, stripe_options, traveller};

const SESSIONS: &str = "/v1/checkout/sessions";
const CREATE: &str = "POST /v1/checkout/sessions";

fn next(times: u32) -> Vec<Calls> {
    vec![Calls::next(times, "POST", SESSIONS)]
}

fn errors(times: u32, saved: bool) -> Vec<Error500> {
    vec![Error500 { calls: Calls::next(times, "POST", SESSIONS), saved }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_stripes_is_said_and_nothing_is_held() {
    let shop = MarketplaceApi::open().await;
    // Less than the least that Stripe takes.
    let penny = shop.experience("A penny's worth", 1).await;
    let slot = shop.slot(penny, 5).await;
    let ann = traveller();
    for _ in 0..2 {
        shop.holds(&ann, json!([slot.item(1)])).await.refused(400, "STRIPE_ERROR");
        assert_eq!(shop.seats(&slot).await, (0, 0));
    }
    assert_eq!(shop.stripe.request_count(CREATE), 2, "a refusal is not asked again");
    assert_eq!(shop.count("payments WHERE status <> 'failed'").await, 0);
    assert_eq!(shop.count("bookings WHERE status <> 'expired'").await, 0);
    // It is not the trip's end.
    shop.api.meddles("UPDATE offerings SET price_minor = 5000 WHERE family = 'experience'").await;
    shop.holds(&ann, json!([slot.item(1)])).await.is(201);
    shop.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_stripe_is_down_nothing_is_held() {
    let shop = MarketplaceApi::open().await;
    let [slot, other] = shop.slots([5, 5]).await;
    let ann = traveller();
    for down in [Down::Unavailable, Down::Closed] {
        shop.stripe.faults().change(|faults| faults.api.down = Some(down));
        let answer = shop.holds(&ann, json!([slot.item(2), other.item(1)])).await;
        answer.refused(503, "STRIPE_UNAVAILABLE");
        assert_eq!((shop.seats(&slot).await, shop.seats(&other).await), ((0, 0), (0, 0)));
    }
    shop.stripe.faults().change(|faults| {
        faults.api.down = None;
        faults.api.error_429 = next(30);
    });
    shop.holds(&ann, json!([slot.item(2)])).await.refused(503, "STRIPE_UNAVAILABLE");
    shop.stripe.faults().clear();
    assert_eq!(shop.count("payments WHERE status <> 'failed'").await, 0);
    assert_eq!(shop.stripe.sessions().len(), 0);
    shop.holds(&ann, json!([slot.item(2), other.item(1)])).await.is(201);
    shop.laws_hold().await;
}

/// A moment's trouble is not the traveller's: the same bytes go out under the same key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moments_trouble_is_over_before_anybody_hears_of_it() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([20]).await;
    for (number, fault) in
        ["a 500", "two 429", "a timeout before", "two timeouts after", "all of it"].into_iter().enumerate()
    {
        let before = shop.stripe.request_count(CREATE);
        shop.stripe.faults().change(|faults| match number {
            0 => faults.api.error_500 = errors(1, false),
            1 => faults.api.error_429 = next(2),
            2 => faults.api.timeout_before_effect = next(1),
            3 => faults.api.timeout_after_effect = next(2),
            _ => {
                faults.api.error_500 = errors(1, false);
                faults.api.timeout_after_effect = next(1);
            }
        });
        let ann = traveller();
        let held = shop.held(&ann, json!([slot.item(1)])).await;
        assert!(shop.stripe.request_count(CREATE) > before + 1, "{fault}");
        let sessions = shop.stripe.sessions();
        assert_eq!(sessions.len(), number + 1, "{fault}: one session, found again under its key");
        assert_eq!(sessions[number].id, held.session);
    }
    assert_eq!(shop.seats(&slot).await, (0, 5));
    shop.laws_hold().await;
}

/// Stripe made the session and never said so: nobody has its address, the seats are free, and the next try holds anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_nobody_was_told_of_holds_no_seat() {
    let stripe = Simulator::start(stripe_options()).await.unwrap();
    let gate = Gate::to(stripe.address()).await;
    let base = gate.url.clone();
    let through_the_gate = |options: &mut HttpOptions| options.stripe = accounts(WEBHOOK_SECRET, &base);
    let shop = MarketplaceApi::paid_through(stripe, DeskOptions::default(), through_the_gate).await;
    let [slot] = shop.slots([2]).await;
    let ann = traveller();
    gate.stops(Stop::Loses("POST /v1/checkout/sessions "));
    shop.holds(&ann, json!([slot.item(2)])).await.refused(503, "STRIPE_UNAVAILABLE");
    gate.stops(Stop::Nowhere);
    assert_eq!(shop.stripe.sessions().len(), 1);
    assert_eq!(shop.seats(&slot).await, (0, 0));

    let held = shop.held(&ann, json!([slot.item(2)])).await;
    let [lost, open] = shop.stripe.sessions().try_into().unwrap();
    assert_ne!(lost.id, held.session);
    assert_eq!(open.id, held.session);
    // Even if somebody found its address and paid it: that money goes back, and the trip is paid once.
    shop.pays(&held.session).await;
    shop.pays(&lost.id).await;
    shop.cashier.push_refunds(&shop.org().await).await.unwrap();
    shop.delivered().await;
    let [refund] = shop.stripe.refunds().try_into().unwrap();
    let lost = shop.stripe.session(&lost.id).unwrap();
    assert_eq!((refund.amount, Some(&refund.payment_intent)), (10_000, lost.payment_intent.as_ref()));
    assert_eq!(shop.seats(&slot).await, (2, 0));
    assert_eq!(shop.status(held.payment).await, "succeeded");
    shop.laws_hold().await;
}

/// Stripe answers 500 to a key for as long as it remembers it: the next try has another key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_500_that_stripe_keeps_ends_with_its_attempt() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([2]).await;
    let ann = traveller();
    shop.stripe.faults().change(|faults| faults.api.error_500 = errors(1, true));
    shop.holds(&ann, json!([slot.item(1)])).await.refused(503, "STRIPE_UNAVAILABLE");
    assert_eq!(shop.seats(&slot).await, (0, 0));
    shop.holds(&ann, json!([slot.item(1)])).await.is(201);
    shop.laws_hold().await;
}

/// One of a double click is slower than all its patience: it must not take away what the other one has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impatient_click_does_not_take_the_other_ones_seats() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    for round in 1..=2 {
        let ann = traveller();
        // Longer than three tries of a repeat, each of which hears that the first call is still running.
        shop.stripe.faults().change(|faults| faults.api.latency_ms = Some((2500, 2500)));
        let clicks = join_all((0..3).map(|_| shop.holds(&ann, json!([slot.item(1)])).into_future())).await;
        shop.stripe.faults().clear();

        let good: Vec<_> = clicks.iter().filter(|answer| [200, 201].contains(&answer.status)).collect();
        assert!(!good.is_empty(), "{clicks:?}");
        for answer in &good {
            let held = Held::of(answer);
            assert_eq!(shop.status(held.payment).await, "pending", "{clicks:?}");
            assert_eq!(shop.stripe.session(&held.session).unwrap().status, SessionStatus::Open);
        }
        assert!(clicks.iter().all(|answer| good.len() == 3 || answer.status != 200 || answer.body == good[0].body));
        assert_eq!(shop.seats(&slot).await, (0, round), "{clicks:?}");
        assert_eq!(shop.stripe.sessions().len(), round as usize);
    }
    shop.laws_hold().await;
}

/// The same, at the last moment: one gives up just after the other one was given the session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_late_does_not_end_an_open_session() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([5]).await;
    let held = shop.held(&traveller(), json!([slot.item(1)])).await;
    let give_up = ReleasePayment { payment_id: held.payment, reason: ReleaseReason::CheckoutRefused };
    shop.api.school.submit(Command::ReleasePayment(give_up)).await.unwrap();
    assert_eq!(shop.status(held.payment).await, "pending");
    assert_eq!(shop.seats(&slot).await, (0, 1));
    shop.pays(&held.session).await;
    assert_eq!(shop.status(held.payment).await, "succeeded");
    shop.laws_hold().await;
}
