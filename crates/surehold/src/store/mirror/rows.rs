//! Reading what is to be pushed, page by page: rows that wait, in the order of their ids.

use std::collections::BTreeMap;

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::StoreError;

/// A row that is mirrored, with what HubSpot calls it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mirrored<R> {
    /// The row's id.
    pub id: Uuid,
    /// HubSpot's id of its record, if we know one.
    pub hubspot_id: Option<String>,
    /// The row's version as it was read.
    pub version: i64,
    /// When it was read, by the database's clock.
    pub read_at: Timestamp,
    /// What it says.
    pub row: R,
}

/// What is mirrored of a contact.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactRow {
    /// Upper case.
    pub student_id: String,
    /// Lower case.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// The date of the real exam.
    pub ndecc_exam_date: Option<Date>,
    /// Balances by kind.
    pub credits: BTreeMap<String, i64>,
}

/// What is mirrored of a slot.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// What is written over it.
    pub name: String,
    /// The name of its offering.
    pub mock_type: String,
    /// Which set of questions.
    pub mock_set: Option<String>,
    /// Local date.
    pub date: Date,
    /// Local start.
    pub start: Time,
    /// Local end.
    pub end: Time,
    /// Where.
    pub location: Option<String>,
    /// Seats.
    pub capacity: i32,
    /// Seats that are booked: here, or before an import, which withholds those.
    pub taken: i32,
    /// As in `slots`.
    pub status: String,
    /// When it goes on sale.
    pub activates_at: Option<Timestamp>,
}

/// What is mirrored of a booking.
#[derive(Debug, Clone, PartialEq)]
pub struct BookingRow {
    /// The human booking ID.
    pub code: String,
    /// Its contact's given name.
    pub first_name: String,
    /// Its contact's family name.
    pub last_name: String,
    /// Its contact's address.
    pub email: String,
    /// As in `bookings`.
    pub status: String,
    /// The label of what paid.
    pub token_used: Option<String>,
    /// Where the student attends.
    pub attending_location: Option<String>,
    /// `left` or `right`.
    pub dominant_hand: Option<String>,
    /// `Yes` or `No`.
    pub attendance: Option<String>,
    /// When the credit came back.
    pub credit_returned_at: Option<Timestamp>,
    /// Who gave it back.
    pub refunded_by: Option<String>,
}

/// A booking whose associations are to be looked at. Ids are HubSpot's, except the first.
#[derive(Debug, Clone, PartialEq)]
pub struct LooseRow {
    /// The booking.
    pub id: Uuid,
    /// Its record.
    pub hubspot_id: String,
    /// The version that was pushed.
    pub pushed_version: i64,
    /// Its contact's record, if there is one yet.
    pub contact: Option<String>,
    /// Its session's record, if there is one yet.
    pub session: Option<String>,
    /// What it is associated with so far.
    pub associated_contact: Option<String>,
    /// What it is associated with so far.
    pub associated_session: Option<String>,
}

/// Which rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that wait and may be tried now, and whose record we know.
    DueWithRecord,
    /// Those that wait and may be tried now, and have no record that we know of.
    DueWithout,
    /// Those that HubSpot has as they are, as far as we know: for a comparison.
    Known,
}

macro_rules! may_be_tried {
    () => {
        "l.parked_at IS NULL AND (l.retry_at IS NULL OR l.retry_at <= now())"
    };
}

macro_rules! due {
    () => {
        concat!("l.pushed_version < l.seen_version AND ", may_be_tried!())
    };
}

/// The statement that reads rows of a kind.
fn select(entity: &str, columns: &str, joins: &str, which: Which) -> String {
    let which = match which {
        Which::DueWithRecord => concat!(due!(), " AND l.hubspot_id IS NOT NULL"),
        Which::DueWithout => concat!(due!(), " AND l.hubspot_id IS NULL"),
        Which::Known => "l.hubspot_id IS NOT NULL AND l.pushed_version >= l.seen_version",
    };
    format!(
        "SELECT l.entity_id, l.hubspot_id, clock_timestamp(), {columns} FROM hubspot_links l {joins}
         WHERE l.org_id = $1 AND l.entity = '{entity}' AND {which} AND l.entity_id > $2 ORDER BY l.entity_id LIMIT $3"
    )
}

fn contacts_sql(which: Which) -> String {
    let columns =
        "c.version + b.versions, c.student_id, c.email, c.first_name, c.last_name, c.ndecc_exam_date, b.credits";
    let joins = "JOIN contacts c ON c.org_id = l.org_id AND c.id = l.entity_id CROSS JOIN LATERAL (
        SELECT COALESCE(sum(b.version), 0)::int8 AS versions, jsonb_object_agg(b.kind, b.amount) AS credits
        FROM credit_balances b WHERE b.org_id = l.org_id AND b.contact_id = l.entity_id) b";
    select("contact", columns, joins, which)
}

fn sessions_sql(which: Which) -> String {
    let columns =
        "s.version, s.name, o.name, s.mock_set, s.local_date, s.local_start, s.local_end, s.location, s.capacity,
        s.taken + LEAST(i.withheld, s.withheld), s.status, s.activates_at";
    // Of the journal, which is written with the seats: what an import remembers of its row comes a moment later, and
    // nobody would push the session again for it. Those of them that an operator released are not booked elsewhere.
    let joins = "JOIN slots s ON s.org_id = l.org_id AND s.id = l.entity_id
        JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id
        CROSS JOIN LATERAL (SELECT GREATEST(COALESCE(sum(COALESCE((j.after ->> 'withheld')::int, 0)
            - COALESCE((j.before ->> 'withheld')::int, 0)), 0), 0)::int AS withheld FROM journal j
            WHERE j.org_id = s.org_id AND j.entity_id = s.id AND j.principal = 'system:import') i";
    select("slot", columns, joins, which)
}

fn bookings_sql(which: Which) -> String {
    let columns = "b.version, b.code, c.first_name, c.last_name, c.email, b.status, b.token_used, b.attending_location,
        b.dominant_hand, b.attendance, b.credit_returned_at, b.refunded_by";
    let joins = "JOIN bookings b ON b.org_id = l.org_id AND b.id = l.entity_id
        JOIN contacts c ON c.org_id = b.org_id AND c.id = b.contact_id";
    select("booking", columns, joins, which)
}

fn loose_sql(is_due: bool) -> String {
    let which = match is_due {
        true => concat!("l.associated_version < l.pushed_version AND ", may_be_tried!()),
        false => "l.associated_version >= l.pushed_version AND l.pushed_version >= l.seen_version",
    };
    format!(
        "SELECT l.entity_id, l.hubspot_id, l.pushed_version, c.hubspot_id, s.hubspot_id, l.associated_contact, l.associated_session
         FROM hubspot_links l JOIN bookings b ON b.org_id = l.org_id AND b.id = l.entity_id
         LEFT JOIN hubspot_links c ON c.org_id = b.org_id AND c.entity = 'contact' AND c.entity_id = b.contact_id
         LEFT JOIN hubspot_links s ON s.org_id = b.org_id AND s.entity = 'slot' AND s.entity_id = b.slot_id
         WHERE l.org_id = $1 AND l.entity = 'booking' AND l.hubspot_id IS NOT NULL AND {which}
           AND l.entity_id > $2 ORDER BY l.entity_id LIMIT $3"
    )
}

/// Every statement of this file.
pub fn statements() -> Vec<String> {
    let all = [contacts_sql, sessions_sql, bookings_sql];
    let pages = all.iter().flat_map(|sql| [Which::DueWithRecord, Which::DueWithout, Which::Known].map(sql));
    pages.chain([loose_sql(true), loose_sql(false)]).collect()
}

/// Contacts after an id, at most so many.
pub async fn contacts(
    client: &ClientWrapper,
    org_id: Uuid,
    which: Which,
    after: Uuid,
    limit: usize,
) -> Result<Vec<Mirrored<ContactRow>>, StoreError> {
    page(client, &contacts_sql(which), org_id, after, limit, |row| {
        let credits: Option<serde_json::Value> = row.try_get(9)?;
        let credits = credits.map_or(Ok(BTreeMap::new()), serde_json::from_value);
        Ok(ContactRow {
            student_id: row.try_get(4)?,
            email: row.try_get(5)?,
            first_name: row.try_get(6)?,
            last_name: row.try_get(7)?,
            ndecc_exam_date: row.try_get(8)?,
            credits: credits.map_err(|error| StoreError::Corrupt(format!("balances: {error}")))?,
        })
    })
    .await
}

/// Sessions after an id, at most so many.
pub async fn sessions(
    client: &ClientWrapper,
    org_id: Uuid,
    which: Which,
    after: Uuid,
    limit: usize,
) -> Result<Vec<Mirrored<SessionRow>>, StoreError> {
    page(client, &sessions_sql(which), org_id, after, limit, |row| {
        Ok(SessionRow {
            name: row.try_get(4)?,
            mock_type: row.try_get(5)?,
            mock_set: row.try_get(6)?,
            date: row.try_get(7)?,
            start: row.try_get(8)?,
            end: row.try_get(9)?,
            location: row.try_get(10)?,
            capacity: row.try_get(11)?,
            taken: row.try_get(12)?,
            status: row.try_get(13)?,
            activates_at: row.try_get(14)?,
        })
    })
    .await
}

/// Bookings after an id, at most so many.
pub async fn bookings(
    client: &ClientWrapper,
    org_id: Uuid,
    which: Which,
    after: Uuid,
    limit: usize,
) -> Result<Vec<Mirrored<BookingRow>>, StoreError> {
    page(client, &bookings_sql(which), org_id, after, limit, |row| {
        Ok(BookingRow {
            code: row.try_get(4)?,
            first_name: row.try_get(5)?,
            last_name: row.try_get(6)?,
            email: row.try_get(7)?,
            status: row.try_get(8)?,
            token_used: row.try_get(9)?,
            attending_location: row.try_get(10)?,
            dominant_hand: row.try_get(11)?,
            attendance: row.try_get(12)?,
            credit_returned_at: row.try_get(13)?,
            refunded_by: row.try_get(14)?,
        })
    })
    .await
}

/// Bookings after an id, at most so many: those whose associations are to be looked at, or else those that HubSpot has
/// as they are, as far as we know.
pub async fn loose(
    client: &ClientWrapper,
    org_id: Uuid,
    is_due: bool,
    after: Uuid,
    limit: usize,
) -> Result<Vec<LooseRow>, StoreError> {
    let rows = query(client, &loose_sql(is_due), org_id, after, limit).await?;
    let read = |row: &Row| {
        Ok(LooseRow {
            id: row.try_get(0)?,
            hubspot_id: row.try_get(1)?,
            pushed_version: row.try_get(2)?,
            contact: row.try_get(3)?,
            session: row.try_get(4)?,
            associated_contact: row.try_get(5)?,
            associated_session: row.try_get(6)?,
        })
    };
    rows.iter().map(read).collect()
}

async fn page<R>(
    client: &ClientWrapper,
    sql: &str,
    org_id: Uuid,
    after: Uuid,
    limit: usize,
    read: impl Fn(&Row) -> Result<R, StoreError>,
) -> Result<Vec<Mirrored<R>>, StoreError> {
    let rows = query(client, sql, org_id, after, limit).await?;
    let mirrored = |row: &Row| {
        Ok(Mirrored {
            id: row.try_get(0)?,
            hubspot_id: row.try_get(1)?,
            read_at: row.try_get(2)?,
            version: row.try_get(3)?,
            row: read(row)?,
        })
    };
    rows.iter().map(mirrored).collect()
}

async fn query(
    client: &ClientWrapper,
    sql: &str,
    org_id: Uuid,
    after: Uuid,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let statement = client.prepare_cached(sql).await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let parameters: [&(dyn ToSql + Sync); 3] = [&org_id, &after, &limit];
    Ok(client.query(&statement, &parameters).await?)
}
