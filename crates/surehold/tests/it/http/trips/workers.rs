//! The workers, as the server runs them.

use std::future::pending;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use surehold::cashier::Cashier;
use surehold::stripe::Accounts;
use surehold::workers::payments;
use surehold_simulators::stripe::Action;
use tokio::task::JoinSet;

use crate::support::MarketplaceApi;
use crate::support::marketplace_api::{Held, STRIPE_KEY, Slot, WEBHOOK_SECRET, accounts, traveller, until};
use crate::support::school::store_with;

/// Nobody keeps a connection while another one is waited for, or while Stripe is asked: one is enough for all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_for_reads_is_enough_for_all_of_them() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([9]).await;
    let ann = traveller();
    let cancelled = shop.books(&ann, json!([slot.item(1)])).await;
    shop.stripe.set_webhooks(Vec::new());
    let lost = shop.held(&traveller(), json!([slot.item(2)])).await;
    let ending = shop.held(&traveller(), json!([slot.item(3)])).await;
    for held in [&lost, &ending] {
        shop.stripe.act(&held.session, Action::Pay).unwrap();
    }
    shop.time_goes_by(ending.payment, -5, 115).await;
    shop.cancels(&ann, cancelled.bookings[0]).await.is(200);

    let store = store_with(&shop.api.school.db.url, 1);
    let accounts = accounts(WEBHOOK_SECRET, shop.stripe.base_url());
    let cashier = Cashier::new(store.clone(), shop.api.school.desk.clone(), accounts);
    let mut workers = JoinSet::new();
    workers.spawn(payments::send_refunds(store.clone(), cashier.clone(), pending()));
    workers.spawn(payments::settle_ending(store.clone(), cashier.clone(), pending()));
    workers.spawn(payments::reconcile(store.clone(), cashier.clone(), Duration::from_secs(1), pending()));

    let settled = async || shop.seats(&slot).await == (5, 0) && shop.status(cancelled.payment).await == "refunded";
    until("all is done", settled).await;
    let since = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let report = cashier.reconcile_refunds(&shop.org().await, since).await.unwrap();
    assert_eq!((report.asked, report.failed), (2, 0));
    shop.laws_hold().await;
}

/// Stripe does not know the key of the first organisation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_that_stripe_turns_away_does_not_keep_the_others_waiting() {
    let shop = MarketplaceApi::open().await;
    let islands = shop.api.another_org("islands", &[]).await;
    let theirs = shop.slot_of_others(islands.org_id, 5000).await;
    let [ours] = shop.slots([5]).await;
    shop.stripe.set_webhooks(Vec::new());
    let hold = |slot: Slot| shop.checks_out(&traveller(), json!({ "tripItems": [slot.item(1)] }));
    let ours = Held::of(&hold(ours).by_service().await.is(201));
    let theirs = Held::of(&hold(theirs).bearer(&islands.service).await.is(201));
    for held in [&ours, &theirs] {
        shop.stripe.act(&held.session, Action::Pay).unwrap();
    }

    let keys = SecretString::from(format!("school=sk_test_unknown,islands={STRIPE_KEY}"));
    let secrets = SecretString::from("school=whsec_school,islands=whsec_islands");
    let accounts = Accounts::parse(Some(&keys), Some(&secrets), shop.stripe.base_url()).unwrap();
    let (store, desk) = (shop.api.school.store.clone(), shop.api.school.desk.clone());
    let cashier = Cashier::new(store.clone(), desk, accounts);
    let mut worker = JoinSet::new();
    worker.spawn(payments::reconcile(store, cashier, Duration::from_secs(1), pending()));
    until("theirs is known", || async { shop.bookings(theirs.payment).await == ["confirmed"] }).await;
    assert_eq!(shop.bookings(ours.payment).await, ["pending_payment"]);
    shop.laws_hold().await;
}
