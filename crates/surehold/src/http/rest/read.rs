//! `GET /rest/v1/{view}`

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use utoipa::IntoParams;

use super::errors::{self, RestError};
use super::request::{Caller, form, is_counted};
use super::{answer, query};
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::store::drop_in::rows;

/// Which rows and columns. Any column's name is a parameter, too, with an operator and a value: `student_id=eq.1500007`.
/// Operators: `eq neq gt gte lt lte like ilike in is`, each after `not.` if need be.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: query strings are read by hand")]
#[into_params(parameter_in = Query)]
pub struct RowsQuery {
    /// Columns, renamed by `alias:column`; default `*`.
    #[param(example = "id,code:booking_id")]
    pub select: Option<String>,
    /// One of these filters holds; `and`, `not.or` and `not.and` likewise, also one within the other.
    #[param(example = "(is_active.eq.Active,exam_date.gte.2030-01-01)")]
    pub or: Option<String>,
    /// Columns to order by, with `.asc` or `.desc` and `.nullsfirst` or `.nullslast`.
    #[param(example = "exam_date.desc.nullslast")]
    pub order: Option<String>,
    /// At most so many rows. The server has a limit of its own, usually 1000.
    pub limit: Option<i64>,
    /// So many rows not, at first.
    pub offset: Option<i64>,
}

/// Headers of a read.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: headers are read by name")]
#[into_params(parameter_in = Header)]
pub struct RowsHeaders {
    /// `public` (also without it) or `hubspot_sync`: both have every view.
    #[param(rename = "Accept-Profile")]
    pub accept_profile: Option<String>,
    /// `count=exact`: the number of all rows, after the slash of `Content-Range`.
    #[param(rename = "Prefer")]
    pub prefer: Option<String>,
    /// Rows as `0-9`, instead of `limit` and `offset`.
    #[param(rename = "Range")]
    pub range: Option<String>,
}

/// Read rows of a view.
///
/// As PostgREST does, for `supabase.from(…).select(…)`: `hubspot_bookings`, `hubspot_contact_credits`,
/// `hubspot_mock_exams`, `experience_slots`, `bookings`, `trips`, `payments`, `audit_logs`. Rows of the key's
/// organisation. `Accept: application/vnd.pgrst.object+json` asks for the only row. HEAD answers without rows.
#[utoipa::path(
    get, path = "/rest/v1/{view}", tag = "rest", security(("api_key" = []), ("api_key_header" = [])),
    params(("view" = String, Path, description = "The view's name"), RowsQuery, RowsHeaders),
    responses(
        (status = 200, description = "Rows as an array, or the only row as an object", body = Value),
        (status = 206, description = "The same, where a count was asked for and there are more rows", body = Value),
        (status = 400, description = "`PGRST100`, `PGRST108`, `PGRST123`, `PGRST200`, `42703`, `42804`, `22P02`, `22007` and its kin", body = RestError),
        (status = 401, description = "`PGRST302`: no key; `PGRST301`: one that is not valid, or not any more", body = RestError),
        (status = 403, description = "`42501`: a student's or a traveller's token", body = RestError),
        (status = 404, description = "`PGRST205`: no such view; `42883`: no such operator for this type", body = RestError),
        (status = 406, description = "`PGRST116`: not exactly one row; `PGRST106`: no such schema; `PGRST107`: not in this form", body = RestError),
        (status = 416, description = "`PGRST103`: rows that cannot be", body = RestError),
        (status = 429, description = "`RATE_LIMITED`: too many calls without a valid key", body = RestError),
        (status = 500, description = "`57014`: it took too long; `XX000`: a fault of ours", body = RestError),
        (status = 503, description = "`DATABASE_UNAVAILABLE`; see `Retry-After`", body = RestError),
    )
)]
pub async fn rest_rows(
    State(app): State<Arc<App>>,
    caller: Caller,
    method: Method,
    Path(view): Path<String>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let form = form(&headers)?;
    let view = query::view(caller.profile, &view)?;
    let text = text.unwrap_or_default();
    let mut query = query::parse(caller.profile, view, &text, &headers, app.options.rest_rows_max)?;
    query.is_counted = is_counted(&headers);
    query.is_read = method != Method::HEAD;
    let client = app.store.caller().await?;
    let page = rows::read(&client, caller.access.org.id, &query).await.map_err(|error| errors::of_store(&error))?;
    answer::of(page, query.offset, form, caller.profile)
}
