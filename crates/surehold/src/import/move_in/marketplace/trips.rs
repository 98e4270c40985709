//! `trips`: whose they are. Where one stands follows from its bookings.

use std::collections::{HashMap, HashSet};

use surehold_core::command::{Command, ImportTrip};
use uuid::Uuid;

use super::step::Step;
use crate::import::move_in::cells::Cells;
use crate::import::move_in::record::{Record, instant};
use crate::import::move_in::tables::TableReport;
use crate::import::table::Lines;
use crate::import::values;

/// Whose each trip is.
pub fn users(records: &[Record]) -> HashMap<Uuid, Uuid> {
    let id = |record: &Record, column| record.text(&[column]).parse().ok();
    records.iter().filter_map(|record| Some((id(record, "id")?, id(record, "user_id")?))).collect()
}

/// The trips that can be understood; the others are in the report.
pub fn read_all(records: &[Record], here: &HashSet<Uuid>, into: &mut TableReport) -> Lines<Step> {
    let mut rows = Vec::new();
    for (line, record) in (1..).zip(records) {
        let mut cells = Cells::of(record);
        let needed = |text: &str| values::id(text)?.ok_or_else(|| "is missing".to_owned());
        let id = cells.value("id", &["id"], needed);
        let user = cells.value("user_id", &["user_id"], needed);
        let created_at = cells.or_left_out("created_at", instant);
        let is_cancelled = matches!(record.text(&["status"]).to_lowercase().as_str(), "cancelled" | "canceled");
        let Cells { problems, notes, .. } = cells;
        match id.zip(user).filter(|_| problems.is_empty()) {
            Some((id, _)) if here.contains(&id) => rows.push((line, Step::unchanged(notes))),
            Some((id, contact_id)) => {
                let command = Command::ImportTrip(ImportTrip { id, contact_id, is_cancelled, created_at });
                rows.push((line, Step::add(command, "id", id.to_string(), notes)));
            }
            None => {
                into.tally.refused += 1;
                into.report.refuse(line, problems);
            }
        }
    }
    rows
}
