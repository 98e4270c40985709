//! Stripe's webhook. Its signature is verified over the raw bytes before anything is read; 2xx only when the event
//! and its effect are on disk.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::TripError;
use crate::cashier::CashierError;
use crate::http::access;
use crate::http::app::App;
use crate::http::body;
use crate::http::error::{ApiError, ErrorBody};
use crate::store::orgs::OrgRow;
use crate::stripe::{Event, signature};

/// Events are larger than requests of people: they hold whole objects.
const BODY_BYTES_MAX: usize = 512 * 1024;
const SIGNATURE: &str = "stripe-signature";

/// An event, as Stripe sends it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema: the body is read as it is signed")]
pub struct StripeEventBody {
    /// `evt_…`.
    #[schema(example = "evt_1Q2w3E4r5T6y7U8i9O0p")]
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "checkout.session.completed")]
    pub kind: String,
    /// When, in seconds since 1970.
    pub created: i64,
    /// The object that it happened to.
    pub data: serde_json::Value,
}

/// That an event is stored.
#[derive(Serialize, ToSchema)]
pub struct EventReceived {
    /// Always true.
    pub received: bool,
}

/// Hear from Stripe.
///
/// Stripe's own server calls this. An event that was received before, in whatever order, changes nothing.
#[utoipa::path(
    post, path = "/functions/v1/webhook-stripe", tag = "trips", security(()),
    params(("Stripe-Signature" = String, Header, description = "Of the raw body; any of its `v1` counts")),
    request_body = StripeEventBody,
    responses(
        (status = 200, description = "It is stored, with its effect", body = EventReceived),
        (status = 400, description = "`INVALID_SIGNATURE`, `INVALID_EVENT`, `ORG_UNKNOWN`", body = ErrorBody),
        (status = 503, description = "Nothing was stored; Stripe sends it again", body = ErrorBody),
    )
)]
pub async fn webhook_stripe(
    State(app): State<Arc<App>>,
    request: Request<axum::body::Body>,
) -> Result<Json<EventReceived>, TripError> {
    let (parts, body) = request.into_parts();
    let org = access::org_by_host(&app, &parts).await?;
    receive(&app, &org, parts, body).await
}

/// Hear from Stripe, for one of several organisations.
///
/// The same, for a server that several organisations share: each has its own webhook.
#[utoipa::path(
    post, path = "/functions/v1/webhook-stripe/{org}", tag = "trips", security(()),
    params(("org" = String, Path, description = "The organisation's slug"),
        ("Stripe-Signature" = String, Header, description = "Of the raw body; any of its `v1` counts")),
    request_body = StripeEventBody,
    responses(
        (status = 200, description = "It is stored, with its effect", body = EventReceived),
        (status = 400, description = "`INVALID_SIGNATURE`, `INVALID_EVENT`, `ORG_UNKNOWN`", body = ErrorBody),
        (status = 503, description = "Nothing was stored; Stripe sends it again", body = ErrorBody),
    )
)]
pub async fn webhook_stripe_of_org(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    request: Request<axum::body::Body>,
) -> Result<Json<EventReceived>, TripError> {
    let (parts, body) = request.into_parts();
    let org = app.directory.orgs().await?.by_slug(&slug).ok_or_else(access::org_unknown)?;
    receive(&app, &org, parts, body).await
}

async fn receive(
    app: &App,
    org: &OrgRow,
    parts: Parts,
    body: axum::body::Body,
) -> Result<Json<EventReceived>, TripError> {
    let Some(account) = app.cashier.account(org) else { return Err(CashierError::NoAccount.into()) };
    let bytes = body::read_up_to(&parts.headers, body, app, BODY_BYTES_MAX).await?;
    let now = Timestamp::now().as_second();
    if let Err(error) = signature::verify(header(&parts.headers), &bytes, &account.webhook_secrets, now) {
        // Strangers' guesses count against their address.
        app.limits.count_address(&parts)?;
        let mut answer = ApiError::new(
            StatusCode::BAD_REQUEST,
            "INVALID_SIGNATURE",
            "The signature is not right for this body, or too old. Check the webhook's signing secret and the clock.",
        );
        answer.cause = Some(error.to_string().into());
        return Err(answer.into());
    }
    let unreadable = || ApiError::new(StatusCode::BAD_REQUEST, "INVALID_EVENT", "This is not an event of Stripe's.");
    let event = Event::parse(&bytes).map_err(|_| unreadable())?;
    let payload = String::from_utf8(bytes).map_err(|_| unreadable())?;
    let heard = app.cashier.hear(org, &account, &event, payload).await?;
    tracing::debug!(event = %event.id, kind = %event.kind, ?heard, "heard from Stripe");
    Ok(Json(EventReceived { received: true }))
}

fn header(headers: &HeaderMap) -> &str {
    headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
