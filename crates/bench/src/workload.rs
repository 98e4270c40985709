//! The workloads and what is to be reached. Nothing here runs.

use crate::contestant::Contestant;
use crate::measure::{
    CALLS_PER_BOOKING, DEADLOCKS, DRIFTED, LIMIT_SHARE, Metric, NOT_ONCE, OVERSOLD, P50, P99, PER_SECOND, READ_P99,
    READ_P99_IDLE, ROWS_PER_WRITE, SOLD_OUT, TOO_FAST, WAL_AFTER,
};

/// Connections of the load generator.
pub const CONNECTIONS: usize = 64;

/// One workload.
#[derive(Debug)]
pub struct Workload {
    /// Its name on the command line and in results.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// What is sent.
    pub kind: Kind,
    /// Where.
    pub place: Place,
    /// Who takes part.
    pub contestants: &'static [Contestant],
    /// What is to be reached.
    pub goals: &'static [Goal],
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Bookings, closed loop.
    Bookings {
        /// Which session each is for.
        target: Target,
        /// Connections.
        connections: usize,
        /// The share of requests that repeat an earlier one, 0 to 1. If there are any, every request has an
        /// `Idempotency-Key`.
        repeats: f64,
    },
    /// So many attempts at a few seats.
    Rush {
        /// Attempts.
        attempts: usize,
    },
    /// Trips of several slots, each with money of its own, closed loop ([`crate::trips`]).
    Trips,
    /// Reads at a fixed rate: first alone, then beside bookings at half the median rate of `hot`.
    Mixed {
        /// Reads a second.
        reads_per_second: f64,
    },
    /// So many bookings that were made while HubSpot was away are mirrored when it is back ([`crate::backlog`]).
    Backlog {
        /// Bookings.
        bookings: usize,
    },
}

/// Which session a booking is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Always the same.
    Hot,
    /// All of many, in turn.
    Evenly,
    /// Many, by Zipf's law: the second half as often as the first, the third a third as often.
    Zipf {
        /// The law's exponent.
        exponent: f64,
    },
    /// The one of each organisation, in turn.
    EachOrg,
    /// Always the same in a round, another in the next.
    NewDay,
}

/// The database that a workload runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A copy of a school.
    School,
    /// A copy of many small organisations.
    SmallOrgs,
    /// One large database, not copied.
    Large,
    /// A copy of a marketplace.
    Market,
    /// A school whose students HubSpot knows, not copied.
    Mirrored,
}

/// What is to be reached.
#[derive(Debug)]
pub struct Goal {
    /// Its name in results.
    pub name: &'static str,
    /// The figure of `lanes` that counts.
    pub metric: Metric,
    /// What it is divided by.
    pub against: Against,
    /// Where the quotient has to lie.
    pub bound: Bound,
}

/// What a figure is divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Against {
    /// The same figure of another contestant.
    Contestant(Contestant),
    /// The same figure in another workload.
    Workload(&'static str),
    /// Another figure of the same rounds.
    Metric(Metric),
    /// Nothing: the figure itself counts.
    Itself,
}

/// Where a value has to lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
}

impl Bound {
    /// Whether a value lies there.
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Bound::AtLeast(bound) => value >= bound,
            Bound::AtMost(bound) => value <= bound,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bound::AtLeast(bound) => write!(f, ">= {bound}"),
            Bound::AtMost(bound) => write!(f, "<= {bound}"),
        }
    }
}

const fn goal(name: &'static str, metric: Metric, against: Against, bound: Bound) -> Goal {
    Goal { name, metric, against, bound }
}

const SEED: Against = Against::Contestant(Contestant::Seed);
const PER_REQUEST: Against = Against::Contestant(Contestant::PerRequest);
const AWAY: Against = Against::Contestant(Contestant::HubSpotAway);
const RPC: Against = Against::Contestant(Contestant::Rpc);
const HOT: Against = Against::Workload("hot");
const LANES_ONLY: &[Contestant] = &[Contestant::Lanes];

const fn bookings(target: Target) -> Kind {
    Kind::Bookings { target, connections: CONNECTIONS, repeats: 0.0 }
}

/// Every workload, in the order in which they run: others are compared with `hot`.
pub const ALL: &[Workload] = &[
    Workload {
        name: "hot",
        title: "every booking on one session",
        kind: bookings(Target::Hot),
        place: Place::School,
        contestants: Contestant::ALL,
        goals: &[
            goal("vs_seed", PER_SECOND, SEED, Bound::AtLeast(10.0)),
            goal("p99_vs_seed", P99, SEED, Bound::AtMost(0.2)),
            goal("vs_per_request", PER_SECOND, PER_REQUEST, Bound::AtLeast(7.0)),
        ],
    },
    Workload {
        name: "spread",
        title: "1,000 sessions, evenly",
        kind: bookings(Target::Evenly),
        place: Place::School,
        contestants: Contestant::ALL,
        goals: &[
            goal("vs_seed", PER_SECOND, SEED, Bound::AtLeast(3.0)),
            goal("vs_per_request", PER_SECOND, PER_REQUEST, Bound::AtLeast(2.0)),
        ],
    },
    Workload {
        name: "zipf",
        title: "1,000 sessions, by Zipf's law (1.0)",
        kind: bookings(Target::Zipf { exponent: 1.0 }),
        place: Place::School,
        contestants: Contestant::ALL,
        goals: &[
            goal("vs_seed", PER_SECOND, SEED, Bound::AtLeast(4.0)),
            goal("vs_per_request", PER_SECOND, PER_REQUEST, Bound::AtLeast(2.5)),
        ],
    },
    Workload {
        name: "small_orgs",
        title: "200 small organisations, one session each",
        kind: bookings(Target::EachOrg),
        place: Place::SmallOrgs,
        contestants: Contestant::ALL,
        goals: &[
            goal("vs_seed", PER_SECOND, SEED, Bound::AtLeast(1.5)),
            goal("vs_per_request", PER_SECOND, PER_REQUEST, Bound::AtLeast(1.0)),
        ],
    },
    Workload {
        name: "one_caller",
        title: "one caller alone",
        kind: Kind::Bookings { target: Target::Hot, connections: 1, repeats: 0.0 },
        place: Place::School,
        contestants: Contestant::ALL,
        goals: &[
            goal("p50_vs_seed", P50, SEED, Bound::AtMost(1.1)),
            goal("p50_vs_per_request", P50, PER_REQUEST, Bound::AtMost(1.05)),
        ],
    },
    Workload {
        name: "rush",
        title: "20,000 attempts at 100 seats",
        kind: Kind::Rush { attempts: 20_000 },
        place: Place::School,
        contestants: Contestant::ALL,
        goals: &[
            goal("vs_seed", PER_SECOND, SEED, Bound::AtLeast(4.0)),
            goal("sold_out_vs_seed", SOLD_OUT, SEED, Bound::AtMost(0.25)),
            goal("vs_per_request", PER_SECOND, PER_REQUEST, Bound::AtLeast(2.0)),
            goal("oversold", OVERSOLD, Against::Itself, Bound::AtMost(0.0)),
            // Next to nothing: PostgreSQL writes a few kilobytes by itself now and then.
            goal("wal_after_last_seat_bytes", WAL_AFTER, Against::Itself, Bound::AtMost(65_536.0)),
        ],
    },
    Workload {
        name: "trips",
        title: "trips of 3 slots, 20 % overlapping",
        kind: Kind::Trips,
        place: Place::Market,
        contestants: Contestant::ALL,
        goals: &[
            goal("vs_seed", PER_SECOND, SEED, Bound::AtLeast(3.0)),
            goal("deadlocks", DEADLOCKS, Against::Itself, Bound::AtMost(0.0)),
        ],
    },
    Workload {
        name: "replays",
        title: "one session, 30 % repeats of earlier keys",
        kind: Kind::Bookings { target: Target::Hot, connections: CONNECTIONS, repeats: 0.3 },
        place: Place::School,
        contestants: Contestant::ALL,
        goals: &[goal("vs_hot", PER_SECOND, HOT, Bound::AtLeast(0.9))],
    },
    Workload {
        name: "mixed",
        title: "the list at 200/s, beside bookings at half of hot",
        kind: Kind::Mixed { reads_per_second: 200.0 },
        place: Place::School,
        contestants: LANES_ONLY,
        goals: &[goal("read_p99_vs_idle", READ_P99, Against::Metric(READ_P99_IDLE), Bound::AtMost(3.0))],
    },
    Workload {
        name: "hot_large",
        title: "one session, 2 million bookings already there",
        kind: bookings(Target::NewDay),
        place: Place::Large,
        contestants: LANES_ONLY,
        goals: &[goal("vs_hot", PER_SECOND, HOT, Bound::AtLeast(0.9))],
    },
    Workload {
        name: "rpc",
        title: "hot, by /api/bookings/create and by supabase-js's rpc('create_booking_atomic', …)",
        kind: bookings(Target::Hot),
        place: Place::School,
        contestants: &[Contestant::Lanes, Contestant::Rpc],
        // 1 / 0.9: by the function, 90 % of the bookings at least.
        goals: &[goal("vs_rpc", PER_SECOND, RPC, Bound::AtMost(1.1111))],
    },
    Workload {
        name: "hubspot_away",
        title: "hot, without a mirror and with one whose HubSpot answers 503 to everything",
        kind: bookings(Target::Hot),
        place: Place::School,
        contestants: &[Contestant::Lanes, Contestant::HubSpotAway],
        // 1 / 0.95: with HubSpot away, 95 % of the bookings at least.
        goals: &[goal("vs_hubspot_away", PER_SECOND, AWAY, Bound::AtMost(1.0526))],
    },
    Workload {
        name: "hubspot_backlog",
        title: "20,000 bookings mirrored at 190 calls in 10 s, 10 % of which fail",
        kind: Kind::Backlog { bookings: 20_000 },
        place: Place::Mirrored,
        contestants: LANES_ONLY,
        goals: &[
            goal("rows_per_write_call", ROWS_PER_WRITE, Against::Itself, Bound::AtLeast(95.0)),
            // The way that the product replaces takes 6.5.
            goal("calls_per_booking", CALLS_PER_BOOKING, Against::Itself, Bound::AtMost(0.1)),
            goal("share_of_call_limit", LIMIT_SHARE, Against::Itself, Bound::AtLeast(0.9)),
            goal("records_not_once", NOT_ONCE, Against::Itself, Bound::AtMost(0.0)),
            goal("drifted_rows", DRIFTED, Against::Itself, Bound::AtMost(0.0)),
            goal("calls_too_fast", TOO_FAST, Against::Itself, Bound::AtMost(0.0)),
        ],
    },
];

impl Workload {
    /// Rounds of it, where others have so many: a backlog takes a minute, and is the same every time.
    pub fn rounds(&self, rounds: u64) -> u64 {
        if self.place == Place::Mirrored { rounds.min(1) } else { rounds }
    }
}

/// Whether a workload is compared with `hot`, or takes its rate from it.
pub fn needs_hot(workload: &Workload) -> bool {
    matches!(workload.kind, Kind::Mixed { .. }) || workload.goals.iter().any(|goal| goal.against == HOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_its_bound_is_enough_and_one_beyond_is_not() {
        assert!(Bound::AtLeast(10.0).is_met(10.0) && !Bound::AtLeast(10.0).is_met(9.99));
        assert!(Bound::AtMost(0.2).is_met(0.2) && !Bound::AtMost(0.2).is_met(0.21));
        assert_eq!((Bound::AtLeast(1.5).to_string(), Bound::AtMost(3.0).to_string()), (">= 1.5".into(), "<= 3".into()));
    }

    #[test]
    fn names_are_unique_and_whoever_is_compared_takes_part_earlier() {
        for (place, workload) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.name != workload.name), "{}", workload.name);
            assert!(workload.contestants.contains(&Contestant::Lanes));
            for goal in workload.goals {
                match goal.against {
                    Against::Contestant(other) => assert!(workload.contestants.contains(&other), "{}", workload.name),
                    Against::Workload(other) => assert!(ALL[..place].iter().any(|earlier| earlier.name == other)),
                    Against::Metric(_) | Against::Itself => {}
                }
            }
        }
        assert!(ALL.iter().filter(|workload| needs_hot(workload)).count() == 3);
    }
}
