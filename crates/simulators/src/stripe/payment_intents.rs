//! PaymentIntents: docs.stripe.com/api/payment_intents/object. They are made by Checkout only; the routes that
//! make, confirm or cancel them are not simulated.

use serde::Serialize;
use serde_json::{Value, json};

use super::form::Metadata;
use super::table::Row;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    /// A transfer is on its way.
    Processing,
    /// The money is there.
    Succeeded,
    /// The transfer failed.
    RequiresPaymentMethod,
}

/// A PaymentIntent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// Three small letters.
    pub currency: String,
    /// Where it stands.
    pub status: IntentStatus,
    /// From `payment_intent_data[metadata]`, not from the session's metadata.
    pub metadata: Metadata,
    /// From `payment_intent_data[description]`.
    pub description: Option<String>,
    /// The charge, once there is one.
    pub latest_charge: Option<String>,
}

impl Row for PaymentIntent {
    fn id(&self) -> &str {
        &self.id
    }
}

impl PaymentIntent {
    /// As the API answers it.
    pub(super) fn json(&self) -> Value {
        let received = if self.status == IntentStatus::Succeeded { self.amount } else { 0 };
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": { "tip": {} },
            "amount_received": received,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": null,
            "canceled_at": null,
            "cancellation_reason": null,
            "capture_method": "automatic_async",
            "client_secret": format!("{}_secret_simulator", self.id),
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "last_payment_error": null,
            "latest_charge": self.latest_charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": null,
            "on_behalf_of": null,
            "payment_method": null,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "processing": null,
            "receipt_email": null,
            "review": null,
            "setup_future_usage": null,
            "shipping": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status,
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}
