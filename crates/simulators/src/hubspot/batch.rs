//! Batches of objects. The envelope is one; whether one bad input spoils the others depends on `objectWriteTraceId`
//! (developers.hubspot.com/docs/api-reference/error-handling, "Multi-status errors").

use axum::http::StatusCode;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::answer::Answer;
use super::clock;
use super::errors::ApiError;
use super::inputs::{self, INPUTS_MAX, Input};
use super::object_types::CONTACTS;
use super::record::Shown;
use super::state::State;
use super::writing::Writing;

/// What a batch does with its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Create,
    Update,
    Upsert,
}

/// The envelope of a batch's answer. Results come in any order, as HubSpot's do
/// (github.com/HubSpot/hubspot-api-nodejs/issues/190).
pub(super) fn envelope(state: &mut State, status: StatusCode, mut results: Vec<Value>, errors: Vec<Value>) -> Answer {
    results.shuffle(&mut state.random);
    let now = clock::text(clock::now());
    let mut body = json!({
        "status": "COMPLETE", "results": results, "requestedAt": now, "startedAt": now, "completedAt": now,
    });
    if errors.is_empty() {
        return Answer::json(status, body);
    }
    body["numErrors"] = errors.len().into();
    body["errors"] = errors.into();
    Answer::json(if state.account.multi_status { StatusCode::MULTI_STATUS } else { status }, body)
}

/// Creates, updates or upserts a batch. With `only` the first so many inputs, as if the rest had got lost.
pub(super) fn write(
    state: &mut State,
    object_type: &str,
    kind: Kind,
    body: &Value,
    only: Option<usize>,
) -> Result<Answer, ApiError> {
    let inputs = inputs::inputs(body, INPUTS_MAX)?;
    let inputs: Vec<Input> = inputs.iter().map(Input::read).collect::<Result<_, _>>()?;
    let numbers = match kind {
        Kind::Create => vec![None; inputs.len()],
        Kind::Update | Kind::Upsert => resolve(state, object_type, kind, &inputs)?,
    };
    // Only what can be told apart can fail alone.
    inputs::refuse_duplicates(inputs.iter().filter_map(|input| input.trace_id.as_deref()))?;
    let is_partial = inputs.iter().all(|input| input.trace_id.is_some());
    let source = state.account.app();
    let mut writing = Writing::begin(state, source);
    let (mut written, mut errors) = (Vec::new(), Vec::new());
    let only = only.unwrap_or(inputs.len());
    for (input, number) in inputs.iter().zip(numbers).take(only) {
        match write_one(&mut writing, object_type, kind, input, number) {
            Ok(result) => written.push((input, result)),
            Err(error) if is_partial => errors.push(error.entry(input.trace_id.as_deref())),
            // What was written so far is undone with `writing`.
            Err(error) => return Err(error),
        }
    }
    writing.keep();
    let mut results = Vec::new();
    for (input, (number, is_new)) in written {
        for link in &input.links {
            link.make(state, object_type, number);
        }
        let mut result = shown(state, object_type, number, input)?;
        if kind == Kind::Upsert {
            result["new"] = is_new.into();
        }
        if let Some(trace_id) = &input.trace_id {
            result["objectWriteTraceId"] = trace_id.as_str().into();
        }
        results.push(result);
    }
    let status = if kind == Kind::Create { StatusCode::CREATED } else { StatusCode::OK };
    Ok(envelope(state, status, results, errors))
}

/// Which records the inputs mean; none for one that is to be made. Two inputs for one record spoil the batch.
fn resolve(state: &mut State, object_type: &str, kind: Kind, inputs: &[Input]) -> Result<Vec<Option<u64>>, ApiError> {
    let mut numbers = Vec::new();
    for input in inputs {
        let id = input.needed_id()?;
        match (kind, input.id_property.as_deref()) {
            (Kind::Upsert, Some("email")) if object_type == CONTACTS => {
                let message = "Partial upserts are not supported when using email as idProperty";
                return Err(ApiError::invalid(message));
            }
            (_, Some(property)) => {
                if property == "email" && object_type == CONTACTS || !state.definitions(object_type).is_unique(property)
                {
                    return Err(state.not_unique(object_type, property));
                }
                numbers.push(state.objects.find(object_type, property, id));
            }
            (Kind::Upsert, None) => return Err(state.not_unique(object_type, "hs_object_id")),
            (_, None) => {
                let number = id.parse().ok().filter(|number| state.record(object_type, *number).is_some());
                numbers.push(number);
            }
        }
    }
    inputs::refuse_duplicates(inputs.iter().filter_map(|input| input.id.as_deref()))?;
    let mut found: Vec<u64> = numbers.iter().flatten().copied().collect();
    found.sort_unstable();
    if let Some(pair) = found.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(inputs::duplicates(std::iter::once(pair[0].to_string().as_str())));
    }
    Ok(numbers)
}

fn write_one(
    writing: &mut Writing<'_>,
    object_type: &str,
    kind: Kind,
    input: &Input,
    number: Option<u64>,
) -> Result<(u64, bool), ApiError> {
    for link in &input.links {
        link.check(writing.state, object_type)?;
    }
    match (kind, number) {
        (Kind::Create, _) => Ok((writing.create(object_type, input.values.clone())?, true)),
        (_, Some(number)) => {
            writing.update(object_type, number, input.values.clone())?;
            Ok((number, false))
        }
        (Kind::Update, None) => {
            let id = input.needed_id()?;
            Err(some_missing(writing.state, object_type, &[id]))
        }
        (Kind::Upsert, None) => {
            let mut values = input.values.clone();
            if let (Some(property), Some(id)) = (&input.id_property, &input.id) {
                values.entry(property.clone()).or_insert_with(|| id.clone());
            }
            Ok((writing.create(object_type, values)?, true))
        }
    }
}

/// 404: HubSpot's sentence for ids that lead nowhere.
fn some_missing(state: &State, object_type: &str, ids: &[&str]) -> ApiError {
    let kind = state.types.singular(object_type).to_uppercase();
    let message =
        format!("Could not get some {kind} objects, they may be deleted or not exist. Check that ids are valid.");
    ApiError::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", message).context(json!({ "ids": ids }))
}

/// A written record: the usual properties, those that were written, and the one by which it was found.
fn shown(state: &State, object_type: &str, number: u64, input: &Input) -> Result<Value, ApiError> {
    let record = state.objects.get(object_type, number).ok_or_else(ApiError::not_found)?;
    let written = input.values.keys().chain(&input.id_property).cloned();
    let mut result = record.json(&Shown { properties: written.collect(), with_history: Vec::new() });
    let portal_id = state.account.portal_id;
    result["url"] = format!("https://app.hubspot.com/contacts/{portal_id}/record/{object_type}/{number}").into();
    Ok(result)
}

/// Reads a batch, by id or by a unique property.
pub(super) fn read(state: &mut State, object_type: &str, body: &Value) -> Result<Answer, ApiError> {
    let inputs = inputs::inputs(body, INPUTS_MAX)?;
    let id_property = inputs::text(body, "idProperty")?;
    let shown = Shown {
        properties: inputs::texts(body, "properties")?,
        with_history: inputs::texts(body, "propertiesWithHistory")?,
    };
    let (mut numbers, mut missing) = (Vec::new(), Vec::new());
    for input in inputs {
        let id =
            inputs::text(input, "id")?.ok_or_else(|| ApiError::invalid("Invalid input JSON: an input has no `id`."))?;
        match state.find(object_type, &id, id_property.as_deref())? {
            Some(number) if numbers.contains(&number) => {}
            Some(number) => numbers.push(number),
            None => missing.push(id),
        }
    }
    let records = numbers.iter().filter_map(|number| state.objects.get(object_type, *number));
    let results = records.map(|record| record.json(&shown)).collect();
    let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
    let errors =
        if missing.is_empty() { Vec::new() } else { vec![some_missing(state, object_type, &missing).entry(None)] };
    Ok(envelope(state, StatusCode::OK, results, errors))
}

/// Archives a batch. What is not there is archived enough.
pub(super) fn archive(
    state: &mut State,
    object_type: &str,
    body: &Value,
    only: Option<usize>,
) -> Result<Answer, ApiError> {
    let inputs = inputs::inputs(body, INPUTS_MAX)?;
    let source = state.account.app();
    let mut writing = Writing::begin(state, source);
    for input in inputs.iter().take(only.unwrap_or(inputs.len())) {
        if let Some(number) = inputs::text(input, "id")?.and_then(|id| id.parse().ok()) {
            writing.archive(object_type, number);
        }
    }
    writing.keep();
    Ok(Answer::empty())
}
