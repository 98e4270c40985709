//! The mirror at HubSpot, against a stand-in that keeps HubSpot's rules.

mod check;
mod cli;
mod credits;
mod cron;
mod faults;
mod imports;
mod lookup;
mod serve;
mod setup;
mod status;
mod sync;
mod webhook;
mod worker;
