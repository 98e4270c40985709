//! A stand-in for HubSpot's CRM: objects with the histories of their properties, batches, search, associations,
//! definitions of properties, limits, signed webhooks, with state and faults on demand. HubSpot's official
//! client works with it unchanged.
//!
//! # What is simulated
//!
//! Each rule comes from HubSpot's documentation, its official clients, or what its users report; the modules say
//! where.
//!
//! - Objects of any type, `0-1` and `contacts` or `2-501`, under dated paths (`/crm/objects/2026-09/…`) and older
//!   ones (`/crm/v3/objects/…`), which mean the same (`routes`, `single`, `batch`, `inputs`, `object_types`).
//! - Unique properties, and who comes second (`writing`, `values`, `objects`).
//! - Histories: every value, when, and who wrote it (`record`, `history`).
//! - Search that learns late (`search`, `search_index`).
//! - Associations, readable from both sides (`associations`, `association_batches`).
//! - Definitions of properties and groups (`properties`, `property_calls`).
//! - Limits by rolling windows and days, with their headers (`limits`).
//! - Webhooks: signed, in arrays, tried again, in any order, more than once, or lost (`events`, `outbox`,
//!   `webhooks`, `signature`).
//! - Faults, by code or over HTTP (`faults`, `control`), and a page with all records (`page`).
//!
//! # What is not
//!
//! Other objects' special properties, pipelines, owners, lists, merging, restoring, definitions of custom types
//! (any `2-…` exists), types of associations for the way back (it shows the type of the way there), calculated properties, validation rules of an account,
//! OAuth, imports and exports, TLS. Records and journal are kept until the end or a reset.
//!
//! It listens on loopback unless told otherwise; the page and the control routes ask for no token.

mod answer;
mod api;
mod association_batches;
mod associations;
mod batch;
mod clock;
mod control;
mod errors;
mod events;
mod faults;
mod history;
mod ids;
mod inputs;
mod journal;
mod limits;
mod object_types;
mod objects;
mod outbox;
mod page;
mod properties;
mod property_calls;
mod query;
mod record;
mod routes;
mod search;
mod search_index;
mod server;
mod signature;
mod simulator;
mod single;
mod state;
mod values;
mod webhooks;
mod writing;

pub use crate::chance::Chance;
pub use crate::delivery::Retry;
pub use associations::{Association, AssociationType, Category};
pub use errors::ApiError;
pub use faults::{Effect, Fault, Faults, Rule, WebhookFaults};
pub use history::{HistoryEntry, Source};
pub use journal::Call;
pub use limits::{LimitReport, Limits, Policy, WindowReport};
pub use object_types::{CONTACTS, ObjectType};
pub use outbox::Webhook;
pub use properties::{Property, PropertyKind, PropertyOption};
pub use record::Record;
pub use signature::sign;
pub use simulator::{Options, Simulator};
