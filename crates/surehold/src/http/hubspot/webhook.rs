//! HubSpot's webhook. Its signature is verified over the raw bytes before anything is read; 2xx only when what it asks
//! for is on disk.
//!
//! An event says that a credit was changed, never by how much: the history is read for that ([`crate::mirror`]). So it
//! only marks the contact, and an event that comes twice, late or in another order marks it once more.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::not_configured;
use crate::http::access;
use crate::http::app::App;
use crate::http::body;
use crate::http::error::{ApiError, ErrorBody};
use crate::hubspot::signature::{self, Signed};
use crate::hubspot::{Mapping, Portal, SignatureError};
use crate::store::mirror::credits;
use crate::store::orgs::OrgRow;

/// A hundred events, each with a value of some length.
const BODY_BYTES_MAX: usize = 1024 * 1024;
const FORWARDED_HOST: &str = "x-forwarded-host";

/// What is read of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HubSpotEvent {
    /// What happened: `object.propertyChange`, `contact.propertyChange`; others are heard and do nothing.
    pub subscription_type: String,
    /// The type of the record that it happened to; older subscriptions have it in their name.
    pub object_type_id: Option<String>,
    /// The record.
    pub object_id: u64,
    /// The property that was changed.
    pub property_name: Option<String>,
}

/// That events are heard.
#[derive(Serialize, ToSchema)]
pub struct EventsHeard {
    /// Always true.
    pub received: bool,
    /// Contacts that we know and whose credits are looked at now.
    pub contacts: u64,
}

/// Hear from HubSpot.
///
/// HubSpot's own server calls this, with up to a hundred events. Changes of credits of contacts that we know have their history read soon after;
/// all other events change nothing. Any of them may come twice, late and in any order.
#[utoipa::path(
    post, path = "/webhooks/hubspot", tag = "hubspot", security(()),
    params(
        ("X-HubSpot-Signature-v3" = String, Header, description = "Of method, URL, raw body and time"),
        ("X-HubSpot-Request-Timestamp" = String, Header, description = "In milliseconds, at most five minutes ago"),
    ),
    request_body = Vec<HubSpotEvent>,
    responses(
        (status = 200, description = "They are stored", body = EventsHeard),
        (status = 400, description = "`INVALID_EVENT`, `ORG_UNKNOWN`", body = ErrorBody),
        (status = 401, description = "`INVALID_SIGNATURE`: nothing was stored", body = ErrorBody),
        (status = 503, description = "`HUBSPOT_NOT_CONFIGURED`, `DATABASE_UNAVAILABLE`: nothing was stored; HubSpot sends it again", body = ErrorBody),
    )
)]
pub async fn webhook_hubspot(
    State(app): State<Arc<App>>,
    request: Request<axum::body::Body>,
) -> Result<Json<EventsHeard>, ApiError> {
    let (parts, body) = request.into_parts();
    let org = access::org_by_host(&app, &parts).await?;
    hear(&app, &org, parts, body).await
}

/// Hear from HubSpot, for one of several organisations.
///
/// The same, for a server that several organisations share: each has its own portal.
#[utoipa::path(
    post, path = "/webhooks/hubspot/{org}", tag = "hubspot", security(()),
    params(
        ("org" = String, Path, description = "The organisation's slug"),
        ("X-HubSpot-Signature-v3" = String, Header, description = "Of method, URL, raw body and time"),
        ("X-HubSpot-Request-Timestamp" = String, Header, description = "In milliseconds, at most five minutes ago"),
    ),
    request_body = Vec<HubSpotEvent>,
    responses(
        (status = 200, description = "They are stored", body = EventsHeard),
        (status = 400, description = "`INVALID_EVENT`, `ORG_UNKNOWN`", body = ErrorBody),
        (status = 401, description = "`INVALID_SIGNATURE`: nothing was stored", body = ErrorBody),
        (status = 503, description = "`HUBSPOT_NOT_CONFIGURED`, `DATABASE_UNAVAILABLE`: nothing was stored; HubSpot sends it again", body = ErrorBody),
    )
)]
pub async fn webhook_hubspot_of_org(
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    request: Request<axum::body::Body>,
) -> Result<Json<EventsHeard>, ApiError> {
    let (parts, body) = request.into_parts();
    let org = access::org_by_slug(&app, &slug).await?;
    hear(&app, &org, parts, body).await
}

async fn hear(app: &App, org: &OrgRow, parts: Parts, body: axum::body::Body) -> Result<Json<EventsHeard>, ApiError> {
    let portal = app.mirror.portal(org).filter(|portal| !portal.client_secrets.is_empty());
    let Some(portal) = portal else {
        let mut answer = not_configured();
        answer.cause = Some("the organisation has no portal, or no SUREHOLD_HUBSPOT_CLIENT_SECRET is set".into());
        return Err(answer);
    };
    let bytes = body::read_up_to(&parts.headers, body, app, BODY_BYTES_MAX).await?;
    if let Err(error) = verified(&portal, &parts, app.options.trusted_proxy_hops > 0, &bytes) {
        // Strangers' guesses count against their address.
        app.limits.count_address(&parts)?;
        let mut answer = ApiError::new(
            StatusCode::UNAUTHORIZED,
            "INVALID_SIGNATURE",
            "The signature is not right for this URL and body, or too old. Check the app's client secret, that proxies \
             pass the Host on, and the clock.",
        );
        answer.cause = Some(error.to_string().into());
        return Err(answer);
    }
    let events: Vec<Value> = serde_json::from_slice(&bytes)
        .map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "INVALID_EVENT", "These are not events of HubSpot's."))?;
    let changed = contacts_with_changed_credits(&portal.mapping, events);
    let contacts =
        if changed.is_empty() { 0 } else { credits::want_pull(&*app.store.read().await?, org.id, &changed).await? };
    tracing::debug!(changed = changed.len(), contacts, "heard from HubSpot");
    Ok(Json(EventsHeard { received: true, contacts }))
}

/// Whether HubSpot signed it for one of the URLs that this request may have been sent to.
fn verified(portal: &Portal, parts: &Parts, is_behind_proxies: bool, body: &[u8]) -> Result<(), SignatureError> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (given, timestamp) = (text(signature::SIGNATURE), text(signature::TIMESTAMP));
    let now = Timestamp::now().as_millisecond();
    let mut problem = SignatureError::Missing;
    for uri in urls(parts, is_behind_proxies) {
        let signed = Signed { method: parts.method.as_str(), uri: &uri, body };
        match signature::verify(signed, given, timestamp, &portal.client_secrets, now) {
            // Another URL may be the right one.
            Err(SignatureError::NoMatch) => problem = SignatureError::NoMatch,
            verdict => return verdict,
        }
    }
    Err(problem)
}

/// The URLs that HubSpot may have been told. Whether a proxy took TLS off is not known here, so both schemes are tried:
/// the secret is what counts. What a proxy says of the host is only read where there is one of ours.
fn urls(parts: &Parts, is_behind_proxies: bool) -> Vec<String> {
    let headers = &parts.headers;
    let forwarded = is_behind_proxies.then(|| first_of(headers, FORWARDED_HOST)).flatten();
    let host = first_of(headers, header::HOST.as_str()).or_else(|| parts.uri.authority().map(|a| a.as_str()));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let hosts = forwarded.into_iter().chain(host);
    hosts.flat_map(|host| ["https", "http"].map(|scheme| format!("{scheme}://{host}{path}"))).collect()
}

/// The first entry of a header that proxies append to.
fn first_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let value = headers.get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim).filter(|entry| !entry.is_empty())
}

/// HubSpot's ids of the contacts of which a credit was changed, each once. What is no event that we know is passed
/// over: HubSpot would send it again ten times.
fn contacts_with_changed_credits(mapping: &Mapping, events: Vec<Value>) -> Vec<String> {
    let names = &mapping.contacts;
    let is_credit = |name: &str| names.credits.values().any(|credit| credit.property == name);
    let is_contact = |event: &HubSpotEvent| match event.subscription_type.as_str() {
        "contact.propertyChange" => true,
        "object.propertyChange" => event.object_type_id.as_deref() == Some(names.object.as_str()),
        _ => false,
    };
    let known = events.into_iter().filter_map(|event| serde_json::from_value::<HubSpotEvent>(event).ok());
    let changed = known.filter(|event| is_contact(event) && event.property_name.as_deref().is_some_and(is_credit));
    let ids: BTreeSet<String> = changed.map(|event| event.object_id.to_string()).collect();
    ids.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn urls_of(headers: &[(&str, &str)], uri: &str, is_behind_proxies: bool) -> Vec<String> {
        let mut request = Request::builder().method("POST").uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        urls(&request.body(()).expect("a request").into_parts().0, is_behind_proxies)
    }

    #[test]
    fn a_url_is_as_the_caller_sees_it() {
        let path = "/webhooks/hubspot/acme?x=%40";
        let direct = [("host", "acme.example:8443"), ("x-forwarded-host", "evil.example")];
        assert_eq!(
            urls_of(&direct, path, false),
            [format!("https://acme.example:8443{path}"), format!("http://acme.example:8443{path}")]
        );
        let proxied = [("host", "10.0.0.1:8787"), ("x-forwarded-host", "acme.example, inner.example")];
        assert_eq!(urls_of(&proxied, path, true)[0], format!("https://acme.example{path}"));
        assert!(urls_of(&proxied, path, true).contains(&format!("https://10.0.0.1:8787{path}")));
        assert_eq!(urls_of(&[], "https://acme.example/a", false)[0], "https://acme.example/a");
    }

    #[test]
    fn only_changes_of_credits_of_contacts_count() {
        let event = |kind: &str, of: Value, id: Value, property: &str| json!({ "subscriptionType": kind, "objectTypeId": of, "objectId": id, "propertyName": property });
        let mapping = Mapping::default();
        let change = "object.propertyChange";
        let events = vec![
            event(change, json!("0-1"), json!(7), "cs_credits"),
            event(change, json!("0-1"), json!(7), "sj_credits"),
            event("contact.propertyChange", json!(null), json!(8), "shared_mock_credits"),
            // Not ours: another property, our shadow, another object, another type, no event at all.
            event(change, json!("0-1"), json!(1), "firstname"),
            event(change, json!("0-1"), json!(2), "surehold_cs_credits"),
            event(change, json!("2-50158943"), json!(3), "cs_credits"),
            event("object.creation", json!("0-1"), json!(4), "cs_credits"),
            event(change, json!(null), json!(5), "cs_credits"),
            event(change, json!("0-1"), json!("six"), "cs_credits"),
            json!("what is this"),
            json!({ "subscriptionType": "a.type.of.next.year" }),
        ];
        assert_eq!(contacts_with_changed_credits(&mapping, events), ["7", "8"]);
    }
}
