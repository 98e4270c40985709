//! Disputes: a customer asked the bank for the money back.

use serde::Deserialize;

use super::wire::id_of;

/// A dispute. It is decided at Stripe, by people; here it is only read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dispute {
    /// `dp_…` or `du_…`.
    pub id: String,
    /// The charge that is disputed.
    #[serde(default, deserialize_with = "id_of")]
    pub charge: Option<String>,
    /// The Payment Intent of that charge.
    #[serde(default, deserialize_with = "id_of")]
    pub payment_intent: Option<String>,
    /// What is disputed, in the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Stripe's word, such as `needs_response`, `won` or `lost`.
    pub status: String,
    /// Stripe's word, such as `fraudulent`.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispute_is_read() {
        let dispute: Dispute = serde_json::from_str(
            r#"{"id":"du_1","object":"dispute","amount":1000,"charge":"ch_1","currency":"usd","payment_intent":null,
                "reason":"general","status":"warning_needs_response","evidence":{"receipt":null}}"#,
        )
        .expect("a dispute");
        assert_eq!((dispute.charge.as_deref(), dispute.payment_intent), (Some("ch_1"), None));
        assert_eq!((dispute.status.as_str(), dispute.reason.as_str()), ("warning_needs_response", "general"));
    }
}
