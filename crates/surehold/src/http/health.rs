//! Whether the server lives, and whether it can do its work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::error::{ApiError, ErrorBody};
use super::reply::{Reply, Success};
use crate::store::health;

const DATABASE_PATIENCE: Duration = Duration::from_secs(2);

/// The server lives.
#[derive(Serialize, ToSchema)]
pub struct Live {
    /// Always `live`.
    pub status: &'static str,
    /// The program's version.
    pub version: &'static str,
}

/// The server can do its work.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    /// Always `ready`.
    pub status: &'static str,
    /// How long the database took to answer, in milliseconds.
    pub database_ms: f64,
}

/// Is the process alive?
///
/// Asks nothing of anybody: restart the process only if this does not answer.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()),
    responses((status = 200, description = "It is", body = Success<Live>)))]
pub async fn live() -> Reply<Live> {
    Reply::ok(Live { status: "live", version: env!("CARGO_PKG_VERSION") })
}

/// Can it serve?
///
/// Asks the database, and waits no longer than two seconds. Send no traffic here while this says 503.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()),
    responses(
        (status = 200, description = "It can", body = Success<Ready>),
        (status = 503, description = "`DATABASE_UNAVAILABLE`", body = ErrorBody),
    ))]
pub async fn ready(State(app): State<Arc<App>>) -> Result<Reply<Ready>, ApiError> {
    let started = Instant::now();
    let asked = tokio::time::timeout(DATABASE_PATIENCE, async {
        let client = app.store.read().await?;
        health::ping(&client).await
    });
    match asked.await {
        Ok(answered) => answered?,
        Err(_) => return Err(ApiError::database_unavailable(Some("no answer within 2 seconds".to_owned()))),
    }
    Ok(Reply::ok(Ready { status: "ready", database_ms: started.elapsed().as_secs_f64() * 1e3 }))
}
