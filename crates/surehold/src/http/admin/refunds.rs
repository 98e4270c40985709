//! Refunds: the credit of a booking that is no longer active comes back by hand, once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use surehold_core::command::{Command, Key, RefundCredit};
use surehold_core::rows::CreditKind;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::access::{Acting, Admin};
use crate::http::app::{App, expect_answer};
use crate::http::batch::{AT_ONCE, BOOKING_IDS, ITEMS_MAX};
use crate::http::body::JsonFields;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::fields::{ADMIN_EMAIL, Fields, Name};
use crate::http::find::{self, Named};
use crate::http::idempotency::IdempotencyKey;
use crate::http::kinds;
use crate::http::reply::{Reply, Success};

const TOKEN_TYPE: Name = Name(&["token_type", "tokenType"]);

/// How to refund.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct RefundRequest {
    /// The kind of credit to give, such as `shared_mock_credits`; default: the kind that paid. Also accepted
    /// as `tokenType`.
    pub token_type: Option<String>,
    /// The person you act for, for the audit log and the booking.
    #[schema(example = "admin@example.org")]
    pub admin_email: Option<String>,
}

/// What to refund.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the fields are read by name")]
pub struct BatchRefundRequest {
    /// 1 to 100 bookings, each named by HubSpot number, UUID or booking ID.
    pub booking_ids: Vec<String>,
    /// The kind of credit to give; default: the kind that paid each.
    pub token_type: Option<String>,
    /// The person you act for.
    pub admin_email: Option<String>,
}

/// A credit that came back.
#[derive(Serialize, ToSchema)]
pub struct BookingRefunded {
    /// The human booking ID.
    pub booking_id: String,
    /// The booking's UUID.
    pub id: Uuid,
    /// The kind of credit that came back.
    #[schema(example = "cs_credits")]
    pub token_refunded: String,
    /// How many.
    pub credits_restored: i64,
    /// What there is of that kind now.
    pub credits_after_refund: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub token_refunded_at: Timestamp,
}

/// Refund a booking's credit.
///
/// For a booking that is cancelled, attended or missed and whose credit has not come back. However
/// cancellations and refunds are combined or raced, it comes back at most once.
#[utoipa::path(
    post, path = "/api/admin/bookings/{id}/refund", tag = "admin", security(("api_key" = [])),
    params(("id" = String, Path, description = "HubSpot number, UUID or booking ID"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = RefundRequest,
    responses(
        (status = 200, description = "Refunded", body = Success<BookingRefunded>),
        (status = 400, description = "`VALIDATION_ERROR`, `CREDIT_KIND_NOT_ALLOWED`", body = ErrorBody),
        (status = 404, description = "`BOOKING_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`BOOKING_ACTIVE`: cancel it instead; `ALREADY_REFUNDED`; `NOTHING_TO_REFUND`: no credit paid for it", body = ErrorBody),
    )
)]
pub async fn refund_booking(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    Named(id): Named,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<BookingRefunded>, ApiError> {
    let how = read_how(&app, &acting, &mut fields).await?;
    fields.finish()?;
    let (refunded, replayed) = refund_one(&app, &acting, &id, key.key(), &how).await?;
    Ok(Reply::ok(refunded).replayed(replayed))
}

/// How bookings are refunded.
struct How {
    kind: Option<CreditKind>,
    admin_email: Option<String>,
}

async fn read_how(app: &App, acting: &Acting, fields: &mut Fields) -> Result<How, ApiError> {
    let named = fields.optional(TOKEN_TYPE, kinds::text(kinds::NAME_MAX));
    let admin_email = fields.optional(ADMIN_EMAIL, kinds::email);
    let kind = match named {
        None => None,
        Some(name) => {
            let catalogue = app.directory.catalogue(acting.org.id).await?;
            // A kind that the organisation does not have is refused by the desk, which names those it has.
            Some(catalogue.credit_kind(&name).cloned().unwrap_or_else(|| CreditKind::from(name)))
        }
    };
    Ok(How { kind, admin_email })
}

async fn refund_one(
    app: &App,
    acting: &Acting,
    reference: &str,
    key: Key,
    how: &How,
) -> Result<(BookingRefunded, bool), ApiError> {
    let booking_id = find::booking(app, acting.org.id, reference, None).await?.id;
    let command = Command::RefundCredit(RefundCredit { booking_id, kind: how.kind.clone() });
    let outcome = app.submit(acting, how.admin_email.clone(), key, command).await?;
    let replayed = outcome.replayed;
    let answer = expect_answer!(outcome, Refunded)?;
    let refunded = BookingRefunded {
        booking_id: answer.code,
        id: answer.booking_id,
        token_refunded: answer.kind.to_string(),
        credits_restored: answer.credits,
        credits_after_refund: answer.balance,
        token_refunded_at: answer.refunded_at,
    };
    Ok((refunded, replayed))
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Refunded now.
    Refunded,
    /// Refunded before.
    AlreadyRefunded,
    /// There is no such booking.
    NotFound,
    /// The rules forbid it; `code` says which.
    Refused,
    /// It could not be tried or finished; try it again.
    Failed,
}

/// The result of one item.
#[derive(Serialize, ToSchema)]
pub struct RefundResult {
    /// As the request named it.
    pub requested_id: String,
    /// What became of it.
    pub status: RefundStatus,
    /// The refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<BookingRefunded>,
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

/// The results of all items, in the order of the request.
#[derive(Serialize, ToSchema)]
pub struct BatchRefunded {
    /// One result for each item.
    pub results: Vec<RefundResult>,
    /// Items that were refunded now.
    pub refunded: usize,
    /// Items that were not.
    pub not_refunded: usize,
}

/// Refund several bookings' credits.
///
/// Each item is a command of its own: one bad item never stops the rest.
#[utoipa::path(
    post, path = "/api/admin/bookings/batch-refund", tag = "admin", security(("api_key" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = BatchRefundRequest,
    responses(
        (status = 200, description = "A result for each item", body = Success<BatchRefunded>),
        (status = 400, description = "`VALIDATION_ERROR`", body = ErrorBody),
    )
)]
pub async fn batch_refund(
    State(app): State<Arc<App>>,
    Admin(acting): Admin,
    key: IdempotencyKey,
    JsonFields(mut fields): JsonFields,
) -> Result<Reply<BatchRefunded>, ApiError> {
    let items = fields.list(BOOKING_IDS, ITEMS_MAX, kinds::reference).unwrap_or_default();
    if items.is_empty() {
        fields.problem(BOOKING_IDS.own(), "is required: a list of 1 to 100 bookings");
    }
    let how = read_how(&app, &acting, &mut fields).await?;
    fields.finish()?;
    let results: Vec<RefundResult> =
        stream::iter(items).map(|item| refund_item(&app, &acting, item, &key, &how)).buffered(AT_ONCE).collect().await;
    let refunded = results.iter().filter(|result| result.status == RefundStatus::Refunded).count();
    Ok(Reply::ok(BatchRefunded { refunded, not_refunded: results.len() - refunded, results }))
}

async fn refund_item(app: &App, acting: &Acting, item: String, key: &IdempotencyKey, how: &How) -> RefundResult {
    match refund_one(app, acting, &item, key.key_of_item("refund", &item), how).await {
        Ok((refund, replayed)) => RefundResult {
            requested_id: item,
            status: if replayed { RefundStatus::AlreadyRefunded } else { RefundStatus::Refunded },
            refund: Some(refund),
            code: None,
            error: None,
            details: None,
        },
        Err(error) => {
            if let Some(cause) = &error.cause {
                tracing::warn!(code = error.code, %cause, "an item of a batch failed");
            }
            let status = match error.status {
                StatusCode::NOT_FOUND => RefundStatus::NotFound,
                _ if error.code == "ALREADY_REFUNDED" => RefundStatus::AlreadyRefunded,
                status if status.is_server_error() => RefundStatus::Failed,
                _ => RefundStatus::Refused,
            };
            RefundResult {
                requested_id: item,
                status,
                refund: None,
                code: Some(error.code),
                error: Some(error.sentence),
                details: error.details.map(|details| *details),
            }
        }
    }
}
