//! Cancel several bookings. Each is a command of its own: one bad item never stops the rest.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::bookings::cancel_one;
use crate::http::access::{Access, Scope};
use crate::http::app::App;
use crate::http::batch::{AT_ONCE, BOOKING_IDS, ITEMS_MAX};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::REASON;
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::reply::{Reply, Success};

/// Which bookings.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct BatchCancelRequest {
    /// The student's ID. Not needed with a bearer token or an admin key.
    pub student_id: Option<String>,
    /// The student's email. Not needed with a bearer token or an admin key.
    pub email: Option<String>,
    /// 1 to 100 bookings, each named by HubSpot number, UUID or booking ID.
    #[schema(example = json!(["Clinical Skills-1599999-October 23, 2026"]))]
    pub booking_ids: Vec<String>,
    /// Why, for the audit log.
    pub reason: Option<String>,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// Cancelled now.
    Cancelled,
    /// Had been cancelled before; nothing was changed.
    AlreadyCancelled,
    /// There is no such booking, or it is somebody else's.
    NotFound,
    /// The rules forbid it; `code` says which.
    Refused,
    /// It could not be tried or finished; try it again.
    Failed,
}

/// The result of one item.
#[derive(Serialize, ToSchema)]
pub struct ItemResult {
    /// As the request named it.
    pub requested_id: String,
    /// What became of it.
    pub status: ItemStatus,
    /// The human booking ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<String>,
    /// The booking's UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Credits that came back.
    pub credits_restored: i64,
    /// The code of a refusal or failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The same as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What a program may want to know of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
}

/// How many items ended in which way.
#[derive(Serialize, ToSchema, Default)]
pub struct BatchSummary {
    /// All items.
    pub total: usize,
    /// Cancelled now.
    pub cancelled: usize,
    /// Cancelled before.
    pub already_cancelled: usize,
    /// Not found.
    pub not_found: usize,
    /// Refused.
    pub refused: usize,
    /// Failed.
    pub failed: usize,
}

/// The results of all items, in the order of the request.
#[derive(Serialize, ToSchema)]
pub struct BatchCancelled {
    /// One result for each item.
    pub results: Vec<ItemResult>,
    /// How many of which sort.
    pub summary: BatchSummary,
}

/// Cancel several bookings.
///
/// Answers 200 with one result for each item, whatever became of it; look at each `status`. With an
/// `Idempotency-Key`, each item has a key of its own, made of yours and the name you gave the item.
#[utoipa::path(
    post, path = "/api/bookings/batch-cancel", tag = "students", security((), ("student_token" = []), ("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = BatchCancelRequest,
    responses(
        (status = 200, description = "A result for each item", body = Success<BatchCancelled>),
        (status = 400, description = "`VALIDATION_ERROR`: for example more than 100 items", body = ErrorBody),
        (status = 401, description = "`UNAUTHENTICATED`", body = ErrorBody),
    )
)]
pub async fn batch_cancel(
    State(app): State<Arc<App>>,
    access: Access,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<BatchCancelled>, ApiError> {
    let claim = access.claim_if_needed(&mut fields)?;
    let items = fields.list(BOOKING_IDS, ITEMS_MAX, kinds::reference).unwrap_or_default();
    if items.is_empty() {
        fields.problem(BOOKING_IDS.own(), "is required: a list of 1 to 100 bookings");
    }
    let reason = fields.optional(REASON, kinds::note);
    fields.finish()?;
    // A student whom nobody knows has no bookings: every item is not found.
    let scope = access.scope(&app, claim).await?;
    let results: Vec<ItemResult> = stream::iter(items)
        .map(|item| cancel_item(&app, scope.as_ref(), item, &key, reason.clone()))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let summary = summarise(&results);
    Ok(Reply::ok(BatchCancelled { results, summary }))
}

async fn cancel_item(
    app: &App,
    scope: Option<&Scope>,
    item: String,
    key: &IdempotencyKey,
    reason: Option<String>,
) -> ItemResult {
    let done = match scope {
        Some(scope) => cancel_one(app, scope, &item, key.key_of_item("cancel", &item), reason).await,
        None => Err(crate::http::find::no_booking()),
    };
    match done {
        Ok(done) => ItemResult {
            requested_id: item,
            status: match done.already || done.replayed {
                true => ItemStatus::AlreadyCancelled,
                false => ItemStatus::Cancelled,
            },
            booking_id: Some(done.cancelled.booking_id),
            id: Some(done.cancelled.id),
            credits_restored: if done.replayed { 0 } else { done.cancelled.credits_restored },
            code: None,
            error: None,
            details: None,
        },
        Err(error) => failed_item(item, error),
    }
}

fn failed_item(item: String, error: ApiError) -> ItemResult {
    if let Some(cause) = &error.cause {
        tracing::warn!(code = error.code, %cause, "an item of a batch failed");
    }
    let status = match error.status {
        StatusCode::NOT_FOUND => ItemStatus::NotFound,
        status if status.is_server_error() => ItemStatus::Failed,
        _ => ItemStatus::Refused,
    };
    ItemResult {
        requested_id: item,
        status,
        booking_id: None,
        id: None,
        credits_restored: 0,
        code: Some(error.code),
        error: Some(error.sentence),
        details: error.details.map(|details| *details),
    }
}

fn summarise(results: &[ItemResult]) -> BatchSummary {
    let mut summary = BatchSummary { total: results.len(), ..BatchSummary::default() };
    for result in results {
        match result.status {
            ItemStatus::Cancelled => summary.cancelled += 1,
            ItemStatus::AlreadyCancelled => summary.already_cancelled += 1,
            ItemStatus::NotFound => summary.not_found += 1,
            ItemStatus::Refused => summary.refused += 1,
            ItemStatus::Failed => summary.failed += 1,
        }
    }
    summary
}
