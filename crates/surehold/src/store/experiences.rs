//! Plain reads of a trips marketplace: its experiences and their slots. Changes go through the desk. Exams and
//! discussions are not among them: see [`super::sessions`].

use std::sync::LazyLock;

use deadpool_postgres::ClientWrapper;
use jiff::{SignedDuration, Timestamp, civil};
use surehold_core::rows::{Offering, Slot};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{StoreError, rows};

/// An experience.
#[derive(Debug, Clone)]
pub struct ExperienceRow {
    /// The offering.
    pub offering: Offering,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A slot with what its experience says and the database's clock.
#[derive(Debug, Clone)]
pub struct SlotRow {
    /// The slot.
    pub slot: Slot,
    /// The experience's name.
    pub experience: String,
    /// The experience's price of one guest, in minor units.
    pub experience_price_minor: Option<i64>,
    /// Whether the experience is offered.
    pub experience_is_active: bool,
    /// Guests that one booking may have.
    pub guests_max: i32,
    /// A checkout ends so many minutes before the start.
    pub booking_cutoff_minutes: i32,
    /// The database's clock when the row was read.
    pub now: Timestamp,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl SlotRow {
    /// What one guest pays, in minor units.
    pub fn price_minor(&self) -> Option<i64> {
        self.slot.price_minor.or(self.experience_price_minor)
    }

    /// Seats that a traveller can book now: none of a slot that is blocked, closed or too close to its start.
    pub fn bookable_seats(&self) -> i32 {
        let until = self.slot.starts_at - SignedDuration::from_mins(i64::from(self.booking_cutoff_minutes));
        let is_on_sale = self.experience_is_active
            && self.slot.is_active(self.now)
            && !self.slot.is_blocked
            && self.now < until
            && self.price_minor().is_some();
        if is_on_sale { self.slot.available().max(0) } else { 0 }
    }
}

/// Which slots. `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct SlotFilter {
    /// Of this experience.
    pub experience_id: Option<Uuid>,
    /// On or after this local date.
    pub from: Option<civil::Date>,
    /// On or before this local date.
    pub to: Option<civil::Date>,
}

static EXPERIENCES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {}, created_at FROM offerings WHERE org_id = $1 AND family = 'experience' AND (is_active OR NOT $2) \
         AND ($3::text IS NULL OR (name, id) > ($3, $4::uuid)) ORDER BY name, id LIMIT $5",
        rows::OFFERING
    )
});
static EXPERIENCE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {}, created_at FROM offerings WHERE org_id = $1 AND id = $2 AND family = 'experience'",
        rows::OFFERING
    )
});
const ID_BY_NAME: &str = "SELECT id FROM offerings WHERE org_id = $1 AND name = $2 AND family = 'experience'";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.offering_id, s.name, s.starts_at, s.ends_at, s.local_date, s.local_start, s.local_end, ",
            "s.time_zone, s.location, s.mock_set, s.capacity, s.taken, s.held, s.withheld, s.status, s.activates_at, ",
            "s.is_blocked, s.blocked_reason, s.prerequisites, s.price_minor, s.version, s.edit_version, s.created_at, ",
            "s.updated_at, o.name AS experience, o.price_minor AS experience_price_minor, ",
            "o.is_active AS experience_is_active, o.guests_max, o.booking_cutoff_minutes, now() AS now ",
            "FROM slots s JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id ",
            "WHERE s.org_id = $1 AND o.family = 'experience' AND ",
            $rest
        )
    };
}

const SLOTS_BY_ID: &str = select!("s.id = ANY($2)");
const SLOTS: &str = select!(
    "($2::uuid IS NULL OR s.offering_id = $2) AND ($3::date IS NULL OR s.local_date >= $3) \
     AND ($4::date IS NULL OR s.local_date <= $4) \
     AND ($5::timestamptz IS NULL OR (s.starts_at, s.id) > ($5, $6::uuid)) ORDER BY s.starts_at, s.id LIMIT $7"
);
// What travellers see. With `$5` guests, only slots on which so many can be booked now (as in `bookable_seats`).
const SLOTS_AHEAD: &str = select!(
    "s.offering_id = $2 AND o.is_active AND s.starts_at > now() AND s.status <> 'cancelled' \
     AND ($3::date IS NULL OR s.local_date >= $3) AND ($4::date IS NULL OR s.local_date <= $4) \
     AND ($5::int IS NULL OR ($5 <= o.guests_max AND $5 <= s.capacity - s.taken - s.held - s.withheld \
        AND (s.status = 'active' OR s.status = 'scheduled' AND s.activates_at <= now()) AND NOT s.is_blocked \
        AND s.starts_at > now() + make_interval(mins => o.booking_cutoff_minutes) \
        AND coalesce(s.price_minor, o.price_minor) IS NOT NULL)) \
     AND ($6::timestamptz IS NULL OR (s.starts_at, s.id) > ($6, $7::uuid)) ORDER BY s.starts_at, s.id LIMIT $8"
);

/// Every statement of this file, for the test that prepares them.
pub fn statements() -> [&'static str; 6] {
    [&EXPERIENCES, &EXPERIENCE, ID_BY_NAME, SLOTS_BY_ID, SLOTS, SLOTS_AHEAD]
}

/// Up to `limit` experiences by name; those that come after `after` in this order.
pub async fn list(
    client: &ClientWrapper,
    org_id: Uuid,
    only_active: bool,
    after: Option<(String, Uuid)>,
    limit: i64,
) -> Result<Vec<ExperienceRow>, StoreError> {
    let statement = client.prepare_cached(&EXPERIENCES).await?;
    let (name, id) = after.unzip();
    client.query(&statement, &[&org_id, &only_active, &name, &id, &limit]).await?.iter().map(experience).collect()
}

/// The experience of a primary key.
pub async fn by_id(client: &ClientWrapper, org_id: Uuid, id: Uuid) -> Result<Option<ExperienceRow>, StoreError> {
    let statement = client.prepare_cached(&EXPERIENCE).await?;
    client.query_opt(&statement, &[&org_id, &id]).await?.as_ref().map(experience).transpose()
}

/// The id of the experience of a name.
pub async fn id_by_name(client: &Client, org_id: Uuid, name: &str) -> Result<Option<Uuid>, StoreError> {
    client.query_opt(ID_BY_NAME, &[&org_id, &name]).await?.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// The slots of some primary keys, in no order.
pub async fn slots_by_id(client: &ClientWrapper, org_id: Uuid, ids: &[Uuid]) -> Result<Vec<SlotRow>, StoreError> {
    let statement = client.prepare_cached(SLOTS_BY_ID).await?;
    client.query(&statement, &[&org_id, &ids]).await?.iter().map(slot).collect()
}

/// Up to `limit` slots of any state, the soonest first; those that come after `after` in this order.
pub async fn slots(
    client: &ClientWrapper,
    org_id: Uuid,
    filter: &SlotFilter,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<SlotRow>, StoreError> {
    let statement = client.prepare_cached(SLOTS).await?;
    let (at, id) = after.unzip();
    let rows =
        client.query(&statement, &[&org_id, &filter.experience_id, &filter.from, &filter.to, &at, &id, &limit]).await?;
    rows.iter().map(slot).collect()
}

/// Up to `limit` slots of an active experience that are still ahead and not cancelled, the soonest first; with
/// `guests`, only those on which so many can be booked.
pub async fn slots_ahead(
    client: &ClientWrapper,
    org_id: Uuid,
    experience_id: Uuid,
    dates: (Option<civil::Date>, Option<civil::Date>),
    guests: Option<i32>,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<SlotRow>, StoreError> {
    let statement = client.prepare_cached(SLOTS_AHEAD).await?;
    let (at, id) = after.unzip();
    let (from, to) = dates;
    let rows = client.query(&statement, &[&org_id, &experience_id, &from, &to, &guests, &at, &id, &limit]).await?;
    rows.iter().map(slot).collect()
}

fn experience(row: &Row) -> Result<ExperienceRow, StoreError> {
    Ok(ExperienceRow { offering: rows::offering(row)?, created_at: row.try_get("created_at")? })
}

fn slot(row: &Row) -> Result<SlotRow, StoreError> {
    Ok(SlotRow {
        slot: rows::slot(row)?,
        experience: row.try_get("experience")?,
        experience_price_minor: row.try_get("experience_price_minor")?,
        experience_is_active: row.try_get("experience_is_active")?,
        guests_max: row.try_get("guests_max")?,
        booking_cutoff_minutes: row.try_get("booking_cutoff_minutes")?,
        now: row.try_get("now")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
