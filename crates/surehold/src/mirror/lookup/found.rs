//! A student as HubSpot shows it, made fit for us. What a record lacks or garbles is left out, never guessed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use surehold_core::credit_history;
use surehold_core::rows::CreditKind;

use super::Pair;
use crate::hubspot::mapping::ContactNames;
use crate::hubspot::search::FilterGroup;
use crate::hubspot::{Fields, Filter, HubSpotError, Object, Portal, Priority, Record, Search, Version};

/// Length of a name, in characters.
const NAME_MAX: usize = 200;
/// No balance that we take goes beyond this.
const AMOUNT_MAX: i64 = 1_000_000_000;
/// Digits of an id of HubSpot's.
const ID_MAX: usize = 20;

/// A student as HubSpot shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What HubSpot calls the contact.
    pub hubspot_id: String,
    /// Upper case.
    pub student_id: String,
    /// Lower case.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// The date of the real exam.
    pub ndecc_exam_date: Option<Date>,
    /// Credits, by our names of their kinds.
    pub credits: BTreeMap<CreditKind, CreditFound>,
}

/// A kind of credit of a student: what it was, from which moments on. The value and its moment are from one answer, so
/// that nothing is bought in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreditFound {
    /// By the moment since when, in milliseconds since 1970, by HubSpot's clock.
    entries: BTreeMap<i64, String>,
}

impl CreditFound {
    /// Of a property's history.
    fn of(history: &[Version]) -> CreditFound {
        let entry = |version: &Version| Some((version.timestamp?.as_millisecond(), version.value.clone()));
        CreditFound { entries: history.iter().filter_map(entry).collect() }
    }

    /// The moment of the newest entry; 0 if it was never set.
    pub fn newest(&self) -> i64 {
        self.entries.last_key_value().map_or(0, |(at, _)| *at)
    }

    /// What there was at a moment. An entry that is no whole number counts for nothing, as it does when a history is
    /// counted: what was there before holds. Nobody owes us credits.
    pub fn at(&self, moment: i64) -> i64 {
        let mut until = self.entries.range(..=moment).peekable();
        // HubSpot keeps only so many entries. If it has forgotten that moment, counting begins with the oldest one.
        let is_forgotten = moment > 0 && until.peek().is_none();
        let number = |(_, value): (&i64, &String)| credit_history::number(value);
        let amount = if is_forgotten { self.entries.iter().find_map(number) } else { until.rev().find_map(number) };
        amount.unwrap_or(0).clamp(0, AMOUNT_MAX)
    }

    /// What there is now.
    pub fn amount(&self) -> i64 {
        self.at(self.newest())
    }

    /// Whether the newest entry is what we take.
    fn is_plain(&self) -> bool {
        let newest = self.entries.values().next_back();
        newest.is_none_or(|value| credit_history::number(value) == Some(self.amount()))
    }
}

/// Finds the record of a student: one search by either name, then the record itself, because the search may show what
/// was a moment ago, and no history.
pub(super) async fn find(portal: &Portal, pair: &Pair) -> Result<Option<Found>, HubSpotError> {
    let (client, names) = (portal.client.at(Priority::Person), &portal.mapping.contacts);
    let object_type = portal.mapping.object_type(Object::Contact);
    let by = |filter| FilterGroup { filters: vec![filter] };
    let search = Search {
        filter_groups: vec![
            by(Filter::eq(&names.student_id, &*pair.student_id)),
            by(Filter::eq(&names.email, &*pair.email)),
        ],
        ..Search::all_of(vec![], &[&names.student_id, &names.email])
    };
    let page = client.search(object_type, &search).await?;
    let mut ids: Vec<&str> = page.records.iter().filter(|r| agrees(names, r, pair)).map(|r| r.id.as_str()).collect();
    // HubSpot has each address once; if it has a student twice in spite of that, the older record counts.
    ids.sort_by_key(|id| (id.len(), *id));
    let Some(id) = ids.first() else { return Ok(None) };
    if ids.len() > 1 {
        tracing::warn!(?ids, "HubSpot has a student more than once; join the records there");
    }
    let plain = [&names.student_id, &names.email, &names.first_name, &names.last_name, &names.ndecc_exam_date];
    let credits: Vec<&str> = names.credits.values().map(|credit| credit.property.as_str()).collect();
    let fields = Fields { properties: &plain.map(String::as_str), with_history: &credits };
    let record = client.get_record(object_type, None, id, fields).await?;
    Ok(record.and_then(|record| read(names, &record, pair)))
}

/// Whether a record is the student's, by both names.
fn agrees(names: &ContactNames, record: &Record, pair: &Pair) -> bool {
    let value = |name: &str| record.property(name).unwrap_or_default().trim();
    value(&names.student_id).to_ascii_uppercase() == pair.student_id && value(&names.email).to_lowercase() == pair.email
}

/// What a record says of a student; none if it is somebody else's, or cannot be told apart.
fn read(names: &ContactNames, record: &Record, pair: &Pair) -> Option<Found> {
    let is_id = (1..=ID_MAX).contains(&record.id.len()) && record.id.bytes().all(|byte| byte.is_ascii_digit());
    if !is_id || record.archived || !agrees(names, record, pair) {
        return None;
    }
    let hubspot_id = record.id.clone();
    let name = |property: &str| clean(record.property(property).unwrap_or_default());
    let exam_date = record.property(&names.ndecc_exam_date).map(str::trim).filter(|text| !text.is_empty());
    let ndecc_exam_date = exam_date.and_then(date);
    if exam_date.is_some() && ndecc_exam_date.is_none() {
        tracing::warn!(hubspot_id, "HubSpot's exam date of a contact is no date; it is left out");
    }
    let mut credits = BTreeMap::new();
    for (kind, credit) in &names.credits {
        let history = record.properties_with_history.get(&credit.property).map_or(&[][..], Vec::as_slice);
        let found = CreditFound::of(history);
        if !found.is_plain() {
            let taken = found.amount();
            tracing::warn!(hubspot_id, kind, taken, "HubSpot's credits of a contact are no number that can be had");
        }
        credits.insert(CreditKind::from(kind.as_str()), found);
    }
    Some(Found {
        hubspot_id,
        student_id: pair.student_id.clone(),
        email: pair.email.clone(),
        first_name: name(&names.first_name),
        last_name: name(&names.last_name),
        ndecc_exam_date,
        credits,
    })
}

/// A name without what the database does not take, and not too long.
fn clean(text: &str) -> String {
    let text: String = text.chars().filter(|char| !char.is_control()).collect();
    text.trim().chars().take(NAME_MAX).collect::<String>().trim_end().to_owned()
}

/// A day: `2026-10-23`, or its midnight in milliseconds since 1970.
fn date(text: &str) -> Option<Date> {
    let date = match text.parse::<i64>() {
        Ok(millisecond) => TimeZone::UTC.to_datetime(Timestamp::from_millisecond(millisecond).ok()?).date(),
        Err(_) => text.get(..10).filter(|day| text.len() == day.len() || text.as_bytes()[10] == b'T')?.parse().ok()?,
    };
    (2000..=2200).contains(&date.year()).then_some(date)
}

#[cfg(test)]
#[path = "found_tests.rs"]
mod tests;
