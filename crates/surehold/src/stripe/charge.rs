//! Charges: what a payment took, and how much of it was given back.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::wire::{id_of, null_is_empty};

/// A charge. Amounts are in the currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Charge {
    /// `ch_…`, or `py_…` for some payment methods.
    pub id: String,
    /// The Payment Intent that it belongs to.
    #[serde(default, deserialize_with = "id_of")]
    pub payment_intent: Option<String>,
    /// What was charged.
    pub amount: i64,
    /// What was refunded of it so far, by whomever: also in Stripe's dashboard.
    pub amount_refunded: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Whether all of it was refunded.
    pub refunded: bool,
    /// Ours.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub metadata: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partly_refunded_charge_is_read() {
        let charge: Charge = serde_json::from_str(
            r#"{"id":"ch_1","object":"charge","amount":5000,"amount_refunded":1200,"currency":"usd","refunded":false,
                "payment_intent":"pi_1","metadata":{"booking_id":"b1"},"disputed":false}"#,
        )
        .expect("a charge");
        assert_eq!((charge.amount, charge.amount_refunded, charge.refunded), (5000, 1200, false));
        assert_eq!((charge.payment_intent.as_deref(), charge.currency.as_str()), (Some("pi_1"), "usd"));
        assert_eq!(charge.metadata["booking_id"], "b1");
    }
}
