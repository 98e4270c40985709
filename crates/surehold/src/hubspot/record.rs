//! Reading records.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::batch::{BATCH_MAX, check_size, same};
use super::client::HubSpot;
use super::envelope::Envelope;
use super::error::{HubSpotError, Refusal};
use super::wire::{id, or_default, values};

/// A record of the portal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// HubSpot's id: digits, unique within its type only.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// The properties that were asked for, and some more. `None`: no value.
    #[serde(default, deserialize_with = "values")]
    pub properties: BTreeMap<String, Option<String>>,
    /// Of each property whose history was asked for, what it was: the newest first.
    #[serde(default, deserialize_with = "or_default")]
    pub properties_with_history: BTreeMap<String, Vec<Version>>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When any property of it was changed last.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// Whether it is in the bin.
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
}

/// What a property was from a moment on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Its value.
    #[serde(default, deserialize_with = "id")]
    pub value: String,
    /// Since when.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
    /// What kind of source changed it: `CRM_UI`, `INTEGRATION`, `AUTOMATION_PLATFORM` and others.
    #[serde(default, deserialize_with = "or_default")]
    pub source_type: String,
    /// Which source of this kind it was, such as an app's number.
    #[serde(default, deserialize_with = "id")]
    pub source_id: String,
}

/// What to read of a record.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fields<'a> {
    /// Properties.
    pub properties: &'a [&'a str],
    /// Properties whose history is wanted, too.
    pub with_history: &'a [&'a str],
}

impl Record {
    /// A property's value; none if it has none or was not asked for.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name)?.as_deref()
    }
}

/// The answer to a batch of reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The records that exist, by what was asked.
    pub records: BTreeMap<String, Record>,
    /// What HubSpot refused. A record that does not exist may be among these, or not be mentioned at all.
    pub refused: Vec<Refusal>,
}

impl HubSpot {
    /// Reads one record: by HubSpot's id, or by the value of a unique property. None if there is no such record.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`].
    pub async fn get_record(
        &self,
        object_type: &str,
        id_property: Option<&str>,
        id: &str,
        fields: Fields<'_>,
    ) -> Result<Option<Record>, HubSpotError> {
        let (properties, with_history) = (fields.properties.join(","), fields.with_history.join(","));
        let query = [
            ("idProperty", id_property.unwrap_or_default()),
            ("properties", &properties),
            ("propertiesWithHistory", &with_history),
        ];
        let query: Vec<_> = query.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let call = self.on_objects("get_record", &[object_type, id], &query)?;
        match self.get(call).await {
            Ok(answer) => Ok(Some(answer.body)),
            // Without the category it may be the path that is not found.
            Err(HubSpotError::Refused(refusal)) if refusal.status == 404 && refusal.category == "OBJECT_NOT_FOUND" => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads records of a type: by HubSpot's ids, or by the values of a unique property.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`] of the whole call. More than [`BATCH_MAX`] ids are not sent. An id twice is asked once.
    pub async fn batch_read(
        &self,
        object_type: &str,
        id_property: Option<&str>,
        ids: &[String],
        fields: Fields<'_>,
    ) -> Result<Found, HubSpotError> {
        if ids.is_empty() {
            return Ok(Found::default());
        }
        check_size(ids.len(), BATCH_MAX)?;
        let mut seen = HashSet::new();
        let inputs = ids.iter().filter(|id| seen.insert(same(id))).map(|id| Id { id }).collect();
        // What is asked by is asked for: else the answer does not say whom it is about.
        let mut properties = fields.properties.to_vec();
        properties.extend(id_property.filter(|name| !fields.properties.contains(name)));
        let body = ReadInputs { id_property, properties, properties_with_history: fields.with_history, inputs };
        let call = self.on_objects("batch_read", &[object_type, "batch", "read"], &[])?;
        let answer = self.post::<Envelope>(call, &body).await?;
        if !answer.body.is_complete() {
            return Err(HubSpotError::unreadable(answer.status, "the batch is not complete", answer.correlation_id));
        }
        let asked: HashMap<String, &String> = ids.iter().map(|id| (same(id), id)).collect();
        let mut found = Found::default();
        for record in answer.body.results {
            let record: Record = serde_json::from_value(record)
                .map_err(|cause| HubSpotError::unreadable(answer.status, cause, answer.correlation_id.clone()))?;
            let name = match id_property {
                Some(name) => record.property(name).map(same),
                None => Some(same(&record.id)),
            };
            if let Some(id) = name.and_then(|name| asked.get(&name)) {
                found.records.insert((*id).clone(), record);
            }
        }
        let refusal = |error| self.row_refusal(error, answer.status, &answer.correlation_id);
        found.refused = answer.body.errors.into_iter().map(refusal).collect();
        Ok(found)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadInputs<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id_property: Option<&'a str>,
    properties: Vec<&'a str>,
    properties_with_history: &'a [&'a str],
    inputs: Vec<Id<'a>>,
}

#[derive(Serialize)]
struct Id<'a> {
    id: &'a str,
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
