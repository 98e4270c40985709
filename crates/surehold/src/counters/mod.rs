//! Counters in Redis, for programs that read there how many seats of a session are out of sale.
//!
//! `exam:{id}:bookings` is the committed number, by our id and by HubSpot's. PostgreSQL decides; Redis is told after
//! COMMIT, by a task of its own, so neither its absence nor its silence delays a booking. Those programs also count it
//! up and down themselves after each call, so a number that was just changed is looked at again every few seconds.
//!
//! ```text
//! desk ─ids, after COMMIT─▶ follow ─┐
//!                                   ├─ rows of PostgreSQL ─▶ set.lua: number and version, never older over newer
//! every 5 s ──────────────▶ sweep ──┘
//! ```
//!
//! How far a sweep has come is kept in Redis itself. So a Redis that was away is caught up with from there, one that
//! lost its last minutes from an earlier moment, and one that lost everything is filled again.

mod error;
mod keeper;
mod redis_connection;
mod settings;

use std::time::Duration;

pub use error::CounterError;
pub use keeper::Keeper;
pub use redis_connection::{Redis, Written};
pub use settings::{RedisArgs, Redises};

use crate::desk::ChangedSlots;

/// Where counters are kept, and what they follow.
#[derive(Clone)]
pub struct Counters {
    /// The Redis of each organisation.
    pub redises: Redises,
    /// What the desk has changed.
    pub changed_slots: ChangedSlots,
    /// How fast.
    pub options: CounterOptions,
}

/// How fast counters follow.
#[derive(Debug, Clone, Copy)]
pub struct CounterOptions {
    /// From a change to its counter. The callers' own INCR or DECR mostly comes in this time, and is written over at
    /// once; and many changes are one write.
    pub pause: Duration,
    /// How often what was changed in the last hour is looked at again.
    pub sweep_every: Duration,
    /// How long Redis may take to answer, before it is taken for away.
    pub answer_time_max: Duration,
}

impl Default for CounterOptions {
    fn default() -> CounterOptions {
        CounterOptions {
            pause: Duration::from_millis(50),
            sweep_every: Duration::from_secs(5),
            answer_time_max: Duration::from_secs(2),
        }
    }
}
