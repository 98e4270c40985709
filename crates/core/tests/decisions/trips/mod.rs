//! Stories of trips, of the money for them and of money on its way back. After each step the laws hold
//! ([`crate::trip_laws::laws_hold`]).

mod booking;
mod cancelling;
mod histories;
mod holding;
mod importing;
mod journal;
mod offerings;
mod precedence;
mod refunds;
mod releasing;
mod seen_refunds;
mod settling;
