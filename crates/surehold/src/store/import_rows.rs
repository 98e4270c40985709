//! What an import has to know: which contact or session a row of a file means, what the last import of that
//! row saw, and what a command that an import sent before has done.
//!
//! Only `import` uses these statements; the hot path never does.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde_json::Value;
use surehold_core::rows::SlotStatus;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::StoreError;

/// The principal of every command that an import sends.
pub const PRINCIPAL: &str = "system:import";

/// What the last import of a row saw.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The values, as the importer wrote them.
    pub values: Value,
    /// How often they have changed.
    pub revision: i64,
}

/// A contact that a row may mean.
#[derive(Debug, Clone)]
pub struct KnownContact {
    /// Primary key.
    pub id: Uuid,
    /// Upper case.
    pub student_id: String,
    /// Lower case.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Date of the real exam.
    pub ndecc_exam_date: Option<Date>,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<String>,
    /// What the last import of its row saw.
    pub seen: Option<Seen>,
    /// The credits it began with, if an import added it.
    pub opened_with: Option<BTreeMap<String, i64>>,
}

/// A session that a row may mean.
#[derive(Debug, Clone)]
pub struct KnownSession {
    /// Primary key.
    pub id: Uuid,
    /// Its offering.
    pub offering_id: Uuid,
    /// What is written over it.
    pub name: String,
    /// Start.
    pub starts_at: Timestamp,
    /// End.
    pub ends_at: Timestamp,
    /// Local date.
    pub local_date: Date,
    /// Local start.
    pub local_start: Time,
    /// Local end.
    pub local_end: Time,
    /// Its own time zone.
    pub time_zone: String,
    /// Where.
    pub location: Option<String>,
    /// Which set of questions.
    pub mock_set: Option<String>,
    /// Seats.
    pub capacity: i32,
    /// Seats booked or held.
    pub booked: i32,
    /// Those of them that are only held.
    pub held: i32,
    /// Seats out of sale without a booking.
    pub withheld: i32,
    /// On sale or not.
    pub status: SlotStatus,
    /// When it goes on sale.
    pub activates_at: Option<Timestamp>,
    /// Its own price.
    pub price_minor: Option<i64>,
    /// Out of sale by an operator.
    pub is_blocked: bool,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<String>,
    /// What the last import of its row saw.
    pub seen: Option<Seen>,
    /// The seats that were withheld from the start, if an import opened it.
    pub opened_withheld: Option<i32>,
}

/// Seats of a session that are not on sale.
#[derive(Debug, Clone, Copy)]
pub struct Seats {
    /// Booked or held.
    pub booked: i32,
    /// Those of them that are only held.
    pub held: i32,
    /// Out of sale without a booking.
    pub withheld: i32,
}

impl KnownSession {
    /// Its seats that are not on sale.
    pub fn seats(&self) -> Seats {
        Seats { booked: self.booked, held: self.held, withheld: self.withheld }
    }
}

/// What a command did: the journal's before and after.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Before.
    pub before: Value,
    /// After.
    pub after: Value,
}

/// What a contact may be known by.
#[derive(Debug)]
pub struct ContactIdentity<'a> {
    /// Its id, if the row brings one.
    pub id: Option<Uuid>,
    /// Upper case.
    pub student_id: &'a str,
    /// Lower case.
    pub email: &'a str,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<&'a str>,
}

/// The contacts with this id, identity or HubSpot id: none, one, or more that the row confuses.
pub async fn find_contacts(
    client: &Object,
    org_id: Uuid,
    identity: &ContactIdentity<'_>,
) -> Result<Vec<KnownContact>, StoreError> {
    let sql = "
        SELECT c.id, c.student_id, c.email, c.first_name, c.last_name, c.ndecc_exam_date, l.hubspot_id, i.seen, i.revision,
               (SELECT j.after -> 'credits' FROM journal j WHERE j.org_id = $1 AND j.entity_id = c.id
                   AND j.event = 'contact.added' AND j.principal = $5) AS opened_with
        FROM contacts c
        LEFT JOIN hubspot_links l ON l.org_id = c.org_id AND l.entity = 'contact' AND l.entity_id = c.id
        LEFT JOIN import_rows i ON i.org_id = c.org_id AND i.source = 'contacts' AND i.row_key = c.id::text
        WHERE c.org_id = $1 AND ((c.student_id = $2 AND c.email = $3) OR c.id = $6 OR c.id = (
            SELECT entity_id FROM hubspot_links WHERE org_id = $1 AND entity = 'contact' AND hubspot_id = $4))";
    let statement = client.prepare_cached(sql).await?;
    let i = identity;
    let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&org_id, &i.student_id, &i.email, &i.hubspot_id, &PRINCIPAL, &i.id];
    let rows = client.query(&statement, parameters).await?;
    rows.iter().map(contact).collect()
}

fn contact(row: &Row) -> Result<KnownContact, StoreError> {
    let opened_with: Option<Value> = row.try_get("opened_with")?;
    Ok(KnownContact {
        id: row.try_get("id")?,
        student_id: row.try_get("student_id")?,
        email: row.try_get("email")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        ndecc_exam_date: row.try_get("ndecc_exam_date")?,
        hubspot_id: row.try_get("hubspot_id")?,
        seen: seen(row)?,
        opened_with: opened_with
            .map(|credits| serde_json::from_value(credits).map_err(|e| StoreError::Corrupt(format!("credits: {e}"))))
            .transpose()?,
    })
}

/// The sessions with this id or this HubSpot id, and those of this type, date, start and location: the HubSpot id's
/// first, then those that still take place.
pub async fn find_sessions(
    client: &Object,
    org_id: Uuid,
    identity: &SessionIdentity<'_>,
    hubspot_id: Option<&str>,
) -> Result<Vec<KnownSession>, StoreError> {
    // The condition on starts_at only narrows the search to two days of the index on it.
    let sql = "
        SELECT s.id, s.offering_id, s.name, s.starts_at, s.ends_at, s.local_date, s.local_start, s.local_end, s.time_zone,
               s.location, s.mock_set, s.capacity, s.taken + s.held AS booked, s.held, s.withheld, s.status, s.activates_at,
               s.price_minor, s.is_blocked, l.hubspot_id, i.seen, i.revision,
               (SELECT (j.after ->> 'withheld')::int FROM journal j WHERE j.org_id = $1 AND j.entity_id = s.id
                   AND j.event = 'slot.opened' AND j.principal = $7) AS opened_withheld
        FROM slots s
        LEFT JOIN hubspot_links l ON l.org_id = s.org_id AND l.entity = 'slot' AND l.entity_id = s.id
        LEFT JOIN import_rows i ON i.org_id = s.org_id AND i.source = 'sessions' AND i.row_key = s.id::text
        WHERE s.org_id = $1 AND (
            (s.starts_at > $3::date - interval '2 days' AND s.starts_at < $3::date + interval '3 days'
                AND s.local_date = $3 AND s.offering_id = $2 AND s.local_start = $4 AND s.location IS NOT DISTINCT FROM $5)
            OR s.id = $8 OR s.id = (SELECT entity_id FROM hubspot_links WHERE org_id = $1 AND entity = 'slot' AND hubspot_id = $6))
        ORDER BY l.hubspot_id IS NOT DISTINCT FROM $6 DESC, s.status = 'cancelled', s.id";
    let i = identity;
    let statement = client.prepare_cached(sql).await?;
    let rows = client
        .query(&statement, &[&org_id, &i.offering_id, &i.date, &i.start, &i.location, &hubspot_id, &PRINCIPAL, &i.id])
        .await?;
    rows.iter().map(session).collect()
}

/// What tells a session from others where there is no HubSpot id.
#[derive(Debug)]
pub struct SessionIdentity<'a> {
    /// Its id, if the row brings one.
    pub id: Option<Uuid>,
    /// Its type.
    pub offering_id: Uuid,
    /// Local date.
    pub date: Date,
    /// Local start.
    pub start: Time,
    /// Where.
    pub location: Option<&'a str>,
}

fn session(row: &Row) -> Result<KnownSession, StoreError> {
    let status: &str = row.try_get("status")?;
    Ok(KnownSession {
        id: row.try_get("id")?,
        offering_id: row.try_get("offering_id")?,
        name: row.try_get("name")?,
        starts_at: row.try_get("starts_at")?,
        ends_at: row.try_get("ends_at")?,
        local_date: row.try_get("local_date")?,
        local_start: row.try_get("local_start")?,
        local_end: row.try_get("local_end")?,
        time_zone: row.try_get("time_zone")?,
        location: row.try_get("location")?,
        mock_set: row.try_get("mock_set")?,
        capacity: row.try_get("capacity")?,
        booked: row.try_get("booked")?,
        held: row.try_get("held")?,
        withheld: row.try_get("withheld")?,
        status: SlotStatus::parse(status).ok_or_else(|| StoreError::Corrupt(format!("slot status {status}")))?,
        activates_at: row.try_get("activates_at")?,
        price_minor: row.try_get("price_minor")?,
        is_blocked: row.try_get("is_blocked")?,
        hubspot_id: row.try_get("hubspot_id")?,
        seen: seen(row)?,
        opened_withheld: row.try_get("opened_withheld")?,
    })
}

fn seen(row: &Row) -> Result<Option<Seen>, StoreError> {
    let values: Option<Value> = row.try_get("seen")?;
    let revision: Option<i64> = row.try_get("revision")?;
    Ok(values.zip(revision).map(|(values, revision)| Seen { values, revision }))
}

/// What the last import of a row of a source saw.
pub async fn seen_of(client: &Object, org_id: Uuid, source: &str, entity_id: Uuid) -> Result<Option<Seen>, StoreError> {
    let sql = "SELECT seen, revision FROM import_rows WHERE org_id = $1 AND source = $2 AND row_key = $3";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&org_id, &source, &entity_id.to_string()]).await?;
    row.as_ref().map_or(Ok(None), seen)
}

/// Remembers what an import saw, as the revision after the one it found (0: none). `false`: another import
/// was faster, so look again.
pub async fn remember(
    client: &Object,
    org_id: Uuid,
    source: &str,
    entity_id: Uuid,
    values: &Value,
    revision_found: i64,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO import_rows (org_id, source, row_key, entity_id, seen, revision)
               SELECT $1, $2, $3, $4, $5, $6::bigint + 1
               ON CONFLICT (org_id, source, row_key)
               DO UPDATE SET seen = excluded.seen, revision = excluded.revision, imported_at = now()
               WHERE import_rows.revision = $6";
    let statement = client.prepare_cached(sql).await?;
    let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&org_id, &source, &entity_id.to_string(), &entity_id, values, &revision_found];
    Ok(client.execute(&statement, parameters).await? == 1)
}

/// Records what HubSpot knows a row as. `false`: the id belongs to another row, or the row has another id.
pub async fn link(
    client: &Object,
    org_id: Uuid,
    entity: &str,
    entity_id: Uuid,
    hubspot_id: &str,
) -> Result<bool, StoreError> {
    // A row that waits to be mirrored has no id yet.
    let sql = "INSERT INTO hubspot_links AS l (org_id, entity, entity_id, hubspot_id) VALUES ($1, $2, $3, $4)
               ON CONFLICT (org_id, entity, entity_id) DO UPDATE SET hubspot_id = EXCLUDED.hubspot_id
               WHERE l.hubspot_id IS NULL OR l.hubspot_id = EXCLUDED.hubspot_id";
    match client.execute(sql, &[&org_id, &entity, &entity_id, &hubspot_id]).await {
        Ok(changed) => Ok(changed == 1),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What the import's command with this key has done, if it was ever carried out.
pub async fn effect_of(client: &Object, org_id: Uuid, key: &str) -> Result<Option<Effect>, StoreError> {
    let sql = "SELECT before, after FROM journal WHERE org_id = $1 AND key = $2 AND principal = $3";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&org_id, &key, &PRINCIPAL]).await?;
    let value = |row: &Row, column| Ok::<_, StoreError>(row.try_get::<_, Option<Value>>(column)?.unwrap_or_default());
    row.map(|row| Ok(Effect { before: value(&row, "before")?, after: value(&row, "after")? })).transpose()
}
