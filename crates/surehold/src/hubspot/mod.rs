//! HubSpot: the client of its API, the limiter that keeps it within the portal's limits, the verification of its
//! webhooks, and what our things are called at a portal. Names are HubSpot's.
//!
//! Only what a mirror needs. Nothing here knows of bookings, and nothing here runs inside a database transaction.

pub mod associations;
pub mod batch;
pub mod client;
mod envelope;
pub mod error;
pub mod limiter;
pub mod mapping;
mod paths;
pub mod properties;
pub mod quota;
pub mod record;
pub mod search;
pub mod settings;
pub mod shape;
pub mod signature;
#[cfg(test)]
mod simulator_tests;
#[cfg(test)]
mod testing;
mod wire;

pub use associations::{AssociationType, AssociationsRead, Pair, PairOutcome, PairsAnswer};
pub use batch::{BATCH_MAX, BatchAnswer, Outcome, Properties, Row};
pub use client::{HubSpot, HubSpotOptions};
pub use error::{HubSpotError, Policy, Refusal};
pub use limiter::{Limiter, LimiterOptions, Priority};
pub use mapping::{Mapping, Object};
pub use properties::{NewProperty, Property, PropertyGroup};
pub use quota::RateLimits;
pub use record::{Fields, Found, Record, Version};
pub use search::{Filter, Search, SearchPage};
pub use settings::{HubSpotArgs, Portal, Portals};
pub use signature::SignatureError;
