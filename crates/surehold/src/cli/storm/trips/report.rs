//! What came of a storm of trips, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::check::Check;
use super::counter::Counted;
use super::habits::Habit;
use super::settle::Settled;
use super::there::There;
use super::traveller::Journey;

/// What came of it.
#[derive(Debug)]
pub struct Report {
    url: String,
    trips: usize,
    /// Trips whose seats were held, by what their traveller did then.
    habits: BTreeMap<Habit, usize>,
    /// Payments, by how they ended.
    payments: BTreeMap<String, usize>,
    counted: Counted,
    settled: Settled,
    /// Webhooks that were acknowledged meanwhile, repetitions too.
    webhooks: u64,
    checks: Vec<Check>,
}

impl Report {
    pub fn new(
        url: &str,
        journeys: &[Journey],
        counted: Counted,
        (webhooks, settled): (u64, Settled),
        there: &There,
        checks: Vec<Check>,
    ) -> Report {
        let mut habits = BTreeMap::new();
        for habit in journeys.iter().filter_map(|journey| journey.habit) {
            *habits.entry(habit).or_default() += 1;
        }
        let mut payments = BTreeMap::new();
        for payment in &there.payments {
            *payments.entry(payment.status.clone()).or_default() += 1;
        }
        Report { url: url.to_owned(), trips: journeys.len(), habits, payments, counted, settled, webhooks, checks }
    }

    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }

    fn held(&self) -> usize {
        self.habits.values().sum()
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let latency = self.latency().map(|[min, median, max]| json!({ "min": min, "p50": median, "max": max }));
        json!({
            "mode": "trips", "url": self.url, "passed": self.passed(), "trips": self.trips, "held": self.held(),
            "travellers": self.habits, "payments": self.payments, "answers": self.counted.answers,
            "overloaded": self.counted.overloaded, "webhooks": self.webhooks, "settled": self.settled,
            "checkout_latency_ms": latency, "checks": self.checks,
        })
    }

    /// Of checkouts: least, median and most, in milliseconds.
    fn latency(&self) -> Option<[f64; 3]> {
        let mut took = self.counted.took.clone();
        took.sort();
        let ms = |d: &Duration| d.as_secs_f64() * 1000.0;
        Some([ms(took.first()?), ms(&took[took.len() / 2]), ms(took.last()?)])
    }

    /// `31 of 50 trips held: 9 failed, 5 refunded, 20 succeeded`
    fn in_short(&self) -> String {
        format!("{} of {} trips held; payments: {}", self.held(), self.trips, self.listed())
    }

    fn listed(&self) -> String {
        let payments = self.payments.iter().map(|(status, n)| format!("{n} {}", status.replace('_', " ")));
        payments.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for (answer, n) in &self.counted.answers {
            writeln!(f, "  {n:>6} x {answer}")?;
        }
        if let Some([min, median, max]) = self.latency() {
            writeln!(f, "  checkout {min:.1} ms min, {median:.1} ms median, {max:.1} ms max")?;
        }
        writeln!(f, "  {} webhooks acknowledged, repetitions too\n", self.webhooks)?;
        writeln!(f, "  of those who got their seats")?;
        for (habit, n) in &self.habits {
            writeln!(f, "  {n:>6} {}", habit.name())?;
        }
        writeln!(f)?;
        self.checks.iter().try_for_each(|check| writeln!(f, "{check}"))?;
        write!(f, "\n{} … {}", self.in_short(), if self.passed() { "PASS" } else { "FAIL" })
    }
}
