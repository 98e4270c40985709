//! The decisions of Surehold.
//!
//! [`decide`] takes rows that were loaded under their locks, a [`Request`] and the time, and says what
//! happens: an [`Outcome`] with writes recorded in the [`Ledger`], or a [`Refusal`] and no write at
//! all. Nothing here waits, reads a clock, draws a random number or knows of SQL and HTTP; the
//! dependencies of this crate prove it. The same function serves the desk, the `per_request` mode and
//! the property tests.

pub mod codes;
pub mod command;
pub mod credit_history;
pub mod decide;

pub mod key;
pub mod ledger;
pub mod outcome;
pub mod refusal;
pub mod rows;

pub use command::{Command, Request};
pub use decide::{Fresh, decide};
pub use ledger::Ledger;
pub use outcome::{Answer, Outcome};
pub use refusal::Refusal;
