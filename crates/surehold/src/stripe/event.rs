//! Events: what Stripe tells a webhook.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::charge::Charge;
use super::checkout_session::CheckoutSession;
use super::dispute::Dispute;
use super::refund::Refund;

/// An event. Stripe delivers it at least once, in any order, and its object is as it was then: whoever acts on
/// it asks Stripe how the object is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `evt_…`. Deliveries of the same event have the same id; Stripe may still make two events of one
    /// happening.
    pub id: String,
    /// Stripe's `type`, such as `checkout.session.completed`.
    pub kind: String,
    /// When it happened, in seconds since 1970.
    pub created: i64,
    /// Whether it is about real money.
    pub livemode: bool,
    /// The version of the API that the object is written in.
    pub api_version: Option<String>,
    /// The connected account that it is about, if it is not the webhook's own.
    pub account: Option<String>,
    /// Stripe's `data.object`.
    pub object: Value,
}

/// What is wrong with a body whose signature is right.
#[derive(Debug, Error)]
pub enum EventError {
    /// It is not an event as the API's version 1 writes it.
    #[error("not an event of Stripe: {0}")]
    Unreadable(serde_json::Error),
    /// The event is about something else.
    #[error("the event is about a {found:?}, not about a {expected:?}")]
    OtherObject {
        /// Stripe's name for what was asked for.
        expected: &'static str,
        /// Stripe's name for what is there.
        found: String,
    },
    /// The object lacks what its kind always has.
    #[error("unreadable {name}: {cause}")]
    UnreadableObject {
        /// Stripe's name for what was asked for.
        name: &'static str,
        /// What is missing.
        cause: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "object")]
    _object: EventName,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    livemode: bool,
    api_version: Option<String>,
    account: Option<String>,
    data: Data,
}

/// The only word that is allowed there.
#[derive(Deserialize)]
enum EventName {
    #[serde(rename = "event")]
    Event,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

impl Event {
    /// Reads an event from the raw bytes of a request. Its signature must have been verified, over the same
    /// bytes ([`super::signature::verify`]).
    ///
    /// # Errors
    ///
    /// [`EventError::Unreadable`]
    pub fn parse(body: &[u8]) -> Result<Event, EventError> {
        let envelope: Envelope = serde_json::from_slice(body).map_err(EventError::Unreadable)?;
        Ok(Event {
            id: envelope.id,
            kind: envelope.kind,
            created: envelope.created,
            livemode: envelope.livemode,
            api_version: envelope.api_version,
            account: envelope.account,
            object: envelope.data.object,
        })
    }

    /// The id of the object that it is about.
    pub fn object_id(&self) -> Option<&str> {
        self.object.get("id").and_then(Value::as_str)
    }

    /// What we, or somebody else, noted on the object when it was made.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.object.get("metadata")?.get(name)?.as_str()
    }

    /// The object of `checkout.session.…`.
    ///
    /// # Errors
    ///
    /// It is about something else, or cannot be read.
    pub fn checkout_session(&self) -> Result<CheckoutSession, EventError> {
        self.object_as("checkout.session")
    }

    /// The object of `charge.refunded` and other `charge.…`.
    ///
    /// # Errors
    ///
    /// It is about something else, or cannot be read.
    pub fn charge(&self) -> Result<Charge, EventError> {
        self.object_as("charge")
    }

    /// The object of `refund.…`.
    ///
    /// # Errors
    ///
    /// It is about something else, or cannot be read.
    pub fn refund(&self) -> Result<Refund, EventError> {
        self.object_as("refund")
    }

    /// The object of `charge.dispute.…`.
    ///
    /// # Errors
    ///
    /// It is about something else, or cannot be read.
    pub fn dispute(&self) -> Result<Dispute, EventError> {
        self.object_as("dispute")
    }

    fn object_as<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, EventError> {
        let found = self.object.get("object").and_then(Value::as_str).unwrap_or_default();
        if found != name {
            return Err(EventError::OtherObject { expected: name, found: found.to_owned() });
        }
        T::deserialize(&self.object).map_err(|cause| EventError::UnreadableObject { name, cause })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, object: &Value) -> Event {
        let body = json!({
            "id": "evt_1", "object": "event", "api_version": "2025-09-30.clover", "created": 1_700_000_000,
            "livemode": false, "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
            "type": kind, "data": { "object": object, "previous_attributes": {} },
        });
        Event::parse(body.to_string().as_bytes()).expect("an event")
    }

    #[test]
    fn an_event_is_read() {
        let event = event("charge.refunded", &json!({ "id": "ch_1", "object": "charge" }));
        assert_eq!((event.id.as_str(), event.kind.as_str()), ("evt_1", "charge.refunded"));
        assert_eq!((event.created, event.livemode, event.account.as_deref()), (1_700_000_000, false, None));
        assert_eq!((event.object_id(), event.api_version.as_deref()), (Some("ch_1"), Some("2025-09-30.clover")));
    }

    #[test]
    fn each_object_is_read_as_what_it_is() {
        let session = json!({ "id": "cs_1", "object": "checkout.session", "status": "complete",
            "payment_status": "paid", "payment_intent": "pi_1", "expires_at": 5, "metadata": {} });
        let completed = event("checkout.session.completed", &session);
        assert_eq!(completed.checkout_session().expect("a session").payment_intent.as_deref(), Some("pi_1"));

        let charge = json!({ "id": "ch_1", "object": "charge", "amount": 5, "amount_refunded": 2, "currency": "usd",
            "refunded": false, "payment_intent": "pi_1", "metadata": {} });
        assert_eq!(event("charge.refunded", &charge).charge().expect("a charge").amount_refunded, 2);

        let refund = json!({ "id": "re_1", "object": "refund", "amount": 5, "currency": "usd", "status": "failed",
            "created": 7, "payment_intent": "pi_1", "metadata": null });
        assert_eq!(event("refund.failed", &refund).refund().expect("a refund").status.as_str(), "failed");

        let dispute = json!({ "id": "du_1", "object": "dispute", "amount": 5, "currency": "usd", "charge": "ch_1",
            "status": "needs_response", "reason": "fraudulent" });
        let disputed = event("charge.dispute.created", &dispute);
        assert_eq!(disputed.dispute().expect("a dispute").charge.as_deref(), Some("ch_1"));
    }

    #[test]
    fn an_object_is_not_taken_for_another() {
        // A dispute has an amount and a currency, too.
        let dispute = event("charge.dispute.created", &json!({ "id": "du_1", "object": "dispute" }));
        let error = dispute.charge().expect_err("no charge").to_string();
        assert_eq!(error, "the event is about a \"dispute\", not about a \"charge\"");
        let error = dispute.dispute().expect_err("incomplete").to_string();
        assert!(error.starts_with("unreadable dispute: missing field"), "{error}");
        assert!(event("x", &json!({})).refund().is_err() && event("x", &json!(null)).refund().is_err());
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        let thin = r#"{"id":"evt_1","object":"v2.core.event","type":"t","created":"2026-01-01T00:00:00Z"}"#;
        for body in ["", "null", "[]", "{", r#"{"id":"evt_test","object":"event"}"#, thin] {
            assert!(matches!(Event::parse(body.as_bytes()), Err(EventError::Unreadable(_))), "{body}");
        }
        let other = r#"{"id":"x","object":"charge","type":"t","created":1,"livemode":false,"data":{"object":{}}}"#;
        assert!(Event::parse(other.as_bytes()).is_err(), "an object of another kind");
        assert!(Event::parse(other.replace("\"charge\"", "\"event\"").as_bytes()).is_ok());
    }
}
