//! Looks after payments where no webhook has: sends refunds, settles what was paid in its last moment, and asks
//! Stripe about payments of which it may know more. Stripe being away delays these, and nothing else.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{every, for_each_org};
use crate::cashier::{Cashier, CashierError};
use crate::store::{Store, StoreError};

/// How often refunds are sent.
const REFUNDS_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked for sessions between their end and that of their hold, which are two minutes apart.
const ENDING_EVERY: Duration = Duration::from_secs(10);
/// A server that starts asks about what ended without money while it was away.
const LOOK_BACK_AT_START: SignedDuration = SignedDuration::from_hours(72);

/// Sends refunds until `stop` is ready.
pub async fn send_refunds(store: Store, cashier: Cashier, stop: impl Future<Output = ()>) {
    let (store, cashier) = (&store, &cashier);
    every(REFUNDS_EVERY, "refunds", stop, || {
        for_each_org(store, "refunds", |org| async move { cashier.push_requested_refunds(&org).await })
    })
    .await;
}

/// Settles what was paid in its last moment, until `stop` is ready.
pub async fn settle_ending(store: Store, cashier: Cashier, stop: impl Future<Output = ()>) {
    let (store, cashier) = (&store, &cashier);
    every(ENDING_EVERY, "ending checkouts", stop, || {
        for_each_org(store, "ending checkouts", |org| async move { cashier.settle_ending(&org).await })
    })
    .await;
}

/// Asks Stripe about payments of which it may know more, until `stop` is ready.
pub async fn reconcile(store: Store, cashier: Cashier, pause: Duration, stop: impl Future<Output = ()>) {
    let (store, cashier) = (&store, &cashier);
    let since = Mutex::new(Timestamp::now() - LOOK_BACK_AT_START);
    every(pause, "reconciliation", stop, || async {
        let started = Timestamp::now();
        let from = *since.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let looks = for_each_org(store, "reconciliation", |org| async move {
            let report = cashier.reconcile(&org, from).await?.and(cashier.push_refunds(&org).await?);
            match report.failed {
                0 => Ok(()),
                failed => Err(CashierError::Unexpected(format!("{failed} payments have to wait"))),
            }
        });
        if looks.await?.iter().all(Result::is_ok) {
            // What ends while this goes on is asked about at the next time, and once more for safety.
            let overlap = SignedDuration::try_from(pause * 2).unwrap_or(LOOK_BACK_AT_START);
            *since.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = started - overlap;
        }
        Ok::<(), StoreError>(())
    })
    .await;
}
