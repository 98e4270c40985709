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
use uuid::Uuid;

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
/// Stripe's own server calls this. An event that was received before, in whatever order, changes nothing. An event of
/// another organisation of this server that has the same account and the same webhook is heard for that one.
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
    let signed = verified(&app, &org, parts, body).await?;
    match whose(&app, &org, &signed).await? {
        Some(other) => hear(&app, &other, signed).await,
        None => hear(&app, &org, signed).await,
    }
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
    let org = access::org_by_slug(&app, &slug).await?;
    let signed = verified(&app, &org, parts, body).await?;
    hear(&app, &org, signed).await
}

/// An event whose signature is right.
struct Signed {
    event: Event,
    payload: String,
    header: String,
}

/// The event, if one of the organisation's own secrets has signed it.
async fn verified(app: &App, org: &OrgRow, parts: Parts, body: axum::body::Body) -> Result<Signed, TripError> {
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
    Ok(Signed { event, payload, header: header(&parts.headers).to_owned() })
}

/// The organisation that an event is for, if it is another one than the host's.
///
/// Organisations with the same account have its events come to one address, whose host is only one's; of a test
/// organisation it is nobody's. What we ask Stripe for carries our organisation's id, so the event itself says whose it
/// is. It is believed only if a secret of *that* organisation has signed it, which its own address
/// (`/functions/v1/webhook-stripe/{slug}`) would have taken as well: nobody gets at an organisation by this who could
/// not without it.
async fn whose(app: &App, host: &OrgRow, signed: &Signed) -> Result<Option<Arc<OrgRow>>, TripError> {
    let named = signed.event.metadata("org_id").and_then(|id| Uuid::try_parse(id).ok());
    let Some(id) = named.filter(|id| *id != host.id) else { return Ok(None) };
    let Some(other) = app.directory.org(id).await? else { return Ok(None) };
    let Some(account) = app.cashier.account(&other) else { return Ok(None) };
    let (payload, now) = (signed.payload.as_bytes(), Timestamp::now().as_second());
    let is_theirs = signature::verify(&signed.header, payload, &account.webhook_secrets, now).is_ok();
    Ok(is_theirs.then_some(other))
}

async fn hear(app: &App, org: &OrgRow, signed: Signed) -> Result<Json<EventReceived>, TripError> {
    let Some(account) = app.cashier.account(org) else { return Err(CashierError::NoAccount.into()) };
    let Signed { event, payload, .. } = signed;
    let heard = app.cashier.hear(org, &account, &event, payload).await?;
    tracing::debug!(event = %event.id, kind = %event.kind, ?heard, "heard from Stripe");
    Ok(Json(EventReceived { received: true }))
}

fn header(headers: &HeaderMap) -> &str {
    headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
