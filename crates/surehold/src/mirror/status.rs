//! How the mirror of an organisation stands.

use super::{Mirror, MirrorError, SyncReport};
use crate::store::mirror::status::{self, Parked, Pending, Shortfall};
use crate::store::mirror::syncs::{self, Sync};
use crate::store::orgs::OrgRow;

/// Parked rows and shortfalls that are listed.
const LISTED_MAX: i64 = 100;

/// How the mirror of an organisation stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// Whether it has a portal.
    pub is_mirrored: bool,
    /// What waits, by kind.
    pub pending: Vec<Pending>,
    /// Bookings that wait to be associated.
    pub loose: i64,
    /// How many rows are parked.
    pub parked_rows: i64,
    /// The first of them.
    pub parked: Vec<Parked>,
    /// Cuts that went below what was spent.
    pub shortfalls: Vec<Shortfall>,
    /// The last run.
    pub sync: Sync,
    /// Calls that HubSpot allows today, as it said last; none if it was not asked yet.
    pub calls_left_today: Option<u64>,
}

impl Mirror {
    /// How the mirror of an organisation stands. HubSpot is not asked.
    ///
    /// # Errors
    ///
    /// Only the database's.
    pub async fn status(&self, org: &OrgRow) -> Result<Status, MirrorError> {
        let portal = self.portal(org);
        let client = self.store.read().await?;
        Ok(Status {
            is_mirrored: portal.is_some(),
            pending: status::pending(&client, org.id).await?,
            loose: status::loose(&client, org.id).await?,
            parked_rows: status::parked_rows(&client, org.id).await?,
            parked: status::parked(&client, org.id, LISTED_MAX).await?,
            shortfalls: status::shortfalls(&client, org.id, LISTED_MAX).await?,
            sync: syncs::find(&client, org.id).await?,
            calls_left_today: portal.and_then(|portal| portal.client.limiter().calls_left_today()),
        })
    }
}

impl Status {
    /// What became of the last run, if there was one.
    pub fn last_report(&self) -> Option<SyncReport> {
        serde_json::from_str(self.sync.report.as_deref()?).ok()
    }
}
