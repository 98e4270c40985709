//! The mirror at HubSpot, against a stand-in that keeps HubSpot's rules.

mod check;
mod credits;
mod faults;
mod sync;
