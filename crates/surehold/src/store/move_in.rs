//! A database that moves in: its tables as they are there, and what is here already.
//!
//! Only `import supabase` uses these statements; the hot path never does.

use std::sync::LazyLock;

use deadpool_postgres::Object;
use rustls::RootCertStore;
use serde_json::Value;
use surehold_core::rows::{Booking, Contact, Offering, Payment, Refund, Slot, Trip};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::import_rows::PRINCIPAL;
use super::session::quoted;
use super::{StoreError, connect, rows, trip_rows};

/// Another system's database, as it is at one moment. Nothing in it is changed.
pub struct Source {
    client: Client,
}

// A login whose rows are hidden by a policy is told so, instead of being shown fewer rows.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL TimeZone = 'UTC';
    SET LOCAL row_security = off;
    SET LOCAL lock_timeout = '5s';
    SET LOCAL statement_timeout = '10min'";

impl Source {
    /// Opens it: what is read from now on is all of one moment. Its certificate is to be signed by one of these
    /// authorities, else by a public one.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or its URL cannot be read.
    pub async fn open(url: &str, authorities: Option<RootCertStore>) -> Result<Source, StoreError> {
        let client = connect::connect_trusting(url, "surehold import", authorities).await?;
        client.batch_execute(BEGIN).await?;
        Ok(Source { client })
    }

    /// The rows of a table, each as a JSON object of whatever columns it has: databases of these systems differ in
    /// them. Times are in UTC. `None`: there is no such table.
    pub async fn rows(&self, schema: &str, table: &str) -> Result<Option<Vec<Value>>, StoreError> {
        if !self.has(schema, table).await? {
            return Ok(None);
        }
        let name = format!("{}.{}", quoted(schema), quoted(table));
        let rows = self.client.query(&format!("SELECT to_jsonb(t) FROM {name} t"), &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_, StoreError>>().map(Some)
    }

    /// Whether there is such a table.
    pub async fn has(&self, schema: &str, table: &str) -> Result<bool, StoreError> {
        let name = format!("{}.{}", quoted(schema), quoted(table));
        Ok(self.client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await?.try_get(0)?)
    }
}

/// What an organisation has already.
pub struct Here {
    /// Its slots, each with what HubSpot knows it as.
    pub slots: Vec<(Slot, Option<String>)>,
    /// Its students, likewise.
    pub contacts: Vec<(Contact, Option<String>)>,
    /// Its bookings.
    pub bookings: Vec<KnownBooking>,
}

/// What an organisation has already of what a marketplace sells.
pub struct TripsHere {
    /// Its experiences.
    pub experiences: Vec<Offering>,
    /// Who travels.
    pub travellers: Vec<Contact>,
    /// Its trips.
    pub trips: Vec<Trip>,
    /// Its payments.
    pub payments: Vec<Payment>,
    /// Its refunds.
    pub refunds: Vec<Refund>,
}

/// A booking that is here.
pub struct KnownBooking {
    /// The booking.
    pub booking: Booking,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<String>,
    /// What the last import did to it: what it saw, as the journal says it.
    pub seen: Option<Value>,
}

fn linked(columns: &str, table: &str, entity: &str, rest: &str) -> String {
    format!(
        "SELECT {columns}, (SELECT l.hubspot_id FROM hubspot_links l WHERE l.org_id = t.org_id AND l.entity = '{entity}'
             AND l.entity_id = t.id) AS link
         FROM {table} t WHERE t.org_id = $1 {rest} ORDER BY t.id"
    )
}

static SLOTS: LazyLock<String> = LazyLock::new(|| linked(rows::SLOT, "slots", "slot", ""));
// Travellers have no address, and are not among the students.
static CONTACTS: LazyLock<String> = LazyLock::new(|| linked(rows::CONTACT, "contacts", "contact", "AND t.email <> ''"));
static BOOKINGS: LazyLock<String> = LazyLock::new(|| {
    let seen = "(SELECT j.after FROM journal j WHERE j.org_id = t.org_id AND j.entity_id = t.id AND j.entity = 'booking' AND j.principal = $2
        AND j.event <> 'request.unchanged' ORDER BY j.id DESC LIMIT 1) AS seen";
    linked(&format!("{}, {seen}", rows::BOOKING), "bookings", "booking", "")
});

fn all(columns: &str, table: &str, rest: &str) -> String {
    format!("SELECT {columns} FROM {table} WHERE org_id = $1 {rest} ORDER BY id")
}

static EXPERIENCES: LazyLock<String> = LazyLock::new(|| all(rows::OFFERING, "offerings", "AND family = 'experience'"));
static TRAVELLERS: LazyLock<String> = LazyLock::new(|| all(rows::CONTACT, "contacts", "AND email = ''"));
static TRIPS: LazyLock<String> = LazyLock::new(|| all(trip_rows::TRIP, "trips", ""));
static PAYMENTS: LazyLock<String> = LazyLock::new(|| all(trip_rows::PAYMENT, "payments", ""));
static REFUNDS: LazyLock<String> = LazyLock::new(|| all(trip_rows::REFUND, "refunds", ""));

/// Every statement of this file about our own tables, for the test that prepares them.
pub fn statements() -> [&'static str; 8] {
    [&SLOTS, &CONTACTS, &BOOKINGS, &EXPERIENCES, &TRAVELLERS, &TRIPS, &PAYMENTS, &REFUNDS]
}

/// All of it. On a connection for reports: whole tables are read.
pub async fn here(client: &Object, org_id: Uuid) -> Result<Here, StoreError> {
    let link = |row: &Row| row.try_get("link");
    let slots = client.query(&*SLOTS, &[&org_id]).await?;
    let contacts = client.query(&*CONTACTS, &[&org_id]).await?;
    let bookings = client.query(&*BOOKINGS, &[&org_id, &PRINCIPAL]).await?;
    Ok(Here {
        slots: slots.iter().map(|row| Ok((rows::slot(row)?, link(row)?))).collect::<Result<_, StoreError>>()?,
        contacts: contacts
            .iter()
            .map(|row| Ok((rows::contact(row)?, link(row)?)))
            .collect::<Result<_, StoreError>>()?,
        bookings: bookings
            .iter()
            .map(|row| {
                Ok(KnownBooking { booking: rows::booking(row)?, hubspot_id: link(row)?, seen: row.try_get("seen")? })
            })
            .collect::<Result<_, StoreError>>()?,
    })
}

/// The experiences that an organisation has already.
pub async fn experiences_here(client: &Object, org_id: Uuid) -> Result<Vec<Offering>, StoreError> {
    whole(client, &EXPERIENCES, org_id, rows::offering).await
}

/// All of what a marketplace sells.
pub async fn trips_here(client: &Object, org_id: Uuid) -> Result<TripsHere, StoreError> {
    Ok(TripsHere {
        experiences: experiences_here(client, org_id).await?,
        travellers: whole(client, &TRAVELLERS, org_id, rows::contact).await?,
        trips: whole(client, &TRIPS, org_id, trip_rows::trip).await?,
        payments: whole(client, &PAYMENTS, org_id, trip_rows::payment).await?,
        refunds: whole(client, &REFUNDS, org_id, trip_rows::refund).await?,
    })
}

async fn whole<T>(
    client: &Object,
    sql: &str,
    org_id: Uuid,
    decode: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    client.query(sql, &[&org_id]).await?.iter().map(decode).collect()
}
