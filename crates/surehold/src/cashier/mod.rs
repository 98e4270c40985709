//! Between Stripe and the desk: what Stripe is asked, and what its answers mean.
//!
//! Stripe is only ever called outside a transaction. What it says becomes a command of the desk, each of which can be
//! given any number of times: by the webhook, the success page and the workers, at the same moment.

mod checkout;
mod error;
mod events;
mod learn;
mod reconcile;
mod refunds;

use std::sync::Arc;

use surehold_core::command::{Command, Key};
use surehold_core::outcome::PaymentSaved;
use surehold_core::rows::{Payment, StripeEvent};
use surehold_core::{Answer, Outcome};
use uuid::Uuid;

pub use checkout::{Closed, OpenCheckout};
pub use error::CashierError;
pub use events::Heard;
pub use reconcile::Report;

use crate::desk::{Desk, DeskError, own_request};
use crate::store::orgs::OrgRow;
use crate::store::{Store, payments};
use crate::stripe::{Account, Accounts};

/// Who does what Stripe says, in the journal.
const PRINCIPAL: &str = "system:stripe";

/// Asks Stripe, and tells the desk. Cheap to clone.
#[derive(Clone)]
pub struct Cashier {
    store: Store,
    desk: Desk,
    accounts: Arc<Accounts>,
}

impl Cashier {
    /// Puts the parts together.
    pub fn new(store: Store, desk: Desk, accounts: Accounts) -> Cashier {
        Cashier { store, desk, accounts: Arc::new(accounts) }
    }

    /// The Stripe account of an organisation.
    pub fn account(&self, org: &OrgRow) -> Option<Account> {
        self.accounts.of(&org.slug)
    }

    fn account_needed(&self, org: &OrgRow) -> Result<Account, CashierError> {
        self.account(org).ok_or(CashierError::NoAccount)
    }

    /// The payment of an id.
    pub async fn payment(&self, org_id: Uuid, id: Uuid) -> Result<Option<Payment>, CashierError> {
        Ok(payments::find(&*self.store.read().await?, org_id, id).await?)
    }

    async fn submit(&self, org_id: Uuid, command: Command) -> Result<Outcome, DeskError> {
        self.submit_because(org_id, command, None).await
    }

    /// An event of Stripe's is the key of its own effect.
    async fn submit_because(
        &self,
        org_id: Uuid,
        command: Command,
        event: Option<&Arc<StripeEvent>>,
    ) -> Result<Outcome, DeskError> {
        let mut request = own_request(PRINCIPAL, command);
        if let Some(event) = event {
            request.key = Key::Given(event.id.clone());
            request.stripe_event = Some(event.clone());
        }
        self.desk.submit(org_id, request).await
    }
}

/// The answer of a command about a payment.
fn saved(outcome: Outcome) -> Result<PaymentSaved, CashierError> {
    match outcome.answer {
        Answer::PaymentSaved(saved) => Ok(saved),
        other => Err(CashierError::Unexpected(format!("the desk answered {other:?}"))),
    }
}
