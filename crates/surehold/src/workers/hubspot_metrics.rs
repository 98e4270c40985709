//! What `/metrics` says of the mirror. Calls are counted where they are made ([`crate::hubspot::client`]).

use jiff::Timestamp;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use surehold_core::rows::Entity;

use crate::mirror::{MirrorError, Status, SyncReport};
use crate::store::orgs::OrgRow;

const PENDING: &str = "surehold_hubspot_pending";
const UNASSOCIATED: &str = "surehold_hubspot_unassociated";
const OLDEST: &str = "surehold_hubspot_oldest_pending_seconds";
const PARKED: &str = "surehold_hubspot_parked";
const SHORTFALLS: &str = "surehold_hubspot_shortfalls";
const LAST_ENDED: &str = "surehold_hubspot_last_run_timestamp_seconds";
const LAST_SECONDS: &str = "surehold_hubspot_last_run_duration_seconds";
const LAST_OK: &str = "surehold_hubspot_last_run_ok";
const CALLS_LEFT: &str = "surehold_hubspot_calls_left_today";
const RUNS: &str = "surehold_hubspot_runs_total";
const CREDITS: &str = "surehold_hubspot_credits_counted_total";

/// Rows that are mirrored.
const KINDS: [Entity; 3] = [Entity::Contact, Entity::Slot, Entity::Booking];

/// Says what each of them is.
pub(super) fn describe() {
    describe_gauge!(PENDING, "Rows that wait for HubSpot, by kind");
    describe_gauge!(UNASSOCIATED, "Bookings at HubSpot that wait for their associations");
    describe_gauge!(OLDEST, "For how long the oldest row waits");
    describe_gauge!(PARKED, "Rows that HubSpot refused and that are not tried again by themselves");
    describe_gauge!(SHORTFALLS, "Cuts of credits below what was spent; 100 at most are counted");
    describe_gauge!(LAST_ENDED, "When the last run ended, whichever program it was of");
    describe_gauge!(LAST_SECONDS, "How long it took");
    describe_gauge!(LAST_OK, "1 if it went to its end, 0 if HubSpot ended it early");
    describe_gauge!(CALLS_LEFT, "Calls that HubSpot allows today, as it said last");
    describe_counter!(RUNS, "Runs of this server, by outcome");
    describe_counter!(CREDITS, "Changes of credits at HubSpot that this server counted");
}

/// Sets the gauges of an organisation.
pub(super) fn set(org: &OrgRow, status: &Status) {
    let org = || org.slug.clone();
    for kind in KINDS {
        let rows = status.pending.iter().find(|pending| pending.entity == kind).map_or(0, |pending| pending.rows);
        gauge!(PENDING, "org" => org(), "kind" => kind.as_str()).set(number(rows));
    }
    let now = Timestamp::now();
    let oldest = status.pending.iter().map(|pending| pending.oldest).min();
    let waits = oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64().max(0.0));
    gauge!(OLDEST, "org" => org()).set(waits);
    gauge!(UNASSOCIATED, "org" => org()).set(number(status.loose));
    gauge!(PARKED, "org" => org()).set(number(status.parked_rows));
    gauge!(SHORTFALLS, "org" => org()).set(number(status.shortfalls.len()));
    if let Some(ended) = status.sync.ended_at {
        gauge!(LAST_ENDED, "org" => org()).set(number(ended.as_second()));
    }
    if let Some(report) = status.last_report() {
        gauge!(LAST_SECONDS, "org" => org()).set(report.duration().as_secs_f64());
        gauge!(LAST_OK, "org" => org()).set(if report.problem.is_none() { 1.0 } else { 0.0 });
    }
    if let Some(left) = status.calls_left_today {
        gauge!(CALLS_LEFT, "org" => org()).set(number(left));
    }
}

/// Counts a run.
pub(super) fn count_run(org: &OrgRow, ended: &Result<SyncReport, MirrorError>) {
    let outcome = match ended {
        Ok(SyncReport { problem: None, .. }) => "done",
        Err(MirrorError::Busy) => "busy",
        Ok(_) | Err(_) => "ended_early",
    };
    counter!(RUNS, "org" => org.slug.clone(), "outcome" => outcome).increment(1);
    if let Ok(report) = ended {
        count_credits(org, report.credits_counted);
    }
}

/// Counts changes of credits.
pub(super) fn count_credits(org: &OrgRow, changes: u64) {
    counter!(CREDITS, "org" => org.slug.clone()).increment(changes);
}

/// Gauges are floats; what is counted here is far below where they become inexact.
fn number<N: TryInto<u32>>(count: N) -> f64 {
    count.try_into().map_or(f64::from(u32::MAX), f64::from)
}
