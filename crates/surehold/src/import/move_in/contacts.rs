//! `hubspot_contact_credits`: contacts with their credits, which become opening entries.

use std::cell::RefCell;

use super::record::{Record, day};
use super::tables::TableReport;
use crate::import::contacts::{
    CREDITS, ContactRow, EMAIL, FIRST_NAME, ID, LAST_NAME, NDECC, RECORD_ID, STUDENT_ID, import, parse,
};
use crate::import::importer::Importer;
use crate::import::report::Report;
use crate::import::table::{Problem, Table};
use crate::import::values;

/// Brings the contacts over. Returns those that are here now, or would be.
pub async fn bring(importer: &Importer, records: &[Record], into: &mut TableReport) -> anyhow::Result<Vec<ContactRow>> {
    let table = table(records, &mut into.report);
    let (rows, refused) = parse(&table, &mut into.report);
    let taken = RefCell::new(Vec::new());
    let work = async |row: &ContactRow| {
        let done = import(importer, row).await?;
        taken.borrow_mut().push(row.clone());
        Ok(done)
    };
    into.tally.refused += refused;
    into.run(importer, rows, work).await?;
    Ok(taken.into_inner())
}

/// The rows as those of a contacts file, with an id.
fn table(records: &[Record], report: &mut Report) -> Table {
    let has = |column: &str| records.iter().any(|record| record.has(column));
    let mut columns = vec![ID, RECORD_ID, STUDENT_ID, EMAIL, FIRST_NAME, LAST_NAME, NDECC];
    let credits: Vec<_> = CREDITS.iter().filter(|(_, kind)| has(kind)).collect();
    columns.extend(credits.iter().map(|(column, _)| *column));
    let row = |(line, record): (u64, &Record)| {
        let (first, last) = names(record);
        let mut cells = vec![
            record.text(&["id"]),
            record.text(&["hubspot_id"]),
            record.text(&["student_id"]),
            record.text(&["email"]),
            first,
            last,
            ndecc(record, line, report),
        ];
        cells.extend(credits.iter().map(|(column, kind)| balance(record, line, column, kind, report)));
        (record.text(&["id", "hubspot_id"]), cells)
    };
    Table::named(&columns, (1..).zip(records).map(row).collect())
}

/// First and last name. Where only the whole name is known, its last word is the last name.
fn names(record: &Record) -> (String, String) {
    let (first, last) = (record.text(&["firstname"]), record.text(&["lastname"]));
    if !first.is_empty() || !last.is_empty() {
        return (first, last);
    }
    let whole = record.text(&["student_name"]);
    match whole.rsplit_once(' ') {
        Some((first, last)) => (first.trim_end().to_owned(), last.to_owned()),
        None => (whole, String::new()),
    }
}

/// A date that cannot be read is no reason to leave a person behind.
fn ndecc(record: &Record, line: u64, report: &mut Report) -> String {
    let text = record.text(&["ndecc_exam_date"]);
    match values::optional_date(day(&text)) {
        Ok(_) => day(&text).to_owned(),
        Err(reason) => {
            report.note(line, Problem { column: NDECC, value: text, reason: format!("{reason}; left out") });
            String::new()
        }
    }
}

/// A number of credits. Nor is a balance that no balance can be: the person comes with none of that kind.
fn balance(record: &Record, line: u64, column: &'static str, kind: &str, report: &mut Report) -> String {
    let text = record.text(&[kind]);
    let reason = match text.parse::<i64>() {
        _ if text.is_empty() => "is not there; it counts as 0",
        Ok(amount) if amount < 0 => "is below zero, which no balance can be: the contact comes with 0",
        _ => return text,
    };
    report.note(line, Problem { column, value: text, reason: reason.to_owned() });
    "0".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(rows: Value) -> (Vec<(u64, ContactRow)>, Vec<String>) {
        let records = Record::oldest_first(rows.as_array().unwrap().clone());
        let mut report = Report::default();
        let (rows, _) = parse(&table(&records, &mut report), &mut report);
        (rows, report.lines().iter().map(|line| format!("{} {}", line.line, line.sentence())).collect())
    }

    #[test]
    fn a_contact_comes_with_its_id_its_names_and_its_credits() {
        let (rows, said) = parsed(json!([{
            "id": "00000000-0000-0000-0000-0000000000a1", "hubspot_id": "7001", "student_id": "ann1", "email": " Ann@Example.org",
            "student_name": "Ann Mary Lee", "ndecc_exam_date": "2027-02-01", "sj_credits": 3, "cs_credits": -1, "shared_mock_credits": null,
        }]));
        let [(1, row)] = &*rows else { panic!("{rows:?}") };
        assert_eq!((row.id.map(|id| id.as_u128()), row.record_id.as_deref()), (Some(0xa1), Some("7001")));
        assert_eq!((row.student_id.as_str(), row.email.as_str()), ("ANN1", "ann@example.org"));
        assert_eq!((row.first_name.as_deref(), row.last_name.as_deref()), (Some("Ann Mary"), Some("Lee")));
        assert_eq!(row.credits.get("sj_credits"), Some(&3));
        assert_eq!((row.credits.get("cs_credits"), row.credits.get("shared_mock_credits")), (Some(&0), Some(&0)));
        assert_eq!(row.credits.get("sjmini_credits"), None, "there is no such column");
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("below zero") && said[1].contains("is not there"), "{said:?}");
    }

    #[test]
    fn who_cannot_be_told_from_others_stays_behind() {
        let (rows, said) = parsed(json!([
            {"id": "00000000-0000-0000-0000-0000000000a1", "student_id": "A1", "email": "a@example.org", "ndecc_exam_date": "soon"},
            {"id": "00000000-0000-0000-0000-0000000000a2", "student_id": "a1", "email": "A@example.org"},
            {"id": "00000000-0000-0000-0000-0000000000a3", "student_id": "A3", "email": ""},
        ]));
        assert_eq!(rows.len(), 1);
        assert!(
            said.iter().any(|line| line.contains("same person as in row 00000000-0000-0000-0000-0000000000a1")),
            "{said:?}"
        );
        assert!(said.iter().any(|line| line.contains("Email is missing")), "{said:?}");
        assert!(said[0].contains("left out"), "{said:?}");
    }
}
