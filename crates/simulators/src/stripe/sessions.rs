//! Checkout Sessions: docs.stripe.com/api/checkout/sessions/object.

use serde::Serialize;
use serde_json::{Value, json};

use super::form::Metadata;
use super::table::Row;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Can be paid.
    Open,
    /// Checkout is over; the money may still be on its way.
    Complete,
    /// Cannot be paid any more.
    Expired,
}

/// Where the money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// There.
    Paid,
    /// Not there, or not yet.
    Unpaid,
    /// The total is zero.
    NoPaymentRequired,
}

/// What is bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineItem {
    /// `li_…`
    pub id: String,
    /// The product's name, as the caller gave it.
    pub name: String,
    /// The product's description.
    pub description: Option<String>,
    /// How many.
    pub quantity: i64,
    /// The price of one, in the smallest unit of the currency.
    pub unit_amount: i64,
}

/// A Checkout Session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `cs_test_…`
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// When it stops being open, in seconds since 1970.
    pub expires_at: i64,
    /// Where it stands.
    pub status: SessionStatus,
    /// Where the money is.
    pub payment_status: PaymentStatus,
    /// What is bought.
    pub line_items: Vec<LineItem>,
    /// Three small letters.
    pub currency: String,
    /// The total, in the smallest unit of the currency.
    pub amount_total: i64,
    /// The caller's own name for the purchase.
    pub client_reference_id: Option<String>,
    /// The buyer's address, if the caller knows it.
    pub customer_email: Option<String>,
    /// The session's own metadata.
    pub metadata: Metadata,
    /// The metadata that the PaymentIntent will have.
    pub payment_intent_metadata: Metadata,
    /// The description that the PaymentIntent will have.
    pub payment_intent_description: Option<String>,
    /// Where the buyer goes afterwards; may hold `{CHECKOUT_SESSION_ID}`.
    pub success_url: String,
    /// Where the buyer goes who leaves.
    pub cancel_url: Option<String>,
    /// Whether Stripe may show another currency. The simulator never does.
    pub adaptive_pricing: bool,
    /// None until the buyer has confirmed (since Stripe's API version 2022-08-01).
    pub payment_intent: Option<String>,
}

impl Row for Session {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Session {
    /// Whether it can be paid.
    pub fn is_open(&self) -> bool {
        self.status == SessionStatus::Open
    }

    /// Where the buyer goes after paying.
    pub fn success_target(&self) -> String {
        self.success_url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }

    /// As the API answers it. The link of the payment page is there only while the session is open.
    pub(super) fn json(&self, base_url: &str) -> Value {
        let email = self.customer_email.as_deref();
        let details = (email.is_some() || !self.is_open())
            .then(|| json!({ "email": email, "name": null, "phone": null, "address": null, "tax_exempt": "none", "tax_ids": [] }));
        json!({
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": self.adaptive_pricing },
            "after_expiration": null,
            "allow_promotion_codes": null,
            "amount_subtotal": self.amount_total,
            "amount_total": self.amount_total,
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "billing_address_collection": null,
            "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id,
            "client_secret": null,
            "consent": null,
            "consent_collection": null,
            "created": self.created,
            "currency": self.currency,
            "currency_conversion": null,
            "custom_fields": [],
            "custom_text": { "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null },
            "customer": null,
            "customer_creation": "if_required",
            "customer_details": details,
            "customer_email": email,
            "discounts": [],
            "expires_at": self.expires_at,
            "invoice": null,
            "invoice_creation": { "enabled": false },
            "livemode": false,
            "locale": null,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": self.payment_intent,
            "payment_link": null,
            "payment_method_collection": "if_required",
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "payment_status": self.payment_status,
            "phone_number_collection": { "enabled": false },
            "recovered_from": null,
            "saved_payment_method_options": null,
            "setup_intent": null,
            "shipping_address_collection": null,
            "shipping_cost": null,
            "shipping_options": [],
            "status": self.status,
            "submit_type": null,
            "subscription": null,
            "success_url": self.success_url,
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": "hosted",
            "url": self.is_open().then(|| format!("{base_url}/pay/{}", self.id)),
        })
    }

    /// Its line items as a list: not part of the session unless asked for with `expand`.
    pub(super) fn line_items_json(&self) -> Value {
        let item = |item: &LineItem| {
            let total = item.quantity * item.unit_amount;
            json!({
                "id": item.id,
                "object": "item",
                "amount_discount": 0,
                "amount_subtotal": total,
                "amount_tax": 0,
                "amount_total": total,
                "currency": self.currency,
                "description": item.name,
                "price": { "object": "price", "currency": self.currency, "type": "one_time", "unit_amount": item.unit_amount },
                "quantity": item.quantity,
            })
        };
        json!({
            "object": "list",
            "url": format!("/v1/checkout/sessions/{}/line_items", self.id),
            "has_more": false,
            "data": self.line_items.iter().map(item).collect::<Vec<_>>(),
        })
    }
}
