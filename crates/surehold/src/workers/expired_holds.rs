//! Ends holds whose time is over, where no command on their slots has done so: within five seconds (law 8). A hold
//! outlives its Checkout Session, so Stripe is not asked.

use std::future::Future;
use std::time::Duration;

use futures::{StreamExt, stream};

use super::every;
use crate::desk::{Desk, DeskError, expire_hold};
use crate::store::{Store, StoreError, orgs, payments};

/// How often it is looked for holds that are due: well below the five seconds of law 8.
const EVERY: Duration = Duration::from_secs(2);
/// Commands under way at once.
const AT_ONCE: usize = 64;

/// Ends holds that are due, org by org, until `stop` is ready.
pub async fn run(store: Store, desk: Desk, stop: impl Future<Output = ()>) {
    every(EVERY, "expired holds", stop, || expire_once(&store, &desk)).await;
}

/// One look at all open organisations. Says how many holds were due.
pub async fn expire_once(store: &Store, desk: &Desk) -> Result<usize, StoreError> {
    let open = orgs::open(&*store.read().await?).await?;
    let mut found = 0;
    for org in open {
        let due = payments::due(&*store.read().await?, org.id).await?;
        found += due.len();
        let ends = stream::iter(due).map(|id| desk.submit(org.id, expire_hold(id))).buffer_unordered(AT_ONCE);
        let failed: Vec<DeskError> = ends.filter_map(|result| async { result.err() }).collect().await;
        if let Some(error) = failed.first() {
            tracing::warn!(org = %org.id, failed = failed.len(), %error, "could not end holds; trying again");
        }
    }
    Ok(found)
}
