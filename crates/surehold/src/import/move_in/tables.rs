//! What became of the rows of several tables, and the one report of them.

use std::path::Path;

use super::record::Record;
use crate::import::importer::{Importer, RowResult, Tally};
use crate::import::report::{Line, Place, Report};
use crate::import::table::{Lines, Problem};

/// What became of a table's rows.
pub struct TableReport {
    /// Its name there.
    pub table: &'static str,
    /// Whether it is there at all.
    pub is_there: bool,
    /// What its rows are called; the first is line 1 of the report.
    ids: Vec<String>,
    /// Rows by what came of them.
    pub tally: Tally,
    /// What is to be known of rows.
    pub report: Report,
}

impl TableReport {
    /// Of a table, before anything is done.
    pub fn of(table: &'static str, records: Option<&[Record]>) -> TableReport {
        let ids = records.unwrap_or_default().iter().map(|record| record.text(&["id", "hubspot_id"])).collect();
        TableReport { table, is_there: records.is_some(), ids, tally: Tally::default(), report: Report::default() }
    }

    /// Does what there is to be done about rows, and counts what became of them.
    ///
    /// # Errors
    ///
    /// As of [`Importer::run`].
    pub async fn run<R>(
        &mut self,
        importer: &Importer,
        rows: Lines<R>,
        work: impl AsyncFn(&R) -> RowResult,
    ) -> anyhow::Result<()> {
        let (tally, fatal) = importer.run(rows, &mut self.report, work).await;
        self.tally.add(tally);
        fatal.map_or(Ok(()), Err)
    }

    /// The rows to which the decision says yes, in their order; the others are in the report.
    pub fn agreed<R>(&mut self, rows: Lines<R>, mut decide: impl FnMut(&R) -> Result<(), Problem>) -> Lines<R> {
        let mut taken = Vec::with_capacity(rows.len());
        for (line, row) in rows {
            match decide(&row) {
                Ok(()) => taken.push((line, row)),
                Err(problem) => {
                    self.tally.refused += 1;
                    self.report.refuse(line, [problem]);
                }
            }
        }
        taken
    }

    /// Its rows.
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// Its lines, each with the name of the row that it is about.
    pub fn lines(&mut self) -> Vec<(&str, &Line)> {
        let name = |line: u64| usize::try_from(line).ok().and_then(|line| self.ids.get(line.checked_sub(1)?));
        self.report.lines().iter().map(|line| (name(line.line).map_or("", String::as_str), line)).collect()
    }
}

/// Writes one report of all tables. `None`: there is nothing to report, and no old report to replace.
pub fn write<'p>(tables: &mut [TableReport], place: &'p Place) -> anyhow::Result<Option<&'p Path>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["table", "row", "result", "column", "value", "reason"])?;
    let mut is_empty = true;
    for report in tables {
        let table = report.table;
        for (row, line) in report.lines() {
            is_empty = false;
            writer.write_record([table.to_owned(), row.to_owned()].into_iter().chain(line.cells()))?;
        }
    }
    place.write(&writer.into_inner()?, is_empty)
}
