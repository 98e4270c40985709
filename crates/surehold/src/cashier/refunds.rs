//! Money on its way back: sends what was requested, and follows what Stripe says of all refunds of a payment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use surehold_core::command::{Command, FailRefund, SeeRefunds, SeenRefund};
use surehold_core::outcome::PaymentSaved;
use surehold_core::rows::{Payment, Refund, RefundStatus, StripeEvent};
use uuid::Uuid;

use super::{Cashier, CashierError, saved};
use crate::store::payments;
use crate::stripe::{self, Account, NewRefund, RefundReason};

/// Stripe may forget a key after 24 hours. Before that it is looked whether an older refund was made.
const KEY_IS_SAFE: SignedDuration = SignedDuration::from_hours(12);

impl Cashier {
    /// Sends one refund that was requested, or asks about one that Stripe has.
    pub(super) async fn push_refund(
        &self,
        org_id: Uuid,
        account: &Account,
        refund: &Refund,
    ) -> Result<(), CashierError> {
        let Some(payment) = self.payment(org_id, refund.payment_id).await? else { return Ok(()) };
        // Money that was taken elsewhere goes back there, by an operator's hand.
        let Some(intent) = payment.stripe_payment_intent.clone() else { return Ok(()) };
        if refund.status == RefundStatus::Requested && !is_made(account, refund, &intent).await? {
            self.send_refund(org_id, account, refund, &intent).await?;
        }
        self.see_refunds(org_id, account, &payment, &intent, None).await.map(drop)
    }

    async fn send_refund(
        &self,
        org_id: Uuid,
        account: &Account,
        refund: &Refund,
        intent: &str,
    ) -> Result<(), CashierError> {
        let new = NewRefund {
            payment_intent: intent.to_owned(),
            amount_minor: refund.amount_minor,
            reason: Some(RefundReason::RequestedByCustomer),
            metadata: vec![
                ("refund_id".to_owned(), refund.id.to_string()),
                ("payment_id".to_owned(), refund.payment_id.to_string()),
                ("org_id".to_owned(), org_id.to_string()),
            ],
        };
        let sent = account.client.create_refund(&new.to_form(), &format!("refund-{}", refund.id)).await;
        let error = match sent {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match error.refusal() {
            // A wrong key is ours to mend, and says nothing of the refund.
            Some(refusal) if !matches!(refusal.status, 401 | 403) => {
                tracing::error!(refund_id = %refund.id, %error, "Stripe refuses a refund");
                let problem = refusal.message.chars().take(500).collect();
                let fail = FailRefund { payment_id: refund.payment_id, refund_id: refund.id, problem };
                self.submit(org_id, Command::FailRefund(fail)).await?;
                Ok(())
            }
            _ => Err(CashierError::Unavailable(error)),
        }
    }

    /// Follows all refunds that Stripe has of a payment. Asked anew, so that events may come in any order.
    pub(super) async fn see_refunds(
        &self,
        org_id: Uuid,
        account: &Account,
        payment: &Payment,
        intent: &str,
        event: Option<&Arc<StripeEvent>>,
    ) -> Result<PaymentSaved, CashierError> {
        let refunds = account.client.list_refunds(intent).await?;
        let refunds = refunds.iter().map(seen).collect();
        let command = Command::SeeRefunds(SeeRefunds { payment_id: payment.id, refunds });
        saved(self.submit_because(org_id, command, event).await?)
    }

    /// The payment that Stripe's intent is about.
    pub(super) async fn payment_of_intent(
        &self,
        org_id: Uuid,
        account: &Account,
        intent: &str,
    ) -> Result<Option<Payment>, CashierError> {
        if let Some(known) = payments::by_intent(&*self.store.read().await?, org_id, intent).await? {
            return Ok(Some(known));
        }
        // Its money may have come a moment ago, and its other events may still be on their way.
        let intent = match account.client.retrieve_payment_intent(intent).await {
            Ok(intent) => intent,
            Err(error) if error.is_refusal() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match intent.metadata.get("payment_id").and_then(|id| Uuid::try_parse(id).ok()) {
            Some(id) => self.payment(org_id, id).await,
            None => Ok(None),
        }
    }
}

/// Whether a refund that is to be sent is known to be made. While its key is safe nobody needs to know: sending it again
/// makes no second one.
async fn is_made(account: &Account, refund: &Refund, intent: &str) -> Result<bool, CashierError> {
    if refund.created_at >= Timestamp::now() - KEY_IS_SAFE {
        return Ok(false);
    }
    let made = account.client.list_refunds(intent).await?;
    Ok(made.iter().any(|made| ours(made) == Some(refund.id)))
}

fn seen(refund: &stripe::Refund) -> SeenRefund {
    SeenRefund {
        stripe_refund_id: refund.id.clone(),
        refund_id: ours(refund),
        amount_minor: refund.amount,
        status: match refund.status {
            stripe::RefundStatus::Succeeded => RefundStatus::Succeeded,
            stripe::RefundStatus::Failed | stripe::RefundStatus::Canceled => RefundStatus::Failed,
            _ => RefundStatus::Pending,
        },
    }
}

/// Our own id of a refund, if we asked for it.
fn ours(refund: &stripe::Refund) -> Option<Uuid> {
    refund.metadata.get("refund_id").and_then(|id| Uuid::try_parse(id).ok())
}
