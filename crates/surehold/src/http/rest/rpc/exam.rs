//! The session that an argument names.

use serde_json::Value;

use crate::http::error::ApiError;
use crate::http::kinds;

/// Finds it, if the argument can be a name; `None`: there is none.
pub async fn named<T>(
    exam: Option<&str>,
    find: impl AsyncFnOnce(&str) -> Result<T, ApiError>,
) -> Result<Option<T>, ApiError> {
    let Ok(reference) = kinds::reference(&exam.map(Value::from).unwrap_or_default()) else { return Ok(None) };
    match find(&reference).await {
        Err(error) if error.code == "EXAM_NOT_FOUND" => Ok(None),
        found => found.map(Some),
    }
}
