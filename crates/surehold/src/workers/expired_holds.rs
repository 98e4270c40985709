//! Ends holds whose time is over, where no command on their slots has done so: within five seconds (law 8). A hold
//! outlives its Checkout Session, so Stripe is not asked.

use std::future::Future;
use std::time::Duration;

use futures::{StreamExt, stream};
use uuid::Uuid;

use super::{every, for_each_org};
use crate::desk::{Desk, DeskError, expire_hold};
use crate::store::{Store, StoreError, payments};

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
    let found = for_each_org(store, "expired holds", |org| expire_org(store, desk, org.id)).await?;
    Ok(found.into_iter().flatten().sum())
}

async fn expire_org(store: &Store, desk: &Desk, org_id: Uuid) -> Result<usize, StoreError> {
    let due = payments::due(&*store.read().await?, org_id).await?;
    let found = due.len();
    let ends = stream::iter(due).map(|id| desk.submit(org_id, expire_hold(id))).buffer_unordered(AT_ONCE);
    let failed: Vec<DeskError> = ends.filter_map(|result| async { result.err() }).collect().await;
    if let Some(error) = failed.first() {
        tracing::warn!(org = %org_id, failed = failed.len(), %error, "could not end holds; trying again");
    }
    Ok(found)
}
