//! Which part answers a request.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{api, control, page, state};
use crate::shared::Shared;

/// The longest body that is read: a hundred records with long values.
const BODY_MAX: usize = 8 * 1024 * 1024;

/// What handlers share.
pub(super) type App = Arc<Shared<state::State>>;

/// The page, the control routes, and the API for everything else.
pub(super) fn router(app: App) -> Router {
    Router::new().merge(page::routes()).merge(control::routes()).fallback(call).with_state(app)
}

async fn call(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY_MAX).await {
        Ok(body) => api::answer(app, parts, body).await,
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}
