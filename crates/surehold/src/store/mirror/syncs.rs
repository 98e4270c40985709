//! Who may call HubSpot for an organisation, and what became of the last run.
//!
//! The lease is a row, so it holds between server processes. It ends by itself: whoever dies with it blocks the others no
//! longer than it lasts.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use uuid::Uuid;

use crate::store::StoreError;

const BEGIN: &str = "INSERT INTO hubspot_syncs (org_id) VALUES ($1) ON CONFLICT (org_id) DO NOTHING";
// The database's clock is everybody's.
const TAKE: &str =
    "UPDATE hubspot_syncs SET lease_holder = $2, lease_until = clock_timestamp() + make_interval(secs => $3)
    WHERE org_id = $1 AND (lease_holder = $2 OR lease_until IS NULL OR lease_until < clock_timestamp())";
const GIVE_BACK: &str = "UPDATE hubspot_syncs SET lease_until = NULL WHERE org_id = $1 AND lease_holder = $2";
const STARTED: &str = "UPDATE hubspot_syncs SET started_at = now() WHERE org_id = $1";
const ENDED: &str = "UPDATE hubspot_syncs SET ended_at = now(), report = $2 WHERE org_id = $1";
const PULLED: &str = "UPDATE hubspot_syncs SET contacts_pulled_to = $2 WHERE org_id = $1";
const FIND: &str = "SELECT contacts_pulled_to, started_at, ended_at, report,
        lease_until > clock_timestamp() FROM hubspot_syncs WHERE org_id = $1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[BEGIN, TAKE, GIVE_BACK, STARTED, ENDED, PULLED, FIND];

/// What is known of an organisation's runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sync {
    /// Contacts that were changed at HubSpot are known up to here.
    pub contacts_pulled_to: Option<Timestamp>,
    /// When the last run began.
    pub started_at: Option<Timestamp>,
    /// When the last run that ended did.
    pub ended_at: Option<Timestamp>,
    /// What became of it, as JSON.
    pub report: Option<String>,
    /// Whether somebody runs now.
    pub is_running: bool,
}

/// Takes the lease, or prolongs it, for so long from now. `false`: somebody else has it.
pub async fn take_lease(
    client: &ClientWrapper,
    org_id: Uuid,
    holder: Uuid,
    length: Duration,
) -> Result<bool, StoreError> {
    client.execute(BEGIN, &[&org_id]).await?;
    Ok(client.execute(TAKE, &[&org_id, &holder, &length.as_secs_f64()]).await? == 1)
}

/// Ends the lease.
pub async fn give_lease_back(client: &ClientWrapper, org_id: Uuid, holder: Uuid) -> Result<(), StoreError> {
    client.execute(GIVE_BACK, &[&org_id, &holder]).await?;
    Ok(())
}

/// Notes that a run begins.
pub async fn started(client: &ClientWrapper, org_id: Uuid) -> Result<(), StoreError> {
    client.execute(STARTED, &[&org_id]).await?;
    Ok(())
}

/// Notes what became of a run.
pub async fn ended(client: &ClientWrapper, org_id: Uuid, report: &str) -> Result<(), StoreError> {
    client.execute(ENDED, &[&org_id, &report]).await?;
    Ok(())
}

/// Notes up to when contacts are pulled.
pub async fn contacts_pulled(client: &ClientWrapper, org_id: Uuid, to: Timestamp) -> Result<(), StoreError> {
    client.execute(PULLED, &[&org_id, &to]).await?;
    Ok(())
}

/// What is known of an organisation's runs; nothing, if there was none.
pub async fn find(client: &ClientWrapper, org_id: Uuid) -> Result<Sync, StoreError> {
    let Some(row) = client.query_opt(FIND, &[&org_id]).await? else { return Ok(Sync::default()) };
    Ok(Sync {
        contacts_pulled_to: row.try_get(0)?,
        started_at: row.try_get(1)?,
        ended_at: row.try_get(2)?,
        report: row.try_get(3)?,
        is_running: row.try_get::<_, Option<bool>>(4)?.unwrap_or(false),
    })
}
