//! A row of another system's table: text under names, some of which may be missing.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// A row as it is there.
pub struct Record(Value);

impl Record {
    /// A row of these columns.
    pub fn of(row: Value) -> Record {
        Record(row)
    }

    /// Rows in the order in which they were made; those that do not say so come last.
    pub fn oldest_first(rows: Vec<Value>) -> Vec<Record> {
        let mut records: Vec<Record> = rows.into_iter().map(Record).collect();
        records.sort_by_cached_key(|record| {
            let made = instant(&record.text(&["booked_at", "created_at"])).ok().flatten();
            (made.is_none(), made, record.text(&["id"]))
        });
        records
    }

    /// Whether the table has a column.
    pub fn has(&self, column: &str) -> bool {
        self.0.get(column).is_some()
    }

    /// The first of these columns that has a value, as text; empty if none has. Databases of this system call some columns
    /// differently.
    pub fn text(&self, columns: &[&str]) -> String {
        let text = |column: &&str| match self.0.get(column)? {
            Value::Null => None,
            Value::String(text) => Some(text.trim().to_owned()),
            other => Some(other.to_string()),
        };
        columns.iter().filter_map(text).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// The texts of a list.
    pub fn list(&self, column: &str) -> Vec<String> {
        let texts = self.0.get(column).and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(|text| Some(text.as_str()?.trim().to_owned())).filter(|text| !text.is_empty()).collect()
    }
}

/// An instant: with an offset, else of UTC, else milliseconds since 1970 as HubSpot writes them. Empty: none.
pub fn instant(text: &str) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let millis = || Timestamp::from_millisecond(text.parse().ok()?).ok();
    let utc = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    text.parse().ok().or_else(millis).or_else(utc).map(Some).ok_or_else(|| "is no date and time".to_owned())
}

/// A date; of a date and time, its day.
pub fn day(text: &str) -> &str {
    match text.split_once(['T', ' ']) {
        Some((day, _)) if day.len() == 10 => day,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_may_have_another_name_or_be_missing() {
        let record = Record(json!({"name": null, "student_name": " Ann Lee ", "credits": 3, "list": ["1", null, " "]}));
        assert_eq!(record.text(&["name", "student_name"]), "Ann Lee");
        assert_eq!((record.text(&["credits"]).as_str(), record.text(&["none"]).as_str()), ("3", ""));
        assert_eq!(record.list("list"), ["1"]);
        assert!(record.has("name") && !record.has("none"));
    }

    #[test]
    fn the_oldest_comes_first_and_who_knows_no_date_last() {
        let row = |id: &str, at: Value| json!({"id": id, "created_at": at});
        let rows = vec![
            row("a", Value::Null),
            row("c", json!("2026-05-02T10:00:00+00:00")),
            row("b", json!("2026-05-02T10:00:00+00:00")),
            row("d", json!("2026-05-02T09:59:59.5+00:00")),
        ];
        let ids: Vec<String> = Record::oldest_first(rows).iter().map(|record| record.text(&["id"])).collect();
        assert_eq!(ids, ["d", "b", "c", "a"]);
    }

    #[test]
    fn instants_are_written_in_three_ways() {
        let at = |text| instant(text).unwrap().map(|at: Timestamp| at.to_string());
        assert_eq!(at("2026-05-02T10:00:00.25+00:00").as_deref(), Some("2026-05-02T10:00:00.25Z"));
        assert_eq!(at("2026-05-02T10:00:00").as_deref(), Some("2026-05-02T10:00:00Z"));
        assert_eq!(at("1777716000000").as_deref(), Some("2026-05-02T10:00:00Z"));
        assert_eq!(at(""), None);
        assert!(instant("infinity").is_err());
        assert_eq!(
            (day("2026-05-02T00:00:00"), day("2026-05-02"), day("tomorrow or so")),
            ("2026-05-02", "2026-05-02", "tomorrow or so")
        );
    }
}
