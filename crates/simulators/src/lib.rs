//! Stand-ins for the services that Surehold talks to. They keep state and answer as the real ones do, so the
//! demo, the tests and the benchmark need no account, no network and no money. [`stripe`] takes payments,
//! [`hubspot`] keeps a team's records of its customers.

// Objects have many fields, and `json!` goes one deeper for each.
#![recursion_limit = "256"]

pub mod hubspot;
pub mod stripe;

mod chance;
mod connections;
mod control;
mod delivery;
mod hmac_sha256;
mod pages;
mod shared;
