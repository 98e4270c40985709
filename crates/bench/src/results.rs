//! The results of a run, as data. What they are compared with stands in [`crate::workload`].

use std::collections::BTreeMap;

use crate::contestant::Contestant;
use crate::measure::{Figures, Metric, Summary, stands_for, summarise};
use crate::workload::{Against, Bound, Workload};

/// All results of a run.
pub struct Results {
    /// What it ran on.
    pub machine: crate::machine::Machine,
    /// Rounds of each workload and contestant.
    pub rounds: u64,
    /// Seconds measured in each.
    pub seconds: f64,
    /// In the order in which they ran.
    pub workloads: Vec<Measured>,
    /// Costs of a booking, by contestant.
    pub cost: Vec<(Contestant, BTreeMap<Metric, Summary>)>,
    /// The distance to the limit, if it was measured.
    pub limit: Option<Limit>,
}

impl Results {
    /// The peak memory of the product's server, in megabytes, if `hot` ran.
    pub fn memory(&self) -> Option<f64> {
        let lanes = self.cost.iter().find(|(contestant, _)| *contestant == Contestant::Lanes)?;
        lanes.1.get(crate::measure::MEMORY).map(|summary| summary.median)
    }
}

/// What the same rows cost without a server.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Bookings a second by bulk statements of one client.
    pub per_second: Summary,
    /// What `hot` reaches of it, 0 to 1.
    pub hot_share: Option<f64>,
}

/// `hot` is to reach this share of the limit.
pub const LIMIT_SHARE: Bound = Bound::AtLeast(0.5);

/// The most memory of the server, in megabytes.
pub const MEMORY_MAX: Bound = Bound::AtMost(150.0);

/// A workload's results.
pub struct Measured {
    /// Which.
    pub workload: &'static Workload,
    /// By contestant.
    pub figures: Vec<(Contestant, BTreeMap<Metric, Summary>)>,
    /// What was to be reached.
    pub goals: Vec<Reached>,
}

/// What came of a goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// Its name.
    pub name: &'static str,
    /// The quotient.
    pub value: f64,
    /// Where it has to lie.
    pub bound: Bound,
}

impl Reached {
    /// Whether the goal is met.
    pub fn is_met(&self) -> bool {
        self.bound.is_met(self.value)
    }
}

impl Measured {
    /// Summarises the rounds of a workload and compares. `earlier`: the workloads that it may be compared with.
    pub fn new(
        workload: &'static Workload,
        rounds: &BTreeMap<Contestant, Vec<Figures>>,
        earlier: &[Measured],
    ) -> Measured {
        let figures = workload
            .contestants
            .iter()
            .filter_map(|contestant| Some((*contestant, summarise(rounds.get(contestant)?))))
            .collect();
        let mut measured = Measured { workload, figures, goals: Vec::new() };
        measured.goals = workload.goals.iter().filter_map(|goal| measured.reached(goal, earlier)).collect();
        measured
    }

    /// The median of a figure; of a fault, the worst round.
    pub fn median(&self, contestant: Contestant, metric: Metric) -> Option<f64> {
        let of_contestant = &self.figures.iter().find(|(who, _)| *who == contestant)?.1;
        of_contestant.get(metric).map(|summary| stands_for(metric, summary))
    }

    /// `None` where what it is compared with was not measured.
    fn reached(&self, goal: &crate::workload::Goal, earlier: &[Measured]) -> Option<Reached> {
        let own = self.median(Contestant::Lanes, goal.metric)?;
        let other = match goal.against {
            Against::Itself => 1.0,
            Against::Contestant(other) => self.median(other, goal.metric)?,
            Against::Metric(other) => self.median(Contestant::Lanes, other)?,
            Against::Workload(name) => {
                let other = earlier.iter().find(|measured| measured.workload.name == name)?;
                other.median(Contestant::Lanes, goal.metric)?
            }
        };
        (other > 0.0).then(|| Reached { name: goal.name, value: own / other, bound: goal.bound })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{DEADLOCKS, P99, PER_SECOND};
    use crate::workload;

    /// Rounds of `hot` in which the product has so many bookings a second, the others 1,000 and 2,000.
    fn hot(lanes: &[f64]) -> Measured {
        let round = |per_second: f64, p99: f64| Figures::from([(PER_SECOND, per_second), (P99, p99)]);
        let rounds = BTreeMap::from([
            (Contestant::Lanes, lanes.iter().map(|rate| round(*rate, 10.0)).collect()),
            (Contestant::PerRequest, vec![round(2000.0, 40.0)]),
            (Contestant::Seed, vec![round(1000.0, 60.0)]),
        ]);
        Measured::new(&workload::ALL[0], &rounds, &[])
    }

    #[test]
    fn goals_compare_medians_with_their_bounds() {
        let measured = hot(&[1.0, 12_000.0, 13_000.0]);
        let reached: Vec<_> = measured.goals.iter().map(|goal| (goal.name, goal.value, goal.is_met())).collect();
        assert_eq!(
            reached,
            [("vs_seed", 12.0, true), ("p99_vs_seed", 10.0 / 60.0, true), ("vs_per_request", 6.0, false)]
        );
    }

    #[test]
    fn one_deadlock_in_any_round_misses_the_goal() {
        let trips = workload::ALL.iter().find(|workload| workload.name == "trips").expect("there is one");
        let round = |deadlocks| Figures::from([(PER_SECOND, 900.0), (DEADLOCKS, deadlocks)]);
        for (rounds, is_met) in [([0.0, 0.0, 0.0], true), ([0.0, 0.0, 1.0], false)] {
            let rounds = BTreeMap::from([(Contestant::Lanes, rounds.map(round).to_vec())]);
            let goals = Measured::new(trips, &rounds, &[]).goals;
            assert_eq!(
                goals.iter().map(|goal| (goal.name, goal.is_met())).collect::<Vec<_>>(),
                [("deadlocks", is_met)]
            );
        }
    }

    #[test]
    fn what_was_not_measured_is_not_compared() {
        let rounds = BTreeMap::from([(Contestant::Lanes, vec![Figures::from([(PER_SECOND, 900.0)])])]);
        let replays = workload::ALL.iter().find(|workload| workload.name == "replays").expect("there is one");
        assert!(Measured::new(replays, &rounds, &[]).goals.is_empty());
        let goals = Measured::new(replays, &rounds, &[hot(&[1000.0])]).goals;
        assert_eq!(goals, [Reached { name: "vs_hot", value: 0.9, bound: Bound::AtLeast(0.9) }]);
    }
}
