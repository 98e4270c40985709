//! A database that moves in: its tables as they are there, and what is here already.
//!
//! Only `import supabase` uses these statements; the hot path never does.

use std::sync::LazyLock;

use deadpool_postgres::Object;
use serde_json::Value;
use surehold_core::rows::{Booking, Contact, Slot};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::import_rows::PRINCIPAL;
use super::session::quoted;
use super::{StoreError, connect, rows};

/// Another system's database, as it is at one moment. Nothing in it is changed.
pub struct Source {
    client: Client,
    schema: String,
}

// A login whose rows are hidden by a policy is told so, instead of being shown fewer rows.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL TimeZone = 'UTC';
    SET LOCAL row_security = off;
    SET LOCAL lock_timeout = '5s';
    SET LOCAL statement_timeout = '10min'";

impl Source {
    /// Opens it: what is read from now on is all of one moment.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or its URL cannot be read.
    pub async fn open(url: &str, schema: &str) -> Result<Source, StoreError> {
        let client = connect::connect(url, "surehold import").await?;
        client.batch_execute(BEGIN).await?;
        Ok(Source { client, schema: schema.to_owned() })
    }

    /// The rows of a table, each as a JSON object of whatever columns it has: databases of these systems differ in
    /// them. Times are in UTC. `None`: there is no such table.
    pub async fn rows(&self, table: &str) -> Result<Option<Vec<Value>>, StoreError> {
        let name = format!("{}.{}", quoted(&self.schema), quoted(table));
        let found = self.client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await?;
        if !found.try_get::<_, bool>(0)? {
            return Ok(None);
        }
        let rows = self.client.query(&format!("SELECT to_jsonb(t) FROM {name} t"), &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_, StoreError>>().map(Some)
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
    let seen = "(SELECT j.after FROM journal j WHERE j.org_id = t.org_id AND j.entity_id = t.id AND j.principal = $2
        AND j.event <> 'request.unchanged' ORDER BY j.id DESC LIMIT 1) AS seen";
    linked(&format!("{}, {seen}", rows::BOOKING), "bookings", "booking", "")
});

/// Every statement of this file about our own tables, for the test that prepares them.
pub fn statements() -> [&'static str; 3] {
    [&SLOTS, &CONTACTS, &BOOKINGS]
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
