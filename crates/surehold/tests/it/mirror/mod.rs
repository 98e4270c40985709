//! The mirror at HubSpot.

mod cli;
mod cron;
mod setup;
mod status;
mod webhook;
