//! Opens the Checkout Session of a payment whose seats are held, and closes it when its trip changes.
//!
//! What Stripe is asked is made of the payment's row alone, so a second try, by whichever server and after whatever
//! crash, sends the same bytes under the same key and gets the same session.

use std::time::{Duration, Instant};

use surehold_core::command::{AttachCheckout, Command, ReleaseReason};
use surehold_core::rows::{CheckoutRequest, Payment, PaymentStatus};
use uuid::Uuid;

use super::{Cashier, CashierError, saved};
use crate::store::orgs::OrgRow;
use crate::stripe::{Account, CheckoutSession, LineItem, NewCheckoutSession, StripeError};

/// Tries to make a session while it is unknown whether Stripe made it.
const TRIES_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_millis(250);
/// How long to wait for another call that makes the same session: as long as that one may take.
const OTHER_CALL_MAX: Duration = Duration::from_secs(10);

/// The session of a payment.
#[derive(Debug, Clone)]
pub struct OpenCheckout {
    /// Stripe's session.
    pub session_id: String,
    /// Where it is paid, for as long as it can be.
    pub url: Option<String>,
}

/// What became of an earlier session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It takes no money any more, and its seats are free.
    Released,
    /// It was paid.
    Paid,
    /// Its money is on its way.
    Processing,
}

impl Cashier {
    /// The session of a payment, made if there is none. If Stripe refuses or is away, the seats are let go: nobody
    /// knows the address of a session that it may have made all the same, so nobody can pay it.
    ///
    /// # Errors
    ///
    /// [`CashierError`]; [`CashierError::Over`] if the payment has ended without one.
    pub async fn open_checkout(&self, org: &OrgRow, payment_id: Uuid) -> Result<OpenCheckout, CashierError> {
        let account = self.account_needed(org)?;
        let mut tries = 0;
        let began = Instant::now();
        loop {
            let payment = self.payment(org.id, payment_id).await?.ok_or(CashierError::Over)?;
            let is_pending = payment.status == PaymentStatus::Pending;
            // Another request of a double click may have been faster; a repeat long afterwards is told of its own
            // session, whatever became of that.
            if let Some(session_id) = payment.stripe_session_id {
                return Ok(OpenCheckout { session_id, url: payment.checkout_url.filter(|_| is_pending) });
            }
            if !is_pending {
                return Err(CashierError::Over);
            }
            let form = form(org.id, &payment)?;
            match account.client.create_checkout_session(&form, &format!("checkout-{payment_id}")).await {
                Ok(session) => return self.attach(org, &account, payment_id, session).await,
                // The other request of a double click is at it: the seats are that one's to let go.
                Err(error) if error.is_still_running() => {
                    if began.elapsed() > OTHER_CALL_MAX {
                        return Err(error.into());
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) if error.is_retryable_unknown() && tries + 1 < TRIES_MAX => {
                    tracing::warn!(%payment_id, %error, "Stripe did not say whether it made a session; asking again");
                    tries += 1;
                    tokio::time::sleep(PAUSE * tries).await;
                }
                Err(error) => self.give_up(org, payment_id, error).await?,
            }
        }
    }

    async fn attach(
        &self,
        org: &OrgRow,
        account: &Account,
        payment_id: Uuid,
        session: CheckoutSession,
    ) -> Result<OpenCheckout, CashierError> {
        let Some(url) = session.url.clone() else { return Err(CashierError::Over) };
        let attach = AttachCheckout { payment_id, session_id: session.id.clone(), url: Some(url.clone()) };
        let payment = saved(self.submit(org.id, Command::AttachCheckout(attach)).await?)?;
        if payment.status == PaymentStatus::Pending {
            return Ok(OpenCheckout { session_id: session.id, url: Some(url) });
        }
        // The seats went meanwhile. Nobody has seen this session; should it be paid all the same, the money goes back.
        if let Err(error) = account.client.expire_checkout_session(&session.id).await {
            tracing::warn!(%payment_id, %error, "could not end a session whose seats are gone");
        }
        Err(CashierError::Over)
    }

    /// Lets the seats go; if even that fails, the hold ends by itself. `Ok`: another request has the session meanwhile.
    async fn give_up(&self, org: &OrgRow, payment_id: Uuid, error: StripeError) -> Result<(), CashierError> {
        tracing::warn!(%payment_id, %error, "no Checkout Session was made; the seats are let go");
        let payment = self.release(org.id, payment_id, ReleaseReason::CheckoutRefused, None).await?;
        if payment.status == PaymentStatus::Pending { Ok(()) } else { Err(error.into()) }
    }

    /// Ends the session of a payment at Stripe, so that the trip's items can change; only then are its seats let go.
    /// If Stripe does not answer, the hold stands.
    ///
    /// # Errors
    ///
    /// [`CashierError::Unavailable`] when Stripe does not answer.
    pub async fn close_checkout(&self, org: &OrgRow, payment_id: Uuid) -> Result<Closed, CashierError> {
        let account = self.account_needed(org)?;
        let Some(payment) = self.payment(org.id, payment_id).await? else { return Ok(Closed::Released) };
        let session_id = match payment.stripe_session_id {
            Some(id) => id,
            // A crash may have come between asking for the session and noting it: asking again tells.
            None => match self.open_checkout(org, payment_id).await {
                Ok(open) => open.session_id,
                Err(CashierError::Over | CashierError::Refused(_)) => return Ok(Closed::Released),
                Err(error) => return Err(error),
            },
        };
        match account.client.expire_checkout_session(&session_id).await {
            Ok(_) => drop(self.release(org.id, payment_id, ReleaseReason::Replaced, None).await?),
            // It is not open any more: what is it?
            Err(error) if error.is_refusal() => {
                let session = account.client.retrieve_checkout_session(&session_id).await;
                let session = session.map_err(CashierError::Unavailable)?;
                self.follow_session(org.id, payment_id, &session, None).await?;
            }
            Err(error) => return Err(CashierError::Unavailable(error)),
        }
        let now = self.payment(org.id, payment_id).await?.map(|payment| payment.status);
        match now {
            Some(PaymentStatus::Processing) => Ok(Closed::Processing),
            Some(status) if status.pays() => Ok(Closed::Paid),
            Some(PaymentStatus::Pending) => {
                Err(CashierError::Unexpected(format!("the session {session_id} is neither open nor over")))
            }
            _ => Ok(Closed::Released),
        }
    }
}

/// What Stripe is asked, byte for byte the same for the same payment.
fn form(org_id: Uuid, payment: &Payment) -> Result<String, CashierError> {
    let broken = |what: &str| CashierError::Unexpected(format!("payment {} has no {what}", payment.id));
    let checkout = payment.checkout.as_deref().ok_or_else(|| broken("checkout"))?;
    let request: CheckoutRequest = serde_json::from_str(checkout).map_err(|e| broken(&e.to_string()))?;
    let mut metadata = vec![
        ("payment_id".to_owned(), payment.id.to_string()),
        ("user_id".to_owned(), payment.contact_id.to_string()),
        ("org_id".to_owned(), org_id.to_string()),
    ];
    metadata.extend(payment.trip_id.map(|id| ("trip_id".to_owned(), id.to_string())));
    let lines = request.lines.into_iter().map(|line| LineItem {
        name: line.name,
        unit_amount_minor: line.unit_amount_minor,
        quantity: line.quantity,
    });
    let session = NewCheckoutSession {
        line_items: lines.collect(),
        currency: request.currency,
        client_reference_id: payment.id.to_string(),
        metadata,
        success_url: request.success_url,
        cancel_url: request.cancel_url,
        expires_at: payment.pay_until.ok_or_else(|| broken("end"))?,
        customer_email: request.customer_email,
    };
    Ok(session.to_form())
}
