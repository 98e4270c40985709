//! `experience_slots`: slots, and the seats that their own count says are gone.
//!
//! A slot goes the way of a session. Once all bookings are here, seats that its `available_count` misses and no booking
//! explains are withheld, by the rules of [`crate::import::withheld`].

use std::cell::RefCell;
use std::collections::HashMap;

use surehold_core::rows::{Slot, SlotStatus};
use uuid::Uuid;

use super::experiences::Experience;
use crate::import::importer::{Done, Importer, RowResult, Stop};
use crate::import::move_in::cells::{Cells, problem};
use crate::import::move_in::record::{Record, day};
use crate::import::move_in::tables::TableReport;
use crate::import::sessions::{SeenSession, SessionRow, import};
use crate::import::table::{Lines, Problem};
use crate::import::{values, withheld};
use crate::store::import_rows::{Seats, SessionIdentity, find_sessions};
use crate::wall_clock::slot_times_lasting;

const AVAILABLE: &str = "available_count";
const PRICE_MAX: i64 = 99_999_999;

/// A slot that can be brought over.
#[derive(Clone)]
pub struct SlotThere {
    /// The slot.
    pub row: SessionRow,
    /// Seats that it says are left.
    available: Option<i32>,
}

/// A slot that is here now, or would be, and what was done about it.
pub type Taken = (u64, Done, SlotThere);

/// Brings the slots over, without their own count.
pub async fn bring(
    importer: &Importer,
    experiences: &[Experience],
    records: &[Record],
    into: &mut TableReport,
) -> anyhow::Result<Vec<Taken>> {
    let rows = read_all(importer, experiences, records, into);
    let taken = RefCell::new(Vec::new());
    let work = async |(line, slot): &(u64, SlotThere)| {
        let done = import(importer, &slot.row).await?;
        taken.borrow_mut().push((*line, done.0, slot.clone()));
        Ok(done)
    };
    let rows = rows.into_iter().map(|(line, slot)| (line, (line, slot))).collect();
    into.run(importer, rows, work).await?;
    Ok(taken.into_inner())
}

fn read_all(
    importer: &Importer,
    experiences: &[Experience],
    records: &[Record],
    into: &mut TableReport,
) -> Lines<SlotThere> {
    let experiences: HashMap<Uuid, &Experience> = experiences.iter().map(|e| (e.id, e)).collect();
    let mut rows = Vec::new();
    for (line, record) in (1..).zip(records) {
        match read(importer, &experiences, record) {
            Ok((slot, notes)) => {
                notes.into_iter().for_each(|note| into.report.note(line, note));
                rows.push((line, slot));
            }
            Err(problems) => {
                into.tally.refused += 1;
                into.report.refuse(line, problems);
            }
        }
    }
    rows
}

fn read(
    importer: &Importer,
    experiences: &HashMap<Uuid, &Experience>,
    record: &Record,
) -> Result<(SlotThere, Vec<Problem>), Vec<Problem>> {
    let org = &importer.org;
    let mut cells = Cells::of(record);
    let id = cells.value("id", &["id"], |text| values::id(text)?.ok_or_else(|| "is missing".to_owned()));
    let experience = cells.value("experience_id", &["experience_id"], |text| {
        let found = text.parse().ok().and_then(|id: Uuid| experiences.get(&id).copied());
        found.ok_or_else(|| "is no experience here: there is none, or it could not be taken".to_owned())
    });
    let date = cells.value("slot_date", &["slot_date"], |text| values::date(day(text)));
    let start = cells.value("slot_time", &["slot_time"], values::time);
    let capacity = cells.value("total_capacity", &["total_capacity"], |text| {
        values::whole(text, 1, org.slot_capacity_max.into()).map(|seats| i32::try_from(seats).unwrap_or(i32::MAX))
    });
    let seats_max = i64::from(capacity.unwrap_or(i32::MAX));
    let optional = |text: &str, max| if text.is_empty() { Ok(None) } else { values::whole(text, 0, max).map(Some) };
    let available = cells.or_left_out(AVAILABLE, |text| optional(text, seats_max));
    let price = cells.or_left_out("price_override_amount", |text| optional(text, PRICE_MAX));
    let is_blocked = matches!(record.text(&["is_blocked"]).to_lowercase().as_str(), "true" | "t" | "yes" | "1");
    let times = experience.zip(date.zip(start)).and_then(|(experience, (date, start))| {
        let zone = experience.time_zone.as_deref().unwrap_or(&org.time_zone);
        let times = slot_times_lasting(zone, date, start, experience.minutes);
        let column = |field| if field == "time_zone" { "time_zone" } else { "slot_time" };
        times.map_err(|wrong| cells.problems.push(problem(column(wrong.field), zone, &wrong.problem))).ok()
    });
    let Cells { problems, notes, .. } = cells;
    let row = (|| {
        let experience = experience?;
        Some(SessionRow {
            id: Some(id?),
            record_id: None,
            offering_id: experience.id,
            name: experience.name.clone(),
            times: times?,
            location: None,
            mock_set: None,
            capacity: capacity?,
            total_bookings: None,
            status: SlotStatus::Active,
            activates_at: None,
            price_minor: Some(price),
            blocked: Some(is_blocked),
        })
    })();
    let row = row.filter(|_| problems.is_empty()).ok_or(problems)?;
    Ok((SlotThere { row, available: available.and_then(|seats| i32::try_from(seats).ok()) }, notes))
}

/// Withholds the seats that are gone there and that no booking explains; `seats` are the slots as all bookings left them.
pub async fn withhold(
    importer: &Importer,
    taken: Vec<Taken>,
    seats: &HashMap<Uuid, Slot>,
    into: &mut TableReport,
) -> anyhow::Result<()> {
    let counted = |slot: &SlotThere| slot.available.is_some();
    let rows: Lines<Taken> =
        taken.into_iter().filter(|(_, _, slot)| counted(slot)).map(|taken| (taken.0, taken)).collect();
    let newly_changed = RefCell::new(0);
    let work = async |(_, done, slot): &Taken| {
        let (now, notes) = withhold_one(importer, slot, seats).await?;
        if (*done, now) == (Done::Unchanged, Done::Changed) {
            *newly_changed.borrow_mut() += 1;
        }
        Ok((now, notes))
    };
    // Each row was counted when its slot came.
    let (tally, fatal) = importer.run(rows, &mut into.report, work).await;
    let changed = newly_changed.into_inner();
    into.tally.changed += changed;
    into.tally.unchanged -= changed;
    debug_assert!(tally.added == 0);
    fatal.map_or(Ok(()), Err)
}

async fn withhold_one(importer: &Importer, there: &SlotThere, seats: &HashMap<Uuid, Slot>) -> RowResult {
    let row = &there.row;
    let available = there.available.unwrap_or(row.capacity);
    let total = row.capacity - available;
    let said = |reason: String| Problem { column: AVAILABLE, value: available.to_string(), reason };
    let slot = row.id.and_then(|id| seats.get(&id));
    let booked = slot.map_or(0, |slot| slot.taken + slot.held);
    let (done, notes) = if importer.dry_run {
        would_withhold(importer, row, total, slot).await?
    } else {
        import(importer, &SessionRow { total_bookings: Some(total), ..row.clone() }).await?
    };
    let mut notes: Vec<Problem> = notes.into_iter().map(|note| said(note.reason)).collect();
    if total < booked {
        notes.push(said(format!("is its own count; bookings that hold a seat: {booked}, and those count")));
    }
    Ok((done, notes))
}

/// What an import would do, found out from the slot as it would be then.
async fn would_withhold(importer: &Importer, row: &SessionRow, total: i32, slot: Option<&Slot>) -> RowResult {
    let client = importer.read().await?;
    let identity = SessionIdentity {
        id: row.id,
        offering_id: row.offering_id,
        date: row.times.local_date,
        start: row.times.local_start,
        location: None,
    };
    let known = find_sessions(&client, importer.org.id, &identity, None).await?;
    drop(client);
    let known = known.into_iter().find(|session| Some(session.id) == slot.map(|slot| slot.id));
    let before = match &known {
        Some(session) => withheld::Before::of(session, SeenSession::last(session).as_ref()),
        None => withheld::Before { total: 0, withheld: 0 },
    };
    let Some(slot) = slot else { return Err(Stop::Again) };
    let now = Seats { booked: slot.taken + slot.held, held: slot.held, withheld: slot.withheld };
    let plan = withheld::plan(Some(total), before, now, row.capacity);
    let done = if plan.seats == 0 { Done::Unchanged } else { Done::Changed };
    Ok((done, plan.note().into_iter().collect()))
}
