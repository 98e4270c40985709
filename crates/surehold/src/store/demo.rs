//! What the demo asks of its own organisation.

use jiff::civil::Date;
use tokio_postgres::Client;
use uuid::Uuid;

use super::StoreError;

/// A session that can be booked.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// Primary key.
    pub id: Uuid,
    /// Its local date.
    pub local_date: Date,
}

/// How many sessions of an organisation are still to come.
pub async fn upcoming_sessions(client: &Client, org_id: Uuid) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM slots WHERE org_id = $1 AND starts_at > now() AND status <> 'cancelled'";
    Ok(client.query_one(sql, &[&org_id]).await?.try_get(0)?)
}

/// The first active session of an offering that has a seat left.
pub async fn next_session(client: &Client, org_id: Uuid, offering: &str) -> Result<Option<OpenSession>, StoreError> {
    let sql = "SELECT s.id, s.local_date
               FROM slots s JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id
               WHERE s.org_id = $1 AND o.name = $2 AND s.starts_at > now() AND s.status = 'active'
                 AND NOT s.is_blocked AND s.taken + s.held + s.withheld < s.capacity
               ORDER BY s.starts_at, s.id LIMIT 1";
    match client.query_opt(sql, &[&org_id, &offering]).await? {
        Some(row) => Ok(Some(OpenSession { id: row.try_get(0)?, local_date: row.try_get(1)? })),
        None => Ok(None),
    }
}

/// Forgets what was sent to a stand-in for HubSpot that is no more: everything waits for the new one. `contacts` and
/// `sessions` are the records that the new one has, too: their rows keep their names. So do those that an import has
/// named from elsewhere, until HubSpot has been asked for them.
pub async fn mirror_anew(
    client: &Client,
    org_id: Uuid,
    contacts: &[String],
    sessions: &[String],
) -> Result<(), StoreError> {
    let sql = "UPDATE hubspot_links SET pushed_version = 0, pushed_at = NULL, changed_at = now(), failures = 0,
                   retry_at = NULL, parked_at = NULL, associated_version = 0, associated_contact = NULL, associated_session = NULL,
                   pull_wanted_at = NULL,
                   hubspot_id = CASE WHEN entity = 'contact' AND hubspot_id = ANY($2) OR entity = 'slot' AND hubspot_id = ANY($3)
                       THEN hubspot_id END
               WHERE org_id = $1 AND (pushed_version > 0 OR parked_at IS NOT NULL)";
    client.execute(sql, &[&org_id, &contacts, &sessions]).await?;
    Ok(())
}
