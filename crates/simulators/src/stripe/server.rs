//! Which part answers a request.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::api::{self, Settings};
use super::state;
use super::{control, page};
use crate::shared::Shared;

/// The longest body that is read.
const BODY_MAX: usize = 256 * 1024;

/// What handlers share.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) shared: Arc<Shared<state::State>>,
    pub(super) settings: Arc<Settings>,
}

/// The payment page, the control routes, and the API for everything else.
pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/", get(|| async { "A simulator of Stripe's API. No real money.\n" }))
        .merge(page::routes())
        .merge(control::routes())
        .fallback(call)
        .with_state(app)
}

async fn call(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY_MAX).await {
        Ok(body) => api::answer(app.shared, app.settings, parts, body).await,
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}
