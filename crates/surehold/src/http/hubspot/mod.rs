//! The mirror, as HubSpot, schedulers and operators see it.

pub mod cron;
pub mod status;
pub mod webhook;

use axum::http::StatusCode;

use super::error::ApiError;
use crate::mirror::MirrorError;

/// What callers are told of a mirror that could not do what it was asked.
fn failure(error: MirrorError) -> ApiError {
    let text = error.to_string();
    let mut answer = match error {
        MirrorError::Store(error) => return error.into(),
        MirrorError::Desk(error) => return error.into(),
        MirrorError::Unexpected(_) => return ApiError::internal(text),
        MirrorError::NoPortal => not_configured(),
        // Not a success: whoever asked for a run would take it that everything up to now is at HubSpot.
        MirrorError::Busy => ApiError::new(
            StatusCode::CONFLICT,
            "SYNC_RUNNING",
            "Another run is on. It may have begun before your last change: ask again when it has ended.",
        )
        .with_retry_after(10),
        MirrorError::LeaseLost | MirrorError::HubSpot(_) => unavailable(),
    };
    answer.cause = Some(text.into());
    answer
}

/// 503: HubSpot is not there, or does not let us.
fn unavailable() -> ApiError {
    let sentence = "HubSpot did not take everything. What waits is sent again later, nothing is lost.";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "HUBSPOT_UNAVAILABLE", sentence).with_retry_after(30)
}

/// 503: this organisation has no portal, or no secret that could have signed.
fn not_configured() -> ApiError {
    let sentence = "HubSpot is not connected here yet. Its operator has to give the portal's access token.";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "HUBSPOT_NOT_CONFIGURED", sentence).with_retry_after(60)
}
