//! One question that the verdict asks, and its answer.

use std::fmt;

use serde::Serialize;

/// So many faults of a check are named.
const NAMED_MAX: usize = 5;

/// One question that the verdict asks, and its answer.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What was looked at.
    pub check: &'static str,
    /// Whether it is as it has to be.
    pub passed: bool,
    /// What was found, in words.
    pub found: String,
    /// The first faults, each named; empty if there are none.
    pub faults: Vec<String>,
}

impl Check {
    /// A check whose answer is a sentence.
    pub fn new(check: &'static str, passed: bool, found: String) -> Check {
        Check { check, passed, found, faults: Vec::new() }
    }

    /// A check that passes if there are no faults; `found` says so.
    pub fn no_faults(check: &'static str, found: String, faults: Vec<String>) -> Check {
        let passed = faults.is_empty();
        let found = match faults.len() {
            0 => found,
            1 => "1 fault".to_owned(),
            n => format!("{n} faults"),
        };
        Check { check, passed, found, faults: faults.into_iter().take(NAMED_MAX).collect() }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {} {}: {}", if self.passed { "ok  " } else { "BAD " }, self.check, self.found)?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n         {fault}"))
    }
}
