//! Results to report on in tests.

use std::collections::BTreeMap;

use crate::contestant::Contestant;
use crate::machine::Machine;
use crate::measure::{Figures, MEMORY, P50, P99, PER_SECOND, Summary};
use crate::results::{Limit, Measured, Results};
use crate::workload;

/// `hot`: 12 times the seed, 6 times a transaction per request, 60 % of the limit.
pub fn results() -> Results {
    let round = |per_second: f64| Figures::from([(PER_SECOND, per_second), (P50, 4.0), (P99, 9.0), (MEMORY, 40.0)]);
    let rounds = BTreeMap::from([
        (Contestant::Lanes, vec![round(11_000.0), round(12_000.0), round(13_000.0)]),
        (Contestant::PerRequest, vec![round(2000.0)]),
        (Contestant::Seed, vec![round(1000.0)]),
    ]);
    let hot = Measured::new(&workload::ALL[0], &rounds, &[]);
    let text = |text: &str| text.to_owned();
    Results {
        machine: Machine {
            cpu: text("A CPU"),
            cores: 2,
            memory_gb: 8.0,
            kernel: text("6.1"),
            postgresql: text("15.1"),
            date: text("2026-01-01"),
            commit: text("abc"),
        },
        rounds: 3,
        seconds: 4.0,
        cost: hot.figures.clone(),
        workloads: vec![hot],
        limit: Some(Limit { per_second: Summary { median: 20_000.0, min: 1.0, max: 2.0 }, hot_share: Some(0.6) }),
    }
}
