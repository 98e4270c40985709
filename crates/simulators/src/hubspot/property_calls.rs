//! Calls for definitions of properties, and their groups.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::batch;
use super::errors::ApiError;
use super::inputs::{self, INPUTS_MAX};
use super::properties::{Property, no_property, not_understood};
use super::state::State;

/// All of a type.
pub(super) fn list(state: &mut State, object_type: &str) -> Answer {
    let results: Vec<Value> = state.definitions(object_type).iter().map(Property::json).collect();
    Answer::json(StatusCode::OK, json!({ "results": results }))
}

/// One.
pub(super) fn read(state: &mut State, object_type: &str, name: &str) -> Result<Answer, ApiError> {
    let property = state.definitions(object_type).get(name).ok_or_else(|| no_property(name))?;
    Ok(Answer::json(StatusCode::OK, property.json()))
}

/// Defines one.
pub(super) fn create(state: &mut State, object_type: &str, body: &Value) -> Result<Answer, ApiError> {
    Ok(Answer::json(StatusCode::CREATED, define(state, object_type, body)?))
}

fn define(state: &mut State, object_type: &str, body: &Value) -> Result<Value, ApiError> {
    let property = Property::read(body)?;
    Ok(state.definitions(object_type).add(property)?.json())
}

/// Defines some. A bad one fails alone.
pub(super) fn create_batch(state: &mut State, object_type: &str, body: &Value) -> Result<Answer, ApiError> {
    let inputs = inputs::inputs(body, INPUTS_MAX)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        match define(state, object_type, input) {
            Ok(property) => results.push(property),
            Err(error) => errors.push(error.context(json!({ "name": [input["name"]] })).entry(None)),
        }
    }
    Ok(batch::envelope(state, StatusCode::CREATED, results, errors))
}

/// Changes one.
pub(super) fn update(state: &mut State, object_type: &str, name: &str, body: &Value) -> Result<Answer, ApiError> {
    Ok(Answer::json(StatusCode::OK, state.definitions(object_type).change(name, body)?.json()))
}

/// Forgets one.
pub(super) fn archive(state: &mut State, object_type: &str, name: &str) -> Result<Answer, ApiError> {
    state.definitions(object_type).remove(name)?;
    Ok(Answer::empty())
}

/// All groups of a type.
pub(super) fn groups(state: &mut State, object_type: &str) -> Answer {
    let results: Vec<Value> = state.definitions(object_type).groups().map(|(name, label)| group(name, label)).collect();
    Answer::json(StatusCode::OK, json!({ "results": results }))
}

/// Defines a group.
pub(super) fn create_group(state: &mut State, object_type: &str, body: &Value) -> Result<Answer, ApiError> {
    let name =
        inputs::text(body, "name")?.ok_or_else(|| ApiError::invalid("Invalid input JSON: a group has a `name`."))?;
    let label = inputs::text(body, "label")?.unwrap_or_else(|| name.clone());
    state.definitions(object_type).add_group(&name, &label)?;
    Ok(Answer::json(StatusCode::CREATED, group(&name, &label)))
}

fn group(name: &str, label: &str) -> Value {
    json!({ "name": name, "label": label, "displayOrder": -1, "archived": false })
}

impl Property {
    /// Reads a definition, as callers send it.
    fn read(body: &Value) -> Result<Property, ApiError> {
        let mut property: Property = serde_json::from_value(body.clone()).map_err(|error| not_understood(&error))?;
        property.created_at = super::clock::now();
        Ok(property)
    }
}
