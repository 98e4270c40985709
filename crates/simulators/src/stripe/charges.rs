//! Charges and disputes: docs.stripe.com/api/charges/object, docs.stripe.com/api/disputes/object.

use serde_json::{Value, json};

use super::form::Metadata;
use super::table::Row;

/// A Charge. Only charges that succeeded are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// `ch_…`
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// What went back, or is on its way back; refunds that failed do not count.
    pub amount_refunded: i64,
    /// Three small letters.
    pub currency: String,
    /// What it belongs to.
    pub payment_intent: String,
    /// Copied from the PaymentIntent.
    pub metadata: Metadata,
    /// Whether the buyer's bank wants the money back.
    pub disputed: bool,
    /// The buyer's address.
    pub email: Option<String>,
}

impl Row for Charge {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Charge {
    /// What can still be refunded.
    pub fn rest(&self) -> i64 {
        self.amount - self.amount_refunded
    }

    /// As the API answers it.
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount,
            "amount_refunded": self.amount_refunded,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": null,
            "billing_details": { "address": null, "email": self.email, "name": null, "phone": null, "tax_id": null },
            "calculated_statement_descriptor": "SIMULATOR",
            "captured": true,
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "description": null,
            "disputed": self.disputed,
            "failure_balance_transaction": null,
            "failure_code": null,
            "failure_message": null,
            "fraud_details": {},
            "livemode": false,
            "metadata": self.metadata,
            "on_behalf_of": null,
            "outcome": { "network_status": "approved_by_network", "reason": null, "risk_level": "normal", "seller_message": "Payment complete.", "type": "authorized" },
            "paid": true,
            "payment_intent": self.payment_intent,
            "payment_method": null,
            "payment_method_details": { "type": "card", "card": { "brand": "visa", "last4": "4242" } },
            "receipt_email": null,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": self.rest() == 0,
            "review": null,
            "shipping": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": "succeeded",
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

/// A dispute of the whole rest of a charge, as its event carries it. Disputes cannot be answered here.
pub(super) fn dispute_json(id: &str, charge: &Charge, created: i64) -> Value {
    json!({
        "id": id,
        "object": "dispute",
        "amount": charge.rest(),
        "balance_transactions": [],
        "charge": charge.id,
        "created": created,
        "currency": charge.currency,
        "evidence": {},
        "evidence_details": { "due_by": created + 7 * 86_400, "has_evidence": false, "past_due": false, "submission_count": 0 },
        "is_charge_refundable": false,
        "livemode": false,
        "metadata": {},
        "payment_intent": charge.payment_intent,
        "reason": "fraudulent",
        "status": "needs_response",
    })
}
