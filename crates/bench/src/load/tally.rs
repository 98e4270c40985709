//! What was counted and timed.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;

/// The longest latency that is told apart, in microseconds: two minutes.
const LATENCY_MAX_US: u64 = 120_000_000;

/// Answers of one traffic.
#[derive(Debug)]
pub struct Tally {
    /// Answers with the status of what was made ([`super::RequestSet::made`]).
    pub created: u64,
    /// Other answers 200.
    pub ok: u64,
    /// Answers 409.
    pub conflict: u64,
    /// Answers below 300 that came before the traffic's end.
    pub in_time: u64,
    /// All other answers that were expected.
    pub other: u64,
    /// From the start to the last answer.
    pub elapsed: Duration,
    /// From the start to the answer that was waited for ([`super::Traffic::milestone`]).
    pub milestone: Option<Duration>,
    /// Requests that were sent: the number of the next one.
    pub next: usize,
    made: u16,
    latencies: Histogram<u64>,
}

impl Tally {
    /// Nothing yet. `made`: the status that counts as [`Tally::created`].
    ///
    /// # Errors
    ///
    /// None in practice: the histogram's bounds are fixed.
    pub fn new(made: u16) -> anyhow::Result<Tally> {
        let latencies = Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).context("the histogram's bounds")?;
        Ok(Tally {
            created: 0,
            ok: 0,
            conflict: 0,
            in_time: 0,
            other: 0,
            elapsed: Duration::ZERO,
            milestone: None,
            next: 0,
            made,
            latencies,
        })
    }

    /// Counts one answer.
    pub fn add(&mut self, status: u16, latency: Duration) {
        match status {
            made if made == self.made => self.created += 1,
            200 => self.ok += 1,
            409 => self.conflict += 1,
            _ => self.other += 1,
        }
        let us = u64::try_from(latency.as_micros()).unwrap_or(LATENCY_MAX_US);
        self.latencies.saturating_record(us.clamp(1, LATENCY_MAX_US));
    }

    /// All answers.
    pub fn answers(&self) -> u64 {
        self.created + self.ok + self.conflict + self.other
    }

    /// Answers a second.
    pub fn per_second(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { self.answers() as f64 / self.elapsed.as_secs_f64() }
    }

    /// The latency that this share of answers does not exceed, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.latencies.value_at_quantile(share) as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_status_and_timed() {
        let mut tally = Tally::new(201).expect("fixed bounds");
        for (status, ms) in [(201, 1), (201, 2), (200, 3), (409, 4), (503, 100)] {
            tally.add(status, Duration::from_millis(ms));
        }
        tally.elapsed = Duration::from_secs(2);
        assert_eq!((tally.created, tally.ok, tally.conflict, tally.other), (2, 1, 1, 1));
        assert!((tally.per_second() - 2.5).abs() < 1e-9);
        let mut called = Tally::new(200).expect("fixed bounds");
        called.add(200, Duration::ZERO);
        called.add(201, Duration::ZERO);
        assert_eq!((called.created, called.other), (1, 1));
        assert!((tally.quantile_ms(0.5) - 3.0).abs() < 0.01 && (tally.quantile_ms(0.99) - 100.0).abs() < 0.1);
    }
}
