//! Plain reads of bookings. Changes go through the desk.

use deadpool_postgres::ClientWrapper;
use jiff::{Timestamp, civil};
use surehold_core::rows::{BookingStatus, Family};
use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;

/// A booking with what people want to know of its contact and its session.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // The columns of the tables they are named after.
pub struct BookingRow {
    pub id: Uuid,
    pub code: String,
    pub hubspot_id: Option<String>,
    pub status: BookingStatus,
    pub guests: i32,
    pub token_used: Option<String>,
    pub attending_location: Option<String>,
    pub dominant_hand: Option<String>,
    pub attendance: Option<String>,
    pub cancelled_at: Option<Timestamp>,
    pub credit_returned_at: Option<Timestamp>,
    pub returned_kind: Option<String>,
    pub refunded_by: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub contact_id: Uuid,
    pub student_id: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub trip_id: Option<Uuid>,
    pub payment_id: Option<Uuid>,
    pub slot_id: Uuid,
    pub slot_hubspot_id: Option<String>,
    pub slot_name: String,
    pub offering: String,
    pub family: Family,
    pub local_date: civil::Date,
    pub local_start: civil::Time,
    pub local_end: civil::Time,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub time_zone: String,
    pub location: Option<String>,
    pub mock_set: Option<String>,
}

/// Which of a contact's bookings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// All of them, the latest session first.
    All,
    /// Those that are active and whose session has not ended, the soonest first.
    Upcoming,
    /// Those whose session has ended, the latest first.
    Past,
}

macro_rules! from {
    () => {
        "FROM bookings b JOIN contacts c ON c.org_id = b.org_id AND c.id = b.contact_id \
         JOIN slots s ON s.org_id = b.org_id AND s.id = b.slot_id \
         JOIN offerings o ON o.org_id = b.org_id AND o.id = b.offering_id \
         LEFT JOIN hubspot_links h ON h.org_id = b.org_id AND h.entity = 'booking' AND h.entity_id = b.id \
         LEFT JOIN hubspot_links hs ON hs.org_id = b.org_id AND hs.entity = 'slot' AND hs.entity_id = b.slot_id \
         WHERE b.org_id = $1 AND "
    };
}

macro_rules! select {
    ($($rest:expr),+) => {
        concat!(
            "SELECT b.id, b.code, h.hubspot_id, b.status, b.guests, b.token_used, b.attending_location, b.dominant_hand, ",
            "b.attendance, b.cancelled_at, b.credit_returned_at, b.returned_kind, b.refunded_by, b.created_at, ",
            "b.updated_at, b.contact_id, c.student_id, c.email, c.first_name, c.last_name, b.trip_id, b.payment_id, b.slot_id, ",
            "hs.hubspot_id AS slot_hubspot_id, s.name AS slot_name, o.name AS offering, o.family, s.local_date, ",
            "s.local_start, s.local_end, s.starts_at, s.ends_at, s.time_zone, s.location, s.mock_set ",
            from!(),
            $($rest),+
        )
    };
}

macro_rules! upcoming {
    () => {
        "b.contact_id = $2 AND b.status IN ('pending_payment', 'processing', 'confirmed') AND s.ends_at > now()"
    };
}

macro_rules! past {
    () => {
        "b.contact_id = $2 AND s.ends_at <= now()"
    };
}

// `$3` narrows to one contact's bookings: what a student may see.
const BY_ID: &str = select!("b.id = $2 AND ($3::uuid IS NULL OR b.contact_id = $3)");
const BY_HUBSPOT_ID: &str = select!(
    "b.id = (SELECT entity_id FROM hubspot_links WHERE org_id = $1 AND entity = 'booking' AND hubspot_id = $2) \
     AND ($3::uuid IS NULL OR b.contact_id = $3)"
);
// A booking ID repeats after cancel and rebook: the active booking is meant, else the newest.
const BY_CODE: &str = select!(
    "b.code = $2 AND ($3::uuid IS NULL OR b.contact_id = $3) \
     ORDER BY (b.status IN ('pending_payment', 'processing', 'confirmed')) DESC, b.created_at DESC, b.id DESC LIMIT 1"
);
// The first row of a command has its key.
const BY_KEY: &str = select!(
    "b.id = (SELECT j.entity_id FROM journal j WHERE j.org_id = $1 AND j.key = $2 AND j.principal = $3 \
     AND j.entity = 'booking' AND j.event = 'booking.confirmed')"
);
const ALL_OF_CONTACT: &str = select!("b.contact_id = $2 ORDER BY s.starts_at DESC, b.id DESC LIMIT $3 OFFSET $4");
const UPCOMING_OF_CONTACT: &str = select!(upcoming!(), " ORDER BY s.starts_at, b.id LIMIT $3 OFFSET $4");
const PAST_OF_CONTACT: &str = select!(past!(), " ORDER BY s.starts_at DESC, b.id DESC LIMIT $3 OFFSET $4");
const COUNT_ALL: &str = concat!("SELECT count(*) ", from!(), "b.contact_id = $2");
const COUNT_UPCOMING: &str = concat!("SELECT count(*) ", from!(), upcoming!());
const COUNT_PAST: &str = concat!("SELECT count(*) ", from!(), past!());
const OF_SLOT: &str = select!("b.slot_id = $2 AND ($3::uuid IS NULL OR b.id > $3) ORDER BY b.id LIMIT $4");
// Holds of a checkout are not among them: they end by themselves, or are confirmed first.
const ACTIVE_OF_SLOT: &str = "SELECT id FROM bookings WHERE org_id = $1 AND slot_id = $2 \
     AND (status = 'confirmed' OR status IN ('pending_payment', 'processing') AND payment_id IS NULL) ORDER BY id";
const CANCELLED_SLOTS_WITH_ACTIVE: &str = "SELECT s.id FROM slots s WHERE s.org_id = $1 AND s.status = 'cancelled' \
     AND s.taken + s.held > 0 AND EXISTS (SELECT FROM bookings b WHERE b.org_id = $1 AND b.slot_id = s.id \
     AND (b.status = 'confirmed' OR b.status IN ('pending_payment', 'processing') AND b.payment_id IS NULL)) ORDER BY s.id";

/// Every statement of this file, for the test that prepares them.
pub const STATEMENTS: &[&str] = &[
    BY_ID,
    BY_HUBSPOT_ID,
    BY_CODE,
    BY_KEY,
    ALL_OF_CONTACT,
    UPCOMING_OF_CONTACT,
    PAST_OF_CONTACT,
    COUNT_ALL,
    COUNT_UPCOMING,
    COUNT_PAST,
    OF_SLOT,
    ACTIVE_OF_SLOT,
    CANCELLED_SLOTS_WITH_ACTIVE,
];

/// The booking of a primary key; of one contact only, if `contact_id` is given.
pub async fn by_id(
    client: &ClientWrapper,
    org_id: Uuid,
    id: Uuid,
    contact_id: Option<Uuid>,
) -> Result<Option<BookingRow>, StoreError> {
    let statement = client.prepare_cached(BY_ID).await?;
    client.query_opt(&statement, &[&org_id, &id, &contact_id]).await?.as_ref().map(read).transpose()
}

/// The booking that HubSpot knows by this number; of one contact only, if `contact_id` is given.
pub async fn by_hubspot_id(
    client: &ClientWrapper,
    org_id: Uuid,
    hubspot_id: &str,
    contact_id: Option<Uuid>,
) -> Result<Option<BookingRow>, StoreError> {
    let statement = client.prepare_cached(BY_HUBSPOT_ID).await?;
    client.query_opt(&statement, &[&org_id, &hubspot_id, &contact_id]).await?.as_ref().map(read).transpose()
}

/// The active booking of a human booking ID, else the newest; of one contact only, if `contact_id` is given.
pub async fn by_code(
    client: &ClientWrapper,
    org_id: Uuid,
    code: &str,
    contact_id: Option<Uuid>,
) -> Result<Option<BookingRow>, StoreError> {
    let statement = client.prepare_cached(BY_CODE).await?;
    client.query_opt(&statement, &[&org_id, &code, &contact_id]).await?.as_ref().map(read).transpose()
}

/// The booking that a principal made under an idempotency key.
pub async fn by_key(
    client: &ClientWrapper,
    org_id: Uuid,
    principal: &str,
    key: &str,
) -> Result<Option<BookingRow>, StoreError> {
    let statement = client.prepare_cached(BY_KEY).await?;
    client.query_opt(&statement, &[&org_id, &key, &principal]).await?.as_ref().map(read).transpose()
}

/// One page of a contact's bookings, and how many there are in all.
pub async fn of_contact(
    client: &ClientWrapper,
    org_id: Uuid,
    contact_id: Uuid,
    when: When,
    limit: i64,
    offset: i64,
) -> Result<(Vec<BookingRow>, i64), StoreError> {
    let (page, count) = match when {
        When::All => (ALL_OF_CONTACT, COUNT_ALL),
        When::Upcoming => (UPCOMING_OF_CONTACT, COUNT_UPCOMING),
        When::Past => (PAST_OF_CONTACT, COUNT_PAST),
    };
    let (page, count) = (client.prepare_cached(page).await?, client.prepare_cached(count).await?);
    let rows = client.query(&page, &[&org_id, &contact_id, &limit, &offset]).await?;
    let total: i64 = client.query_one(&count, &[&org_id, &contact_id]).await?.try_get(0)?;
    Ok((rows.iter().map(read).collect::<Result<_, _>>()?, total))
}

/// Up to `limit` bookings of a session, in the order they were made, after the booking `after`.
pub async fn of_slot(
    client: &ClientWrapper,
    org_id: Uuid,
    slot_id: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<BookingRow>, StoreError> {
    let statement = client.prepare_cached(OF_SLOT).await?;
    client.query(&statement, &[&org_id, &slot_id, &after, &limit]).await?.iter().map(read).collect()
}

/// The active bookings of a session.
pub async fn active_of_slot(client: &ClientWrapper, org_id: Uuid, slot_id: Uuid) -> Result<Vec<Uuid>, StoreError> {
    let statement = client.prepare_cached(ACTIVE_OF_SLOT).await?;
    client.query(&statement, &[&org_id, &slot_id]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Sessions that were cancelled and still have active bookings.
pub async fn cancelled_slots_with_active(client: &ClientWrapper, org_id: Uuid) -> Result<Vec<Uuid>, StoreError> {
    let statement = client.prepare_cached(CANCELLED_SLOTS_WITH_ACTIVE).await?;
    client.query(&statement, &[&org_id]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn read(row: &Row) -> Result<BookingRow, StoreError> {
    let (status, family): (&str, &str) = (row.try_get("status")?, row.try_get("family")?);
    Ok(BookingRow {
        id: row.try_get("id")?,
        code: row.try_get("code")?,
        hubspot_id: row.try_get("hubspot_id")?,
        status: BookingStatus::parse(status).ok_or_else(|| StoreError::Corrupt(format!("booking status {status}")))?,
        guests: row.try_get("guests")?,
        token_used: row.try_get("token_used")?,
        attending_location: row.try_get("attending_location")?,
        dominant_hand: row.try_get("dominant_hand")?,
        attendance: row.try_get("attendance")?,
        cancelled_at: row.try_get("cancelled_at")?,
        credit_returned_at: row.try_get("credit_returned_at")?,
        returned_kind: row.try_get("returned_kind")?,
        refunded_by: row.try_get("refunded_by")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        contact_id: row.try_get("contact_id")?,
        student_id: row.try_get("student_id")?,
        email: row.try_get("email")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        trip_id: row.try_get("trip_id")?,
        payment_id: row.try_get("payment_id")?,
        slot_id: row.try_get("slot_id")?,
        slot_hubspot_id: row.try_get("slot_hubspot_id")?,
        slot_name: row.try_get("slot_name")?,
        offering: row.try_get("offering")?,
        family: Family::parse(family).ok_or_else(|| StoreError::Corrupt(format!("family {family}")))?,
        local_date: row.try_get("local_date")?,
        local_start: row.try_get("local_start")?,
        local_end: row.try_get("local_end")?,
        starts_at: row.try_get("starts_at")?,
        ends_at: row.try_get("ends_at")?,
        time_zone: row.try_get("time_zone")?,
        location: row.try_get("location")?,
        mock_set: row.try_get("mock_set")?,
    })
}
