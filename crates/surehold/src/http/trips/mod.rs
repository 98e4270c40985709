//! Travellers' routes.

pub mod catalogue;
pub mod refusals;
