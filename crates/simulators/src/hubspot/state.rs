//! Everything that changes, and the account that it belongs to.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::associations::{AssociationType, Associations};
use super::errors::ApiError;
use super::events::{Event, Occurrence};
use super::faults::FaultSource;
use super::history::Source;
use super::ids;
use super::journal::Journal;
use super::limits::{Limiter, Limits};
use super::object_types::ObjectTypes;
use super::objects::Objects;
use super::outbox::Outbox;
use super::properties::{Definitions, Properties};
use super::record::{Record, Shown};
use super::search_index::SearchIndex;
use crate::shared::CatchUp;

/// Who the account and its app are.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) token: String,
    pub(super) portal_id: u64,
    pub(super) app_id: u64,
    /// What the token may do; everything without it.
    pub(super) scopes: Option<BTreeSet<String>>,
    /// Whether batches with some failures are answered with 207.
    pub(super) multi_status: bool,
}

impl Account {
    /// The app, as the source of what it writes.
    pub(super) fn app(&self) -> Source {
        Source::Integration { app_id: self.app_id }
    }
}

/// Everything that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) account: Account,
    pub(super) types: ObjectTypes,
    pub(super) properties: Properties,
    pub(super) objects: Objects,
    pub(super) associations: Associations,
    pub(super) search: SearchIndex,
    pub(super) limiter: Limiter,
    pub(super) faults: FaultSource,
    pub(super) outbox: Outbox,
    pub(super) journal: Journal,
    /// The order of results.
    pub(super) random: StdRng,
}

impl CatchUp for State {
    fn catch_up(&mut self) -> bool {
        self.search.catch_up()
    }
}

impl State {
    pub(super) fn new(
        account: Account,
        types: ObjectTypes,
        association_types: Vec<AssociationType>,
        limits: Limits,
        search_delay: Duration,
        outbox: Outbox,
        seed: u64,
    ) -> State {
        State {
            account,
            types,
            properties: Properties::default(),
            objects: Objects::new(ids::first_number()),
            associations: Associations::new(association_types),
            search: SearchIndex::new(search_delay),
            limiter: Limiter::new(limits),
            faults: FaultSource::new(seed),
            outbox,
            journal: Journal::default(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Forgets records, associations, calls, counts, faults and webhooks; keeps properties, types and settings.
    pub(super) fn reset(&mut self) {
        self.objects.clear();
        self.associations.clear();
        self.search.clear();
        self.limiter.reset();
        self.faults.clear();
        self.outbox.clear();
        self.journal = Journal::default();
    }

    /// The properties of a type.
    pub(super) fn definitions(&mut self, object_type: &str) -> &mut Definitions {
        self.properties.of(object_type, &self.types)
    }

    /// The names of a type's unique properties.
    pub(super) fn unique_properties(&mut self, object_type: &str) -> Vec<String> {
        self.definitions(object_type).unique().map(str::to_owned).collect()
    }

    /// A record that is not archived.
    pub(super) fn record(&self, object_type: &str, number: u64) -> Option<&Record> {
        self.objects.get(object_type, number).filter(|record| record.archived_at.is_none())
    }

    /// The number of a record that is not archived, by its id or by a unique property.
    pub(super) fn find(
        &mut self,
        object_type: &str,
        id: &str,
        id_property: Option<&str>,
    ) -> Result<Option<u64>, ApiError> {
        match id_property {
            None | Some("hs_object_id") => {
                Ok(id.parse().ok().filter(|number| self.record(object_type, *number).is_some()))
            }
            Some(property) if self.definitions(object_type).is_unique(property) => {
                let id = if property == "email" { id.to_lowercase() } else { id.to_owned() };
                Ok(self.objects.find(object_type, property, &id))
            }
            Some(property) => Err(self.not_unique(object_type, property)),
        }
    }

    /// 400: this property does not tell records apart.
    pub(super) fn not_unique(&self, object_type: &str, property: &str) -> ApiError {
        let portal_id = self.account.portal_id;
        ApiError::invalid(format!(
            "Unable to perform update/upsert by non-unique {object_type} property {property} in portal ID {portal_id}"
        ))
    }

    /// A record was made, changed or archived: search and webhooks learn of it.
    pub(super) fn changed(
        &mut self,
        object_type: &str,
        number: u64,
        is_new: bool,
        properties: &[String],
        source: Source,
    ) {
        let Some(record) = self.objects.get(object_type, number) else { return };
        self.search.put(record.clone());
        let event = |occurrence| Event {
            object_type: object_type.to_owned(),
            number,
            occurrence,
            occurred_at: record.archived_at.unwrap_or(record.updated_at),
            source,
            portal_id: self.account.portal_id,
            app_id: self.account.app_id,
        };
        let mut events = Vec::new();
        if record.archived_at.is_some() {
            events.push(event(Occurrence::Deletion));
        }
        if is_new {
            events.push(event(Occurrence::Creation));
        }
        for property in properties {
            let value = record.value(property).unwrap_or_default().to_owned();
            events.push(event(Occurrence::Change { property: property.clone(), value }));
        }
        for event in events {
            self.outbox.add(event, &mut self.faults);
        }
    }

    /// All of it, for tests.
    pub(super) fn json(&self) -> Value {
        let of_type = |object_type: &str| {
            let records = self.objects.of_type(object_type).map(|record| {
                let properties = record.values().into_keys().collect();
                record.json(&Shown { properties, with_history: Vec::new() })
            });
            (object_type.to_owned(), Value::from(records.collect::<Vec<_>>()))
        };
        json!({
            "objects": self.objects.types().map(of_type).collect::<serde_json::Map<_, _>>(),
            "associations": self.associations.all(),
            "requests": self.journal.counts(),
            "limits": self.limiter.report(),
            "webhooks": self.outbox.json(),
            "faults": self.faults.faults,
        })
    }
}
