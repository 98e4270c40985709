//! Which changes of credits at HubSpot are counted.

use std::collections::{BTreeMap, BTreeSet};

use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use crate::store::StoreError;

const COUNTED_TO: &str =
    "SELECT hubspot_id, kind, counted_to FROM hubspot_credits WHERE org_id = $1 AND hubspot_id = ANY($2)";
const BEGIN: &str = "INSERT INTO hubspot_credits (org_id, hubspot_id, kind, counted_to)
    SELECT $1, u.* FROM unnest($2::text[], $3::text[], $4::int8[]) AS u ON CONFLICT (org_id, hubspot_id, kind) DO NOTHING";
const SET: &str = "INSERT INTO hubspot_credits (org_id, hubspot_id, kind, counted_to)
    SELECT $1, u.* FROM unnest($2::text[], $3::text[], $4::int8[]) AS u
    ON CONFLICT (org_id, hubspot_id, kind) DO UPDATE SET counted_to = EXCLUDED.counted_to";
const CHANGES: &str =
    "SELECT contact_id, kind, at FROM hubspot_credit_changes WHERE org_id = $1 AND contact_id = ANY($2)";
const COUNT: &str = "INSERT INTO hubspot_credit_changes (org_id, contact_id, kind, at, delta, applied)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org_id, contact_id, kind, at) DO NOTHING";
const WANT_PULL: &str = "UPDATE hubspot_links SET pull_wanted_at = now() WHERE org_id = $1 AND entity = 'contact'
    AND hubspot_id = ANY($2)";
const WANTED: &str = "SELECT entity_id, hubspot_id, pull_wanted_at::text FROM hubspot_links
    WHERE org_id = $1 AND entity = 'contact' AND pull_wanted_at IS NOT NULL AND hubspot_id IS NOT NULL AND entity_id > $2
    ORDER BY entity_id LIMIT $3";
const PULLED: &str = "UPDATE hubspot_links l SET pull_wanted_at = NULL FROM unnest($2::uuid[], $3::text[]) AS u(id, at)
    WHERE l.org_id = $1 AND l.entity = 'contact' AND l.entity_id = u.id AND l.pull_wanted_at::text = u.at";
const SETTLE: &str = "UPDATE hubspot_credit_changes SET settled_at = now()
    WHERE org_id = $1 AND contact_id = $2 AND applied <> delta AND settled_at IS NULL";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[COUNTED_TO, BEGIN, SET, CHANGES, COUNT, WANT_PULL, WANTED, PULLED, SETTLE];

/// By HubSpot's id of a contact and the kind of credit, up to which moment everything is counted.
pub type CountedTo = BTreeMap<String, BTreeMap<String, i64>>;

/// Up to which moments the credits of these records are counted. A record that is missing was never read.
pub async fn counted_to(client: &ClientWrapper, org_id: Uuid, hubspot_ids: &[String]) -> Result<CountedTo, StoreError> {
    let mut counted = CountedTo::new();
    for row in client.query(COUNTED_TO, &[&org_id, &hubspot_ids]).await? {
        counted.entry(row.try_get(0)?).or_default().insert(row.try_get(1)?, row.try_get(2)?);
    }
    Ok(counted)
}

/// Says up to which moments credits are counted, where nothing was said before.
pub async fn begin_counting(client: &ClientWrapper, org_id: Uuid, counted: &CountedTo) -> Result<(), StoreError> {
    write(client, BEGIN, org_id, counted).await
}

/// Says up to which moments credits are counted.
pub async fn set_counted_to(client: &ClientWrapper, org_id: Uuid, counted: &CountedTo) -> Result<(), StoreError> {
    write(client, SET, org_id, counted).await
}

async fn write(client: &ClientWrapper, sql: &str, org_id: Uuid, counted: &CountedTo) -> Result<(), StoreError> {
    let rows =
        counted.iter().flat_map(|(id, kinds)| kinds.iter().map(move |(kind, at)| (id.as_str(), kind.as_str(), *at)));
    let mut columns: (Vec<&str>, Vec<&str>, Vec<i64>) = Default::default();
    for (id, kind, at) in rows {
        columns.0.push(id);
        columns.1.push(kind);
        columns.2.push(at);
    }
    client.execute(sql, &[&org_id, &columns.0, &columns.1, &columns.2]).await?;
    Ok(())
}

/// The changes of these contacts that are counted already: contact, kind, moment.
pub async fn counted(
    client: &ClientWrapper,
    org_id: Uuid,
    contact_ids: &[Uuid],
) -> Result<BTreeSet<(Uuid, String, i64)>, StoreError> {
    let rows = client.query(CHANGES, &[&org_id, &contact_ids]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

/// A change that was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted<'a> {
    /// Whose.
    pub contact_id: Uuid,
    /// Of which kind.
    pub kind: &'a str,
    /// When, in milliseconds since 1970, by HubSpot's clock.
    pub at: i64,
    /// By how much it was changed there.
    pub delta: i64,
    /// By how much the balance was changed for it.
    pub applied: i64,
}

/// Notes a change that was counted; a second time changes nothing.
pub async fn count(client: &ClientWrapper, org_id: Uuid, change: &Counted<'_>) -> Result<(), StoreError> {
    let Counted { contact_id, kind, at, delta, applied } = change;
    client.execute(COUNT, &[&org_id, contact_id, kind, at, delta, applied]).await?;
    Ok(())
}

/// Has the histories of these contacts read, by HubSpot's ids. Says how many of them we know.
pub async fn want_pull(client: &ClientWrapper, org_id: Uuid, hubspot_ids: &[String]) -> Result<u64, StoreError> {
    Ok(client.execute(WANT_PULL, &[&org_id, &hubspot_ids]).await?)
}

/// A contact whose history is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The contact.
    pub id: Uuid,
    /// Its record.
    pub hubspot_id: String,
    /// When it was asked for: a later wish stays.
    pub at: String,
}

/// Contacts after an id whose history is to be read, at most so many.
pub async fn wanted(
    client: &ClientWrapper,
    org_id: Uuid,
    after: Uuid,
    limit: usize,
) -> Result<Vec<Wanted>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = client.query(WANTED, &[&org_id, &after, &limit]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Wanted { id: row.try_get(0)?, hubspot_id: row.try_get(1)?, at: row.try_get(2)? })
    };
    rows.iter().map(read).collect()
}

/// Notes that histories were read.
pub async fn pulled(client: &ClientWrapper, org_id: Uuid, wanted: &[Wanted]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = wanted.iter().map(|wanted| wanted.id).collect();
    let at: Vec<&str> = wanted.iter().map(|wanted| wanted.at.as_str()).collect();
    client.execute(PULLED, &[&org_id, &ids, &at]).await?;
    Ok(())
}

/// Says that a contact's shortfalls are dealt with. Says how many there were.
pub async fn settle(client: &ClientWrapper, org_id: Uuid, contact_id: Uuid) -> Result<u64, StoreError> {
    Ok(client.execute(SETTLE, &[&org_id, &contact_id]).await?)
}
