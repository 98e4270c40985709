//! How many seats of a session are out of sale, for the counters that other programs read. Slots of experiences have
//! no such counters.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;

/// The committed number of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatCount {
    /// The session.
    pub slot_id: Uuid,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<String>,
    /// Seats that nobody can book any more: taken, held and withheld ones.
    pub in_use: i32,
    /// The slot's version: it grows with every change.
    pub version: i64,
}

macro_rules! select {
    ($from:literal) => {
        concat!(
            "SELECT s.id, s.taken + s.held + s.withheld, s.version, l.hubspot_id FROM ",
            $from,
            " JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id AND o.family <> 'experience' \
             LEFT JOIN hubspot_links l ON l.org_id = s.org_id AND l.entity = 'slot' AND l.entity_id = s.id "
        )
    };
}

// One probe of the key for each, whatever the statistics say (see load/statements.rs).
const BY_ID: &str = select!(
    "unnest($2::uuid[]) AS k(id) CROSS JOIN LATERAL \
     (SELECT * FROM slots t WHERE t.org_id = $1 AND t.id = k.id OFFSET 0) s"
);
// By their start: there is no index on a changing column, so that updates of seats stay on their page. A session that
// gets its number at HubSpot later gets a counter by that, too.
const CHANGED: &str = concat!(
    select!("slots s"),
    "WHERE s.org_id = $1 AND s.starts_at > now() - interval '7 days' \
     AND (s.updated_at > $2 OR l.created_at > $2 OR l.pushed_at > $2)"
);
const NOW: &str = "SELECT clock_timestamp()";

/// Every statement of this file, for the test that prepares them.
pub const STATEMENTS: &[&str] = &[BY_ID, CHANGED, NOW];

/// The database's clock.
pub async fn now(client: &ClientWrapper) -> Result<Timestamp, StoreError> {
    let statement = client.prepare_cached(NOW).await?;
    Ok(client.query_one(&statement, &[]).await?.try_get(0)?)
}

/// The numbers of these sessions; of what is no session, nothing.
pub async fn by_id(client: &ClientWrapper, org_id: Uuid, ids: &[Uuid]) -> Result<Vec<SeatCount>, StoreError> {
    let statement = client.prepare_cached(BY_ID).await?;
    client.query(&statement, &[&org_id, &ids]).await?.iter().map(read).collect()
}

/// The numbers of sessions that were changed after a moment, unless they began more than a week ago.
pub async fn changed_since(
    client: &ClientWrapper,
    org_id: Uuid,
    since: Timestamp,
) -> Result<Vec<SeatCount>, StoreError> {
    let statement = client.prepare_cached(CHANGED).await?;
    client.query(&statement, &[&org_id, &since]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<SeatCount, StoreError> {
    Ok(SeatCount {
        slot_id: row.try_get(0)?,
        in_use: row.try_get(1)?,
        version: row.try_get(2)?,
        hubspot_id: row.try_get(3)?,
    })
}
