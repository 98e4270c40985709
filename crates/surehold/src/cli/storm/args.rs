//! The command line of `surehold storm`.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use secrecy::SecretString;

use super::mix::{self, Mix};
use super::schedule::{RATE_MAX, Ramp};
use crate::config::DATA_DIR;

const MORE: &str = "\
Works in a test organisation of its own: hidden everywhere, closed afterwards, also after ^C. Exit code 0: the \
verdict is PASS. 1: FAIL, or no verdict could be reached. 2: the flags make no sense. 130: ^C.

Three ways to storm:
  All at once (--seats, --clients): each client books a seat of one session at the same moment. PASS: exactly as \
many bookings as seats, everybody else refused with EXAM_FULL, credits right, laws hold.
  Open loop (--rate or --ramp, with --seconds): requests are sent at their intended times whether or not earlier \
ones were answered, and latency is counted from the intended time, so a server that stalls shows. What was sent and \
answered is recorded, and afterwards every answer is compared with what is there. PASS: each acknowledged booking is \
there, active unless its cancellation was acknowledged; nothing is there that was not acknowledged; replays gave \
the same booking; no session ever had more bookings than seats; credits are right; laws hold. A request without an \
answer, or with OUTCOME_UNKNOWN, is asked again with its key, and counted. The verdict is about truth, not about speed: \
503 OVERLOADED is an honest answer. Speed is in the figures: a rate is held if 95 % of its requests were answered (with \
anything but 429, 5xx or nothing) and their p99 is at most --p99-max.
  Trips (--trips): travellers check out trips of 1 to 5 slots out of 8, all at once, for too few seats. Of those who \
get theirs, some pay, pay late, pay twice, fail, leave, click again, change the trip or cancel, while webhooks are \
delayed, reordered, repeated and lost, and ten people want the last seat. It drives the stand-in for Stripe that the \
server is paid at (--stripe-api-base), clears the faults that were set there, and refuses to run against Stripe itself. \
PASS, once every payment has come to its end: no slot oversold and none held, all that Stripe took pays for confirmed \
bookings or went back, nothing is confirmed without money, one got the last seat and nine were told \"Slot no longer \
available\", nobody got an error (503 is counted, and asked again), laws hold.

Server, key and the stand-in for Stripe come from the flags, else SUREHOLD_URL, SUREHOLD_ADMIN_KEY and \
SUREHOLD_STRIPE_API_BASE, else demo.env in --data-dir.

  surehold storm --seats 7 --clients 200
  surehold storm --rate 500 --seconds 10
  surehold storm --rate 500 --seconds 10 --sessions 1 --seats 100 --mix book=1 --record storm.jsonl
  surehold storm --ramp 100..2000 --seconds 20 --json > storm.json
  surehold storm --trips 50
  surehold storm --seats 1 --clients 10 --url https://book.acme.example --admin-key surehold_admin_…";

/// See `surehold storm --help`.
#[derive(Debug, clap::Args)]
#[command(after_help = MORE)]
pub struct StormArgs {
    /// Seats of each session; default 1, in an open loop as --expect-refusals says; with --trips, of each slot, and by
    /// default a quarter of the trips.
    #[arg(long, env = "SUREHOLD_SEATS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub seats: Option<u32>,
    /// All at once: students who book at the same moment, one seat each; default 10.
    #[arg(long, env = "SUREHOLD_CLIENTS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub clients: Option<u32>,
    /// Trips: so many travellers with a trip each, all at once; 50 if no number is given.
    #[arg(long, env = "SUREHOLD_TRIPS", value_name = "N", num_args = 0..=1, default_missing_value = "50",
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub trips: Option<u32>,
    /// Open loop: requests per second, for --seconds.
    #[arg(long, env = "SUREHOLD_RATE", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(RATE_MAX)))]
    pub rate: Option<u32>,
    /// Open loop: requests per second that grow, over --seconds, in --steps equal steps.
    #[arg(long, env = "SUREHOLD_RAMP", value_name = "FROM..TO")]
    pub ramp: Option<Ramp>,
    /// Open loop: how long requests are sent, all steps together.
    #[arg(long, env = "SUREHOLD_SECONDS", value_name = "S", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: Option<u32>,
    /// Steps of --ramp; default 10.
    #[arg(long, env = "SUREHOLD_STEPS", value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100))]
    pub steps: Option<u32>,
    /// Open loop: a rate counts as held up to this p99, in milliseconds; default 250.
    #[arg(long, env = "SUREHOLD_P99_MAX", value_name = "MS", value_parser = clap::value_parser!(u32).range(1..))]
    pub p99_max: Option<u32>,
    #[arg(long, env = "SUREHOLD_MIX", value_name = "MIX", help = mix_help())]
    pub mix: Option<Mix>,
    /// Open loop: sessions, on as many days; default: 1 with --seats, else as many as keep each within 100 seats.
    #[arg(long, env = "SUREHOLD_SESSIONS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub sessions: Option<u32>,
    /// Open loop: percent of the book requests that are to be refused as EXAM_FULL. Without --seats, the sessions get
    /// as many seats as this takes (default 0: a seat for each). The verdict is FAIL if it is off by more than 5
    /// percentage points (a cancellation that gave no seat to another in time may cost a refusal more), given that
    /// 95 % of the bookings were answered; with --seats alone it does not look at that.
    #[arg(long, env = "SUREHOLD_EXPECT_REFUSALS", value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub expect_refusals: Option<u32>,
    /// Open loop: students. Default: one for each book request up to 5,000, more if the sessions are too few for
    /// that: a student books a session once.
    #[arg(long, env = "SUREHOLD_STUDENTS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub students: Option<u32>,
    /// Open loop: requests in flight at most. One that is due beyond that is not sent, and the report says so.
    /// Default 2000, or what the limit of open files allows.
    #[arg(long, env = "SUREHOLD_IN_FLIGHT_MAX", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub in_flight_max: Option<u32>,
    /// Open loop: write what was asked and answered to this file, a JSON object per line and request.
    #[arg(long, env = "SUREHOLD_RECORD", value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Print one JSON object to standard output instead of the report.
    #[arg(long, env = "SUREHOLD_JSON")]
    pub json: bool,
    /// The server.
    #[arg(long, env = "SUREHOLD_URL", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub url: Option<String>,
    /// An admin key of any organisation there.
    #[arg(long, env = "SUREHOLD_ADMIN_KEY", hide_env_values = true, value_name = "KEY")]
    pub admin_key: Option<SecretString>,
    /// Trips: the stand-in for Stripe that the server is paid at.
    #[arg(long, env = "SUREHOLD_STRIPE_API_BASE", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub stripe_api_base: Option<String>,
    /// Folder of the demo, for its demo.env.
    #[arg(long, env = "SUREHOLD_DATA_DIR", default_value = DATA_DIR, value_name = "DIR")]
    pub data_dir: PathBuf,
}

/// The help of `--mix`, with its default.
fn mix_help() -> String {
    format!(
        "Open loop: weights of what requests ask for; kinds that are not named are not sent. cancel gives up a booking \
         of this storm, replay sends one's key and body again, list reads a student's bookings and the sessions on sale \
         in turns. While there is no booking for it yet, a list is sent instead. Default: {}",
        mix::USUAL
    )
}
