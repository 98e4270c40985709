//! Checkout Sessions: Stripe's payment page for one purchase.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::client::{Stripe, checked_id};
use super::error::StripeError;
use super::form::Form;
use super::open_enum::open_enum;
use super::wire::{id_of, null_is_empty};

/// A payment page to be made.
#[derive(Debug, Clone)]
pub struct NewCheckoutSession {
    /// What is paid for.
    pub line_items: Vec<LineItem>,
    /// ISO 4217, for all lines.
    pub currency: String,
    /// Our own name for it, which comes back in events: at most 200 characters.
    pub client_reference_id: String,
    /// Comes back with the session, the Payment Intent and its charge: at most 50 pairs, keys to 40
    /// characters without square brackets, values to 500.
    pub metadata: Vec<(String, String)>,
    /// Where the customer goes after paying; Stripe puts the id in the place of `{CHECKOUT_SESSION_ID}`.
    pub success_url: String,
    /// Where the customer goes who gives up.
    pub cancel_url: String,
    /// When the page stops taking money: between 30 minutes and 24 hours after Stripe makes it. To whole
    /// seconds.
    pub expires_at: Timestamp,
    /// Fills in the field on the page.
    pub customer_email: Option<String>,
}

/// A line of the bill.
#[derive(Debug, Clone)]
pub struct LineItem {
    /// As the customer reads it.
    pub name: String,
    /// Price of one, in the currency's smallest unit.
    pub unit_amount_minor: i64,
    /// How many.
    pub quantity: i64,
}

impl NewCheckoutSession {
    /// The bytes that [`Stripe::create_checkout_session`] sends. The same session makes the same bytes.
    pub fn to_form(&self) -> String {
        let mut form = Form::default();
        form.push("mode", "payment");
        // Else Stripe may take another currency, and the amounts are not ours any more.
        form.push("adaptive_pricing[enabled]", false);
        form.push("client_reference_id", &self.client_reference_id);
        if let Some(email) = &self.customer_email {
            form.push("customer_email", email);
        }
        form.push("expires_at", self.expires_at.as_second());
        form.push("success_url", &self.success_url);
        form.push("cancel_url", &self.cancel_url);
        for (index, item) in self.line_items.iter().enumerate() {
            let line = format!("line_items[{index}]");
            form.push(&format!("{line}[quantity]"), item.quantity);
            form.push(&format!("{line}[price_data][currency]"), &self.currency);
            form.push(&format!("{line}[price_data][unit_amount]"), item.unit_amount_minor);
            form.push(&format!("{line}[price_data][product_data][name]"), &item.name);
        }
        // Stripe does not hand the session's on: charges and refunds have the Payment Intent's.
        form.push_map("metadata", &self.metadata);
        form.push_map("payment_intent_data[metadata]", &self.metadata);
        form.finish()
    }
}

/// A payment page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckoutSession {
    /// `cs_…`.
    pub id: String,
    /// Whether the page still takes money.
    pub status: SessionStatus,
    /// Whether the money came. Seats are given for this and for nothing else.
    pub payment_status: PaymentStatus,
    /// Where the page is; none once it is not open any more.
    #[serde(default)]
    pub url: Option<String>,
    /// None until the customer confirms.
    #[serde(default, deserialize_with = "id_of")]
    pub payment_intent: Option<String>,
    /// In the currency's smallest unit.
    #[serde(default)]
    pub amount_total: Option<i64>,
    /// ISO 4217, lower case.
    #[serde(default)]
    pub currency: Option<String>,
    /// Our own name for it.
    #[serde(default)]
    pub client_reference_id: Option<String>,
    /// Ours.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// When the page stops taking money, in seconds since 1970.
    pub expires_at: i64,
}

open_enum! {
    /// What became of a payment page.
    SessionStatus {
        /// The customer may still pay.
        Open = "open",
        /// The customer is done; the money may still be on its way.
        Complete = "complete",
        /// It takes no money any more.
        Expired = "expired",
    }
}

open_enum! {
    /// Whether the money came.
    PaymentStatus {
        /// It did.
        Paid = "paid",
        /// It did not, or not yet.
        Unpaid = "unpaid",
        /// There was nothing to pay.
        NoPaymentRequired = "no_payment_required",
    }
}

impl Stripe {
    /// Makes a payment page, once per key, from the bytes of [`NewCheckoutSession::to_form`].
    ///
    /// # Errors
    ///
    /// [`StripeError`]; when it is unknown what happened, the same bytes under the same key find out.
    pub async fn create_checkout_session(
        &self,
        form: &str,
        idempotency_key: &str,
    ) -> Result<CheckoutSession, StripeError> {
        self.post("checkout/sessions", form, Some(idempotency_key)).await
    }

    /// A payment page as it is now.
    ///
    /// # Errors
    ///
    /// [`StripeError`]; a refusal with the status 404 if there is none.
    pub async fn retrieve_checkout_session(&self, id: &str) -> Result<CheckoutSession, StripeError> {
        self.get(&format!("checkout/sessions/{}", checked_id(id)?), "").await
    }

    /// Closes a payment page, so that nobody can pay any more.
    ///
    /// # Errors
    ///
    /// [`StripeError`]; a refusal if the page is not open: somebody paid, or it is closed already. Retrieve
    /// it to know which.
    pub async fn expire_checkout_session(&self, id: &str) -> Result<CheckoutSession, StripeError> {
        // Without a key: it can be done once anyway, and a key would keep an early failure alive.
        self.post(&format!("checkout/sessions/{}/expire", checked_id(id)?), "", None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> NewCheckoutSession {
        NewCheckoutSession {
            line_items: vec![
                LineItem { name: "Lake & hills".to_owned(), unit_amount_minor: 5000, quantity: 2 },
                LineItem { name: "Lunch".to_owned(), unit_amount_minor: 1250, quantity: 1 },
            ],
            currency: "usd".to_owned(),
            client_reference_id: "b1".to_owned(),
            metadata: vec![("org".to_owned(), "acme".to_owned()), ("booking_id".to_owned(), "b1".to_owned())],
            success_url: "https://example.com/done?session={CHECKOUT_SESSION_ID}".to_owned(),
            cancel_url: "https://example.com/back".to_owned(),
            expires_at: "2026-03-01T12:00:00.9Z".parse().expect("an instant"),
            customer_email: Some("ann+trip@example.com".to_owned()),
        }
    }

    #[test]
    fn the_form_is_these_bytes() {
        let expected = [
            "mode=payment",
            "adaptive_pricing[enabled]=false",
            "client_reference_id=b1",
            "customer_email=ann%2Btrip%40example.com",
            "expires_at=1772366400",
            "success_url=https%3A%2F%2Fexample.com%2Fdone%3Fsession%3D%7BCHECKOUT_SESSION_ID%7D",
            "cancel_url=https%3A%2F%2Fexample.com%2Fback",
            "line_items[0][quantity]=2",
            "line_items[0][price_data][currency]=usd",
            "line_items[0][price_data][unit_amount]=5000",
            "line_items[0][price_data][product_data][name]=Lake+%26+hills",
            "line_items[1][quantity]=1",
            "line_items[1][price_data][currency]=usd",
            "line_items[1][price_data][unit_amount]=1250",
            "line_items[1][price_data][product_data][name]=Lunch",
            "metadata[org]=acme",
            "metadata[booking_id]=b1",
            "payment_intent_data[metadata][org]=acme",
            "payment_intent_data[metadata][booking_id]=b1",
        ];
        assert_eq!(session().to_form(), expected.join("&"));
        assert_eq!(session().to_form(), session().to_form());
    }

    #[test]
    fn without_an_email_the_field_is_absent() {
        let form = NewCheckoutSession { customer_email: None, ..session() }.to_form();
        assert!(!form.contains("email"), "{form}");
    }

    #[test]
    fn an_open_session_is_read() {
        let session: CheckoutSession = serde_json::from_str(
            r#"{"id":"cs_test_1","object":"checkout.session","status":"open","payment_status":"unpaid",
                "url":"https://checkout.stripe.com/c/pay/cs_test_1","payment_intent":null,"amount_total":11250,
                "currency":"usd","client_reference_id":"b1","metadata":{"org":"acme"},"expires_at":1772366400,
                "adaptive_pricing":{"enabled":false},"livemode":false}"#,
        )
        .expect("a session");
        assert_eq!((session.status, session.payment_status), (SessionStatus::Open, PaymentStatus::Unpaid));
        assert_eq!((session.payment_intent, session.amount_total), (None, Some(11250)));
        assert_eq!(session.metadata["org"], "acme");
        assert!(session.url.expect("a page").ends_with("cs_test_1"));
    }

    #[test]
    fn a_session_with_an_expanded_intent_and_later_words_is_read() {
        let session: CheckoutSession = serde_json::from_str(
            r#"{"id":"cs_1","status":"on_hold","payment_status":"no_payment_required","url":null,
                "payment_intent":{"id":"pi_1","status":"succeeded"},"metadata":null,"expires_at":1}"#,
        )
        .expect("a session");
        assert_eq!(session.payment_intent.as_deref(), Some("pi_1"));
        assert_eq!(session.status, SessionStatus::Other("on_hold".to_owned()));
        assert_eq!(session.payment_status, PaymentStatus::NoPaymentRequired);
    }
}
