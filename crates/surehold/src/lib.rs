//! Surehold, the program: a booking back end that never oversells.
//!
//! A write passes four places, and the verb is the same word in each: a route in [`http`], a command
//! and its decision in `surehold_core`, the [`desk`] that commits it, the [`store`] that holds all SQL.
//! A read passes two: a route and the store.

pub mod cashier;
pub mod cli;
pub mod config;
pub mod counters;
pub mod currency;
pub mod desk;
pub mod http;
pub mod hubspot;
mod import;
pub mod mirror;
mod outgoing;
mod per_org;
pub mod private_postgres;
pub mod store;
pub mod stripe;
#[cfg(test)]
mod stub;
pub mod wall_clock;
pub mod workers;

/// Every request makes and frees many small pieces of memory; this one does so faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
