//! Organisations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::StoreError;

/// One organisation.
#[derive(Clone)]
pub struct OrgRow {
    /// Primary key.
    pub id: Uuid,
    /// Its name in commands and URLs.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// Host names whose requests belong to it when no key or token says so.
    pub hosts: Vec<String>,
    /// Location name to IANA time zone.
    pub location_time_zones: BTreeMap<String, String>,
    /// The largest capacity that a slot may have.
    pub slot_capacity_max: i32,
    /// What its prices are in: ISO 4217, lower case.
    pub currency: String,
    /// Signs its students' bearer tokens.
    pub token_secret: Vec<u8>,
    /// Made by a test: never found by host or by being the only one.
    pub is_test: bool,
    /// Since when its keys and tokens are refused.
    pub closed_at: Option<Timestamp>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, slug, name, time_zone, hosts, location_time_zones, slot_capacity_max, currency, token_secret, is_test, ",
            "closed_at FROM orgs ",
            $rest
        )
    };
}

const ALL: &str = select!("ORDER BY id");
const OPEN: &str = select!("WHERE closed_at IS NULL ORDER BY id");
const BY_SLUG: &str = select!("WHERE slug = $1");
const CLOSE: &str = "UPDATE orgs SET closed_at = now() WHERE id = $1 AND is_test AND closed_at IS NULL";

/// Every statement of this file, for the test that prepares them.
pub const STATEMENTS: &[&str] = &[ALL, OPEN, BY_SLUG, CLOSE];

/// All organisations, open and closed, oldest first.
pub async fn all(client: &Client) -> Result<Vec<OrgRow>, StoreError> {
    select(client, ALL, &[]).await
}

/// The open organisations, oldest first.
pub async fn open(client: &Client) -> Result<Vec<OrgRow>, StoreError> {
    select(client, OPEN, &[]).await
}

/// The organisation of a slug.
pub async fn by_slug(client: &Client, slug: &str) -> Result<Option<OrgRow>, StoreError> {
    let mut found = select(client, BY_SLUG, &[&slug]).await?;
    Ok(found.pop())
}

/// Closes a test organisation, once; its rows stay. `false`: there is no such open test organisation.
pub async fn close(client: &Client, org_id: Uuid) -> Result<bool, StoreError> {
    Ok(client.execute(CLOSE, &[&org_id]).await? == 1)
}

async fn select(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Vec<OrgRow>, StoreError> {
    client.query(sql, parameters).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<OrgRow, StoreError> {
    let id: Uuid = row.try_get("id")?;
    let zones: serde_json::Value = row.try_get("location_time_zones")?;
    Ok(OrgRow {
        id,
        slug: row.try_get("slug")?,
        name: row.try_get("name")?,
        time_zone: row.try_get("time_zone")?,
        hosts: row.try_get("hosts")?,
        location_time_zones: serde_json::from_value(zones)
            .map_err(|e| StoreError::Corrupt(format!("location_time_zones of org {id}: {e}")))?,
        slot_capacity_max: row.try_get("slot_capacity_max")?,
        currency: row.try_get("currency")?,
        token_secret: row.try_get("token_secret")?,
        is_test: row.try_get("is_test")?,
        closed_at: row.try_get("closed_at")?,
    })
}
