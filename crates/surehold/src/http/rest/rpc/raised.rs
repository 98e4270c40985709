//! What functions raise: `P0001`, with the seed's words where it has them, and our code else.

use axum::http::StatusCode;

use crate::http::error::ApiError;

/// 400 with words that callers look for.
pub fn raised(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "P0001", message)
}

/// The same for a refusal of the desk's. What is ours to worry about stays what it is. Never `23505`, which the seed's
/// callers take for a success.
pub fn refused(error: ApiError) -> ApiError {
    if error.status.is_server_error() {
        return error;
    }
    let answer = raised(format!("{}: {}", error.code, error.sentence));
    ApiError { details: error.details, ..answer }
}

/// A value as `%` prints it.
pub fn printed(value: Option<&str>) -> &str {
    value.unwrap_or("<NULL>")
}
