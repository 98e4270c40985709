//! How often a fault happens.

use rand::RngExt;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

/// How often something happens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chance {
    /// To the next so many.
    Count(u32),
    /// To each with this probability, 0 to 1.
    Probability(f64),
}

impl Chance {
    /// Whether it happens now. Counts go down as they are used up.
    pub(crate) fn happens(&mut self, random: &mut StdRng) -> bool {
        match self {
            Chance::Probability(probability) => random.random_bool(probability.clamp(0.0, 1.0)),
            Chance::Count(left) => use_up(left),
        }
    }

    /// Whether it can still happen.
    pub(crate) fn is_left(self) -> bool {
        self != Chance::Count(0)
    }
}

/// Whether it happens now; what is used up is forgotten.
pub(crate) fn happens(chance: &mut Option<Chance>, random: &mut StdRng) -> bool {
    let happens = chance.as_mut().is_some_and(|chance| chance.happens(random));
    if chance.is_some_and(|chance| !chance.is_left()) {
        *chance = None;
    }
    happens
}

/// Whether there was one left.
pub(crate) fn use_up(times: &mut u32) -> bool {
    let left = *times > 0;
    *times = times.saturating_sub(1);
    left
}

/// A number of milliseconds from a range.
pub(crate) fn milliseconds(range: (u64, u64), random: &mut StdRng) -> std::time::Duration {
    let (from, to) = range;
    std::time::Duration::from_millis(random.random_range(from..=to.max(from)))
}
