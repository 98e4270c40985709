//! The mirror at HubSpot.

mod cli;
mod cron;
mod lookup;
mod setup;
mod status;
mod webhook;
