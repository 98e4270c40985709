//! What a table of sessions or contacts from elsewhere means for ours: a CSV file of `surehold import`, or records that
//! were made at HubSpot.

pub(crate) mod contacts;
pub(crate) mod importer;
pub(crate) mod move_in;
pub(crate) mod report;
pub(crate) mod sessions;
pub(crate) mod table;
mod values;
mod withheld;
