//! `surehold import supabase`: a whole database of the system that was there before moves in.
//!
//! In the order in which rows need each other: contacts with their credits, sessions, bookings. Contacts and sessions go the
//! way of a CSV file's rows. Bookings are decided here first, one after the other, oldest first, by the very decision that
//! the desk makes ([`plan`]): so who made an earlier booking keeps the last seat however many are sent at once, and a dry
//! run says what the run itself would say.
//!
//! It can be run again at any time: see [`changes`] for what a row that is here already can still change.

mod bookings;
mod calendar;
mod cells;
mod changes;
mod contacts;
mod marketplace;
mod plan;
mod record;
mod roll;
mod sessions;
mod tables;

use std::collections::HashMap;

use self::calendar::Calendar;
use self::record::Record;
use self::roll::Roll;
pub use self::tables::{TableReport, write};
use super::importer::Importer;
use crate::store::StoreError;
use crate::store::move_in::{Source, here};

const CONTACTS: &str = "hubspot_contact_credits";
const SESSIONS: &str = "hubspot_mock_exams";
const BOOKINGS: &str = "hubspot_bookings";

/// Where the exam application's tables are, and the marketplace's, if nobody says otherwise.
const SCHEMAS: [&str; 2] = ["hubspot_sync", "public"];
/// Tables of both that are not brought over.
const STAY: [[&str; 3]; 2] =
    [["sync_metadata", "audit_log", "supabase_audit_log"], ["audit_logs", "booking_modifications", "trip_items"]];

/// The tables that were found.
pub struct Tables {
    school: Option<School>,
    marketplace: Option<marketplace::Tables>,
    /// Tables that stay where they are.
    pub staying: Vec<&'static str>,
}

/// The exam application's tables that were found, oldest rows first.
struct School {
    contacts: Option<Vec<Record>>,
    sessions: Option<Vec<Record>>,
    bookings: Option<Vec<Record>>,
}

impl Tables {
    /// Reads all of them: as they are at one moment, so that a booking made meanwhile is in none of them.
    ///
    /// # Errors
    ///
    /// The database cannot be read.
    pub async fn read(source: &Source, schema: Option<&str>) -> Result<Tables, StoreError> {
        let [of_school, of_marketplace] = SCHEMAS.map(|usual| schema.unwrap_or(usual));
        let school = School::read(source, of_school).await?;
        let marketplace = marketplace::Tables::read(source, of_marketplace).await?;
        let mut staying = Vec::new();
        for (is_there, schema, tables) in
            [(school.is_some(), of_school, STAY[0]), (marketplace.is_some(), of_marketplace, STAY[1])]
        {
            for table in tables {
                if is_there && source.has(schema, table).await? {
                    staying.push(table);
                }
            }
        }
        Ok(Tables { school, marketplace, staying })
    }

    /// Whether none of them is there.
    pub fn is_empty(&self) -> bool {
        self.school.is_none() && self.marketplace.is_none()
    }
}

impl School {
    async fn read(source: &Source, schema: &str) -> Result<Option<School>, StoreError> {
        let read = async |table| Ok::<_, StoreError>(source.rows(schema, table).await?.map(Record::oldest_first));
        let (contacts, sessions, bookings) = (read(CONTACTS).await?, read(SESSIONS).await?, read(BOOKINGS).await?);
        let is_there = contacts.is_some() || sessions.is_some() || bookings.is_some();
        Ok(is_there.then_some(School { contacts, sessions, bookings }))
    }
}

/// What became of all tables; and the first failure that left no hope for other rows.
pub type MovedIn = (Vec<TableReport>, Option<anyhow::Error>);

/// Brings everything over.
pub async fn move_in(importer: &Importer, tables: &Tables) -> MovedIn {
    let mut reports = Vec::new();
    let fatal = bring(importer, tables, &mut reports).await.err();
    (reports, fatal)
}

async fn bring(importer: &Importer, tables: &Tables, reports: &mut Vec<TableReport>) -> anyhow::Result<()> {
    if let Some(school) = &tables.school {
        bring_school(importer, school, reports).await?;
    }
    match &tables.marketplace {
        Some(marketplace) => marketplace::bring(importer, marketplace, reports).await,
        None => Ok(()),
    }
}

async fn bring_school(importer: &Importer, tables: &School, reports: &mut Vec<TableReport>) -> anyhow::Result<()> {
    let none = Vec::new();
    let mut contacts = TableReport::of(CONTACTS, tables.contacts.as_deref());
    let taken_contacts = contacts::bring(importer, tables.contacts.as_ref().unwrap_or(&none), &mut contacts).await;
    reports.push(contacts);
    let taken_contacts = taken_contacts?;

    let records = tables.sessions.as_ref().unwrap_or(&none);
    let mut sessions = TableReport::of(SESSIONS, tables.sessions.as_deref());
    let taken_sessions = sessions::bring(importer, records, &mut sessions).await;
    reports.push(sessions);
    let taken_sessions = taken_sessions?;

    let client = importer.store.report().await?;
    let here = here(&client, importer.org.id).await?;
    drop(client);
    let roll = Roll::of(&here, &taken_contacts);
    let calendar = Calendar::of(&here, &taken_sessions, importer.dry_run);
    if let Some(sessions) = reports.last_mut() {
        sessions::require(importer, records, &calendar, sessions).await?;
    }

    let mut bookings = TableReport::of(BOOKINGS, tables.bookings.as_deref());
    let mut found = HashMap::new();
    let world = bookings::World { importer, here: &here, roll: &roll, calendar: &calendar };
    let done = world.bring(tables.bookings.as_ref().unwrap_or(&none), &mut bookings, &mut found).await;
    reports.push(bookings);
    done?;
    if let Some(sessions) = reports.iter_mut().find(|report| report.table == SESSIONS) {
        sessions::compare_totals(records, &calendar, &found, sessions);
    }
    Ok(())
}
