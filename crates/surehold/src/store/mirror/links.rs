//! What HubSpot calls a row, and what became of pushing it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use surehold_core::rows::Entity;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::store::StoreError;

/// A row that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The row.
    pub id: Uuid,
    /// What HubSpot calls it.
    pub hubspot_id: String,
    /// The version that was pushed.
    pub version: i64,
    /// When it was read, by the database's clock.
    pub read_at: Timestamp,
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The row.
    pub id: Uuid,
    /// HubSpot's message.
    pub problem: String,
    /// HubSpot's name for the call.
    pub correlation_id: Option<String>,
    /// Nothing but a person can help.
    pub is_final: bool,
}

/// Refusals after which a row is parked.
pub const TRIES_MAX: i32 = 6;
/// How long a row waits after its first refusal; twice as long after each further one.
pub const RETRY_AFTER: Duration = Duration::from_secs(60);

const PUSHED: &str =
    "UPDATE hubspot_links l SET hubspot_id = u.hubspot_id, pushed_version = u.version, pushed_at = u.read_at,
        failures = 0, retry_at = NULL, parked_at = NULL, problem = NULL, correlation_id = NULL
    FROM unnest($3::uuid[], $4::text[], $5::int8[], $6::timestamptz[]) AS u(id, hubspot_id, version, read_at)
    WHERE l.org_id = $1 AND l.entity = $2 AND l.entity_id = u.id";
const REFUSED: &str =
    "UPDATE hubspot_links l SET failures = l.failures + 1, problem = u.problem, correlation_id = u.correlation_id,
        retry_at = now() + make_interval(secs => $7) * power(2, least(l.failures, 20)),
        parked_at = CASE WHEN u.is_final OR l.failures + 1 >= $8 THEN now() END
    FROM unnest($3::uuid[], $4::text[], $5::text[], $6::bool[]) AS u(id, problem, correlation_id, is_final)
    WHERE l.org_id = $1 AND l.entity = $2 AND l.entity_id = u.id";
const ADOPT: &str = "UPDATE hubspot_links SET hubspot_id = $4 WHERE org_id = $1 AND entity = $2 AND entity_id = $3
    AND (hubspot_id IS NULL OR hubspot_id = $4)";
const FORGET: &str = "UPDATE hubspot_links SET hubspot_id = NULL, pushed_version = 0, associated_version = 0,
        associated_contact = NULL, associated_session = NULL,
        failures = 0, retry_at = NULL, parked_at = NULL, problem = NULL, correlation_id = NULL
    WHERE org_id = $1 AND entity = $2 AND entity_id = $3 AND hubspot_id = $4";
// Bookings whose contact or session gets another record. Those that were parked only because they could not be
// associated with the old one have another chance.
macro_rules! left_behind {
    ($end:literal, $column:literal) => {
        concat!(
            "UPDATE hubspot_links l SET associated_version = 0, ",
            $end,
            " = NULLIF(l.",
            $end,
            ", $3), \
             failures = CASE WHEN l.pushed_version < l.seen_version THEN l.failures ELSE 0 END, \
             parked_at = CASE WHEN l.pushed_version < l.seen_version THEN l.parked_at END, \
             retry_at = CASE WHEN l.pushed_version < l.seen_version THEN l.retry_at END \
             FROM bookings b WHERE b.org_id = $1 AND b.",
            $column,
            " = $2 AND l.org_id = b.org_id AND l.entity = 'booking' AND l.entity_id = b.id"
        )
    };
}
const LEFT_BY_CONTACT: &str = left_behind!("associated_contact", "contact_id");
const LEFT_BY_SESSION: &str = left_behind!("associated_session", "slot_id");
const PUSH_AGAIN: &str = "UPDATE hubspot_links SET pushed_version = 0, failures = 0, retry_at = NULL, parked_at = NULL,
        changed_at = CASE WHEN pushed_version < seen_version THEN changed_at ELSE now() END
    WHERE org_id = $1 AND entity = $2 AND entity_id = ANY($3)";
const ASSOCIATE_AGAIN: &str =
    "UPDATE hubspot_links SET associated_version = 0, associated_contact = NULL, associated_session = NULL, retry_at = NULL
    WHERE org_id = $1 AND entity = 'booking' AND entity_id = ANY($2)";
const RETRY: &str = "UPDATE hubspot_links SET failures = 0, retry_at = NULL, parked_at = NULL
    WHERE org_id = $1 AND entity = $2 AND entity_id = $3 AND parked_at IS NOT NULL";
const RETRY_ALL: &str = "UPDATE hubspot_links SET failures = 0, retry_at = NULL, parked_at = NULL
    WHERE org_id = $1 AND parked_at IS NOT NULL";
const ASSOCIATED: &str = "UPDATE hubspot_links l SET associated_contact = u.contact, associated_session = u.session,
        associated_version = u.version
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int8[]) AS u(id, contact, session, version)
    WHERE l.org_id = $1 AND l.entity = 'booking' AND l.entity_id = u.id";

const WAITING: &str = "SELECT entity_id FROM hubspot_links
    WHERE org_id = $1 AND entity = $2 AND entity_id = ANY($3) AND pushed_version < seen_version";
const WAS_PUSHED: &str = "SELECT pushed_at IS NOT NULL FROM hubspot_links
    WHERE org_id = $1 AND entity = $2 AND entity_id = $3";
const UNSETTLED: &str = "SELECT entity_id FROM hubspot_links WHERE org_id = $1 AND entity = $2 AND entity_id = ANY($3)
    AND (pushed_version < seen_version OR (entity = 'booking' AND associated_version < pushed_version))";
const PARKED_RECORDS: &str = "SELECT entity_id, hubspot_id FROM hubspot_links
    WHERE org_id = $1 AND entity = $2 AND parked_at IS NOT NULL AND hubspot_id IS NOT NULL
      AND pushed_version < seen_version AND entity_id > $3 ORDER BY entity_id LIMIT $4";
const BROUGHT_IN: &str = "SELECT l.hubspot_id FROM hubspot_links l
    JOIN import_rows i ON i.org_id = l.org_id AND i.source = 'sessions' AND i.row_key = l.entity_id::text
    WHERE l.org_id = $1 AND l.entity = 'slot' AND l.hubspot_id = ANY($2)";
const OF_RECORDS: &str =
    "SELECT hubspot_id, entity_id FROM hubspot_links WHERE org_id = $1 AND entity = $2 AND hubspot_id = ANY($3)";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    WAITING,
    WAS_PUSHED,
    UNSETTLED,
    OF_RECORDS,
    PUSHED,
    REFUSED,
    ADOPT,
    FORGET,
    PUSH_AGAIN,
    ASSOCIATE_AGAIN,
    RETRY,
    RETRY_ALL,
    ASSOCIATED,
    LEFT_BY_CONTACT,
    LEFT_BY_SESSION,
    PARKED_RECORDS,
    BROUGHT_IN,
];

/// Notes rows that HubSpot has now.
///
/// # Errors
///
/// What PostgreSQL says; also that HubSpot calls two rows by one id, see [`is_taken`].
pub async fn pushed(client: &ClientWrapper, org_id: Uuid, entity: Entity, rows: &[Pushed]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let hubspot_ids: Vec<&str> = rows.iter().map(|row| row.hubspot_id.as_str()).collect();
    let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
    let read: Vec<Timestamp> = rows.iter().map(|row| row.read_at).collect();
    let statement = client.prepare_cached(PUSHED).await?;
    client.execute(&statement, &[&org_id, &entity.as_str(), &ids, &hubspot_ids, &versions, &read]).await?;
    Ok(())
}

/// Whether a statement failed because another row has this id of HubSpot's.
pub fn is_taken(error: &StoreError) -> bool {
    matches!(error, StoreError::Query(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
}

/// Notes rows that HubSpot refused: tried again later, and parked after [`TRIES_MAX`] times.
pub async fn refused(client: &ClientWrapper, org_id: Uuid, entity: Entity, rows: &[Refused]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let problems: Vec<&str> = rows.iter().map(|row| row.problem.as_str()).collect();
    let correlations: Vec<Option<&str>> = rows.iter().map(|row| row.correlation_id.as_deref()).collect();
    let finals: Vec<bool> = rows.iter().map(|row| row.is_final).collect();
    let pause = RETRY_AFTER.as_secs_f64();
    let statement = client.prepare_cached(REFUSED).await?;
    client
        .execute(&statement, &[&org_id, &entity.as_str(), &ids, &problems, &correlations, &finals, &pause, &TRIES_MAX])
        .await?;
    Ok(())
}

/// Notes what HubSpot calls a row that it had already. `false`: the row, or another one, has another id.
pub async fn adopt(
    client: &ClientWrapper,
    org_id: Uuid,
    entity: Entity,
    id: Uuid,
    hubspot_id: &str,
) -> Result<bool, StoreError> {
    let changed = client.execute(ADOPT, &[&org_id, &entity.as_str(), &id, &hubspot_id]).await.map_err(StoreError::from);
    match changed {
        Ok(changed) => Ok(changed == 1),
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Forgets a record that is no longer there: the row gets another one, and what belonged to it belongs to that.
pub async fn forget(
    client: &ClientWrapper,
    org_id: Uuid,
    entity: Entity,
    id: Uuid,
    hubspot_id: &str,
) -> Result<(), StoreError> {
    let left_behind = match entity {
        Entity::Contact => Some(LEFT_BY_CONTACT),
        Entity::Slot => Some(LEFT_BY_SESSION),
        _ => None,
    };
    if let Some(sql) = left_behind {
        client.execute(sql, &[&org_id, &id, &hubspot_id]).await?;
    }
    client.execute(FORGET, &[&org_id, &entity.as_str(), &id, &hubspot_id]).await?;
    Ok(())
}

/// Has rows pushed again, as they are.
pub async fn push_again(client: &ClientWrapper, org_id: Uuid, entity: Entity, ids: &[Uuid]) -> Result<(), StoreError> {
    client.execute(PUSH_AGAIN, &[&org_id, &entity.as_str(), &ids]).await?;
    Ok(())
}

/// Has bookings associated again.
pub async fn associate_again(client: &ClientWrapper, org_id: Uuid, ids: &[Uuid]) -> Result<(), StoreError> {
    client.execute(ASSOCIATE_AGAIN, &[&org_id, &ids]).await?;
    Ok(())
}

/// Has a parked row tried again at the next run. `false`: there is no such parked row.
pub async fn retry(client: &ClientWrapper, org_id: Uuid, entity: Entity, id: Uuid) -> Result<bool, StoreError> {
    Ok(client.execute(RETRY, &[&org_id, &entity.as_str(), &id]).await? == 1)
}

/// Has all parked rows tried again. Says how many there are.
pub async fn retry_all(client: &ClientWrapper, org_id: Uuid) -> Result<u64, StoreError> {
    Ok(client.execute(RETRY_ALL, &[&org_id]).await?)
}

/// What a booking is associated with now, by HubSpot's ids, and the version that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociatedRow {
    /// The booking.
    pub id: Uuid,
    /// The contact's record.
    pub contact: Option<String>,
    /// The session's record.
    pub session: Option<String>,
    /// The pushed version; smaller if something is still missing.
    pub version: i64,
}

/// Notes what bookings are associated with.
pub async fn associated(client: &ClientWrapper, org_id: Uuid, rows: &[AssociatedRow]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let contacts: Vec<Option<&str>> = rows.iter().map(|row| row.contact.as_deref()).collect();
    let sessions: Vec<Option<&str>> = rows.iter().map(|row| row.session.as_deref()).collect();
    let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
    let statement = client.prepare_cached(ASSOCIATED).await?;
    client.execute(&statement, &[&org_id, &ids, &contacts, &sessions, &versions]).await?;
    Ok(())
}

/// Those of these rows that wait to be pushed.
pub async fn waiting(
    client: &ClientWrapper,
    org_id: Uuid,
    entity: Entity,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, StoreError> {
    let rows = client.query(WAITING, &[&org_id, &entity.as_str(), &ids]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Whether a row was ever pushed: then its record was there.
pub async fn was_pushed(client: &ClientWrapper, org_id: Uuid, entity: Entity, id: Uuid) -> Result<bool, StoreError> {
    let row = client.query_opt(WAS_PUSHED, &[&org_id, &entity.as_str(), &id]).await?;
    row.map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

/// Those of these rows that wait to be pushed or to be associated, or are parked.
pub async fn unsettled(
    client: &ClientWrapper,
    org_id: Uuid,
    entity: Entity,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, StoreError> {
    let rows = client.query(UNSETTLED, &[&org_id, &entity.as_str(), &ids]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Rows after an id that are parked and have a record, with that, at most so many.
pub async fn parked_records(
    client: &ClientWrapper,
    org_id: Uuid,
    entity: Entity,
    after: Uuid,
    limit: usize,
) -> Result<Vec<(Uuid, String)>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = client.query(PARKED_RECORDS, &[&org_id, &entity.as_str(), &after, &limit]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Those of these sessions' records that were brought in, to the end.
pub async fn brought_in(
    client: &ClientWrapper,
    org_id: Uuid,
    hubspot_ids: &[String],
) -> Result<HashSet<String>, StoreError> {
    let rows = client.query(BROUGHT_IN, &[&org_id, &hubspot_ids]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The rows of these records, by HubSpot's ids. A record that is missing is none of ours.
pub async fn of_records(
    client: &ClientWrapper,
    org_id: Uuid,
    entity: Entity,
    hubspot_ids: &[String],
) -> Result<BTreeMap<String, Uuid>, StoreError> {
    let rows = client.query(OF_RECORDS, &[&org_id, &entity.as_str(), &hubspot_ids]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
