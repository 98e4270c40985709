//! The mirror at HubSpot, against a stand-in that keeps HubSpot's rules.

mod associations;
mod check;
mod cli;
mod credits;
mod cron;
mod faults;
mod holds;
mod imports;
mod lease;
mod lookup;
mod noticing;
mod serve;
mod sessions;
mod setup;
mod status;
mod sync;
mod webhook;
mod worker;
