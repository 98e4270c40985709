//! What a buyer, a bank or time does to a session: docs.stripe.com/payments/checkout/how-checkout-works,
//! docs.stripe.com/checkout/fulfillment.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::charges::{Charge, dispute_json};
use super::errors::ApiError;
use super::events::Cause;
use super::payment_intents::{IntentStatus, PaymentIntent};
use super::sessions::{PaymentStatus, Session, SessionStatus};
use super::state::State;
use super::{clock, ids};

/// What can happen to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The buyer pays by card: complete and paid.
    Pay,
    /// The buyer will pay by bank transfer: complete, but unpaid.
    PayLater,
    /// The transfer arrives.
    AsyncSucceed,
    /// The transfer fails.
    AsyncFail,
    /// The card is declined; the session stays open.
    Fail,
    /// The session's time is over.
    Expire,
}

impl State {
    /// Does it to the session with this id, and says how the session is then.
    pub(super) fn act(&mut self, id: &str, action: Action, cause: &Cause) -> Result<Session, ApiError> {
        let session = self.sessions.get(id).ok_or_else(|| no_such_session(id))?;
        let awaits_transfer = self.awaits_transfer(session);
        match action {
            Action::Expire => return self.expire(id, cause),
            Action::AsyncSucceed | Action::AsyncFail if !awaits_transfer => {
                return Err(ApiError::invalid("This Checkout Session does not wait for a transfer.")
                    .code("session_awaits_nothing"));
            }
            Action::Pay | Action::PayLater | Action::Fail if !session.is_open() => {
                return Err(ApiError::invalid("This Checkout Session is not open.").code("session_not_open"));
            }
            _ => {}
        }
        match action {
            Action::Pay => self.pay(id, cause),
            Action::PayLater => self.pay_later(id, cause),
            Action::AsyncSucceed => self.transfer_arrives(id, cause),
            Action::AsyncFail => self.transfer_fails(id, cause),
            Action::Fail | Action::Expire => {}
        }
        self.sessions.get(id).cloned().ok_or_else(|| no_such_session(id))
    }

    /// Whether a bank transfer for it is on its way.
    pub(super) fn awaits_transfer(&self, session: &Session) -> bool {
        let intent = session.payment_intent.as_ref().and_then(|intent| self.payment_intents.get(intent));
        intent.is_some_and(|intent| intent.status == IntentStatus::Processing)
    }

    fn pay(&mut self, id: &str, cause: &Cause) {
        let needs_money = self.sessions.get(id).is_some_and(|session| session.amount_total > 0);
        if needs_money {
            self.confirm(id);
            self.charge(id, cause);
        }
        self.complete(id, needs_money.then_some(PaymentStatus::Paid));
        self.emit_session(id, "checkout.session.completed", cause);
    }

    fn pay_later(&mut self, id: &str, cause: &Cause) {
        if self.sessions.get(id).is_some_and(|session| session.amount_total > 0) {
            self.confirm(id);
        }
        self.complete(id, None);
        self.emit_session(id, "checkout.session.completed", cause);
    }

    fn transfer_arrives(&mut self, id: &str, cause: &Cause) {
        self.charge(id, cause);
        self.complete(id, Some(PaymentStatus::Paid));
        self.emit_session(id, "checkout.session.async_payment_succeeded", cause);
    }

    fn transfer_fails(&mut self, id: &str, cause: &Cause) {
        let Some(intent) = self.sessions.get(id).and_then(|session| session.payment_intent.clone()) else { return };
        if let Some(intent) = self.payment_intents.get_mut(&intent) {
            intent.status = IntentStatus::RequiresPaymentMethod;
            let json = intent.json();
            self.emit("payment_intent.payment_failed", json, cause);
        }
        self.emit_session(id, "checkout.session.async_payment_failed", cause);
    }

    /// The buyer confirms: the session gets its PaymentIntent.
    fn confirm(&mut self, id: &str) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let intent = PaymentIntent {
            id: ids::new("pi_3", 23),
            created: clock::now(),
            amount: session.amount_total,
            currency: session.currency.clone(),
            status: IntentStatus::Processing,
            metadata: session.payment_intent_metadata.clone(),
            description: session.payment_intent_description.clone(),
            latest_charge: None,
        };
        session.payment_intent = Some(intent.id.clone());
        self.payment_intents.insert(intent);
    }

    /// The money arrives.
    fn charge(&mut self, id: &str, cause: &Cause) {
        let Some(session) = self.sessions.get(id) else { return };
        let Some(intent_id) = session.payment_intent.as_deref() else { return };
        let Some(intent) = self.payment_intents.get_mut(intent_id) else { return };
        let charge = Charge {
            id: ids::new("ch_3", 23),
            created: clock::now(),
            amount: intent.amount,
            amount_refunded: 0,
            currency: intent.currency.clone(),
            payment_intent: intent.id.clone(),
            metadata: intent.metadata.clone(),
            disputed: false,
            email: session.customer_email.clone(),
        };
        intent.latest_charge = Some(charge.id.clone());
        intent.status = IntentStatus::Succeeded;
        let (intent_json, charge_json) = (intent.json(), charge.json());
        self.charges.insert(charge);
        self.emit("payment_intent.succeeded", intent_json, cause);
        self.emit("charge.succeeded", charge_json, cause);
    }

    fn complete(&mut self, id: &str, payment_status: Option<PaymentStatus>) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.status = SessionStatus::Complete;
        if let Some(payment_status) = payment_status {
            session.payment_status = payment_status;
        }
        let place = (session.expires_at, session.id.clone());
        self.open_until.remove(&place);
    }

    /// Ends an open session.
    pub(super) fn expire(&mut self, id: &str, cause: &Cause) -> Result<Session, ApiError> {
        let session = self.sessions.get_mut(id).ok_or_else(|| no_such_session(id))?;
        if !session.is_open() {
            let status = match session.status {
                SessionStatus::Complete => "complete",
                _ => "expired",
            };
            return Err(ApiError::invalid(format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. \
                 This Checkout Session has a status of `{status}`."
            )));
        }
        session.status = SessionStatus::Expired;
        let session = session.clone();
        self.open_until.remove(&(session.expires_at, session.id.clone()));
        self.emit_session(id, "checkout.session.expired", cause);
        Ok(session)
    }

    /// Ends the sessions whose time is over; says whether there were any.
    pub(super) fn expire_due(&mut self, now: i64) -> bool {
        let mut expired = false;
        while let Some((expires_at, id)) = self.open_until.first().cloned()
            && expires_at <= now
        {
            // Whatever comes of it, it is not looked at again: this loop ends.
            self.open_until.remove(&(expires_at, id.clone()));
            let _ = self.expire(&id, &Cause::default());
            expired = true;
        }
        expired
    }

    /// The buyer's bank wants the money back.
    pub(super) fn dispute(&mut self, charge_id: &str, cause: &Cause) -> Result<Charge, ApiError> {
        let missing = || ApiError::no_such("charge", charge_id, "charge").status(StatusCode::NOT_FOUND);
        let charge = self.charges.get_mut(charge_id).ok_or_else(missing)?;
        if charge.disputed {
            return Err(ApiError::invalid(format!("Charge {charge_id} is disputed already.")));
        }
        charge.disputed = true;
        let charge = charge.clone();
        self.emit("charge.dispute.created", dispute_json(&ids::new("du_1", 23), &charge, clock::now()), cause);
        Ok(charge)
    }

    fn emit_session(&mut self, id: &str, kind: &'static str, cause: &Cause) {
        let Some(session) = self.sessions.get(id) else { return };
        let json = session.json(&self.base_url);
        self.emit(kind, json, cause);
    }
}

/// 404: no session has this id.
pub(super) fn no_such_session(id: &str) -> ApiError {
    ApiError::no_such("checkout.session", id, "session").status(StatusCode::NOT_FOUND)
}
