//! Calls for one record, and lists of records.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::errors::ApiError;
use super::inputs::Input;
use super::query::Query;
use super::record::{Record, Shown};
use super::state::State;
use super::writing::Writing;

const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 100;

/// Makes a record.
pub(super) fn create(state: &mut State, object_type: &str, body: &Value) -> Result<Answer, ApiError> {
    let input = Input::read(body)?;
    for link in &input.links {
        link.check(state, object_type)?;
    }
    let source = state.account.app();
    let properties = input.values.keys().cloned().collect();
    let mut writing = Writing::begin(state, source);
    let number = writing.create(object_type, input.values)?;
    writing.keep();
    for link in &input.links {
        link.make(state, object_type, number);
    }
    written(state, StatusCode::CREATED, object_type, number, properties)
}

/// Writes values of a record.
pub(super) fn update(
    state: &mut State,
    object_type: &str,
    id: &str,
    query: &Query,
    body: &Value,
) -> Result<Answer, ApiError> {
    let input = Input::read(body)?;
    let number = state.find(object_type, id, query.first("idProperty"))?.ok_or_else(ApiError::not_found)?;
    let source = state.account.app();
    let properties = input.values.keys().cloned().collect();
    let mut writing = Writing::begin(state, source);
    writing.update(object_type, number, input.values)?;
    writing.keep();
    written(state, StatusCode::OK, object_type, number, properties)
}

fn written(
    state: &State,
    status: StatusCode,
    object_type: &str,
    number: u64,
    properties: Vec<String>,
) -> Result<Answer, ApiError> {
    let record = state.record(object_type, number).ok_or_else(ApiError::not_found)?;
    Ok(Answer::json(status, record.json(&Shown { properties, with_history: Vec::new() })))
}

/// Shows a record; with `archived=true` one that is archived.
pub(super) fn read(state: &mut State, object_type: &str, id: &str, query: &Query) -> Result<Answer, ApiError> {
    let record = if query.is_true("archived") {
        let record = id.parse().ok().and_then(|number| state.objects.get(object_type, number));
        record.filter(|record| record.archived_at.is_some())
    } else {
        state.find(object_type, id, query.first("idProperty"))?.and_then(|number| state.record(object_type, number))
    };
    let record = record.ok_or_else(ApiError::not_found)?;
    Ok(Answer::json(StatusCode::OK, record.json(&shown(query))))
}

/// Archives a record; one that is archived already is as good.
pub(super) fn archive(state: &mut State, object_type: &str, id: &str, query: &Query) -> Result<Answer, ApiError> {
    let number = match state.find(object_type, id, query.first("idProperty"))? {
        Some(number) => number,
        None => id.parse().map_err(|_| ApiError::not_found())?,
    };
    if state.objects.get(object_type, number).is_none() {
        return Err(ApiError::not_found());
    }
    let source = state.account.app();
    let mut writing = Writing::begin(state, source);
    writing.archive(object_type, number);
    writing.keep();
    Ok(Answer::empty())
}

/// A page of records, by id.
pub(super) fn list(state: &mut State, object_type: &str, query: &Query) -> Result<Answer, ApiError> {
    let limit =
        query.first("limit").map_or(Ok(LIMIT_DEFAULT), |limit| limit.parse().map_err(|_| wrong("limit", limit)))?;
    if limit == 0 || limit > LIMIT_MAX {
        return Err(ApiError::invalid(format!("The limit is between 1 and {LIMIT_MAX}, and {limit} was asked for.")));
    }
    let after: u64 = query.first("after").map_or(Ok(0), |after| after.parse().map_err(|_| wrong("after", after)))?;
    let archived = query.is_true("archived");
    let shown = shown(query);
    // The cursor is the first record of the next page, as HubSpot's is.
    let wanted = |record: &&Record| record.number >= after && record.archived_at.is_some() == archived;
    let mut records = state.objects.of_type(object_type).filter(wanted);
    let results: Vec<Value> = records.by_ref().take(limit).map(|record| record.json(&shown)).collect();
    let mut body = json!({ "results": results });
    if let Some(next) = records.next() {
        body["paging"] = json!({ "next": { "after": next.id() } });
    }
    Ok(Answer::json(StatusCode::OK, body))
}

fn wrong(name: &str, value: &str) -> ApiError {
    ApiError::invalid(format!("Invalid value '{value}' for the parameter '{name}'."))
}

fn shown(query: &Query) -> Shown {
    Shown { properties: query.list("properties"), with_history: query.list("propertiesWithHistory") }
}
