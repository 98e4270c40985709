//! What a webhook's event does. The event is stored with its effect, in one transaction; one without an effect is
//! stored alone. Its signature was verified before.

use std::sync::Arc;

use jiff::Timestamp;
use surehold_core::Refusal;
use surehold_core::command::{Command, FlagPayment, ReleaseReason};
use surehold_core::outcome::PaymentSaved;
use surehold_core::rows::StripeEvent;
use uuid::Uuid;

use super::{Cashier, CashierError, saved};
use crate::desk::DeskError;
use crate::store::orgs::OrgRow;
use crate::store::payments;
use crate::stripe::{Account, CheckoutSession, Event};

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It was received before.
    Before,
    /// It changed something.
    Done,
    /// It changes nothing.
    NothingToDo,
}

impl Cashier {
    /// Stores an event, with its effect. `Ok` is on disk.
    ///
    /// # Errors
    ///
    /// [`CashierError`]: nothing was stored, and Stripe should send it again.
    pub async fn hear(
        &self,
        org: &OrgRow,
        account: &Account,
        event: &Event,
        payload: String,
    ) -> Result<Heard, CashierError> {
        if payments::knows_event(&*self.store.read().await?, org.id, &event.id).await? {
            return Ok(Heard::Before);
        }
        let kept = Arc::new(StripeEvent {
            id: event.id.clone(),
            kind: event.kind.clone(),
            created_at: Timestamp::from_second(event.created).unwrap_or_default(),
            payload,
        });
        match self.act_on(org.id, account, event, &kept).await {
            Ok(Some(saved)) if saved.changed => return Ok(Heard::Done),
            // Remembered under the event's own id.
            Ok(Some(_)) => return Ok(Heard::NothingToDo),
            Ok(None) => {}
            // The same event, a moment ago, when Stripe listed something else.
            Err(CashierError::Desk(DeskError::Refused(Refusal::IdempotencyMismatch))) => return Ok(Heard::Before),
            Err(CashierError::Desk(DeskError::Refused(refusal))) => {
                tracing::info!(event = %event.id, kind = %event.kind, code = refusal.code(), "an event has no effect");
            }
            Err(error) => return Err(error),
        }
        payments::keep_event(&*self.store.read().await?, org.id, &kept).await?;
        Ok(Heard::NothingToDo)
    }

    async fn act_on(
        &self,
        org_id: Uuid,
        account: &Account,
        event: &Event,
        kept: &Arc<StripeEvent>,
    ) -> Result<Option<PaymentSaved>, CashierError> {
        match event.kind.as_str() {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" | "checkout.session.expired" => {
                let session = event.checkout_session().map_err(unreadable)?;
                let Some(payment_id) = payment_id(&session) else { return Ok(None) };
                self.follow_session(org_id, payment_id, &session, Some(kept)).await
            }
            "checkout.session.async_payment_failed" => {
                let session = event.checkout_session().map_err(unreadable)?;
                let Some(payment_id) = payment_id(&session) else { return Ok(None) };
                self.release(org_id, payment_id, ReleaseReason::PaymentFailed, Some(kept)).await.map(Some)
            }
            "charge.refunded" => {
                let charge = event.charge().map_err(unreadable)?;
                self.hear_of_refunds(org_id, account, charge.payment_intent, kept).await
            }
            "charge.dispute.created" => {
                let dispute = event.dispute().map_err(unreadable)?;
                let Some(intent) = dispute.payment_intent else { return Ok(None) };
                let Some(payment) = self.payment_of_intent(org_id, account, &intent).await? else { return Ok(None) };
                let flag = FlagPayment {
                    payment_id: payment.id,
                    flag: Some("DISPUTED".to_owned()),
                    stripe_dispute_id: Some(dispute.id),
                };
                saved(self.submit_because(org_id, Command::FlagPayment(flag), Some(kept)).await?).map(Some)
            }
            kind if kind.starts_with("refund.") || kind == "charge.refund.updated" => {
                let refund = event.refund().map_err(unreadable)?;
                self.hear_of_refunds(org_id, account, refund.payment_intent, kept).await
            }
            _ => Ok(None),
        }
    }

    async fn hear_of_refunds(
        &self,
        org_id: Uuid,
        account: &Account,
        intent: Option<String>,
        kept: &Arc<StripeEvent>,
    ) -> Result<Option<PaymentSaved>, CashierError> {
        let Some(intent) = intent else { return Ok(None) };
        let Some(payment) = self.payment_of_intent(org_id, account, &intent).await? else { return Ok(None) };
        if payment.received_minor.is_none() {
            // The refund's event was faster than the payment's.
            self.learn_from(org_id, account, &payment).await?;
        }
        self.see_refunds(org_id, account, &payment, &intent, Some(kept)).await.map(Some)
    }
}

fn unreadable(error: crate::stripe::EventError) -> CashierError {
    CashierError::Unexpected(error.to_string())
}

/// Our payment, as we told Stripe when we asked for the session.
fn payment_id(session: &CheckoutSession) -> Option<Uuid> {
    let named = session.metadata.get("payment_id").or(session.client_reference_id.as_ref())?;
    Uuid::try_parse(named).ok()
}
