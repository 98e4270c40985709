//! Latencies: percentiles for tables, and a histogram as text.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Latencies up to an hour, in microseconds, to three significant digits.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

const LONGEST_US: u64 = 3_600_000_000;
/// The width of the longest bar.
const BAR: usize = 50;

/// What a table shows, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

/// A bar of the histogram: how many took at most so long, and longer than the bar before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bar {
    pub up_to_ms: f64,
    pub count: u64,
}

impl Latencies {
    /// Those of an iterator.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> anyhow::Result<Latencies> {
        let mut histogram = Histogram::new_with_bounds(1, LONGEST_US, 3)?;
        for time in times {
            histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
        }
        Ok(Latencies(histogram))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// In milliseconds; `None` if there are none.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let at = |quantile: f64| ms(self.0.value_at_quantile(quantile));
        let (p50, p90, p99, p99_9) = (at(0.5), at(0.9), at(0.99), at(0.999));
        (self.count() > 0).then(|| Percentiles { p50, p90, p99, p99_9, max: ms(self.0.max()) })
    }

    /// How many took longer.
    pub fn longer_than(&self, time: Duration) -> u64 {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).min(LONGEST_US);
        self.count() - self.0.count_between(0, us)
    }

    /// Bars up to 1, 2, 5, 10, 20, 50 … from the first that is not empty to the last.
    pub fn bars(&self) -> Vec<Bar> {
        let mut bars: Vec<Bar> = Vec::new();
        let (mut edge, mut factors) = (100, [2, 5, 10].into_iter().cycle());
        let mut decade = 100;
        for step in self.0.iter_recorded() {
            let value = step.value_iterated_to();
            while value > edge {
                edge = decade * factors.next().unwrap_or(10);
                if edge == decade * 10 {
                    decade = edge;
                }
                if !bars.is_empty() {
                    bars.push(Bar { up_to_ms: ms(edge), count: 0 });
                }
            }
            match bars.last_mut().filter(|bar| bar.up_to_ms == ms(edge)) {
                Some(bar) => bar.count += step.count_since_last_iteration(),
                None => bars.push(Bar { up_to_ms: ms(edge), count: step.count_since_last_iteration() }),
            }
        }
        bars
    }
}

/// The bars as text, a line each.
pub fn drawing(bars: &[Bar]) -> String {
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let line = |bar: &Bar| {
        // What is there is seen, however little it is.
        let length = (bar.count as f64 / most as f64 * BAR as f64).ceil() as usize;
        let drawn = "#".repeat(length);
        format!("  up to {:>7} ms  {drawn:<BAR$} {:>8}", bar.up_to_ms, bar.count)
    };
    bars.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(ms: &[f64]) -> Latencies {
        Latencies::of(ms.iter().map(|ms| Duration::from_secs_f64(ms / 1000.0))).expect("a histogram")
    }

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let all: Vec<f64> = (1..=1000).map(f64::from).collect();
        let p = latencies(&all).percentiles().expect("some");
        for (found, right) in [(p.p50, 500.0), (p.p90, 900.0), (p.p99, 990.0), (p.p99_9, 999.0), (p.max, 1000.0)] {
            assert!((found - right).abs() <= right / 1000.0 + 0.001, "{found} is not {right}");
        }
        assert_eq!(latencies(&[]).percentiles(), None);
        assert_eq!(latencies(&[1.0, 10.0, 11.0]).longer_than(Duration::from_millis(10)), 1);
    }

    #[test]
    fn a_histogram_is_drawn_with_its_gaps() {
        let bars = latencies(&[0.05, 0.4, 0.4, 0.4, 0.4, 1.5, 12.0]).bars();
        let found: Vec<(f64, u64)> = bars.iter().map(|bar| (bar.up_to_ms, bar.count)).collect();
        let right = [(0.1, 1), (0.2, 0), (0.5, 4), (1.0, 0), (2.0, 1), (5.0, 0), (10.0, 0), (20.0, 1)];
        assert_eq!(found, right);
        let text = drawing(&bars);
        assert_eq!(text.lines().count(), 8);
        assert!(text.contains(&format!("up to     0.5 ms  {}        4", "#".repeat(50))), "{text}");
        assert!(text.contains(&format!("up to     0.1 ms  {} ", "#".repeat(13))), "{text}");
        assert!(latencies(&[]).bars().is_empty() && drawing(&[]).is_empty());
        assert_eq!(latencies(&[700.0]).bars(), [Bar { up_to_ms: 1000.0, count: 1 }]);
    }
}
