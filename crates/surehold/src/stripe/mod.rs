//! Stripe: the client of its API and the verification of its webhooks. Names are Stripe's.
//!
//! Only what taking one payment needs: Checkout Sessions, Payment Intents, Refunds and Events. Nothing here
//! knows of bookings, and nothing here runs inside a database transaction.
//!
//! Whoever changes something at Stripe makes the request's bytes first (`to_form`), stores them with an
//! idempotency key, and then sends them; what is sent again after a crash is then the same.

pub mod accounts;
pub mod charge;
pub mod checkout_session;
pub mod client;
pub mod dispute;
pub mod error;
pub mod event;
mod form;
mod open_enum;
pub mod payment_intent;
pub mod refund;
pub mod signature;
mod wire;

pub use accounts::{Account, Accounts, StripeArgs};
pub use charge::Charge;
pub use checkout_session::{CheckoutSession, LineItem, NewCheckoutSession, PaymentStatus, SessionStatus};
pub use client::{API_VERSION, Stripe, StripeOptions};
pub use dispute::Dispute;
pub use error::{Refusal, StripeError};
pub use event::{Event, EventError};
pub use payment_intent::{PaymentIntent, PaymentIntentStatus};
pub use refund::{NewRefund, Refund, RefundReason, RefundStatus};
pub use signature::SignatureError;
