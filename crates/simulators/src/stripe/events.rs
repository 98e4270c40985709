//! Events: docs.stripe.com/api/events/object.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::state::State;
use super::table::Row;
use super::{clock, ids};

/// The version of the API whose shapes are imitated.
pub(super) const API_VERSION: &str = "2026-08-26.dahlia";

/// The request that an event comes from; empty for what happens on the page or by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cause {
    /// The header `Request-Id` of the answer.
    pub(super) request_id: Option<String>,
    /// The caller's `Idempotency-Key`.
    pub(super) idempotency_key: Option<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) kind: &'static str,
    /// The object as it was at that time.
    pub(super) object: Value,
    pub(super) cause: Cause,
    /// Endpoints that have not acknowledged it.
    pub(super) pending_webhooks: usize,
}

impl Row for Event {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Event {
    /// As the API answers it and webhooks carry it.
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": { "object": self.object },
            "livemode": false,
            "pending_webhooks": self.pending_webhooks,
            "request": { "id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key },
            "type": self.kind,
        })
    }
}

impl State {
    /// Delivers an event again, as the dashboard's "Resend" does.
    pub(super) fn resend(&mut self, id: &str) -> Result<Value, ApiError> {
        let missing = || ApiError::no_such("event", id, "id").status(StatusCode::NOT_FOUND);
        let event = self.events.get_mut(id).ok_or_else(missing)?;
        event.pending_webhooks = self.outbox.add(id, &mut self.faults);
        Ok(event.json())
    }

    /// Records an event and queues it for every endpoint.
    pub(super) fn emit(&mut self, kind: &'static str, object: Value, cause: &Cause) {
        // Stripe may make two events of one occurrence: docs.stripe.com/webhooks, "Handle duplicate events".
        let twins = if self.faults.twin_event() { 2 } else { 1 };
        for _ in 0..twins {
            let id = ids::new("evt_1", 23);
            let pending_webhooks = self.outbox.add(&id, &mut self.faults);
            self.events.insert(Event {
                id,
                created: clock::now(),
                kind,
                object: object.clone(),
                cause: cause.clone(),
                pending_webhooks,
            });
        }
    }
}
