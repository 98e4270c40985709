//! Work that goes on beside requests. Workers change seats, credits and bookings only through the desk.

pub mod counters;
pub mod expired_holds;
pub mod hubspot;
mod hubspot_metrics;
pub mod payments;
pub mod session_cancellation;

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use crate::store::orgs::{self, OrgRow};
use crate::store::{Store, StoreError};

/// Does a piece of work for each open organisation, and gives the result of each. What goes wrong with one is logged
/// and does not keep the others waiting.
///
/// # Errors
///
/// Only if the organisations cannot be listed.
pub async fn for_each_org<T, E: Display, F: Future<Output = Result<T, E>>>(
    store: &Store,
    what: &'static str,
    mut work: impl FnMut(OrgRow) -> F,
) -> Result<Vec<Result<T, E>>, StoreError> {
    let open = orgs::open(&*store.read().await?).await?;
    let mut results = Vec::with_capacity(open.len());
    for org in open {
        let id = org.id;
        let result = work(org).await;
        if let Err(error) = &result {
            tracing::warn!(org = %id, %error, "{what}: one organisation could not be looked after");
        }
        results.push(result);
    }
    Ok(results)
}

/// Does a piece of work at once and again after each pause, until `stop` is ready. What goes wrong is logged, and
/// tried again.
async fn every<T, E: Display, F: Future<Output = Result<T, E>>>(
    pause: Duration,
    what: &'static str,
    stop: impl Future<Output = ()>,
    mut work: impl FnMut() -> F,
) {
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            result = work() => if let Err(error) = result {
                tracing::warn!(%error, "{what}: could not be looked after; trying again");
            }
        }
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
