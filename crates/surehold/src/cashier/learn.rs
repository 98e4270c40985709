//! What Stripe says of a session becomes what we know of its payment. A function of the session's state, not of how
//! we came to hear of it.

use std::sync::Arc;

use surehold_core::command::{AwaitPayment, Command, ReleasePayment, ReleaseReason, Settle};
use surehold_core::outcome::PaymentSaved;
use surehold_core::rows::{Payment, StripeEvent};
use uuid::Uuid;

use super::{Cashier, CashierError, saved};
use crate::store::orgs::OrgRow;
use crate::stripe::{Account, CheckoutSession, PaymentIntentStatus, PaymentStatus as Paid, SessionStatus};

impl Cashier {
    /// Asks Stripe how a payment stands, if we do not know for sure. What it says is done.
    ///
    /// # Errors
    ///
    /// [`CashierError`]; the payment is as it was then.
    pub async fn learn(&self, org: &OrgRow, payment: &Payment) -> Result<(), CashierError> {
        let account = self.account_needed(org)?;
        self.learn_from(org.id, &account, payment).await
    }

    pub(super) async fn learn_from(
        &self,
        org_id: Uuid,
        account: &Account,
        payment: &Payment,
    ) -> Result<(), CashierError> {
        let Some(session_id) = &payment.stripe_session_id else { return Ok(()) };
        let session = account.client.retrieve_checkout_session(session_id).await?;
        self.follow_session(org_id, payment.id, &session, None).await?;
        // A session whose transfer failed looks like one whose transfer is still on its way; its intent does not.
        if session.status == SessionStatus::Complete
            && session.payment_status == Paid::Unpaid
            && let Some(intent) = &session.payment_intent
        {
            let intent = account.client.retrieve_payment_intent(intent).await?;
            if matches!(intent.status, PaymentIntentStatus::Canceled | PaymentIntentStatus::RequiresPaymentMethod) {
                self.release(org_id, payment.id, ReleaseReason::PaymentFailed, None).await?;
            }
        }
        Ok(())
    }

    /// Does what the state of a session asks for. `None`: nothing.
    pub(super) async fn follow_session(
        &self,
        org_id: Uuid,
        payment_id: Uuid,
        session: &CheckoutSession,
        event: Option<&Arc<StripeEvent>>,
    ) -> Result<Option<PaymentSaved>, CashierError> {
        let command = match (&session.status, &session.payment_status) {
            (_, Paid::Paid | Paid::NoPaymentRequired) => Command::Settle(settle(payment_id, session)?),
            (SessionStatus::Complete, _) => Command::AwaitPayment(AwaitPayment {
                payment_id,
                session_id: Some(session.id.clone()),
                stripe_payment_intent: session.payment_intent.clone(),
            }),
            (SessionStatus::Expired, _) => {
                return self.release(org_id, payment_id, ReleaseReason::SessionExpired, event).await.map(Some);
            }
            _ => return Ok(None),
        };
        saved(self.submit_because(org_id, command, event).await?).map(Some)
    }

    /// Lets the seats of a payment go. A payment that has its money meanwhile keeps them.
    pub(super) async fn release(
        &self,
        org_id: Uuid,
        payment_id: Uuid,
        reason: ReleaseReason,
        event: Option<&Arc<StripeEvent>>,
    ) -> Result<PaymentSaved, CashierError> {
        let command = Command::ReleasePayment(ReleasePayment { payment_id, reason });
        saved(self.submit_because(org_id, command, event).await?)
    }
}

fn settle(payment_id: Uuid, session: &CheckoutSession) -> Result<Settle, CashierError> {
    let (Some(amount_minor), Some(currency)) = (session.amount_total, session.currency.clone()) else {
        return Err(CashierError::Unexpected(format!("session {} is paid, but has no amount", session.id)));
    };
    Ok(Settle {
        payment_id,
        amount_minor,
        currency: currency.to_lowercase(),
        session_id: Some(session.id.clone()),
        stripe_payment_intent: session.payment_intent.clone(),
    })
}
