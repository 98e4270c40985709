//! Batches of associations. v4 answers 201 or 207, the dated versions 200 with `errors`; else they are the same.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::associations::{self, Pair};
use super::batch;
use super::errors::ApiError;
use super::inputs;
use super::routes::Version;
use super::state::State;

/// The most associations that one call makes or takes away.
pub(super) const WRITES_MAX: usize = 2000;
/// The most records whose associations one call reads.
pub(super) const READS_MAX: usize = 1000;

/// The types of the two ends, and the version of the API.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) version: Version,
}

/// An envelope whose status is the version's.
fn envelope(state: &mut State, ends: &Ends, ok: StatusCode, results: Vec<Value>, errors: Vec<Value>) -> Answer {
    let is_good = errors.is_empty();
    let mut answer = batch::envelope(state, ok, results, errors);
    if !is_good {
        answer.status = if ends.version == Version::V4 { StatusCode::MULTI_STATUS } else { ok };
    }
    answer
}

/// Associates pairs by the types that each names. A bad pair fails alone.
pub(super) fn create(state: &mut State, ends: &Ends, body: &Value, only: Option<usize>) -> Result<Answer, ApiError> {
    let inputs = inputs::inputs(body, WRITES_MAX)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs.iter().take(only.unwrap_or(inputs.len())) {
        let pair = Pair::read(input)?;
        match pair.make(state, &ends.from, &ends.to, Some(input)) {
            Ok(types) => {
                results.push(labels(ends, &pair, types.into_iter().filter_map(|(_, _, label)| label).collect()))
            }
            Err(error) => errors.push(error.entry(None)),
        }
    }
    let ok = if ends.version == Version::V4 { StatusCode::CREATED } else { StatusCode::OK };
    Ok(envelope(state, ends, ok, results, errors))
}

/// What was made, as HubSpot tells it: types, ids, labels.
pub(super) fn labels(ends: &Ends, pair: &Pair, labels: Vec<String>) -> Value {
    json!({
        "fromObjectTypeId": ends.from, "fromObjectId": pair.from.to_string(),
        "toObjectTypeId": ends.to, "toObjectId": pair.to.to_string(), "labels": labels,
    })
}

/// Associates pairs by their default type.
pub(super) fn create_default(
    state: &mut State,
    ends: &Ends,
    body: &Value,
    only: Option<usize>,
) -> Result<Answer, ApiError> {
    let inputs = inputs::inputs(body, WRITES_MAX)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs.iter().take(only.unwrap_or(inputs.len())) {
        let pair = Pair::read(input)?;
        match default_of(state, ends, &pair) {
            Ok(made) => results.extend(made),
            Err(error) => errors.push(error.entry(None)),
        }
    }
    Ok(envelope(state, ends, StatusCode::OK, results, errors))
}

/// Associates one pair by its default type; says what was made.
pub(super) fn default_of(state: &mut State, ends: &Ends, pair: &Pair) -> Result<Vec<Value>, ApiError> {
    let types = pair.make(state, &ends.from, &ends.to, None)?;
    let made = types.into_iter().map(|(category, type_id, _)| {
        json!({
            "from": { "id": pair.from.to_string() }, "to": { "id": pair.to.to_string() },
            "associationSpec": { "associationCategory": category, "associationTypeId": type_id },
        })
    });
    Ok(made.collect())
}

/// Reads what is associated with records. One without associations is an error of its own.
pub(super) fn read(state: &mut State, ends: &Ends, body: &Value) -> Result<Answer, ApiError> {
    let inputs = inputs::inputs(body, READS_MAX)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        let id = inputs::text(input, "id")?.unwrap_or_default();
        let number = id.parse().map_err(|_| ApiError::invalid(format!("Invalid input JSON: '{id}' is no id.")))?;
        let others = associations::of_record(state, (&ends.from, number), &ends.to);
        if others.is_empty() {
            let (from, to) = (state.types.singular(&ends.from), state.types.singular(&ends.to));
            let message = format!("No {to} is associated with {from} {id}.");
            let error = ApiError::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", message)
                .sub_category("crm.associations.NO_ASSOCIATIONS_FOUND")
                .context(json!({ "fromObjectId": [id] }));
            errors.push(error.entry(None));
        } else {
            results.push(json!({ "from": { "id": id }, "to": others }));
        }
    }
    Ok(envelope(state, ends, StatusCode::OK, results, errors))
}

/// Takes associations away.
pub(super) fn archive(state: &mut State, ends: &Ends, body: &Value, only: Option<usize>) -> Result<Answer, ApiError> {
    let inputs = inputs::inputs(body, WRITES_MAX)?;
    for input in inputs.iter().take(only.unwrap_or(inputs.len())) {
        associations::archive(state, &ends.from, &ends.to, input)?;
    }
    Ok(Answer::empty())
}
