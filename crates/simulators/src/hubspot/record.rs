//! One object with its properties and their histories.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::clock;
use super::history::{HistoryEntry, Source};
use super::object_types::CONTACTS;

/// An object, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The id of its type, such as `0-1`.
    pub object_type: String,
    /// Its number: the id, unique among objects of its type only.
    pub number: u64,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When a value was last changed. Milliseconds since 1970, later with every change.
    pub updated_at: i64,
    /// When it was archived, if it was.
    pub archived_at: Option<i64>,
    /// Oldest first; none is empty.
    histories: BTreeMap<String, Vec<HistoryEntry>>,
}

impl Record {
    pub(super) fn new(object_type: &str, number: u64, now: i64) -> Record {
        Record {
            object_type: object_type.to_owned(),
            number,
            created_at: now,
            updated_at: now,
            archived_at: None,
            histories: BTreeMap::new(),
        }
    }

    /// The id, as callers see it.
    pub fn id(&self) -> String {
        self.number.to_string()
    }

    /// A property's value; none if it never had one. Empty if it was cleared.
    pub fn value(&self, name: &str) -> Option<&str> {
        let entry = self.histories.get(name)?.last()?;
        Some(&entry.value)
    }

    /// All values that callers wrote.
    pub fn values(&self) -> BTreeMap<String, String> {
        let last = |entries: &Vec<HistoryEntry>| entries.last().map(|entry| entry.value.clone());
        self.histories.iter().filter_map(|(name, entries)| Some((name.clone(), last(entries)?))).collect()
    }

    /// A property's values, newest first.
    pub fn history(&self, name: &str) -> Vec<HistoryEntry> {
        self.histories.get(name).map(|entries| entries.iter().rev().cloned().collect()).unwrap_or_default()
    }

    /// Writes values; says which of them differ from what was there. One that does not leaves no trace.
    pub(super) fn write(&mut self, values: &BTreeMap<String, String>, source: Source, now: i64) -> Vec<String> {
        // Two writes in one millisecond still have an order.
        let timestamp = if self.histories.is_empty() { now } else { now.max(self.updated_at + 1) };
        let mut changed = Vec::new();
        for (name, value) in values {
            if self.value(name).unwrap_or_default() == value {
                continue;
            }
            let entry = HistoryEntry { value: value.clone(), timestamp, source };
            self.histories.entry(name.clone()).or_default().push(entry);
            self.updated_at = timestamp;
            changed.push(name.clone());
        }
        changed
    }

    /// The values that HubSpot sets by itself, by name.
    pub(super) fn system_values(&self) -> Vec<(&'static str, String)> {
        let (created, updated) = (clock::text(self.created_at), clock::text(self.updated_at));
        let [created_name, updated_name] = system_times(&self.object_type);
        vec![(created_name, created), (updated_name, updated), ("hs_object_id", self.id())]
    }

    /// As the API shows it.
    pub(super) fn json(&self, shown: &Shown) -> Value {
        let mut properties = Map::new();
        for (name, value) in self.system_values() {
            properties.insert(name.to_owned(), value.into());
        }
        let usual = if shown.properties.is_empty() { usual(&self.object_type) } else { &[] };
        let asked = shown.properties.iter().map(String::as_str);
        for name in usual.iter().copied().chain(asked) {
            if !properties.contains_key(name) {
                properties.insert(name.to_owned(), self.value(name).into());
            }
        }
        let mut object = json!({
            "id": self.id(),
            "properties": properties,
            "createdAt": clock::text(self.created_at),
            "updatedAt": clock::text(self.updated_at),
            "archived": self.archived_at.is_some(),
        });
        if let Some(archived_at) = self.archived_at {
            object["archivedAt"] = clock::text(archived_at).into();
        }
        if !shown.with_history.is_empty() {
            let entries = |name: &String| self.history(name).iter().map(HistoryEntry::json).collect::<Vec<_>>();
            let histories = shown.with_history.iter().map(|name| (name.clone(), entries(name).into()));
            object["propertiesWithHistory"] = Value::Object(histories.collect());
            for name in &shown.with_history {
                if object["properties"].get(name).is_none() {
                    object["properties"][name] = self.value(name).into();
                }
            }
        }
        object
    }
}

/// Which properties an answer shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// Without any, the usual ones.
    pub(super) properties: Vec<String>,
    pub(super) with_history: Vec<String>,
}

/// The properties that say when a record was made and changed. Contacts have names of their own for them
/// (developers.hubspot.com/docs/api-reference/crm-search-v3/guide).
pub(super) fn system_times(object_type: &str) -> [&'static str; 2] {
    if object_type == CONTACTS {
        ["createdate", "lastmodifieddate"]
    } else if object_type.starts_with("0-") {
        ["createdate", "hs_lastmodifieddate"]
    } else {
        ["hs_createdate", "hs_lastmodifieddate"]
    }
}

/// What is shown if nothing is asked for.
fn usual(object_type: &str) -> &'static [&'static str] {
    match object_type {
        CONTACTS => &["email", "firstname", "lastname"],
        "0-2" => &["name", "domain"],
        "0-3" => &["dealname", "dealstage", "pipeline", "amount", "closedate"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Source = Source::Integration { app_id: 7 };

    fn one(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn writes_within_a_millisecond_keep_their_order() {
        let mut record = Record::new("2-1", 5, 1000);
        for value in ["a", "b", "a"] {
            assert_eq!(record.write(&one("grade", value), APP, 1000), ["grade"]);
        }
        let history = record.history("grade");
        assert_eq!(history.iter().map(|entry| entry.timestamp).collect::<Vec<_>>(), [1002, 1001, 1000]);
        assert_eq!(record.updated_at, 1002);
    }

    #[test]
    fn the_same_value_again_leaves_no_trace() {
        let mut record = Record::new("2-1", 5, 1000);
        record.write(&one("grade", "a"), APP, 1000);
        assert!(record.write(&one("grade", "a"), APP, 2000).is_empty());
        assert!(record.write(&one("other", ""), APP, 2000).is_empty());
        assert_eq!((record.history("grade").len(), record.updated_at), (1, 1000));
    }
}
