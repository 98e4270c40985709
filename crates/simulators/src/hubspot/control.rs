//! Control routes, for tests and drivers: `/_simulator/…`, JSON, without a token. Errors are in HubSpot's form.
//!
//! | Route | Does |
//! |---|---|
//! | `POST /_simulator/objects/{type}` | makes a record as a person in HubSpot: `{"properties", "user_id"?}`; answers it |
//! | `POST /_simulator/objects/{type}/{id}` | changes one as a person: the same; answers it |
//! | `DELETE /_simulator/objects/{type}/{id}` | archives one as a person |
//! | `GET`, `POST`, `DELETE /_simulator/faults` | shows `Faults`, merges fields into them, clears them; all answer what holds then |
//! | `POST /_simulator/webhook` | sets the webhook: `{"url", "client_secret", "object_types"?, "properties"?}`, or `null` for none |
//! | `GET`, `POST /_simulator/limits` | what was seen of the limits; sets some of them |
//! | `POST /_simulator/search` | lets the search learn everything now; `{"delay_ms"}` sets how late it is |
//! | `POST /_simulator/reset` | forgets records, associations, calls, counts and faults |
//! | `GET /_simulator/state` | all records and associations, counts of calls, limits, webhooks |

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::faults::Faults;
use super::history::Source;
use super::outbox::Webhook;
use super::properties::not_understood;
use super::record::{Record, Shown};
use super::server::App;
use super::values::{self, Values};
use super::writing::Writing;
use super::{simulator, state};
use crate::control::merged;

/// Objects with one field that says which kind of chance it is: replaced whole.
const KINDS_OF_CHANCE: &[&str] = &["duplicate", "lose"];

type Answer = Result<Json<Value>, ApiError>;

/// The routes.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/_simulator/objects/{type}", post(create))
        .route("/_simulator/objects/{type}/{id}", post(edit).delete(archive))
        .route("/_simulator/faults", get(faults).post(merge_faults).delete(clear_faults))
        .route("/_simulator/webhook", post(set_webhook))
        .route("/_simulator/limits", get(limits).post(set_limits))
        .route("/_simulator/search", post(set_search))
        .route("/_simulator/reset", post(reset))
        .route("/_simulator/state", get(whole_state))
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}

/// What a person does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    properties: Value,
    user_id: Option<u64>,
}

impl ByHand {
    fn read(body: &str) -> Result<(Values, Source), ApiError> {
        let given: ByHand = serde_json::from_str(body).map_err(|error| not_understood(&error))?;
        let user_id = given.user_id.unwrap_or(simulator::USER_ID);
        Ok((values::read(&given.properties)?, Source::Person { user_id }))
    }
}

impl state::State {
    /// Makes a record.
    pub(super) fn create_by(&mut self, object_type: &str, values: Values, source: Source) -> Result<Record, ApiError> {
        let object_type = self.types.resolve(object_type)?;
        let mut writing = Writing::begin(self, source);
        let number = writing.create(&object_type, values)?;
        writing.keep();
        self.record(&object_type, number).cloned().ok_or_else(ApiError::not_found)
    }

    /// Puts records there that were made earlier: all of them, or none. Nobody is told, and the search knows them.
    pub(super) fn bring_by(
        &mut self,
        object_type: &str,
        made_at: i64,
        records: impl IntoIterator<Item = (u64, Values)>,
        source: Source,
    ) -> Result<(), ApiError> {
        let object_type = self.types.resolve(object_type)?;
        let mut writing = Writing::begin(self, source);
        for (number, values) in records {
            writing.bring(&object_type, number, made_at, values)?;
        }
        writing.keep_quietly();
        Ok(())
    }

    /// Changes a record.
    pub(super) fn edit_by(
        &mut self,
        object_type: &str,
        id: &str,
        values: Values,
        source: Source,
    ) -> Result<Record, ApiError> {
        let object_type = self.types.resolve(object_type)?;
        let number = id.parse().map_err(|_| ApiError::not_found())?;
        let mut writing = Writing::begin(self, source);
        writing.update(&object_type, number, values)?;
        writing.keep();
        self.record(&object_type, number).cloned().ok_or_else(ApiError::not_found)
    }

    /// Archives a record.
    pub(super) fn archive_by(&mut self, object_type: &str, id: &str, source: Source) -> Result<(), ApiError> {
        let object_type = self.types.resolve(object_type)?;
        let number = id.parse().map_err(|_| ApiError::not_found())?;
        let mut writing = Writing::begin(self, source);
        if !writing.archive(&object_type, number) {
            return Err(ApiError::not_found());
        }
        writing.keep();
        Ok(())
    }
}

fn shown(record: &Record) -> Json<Value> {
    let properties = record.values().into_keys().collect();
    Json(record.json(&Shown { properties, with_history: Vec::new() }))
}

async fn create(State(app): State<App>, Path(object_type): Path<String>, body: String) -> Answer {
    let (values, source) = ByHand::read(&body)?;
    app.change(|state| Ok(shown(&state.create_by(&object_type, values, source)?)))
}

async fn edit(State(app): State<App>, Path((object_type, id)): Path<(String, String)>, body: String) -> Answer {
    let (values, source) = ByHand::read(&body)?;
    app.change(|state| Ok(shown(&state.edit_by(&object_type, &id, values, source)?)))
}

async fn archive(
    State(app): State<App>,
    Path((object_type, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let source = Source::Person { user_id: simulator::USER_ID };
    app.change(|state| state.archive_by(&object_type, &id, source))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn faults(State(app): State<App>) -> Json<Value> {
    app.read(|state| Json(json!(state.faults.faults)))
}

async fn merge_faults(State(app): State<App>, body: String) -> Answer {
    let given: Value = serde_json::from_str(&body).map_err(|error| not_understood(&error))?;
    if !given.is_object() {
        return Err(ApiError::invalid("Faults are a JSON object."));
    }
    app.change(|state| {
        let changed: Faults =
            merged(&state.faults.faults, &given, KINDS_OF_CHANCE).map_err(|error| not_understood(&error))?;
        state.faults.faults = changed;
        Ok(Json(json!(state.faults.faults)))
    })
}

async fn clear_faults(State(app): State<App>) -> Json<Value> {
    app.change(|state| {
        state.faults.clear();
        Json(json!(state.faults.faults))
    })
}

async fn set_webhook(State(app): State<App>, body: String) -> Answer {
    let webhook: Option<Webhook> = serde_json::from_str(&body).map_err(|error| not_understood(&error))?;
    app.change(|state| {
        state.outbox.set_webhook(webhook);
        Ok(Json(state.outbox.json()))
    })
}

async fn limits(State(app): State<App>) -> Json<Value> {
    app.read(|state| Json(json!(state.limiter.report())))
}

async fn set_limits(State(app): State<App>, body: String) -> Answer {
    let given: Value = serde_json::from_str(&body).map_err(|error| not_understood(&error))?;
    app.change(|state| {
        state.limiter.limits = merged(&state.limiter.limits, &given, &[]).map_err(|error| not_understood(&error))?;
        Ok(Json(json!(state.limiter.report())))
    })
}

/// How late the search is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    delay_ms: Option<u64>,
}

async fn set_search(State(app): State<App>, body: String) -> Answer {
    let body = if body.is_empty() { "{}" } else { &body };
    let given: Search = serde_json::from_str(body).map_err(|error| not_understood(&error))?;
    app.change(|state| {
        if let Some(delay) = given.delay_ms {
            state.search.delay = Duration::from_millis(delay);
        }
        state.search.learn_all();
        Ok(Json(json!({ "delay_ms": state.search.delay.as_millis() as u64 })))
    })
}

async fn reset(State(app): State<App>) -> Json<Value> {
    app.change(|state| {
        state.reset();
        Json(state.json())
    })
}

async fn whole_state(State(app): State<App>) -> Json<Value> {
    app.read(|state| Json(state.json()))
}
