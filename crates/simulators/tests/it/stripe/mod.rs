//! Stripe's simulator, as a shop and a buyer meet it.

mod api;
mod expiry;
mod faults;
mod idempotency;
mod official_client;
mod page;
mod refunds;
mod sessions;
mod support;
mod transfers;
mod webhooks;
