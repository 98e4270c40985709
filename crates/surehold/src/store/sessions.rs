//! Plain reads of slots, for the exam school: its sessions. Changes go through the desk. Slots of experiences are not
//! among them: see [`super::experiences`].

use deadpool_postgres::ClientWrapper;
use jiff::{Timestamp, civil};
use surehold_core::rows::{Family, Slot, SlotStatus};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{StoreError, rows};

/// A slot with its offering's name and the database's clock.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// The slot.
    pub slot: Slot,
    /// Its offering's name: the mock type.
    pub offering: String,
    /// Its offering's family.
    pub family: Family,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<String>,
    /// The database's clock when the row was read.
    pub now: Timestamp,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl SessionRow {
    /// Whether a student could book it, seats aside.
    pub fn is_on_sale(&self) -> bool {
        self.slot.is_active(self.now) && self.slot.starts_at > self.now && !self.slot.is_blocked
    }
}

/// Which sessions an operator wants to see. `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Of this offering.
    pub offering_id: Option<Uuid>,
    /// In this state.
    pub status: Option<SlotStatus>,
    /// On or after this local date.
    pub from: Option<civil::Date>,
    /// On or before this local date.
    pub to: Option<civil::Date>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.offering_id, s.name, s.starts_at, s.ends_at, s.local_date, s.local_start, s.local_end, ",
            "s.time_zone, s.location, s.mock_set, s.capacity, s.taken, s.held, s.withheld, s.status, s.activates_at, ",
            "s.is_blocked, s.blocked_reason, s.prerequisites, s.price_minor, s.version, s.edit_version, s.created_at, s.updated_at, ",
            "o.name AS offering, o.family, h.hubspot_id, now() AS now ",
            "FROM slots s JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id ",
            "LEFT JOIN hubspot_links h ON h.org_id = s.org_id AND h.entity = 'slot' AND h.entity_id = s.id ",
            "WHERE s.org_id = $1 AND o.family <> 'experience' AND ",
            $rest
        )
    };
}

const ID_BY_HUBSPOT_ID: &str =
    "SELECT entity_id FROM hubspot_links WHERE org_id = $1 AND entity = 'slot' AND hubspot_id = $2";
const BY_ID: &str = select!("s.id = $2");
// A name may occur twice: the session that can still be booked is meant, the soonest of several; else the newest.
const BY_NAME: &str = select!(
    "s.name = $2 ORDER BY (s.status <> 'cancelled' AND s.starts_at > now()) DESC, \
     CASE WHEN s.starts_at > now() THEN s.starts_at END, s.id DESC LIMIT 1"
);
const ON_SALE: &str = select!(
    "o.family = $2 AND ($3::uuid IS NULL OR s.offering_id = $3) AND s.starts_at > now() \
     AND (s.status = 'active' OR s.status = 'scheduled' AND s.activates_at <= now()) AND NOT s.is_blocked \
     AND ($4::timestamptz IS NULL OR (s.starts_at, s.id) > ($4, $5::uuid)) ORDER BY s.starts_at, s.id LIMIT $6"
);
const LIST: &str = select!(
    "($2::uuid IS NULL OR s.offering_id = $2) AND ($3::text IS NULL OR s.status = $3) \
     AND ($4::date IS NULL OR s.local_date >= $4) AND ($5::date IS NULL OR s.local_date <= $5) \
     AND ($6::timestamptz IS NULL OR (s.starts_at, s.id) < ($6, $7::uuid)) ORDER BY s.starts_at DESC, s.id DESC LIMIT $8"
);

/// Every statement of this file, for the test that prepares them.
pub const STATEMENTS: &[&str] = &[ID_BY_HUBSPOT_ID, BY_ID, BY_NAME, ON_SALE, LIST];

/// The id of the session that HubSpot knows by this number.
pub async fn id_by_hubspot_id(
    client: &ClientWrapper,
    org_id: Uuid,
    hubspot_id: &str,
) -> Result<Option<Uuid>, StoreError> {
    let statement = client.prepare_cached(ID_BY_HUBSPOT_ID).await?;
    let row = client.query_opt(&statement, &[&org_id, &hubspot_id]).await?;
    row.map(|row| row.try_get(0).map_err(StoreError::from)).transpose()
}

/// The session of a primary key.
pub async fn by_id(client: &ClientWrapper, org_id: Uuid, id: Uuid) -> Result<Option<SessionRow>, StoreError> {
    let statement = client.prepare_cached(BY_ID).await?;
    client.query_opt(&statement, &[&org_id, &id]).await?.as_ref().map(read).transpose()
}

/// The session of a name: one that can still be booked, else the newest.
pub async fn by_name(client: &ClientWrapper, org_id: Uuid, name: &str) -> Result<Option<SessionRow>, StoreError> {
    let statement = client.prepare_cached(BY_NAME).await?;
    client.query_opt(&statement, &[&org_id, &name]).await?.as_ref().map(read).transpose()
}

/// Up to `limit` sessions of a family that students may book, full ones too, by start; after `after`.
pub async fn on_sale(
    client: &ClientWrapper,
    org_id: Uuid,
    family: Family,
    offering_id: Option<Uuid>,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<SessionRow>, StoreError> {
    let statement = client.prepare_cached(ON_SALE).await?;
    let (at, id) = after.unzip();
    let rows = client.query(&statement, &[&org_id, &family.as_str(), &offering_id, &at, &id, &limit]).await?;
    rows.iter().map(read).collect()
}

/// Up to `limit` sessions, the latest start first; those that come after `before` in this order.
pub async fn list(
    client: &ClientWrapper,
    org_id: Uuid,
    filter: &SessionFilter,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<SessionRow>, StoreError> {
    let statement = client.prepare_cached(LIST).await?;
    let (at, id) = before.unzip();
    let status = filter.status.map(SlotStatus::as_str);
    let rows = client
        .query(&statement, &[&org_id, &filter.offering_id, &status, &filter.from, &filter.to, &at, &id, &limit])
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<SessionRow, StoreError> {
    let (slot, family): (Slot, &str) = (rows::slot(row)?, row.try_get("family")?);
    Ok(SessionRow {
        slot,
        offering: row.try_get("offering")?,
        family: Family::parse(family).ok_or_else(|| StoreError::Corrupt(format!("family {family}")))?,
        hubspot_id: row.try_get("hubspot_id")?,
        now: row.try_get("now")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
