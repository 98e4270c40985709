//! The right to call HubSpot for an organisation: one runner at a time, over all server processes.
//!
//! A call goes out only if the lease outlives the longest time that the call may take. So whoever takes the lease after
//! us, because we died, comes after our last call: no older state overwrites a newer one.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Mirror, MirrorError};
use crate::store::mirror::syncs;

/// How much longer a lease is than the longest call, at most: so often it is prolonged.
const SPARE_MAX: Duration = Duration::from_secs(5);

/// A lease that is held.
pub(super) struct Lease<'a> {
    mirror: &'a Mirror,
    org_id: Uuid,
    holder: Uuid,
    /// How long a call may take.
    call_time_max: Duration,
    /// By this machine's clock, counted from before the database was asked: never later than the truth.
    until: Mutex<Instant>,
}

impl Mirror {
    /// Takes the lease of an organisation.
    pub(super) async fn lease(&self, org_id: Uuid, call_time_max: Duration) -> Result<Lease<'_>, MirrorError> {
        // Two runs of one process are two holders.
        let (holder, until) = (Uuid::now_v7(), Mutex::new(Instant::now()));
        let lease = Lease { mirror: self, org_id, holder, call_time_max, until };
        match lease.hold().await {
            Err(MirrorError::LeaseLost) => Err(MirrorError::Busy),
            held => held.map(|()| lease),
        }
    }
}

impl Lease<'_> {
    /// Makes sure that a call may go out now. Prolongs the lease where that is needed.
    pub async fn hold(&self) -> Result<(), MirrorError> {
        let mut until = self.until.lock().await;
        if until.saturating_duration_since(Instant::now()) > self.call_time_max {
            return Ok(());
        }
        let (asked, length) = (Instant::now(), self.call_time_max + SPARE_MAX.min(self.call_time_max));
        let client = self.mirror.store.read().await?;
        if !syncs::take_lease(&client, self.org_id, self.holder, length).await? {
            return Err(MirrorError::LeaseLost);
        }
        *until = asked + length;
        Ok(())
    }

    /// Lets others go ahead.
    pub async fn give_back(self) -> Result<(), MirrorError> {
        let client = self.mirror.store.read().await?;
        Ok(syncs::give_lease_back(&client, self.org_id, self.holder).await?)
    }
}
