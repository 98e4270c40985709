//! HubSpot's simulator, as a program that mirrors its records there meets it.

mod associations;
mod auth;
mod batches;
mod contacts;
mod control;
mod faults;
mod histories;
mod limits;
mod lists;
mod official_client;
mod page;
mod properties;
mod records;
mod search;
mod support;
mod unique;
mod upserts;
mod webhooks;
