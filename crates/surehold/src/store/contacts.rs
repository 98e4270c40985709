//! Plain reads of contacts. Changes go through the desk.

use std::collections::BTreeMap;

use deadpool_postgres::ClientWrapper;
use jiff::{Timestamp, civil};
use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;

/// A contact with its balances.
#[derive(Debug, Clone)]
pub struct ContactRow {
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
    /// The date of the real exam.
    pub ndecc_exam_date: Option<civil::Date>,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<String>,
    /// Balances by kind of credit.
    pub credits: BTreeMap<String, i64>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl ContactRow {
    /// The name for people.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.student_id, c.email, c.first_name, c.last_name, c.ndecc_exam_date, c.created_at, ",
            "c.updated_at, h.hubspot_id, ",
            "(SELECT jsonb_object_agg(b.kind, b.amount) FROM credit_balances b ",
            "WHERE b.org_id = c.org_id AND b.contact_id = c.id) AS credits ",
            "FROM contacts c LEFT JOIN hubspot_links h ",
            "ON h.org_id = c.org_id AND h.entity = 'contact' AND h.entity_id = c.id ",
            "WHERE c.org_id = $1 AND ",
            $rest
        )
    };
}

// One probe of the key per identity, whatever the statistics say (docs/decisions/0002-plans-without-statistics.md).
/// For [`ids_by_identity`].
pub const IDS_BY_IDENTITY: &str = "SELECT k.place, c.id \
     FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS k(org_id, student_id, email, place) \
     CROSS JOIN LATERAL (SELECT c.id FROM contacts c \
     WHERE c.org_id = k.org_id AND c.student_id = k.student_id AND c.email = k.email OFFSET 0) c";
/// For [`linked_ids_by_identity`].
pub const LINKED_IDS_BY_IDENTITY: &str = "SELECT k.place, c.id, (SELECT l.hubspot_id FROM hubspot_links l \
     WHERE l.org_id = k.org_id AND l.entity = 'contact' AND l.entity_id = c.id) \
     FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS k(org_id, student_id, email, place) \
     CROSS JOIN LATERAL (SELECT c.id FROM contacts c \
     WHERE c.org_id = k.org_id AND c.student_id = k.student_id AND c.email = k.email OFFSET 0) c";
const BY_IDENTITY: &str = select!("c.student_id = $2 AND c.email = $3");
const BY_ID: &str = select!("c.id = $2");
const BY_HUBSPOT_ID: &str = select!(
    "c.id = (SELECT entity_id FROM hubspot_links WHERE org_id = $1 AND entity = 'contact' AND hubspot_id = $2)"
);
// `$2` is a LIKE pattern; the pair after which the page begins is ('', '') for the first one.
const SEARCH: &str = select!(
    "($2 = '' OR c.student_id ILIKE $2 || '%' OR c.email ILIKE $2 || '%' OR c.first_name ILIKE $2 || '%' \
     OR c.last_name ILIKE $2 || '%') AND (c.student_id, c.email) > ($3, $4) ORDER BY c.student_id, c.email LIMIT $5"
);

/// Every statement of this file, for the test that prepares them.
pub const STATEMENTS: &[&str] = &[IDS_BY_IDENTITY, LINKED_IDS_BY_IDENTITY, BY_IDENTITY, BY_ID, BY_HUBSPOT_ID, SEARCH];

/// A contact, and what HubSpot knows it as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Primary key.
    pub id: Uuid,
    /// HubSpot's number of it, if it has one.
    pub hubspot_id: Option<String>,
}

/// The ids of contacts, by identities of any organisations: three lists of one length. The answer is as long.
pub async fn ids_by_identity(
    client: &ClientWrapper,
    org_ids: &[Uuid],
    student_ids: &[&str],
    emails: &[&str],
) -> Result<Vec<Option<Uuid>>, StoreError> {
    by_identities(client, IDS_BY_IDENTITY, org_ids, student_ids, emails, |row| Ok(row.try_get(1)?)).await
}

/// The same with HubSpot's numbers.
pub async fn linked_ids_by_identity(
    client: &ClientWrapper,
    org_ids: &[Uuid],
    student_ids: &[&str],
    emails: &[&str],
) -> Result<Vec<Option<Linked>>, StoreError> {
    let read = |row: &Row| Ok(Linked { id: row.try_get(1)?, hubspot_id: row.try_get(2)? });
    by_identities(client, LINKED_IDS_BY_IDENTITY, org_ids, student_ids, emails, read).await
}

async fn by_identities<T: Clone>(
    client: &ClientWrapper,
    sql: &str,
    org_ids: &[Uuid],
    student_ids: &[&str],
    emails: &[&str],
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<Option<T>>, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    super::flight::count_round_trip();
    let mut found = vec![None; org_ids.len()];
    for row in client.query(&statement, &[&org_ids, &student_ids, &emails]).await? {
        // Places are counted from 1.
        let place =
            usize::try_from(row.try_get::<_, i64>(0)?).ok().and_then(|place| found.get_mut(place.checked_sub(1)?));
        *place.ok_or_else(|| StoreError::Corrupt("a contact that was not asked for".to_owned()))? = Some(read(&row)?);
    }
    Ok(found)
}

/// The contact of a (student ID, email), in upper and lower case.
pub async fn by_identity(
    client: &ClientWrapper,
    org_id: Uuid,
    student_id: &str,
    email: &str,
) -> Result<Option<ContactRow>, StoreError> {
    let statement = client.prepare_cached(BY_IDENTITY).await?;
    client.query_opt(&statement, &[&org_id, &student_id, &email]).await?.as_ref().map(read).transpose()
}

/// The contact of a primary key.
pub async fn by_id(client: &ClientWrapper, org_id: Uuid, id: Uuid) -> Result<Option<ContactRow>, StoreError> {
    let statement = client.prepare_cached(BY_ID).await?;
    client.query_opt(&statement, &[&org_id, &id]).await?.as_ref().map(read).transpose()
}

/// The contact that HubSpot knows by this number.
pub async fn by_hubspot_id(
    client: &ClientWrapper,
    org_id: Uuid,
    hubspot_id: &str,
) -> Result<Option<ContactRow>, StoreError> {
    let statement = client.prepare_cached(BY_HUBSPOT_ID).await?;
    client.query_opt(&statement, &[&org_id, &hubspot_id]).await?.as_ref().map(read).transpose()
}

/// Up to `limit` contacts whose student ID, email or one of whose names begins with `prefix`, in the order
/// of (student ID, email), beginning after the pair `after`.
pub async fn search(
    client: &ClientWrapper,
    org_id: Uuid,
    prefix: &str,
    after: (&str, &str),
    limit: i64,
) -> Result<Vec<ContactRow>, StoreError> {
    let pattern = prefix.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let statement = client.prepare_cached(SEARCH).await?;
    let rows = client.query(&statement, &[&org_id, &pattern, &after.0, &after.1, &limit]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<ContactRow, StoreError> {
    let id: Uuid = row.try_get("id")?;
    let credits: Option<serde_json::Value> = row.try_get("credits")?;
    let credits = match credits {
        None => BTreeMap::new(),
        Some(json) => {
            serde_json::from_value(json).map_err(|e| StoreError::Corrupt(format!("balances of contact {id}: {e}")))?
        }
    };
    Ok(ContactRow {
        id,
        student_id: row.try_get("student_id")?,
        email: row.try_get("email")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        ndecc_exam_date: row.try_get("ndecc_exam_date")?,
        hubspot_id: row.try_get("hubspot_id")?,
        credits,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
