//! Errors in PostgREST's words: `{"code","message","details","hint"}`. Codes are PostgREST's own or PostgreSQL's.

use axum::http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::store::StoreError;
use crate::store::drop_in::catalogue::SCHEMAS;

/// The body of every answer under `/rest/` that is not a success, as PostgREST writes it.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "code": "PGRST116", "message": "Cannot coerce the result to a single JSON object",
    "details": "The result contains 0 rows", "hint": null,
}))]
pub struct RestError<'e> {
    /// What went wrong, for programs: PostgREST's code, or PostgreSQL's SQLSTATE, or one of our own.
    pub code: &'e str,
    /// The same for people.
    pub message: &'e str,
    /// More of it.
    pub details: Option<String>,
    /// What to do about it.
    pub hint: Option<&'e str>,
}

impl<'e> RestError<'e> {
    /// The body of any error. Those of the layers around all routes keep their code where PostgREST has none for it.
    pub fn of(error: &'e ApiError) -> RestError<'e> {
        let (code, message) = match error.code {
            "ROUTE_NOT_FOUND" => ("PGRST125", "Invalid path specified in request URL"),
            "INTERNAL_ERROR" => ("XX000", error.sentence.as_str()),
            code => (code, error.sentence.as_str()),
        };
        let details = error.details.as_deref().map(|details| match details {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        RestError { code, message, details, hint: error.hint.as_deref() }
    }
}

/// Whether a path's errors are written like this.
pub fn is_rest(path: &str) -> bool {
    path.starts_with("/rest/")
}

/// 400 about text that cannot be understood, with the place: `column` counts characters from 1.
pub fn parse(what: &str, text: &str, column: usize, problem: impl Into<String>) -> ApiError {
    let message = format!("\"failed to parse {what} ({text})\" (line 1, column {column})");
    ApiError::new(StatusCode::BAD_REQUEST, "PGRST100", message).with_details(Value::String(problem.into()))
}

/// 400: no such column.
pub fn no_column(view: &str, name: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "42703", format!("column {view}.{name} does not exist"))
}

/// 400: no such column of a row that is to be written.
pub fn no_column_to_write(view: &str, name: &str) -> ApiError {
    let message = format!("Could not find the '{name}' column of '{view}' in the schema cache");
    ApiError::new(StatusCode::BAD_REQUEST, "PGRST204", message)
}

/// 400: a character that text cannot hold.
pub fn nul() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "22P05", "unsupported Unicode escape sequence")
        .with_details(Value::String("\\u0000 cannot be converted to text.".to_owned()))
}

/// 404: no such view; `nearest` is what may have been meant.
pub fn no_view(schema: &str, name: &str, nearest: Option<&str>) -> ApiError {
    let error = ApiError::new(
        StatusCode::NOT_FOUND,
        "PGRST205",
        format!("Could not find the table '{schema}.{name}' in the schema cache"),
    );
    match nearest {
        Some(view) => error.with_hint(format!("Perhaps you meant the table '{schema}.{view}'")),
        None => error,
    }
}

/// 406: no such schema.
pub fn no_schema(name: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_ACCEPTABLE, "PGRST106", format!("Invalid schema: {name}"))
        .with_hint(format!("Only the following schemas are exposed: {}", SCHEMAS.join(", ")))
}

/// 406: one row was asked for, and so many were found.
pub fn not_single(count: i64) -> ApiError {
    ApiError::new(StatusCode::NOT_ACCEPTABLE, "PGRST116", "Cannot coerce the result to a single JSON object")
        .with_details(Value::String(format!("The result contains {count} rows")))
}

/// 416: rows that cannot be.
pub fn range(problem: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "PGRST103", "Requested range not satisfiable")
        .with_details(Value::String(problem.into()))
}

/// 401: nobody reads without a key.
pub fn anonymous() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "PGRST302", "Anonymous access is disabled")
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// 401: a key or token that is not good.
pub fn wrong_credential(error: ApiError) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "PGRST301", error.sentence)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))
}

/// 403: a student's or a traveller's token.
pub fn denied(kind: &str, name: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "42501", format!("permission denied for {kind} {name}"))
}

/// What PostgreSQL said about a caller's values goes to the caller; anything else is ours to worry about. A table that
/// somebody keeps locked (a migration, say) is free again soon.
pub fn of_store(error: &StoreError) -> ApiError {
    if error.is_lock_timeout() {
        return ApiError::database_unavailable(Some(error.to_string()));
    }
    let StoreError::Query(query) = error else { return error.into() };
    let Some(said) = query.as_db_error() else { return error.into() };
    let Some((status, code)) = about_the_request(said.code().code()) else { return error.into() };
    let answer = ApiError::new(status, code, said.message());
    let answer = match said.detail() {
        Some(detail) => answer.with_details(Value::String(detail.to_owned())),
        None => answer,
    };
    match said.hint() {
        Some(hint) => answer.with_hint(hint.to_owned()),
        None => answer,
    }
}

/// The codes of PostgreSQL that a reader's request can cause, and PostgREST's status for each.
fn about_the_request(code: &str) -> Option<(StatusCode, &'static str)> {
    const VALUES: [&str; 8] = ["22P02", "22007", "22008", "22003", "22021", "22025", "22023", "42804"];
    if let Some(code) = VALUES.iter().find(|known| **known == code) {
        return Some((StatusCode::BAD_REQUEST, code));
    }
    match code {
        "42883" => Some((StatusCode::NOT_FOUND, "42883")),
        "57014" => Some((StatusCode::INTERNAL_SERVER_ERROR, "57014")),
        _ => None,
    }
}
