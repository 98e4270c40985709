//! The answer of a read: rows as they are, and where they stand among all.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::errors;
use super::request::{Form, Profile};
use crate::http::error::ApiError;
use crate::store::drop_in::rows::Page;

const ROWS: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const OBJECT: HeaderValue = HeaderValue::from_static("application/vnd.pgrst.object+json; charset=utf-8");

/// Makes the answer of a page that begins at `offset`.
pub fn of(page: Page, offset: i64, form: Form, profile: Profile) -> Result<Response, ApiError> {
    let range = content_range(offset, &page)?;
    if let Some(total) = page.total.filter(|total| offset > *total) {
        let problem = format!("An offset of {offset} was requested, but there are only {total} rows.");
        return Err(errors::range(problem).with_header(header::CONTENT_RANGE, range));
    }
    let status = match page.total {
        Some(total) if page.count < total => StatusCode::PARTIAL_CONTENT,
        _ => StatusCode::OK,
    };
    let (content_type, body) = match form {
        Form::Rows => (ROWS, page.rows),
        Form::Object if page.count != 1 => return Err(errors::not_single(page.count)),
        // Not parsed: a number would lose its digits. An array of one row is the row in brackets.
        Form::Object => (OBJECT, page.rows.trim_start_matches('[').trim_end_matches(']').to_owned()),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_RANGE, range),
        (header::HeaderName::from_static("content-profile"), HeaderValue::from_static(profile.schema)),
    ];
    Ok((status, headers, body).into_response())
}

/// `0-9/42`: which rows these are, of how many. A star is what is not there or not known.
fn content_range(offset: i64, page: &Page) -> Result<HeaderValue, ApiError> {
    let rows = if page.count == 0 { "*".to_owned() } else { format!("{offset}-{}", offset + page.count - 1) };
    let total = page.total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    HeaderValue::from_str(&format!("{rows}/{total}")).map_err(|error| ApiError::internal(error.to_string()))
}
