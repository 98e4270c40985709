//! Refunds: money that goes back.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::{Stripe, checked_id};
use super::error::StripeError;
use super::form::Form;
use super::open_enum::open_enum;
use super::wire::{id_of, null_is_empty};

/// The largest page that Stripe gives.
const PAGE: usize = 100;
/// Pages after which a list of refunds of one payment cannot be true.
const PAGES_MAX: usize = 100;

/// A refund to be made.
#[derive(Debug, Clone)]
pub struct NewRefund {
    /// The payment to take it from.
    pub payment_intent: String,
    /// How much, in the currency's smallest unit.
    pub amount_minor: i64,
    /// Why, as far as Stripe asks.
    pub reason: Option<RefundReason>,
    /// Comes back with the refund: at most 50 pairs, keys to 40 characters without square brackets, values
    /// to 500.
    pub metadata: Vec<(String, String)>,
}

/// The reasons that Stripe takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundReason {
    /// Paid twice.
    Duplicate,
    /// Stripe then also blocks the card and the email address.
    Fraudulent,
    /// The customer asked.
    RequestedByCustomer,
}

impl RefundReason {
    /// Stripe's word.
    pub fn as_str(self) -> &'static str {
        match self {
            RefundReason::Duplicate => "duplicate",
            RefundReason::Fraudulent => "fraudulent",
            RefundReason::RequestedByCustomer => "requested_by_customer",
        }
    }
}

impl NewRefund {
    /// The bytes that [`Stripe::create_refund`] sends. The same refund makes the same bytes.
    pub fn to_form(&self) -> String {
        let mut form = Form::default();
        form.push("payment_intent", &self.payment_intent);
        // Always said: without it Stripe would give back all that is left.
        form.push("amount", self.amount_minor);
        if let Some(reason) = self.reason {
            form.push("reason", reason.as_str());
        }
        form.push_map("metadata", &self.metadata);
        form.finish()
    }
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refund {
    /// `re_…`, or `pyr_…` for some payment methods.
    pub id: String,
    /// How far it is. It may fail after it succeeded.
    pub status: RefundStatus,
    /// In the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// The payment that it was taken from.
    #[serde(default, deserialize_with = "id_of")]
    pub payment_intent: Option<String>,
    /// The charge that it was taken from.
    #[serde(default, deserialize_with = "id_of")]
    pub charge: Option<String>,
    /// Why it failed, in Stripe's word.
    #[serde(default)]
    pub failure_reason: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// Ours; empty for refunds made in Stripe's dashboard.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub metadata: BTreeMap<String, String>,
}

open_enum! {
    /// How far a refund is.
    RefundStatus {
        /// On its way.
        Pending = "pending",
        /// The customer has to do something.
        RequiresAction = "requires_action",
        /// The bank has it.
        Succeeded = "succeeded",
        /// The money came back to the account; it has to reach the customer in another way.
        Failed = "failed",
        /// It will not be made.
        Canceled = "canceled",
    }
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Refund>,
    has_more: bool,
}

impl Stripe {
    /// Gives money back, once per key, from the bytes of [`NewRefund::to_form`].
    ///
    /// # Errors
    ///
    /// [`StripeError`]; a refusal with the code `charge_already_refunded` if nothing is left. When it is
    /// unknown what happened, the same bytes under the same key find out.
    pub async fn create_refund(&self, form: &str, idempotency_key: &str) -> Result<Refund, StripeError> {
        self.post("refunds", form, Some(idempotency_key)).await
    }

    /// A refund as it is now.
    ///
    /// # Errors
    ///
    /// [`StripeError`]; a refusal with the status 404 if there is none.
    pub async fn retrieve_refund(&self, id: &str) -> Result<Refund, StripeError> {
        self.get(&format!("refunds/{}", checked_id(id)?), "").await
    }

    /// All refunds of a payment, newest first, whoever made them.
    ///
    /// # Errors
    ///
    /// [`StripeError`] of any page.
    pub async fn list_refunds(&self, payment_intent: &str) -> Result<Vec<Refund>, StripeError> {
        let mut refunds: Vec<Refund> = Vec::new();
        for _ in 0..PAGES_MAX {
            let mut query = Form::default();
            query.push("payment_intent", payment_intent);
            query.push("limit", PAGE);
            if let Some(last) = refunds.last() {
                query.push("starting_after", &last.id);
            }
            let page: Page = self.get("refunds", &query.finish()).await?;
            let is_last = !page.has_more || page.data.is_empty();
            refunds.extend(page.data);
            if is_last {
                return Ok(refunds);
            }
        }
        Err(StripeError::not_made(format!("a list of refunds does not end after {PAGES_MAX} pages")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_these_bytes() {
        let mut refund = NewRefund {
            payment_intent: "pi_1".to_owned(),
            amount_minor: 5000,
            reason: Some(RefundReason::RequestedByCustomer),
            metadata: vec![("booking_id".to_owned(), "b1".to_owned())],
        };
        assert_eq!(
            refund.to_form(),
            "payment_intent=pi_1&amount=5000&reason=requested_by_customer&metadata[booking_id]=b1"
        );
        refund.reason = None;
        refund.metadata.clear();
        assert_eq!(refund.to_form(), "payment_intent=pi_1&amount=5000");
    }

    #[test]
    fn refunds_are_read_in_every_status() {
        let read = |status: &str| {
            let text = format!(
                r#"{{"id":"re_1","object":"refund","status":{status},"amount":500,"currency":"usd","created":9,
                    "payment_intent":"pi_1","charge":{{"id":"ch_1"}},"failure_reason":"lost_or_stolen_card"}}"#
            );
            serde_json::from_str::<Refund>(&text).expect("a refund")
        };
        assert_eq!(read("\"pending\"").status, RefundStatus::Pending);
        assert_eq!(read("\"requires_action\"").status, RefundStatus::RequiresAction);
        assert_eq!(read("\"succeeded\"").status, RefundStatus::Succeeded);
        assert_eq!(read("\"failed\"").status, RefundStatus::Failed);
        assert_eq!(read("\"canceled\"").status, RefundStatus::Canceled);
        assert_eq!(read("null").status.as_str(), "");
        assert_eq!(read("\"failed\"").charge.as_deref(), Some("ch_1"));
        assert_eq!(read("\"failed\"").failure_reason.as_deref(), Some("lost_or_stolen_card"));
    }
}
