//! The inputs of batches and single writes, understood.

use std::collections::BTreeSet;

use serde_json::Value;

use super::associations::Link;
use super::errors::ApiError;
use super::values::{self, Values};

/// The most inputs of a batch of objects.
pub(super) const INPUTS_MAX: usize = 100;

/// What a write is to do with one record.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) values: Values,
    /// The record's id, or its value in `id_property`.
    pub(super) id: Option<String>,
    pub(super) id_property: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) links: Vec<Link>,
}

impl Input {
    /// Reads one.
    pub(super) fn read(input: &Value) -> Result<Input, ApiError> {
        let links = match input.get("associations") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(links)) => links.iter().map(Link::read).collect::<Result<_, _>>()?,
            Some(_) => return Err(ApiError::invalid("Invalid input JSON: `associations` has to be an array.")),
        };
        Ok(Input {
            values: values::read(input.get("properties").unwrap_or(&Value::Null))?,
            id: text(input, "id")?,
            id_property: text(input, "idProperty")?,
            trace_id: text(input, "objectWriteTraceId")?,
            links,
        })
    }

    /// Its id, without which there is nothing to write to.
    pub(super) fn needed_id(&self) -> Result<&str, ApiError> {
        self.id.as_deref().ok_or_else(|| ApiError::invalid("Invalid input JSON: some `inputs` have no `id`."))
    }
}

/// Reads `{"inputs": [..]}`, at most so many.
pub(super) fn inputs(body: &Value, most: usize) -> Result<&Vec<Value>, ApiError> {
    let Some(inputs) = body.get("inputs").and_then(Value::as_array) else {
        return Err(ApiError::invalid("Invalid input JSON: `inputs` has to be an array."));
    };
    if inputs.len() > most {
        let message =
            format!("The maximum number of inputs supported in a batch request is {most}: there are {}.", inputs.len());
        return Err(ApiError::invalid(message));
    }
    if inputs.is_empty() {
        return Err(ApiError::invalid("Invalid input JSON: `inputs` has to have at least one element."));
    }
    Ok(inputs)
}

/// A text, or a number where callers are used to write an id as one.
pub(super) fn text(object: &Value, field: &str) -> Result<Option<String>, ApiError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(ApiError::invalid(format!("Invalid input JSON: `{field}` has to be a string."))),
    }
}

/// A list of texts; none without the field.
pub(super) fn texts(object: &Value, field: &str) -> Result<Vec<String>, ApiError> {
    let wrong = || ApiError::invalid(format!("Invalid input JSON: `{field}` has to be an array of strings."));
    match object.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(texts)) => {
            texts.iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// Refuses a batch in which a name comes twice.
pub(super) fn refuse_duplicates<'i>(ids: impl Iterator<Item = &'i str>) -> Result<(), ApiError> {
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for id in ids {
        if !seen.insert(id) {
            twice.insert(id);
        }
    }
    if twice.is_empty() { Ok(()) } else { Err(duplicates(twice.into_iter())) }
}

/// 400: several inputs mean one record.
pub(super) fn duplicates<'i>(ids: impl Iterator<Item = &'i str>) -> ApiError {
    let ids: Vec<&str> = ids.collect();
    let message = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", ids.join(", "));
    ApiError::invalid(message).context(serde_json::json!({ "ids": ids }))
}
