//! The rows of a body.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::http::error::ApiError;
use crate::http::rest::{errors, json};
use crate::store::drop_in::catalogue::View;

/// Rows of one request.
pub const ROWS_MAX: usize = 100;

/// The values of a row, by column.
pub type Record = Map<String, Value>;

/// The rows of a body: an object is one, an array several. `columns` are those that count.
pub fn read(view: &View, body: Option<Value>, columns: Option<&str>) -> Result<Vec<Record>, ApiError> {
    let objects = match body.ok_or_else(json::invalid)? {
        Value::Object(object) => vec![object],
        Value::Array(values) => values.into_iter().map(object).collect::<Result<_, _>>()?,
        _ => return Err(different_keys()),
    };
    if objects.len() > ROWS_MAX {
        let message = format!("At most {ROWS_MAX} rows are taken at once.");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message));
    }
    let rows: Vec<Record> = match columns {
        Some(columns) => {
            let names: Vec<&str> = columns.split(',').map(unquoted).filter(|name| !name.is_empty()).collect();
            are_known(view, names.iter().copied())?;
            objects.into_iter().map(|row| only(row, &names)).collect()
        }
        None => objects,
    };
    if let Some(first) = rows.first() {
        if rows.iter().any(|row| !row.keys().eq(first.keys())) {
            return Err(different_keys());
        }
        are_known(view, first.keys().map(String::as_str))?;
    }
    Ok(rows)
}

fn object(value: Value) -> Result<Record, ApiError> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(different_keys()),
    }
}

fn unquoted(name: &str) -> &str {
    name.trim().trim_matches('"')
}

/// These columns of a row; what is missing is null.
fn only(mut row: Record, names: &[&str]) -> Record {
    names.iter().map(|name| ((*name).to_owned(), row.remove(*name).unwrap_or_default())).collect()
}

fn are_known<'n>(view: &View, mut names: impl Iterator<Item = &'n str>) -> Result<(), ApiError> {
    match names.find(|name| view.column(name).is_none()) {
        Some(unknown) => Err(errors::no_column_to_write(view.name, unknown)),
        None => Ok(()),
    }
}

fn different_keys() -> ApiError {
    json::not_understood("All object keys must match")
}
