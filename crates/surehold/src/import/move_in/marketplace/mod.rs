//! The marketplace's tables: experiences, slots, trips, payments, bookings; in this order, in which they need each other.
//!
//! Trips, payments and bookings are decided here first, one after the other, as bookings of sessions are. Then seats that
//! are gone there without a booking are withheld.

mod bookings;
mod experiences;
mod facts;
mod money;
mod payments;
mod slots;
mod step;
mod trips;

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use self::facts::{BookingFacts, Finder};
use self::money::Money;
use self::step::carry_out;
use super::calendar::Calendar;
use super::plan::Plan;
use super::record::Record;
use super::roll::Roll;
use super::tables::TableReport;
use crate::import::importer::Importer;
use crate::store::StoreError;
use crate::store::move_in::{Here, Source, TripsHere, experiences_here, here, trips_here};

const EXPERIENCES: &str = "experiences";
const SLOTS: &str = "experience_slots";
const TRIPS: &str = "trips";
const ITEMS: &str = "trip_items";
const PAYMENTS: &str = "payments";
const BOOKINGS: &str = "bookings";

/// The tables that were found, oldest rows first.
pub struct Tables {
    experiences: Option<Vec<Record>>,
    slots: Vec<Record>,
    trips: Option<Vec<Record>>,
    items: Vec<Record>,
    payments: Option<Vec<Record>>,
    bookings: Option<Vec<Record>>,
}

impl Tables {
    /// Reads all of them. `None`: it is no marketplace, because nothing there can be booked. Other tables of such names
    /// may be anybody's.
    ///
    /// # Errors
    ///
    /// The database cannot be read.
    pub async fn read(source: &Source, schema: &str) -> Result<Option<Tables>, StoreError> {
        let read = async |table| Ok::<_, StoreError>(source.rows(schema, table).await?.map(Record::oldest_first));
        let Some(slots) = read(SLOTS).await? else { return Ok(None) };
        Ok(Some(Tables {
            experiences: experiences::rows_and_unnamed(source.rows(schema, EXPERIENCES).await?, &slots),
            slots,
            trips: read(TRIPS).await?,
            items: read(ITEMS).await?.unwrap_or_default(),
            payments: read(PAYMENTS).await?,
            bookings: read(BOOKINGS).await?,
        }))
    }
}

/// Brings everything over.
pub async fn bring(importer: &Importer, tables: &Tables, reports: &mut Vec<TableReport>) -> anyhow::Result<()> {
    let client = importer.store.report().await?;
    let known = experiences_here(&client, importer.org.id).await?;
    drop(client);
    let mut report = TableReport::of(EXPERIENCES, tables.experiences.as_deref());
    let records = tables.experiences.as_deref().unwrap_or_default();
    let done = experiences::bring(importer, &known, records, &mut report).await;
    reports.push(report);
    let experiences = done?;

    let mut report = TableReport::of(SLOTS, Some(&tables.slots));
    let done = slots::bring(importer, &experiences, &tables.slots, &mut report).await;
    let place = reports.len();
    reports.push(report);
    let taken = done?;

    let client = importer.store.report().await?;
    let here = here(&client, importer.org.id).await?;
    let known = trips_here(&client, importer.org.id).await?;
    drop(client);
    let rows: Vec<_> = taken.iter().map(|(_, done, slot)| (*done, slot.row.clone())).collect();
    let calendar = Calendar::of(&here, &rows, importer.dry_run);
    let mut plan = Plan::of(importer, &here, &Roll::default(), &calendar);
    plan.load_trips(&known);
    // In a dry run those that are new are not here.
    for experience in experiences.iter().filter(|new| known.experiences.iter().all(|here| here.id != new.id)) {
        plan.decide(experiences::added(experience)).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    }
    let prices = experiences.iter().map(|experience| (experience.id, experience.terms.price_minor)).collect();
    let finder = Finder::of(&tables.items, &calendar, &known, &prices);
    let marketplace = Marketplace { importer, tables, here: &here, known: &known, finder };
    marketplace.bring(&mut plan, reports).await?;
    let seats = taken.iter().filter_map(|(_, _, slot)| {
        let id = slot.row.id?;
        Some((id, plan.slot(calendar.find(&id.to_string(), Some(id))?)?.clone()))
    });
    slots::withhold(importer, taken.clone(), &seats.collect(), &mut reports[place]).await
}

/// What is there, what is here, and how to tell what belongs together.
struct Marketplace<'a> {
    importer: &'a Importer,
    tables: &'a Tables,
    here: &'a Here,
    known: &'a TripsHere,
    finder: Finder<'a>,
}

impl Marketplace<'_> {
    async fn bring(&self, plan: &mut Plan, reports: &mut Vec<TableReport>) -> anyhow::Result<()> {
        let (importer, tables) = (self.importer, self.tables);
        let rows = |table: &'static str, records: &Option<Vec<Record>>| TableReport::of(table, records.as_deref());
        let trips = tables.trips.as_deref().unwrap_or_default();
        let payments = tables.payments.as_deref().unwrap_or_default();
        let bookings = tables.bookings.as_deref().unwrap_or_default();

        let mut report = rows(TRIPS, &tables.trips);
        let here: HashSet<Uuid> = self.known.trips.iter().map(|trip| trip.id).collect();
        let steps = trips::read_all(trips, &here, &mut report);
        let done = carry_out(importer, plan, steps, &mut report).await;
        reports.push(report);
        done?;

        let facts: Vec<BookingFacts> = bookings.iter().filter_map(|record| self.finder.facts(record)).collect();
        let money = Money::of(&facts, &payments::facts(payments));
        let users_of_trips = trips::users(trips);
        let users = facts.iter().filter_map(|facts| Some((facts.id, *users_of_trips.get(&facts.trip_id?)?)));
        let bookings_here = bookings::by_id(&self.here.bookings);
        let world = payments::World {
            importer,
            money: &money,
            users: &users.collect::<HashMap<Uuid, Uuid>>(),
            here: self.known.payments.iter().map(|payment| (payment.id, payment)).collect(),
            refunds: &self.known.refunds,
            bookings: &bookings_here,
        };
        let mut report = rows(PAYMENTS, &tables.payments);
        let (new, known) = world.read_all(payments, &mut report);
        let done = carry_out(importer, plan, new, &mut report).await;
        let place = reports.len();
        reports.push(report);
        done?;

        let mut report = rows(BOOKINGS, &tables.bookings);
        let (finder, here) = (&self.finder, self.here.bookings.as_slice());
        let world = bookings::World { importer, finder, money: &money, users: &users_of_trips, here };
        let done = world.bring(bookings, plan, &mut report).await;
        reports.push(report);
        done?;
        // Money that went back cancels what it paid for, so what was cancelled there comes before it.
        carry_out(importer, plan, known, &mut reports[place]).await
    }
}
