//! The JSON body of a request, read with limits: type, size, time and shape.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt;
use serde_json::{Map, Value};

use super::app::App;
use super::error::ApiError;
use super::fields::Fields;

/// The members of a body that must be a JSON object.
pub struct JsonFields(pub Fields);

/// The parameters of the query string.
pub struct QueryFields(pub Fields);

/// The members of a body, if there is one, and the parameters of the query string: DELETE callers send
/// their student ID in either.
pub struct AnyFields(pub Fields);

impl FromRequest<Arc<App>> for JsonFields {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<JsonFields, ApiError> {
        check_type(request.headers())?;
        let bytes = read(request, app).await?;
        Ok(JsonFields(Fields::new(parse(&bytes)?)))
    }
}

impl FromRequest<Arc<App>> for QueryFields {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<QueryFields, ApiError> {
        Ok(QueryFields(Fields::from_query(request.uri().query())))
    }
}

impl FromRequest<Arc<App>> for AnyFields {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<AnyFields, ApiError> {
        let query = Fields::from_query(request.uri().query());
        let headers = request.headers().clone();
        let bytes = read(request, app).await?;
        if bytes.is_empty() {
            return Ok(AnyFields(query));
        }
        check_type(&headers)?;
        Ok(AnyFields(Fields::new(parse(&bytes)?).or(query)))
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        "Send the body as JSON, with the header Content-Type: application/json.",
    ))
}

async fn read(request: Request, app: &App) -> Result<Vec<u8>, ApiError> {
    let max = app.options.body_bytes_max;
    let (parts, body) = request.into_parts();
    read_up_to(&parts.headers, body, app, max).await
}

/// The bytes of a body, at most so many.
pub async fn read_up_to(headers: &HeaderMap, body: Body, app: &App, max: usize) -> Result<Vec<u8>, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > max) {
        return Err(too_large(max));
    }
    match tokio::time::timeout(app.options.body_timeout, collect(body, max)).await {
        Ok(collected) => collected,
        Err(_) => {
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "The body took too long to arrive."))
        }
    }
}

/// What a caller announces need not be true, so the bytes are counted as they come.
async fn collect(body: Body, max: usize) -> Result<Vec<u8>, ApiError> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            ApiError::new(StatusCode::BAD_REQUEST, "INCOMPLETE_BODY", "The body ended before it was complete.")
        })?;
        if bytes.len() + chunk.len() > max {
            return Err(too_large(max));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn too_large(max: usize) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", format!("The body may have at most {max} bytes."))
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.trim_ascii().is_empty() {
        let sentence = "The body is empty. Send a JSON object.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", sentence));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", "The body must be a JSON object.")),
        Err(error) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "MALFORMED_JSON",
            format!("The body is not valid JSON: see line {}, column {}.", error.line(), error.column()),
        )
        .with_details(serde_json::json!({ "line": error.line(), "column": error.column() }))),
    }
}
