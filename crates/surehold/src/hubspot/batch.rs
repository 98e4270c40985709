//! Writing many records with one call. Which row became which record is found by the row's trace id, never by its
//! position: HubSpot answers in any order.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::{Answer, HubSpot};
use super::envelope::Envelope;
use super::error::{HubSpotError, Refusal};
use super::wire::{id, or_default, values};

/// Rows of one call, at most.
pub const BATCH_MAX: usize = 100;

/// Properties to write, by name. HubSpot keeps every value as text; an empty one clears the property.
pub type Properties = BTreeMap<String, String>;

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The value of the unique property, or HubSpot's id, depending on the call.
    pub id: String,
    /// What to write. The others stay.
    pub properties: Properties,
    /// Any text that no other row of the call has (`objectWriteTraceId`). With it, HubSpot refuses a bad row alone and
    /// writes the others; without it, one bad row would fail the whole batch.
    pub trace_id: String,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is written.
    Saved {
        /// HubSpot's id of the record.
        id: String,
        /// Whether there was none before; always false after an update.
        is_new: bool,
    },
    /// It is not written.
    Refused(Refusal),
    /// The answer does not say, or contradicts itself. To be written again: an upsert of the same row twice is one record.
    Unknown,
}

/// The answer to a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchAnswer {
    /// What became of every row, by its trace id.
    pub outcomes: BTreeMap<String, Outcome>,
    /// What HubSpot refused without saying which row it meant.
    pub unplaced: Vec<Refusal>,
}

impl HubSpot {
    /// Writes records of a type, each found or made by the value of a unique property: the same rows again make no
    /// second record. `email` of contacts is no such property (HubSpot does not take a part of a record by it), nor is
    /// `hs_object_id` of any.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`] of the whole call. A definite 400 or 409 may be the fault of one row after all: halves find it.
    /// More than [`BATCH_MAX`] rows, or two of the same record or trace id, are not sent: HubSpot would refuse all.
    pub async fn batch_upsert(
        &self,
        object_type: &str,
        id_property: &str,
        rows: &[Row],
    ) -> Result<BatchAnswer, HubSpotError> {
        self.write("batch_upsert", [object_type, "batch", "upsert"], Some(id_property), rows).await
    }

    /// Writes records of a type that exist: by HubSpot's id, or by the value of a unique property.
    ///
    /// # Errors
    ///
    /// As of [`Self::batch_upsert`].
    pub async fn batch_update(
        &self,
        object_type: &str,
        id_property: Option<&str>,
        rows: &[Row],
    ) -> Result<BatchAnswer, HubSpotError> {
        self.write("batch_update", [object_type, "batch", "update"], id_property, rows).await
    }

    async fn write(
        &self,
        name: &'static str,
        parts: [&str; 3],
        id_property: Option<&str>,
        rows: &[Row],
    ) -> Result<BatchAnswer, HubSpotError> {
        if rows.is_empty() {
            return Ok(BatchAnswer::default());
        }
        check(rows)?;
        let inputs = rows.iter().map(|row| Input {
            id_property,
            id: &row.id,
            properties: &row.properties,
            object_write_trace_id: &row.trace_id,
        });
        let body = Inputs { inputs: inputs.collect() };
        let answer = self.post::<Envelope>(self.on_objects(name, &parts, &[])?, &body).await?;
        Ok(self.place(rows, id_property, answer))
    }

    /// Finds the row of everything that the answer says.
    fn place(&self, rows: &[Row], id_property: Option<&str>, answer: Answer<Envelope>) -> BatchAnswer {
        let Answer { status, correlation_id, body } = answer;
        let mut verdicts = Verdicts::of(rows);
        for result in body.results.into_iter().filter_map(|result| serde_json::from_value::<Saved>(result).ok()) {
            if let Some(trace_id) = verdicts.row_of(&result, id_property) {
                verdicts.add(&trace_id, Outcome::Saved { id: result.id, is_new: result.new });
            }
        }
        let mut unplaced = Vec::new();
        for error in body.errors {
            let about = error.about("objectWriteTraceId");
            let refusal = self.row_refusal(error, status, &correlation_id);
            let known: Vec<_> =
                about.iter().filter(|trace_id| verdicts.outcomes.contains_key(trace_id.as_str())).collect();
            if known.is_empty() {
                unplaced.push(refusal);
                continue;
            }
            known.into_iter().for_each(|trace_id| verdicts.add(trace_id, Outcome::Refused(refusal.clone())));
        }
        BatchAnswer { outcomes: verdicts.finish(), unplaced }
    }
}

/// Refuses what HubSpot would refuse as a whole: a mistake of ours.
fn check(rows: &[Row]) -> Result<(), HubSpotError> {
    check_size(rows.len(), BATCH_MAX)?;
    let mut ids = HashSet::new();
    let mut trace_ids = HashSet::new();
    for row in rows {
        if row.id.trim().is_empty() || row.trace_id.trim().is_empty() {
            return Err(HubSpotError::not_made("a row of the batch has no id or no trace id"));
        }
        if !ids.insert(same(&row.id)) {
            return Err(HubSpotError::not_made(format!("two rows of the batch are of the record {:?}", row.id)));
        }
        if !trace_ids.insert(row.trace_id.as_str()) {
            return Err(HubSpotError::not_made(format!("two rows of the batch have the trace id {:?}", row.trace_id)));
        }
    }
    Ok(())
}

/// Refuses a batch that is too large.
pub(super) fn check_size(length: usize, most: usize) -> Result<(), HubSpotError> {
    if length > most {
        return Err(HubSpotError::not_made(format!("{length} rows are too many for a batch: {most} at most")));
    }
    Ok(())
}

/// Values of a unique property that HubSpot may take for one.
pub(super) fn same(id: &str) -> String {
    id.trim().to_lowercase()
}

#[derive(Serialize)]
struct Inputs<'a> {
    inputs: Vec<Input<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id_property: Option<&'a str>,
    id: &'a str,
    properties: &'a Properties,
    object_write_trace_id: &'a str,
}

/// A record, as far as a write tells.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    new: bool,
    #[serde(default, deserialize_with = "values")]
    properties: BTreeMap<String, Option<String>>,
    #[serde(default)]
    object_write_trace_id: Value,
}

/// What is known of each row so far.
struct Verdicts<'a> {
    outcomes: BTreeMap<&'a str, Option<Outcome>>,
    /// Trace ids by what names the record.
    by_id: HashMap<String, &'a str>,
}

impl<'a> Verdicts<'a> {
    fn of(rows: &'a [Row]) -> Verdicts<'a> {
        Verdicts {
            outcomes: rows.iter().map(|row| (row.trace_id.as_str(), None)).collect(),
            by_id: rows.iter().map(|row| (same(&row.id), row.trace_id.as_str())).collect(),
        }
    }

    /// The row of a result: by its trace id, or else by the value that named its record. None if neither is ours, or
    /// if they name two rows.
    fn row_of(&self, result: &Saved, id_property: Option<&str>) -> Option<String> {
        if result.id.is_empty() {
            return None;
        }
        let by_trace = result.object_write_trace_id.as_str().filter(|trace_id| self.outcomes.contains_key(trace_id));
        let value = match id_property {
            Some(name) => result.properties.get(name).and_then(Option::as_deref),
            None => Some(result.id.as_str()),
        };
        let by_value = value.and_then(|value| self.by_id.get(&same(value)).copied());
        match (by_trace, by_value) {
            (Some(trace), Some(value)) if trace != value => None,
            (trace, value) => trace.or(value).map(str::to_owned),
        }
    }

    /// One row has one verdict: two different ones say nothing.
    fn add(&mut self, trace_id: &str, outcome: Outcome) {
        if let Some(verdict) = self.outcomes.get_mut(trace_id) {
            *verdict = match verdict.take() {
                Some(earlier) if earlier != outcome => Some(Outcome::Unknown),
                _ => Some(outcome),
            };
        }
    }

    fn finish(self) -> BTreeMap<String, Outcome> {
        let known = self.outcomes.into_iter();
        known.map(|(trace_id, verdict)| (trace_id.to_owned(), verdict.unwrap_or(Outcome::Unknown))).collect()
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
