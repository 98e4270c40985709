//! Sending webhooks: docs.stripe.com/webhooks. Apart from the API, which never waits for a receiver.
//!
//! A delivery is over when the receiver answers 2xx; anything else, also a redirect, is a failure and is tried
//! again, later and later. Stripe gives up after days; the simulator does not give up.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, header};
use http_body_util::Full;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::clock;
use super::outbox::WebhookEndpoint;
use super::signature::signature_header;
use super::state::State;
use crate::delivery::{self, HttpClient};
use crate::shared::{Shared, until_due};

/// A delivery that is to be sent now.
struct Sending {
    number: u64,
    endpoint: WebhookEndpoint,
    body: String,
}

/// Sends what is due, for ever.
pub(super) async fn deliver(shared: Arc<Shared<State>>, answer_within: Duration) {
    let client = delivery::client();
    let mut changes = shared.subscribe();
    let mut sends = JoinSet::new();
    loop {
        changes.mark_unchanged();
        let (ready, next) = shared.look(|state| (take_all(state), state.outbox.next_due(Instant::now())));
        for sending in ready {
            sends.spawn(send(shared.clone(), client.clone(), sending, answer_within));
        }
        tokio::select! {
            () = until_due(next) => {}
            changed = changes.changed() => if changed.is_err() { return },
            Some(_) = sends.join_next() => {}
        }
    }
}

/// Takes everything that can be sent now. What is lost on the way is never sent.
fn take_all(state: &mut State) -> Vec<Sending> {
    let mut ready = Vec::new();
    while let Some((number, delivery, endpoint)) =
        state.outbox.take(Instant::now(), state.faults.faults.webhooks.reorder)
    {
        let Some(event) = state.events.get(&delivery.event_id) else {
            state.outbox.lose(number);
            continue;
        };
        match state.faults.lost(event.kind) {
            None => ready.push(Sending { number, endpoint, body: pretty(event.json()) }),
            Some(true) => state.outbox.fail(number, "lost on the way".to_owned()),
            Some(false) => state.outbox.lose(number),
        }
    }
    ready
}

/// With line breaks, as Stripe sends it: a receiver that parses before it verifies would be found out.
fn pretty(value: serde_json::Value) -> String {
    format!("{value:#}")
}

async fn send(shared: Arc<Shared<State>>, client: HttpClient, sending: Sending, answer_within: Duration) {
    let Sending { number, endpoint, body } = sending;
    let outcome = attempt(&client, &endpoint, body, answer_within).await;
    shared.change(|state| match outcome {
        Ok(()) => {
            if let Some(event) = state.outbox.acknowledge(number).and_then(|id| state.events.get_mut(&id)) {
                event.pending_webhooks = event.pending_webhooks.saturating_sub(1);
            }
        }
        Err(failure) => state.outbox.fail(number, failure),
    });
}

async fn attempt(
    client: &HttpClient,
    endpoint: &WebhookEndpoint,
    body: String,
    within: Duration,
) -> Result<(), String> {
    // Signed anew at each attempt: receivers refuse signatures that are older than some minutes.
    let signature = signature_header(&endpoint.secrets, clock::now(), body.as_bytes());
    let request = Request::post(&endpoint.url)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header(header::CACHE_CONTROL, "no-cache")
        .header("stripe-signature", signature)
        .body(Full::from(body))
        .map_err(|error| error.to_string())?;
    delivery::send(client, request, within).await
}
