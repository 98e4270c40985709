//! The simulators, from outside: over HTTP, as a shop and a buyer meet them.

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
