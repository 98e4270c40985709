//! Figures of one round, and what several rounds come to.

use std::collections::BTreeMap;

/// The name of a figure in results; it says the unit.
pub type Metric = &'static str;

/// Answers a second.
pub const PER_SECOND: Metric = "per_second";
/// Half of the answers came within this, in milliseconds.
pub const P50: Metric = "p50_ms";
/// 99 % of the answers came within this, in milliseconds.
pub const P99: Metric = "p99_ms";
/// Rush: from the first attempt to the answer that sold the last seat, in milliseconds.
pub const SOLD_OUT: Metric = "sold_out_ms";
/// Rush: seats sold beyond the capacity.
pub const OVERSOLD: Metric = "oversold";
/// Rush: what was written to the log after the last seat was sold, in bytes.
pub const WAL_AFTER: Metric = "wal_after_last_seat_bytes";
/// Mixed: 99 % of the reads beside writes came within this, in milliseconds.
pub const READ_P99: Metric = "read_p99_ms";
/// Mixed: the same without writes.
pub const READ_P99_IDLE: Metric = "read_p99_idle_ms";
/// Mixed: the median of reads beside writes, in milliseconds.
pub const READ_P50: Metric = "read_p50_ms";
/// Mixed: the same without writes.
pub const READ_P50_IDLE: Metric = "read_p50_idle_ms";

/// Trips: deadlocks that PostgreSQL counted, in the whole round.
pub const DEADLOCKS: Metric = "deadlocks";
/// Trips: requests that were not carried out because of others, in the whole round.
pub const FAILED: Metric = "failed_requests";

/// Backlog: rows that were written, for each call whose answer said that it wrote some.
pub const ROWS_PER_WRITE: Metric = "rows_per_write_call";
/// Backlog: calls of every sort for a booking, those included that failed.
pub const CALLS_PER_BOOKING: Metric = "hubspot_calls_per_booking";
/// Backlog: the time that as many calls take by HubSpot's limit alone, as a share of the time that they took, 0 to 1.
pub const LIMIT_SHARE: Metric = "share_of_call_limit";
/// Backlog: records and associations that are missing or there twice.
pub const NOT_ONCE: Metric = "records_not_once";
/// Backlog: rows that `surehold sync --check` finds to differ.
pub const DRIFTED: Metric = "drifted_rows";
/// Backlog: calls that HubSpot refused because they came too fast.
pub const TOO_FAST: Metric = "calls_too_fast";

/// Figures that are faults: of several rounds the worst counts, not the median.
pub const FAULTS: &[Metric] = &[OVERSOLD, DEADLOCKS, FAILED, NOT_ONCE, DRIFTED, TOO_FAST];

/// CPU time of the server for a booking, in microseconds.
pub const SERVER_CPU: Metric = "server_cpu_us_per_booking";
/// CPU time of PostgreSQL, all its processes, for a booking, in microseconds.
pub const POSTGRES_CPU: Metric = "postgres_cpu_us_per_booking";
/// CPU time of the load generator for a booking, in microseconds.
pub const LOAD_CPU: Metric = "load_generator_cpu_us_per_booking";
/// Written to PostgreSQL's log for a booking, in bytes.
pub const WAL: Metric = "wal_bytes_per_booking";
/// The share of updates of sessions that stayed on their page, 0 to 1.
pub const HOT_UPDATES: Metric = "slots_hot_update_share";
/// The most memory that the server ever had, in megabytes.
pub const MEMORY: Metric = "server_peak_memory_mb";
/// Commands in a transaction, on average.
pub const BATCH: Metric = "mean_batch_commands";
/// SQL statements for a booking, those inside of functions included.
pub const STATEMENTS: Metric = "sql_statements_per_booking";
/// Round trips to the database for a booking.
pub const ROUND_TRIPS: Metric = "round_trips_per_booking";

/// Figures about what a booking costs, as they are listed.
pub const COSTS: &[Metric] =
    &[SERVER_CPU, POSTGRES_CPU, LOAD_CPU, WAL, STATEMENTS, ROUND_TRIPS, BATCH, HOT_UPDATES, MEMORY];

/// Figures of one round.
pub type Figures = BTreeMap<Metric, f64>;

/// What several rounds come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The middle of the rounds; of an even number, the mean of the two in the middle.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

/// The one value that stands for several rounds.
pub fn stands_for(metric: Metric, summary: &Summary) -> f64 {
    if FAULTS.contains(&metric) { summary.max } else { summary.median }
}

impl Summary {
    /// Of at least one value.
    pub fn of(mut values: Vec<f64>) -> Option<Summary> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Summary { median, min, max })
    }
}

/// The summary of each figure that any round has.
pub fn summarise(rounds: &[Figures]) -> BTreeMap<Metric, Summary> {
    let metrics: std::collections::BTreeSet<Metric> =
        rounds.iter().flat_map(|figures| figures.keys().copied()).collect();
    metrics
        .into_iter()
        .filter_map(|metric| {
            let values = rounds.iter().filter_map(|figures| figures.get(metric).copied()).collect();
            Some((metric, Summary::of(values)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(Summary::of(vec![9.0, 1.0, 5.0]), Some(Summary { median: 5.0, min: 1.0, max: 9.0 }));
        assert_eq!(Summary::of(vec![4.0, 1.0, 2.0, 100.0]).map(|s| s.median), Some(3.0));
        assert_eq!(Summary::of(Vec::new()), None);
    }

    #[test]
    fn a_figure_that_only_some_rounds_have_counts_in_those() {
        let rounds = [Figures::from([(P50, 1.0), (P99, 9.0)]), Figures::from([(P50, 3.0)])];
        let summary = summarise(&rounds);
        assert_eq!(summary[P50].median, 2.0);
        assert_eq!(summary[P99], Summary { median: 9.0, min: 9.0, max: 9.0 });
    }
}
