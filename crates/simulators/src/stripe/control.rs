//! Control routes, for tests and drivers: `/_simulator/…`, JSON, without a key. Errors are in Stripe's form.
//!
//! | Route | Does |
//! |---|---|
//! | `POST /_simulator/sessions/{id}/{action}` | `pay`, `pay_later`, `async_succeed`, `async_fail`, `fail`, `expire`; answers the session |
//! | `POST /_simulator/charges/{id}/dispute` | the buyer's bank wants the money back; answers the charge |
//! | `POST /_simulator/refunds/{id}/succeed` or `fail` | settles a refund; answers it |
//! | `POST /_simulator/events/{id}/resend` | delivers an event again, to every endpoint; answers it |
//! | `GET`, `POST`, `DELETE /_simulator/faults` | shows `Faults`, merges fields into them, clears them; all answer what holds then |
//! | `POST /_simulator/webhooks` | sets the endpoints: `[{"url", "secrets": [..]}]` |
//! | `GET /_simulator/state` | all objects, counts of requests, what is undelivered |

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::checkout::Action;
use super::errors::ApiError;
use super::events::Cause;
use super::faults::Faults;
use super::outbox::WebhookEndpoint;
use super::refunds::RefundStatus;
use super::server::App;
use super::state;
use crate::control::merged;

/// Objects with one field that says which kind of chance it is: replaced whole.
const KINDS_OF_CHANCE: &[&str] = &["duplicate", "twin"];

type Answer = Result<Json<Value>, ApiError>;

/// The routes.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/_simulator/sessions/{id}/{action}", post(act))
        .route("/_simulator/charges/{id}/dispute", post(dispute))
        .route("/_simulator/refunds/{id}/{outcome}", post(settle_refund))
        .route("/_simulator/events/{id}/resend", post(resend))
        .route("/_simulator/faults", get(faults).post(merge_faults).delete(clear_faults))
        .route("/_simulator/webhooks", post(set_webhooks))
        .route("/_simulator/state", get(whole_state))
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}

async fn act(State(app): State<App>, Path((id, action)): Path<(String, String)>) -> Answer {
    let action: Action = named(&action, "action")?;
    app.shared.change(|state| {
        let session = state.act(&id, action, &Cause::default())?;
        Ok(Json(session.json(&state.base_url)))
    })
}

async fn dispute(State(app): State<App>, Path(id): Path<String>) -> Answer {
    app.shared.change(|state| Ok(Json(state.dispute(&id, &Cause::default())?.json())))
}

async fn settle_refund(State(app): State<App>, Path((id, outcome)): Path<(String, String)>) -> Answer {
    let settled = match outcome.as_str() {
        "succeed" => RefundStatus::Succeeded,
        "fail" => RefundStatus::Failed,
        _ => return Err(ApiError::invalid("The outcome of a refund is `succeed` or `fail`.")),
    };
    app.shared.change(|state| Ok(Json(state.settle_refund(&id, settled, &Cause::default())?.json())))
}

async fn resend(State(app): State<App>, Path(id): Path<String>) -> Answer {
    app.shared.change(|state| Ok(Json(state.resend(&id)?)))
}

async fn faults(State(app): State<App>) -> Answer {
    app.shared.read(shown)
}

async fn merge_faults(State(app): State<App>, body: String) -> Answer {
    let given: Value = serde_json::from_str(&body).map_err(not_understood)?;
    if !given.is_object() {
        return Err(ApiError::invalid("Faults are a JSON object."));
    }
    app.shared.change(|state| {
        state.faults.faults = merged(&state.faults.faults, &given, KINDS_OF_CHANCE).map_err(not_understood)?;
        shown(state)
    })
}

async fn clear_faults(State(app): State<App>) -> Answer {
    app.shared.change(|state| {
        state.faults.faults = Faults::default();
        shown(state)
    })
}

async fn set_webhooks(State(app): State<App>, body: String) -> Answer {
    let endpoints: Vec<WebhookEndpoint> = serde_json::from_str(&body).map_err(not_understood)?;
    app.shared.change(|state| {
        state.outbox.set_endpoints(endpoints);
        Ok(Json(state.outbox.json()))
    })
}

async fn whole_state(State(app): State<App>) -> Json<Value> {
    Json(app.shared.read(state::State::json))
}

fn shown(state: &state::State) -> Answer {
    Ok(Json(json!(state.faults.faults)))
}

fn not_understood(error: serde_json::Error) -> ApiError {
    ApiError::invalid(format!("Not understood: {error}"))
}

fn named<T: serde::de::DeserializeOwned>(name: &str, what: &str) -> Result<T, ApiError> {
    serde_json::from_value(name.into()).map_err(|_| ApiError::invalid(format!("Unknown {what}: {name}")))
}
