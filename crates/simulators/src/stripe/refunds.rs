//! Refunds: docs.stripe.com/api/refunds, docs.stripe.com/refunds.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::ApiError;
use super::events::Cause;
use super::form::{Metadata, Params};
use super::state::State;
use super::table::Row;
use super::{clock, ids, money};

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// Waits for the buyer, to say where the money goes.
    RequiresAction,
    /// The money is back.
    Succeeded,
    /// The money came back to the account: it is not with the buyer.
    Failed,
}

/// A Refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// Three small letters.
    pub currency: String,
    /// What it gives back.
    pub charge: String,
    /// The charge's PaymentIntent.
    pub payment_intent: String,
    /// `duplicate`, `fraudulent` or `requested_by_customer`.
    pub reason: Option<String>,
    /// The refund's own metadata.
    pub metadata: Metadata,
    /// Where it stands.
    pub status: RefundStatus,
}

impl Row for Refund {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Refund {
    /// As the API answers it.
    pub(super) fn json(&self) -> Value {
        let mut refund = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": null,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "destination_details": { "type": "card", "card": { "type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number" } },
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "status": self.status,
            "transfer_reversal": null,
        });
        if self.status == RefundStatus::Failed {
            refund["failure_reason"] = "lost_or_stolen_card".into();
        }
        refund
    }
}

/// What is to be refunded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewRefund {
    of: Of,
    amount: Option<i64>,
    reason: Option<String>,
    metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    Charge(String),
    PaymentIntent(String),
}

impl NewRefund {
    /// Reads and checks the parameters of POST /v1/refunds.
    pub(super) fn read(params: &Params<'_>) -> Result<NewRefund, ApiError> {
        params.only(&[
            "amount",
            "charge",
            "expand",
            "instructions_email",
            "metadata",
            "origin",
            "payment_intent",
            "reason",
            "refund_application_fee",
            "reverse_transfer",
        ])?;
        let of = match (params.text("charge")?, params.text("payment_intent")?) {
            (Some(charge), _) => Of::Charge(charge.to_owned()),
            (None, Some(intent)) => Of::PaymentIntent(intent.to_owned()),
            (None, None) => {
                let message =
                    "One of the following params should be provided for this request: payment_intent or charge.";
                return Err(ApiError::invalid(message).code("parameter_missing"));
            }
        };
        let reason = params.text("reason")?;
        if reason.is_some_and(|reason| !["duplicate", "fraudulent", "requested_by_customer"].contains(&reason)) {
            let message = "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer";
            return Err(ApiError::invalid(message).param("reason"));
        }
        Ok(NewRefund {
            of,
            amount: params.integer_from("amount", 1)?,
            reason: reason.map(str::to_owned),
            metadata: params.metadata("metadata")?,
        })
    }
}

impl State {
    /// Refunds a charge, as far as it has not been refunded.
    pub(super) fn refund(&mut self, new: NewRefund, cause: &Cause) -> Result<Refund, ApiError> {
        let charge_id = self.charge_of(&new.of)?;
        let status = self.faults.faults.refund_status;
        let charge =
            self.charges.get_mut(&charge_id).ok_or_else(|| ApiError::no_such("charge", &charge_id, "charge"))?;
        let amount = refundable(charge, new.amount)?;
        charge.amount_refunded += amount;
        let refund = Refund {
            id: ids::new("re_3", 23),
            created: clock::now(),
            amount,
            currency: charge.currency.clone(),
            charge: charge_id,
            payment_intent: charge.payment_intent.clone(),
            reason: new.reason,
            metadata: new.metadata,
            status,
        };
        let charge_json = charge.json();
        self.refunds.insert(refund.clone());
        self.emit("charge.refunded", charge_json, cause);
        self.emit("refund.created", refund.json(), cause);
        Ok(refund)
    }

    fn charge_of(&self, of: &Of) -> Result<String, ApiError> {
        let id = match of {
            Of::Charge(id) => return Ok(id.clone()),
            Of::PaymentIntent(id) => id,
        };
        let missing = || ApiError::no_such("payment_intent", id, "payment_intent");
        let intent = self.payment_intents.get(id).ok_or_else(missing)?;
        intent.latest_charge.clone().ok_or_else(|| {
            ApiError::invalid(format!("This PaymentIntent ({id}) does not have a successful charge to refund."))
        })
    }

    /// A pending refund reaches the buyer, or fails. Failed refunds give their amount back to the charge.
    pub(super) fn settle_refund(&mut self, id: &str, settled: RefundStatus, cause: &Cause) -> Result<Refund, ApiError> {
        let missing = || ApiError::no_such("refund", id, "id").status(StatusCode::NOT_FOUND);
        let refund = self.refunds.get_mut(id).ok_or_else(missing)?;
        // A refund that succeeded may still fail: docs.stripe.com/refunds, "Failed refunds".
        let possible = refund.status != settled && refund.status != RefundStatus::Failed;
        if !possible {
            return Err(ApiError::invalid(format!("Refund {id} is settled already.")));
        }
        refund.status = settled;
        let refund = refund.clone();
        if settled == RefundStatus::Failed
            && let Some(charge) = self.charges.get_mut(&refund.charge)
        {
            charge.amount_refunded -= refund.amount;
        }
        self.emit("refund.updated", refund.json(), cause);
        if settled == RefundStatus::Failed {
            self.emit("refund.failed", refund.json(), cause);
        }
        Ok(refund)
    }
}

/// How much to refund of a charge; an error if that is too much.
fn refundable(charge: &super::charges::Charge, wanted: Option<i64>) -> Result<i64, ApiError> {
    let (id, rest) = (&charge.id, charge.rest());
    if charge.disputed {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(ApiError::invalid(message).code("charge_disputed"));
    }
    if rest == 0 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(ApiError::invalid(message).code("charge_already_refunded"));
    }
    let amount = wanted.unwrap_or(rest);
    if amount > rest {
        let shown = |amount| money::brief(amount, &charge.currency);
        let limit = if charge.amount_refunded == 0 { "charge amount" } else { "unrefunded amount on charge" };
        let message = format!("Refund amount ({}) is greater than {limit} ({})", shown(amount), shown(rest));
        return Err(ApiError::invalid(message).param("amount"));
    }
    Ok(amount)
}
