//! The JSON of a body.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::http::app::App;
use crate::http::body::read_up_to;
use crate::http::error::ApiError;

/// The JSON of a body; `None` if there is no body.
pub async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Option<Value>, ApiError> {
    if let Some(given) = headers.get(header::CONTENT_TYPE) {
        let given = String::from_utf8_lossy(given.as_bytes());
        if !given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            return Err(not_understood(format!("Content-Type not acceptable: {given}")));
        }
    }
    let bytes = read_up_to(headers, body, app, app.options.body_bytes_max).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|_| invalid())
}

/// 400: no JSON.
pub fn invalid() -> ApiError {
    not_understood("Empty or invalid json")
}

/// 400: a body that is not what it should be.
pub fn not_understood(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "PGRST102", message)
}
