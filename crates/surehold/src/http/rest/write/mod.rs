//! `POST` and `PATCH /rest/v1/{view}`, and methods that there are not.
//!
//! Two sorts of writes are taken: notes for `audit_logs`, and writes of the exam school's programs that repeat what is
//! stored, which change nothing. Everything else changes by functions, and the error says by which.

mod notes;
mod records;
mod repeats;
mod written;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::{IntoParams, ToSchema};

use self::written::Write;
use super::errors::RestError;
use super::query::Parameters;
use super::request::Caller;
use super::{json, query, rpc};
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::idempotency::IdempotencyKey;
use crate::store::drop_in::catalogue::View;

/// What may be written to a view.
#[derive(Clone, Copy, PartialEq)]
enum Taken {
    /// Notes.
    Notes,
    /// What is stored already.
    Repeats,
    /// Nothing.
    Nothing,
}

impl Taken {
    fn by(view: &View) -> Taken {
        match view.name {
            "audit_logs" => Taken::Notes,
            "hubspot_bookings" | "hubspot_contact_credits" | "hubspot_mock_exams" => Taken::Repeats,
            _ => Taken::Nothing,
        }
    }

    /// The methods of such a view, as the header `Allow` names them.
    fn methods(self) -> &'static str {
        match self {
            Taken::Notes => "OPTIONS,GET,HEAD,POST",
            Taken::Repeats => "OPTIONS,GET,HEAD,POST,PATCH",
            Taken::Nothing => "OPTIONS,GET,HEAD",
        }
    }
}

/// A note for `audit_logs`. The other views take rows with their own columns.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the columns are read by name")]
pub struct NewAuditLog {
    /// What happened: at most 200 characters.
    #[schema(example = "booking.confirmed")]
    pub event_type: String,
    /// To what sort of thing: at most 200 characters.
    #[schema(example = "booking")]
    pub entity_type: String,
    /// To which one: any UUID, also of what is not kept here.
    #[schema(format = Uuid)]
    pub entity_id: String,
    /// Who did it.
    #[schema(format = Uuid)]
    pub actor_id: Option<String>,
    /// `user`, `vendor`, `system` (also without it) or `stripe`.
    #[schema(example = "system")]
    pub actor_type: Option<String>,
    /// Anything: at most 16 kB of JSON.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Value>,
    /// Stripe's event that it is about, at most 200 characters.
    pub stripe_event_id: Option<String>,
}

/// Columns of a row, as they are stored already.
#[derive(ToSchema)]
#[schema(example = json!({ "is_active": "Cancelled" }))]
#[expect(dead_code, reason = "a schema: the columns are read by name")]
pub struct StoredColumns(serde_json::Map<String, serde_json::Value>);

/// How rows are written, and what is answered.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: query strings are read by hand")]
#[into_params(parameter_in = Query)]
pub struct WriteQuery {
    /// Columns of the answer, if it has rows.
    pub select: Option<String>,
    /// Columns that count, of the rows of the body: `"event_type","entity_id"`. Those that a row does not have are null.
    pub columns: Option<String>,
    /// The unique columns by which an upsert finds its row.
    #[param(example = "hubspot_id")]
    pub on_conflict: Option<String>,
}

/// Headers of a write.
#[derive(IntoParams)]
#[expect(dead_code, reason = "a schema: headers are read by name")]
#[into_params(parameter_in = Header)]
pub struct WriteHeaders {
    /// `public` (also without it) or `hubspot_sync`: both have every view.
    #[param(rename = "Content-Profile")]
    pub content_profile: Option<String>,
    /// `return=representation` answers with the rows; `resolution=merge-duplicates` and `resolution=ignore-duplicates`
    /// are upserts; `count=exact`.
    #[param(rename = "Prefer")]
    pub prefer: Option<String>,
    /// Notes under one key are added once.
    #[param(rename = "Idempotency-Key")]
    pub idempotency_key: Option<String>,
}

/// Add notes to the audit log, or repeat rows that are stored.
///
/// As PostgREST does, for `supabase.from(…).insert(…)` and `.upsert(…)`: an object, or an array of at most 100 of them, all
/// or none. `audit_logs` takes notes. `hubspot_bookings`, `hubspot_contact_credits` and `hubspot_mock_exams` take rows that
/// are stored just so, and nothing is changed; when a row was written is not compared (`created_at`, `updated_at`,
/// `synced_at`, `hubspot_last_sync_at`). Everything else is refused, with a hint.
#[utoipa::path(
    post, path = "/rest/v1/{view}", tag = "rest", security(("api_key" = []), ("api_key_header" = [])),
    params(("view" = String, Path, description = "The view's name"), WriteQuery, WriteHeaders),
    request_body(content = NewAuditLog, description = "A row, or an array of rows"),
    responses(
        (status = 200, description = "Of an upsert that merges: the rows are stored just so", body = Value),
        (status = 201, description = "Nothing, or the rows: an array, or the only one as an object", body = Value,
            headers(("Idempotent-Replayed" = String, description = "`true`: these notes were added before"))),
        (status = 400, description = "`PGRST102`: no JSON, or rows with different columns; `PGRST204`: no such column; `23502`, `23514`, `22P02` and its kin, `22P05`, `22001`, `428C9`: a value that cannot be; `42P10`: no such unique key; `PGRST100`, `42703`: what is selected; `VALIDATION_ERROR`: no such `Idempotency-Key`", body = RestError),
        (status = 401, description = "`PGRST302`: no key; `PGRST301`: one that is not valid, or not any more", body = RestError),
        (status = 403, description = "`42501`: a student's or a traveller's token", body = RestError),
        (status = 404, description = "`PGRST205`: no such view", body = RestError),
        (status = 405, description = "`25006`: the view is read-only, or it would be changed; the hint says what to call", body = RestError),
        (status = 406, description = "`PGRST116`: not exactly one row; `PGRST106`: no such schema; `PGRST107`: not in this form", body = RestError),
        (status = 408, description = "`REQUEST_TIMEOUT`: the body took too long to arrive", body = RestError),
        (status = 413, description = "`PAYLOAD_TOO_LARGE`: too many bytes or rows", body = RestError),
        (status = 422, description = "`IDEMPOTENCY_MISMATCH`: the key was used for something else", body = RestError),
        (status = 429, description = "`RATE_LIMITED`: too many calls without a valid key", body = RestError),
        (status = 500, description = "`57014`: it took too long; `XX000`: a fault of ours", body = RestError),
        (status = 503, description = "`OVERLOADED`, `DATABASE_UNAVAILABLE` (nothing was done) or `OUTCOME_UNKNOWN` (call again with the key); see `Retry-After`", body = RestError),
    )
)]
pub async fn rest_insert(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(view): Path<String>,
    RawQuery(text): RawQuery,
    key: IdempotencyKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let view = query::view(caller.profile, &view)?;
    let taken = Taken::by(view);
    if taken == Taken::Nothing {
        return Err(read_only(view));
    }
    let parameters = Parameters::of(&text.unwrap_or_default())?;
    let write = Write::of(&app, &caller, view, &parameters, &headers)?;
    let rows = records::read(view, json::read(&app, &headers, body).await?, parameters.last("columns"))?;
    match taken {
        Taken::Notes => notes::add(&write, rows, key.key()).await,
        _ => repeats::insert(&write, rows, parameters.last("on_conflict"), &headers).await,
    }
}

/// Repeat what rows are.
///
/// As PostgREST does, for `supabase.from(…).update(…)` with filters: rows of `hubspot_bookings`,
/// `hubspot_contact_credits` and `hubspot_mock_exams` that are just so already, at most 100; nothing is changed. Everything
/// else is refused, with a hint.
#[utoipa::path(
    patch, path = "/rest/v1/{view}", tag = "rest", security(("api_key" = []), ("api_key_header" = [])),
    params(
        ("view" = String, Path, description = "The view's name. Which rows: filters as of GET"),
        ("select" = Option<String>, Query, description = "Columns of the answer, if it has rows"),
        ("columns" = Option<String>, Query, description = "Columns that count"),
        ("or" = Option<String>, Query, description = "One of these filters holds, as of GET"),
        ("Content-Profile" = Option<String>, Header, description = "`public` (also without it) or `hubspot_sync`: both have every view"),
        ("Prefer" = Option<String>, Header, description = "`return=representation` answers with the rows; `count=exact`"),
    ),
    request_body(content = StoredColumns, description = "Columns and what they are"),
    responses(
        (status = 200, description = "The rows: an array, or the only one as an object", body = Value),
        (status = 204, description = "The rows are just so, or there are none"),
        (status = 400, description = "`PGRST102`: no object; `PGRST204`: no such column; `22P02` and its kin, `22P05`: a value that cannot be; `PGRST100`, `PGRST108`, `42703`, `42804`: filters and what is selected", body = RestError),
        (status = 401, description = "`PGRST302`: no key; `PGRST301`: one that is not valid, or not any more", body = RestError),
        (status = 403, description = "`42501`: a student's or a traveller's token", body = RestError),
        (status = 404, description = "`PGRST205`: no such view; `42883`: no such operator for this type", body = RestError),
        (status = 405, description = "`25006`: the view is read-only, or it would be changed; the hint says what to call", body = RestError),
        (status = 406, description = "`PGRST116`: not exactly one row; `PGRST106`: no such schema; `PGRST107`: not in this form", body = RestError),
        (status = 408, description = "`REQUEST_TIMEOUT`: the body took too long to arrive", body = RestError),
        (status = 413, description = "`PAYLOAD_TOO_LARGE`: too many bytes", body = RestError),
        (status = 429, description = "`RATE_LIMITED`: too many calls without a valid key", body = RestError),
        (status = 500, description = "`57014`: it took too long; `XX000`: a fault of ours", body = RestError),
        (status = 503, description = "`DATABASE_UNAVAILABLE`; see `Retry-After`", body = RestError),
    )
)]
pub async fn rest_update(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(view): Path<String>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let view = query::view(caller.profile, &view)?;
    if Taken::by(view) != Taken::Repeats {
        return Err(read_only(view));
    }
    let parameters = Parameters::of(&text.unwrap_or_default())?;
    let write = Write::of(&app, &caller, view, &parameters, &headers)?;
    let conditions = query::conditions(view, &parameters)?;
    let rows = records::read(view, json::read(&app, &headers, body).await?, parameters.last("columns"))?;
    let [row] = <[_; 1]>::try_from(rows).map_err(|_| json::not_understood("All object keys must match"))?;
    repeats::update(&write, row, conditions).await
}

/// Answers a method that a view or a function does not have.
pub async fn no_such_method(State(app): State<Arc<App>>, request: Request) -> Response {
    match refused(&app, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn refused(app: &Arc<App>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, app).await?;
    let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
    if rpc::is_function(parts.uri.path()) {
        return rpc::no_such_method(&parts.method, caller.profile, name);
    }
    let view = query::view(caller.profile, name)?;
    if parts.method == Method::OPTIONS {
        return Ok([(header::ALLOW, HeaderValue::from_static(Taken::by(view).methods()))].into_response());
    }
    Err(read_only(view))
}

/// 405: nothing of this view is changed like this. The code is that of a statement that may not write, which is what
/// callers of a read-only replica know.
fn read_only(view: &View) -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "25006", format!("{} is read-only here", view.name))
        .with_hint(rpc::hints::instead_of_writing(view.name))
        .with_header(header::ALLOW, HeaderValue::from_static(Taken::by(view).methods()))
}
