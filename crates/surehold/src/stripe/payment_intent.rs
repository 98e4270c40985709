//! Payment Intents: the payment behind a Checkout Session.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::charge::Charge;
use super::client::{Stripe, checked_id};
use super::error::StripeError;
use super::open_enum::open_enum;
use super::wire::null_is_empty;

/// A payment. Amounts are in the currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaymentIntent {
    /// `pi_…`.
    pub id: String,
    /// How far it is.
    pub status: PaymentIntentStatus,
    /// What is to be paid.
    pub amount: i64,
    /// What was paid.
    pub amount_received: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Ours.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The last attempt to charge, if there was one.
    #[serde(default)]
    pub latest_charge: Option<Charge>,
}

open_enum! {
    /// How far a payment is.
    PaymentIntentStatus {
        /// No way to pay yet, or the last one failed.
        RequiresPaymentMethod = "requires_payment_method",
        /// The customer has not confirmed.
        RequiresConfirmation = "requires_confirmation",
        /// The customer has to do something, such as 3-D Secure.
        RequiresAction = "requires_action",
        /// The money is on its way.
        Processing = "processing",
        /// The money is reserved.
        RequiresCapture = "requires_capture",
        /// There will be no payment.
        Canceled = "canceled",
        /// The money is there.
        Succeeded = "succeeded",
    }
}

impl Stripe {
    /// A payment as it is now, with its last charge.
    ///
    /// # Errors
    ///
    /// [`StripeError`]; a refusal with the status 404 if there is none.
    pub async fn retrieve_payment_intent(&self, id: &str) -> Result<PaymentIntent, StripeError> {
        self.get(&format!("payment_intents/{}", checked_id(id)?), "expand[]=latest_charge").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_with_its_charge_is_read() {
        let intent: PaymentIntent = serde_json::from_str(
            r#"{"id":"pi_1","object":"payment_intent","status":"succeeded","amount":5000,"amount_received":5000,
                "currency":"usd","metadata":{"booking_id":"b1"},"latest_charge":{"id":"ch_1","object":"charge",
                "amount":5000,"amount_refunded":5000,"refunded":true,"currency":"usd","payment_intent":"pi_1",
                "metadata":{}}}"#,
        )
        .expect("a payment");
        assert_eq!((intent.status, intent.amount_received), (PaymentIntentStatus::Succeeded, 5000));
        let charge = intent.latest_charge.expect("a charge");
        assert!(charge.refunded && charge.amount_refunded == 5000);
    }

    #[test]
    fn a_payment_that_nobody_tried_has_no_charge() {
        let text = r#"{"id":"pi_1","status":"processing","amount":5,"amount_received":0,"currency":"usd","latest_charge":null}"#;
        let intent: PaymentIntent = serde_json::from_str(text).expect("a payment");
        assert_eq!((intent.status, intent.latest_charge), (PaymentIntentStatus::Processing, None));
    }

    #[test]
    fn a_charge_that_is_only_named_is_an_error_and_not_no_charge() {
        let text = r#"{"id":"pi_1","status":"succeeded","amount":5,"amount_received":5,"currency":"usd","latest_charge":"ch_1"}"#;
        assert!(serde_json::from_str::<PaymentIntent>(text).is_err());
    }
}
