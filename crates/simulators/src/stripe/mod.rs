//! A stand-in for Stripe: Checkout Sessions with their payment page, PaymentIntents, charges, refunds, events
//! and signed webhooks, with state, idempotency keys and faults on demand. Stripe's official clients work with
//! it unchanged.
//!
//! # What is simulated
//!
//! Each rule comes from Stripe's documentation; the modules name the page.
//!
//! - Form-encoded parameters, JSON answers, errors, authentication, lists, `expand` (`form`, `errors`,
//!   `auth`, `lists`, `expand`).
//! - Checkout Sessions in the mode `payment`, on the hosted page (`new_session`, `sessions`, `checkout`,
//!   `page`).
//! - What follows a payment (`payment_intents`, `charges`, `refunds`, `events`).
//! - Idempotency keys (`idempotency`).
//! - Webhooks: signed, tried again, in any order, more than once (`webhooks`, `signature`).
//! - Faults, by code or over HTTP (`faults`, `control`).
//!
//! # What is not
//!
//! Other modes and pages, customers, products and prices, coupons, tax, shipping, other currencies at checkout,
//! fees and balances, capture, connected accounts, the answer to a dispute, rate limits, API versions (one
//! shape, whatever `Stripe-Version` says), TLS. Parameters that Checkout knows and the simulator does not are
//! accepted if they change nothing that a caller sees here, and refused otherwise. A declined card leaves no
//! PaymentIntent and no event. Keys and objects are kept until the end.
//!
//! It listens on loopback unless told otherwise; the page and the control routes ask for no key.

mod api;
mod auth;
mod charges;
mod checkout;
mod clock;
mod control;
mod errors;
mod events;
mod expand;
mod faults;
mod form;
mod idempotency;
mod ids;
mod lists;
mod money;
mod new_session;
mod outbox;
mod page;
mod payment_intents;
mod refunds;
mod routes;
mod server;
mod sessions;
mod signature;
mod simulator;
mod state;
mod table;
mod webhooks;

pub use crate::chance::Chance;
pub use crate::delivery::Retry;
pub use charges::Charge;
pub use checkout::Action;
pub use errors::ApiError;
pub use faults::{ApiFaults, Calls, Down, Drop, Error500, Faults, WebhookFaults};
pub use form::Metadata;
pub use outbox::{Undelivered, WebhookEndpoint};
pub use payment_intents::{IntentStatus, PaymentIntent};
pub use refunds::{Refund, RefundStatus};
pub use sessions::{LineItem, PaymentStatus, Session, SessionStatus};
pub use signature::{sign, signature_header};
pub use simulator::{FaultsHandle, Options, Simulator};
