//! The results for people, on a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::number;
use crate::measure::{
    CALLS_PER_BOOKING, COSTS, DEADLOCKS, FAILED, LIMIT_SHARE, Metric, P50, P99, PER_SECOND, READ_P99, READ_P99_IDLE,
    ROWS_PER_WRITE, SOLD_OUT, Summary, WAL_AFTER,
};
use crate::results::{self, MEMORY_MAX, Measured, Reached, Results};

/// Figures that only some workloads have, and how their line begins.
const FURTHER: &[(Metric, &str)] = &[
    (SOLD_OUT, "sold out after ms"),
    (WAL_AFTER, "WAL after that, bytes"),
    (READ_P99_IDLE, "reads alone, p99 ms"),
    (READ_P99, "reads beside, p99 ms"),
    (DEADLOCKS, "deadlocks"),
    (FAILED, "failed requests"),
    (ROWS_PER_WRITE, "rows per writing call"),
    (CALLS_PER_BOOKING, "calls per booking"),
    (LIMIT_SHARE, "share of call limit"),
];

/// The whole table.
pub fn of(results: &Results) -> String {
    let mut text = String::new();
    let machine = &results.machine;
    let _ = writeln!(
        text,
        "{}, {} cores, {} GB, Linux {}, PostgreSQL {}, {}, commit {}\nrounds: {}, of {} s each; median [lowest - highest]\n",
        machine.cpu,
        machine.cores,
        machine.memory_gb,
        machine.kernel,
        machine.postgresql,
        machine.date,
        machine.commit,
        results.rounds,
        results.seconds
    );
    for measured in &results.workloads {
        workload(&mut text, measured);
    }
    cost(&mut text, results);
    limit(&mut text, results);
    text
}

// Writing to a string cannot fail.

fn workload(text: &mut String, measured: &Measured) {
    let _ = writeln!(text, "{}: {}", measured.workload.name, measured.workload.title);
    for (contestant, figures) in &measured.figures {
        let median = |metric: Metric| figures.get(metric).map_or(String::new(), |summary| number(summary.median));
        let _ = writeln!(
            text,
            "  {:<12}{:>26} /s   p50 {:>7} ms   p99 {:>7} ms",
            contestant.name(),
            figures.get(PER_SECOND).map_or(String::new(), spread),
            median(P50),
            median(P99)
        );
        for (metric, label) in FURTHER {
            if let Some(summary) = figures.get(metric) {
                let _ = writeln!(text, "      {label:<24}{}", spread(summary));
            }
        }
    }
    for goal in &measured.goals {
        reached(text, goal);
    }
    text.push('\n');
}

fn reached(text: &mut String, goal: &Reached) {
    let verdict = if goal.is_met() { "met" } else { "NOT MET" };
    let _ = writeln!(
        text,
        "    {:<28}{:>9}   required {:<10}{verdict}",
        goal.name,
        number(goal.value),
        goal.bound.to_string()
    );
}

fn spread(summary: &Summary) -> String {
    if summary.min == summary.max {
        return number(summary.median);
    }
    format!("{} [{} - {}]", number(summary.median), number(summary.min), number(summary.max))
}

fn cost(text: &mut String, results: &Results) {
    if results.cost.is_empty() {
        return;
    }
    let _ = write!(text, "{:<40}", "cost, from hot");
    for (contestant, _) in &results.cost {
        let _ = write!(text, "{:>14}", contestant.name());
    }
    text.push('\n');
    let cell = |figures: &BTreeMap<Metric, Summary>, metric: Metric| {
        figures.get(metric).map_or("-".to_owned(), |summary| number(summary.median))
    };
    for metric in COSTS {
        let _ = write!(text, "  {metric:<38}");
        for (_, figures) in &results.cost {
            let _ = write!(text, "{:>14}", cell(figures, metric));
        }
        text.push('\n');
    }
    if let Some(memory) = results.memory() {
        reached(text, &Reached { name: "server_peak_memory_mb", value: memory, bound: MEMORY_MAX });
    }
    text.push('\n');
}

fn limit(text: &mut String, results: &Results) {
    let Some(limit) = &results.limit else { return };
    let _ = writeln!(text, "limit: the same rows by bulk statements of one client: {} /s", spread(&limit.per_second));
    if let Some(share) = limit.hot_share {
        reached(text, &Reached { name: "hot_share", value: share, bound: results::LIMIT_SHARE });
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use crate::report::testing::results;

    #[test]
    fn the_table_shows_figures_goals_and_whether_they_are_met() {
        let text = super::of(&results());
        for part in ["hot: every booking", "12,000", "vs_seed", "required >= 10", "NOT MET", "limit:", "0.600"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
