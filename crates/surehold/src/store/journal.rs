//! Plain reads of the journal: the audit log.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;

/// One state change, as the audit log shows it.
#[derive(Debug, Clone)]
pub struct JournalEntry {
    /// Primary key, a UUIDv7: in the order of time, nearly.
    pub id: Uuid,
    /// The database's clock at the change.
    pub at: Timestamp,
    /// Shared by all rows of one command.
    pub command_id: Uuid,
    /// Who asked.
    pub principal: String,
    /// For whom, as the caller said.
    pub on_behalf_of: Option<String>,
    /// The event of Stripe's that caused it.
    pub stripe_event_id: Option<String>,
    /// What happened.
    pub event: String,
    /// To what: an [`Entity`](surehold_core::rows::Entity).
    pub entity: String,
    /// Which one.
    pub entity_id: Uuid,
    /// What mattered before.
    pub before: Option<Value>,
    /// The same now.
    pub after: Option<Value>,
    /// The key of the command, on its first row.
    pub key: Option<String>,
}

/// Which entries. `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct JournalFilter {
    /// About this sort of thing.
    pub entity: Option<&'static str>,
    /// About this one.
    pub entity_id: Option<Uuid>,
    /// By this principal, or on behalf of this person.
    pub actor: Option<String>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

// Keys that the server made for its own use mean nothing to anybody else.
const LIST: &str = "SELECT id, at, command_id, principal, on_behalf_of, stripe_event_id, event, entity, entity_id, before, after, \
     CASE WHEN NOT starts_with(key, 'made_') THEN key END AS key \
     FROM journal WHERE org_id = $1 AND ($2::text IS NULL OR entity = $2) AND ($3::uuid IS NULL OR entity_id = $3) \
     AND ($4::text IS NULL OR principal = $4 OR on_behalf_of = $4) AND ($5::timestamptz IS NULL OR at >= $5) \
     AND ($6::timestamptz IS NULL OR at < $6) AND ($7::uuid IS NULL OR id < $7) ORDER BY id DESC LIMIT $8";

/// Every statement of this file, for the test that prepares them.
pub const STATEMENTS: &[&str] = &[LIST];

/// Up to `limit` entries, the newest first; those older than the entry `before`.
pub async fn list(
    client: &ClientWrapper,
    org_id: Uuid,
    filter: &JournalFilter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<JournalEntry>, StoreError> {
    let statement = client.prepare_cached(LIST).await?;
    let rows = client
        .query(
            &statement,
            &[&org_id, &filter.entity, &filter.entity_id, &filter.actor, &filter.since, &filter.until, &before, &limit],
        )
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<JournalEntry, StoreError> {
    Ok(JournalEntry {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        command_id: row.try_get("command_id")?,
        principal: row.try_get("principal")?,
        on_behalf_of: row.try_get("on_behalf_of")?,
        stripe_event_id: row.try_get("stripe_event_id")?,
        event: row.try_get("event")?,
        entity: row.try_get("entity")?,
        entity_id: row.try_get("entity_id")?,
        before: row.try_get("before")?,
        after: row.try_get("after")?,
        key: row.try_get("key")?,
    })
}
