//! `hubspot_mock_exams`: sessions, and what they require. Their own count of bookings is only compared: the bookings
//! themselves come.

use std::cell::RefCell;
use std::collections::HashMap;

use sha2::{Digest, Sha256};
use surehold_core::command::{ChangeSlot, Command};
use uuid::Uuid;

use super::calendar::Calendar;
use super::record::{Record, day, instant};
use super::tables::TableReport;
use crate::import::importer::{Done, Importer, Stop};
use crate::import::report::Report;
use crate::import::sessions::{
    ACTIVATION, CAPACITY, DATE, END, ID, IS_ACTIVE, LOCATION, MOCK_SET, MOCK_TYPE, NAME, RECORD_ID, START, SessionRow,
    TOTAL_BOOKINGS, import, parse,
};
use crate::import::table::{Problem, Table};
use crate::store::import_rows::effect_of;

const PREREQUISITES: &str = "prerequisite_exam_ids";

/// Brings the sessions over. Returns those that are here now, or would be, and what was done about each.
pub async fn bring(
    importer: &Importer,
    records: &[Record],
    into: &mut TableReport,
) -> anyhow::Result<Vec<(Done, SessionRow)>> {
    let table = table(records, &mut into.report);
    let (rows, refused) = parse(&table, &importer.org, &importer.catalogue, &mut into.report);
    let taken = RefCell::new(Vec::new());
    let work = async |row: &SessionRow| {
        let done = import(importer, row).await?;
        taken.borrow_mut().push((done.0, row.clone()));
        Ok(done)
    };
    into.tally.refused += refused;
    into.run(importer, rows, work).await?;
    Ok(taken.into_inner())
}

/// The rows as those of a sessions file, with an id and without a count of bookings.
fn table(records: &[Record], report: &mut Report) -> Table {
    const COLUMNS: [&str; 12] =
        [ID, RECORD_ID, NAME, MOCK_TYPE, MOCK_SET, DATE, START, END, LOCATION, CAPACITY, IS_ACTIVE, ACTIVATION];
    let row = |(line, record): (u64, &Record)| {
        let text = |column| record.text(&[column]);
        let (status, activation) = on_sale(record, line, report);
        let cells = vec![
            text("id"),
            text("hubspot_id"),
            text("mock_exam_name"),
            text("mock_type"),
            text("mock_set"),
            day(&text("exam_date")).to_owned(),
            text("start_time"),
            text("end_time"),
            text("location"),
            text("capacity"),
            status.to_owned(),
            activation,
        ];
        (record.text(&["id", "hubspot_id"]), cells)
    };
    Table::named(&COLUMNS, (1..).zip(records).map(row).collect())
}

/// Whether it is on sale, and from when on. What cannot be told is not on sale: a session that is not found costs a
/// question, one that is sold by mistake a seat.
fn on_sale(record: &Record, line: u64, report: &mut Report) -> (&'static str, String) {
    let status = record.text(&["is_active"]).to_lowercase();
    match status.as_str() {
        "true" | "active" => ("true", String::new()),
        "scheduled" => match instant(&record.text(&["scheduled_activation_datetime"])) {
            Ok(Some(at)) => ("scheduled", at.to_string()),
            _ => {
                let reason = "is not known, but the session is scheduled: it comes as not on sale".to_owned();
                report.note(line, Problem { column: ACTIVATION, value: String::new(), reason });
                ("false", String::new())
            }
        },
        _ => ("false", String::new()),
    }
}

/// Sets which sessions a session requires, now that all of them are here. A list is brought over once: whoever changes
/// it here afterwards keeps it so, until it changes there.
pub async fn require(
    importer: &Importer,
    records: &[Record],
    calendar: &Calendar,
    into: &mut TableReport,
) -> anyhow::Result<()> {
    for (line, record) in (1..).zip(records) {
        let wanted = record.list(PREREQUISITES);
        let Some(slot_id) = slot_of(record, calendar).filter(|_| !wanted.is_empty()) else { continue };
        let (mut prerequisites, mut missing) = (Vec::new(), Vec::new());
        for link in wanted {
            match calendar.find(&link, None) {
                Some(id) => prerequisites.push(id),
                None => missing.push(link),
            }
        }
        if !missing.is_empty() {
            let reason = "are no sessions here, so they are not required".to_owned();
            into.report.note(line, Problem { column: PREREQUISITES, value: missing.join(", "), reason });
        }
        if prerequisites.is_empty() || importer.dry_run {
            continue;
        }
        match change(importer, slot_id, prerequisites).await {
            Ok(()) => {}
            Err(Stop::Refused(problem)) => into.report.note(line, problem),
            Err(Stop::Again) => anyhow::bail!("session {slot_id} is being changed by somebody else"),
            Err(Stop::Fatal(error)) => return Err(error),
        }
    }
    Ok(())
}

async fn change(importer: &Importer, slot_id: Uuid, prerequisites: Vec<Uuid>) -> Result<(), Stop> {
    let digest = Sha256::digest(prerequisites.iter().flat_map(|id| *id.as_bytes()).collect::<Vec<u8>>());
    let list = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    let key = format!("import:supabase:session:{slot_id}:requires:{list}");
    let client = importer.read().await?;
    if effect_of(&client, importer.org.id, &key).await?.is_some() {
        return Ok(());
    }
    drop(client);
    let command =
        Command::ChangeSlot(ChangeSlot { slot_id, prerequisites: Some(prerequisites), ..ChangeSlot::default() });
    importer.submit(command, Some(key)).await?.map(drop).map_err(|refusal| Stop::by_rule(&refusal))
}

/// Takes note of sessions whose own count is not that of the bookings that were found.
pub fn compare_totals(records: &[Record], calendar: &Calendar, found: &HashMap<Uuid, i64>, into: &mut TableReport) {
    for (line, record) in (1..).zip(records) {
        let total = record.text(&["total_bookings"]);
        let Some(slot_id) = slot_of(record, calendar).filter(|_| !total.is_empty()) else { continue };
        let bookings = found.get(&slot_id).copied().unwrap_or(0);
        if total.parse() != Ok(bookings) {
            let reason = format!("is its own count; bookings that hold a seat: {bookings}, and those count");
            into.report.note(line, Problem { column: TOTAL_BOOKINGS, value: total, reason });
        }
    }
}

fn slot_of(record: &Record, calendar: &Calendar) -> Option<Uuid> {
    calendar.find(&record.text(&["hubspot_id"]), record.text(&["id"]).parse().ok())
}
