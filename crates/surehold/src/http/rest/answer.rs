//! The answer of a read: rows as they are, and where they stand among all. And that of a function, which is one row.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
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
        Form::Object => match page.only_row() {
            Some(row) => (OBJECT, row.to_owned()),
            None => return Err(errors::not_single(page.count)),
        },
    };
    Ok((status, headers(content_type, range, profile), body).into_response())
}

/// Makes the answer of a function from its value, which is JSON.
pub fn of_function(value: String, form: Form, is_counted: bool, profile: Profile) -> Response {
    let content_type = if form == Form::Object { OBJECT } else { ROWS };
    let range = HeaderValue::from_static(if is_counted { "0-0/1" } else { "0-0/*" });
    (headers(content_type, range, profile), value).into_response()
}

/// Makes the answer of a write: without rows, or with rows in a form.
pub fn of_write(
    status: StatusCode,
    rows: &[String],
    form: Option<Form>,
    range: &str,
    profile: Profile,
) -> Result<Response, ApiError> {
    let range = HeaderValue::from_str(range).map_err(|error| ApiError::internal(error.to_string()))?;
    let (content_type, body) = match form {
        None => {
            let profile = HeaderValue::from_static(profile.schema);
            let headers = [(header::CONTENT_RANGE, range), (HeaderName::from_static("content-profile"), profile)];
            return Ok((status, headers).into_response());
        }
        Some(Form::Rows) => (ROWS, format!("[{}]", rows.join(","))),
        Some(Form::Object) => match rows {
            [row] => (OBJECT, row.clone()),
            _ => return Err(errors::not_single(i64::try_from(rows.len()).unwrap_or(i64::MAX))),
        },
    };
    Ok((status, headers(content_type, range, profile), body).into_response())
}

fn headers(content_type: HeaderValue, range: HeaderValue, profile: Profile) -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_RANGE, range),
        (HeaderName::from_static("content-profile"), HeaderValue::from_static(profile.schema)),
    ]
}

/// `0-9/42`: which rows these are, of how many. A star is what is not there or not known.
fn content_range(offset: i64, page: &Page) -> Result<HeaderValue, ApiError> {
    let rows = if page.count == 0 { "*".to_owned() } else { format!("{offset}-{}", offset + page.count - 1) };
    let total = page.total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    HeaderValue::from_str(&format!("{rows}/{total}")).map_err(|error| ApiError::internal(error.to_string()))
}
