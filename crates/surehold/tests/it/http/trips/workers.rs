//! The workers, as the server runs them.

use std::future::pending;
use std::time::Duration;

use serde_json::json;
use surehold::cashier::Cashier;
use surehold::workers::payments;
use surehold_simulators::stripe::Action;
use tokio::task::JoinSet;

use crate::support::MarketplaceApi;
use crate::support::marketplace_api::{Held, WEBHOOK_SECRET, accounts, traveller, until};
use crate::support::school::store_with;

/// Nobody keeps a connection while another one is waited for, or while Stripe is asked: one is enough for all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_for_reads_is_enough_for_all_of_them() {
    let shop = MarketplaceApi::open().await;
    let [slot] = shop.slots([9]).await;
    let ann = traveller();
    let cancelled = shop.books(&ann, json!([slot.item(1)])).await;
    shop.stripe.set_webhooks(Vec::new());
    let lost = Held::of(&shop.holds(&traveller(), json!([slot.item(2)])).await.is(201));
    let ending = Held::of(&shop.holds(&traveller(), json!([slot.item(3)])).await.is(201));
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
