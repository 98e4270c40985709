//! All objects, found by id or by a unique property.

use std::collections::{BTreeMap, HashMap};

use super::record::Record;

/// How far the first number of a type is from that of the one before.
const NUMBERS_BETWEEN_TYPES: u64 = 7;

/// The objects of all types.
#[derive(Debug)]
pub(super) struct Objects {
    by_type: BTreeMap<String, Rows>,
    first_number: u64,
}

#[derive(Debug)]
struct Rows {
    next: u64,
    records: BTreeMap<u64, Record>,
    /// Records that are not archived, by property and value.
    unique: HashMap<(String, String), u64>,
}

impl Objects {
    /// Types count from numbers that lie close together: an id says nothing without its type, and yet the first
    /// objects of two types do not have the same.
    pub(super) fn new(first_number: u64) -> Objects {
        Objects { by_type: BTreeMap::new(), first_number }
    }

    /// A number that was not there before.
    pub(super) fn next_number(&mut self, object_type: &str) -> u64 {
        let rows = self.rows(object_type);
        rows.next += 1;
        rows.next - 1
    }

    /// Forgets all objects; their numbers do not come again.
    pub(super) fn clear(&mut self) {
        for rows in self.by_type.values_mut() {
            rows.records.clear();
            rows.unique.clear();
        }
    }

    fn rows(&mut self, object_type: &str) -> &mut Rows {
        let next = self.first_number + NUMBERS_BETWEEN_TYPES * self.by_type.len() as u64;
        let rows = || Rows { next, records: BTreeMap::new(), unique: HashMap::new() };
        self.by_type.entry(object_type.to_owned()).or_insert_with(rows)
    }

    /// An object, also an archived one.
    pub(super) fn get(&self, object_type: &str, number: u64) -> Option<&Record> {
        self.by_type.get(object_type)?.records.get(&number)
    }

    /// The object that has this value in a unique property.
    pub(super) fn find(&self, object_type: &str, property: &str, value: &str) -> Option<u64> {
        let key = (property.to_owned(), value.to_owned());
        self.by_type.get(object_type)?.unique.get(&key).copied()
    }

    /// All of a type, oldest first, also archived ones.
    pub(super) fn of_type(&self, object_type: &str) -> impl Iterator<Item = &Record> {
        self.by_type.get(object_type).into_iter().flat_map(|rows| rows.records.values())
    }

    /// The types of which there are objects.
    pub(super) fn types(&self) -> impl Iterator<Item = &str> {
        self.by_type.iter().filter(|(_, rows)| !rows.records.is_empty()).map(|(object_type, _)| object_type.as_str())
    }

    /// Puts an object in the place of what was there; none takes it away. `unique` are its type's properties.
    pub(super) fn put(&mut self, object_type: &str, number: u64, record: Option<Record>, unique: &[String]) {
        let rows = self.rows(object_type);
        if let Some(old) = rows.records.remove(&number) {
            for key in keys(&old, unique) {
                rows.unique.remove(&key);
            }
        }
        if let Some(record) = record {
            rows.unique.extend(keys(&record, unique).map(|key| (key, number)));
            rows.records.insert(number, record);
        }
    }
}

/// What a record claims for itself. An archived one claims nothing: its email is free again.
fn keys<'r>(record: &'r Record, unique: &'r [String]) -> impl Iterator<Item = (String, String)> + 'r {
    let claims = if record.archived_at.is_none() { unique } else { &[] };
    let value = |name: &'r String| record.value(name).filter(|value| !value.is_empty());
    claims.iter().filter_map(move |name| Some((name.clone(), value(name)?.to_owned())))
}
