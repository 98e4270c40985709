//! Why something with Stripe did not work out.

use thiserror::Error;

use crate::desk::DeskError;
use crate::store::StoreError;
use crate::stripe::StripeError;

/// Why something with Stripe did not work out.
#[derive(Debug, Error)]
pub enum CashierError {
    /// The desk refuses, or cannot decide now.
    #[error("{0}")]
    Desk(#[from] DeskError),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The organisation has no Stripe account.
    #[error("this organisation has no Stripe account: set SUREHOLD_STRIPE_SECRET_KEY")]
    NoAccount,
    /// Stripe said no to what it was asked.
    #[error("{0}")]
    Refused(StripeError),
    /// Stripe cannot be reached, or its answer is no use.
    #[error("{0}")]
    Unavailable(StripeError),
    /// The payment ended while it was being worked on.
    #[error("the payment has ended meanwhile")]
    Over,
    /// A bug.
    #[error("{0}")]
    Unexpected(String),
}

impl From<StripeError> for CashierError {
    fn from(error: StripeError) -> CashierError {
        if error.is_refusal() { CashierError::Refused(error) } else { CashierError::Unavailable(error) }
    }
}
