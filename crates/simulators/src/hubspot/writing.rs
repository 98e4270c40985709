//! Changes of objects: several of them that are kept together, or given up together.

use std::collections::BTreeMap;

use super::clock;
use super::errors::ApiError;
use super::history::Source;
use super::object_types::CONTACTS;
use super::record::Record;
use super::state::State;
use super::values::{self, Values};

/// One change that was made.
#[derive(Debug)]
struct Change {
    object_type: String,
    number: u64,
    before: Option<Record>,
    properties: Vec<String>,
}

/// Changes of one request. [`Writing::keep`] tells the search and the webhooks of them; without it they are
/// undone, newest first. One that is refused changes nothing by itself.
#[derive(Debug)]
pub(super) struct Writing<'s> {
    pub(super) state: &'s mut State,
    source: Source,
    changes: Vec<Change>,
}

impl<'s> Writing<'s> {
    pub(super) fn begin(state: &'s mut State, source: Source) -> Writing<'s> {
        Writing { state, source, changes: Vec::new() }
    }

    /// Makes a record.
    pub(super) fn create(&mut self, object_type: &str, mut values: Values) -> Result<u64, ApiError> {
        self.check(object_type, &mut values)?;
        if object_type == CONTACTS
            && let Some(existing) = values.get("email").and_then(|email| self.owner(object_type, "email", email))
        {
            return Err(ApiError::conflict(format!("Contact already exists. Existing ID: {existing}")));
        }
        // HubSpot has given it a number before it sees the conflict, and names that number first.
        let number = self.state.objects.next_number(object_type);
        self.add(object_type, number, clock::now(), &values)?;
        Ok(number)
    }

    /// Puts a record there that was made earlier, under a number that it has already.
    pub(super) fn bring(
        &mut self,
        object_type: &str,
        number: u64,
        made_at: i64,
        mut values: Values,
    ) -> Result<(), ApiError> {
        self.check(object_type, &mut values)?;
        if self.state.objects.get(object_type, number).is_some() {
            return Err(ApiError::conflict(format!("Object already exists. Existing ID: {number}")));
        }
        self.add(object_type, number, made_at, &values)
    }

    fn add(&mut self, object_type: &str, number: u64, made_at: i64, values: &Values) -> Result<(), ApiError> {
        self.refuse_taken(object_type, number, values)?;
        let mut record = Record::new(object_type, number, made_at);
        let properties = record.write(values, self.source, made_at);
        self.put(object_type, number, Some(record), properties);
        Ok(())
    }

    /// Writes values of a record that exists.
    pub(super) fn update(&mut self, object_type: &str, number: u64, mut values: Values) -> Result<(), ApiError> {
        let Some(record) = self.state.record(object_type, number) else { return Err(ApiError::not_found()) };
        let mut record = record.clone();
        self.check(object_type, &mut values)?;
        self.refuse_taken(object_type, number, &values)?;
        let properties = record.write(&values, self.source, clock::now());
        if !properties.is_empty() {
            self.put(object_type, number, Some(record), properties);
        }
        Ok(())
    }

    /// Archives a record; says whether there was one.
    pub(super) fn archive(&mut self, object_type: &str, number: u64) -> bool {
        let Some(record) = self.state.record(object_type, number) else { return false };
        let mut record = record.clone();
        record.archived_at = Some(clock::now());
        self.put(object_type, number, Some(record), Vec::new());
        true
    }

    /// Keeps all changes.
    pub(super) fn keep(mut self) {
        for change in std::mem::take(&mut self.changes) {
            self.state.changed(
                &change.object_type,
                change.number,
                change.before.is_none(),
                &change.properties,
                self.source,
            );
        }
    }

    /// Keeps all changes as what was always so: no webhooks, and the search is not late.
    pub(super) fn keep_quietly(mut self) {
        for change in std::mem::take(&mut self.changes) {
            if let Some(record) = self.state.objects.get(&change.object_type, change.number).cloned() {
                self.state.search.know(record);
            }
        }
    }

    fn put(&mut self, object_type: &str, number: u64, record: Option<Record>, properties: Vec<String>) {
        let before = self.state.objects.get(object_type, number).cloned();
        let unique = self.state.unique_properties(object_type);
        self.state.objects.put(object_type, number, record, &unique);
        self.changes.push(Change { object_type: object_type.to_owned(), number, before, properties });
    }

    fn check(&mut self, object_type: &str, values: &mut Values) -> Result<(), ApiError> {
        let portal_id = self.state.account.portal_id;
        values::check(values, self.state.definitions(object_type), portal_id)
    }

    fn owner(&self, object_type: &str, property: &str, value: &str) -> Option<u64> {
        self.state.objects.find(object_type, property, value)
    }

    /// Refuses a value that another record has in a unique property.
    fn refuse_taken(
        &mut self,
        object_type: &str,
        number: u64,
        values: &BTreeMap<String, String>,
    ) -> Result<(), ApiError> {
        for name in self.state.unique_properties(object_type) {
            let Some(value) = values.get(&name) else { continue };
            let Some(owner) = self.owner(object_type, &name, value).filter(|owner| *owner != number) else { continue };
            let portal_id = self.state.account.portal_id;
            let kind = self.state.types.singular(object_type).to_uppercase();
            return Err(ApiError::invalid(format!(
                "Cannot set PropertyValueCoordinates{{portalId={portal_id}, objectTypeId=ObjectTypeId{{legacyObjectType={kind}}}, \
                 propertyName={name}, value={value}}} on {number}. {owner} already has that value."
            )));
        }
        Ok(())
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        for change in self.changes.drain(..).rev() {
            let unique = self.state.unique_properties(&change.object_type);
            self.state.objects.put(&change.object_type, change.number, change.before, &unique);
        }
    }
}
