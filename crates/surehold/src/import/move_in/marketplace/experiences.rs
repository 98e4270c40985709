//! `experiences`: what is sold. Databases differ in its columns, and some slots are of experiences that no row describes.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use surehold_core::Answer;
use surehold_core::command::{AddOffering, ChangeOffering, Command, OfferingTerms};
use surehold_core::rows::Offering;
use uuid::Uuid;

use super::money::minor_of_major;
use crate::import::importer::{Done, Importer, Stop};
use crate::import::move_in::cells::{Cells, problem};
use crate::import::move_in::record::Record;
use crate::import::move_in::tables::TableReport;
use crate::import::table::{Lines, Problem};
use crate::import::values;
use crate::store::import_rows::{remember, seen_of};

const SOURCE: &str = "experiences";
const NAME_MAX: usize = 200;
/// How long something takes of which nobody says it.
const MINUTES_USUAL: i64 = 60;
const MINUTES_MAX: i64 = 366 * 24 * 60;

/// An experience that can be brought over.
#[derive(Debug, Clone)]
pub struct Experience {
    /// The id that it has there, to be kept.
    pub id: Uuid,
    /// Its name, unique here.
    pub name: String,
    /// Price and rules; `None`: nothing is said.
    pub terms: OfferingTerms,
    /// How long a slot of it takes.
    pub minutes: i64,
    /// Its own time zone.
    pub time_zone: Option<String>,
    notes: Vec<Problem>,
}

/// The rows, and one for each experience that only slots name.
pub fn rows_and_unnamed(rows: Option<Vec<Value>>, slots: &[Record]) -> Option<Vec<Record>> {
    let is_there = rows.is_some();
    let mut records = Record::oldest_first(rows.unwrap_or_default());
    let mut known: HashSet<String> = records.iter().map(|record| record.text(&["id"])).collect();
    for slot in slots {
        let id = slot.text(&["experience_id"]);
        if !id.is_empty() && known.insert(id.clone()) {
            records.push(Record::of(json!({ "id": id })));
        }
    }
    (is_there || !records.is_empty()).then_some(records)
}

/// Brings the experiences over. Returns those that are here now, or would be.
pub async fn bring(
    importer: &Importer,
    here: &[Offering],
    records: &[Record],
    into: &mut TableReport,
) -> anyhow::Result<Vec<Experience>> {
    let here: HashMap<Uuid, &Offering> = here.iter().map(|offering| (offering.id, offering)).collect();
    let rows = read_all(importer, &here, records, into);
    let taken = RefCell::new(Vec::new());
    let work = async |row: &Experience| {
        let done = import(importer, here.get(&row.id).copied(), row).await?;
        taken.borrow_mut().push(row.clone());
        Ok((done, row.notes.clone()))
    };
    into.run(importer, rows, work).await?;
    Ok(taken.into_inner())
}

fn read_all(
    importer: &Importer,
    here: &HashMap<Uuid, &Offering>,
    records: &[Record],
    into: &mut TableReport,
) -> Lines<Experience> {
    let others = importer.catalogue.offerings.iter().map(|offering| (offering.name.clone(), offering.id));
    let mut names: HashMap<String, Uuid> = others.collect();
    names.extend(here.values().map(|offering| (offering.name.clone(), offering.id)));
    let mut rows = Vec::new();
    for (line, record) in (1..).zip(records) {
        match read(record, here, &mut names) {
            Ok(row) => rows.push((line, row)),
            Err(problems) => {
                into.tally.refused += 1;
                into.report.refuse(line, problems);
            }
        }
    }
    rows
}

fn read(
    record: &Record,
    here: &HashMap<Uuid, &Offering>,
    names: &mut HashMap<String, Uuid>,
) -> Result<Experience, Vec<Problem>> {
    let mut cells = Cells::of(record);
    let id = cells.value("id", &["id"], |text| values::id(text)?.ok_or_else(|| "is missing".to_owned()));
    let price_minor = price(&mut cells);
    let whole = |cells: &mut Cells<'_>, column, factor: i64, max: i64| {
        let parse = |text: &str| match text {
            "" => Ok(None),
            _ => values::whole(text, 0, max / factor).map(|n| i32::try_from(n * factor).ok()),
        };
        cells.or_left_out(column, parse)
    };
    let minutes_of = |cells: &mut Cells<'_>, minutes: [&'static str; 2], hours: &'static str| {
        let minutes = minutes.iter().find_map(|column| whole(cells, column, 1, MINUTES_MAX));
        minutes.or_else(|| whole(cells, hours, 60, MINUTES_MAX))
    };
    let booking_cutoff_minutes = minutes_of(&mut cells, ["booking_cutoff_minutes", "cutoff_minutes"], "cutoff_hours");
    let free_cancel_minutes =
        minutes_of(&mut cells, ["free_cancel_minutes", "free_cancellation_minutes"], "free_cancellation_hours");
    let duration = minutes_of(&mut cells, ["duration_minutes", "duration"], "duration_hours");
    let guests_max = ["max_guests", "max_group_size"].iter().find_map(|column| whole(&mut cells, column, 1, 1000));
    let time_zone = cells.or_left_out("time_zone", |_| time_zone(record));
    let Cells { problems, mut notes, .. } = cells;
    let id = id.filter(|_| problems.is_empty()).ok_or(problems)?;
    let name = name(record, id, here.get(&id).copied(), names, &mut notes);
    if price_minor.is_none() {
        let reason = "is not known: only slots that have their own price can be sold until it has one";
        notes.push(problem("price", "", reason));
    }
    let terms = OfferingTerms {
        price_minor,
        guests_max: guests_max.filter(|guests| *guests > 0),
        booking_cutoff_minutes,
        free_cancel_minutes,
        late_refund_percent: None,
        is_active: is_active(record),
    };
    let minutes = duration.map(i64::from).filter(|minutes| *minutes > 0).unwrap_or(MINUTES_USUAL);
    Ok(Experience { id, name, terms, minutes, time_zone, notes })
}

/// The price of one guest: columns that say so are in minor units, others in major ones.
fn price(cells: &mut Cells<'_>) -> Option<i64> {
    let minor = |text: &str| if text.is_empty() { Ok(None) } else { values::whole(text, 0, 99_999_999).map(Some) };
    let major = |text: &str| if text.is_empty() { Ok(None) } else { minor_of_major(text).map(Some) };
    let cents = ["price_minor", "price_cents", "price_amount", "base_price_cents"];
    let found = cents.iter().find_map(|column| cells.or_left_out(column, minor));
    let units = ["price", "price_per_person", "price_per_guest", "base_price"];
    found.or_else(|| units.iter().find_map(|column| cells.or_left_out(column, major)))
}

fn time_zone(record: &Record) -> Result<Option<String>, String> {
    let name = record.text(&["time_zone", "timezone"]);
    match jiff::tz::TimeZone::get(&name) {
        _ if name.is_empty() => Ok(None),
        Ok(_) => Ok(Some(name)),
        Err(_) => Err("is not a known time zone".to_owned()),
    }
}

fn is_active(record: &Record) -> Option<bool> {
    match record.text(&["is_active", "status"]).to_lowercase().as_str() {
        "true" | "active" | "published" => Some(true),
        "false" | "inactive" | "draft" | "paused" | "archived" => Some(false),
        _ => None,
    }
}

/// Its name. Names are unique here: the second of two gets the beginning of its id behind it, and keeps that.
fn name(
    record: &Record,
    id: Uuid,
    here: Option<&Offering>,
    names: &mut HashMap<String, Uuid>,
    notes: &mut Vec<Problem>,
) -> String {
    let written = record.text(&["title", "name"]);
    let mut name = match values::text(&written, NAME_MAX - 20) {
        Ok(name) if !name.is_empty() => name,
        Ok(_) => {
            notes.push(problem("title", "", "is not known: its name is its id"));
            id.to_string()
        }
        Err(reason) => {
            notes.push(problem("title", &written, &format!("{reason}: its name is its id")));
            id.to_string()
        }
    };
    let own = format!("{name} ({})", &id.simple().to_string()[..8]);
    if here.is_some_and(|here| here.name == own) || names.get(&name).is_some_and(|other| *other != id) {
        notes.push(problem("title", &name, &format!("is the name of something else, too: it comes as {own}")));
        name = own;
    }
    names.insert(name.clone(), id);
    name
}

async fn import(importer: &Importer, here: Option<&Offering>, row: &Experience) -> Result<Done, Stop> {
    let now = seen_now(row);
    let client = importer.read().await?;
    let seen = seen_of(&client, importer.org.id, SOURCE, row.id).await?;
    drop(client);
    let revision = seen.as_ref().map_or(0, |seen| seen.revision);
    let seen = seen.map(|seen| seen.values);
    let (done, command) = match here {
        None => (Done::Added, Some(added(row))),
        Some(here) => match changed(row, here, &now, seen.as_ref()) {
            Some(change) => (Done::Changed, Some(change)),
            None => (Done::Unchanged, None),
        },
    };
    if importer.dry_run {
        return Ok(done);
    }
    if let Some(command) = command {
        match importer.submit(command, None).await? {
            Ok(Answer::OfferingSaved(_)) => {}
            Ok(_) => return Err(Stop::Again),
            Err(refusal) => return Err(Stop::by_rule(&refusal)),
        }
    }
    if seen.as_ref() != Some(&now) {
        let client = importer.read().await?;
        if !remember(&client, importer.org.id, SOURCE, row.id, &now, revision).await? {
            return Err(Stop::Again);
        }
    }
    Ok(done)
}

/// The command that adds it.
pub fn added(row: &Experience) -> Command {
    Command::AddOffering(AddOffering { id: Some(row.id), name: row.name.clone(), terms: row.terms.clone() })
}

fn seen_now(row: &Experience) -> Value {
    let mut values = serde_json::to_value(&row.terms).unwrap_or_default();
    values["name"] = row.name.clone().into();
    values
}

/// What changed there since the last import, as far as it is otherwise here.
fn changed(row: &Experience, here: &Offering, now: &Value, seen: Option<&Value>) -> Option<Command> {
    fn news<T: PartialEq>(is_new: bool, wanted: Option<T>, here: &T) -> Option<T> {
        wanted.filter(|wanted| is_new && wanted != here)
    }
    let is_new = |field: &str| seen.is_none_or(|seen| seen[field] != now[field]);
    let terms = &row.terms;
    let name = news(is_new("name"), Some(row.name.clone()), &here.name);
    let change = OfferingTerms {
        price_minor: terms.price_minor.filter(|price| is_new("price_minor") && Some(*price) != here.price_minor),
        guests_max: news(is_new("guests_max"), terms.guests_max, &here.guests_max),
        booking_cutoff_minutes: news(
            is_new("booking_cutoff_minutes"),
            terms.booking_cutoff_minutes,
            &here.booking_cutoff_minutes,
        ),
        free_cancel_minutes: news(is_new("free_cancel_minutes"), terms.free_cancel_minutes, &here.free_cancel_minutes),
        late_refund_percent: None,
        is_active: news(is_new("is_active"), terms.is_active, &here.is_active),
    };
    let nothing =
        name.is_none() && serde_json::to_value(&change).ok() == serde_json::to_value(OfferingTerms::default()).ok();
    let change = ChangeOffering { offering_id: here.id, expected_version: None, name, terms: change };
    (!nothing).then_some(Command::ChangeOffering(change))
}
