//! `surehold import sessions`: what a row of the file means for the session that it is about.
//!
//! As with contacts, only what changed in the file since the last import is changed here. Bookings that the
//! file counts and that we do not have ("Total Bookings") become withheld seats, so that they are not sold.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use surehold_core::Answer;
use surehold_core::command::{ChangeSlot, Command, OpenSlot, SlotTimes};
use surehold_core::rows::{Offering, SlotStatus};
use uuid::Uuid;

use super::importer::{Done, Importer, RowResult, Stop};
use super::report::Report;
use super::table::{Cells, Column, Lines, Problem, Table};
use super::{values, withheld};
use crate::store::import_rows::{KnownSession, SessionIdentity, find_sessions, link, remember};
use crate::store::offerings::Catalogue;
use crate::store::orgs::OrgRow;
use crate::wall_clock::{slot_times, zone_of};

/// Only of a database that moves in: no file has it.
pub const ID: &str = "ID";
pub const RECORD_ID: &str = "Record ID";
pub const NAME: &str = "Mock Exam Name";
pub const MOCK_TYPE: &str = "Mock Type";
pub const MOCK_SET: &str = "Mock Set";
pub const DATE: &str = "Exam Date";
pub const START: &str = "Start Time";
pub const END: &str = "End Time";
pub const LOCATION: &str = "Location";
pub const CAPACITY: &str = "Capacity";
pub const TOTAL_BOOKINGS: &str = "Total Bookings";
pub const IS_ACTIVE: &str = "Is Active";
pub const ACTIVATION: &str = "Scheduled Activation";

/// The columns of a sessions file.
pub const COLUMNS: &[Column] = &[
    Column { name: RECORD_ID, aliases: &["HubSpot ID", "Mock Exam ID", "hs_object_id"], required: false },
    Column { name: NAME, aliases: &["Name", "Session Name"], required: false },
    Column { name: MOCK_TYPE, aliases: &["Type", "Session Type"], required: true },
    Column { name: MOCK_SET, aliases: &["Set"], required: false },
    Column { name: DATE, aliases: &["Date", "Session Date"], required: true },
    Column { name: START, aliases: &["Start"], required: true },
    Column { name: END, aliases: &["End"], required: true },
    Column { name: LOCATION, aliases: &["City"], required: true },
    Column { name: CAPACITY, aliases: &["Seats"], required: true },
    Column { name: TOTAL_BOOKINGS, aliases: &["Bookings"], required: false },
    Column { name: IS_ACTIVE, aliases: &["Active", "Status"], required: true },
    Column { name: ACTIVATION, aliases: &["Scheduled Activation Datetime", "Activates At"], required: false },
];

/// Locations as the exam school spells them.
const LOCATIONS: &[&str] = &[
    "Mississauga",
    "Mississauga - B9",
    "Mississauga - Lab D",
    "Calgary",
    "Vancouver",
    "Montreal",
    "Richmond Hill",
    "Online",
];

/// A row that can be imported. `None` in an optional field: the file has no such column.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// The id that the session has elsewhere, to be kept.
    pub id: Option<Uuid>,
    pub record_id: Option<String>,
    pub offering_id: Uuid,
    pub name: String,
    pub times: SlotTimes,
    pub location: Option<String>,
    pub mock_set: Option<Option<String>>,
    pub capacity: i32,
    pub total_bookings: Option<i32>,
    pub status: SlotStatus,
    pub activates_at: Option<Timestamp>,
    /// What a guest pays instead of the experience's price, in minor units. Only of a marketplace that moves in.
    pub price_minor: Option<Option<i64>>,
    /// Out of sale by an operator. Only of a marketplace that moves in.
    pub blocked: Option<bool>,
}

/// What an import saw in a row, as `import_rows` keeps it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenSession {
    name: String,
    date: Date,
    start: Time,
    end: Time,
    location: String,
    /// Empty: none. `None`: the file had no such column.
    mock_set: Option<String>,
    capacity: i32,
    status: String,
    activates_at: Option<Timestamp>,
    /// `None`: it was not looked at, or there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_minor: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    blocked: bool,
    /// Bookings by the file's count.
    pub total_bookings: i32,
    /// Seats that imports of this row withheld, less those that they released.
    pub withheld: i32,
}

/// The rows that can be imported; the others are in the report. Returns how many those are, too.
pub fn parse(table: &Table, org: &OrgRow, catalogue: &Catalogue, report: &mut Report) -> (Lines<SessionRow>, i64) {
    let (mut rows, mut refused) = (Vec::new(), 0);
    let mut by_record: HashMap<String, u64> = HashMap::new();
    // Line and whether it has a record ID: two records may be two rooms at the same time, but a row without
    // one is the same session as any other of its type, date, start and location.
    let mut by_identity: HashMap<_, (u64, bool)> = HashMap::new();
    for raw in &table.rows {
        let parsed = table.cells(raw).map_err(|problem| vec![problem]);
        let row = match parsed.and_then(|cells| parse_row(cells, org, catalogue)) {
            Ok(row) => row,
            Err(problems) => {
                refused += 1;
                report.refuse(raw.line, problems);
                continue;
            }
        };
        let identity = (row.offering_id, row.times.local_date, row.times.local_start, row.location.clone());
        let twin = by_identity.get(&identity).filter(|(_, has_record)| !has_record || row.record_id.is_none());
        let problem = if let Some((id, first)) = row.record_id.as_ref().and_then(|id| Some((id, by_record.get(id)?))) {
            Some((
                RECORD_ID,
                id.clone(),
                format!("is the record of {}, too; the first row counts", table.place(*first)),
            ))
        } else {
            twin.map(|(first, _)| {
                let reason = format!(
                    "is the same session as in {} (type, date, start and location, and no Record ID to tell them \
                     apart); the first row counts",
                    table.place(*first)
                );
                (NAME, row.name.clone(), reason)
            })
        };
        if let Some((column, value, reason)) = problem {
            refused += 1;
            report.refuse(raw.line, [Problem { column, value, reason }]);
            continue;
        }
        by_record.extend(row.record_id.clone().map(|id| (id, raw.line)));
        by_identity.entry(identity).or_insert((raw.line, row.record_id.is_some()));
        rows.push((raw.line, row));
    }
    (rows, refused)
}

fn parse_row(cells: Cells<'_>, org: &OrgRow, catalogue: &Catalogue) -> Result<SessionRow, Vec<Problem>> {
    let id = cells.value(ID, values::id);
    let record_id = cells.value(RECORD_ID, values::record_id);
    let name = cells.value(NAME, |text| values::text(text, 200));
    let offering = cells.value(MOCK_TYPE, |text| mock_type(text, catalogue));
    let mock_set = if cells.has(MOCK_SET) { cells.value(MOCK_SET, values::mock_set).map(Some) } else { Some(None) };
    let date = cells.value(DATE, values::date);
    let start = cells.value(START, values::time);
    let end = cells.value(END, values::time);
    let location = cells.value(LOCATION, |text| values::text(text, 100).map(|text| location(&text)));
    let capacity = cells.value(CAPACITY, |text| values::whole(text, 1, org.slot_capacity_max.into()));
    let total_bookings = if cells.has(TOTAL_BOOKINGS) {
        cells.value(TOTAL_BOOKINGS, |t| if t.is_empty() { Ok(0) } else { values::whole(t, 0, 1_000_000) }).map(Some)
    } else {
        Some(None)
    };
    let status = cells.value(IS_ACTIVE, values::status);
    let activates_at = cells.value(ACTIVATION, values::optional_instant);
    if status == Some(SlotStatus::Scheduled) && activates_at == Some(None) {
        cells.wrong(ACTIVATION, "is missing, but the session is scheduled");
    }
    let row = (|| {
        let (date, start, end, location) = (date?, start?, end?, location?);
        let times = slot_times(zone_of(org, None, location.as_deref()), date, start, end);
        let column = |field| if field == "start_time" { START } else { END };
        let times = times.map_err(|wrong| cells.wrong(column(wrong.field), wrong.problem)).ok()?;
        let offering = offering?;
        Some(SessionRow {
            id: id?,
            record_id: record_id?,
            offering_id: offering.id,
            name: name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| usual_name(offering, location.as_deref(), date)),
            times,
            location,
            mock_set: mock_set?,
            capacity: i32::try_from(capacity?).ok()?,
            total_bookings: total_bookings?.map(|n| i32::try_from(n).unwrap_or(i32::MAX)),
            status: status?,
            activates_at: activates_at?,
            price_minor: None,
            blocked: None,
        })
    })();
    let problems = cells.problems();
    row.filter(|_| problems.is_empty()).ok_or(problems)
}

fn mock_type<'c>(text: &str, catalogue: &'c Catalogue) -> Result<&'c Offering, String> {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let found = catalogue.offerings.iter().find(|offering| plain(&offering.name) == plain(text));
    found.map(|offering| &**offering).ok_or_else(|| match text {
        "" => "is missing".to_owned(),
        _ => {
            let names: Vec<&str> = catalogue.offerings.iter().map(|offering| offering.name.as_str()).collect();
            format!("is not a type of session; there are: {}", names.join(", "))
        }
    })
}

/// A location as the school spells it; others as they are.
fn location(text: &str) -> Option<String> {
    let known = LOCATIONS.iter().find(|known| known.eq_ignore_ascii_case(text));
    match (known, text) {
        (_, "") => None,
        (Some(known), _) => Some((*known).to_owned()),
        (None, other) => Some(other.to_owned()),
    }
}

fn usual_name(offering: &Offering, location: Option<&str>, date: Date) -> String {
    let date = date.strftime("%b %-d, %Y");
    match location {
        Some(location) => format!("{} - {location} - {date}", offering.name),
        None => format!("{} - {date}", offering.name),
    }
}

/// Imports one row.
pub async fn import(importer: &Importer, row: &SessionRow) -> RowResult {
    let client = importer.read().await?;
    let identity = SessionIdentity {
        id: row.id,
        offering_id: row.offering_id,
        date: row.times.local_date,
        start: row.times.local_start,
        location: row.location.as_deref(),
    };
    let known = find_sessions(&client, importer.org.id, &identity, row.record_id.as_deref()).await?;
    drop(client);
    match which(row, known) {
        None => open(importer, row).await,
        Some(session) => update(importer, row, session).await,
    }
}

/// The session that a row is about. Another record of the same type, date, start and location is another room.
fn which(row: &SessionRow, known: Vec<KnownSession>) -> Option<KnownSession> {
    if let Some(place) = known.iter().position(|session| row.id == Some(session.id)) {
        return known.into_iter().nth(place);
    }
    match &row.record_id {
        None => known.into_iter().next(),
        Some(_) => {
            known.into_iter().find(|session| session.hubspot_id.is_none() || session.hubspot_id == row.record_id)
        }
    }
}

async fn open(importer: &Importer, row: &SessionRow) -> RowResult {
    let total = row.total_bookings.unwrap_or(0);
    let seats = total.min(row.capacity);
    let notes = withheld::note(total, seats, total - seats).into_iter().collect();
    if importer.dry_run {
        return Ok((Done::Added, notes));
    }
    let command = Command::OpenSlot(OpenSlot {
        id: row.id,
        offering_id: row.offering_id,
        name: row.name.clone(),
        times: row.times.clone(),
        location: row.location.clone(),
        mock_set: row.mock_set.clone().flatten(),
        capacity: row.capacity,
        withheld: seats,
        status: row.status,
        activates_at: row.activates_at,
        price_minor: row.price_minor.flatten(),
        one_per_start: false,
        prerequisites: Vec::new(),
        hubspot_id: row.record_id.clone(),
    });
    match importer.submit(command, None).await? {
        Ok(Answer::SlotOpened(saved)) => {
            if row.blocked == Some(true) {
                let change = ChangeSlot { blocked: Some(blocked(true)), ..of_slot(saved.slot_id) };
                importer.submit(Command::ChangeSlot(change), None).await?.map_err(|refusal| Stop::by_rule(&refusal))?;
            }
            let seen = SeenSession { total_bookings: total, withheld: seats, ..SeenSession::of(row) };
            save_seen(importer, saved.slot_id, &seen, 0).await?;
            Ok((Done::Added, notes))
        }
        Ok(_) => Err(Stop::Again),
        Err(refusal) => Err(Stop::by_rule(&refusal)),
    }
}

async fn update(importer: &Importer, row: &SessionRow, session: KnownSession) -> RowResult {
    if session.offering_id != row.offering_id {
        return Err(Stop::refused(MOCK_TYPE, "", "the type of a session cannot change; open a new session instead"));
    }
    let revision = session.seen.as_ref().map_or(0, |seen| seen.revision);
    let seen = SeenSession::last(&session);
    let change = changes(row, &session, seen.as_ref());
    let before = withheld::Before::of(&session, seen.as_ref());
    let capacity = change.as_ref().and_then(|change| change.capacity).unwrap_or(session.capacity);
    let plan = withheld::plan(row.total_bookings, before, session.seats(), capacity);
    let anything = change.is_some() || plan.seats != 0;
    let done = if anything { Done::Changed } else { Done::Unchanged };
    let notes: Vec<Problem> = plan.note().into_iter().collect();
    if importer.dry_run {
        return Ok((done, notes));
    }

    if session.hubspot_id.is_none()
        && let Some(record_id) = &row.record_id
    {
        let client = importer.read().await?;
        if !link(&client, importer.org.id, "slot", session.id, record_id).await? {
            return Err(Stop::Again);
        }
    }
    // Seats come back before the capacity may shrink, and go after it may have grown.
    if plan.seats < 0 {
        withhold(importer, &session, &plan, seen.as_ref(), revision).await?;
    }
    if let Some(change) = change
        && let Err(refusal) = importer.submit(Command::ChangeSlot(change), None).await?
    {
        return Err(Stop::by_rule(&refusal));
    }
    if plan.seats > 0 {
        withhold(importer, &session, &plan, seen.as_ref(), revision).await?;
    }
    let new_seen = SeenSession { total_bookings: plan.total, withheld: plan.withheld, ..SeenSession::of(row) };
    let new_seen = new_seen.with_what_is_missing(seen.as_ref());
    if seen.as_ref() != Some(&new_seen) {
        save_seen(importer, session.id, &new_seen, revision).await?;
    }
    Ok((done, notes))
}

async fn withhold(
    importer: &Importer,
    session: &KnownSession,
    plan: &withheld::Plan,
    seen: Option<&SeenSession>,
    revision: i64,
) -> Result<(), Stop> {
    match withheld::carry_out(importer, session.id, plan, revision).await? {
        Ok(()) => Ok(()),
        // An import that was stopped before it could remember it has done this: now it is remembered.
        Err(done) => {
            let before = withheld::Before::of(session, seen);
            let values = SeenSession {
                total_bookings: done.total,
                withheld: before.withheld + done.seats,
                ..seen.cloned().unwrap_or_default()
            };
            save_seen(importer, session.id, &values, revision).await?;
            Err(Stop::Again)
        }
    }
}

/// What the file changed of the session itself since the last import; at the first import, what differs.
fn changes(row: &SessionRow, session: &KnownSession, seen: Option<&SeenSession>) -> Option<ChangeSlot> {
    let now = SeenSession::of(row);
    // Empty after an interrupted first import: nothing was seen yet.
    let seen = seen.filter(|seen| seen.capacity > 0);
    let news = |differs: fn(&SeenSession, &SeenSession) -> bool| seen.is_none_or(|seen| differs(seen, &now));
    let moved = news(|a, b| (a.date, a.start, a.end, &a.location) != (b.date, b.start, b.end, &b.location));
    let current = SlotTimes {
        starts_at: session.starts_at,
        ends_at: session.ends_at,
        local_date: session.local_date,
        local_start: session.local_start,
        local_end: session.local_end,
        time_zone: session.time_zone.clone(),
    };
    let mock_set = row.mock_set.clone().filter(|set| news(|a, b| a.mock_set != b.mock_set) && *set != session.mock_set);
    let change = ChangeSlot {
        name: (news(|a, b| a.name != b.name) && row.name != session.name).then(|| row.name.clone()),
        times: (moved && row.times != current).then(|| row.times.clone()),
        location: (news(|a, b| a.location != b.location) && row.location != session.location)
            .then(|| row.location.clone()),
        mock_set,
        capacity: (news(|a, b| a.capacity != b.capacity) && row.capacity != session.capacity).then_some(row.capacity),
        status: (news(|a, b| a.status != b.status) && row.status != session.status).then_some(row.status),
        activates_at: row
            .activates_at
            .filter(|at| news(|a, b| a.activates_at != b.activates_at) && Some(*at) != session.activates_at),
        price_minor: row
            .price_minor
            .filter(|price| news(|a, b| a.price_minor != b.price_minor) && *price != session.price_minor),
        blocked: row
            .blocked
            .filter(|is_blocked| news(|a, b| a.blocked != b.blocked) && *is_blocked != session.is_blocked)
            .map(blocked),
        ..of_slot(session.id)
    };
    let nothing = change.name.is_none()
        && change.times.is_none()
        && change.location.is_none()
        && change.mock_set.is_none()
        && change.capacity.is_none()
        && change.status.is_none()
        && change.activates_at.is_none()
        && change.price_minor.is_none()
        && change.blocked.is_none();
    (!nothing).then_some(change)
}

/// A change of a slot that changes nothing yet.
fn of_slot(slot_id: Uuid) -> ChangeSlot {
    ChangeSlot { slot_id, ..ChangeSlot::default() }
}

/// Out of sale, with the reason that operators see; or not.
fn blocked(is_blocked: bool) -> Option<String> {
    is_blocked.then(|| "blocked in the database that it was imported from".to_owned())
}

async fn save_seen(importer: &Importer, slot_id: Uuid, seen: &SeenSession, revision: i64) -> Result<(), Stop> {
    let values = serde_json::to_value(seen).map_err(|error| Stop::Fatal(error.into()))?;
    let client = importer.read().await?;
    match remember(&client, importer.org.id, "sessions", slot_id, &values, revision).await? {
        true => Ok(()),
        false => Err(Stop::Again),
    }
}

impl SeenSession {
    /// What the last import of a session's row saw.
    pub fn last(session: &KnownSession) -> Option<SeenSession> {
        session.seen.as_ref().and_then(|seen| serde_json::from_value(seen.values.clone()).ok())
    }

    fn of(row: &SessionRow) -> SeenSession {
        SeenSession {
            name: row.name.clone(),
            date: row.times.local_date,
            start: row.times.local_start,
            end: row.times.local_end,
            location: row.location.clone().unwrap_or_default(),
            mock_set: row.mock_set.clone().map(Option::unwrap_or_default),
            capacity: row.capacity,
            status: row.status.as_str().to_owned(),
            activates_at: row.activates_at,
            price_minor: row.price_minor.flatten(),
            blocked: row.blocked.unwrap_or_default(),
            total_bookings: 0,
            withheld: 0,
        }
    }

    /// Of columns that the file does not have, what was seen before.
    fn with_what_is_missing(mut self, before: Option<&SeenSession>) -> SeenSession {
        self.mock_set = self.mock_set.or_else(|| before.and_then(|before| before.mock_set.clone()));
        self
    }
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
