//! From the flags to what is done: which mode, how many seats, sessions and students.

use std::path::PathBuf;
use std::time::Duration;

use super::args::StormArgs;
use super::mix::{self, Kind, Mix};
use super::open_files;
use super::schedule::Schedule;

/// The ways to storm.
#[derive(Debug)]
pub enum Mode {
    /// Everybody at the same moment.
    Closed(Rush),
    /// Requests at their intended times.
    Open(Box<Plan>),
    /// Trips and their money.
    Trips(Trips),
}

/// Trips and their money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trips {
    /// Travellers, a trip each.
    pub trips: u32,
    /// Seats of each slot.
    pub seats: u32,
}

/// Everybody at the same moment, on one session.
#[derive(Debug, Clone, Copy)]
pub struct Rush {
    /// Seats of the session.
    pub seats: u32,
    /// Students, one booking each.
    pub clients: u32,
}

/// An open-loop storm.
#[derive(Debug)]
pub struct Plan {
    /// When requests are sent.
    pub schedule: Schedule,
    /// What they ask for.
    pub mix: Mix,
    /// The seats of each session.
    pub seats: Vec<u32>,
    /// How many students there are.
    pub students: u32,
    /// How many sessions each student books at most, and so the credits each has.
    pub credits: u32,
    /// Percent of the book requests that are to be refused as EXAM_FULL; `None`: whatever comes.
    pub expect_refusals: Option<u32>,
    /// Up to this p99 a rate counts as held.
    pub p99_max: Duration,
    /// Requests in flight at most.
    pub in_flight_max: usize,
    /// Where the record goes.
    pub record: Option<PathBuf>,
}

/// Schools allow at most so many seats on a session, unless they were set up otherwise.
const SEATS_USUAL_MAX: usize = 100;
/// The limit of `--sessions`.
const SESSIONS_MAX: usize = 1000;
/// Students that are added without being asked for, if the sessions are enough for them.
const STUDENTS_USUAL_MAX: usize = 5000;
/// The record of a storm is kept in memory.
const REQUESTS_MAX: usize = 2_000_000;
const P99_MAX_USUAL_MS: u32 = 250;
const STEPS_USUAL: u32 = 10;

impl Mode {
    /// Reads the flags.
    ///
    /// # Errors
    ///
    /// A sentence that names the flag that does not fit, and what to do about it.
    pub fn of(args: &StormArgs) -> Result<Mode, String> {
        if let Some(trips) = args.trips {
            return self::trips(args, trips).map(Mode::Trips);
        }
        let Some(schedule) = schedule(args)? else {
            if let Some(flag) = open_flags(args).first() {
                return Err(format!("{flag} is for an open loop: give --rate or --ramp, and --seconds, too"));
            }
            return Ok(Mode::Closed(Rush { seats: args.seats.unwrap_or(1), clients: args.clients.unwrap_or(10) }));
        };
        if args.clients.is_some() {
            return Err("--clients all book at once; an open loop (--rate, --ramp) has --students".to_owned());
        }
        Ok(Mode::Open(Box::new(plan(args, schedule)?)))
    }
}

fn trips(args: &StormArgs, trips: u32) -> Result<Trips, String> {
    let others =
        [("--clients", args.clients.is_some()), ("--rate", args.rate.is_some()), ("--ramp", args.ramp.is_some())];
    let others = others.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag);
    if let Some(flag) = others.chain(open_flags(args)).next() {
        return Err(format!("{flag} is for another storm than --trips: leave one of them out"));
    }
    // A trip asks for four or five seats: about half of them come away with nothing at first.
    let scarce = (trips / 4).clamp(2, SEATS_USUAL_MAX as u32);
    Ok(Trips { trips, seats: args.seats.unwrap_or(scarce) })
}

fn schedule(args: &StormArgs) -> Result<Option<Schedule>, String> {
    let (flag, seconds) = match (args.rate, args.ramp) {
        (Some(_), Some(_)) => return Err("give either --rate or --ramp, not both".to_owned()),
        (None, None) => return Ok(None),
        (rate, _) => (if rate.is_some() { "--rate" } else { "--ramp" }, args.seconds),
    };
    let seconds = seconds.ok_or_else(|| format!("{flag} needs --seconds: how long to go on, such as --seconds 10"))?;
    let schedule = match (args.rate, args.ramp) {
        (Some(_), _) if args.steps.is_some() => return Err("--steps is for --ramp; --rate has one step".to_owned()),
        (Some(rate), _) => Schedule::constant(rate, seconds),
        (None, Some(ramp)) => Schedule::ramp(ramp, args.steps.unwrap_or(STEPS_USUAL), seconds),
        (None, None) => return Ok(None),
    };
    match schedule.requests() {
        0 => Err(format!("{flag} and --seconds make no request at all: raise one of them")),
        n if n > REQUESTS_MAX => {
            Err(format!("{flag} and --seconds make {n} requests; at most {REQUESTS_MAX} can be recorded: lower one"))
        }
        _ => Ok(Some(schedule)),
    }
}

/// The flags that were given and mean nothing without a rate.
fn open_flags(args: &StormArgs) -> Vec<&'static str> {
    let given = [
        ("--seconds", args.seconds.is_some()),
        ("--steps", args.steps.is_some()),
        ("--p99-max", args.p99_max.is_some()),
        ("--mix", args.mix.is_some()),
        ("--sessions", args.sessions.is_some()),
        ("--expect-refusals", args.expect_refusals.is_some()),
        ("--students", args.students.is_some()),
        ("--in-flight-max", args.in_flight_max.is_some()),
        ("--record", args.record.is_some()),
    ];
    given.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
}

fn plan(args: &StormArgs, schedule: Schedule) -> Result<Plan, String> {
    let mix = match &args.mix {
        Some(mix) => mix.clone(),
        None => mix::USUAL.parse()?,
    };
    let counts = mix.counts(schedule.requests());
    let (books, cancels) = (counts[Kind::Book as usize], counts[Kind::Cancel as usize]);
    if args.expect_refusals.is_some() && books == 0 {
        return Err("--expect-refusals is about bookings: give book a weight in --mix".to_owned());
    }
    let seats = seats(args, books, cancels)?;
    let (students, credits) = students(args.students, books, seats.len())?;
    Ok(Plan {
        schedule,
        mix,
        seats,
        students,
        credits,
        // Without either flag there is a seat for each booking.
        expect_refusals: args.expect_refusals.or((args.seats.is_none() && books > 0).then_some(0)),
        p99_max: Duration::from_millis(args.p99_max.unwrap_or(P99_MAX_USUAL_MS).into()),
        in_flight_max: open_files::in_flight_max(args.in_flight_max)?,
        record: args.record.clone(),
    })
}

/// The seats of each session.
fn seats(args: &StormArgs, books: usize, cancels: usize) -> Result<Vec<u32>, String> {
    let sessions = args.sessions.map(|n| n as usize);
    if let Some(seats) = args.seats {
        return Ok(vec![seats; sessions.unwrap_or(1)]);
    }
    let all = match args.expect_refusals {
        None | Some(0) => books,
        // A seat that is given up is booked again: it serves two.
        Some(percent) => (books * (100 - percent as usize)).div_ceil(100).saturating_sub(cancels),
    };
    let sessions = sessions.unwrap_or_else(|| all.div_ceil(SEATS_USUAL_MAX).max(1));
    if sessions > SESSIONS_MAX {
        return Err(format!(
            "{books} bookings need {sessions} sessions with {SEATS_USUAL_MAX} seats each, more than {SESSIONS_MAX}: \
             lower --rate or --seconds, or give --seats (the rest is refused) or --expect-refusals"
        ));
    }
    if args.expect_refusals.unwrap_or(0) > 0 && all < sessions {
        return Err(format!(
            "--expect-refusals {} leaves fewer seats than there are sessions: of {books} bookings, {cancels} are \
             cancelled and leave their seat to another. Lower it, or the weight of cancel in --mix, or --sessions",
            args.expect_refusals.unwrap_or(0)
        ));
    }
    let (each, more) = (all / sessions, all % sessions);
    let seats = (0..sessions).map(|i| u32::try_from(each + usize::from(i < more)).unwrap_or(u32::MAX).max(1));
    Ok(seats.collect())
}

/// How many students, and how many sessions each of them books at most.
fn students(asked: Option<u32>, books: usize, sessions: usize) -> Result<(u32, u32), String> {
    let least = books.div_ceil(sessions).max(1);
    let students = match asked {
        Some(n) if (n as usize) < least => {
            return Err(format!(
                "--students {n} is too few: a student books a session once, so {books} bookings on {sessions} \
                 sessions need at least {least}. Give more --students or more --sessions"
            ));
        }
        Some(n) => n as usize,
        None => books.min(STUDENTS_USUAL_MAX).max(least),
    };
    let number = |n: usize| u32::try_from(n).map_err(|_| "too many --students".to_owned());
    Ok((number(students)?, number(books.div_ceil(students))?))
}

impl Plan {
    /// Whose and which session the book request of this number is, counted from 0. No two are the same.
    pub fn booking(&self, number: usize) -> (usize, usize) {
        let (round, student) = (number / self.students as usize, number % self.students as usize);
        (student, (student + round) % self.seats.len())
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(super) mod tests;
