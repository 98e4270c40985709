//! What waits, what is parked, what fell short.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use surehold_core::rows::Entity;
use uuid::Uuid;

use crate::store::StoreError;

const PENDING: &str = "SELECT entity, count(*), min(changed_at) FROM hubspot_links
    WHERE org_id = $1 AND pushed_version < seen_version AND parked_at IS NULL GROUP BY entity";
const LOOSE: &str =
    "SELECT count(*) FROM hubspot_links WHERE org_id = $1 AND entity = 'booking' AND hubspot_id IS NOT NULL
    AND associated_version < pushed_version AND parked_at IS NULL";
const PARKED: &str =
    "SELECT entity, entity_id, hubspot_id, parked_at, failures, problem, correlation_id FROM hubspot_links
    WHERE org_id = $1 AND parked_at IS NOT NULL ORDER BY entity, entity_id LIMIT $2";
const PARKED_COUNT: &str = "SELECT count(*) FROM hubspot_links WHERE org_id = $1 AND parked_at IS NOT NULL";
const SHORT: &str = "SELECT h.contact_id, c.student_id, h.kind, h.at, h.delta, h.applied FROM hubspot_credit_changes h
    JOIN contacts c ON c.org_id = h.org_id AND c.id = h.contact_id
    WHERE h.org_id = $1 AND h.applied <> h.delta AND h.settled_at IS NULL ORDER BY h.contact_id, h.kind, h.at LIMIT $2";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[PENDING, LOOSE, PARKED, PARKED_COUNT, SHORT];

/// Rows of one kind that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Which kind.
    pub entity: Entity,
    /// How many.
    pub rows: i64,
    /// Since when the oldest one waits.
    pub oldest: Timestamp,
}

/// A row that is not tried again by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Which kind.
    pub entity: Entity,
    /// The row.
    pub id: Uuid,
    /// Its record, if it has one.
    pub hubspot_id: Option<String>,
    /// Since when.
    pub parked_at: Timestamp,
    /// How often it was refused.
    pub failures: i32,
    /// What HubSpot said last.
    pub problem: String,
    /// HubSpot's name for that call.
    pub correlation_id: Option<String>,
}

/// A cut at HubSpot that went below what was spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// Whose.
    pub contact_id: Uuid,
    /// The contact's student ID.
    pub student_id: String,
    /// Which kind of credit.
    pub kind: String,
    /// When it was cut, in milliseconds since 1970.
    pub at: i64,
    /// By how much it was cut.
    pub delta: i64,
    /// By how much the balance was.
    pub applied: i64,
}

/// What waits, by kind.
pub async fn pending(client: &ClientWrapper, org_id: Uuid) -> Result<Vec<Pending>, StoreError> {
    let rows = client.query(PENDING, &[&org_id]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Pending { entity: entity(row.try_get(0)?)?, rows: row.try_get(1)?, oldest: row.try_get(2)? })
    };
    rows.iter().map(read).collect()
}

/// How many bookings wait to be associated.
pub async fn loose(client: &ClientWrapper, org_id: Uuid) -> Result<i64, StoreError> {
    Ok(client.query_one(LOOSE, &[&org_id]).await?.try_get(0)?)
}

/// How many rows wait to be pushed.
pub async fn pending_rows(client: &ClientWrapper, org_id: Uuid) -> Result<i64, StoreError> {
    Ok(pending(client, org_id).await?.iter().map(|pending| pending.rows).sum())
}

/// How many rows wait, to be pushed or to be associated.
pub async fn waiting(client: &ClientWrapper, org_id: Uuid) -> Result<i64, StoreError> {
    Ok(pending_rows(client, org_id).await? + loose(client, org_id).await?)
}

/// How many rows are parked.
pub async fn parked_rows(client: &ClientWrapper, org_id: Uuid) -> Result<i64, StoreError> {
    Ok(client.query_one(PARKED_COUNT, &[&org_id]).await?.try_get(0)?)
}

/// The first parked rows.
pub async fn parked(client: &ClientWrapper, org_id: Uuid, limit: i64) -> Result<Vec<Parked>, StoreError> {
    let rows = client.query(PARKED, &[&org_id, &limit]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Parked {
            entity: entity(row.try_get(0)?)?,
            id: row.try_get(1)?,
            hubspot_id: row.try_get(2)?,
            parked_at: row.try_get(3)?,
            failures: row.try_get(4)?,
            problem: row.try_get(5)?,
            correlation_id: row.try_get(6)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Cuts that went below what was spent, and that nobody has dealt with.
pub async fn shortfalls(client: &ClientWrapper, org_id: Uuid, limit: i64) -> Result<Vec<Shortfall>, StoreError> {
    let rows = client.query(SHORT, &[&org_id, &limit]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Shortfall {
            contact_id: row.try_get(0)?,
            student_id: row.try_get(1)?,
            kind: row.try_get(2)?,
            at: row.try_get(3)?,
            delta: row.try_get(4)?,
            applied: row.try_get(5)?,
        })
    };
    rows.iter().map(read).collect()
}

fn entity(text: &str) -> Result<Entity, StoreError> {
    Entity::parse(text).ok_or_else(|| StoreError::Corrupt(format!("a link of {text:?}")))
}
