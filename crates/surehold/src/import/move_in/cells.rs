//! Reading a row, column by column.

use super::record::Record;
use crate::import::table::Problem;

/// Reads the columns of a row, and gathers what is wrong with them.
pub struct Cells<'r> {
    pub record: &'r Record,
    pub problems: Vec<Problem>,
    pub notes: Vec<Problem>,
}

impl<'r> Cells<'r> {
    /// Of a row that nobody has looked at.
    pub fn of(record: &'r Record) -> Cells<'r> {
        Cells { record, problems: Vec::new(), notes: Vec::new() }
    }

    /// `None`: it is wrong, and the row cannot be taken.
    pub fn value<T>(
        &mut self,
        column: &'static str,
        names: &[&str],
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.record.text(names);
        parse(&text).map_err(|reason| self.problems.push(problem(column, &text, &reason))).ok()
    }

    /// What is wrong is left out: the row can be taken without it.
    pub fn or_left_out<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<Option<T>, String>,
    ) -> Option<T> {
        let text = self.record.text(&[column]);
        let parsed = parse(&text);
        parsed.map_err(|reason| self.notes.push(problem(column, &text, &format!("{reason}; left out")))).ok().flatten()
    }
}

/// Something to say of a column.
pub fn problem(column: &'static str, value: &str, reason: &str) -> Problem {
    Problem { column, value: value.to_owned(), reason: reason.to_owned() }
}
