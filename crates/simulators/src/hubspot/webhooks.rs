//! Sending webhooks. Apart from the API, which never waits for a receiver. HubSpot tries ten times within a day;
//! here the waits are short.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, header};
use http_body_util::Full;
use tokio::time::Instant;

use super::clock;
use super::outbox::Webhook;
use super::signature::sign;
use super::state::State;
use crate::delivery::{self, HttpClient};
use crate::shared::{Shared, until_due};

/// Sends what is due, for ever.
pub(super) async fn deliver(shared: Arc<Shared<State>>, answer_within: Duration) {
    let client = delivery::client();
    let mut changes = shared.subscribe();
    loop {
        changes.mark_unchanged();
        let now = Instant::now();
        let (ready, next) = shared.look(|state| {
            let reorder = state.faults.faults.webhooks.reorder;
            (state.outbox.take(now, reorder), state.outbox.next_due(now))
        });
        if let Some((webhook, events)) = ready {
            let outcome = send(&client, &webhook, events.to_string(), answer_within).await;
            shared.change(|state| state.outbox.end(outcome));
            continue;
        }
        tokio::select! {
            () = until_due(next) => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

async fn send(client: &HttpClient, webhook: &Webhook, body: String, within: Duration) -> Result<(), String> {
    // Signed anew at each attempt: receivers refuse signatures that are older than five minutes.
    let timestamp = clock::now();
    let signature = sign(&webhook.client_secret, "POST", &webhook.url, body.as_bytes(), timestamp);
    let request = Request::post(&webhook.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "HubSpot Webhooks (https://developers.hubspot.com)")
        .header("x-hubspot-signature-v3", signature)
        .header("x-hubspot-request-timestamp", timestamp)
        .body(Full::from(body))
        .map_err(|error| error.to_string())?;
    delivery::send(client, request, within).await
}
