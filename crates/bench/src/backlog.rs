//! Bookings were made while HubSpot was away. It comes back, and `surehold sync` mirrors them through faults of every
//! kind: how long that takes, with how many calls, and whether everything is there once.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use surehold::hubspot::{Mapping, Object};
use surehold_simulators::hubspot::{Call, Limits};
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::contestant::{product, without_settings};
use crate::hubspot::{HubSpot, limits};
use crate::measure::{
    CALLS_PER_BOOKING, DRIFTED, Figures, LIMIT_SHARE, NOT_ONCE, PER_SECOND, ROWS_PER_WRITE, TOO_FAST,
};
use crate::round::Void;

/// A run ends early where one call fails again and again; another goes on. More than so many are no accident.
const RUNS_MAX: usize = 5;
/// A lease ends within this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sets the portal up and mirrors what is there, without limits and faults.
///
/// # Errors
///
/// The product's own words.
pub async fn prepare(hubspot: &HubSpot, url: &str) -> anyhow::Result<()> {
    hubspot.simulator.set_limits(Limits::none());
    sync(hubspot, url, &["--setup"]).await?;
    let report = sync(hubspot, url, &[]).await?;
    anyhow::ensure!(report["pending"] == 0, "the school was not mirrored: {report}");
    Ok(())
}

/// Mirrors so many bookings that wait, and checks what HubSpot has then.
///
/// # Errors
///
/// [`Void`] if they are not mirrored after some runs; else what kept it from running.
pub async fn drain(hubspot: &HubSpot, cluster: &Cluster, database: &str, bookings: u64) -> anyhow::Result<Figures> {
    let url = cluster.url(database);
    lease_ends(cluster, database).await?;
    hubspot.simulator.set_limits(limits());
    hubspot.comes_back();
    let (before, refused) = (hubspot.simulator.calls().len(), too_fast(hubspot));
    let begun = Instant::now();
    let mut rows = 0;
    for run in 1.. {
        let report = sync(hubspot, &url, &[]).await?;
        let kinds = ["contacts", "sessions", "bookings"].map(|kind| &report[kind]);
        rows +=
            kinds.iter().filter_map(|kind| Some(kind["created"].as_u64()? + kind["updated"].as_u64()?)).sum::<u64>();
        if report["pending"] == 0 && report["problem"].is_null() {
            break;
        }
        if run == RUNS_MAX {
            anyhow::bail!(Void(format!("after {RUNS_MAX} runs there are bookings that are not mirrored: {report}")));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let spent = Calls::after(hubspot, before);
    let refused = too_fast(hubspot) - refused;

    hubspot.simulator.clear_faults();
    hubspot.simulator.set_limits(Limits::none());
    let check = sync(hubspot, &url, &["--check"]).await?;
    let drifted = check["drifted"].as_f64().context("a check counts what differs")?;
    let bookings = bookings as f64;
    Ok(Figures::from([
        (PER_SECOND, bookings / seconds),
        (ROWS_PER_WRITE, rows as f64 / spent.writes as f64),
        (CALLS_PER_BOOKING, spent.all as f64 / bookings),
        (LIMIT_SHARE, least_seconds(spent.of_app) / seconds),
        (NOT_ONCE, not_once(hubspot, cluster, database).await?),
        (DRIFTED, drifted),
        (TOO_FAST, refused as f64),
    ]))
}

/// The least time in which HubSpot's limit lets so many calls through: the first of each window at once.
fn least_seconds(calls: usize) -> f64 {
    let Limits { calls: at_once, interval_ms, .. } = limits();
    (calls.saturating_sub(1) / at_once as usize) as f64 * interval_ms as f64 / 1e3
}

/// Calls that arrived.
struct Calls {
    all: usize,
    /// Those that count as calls of the app: all but those about associations.
    of_app: usize,
    /// Those that wrote rows, and whose answer said so.
    writes: usize,
}

impl Calls {
    /// Those after the first so many.
    fn after(hubspot: &HubSpot, first: usize) -> Calls {
        let calls = hubspot.simulator.calls().split_off(first);
        let is_write = |call: &&Call| {
            let is_answered = call.status.is_some_and(|status| (200..300).contains(&status));
            is_answered && (call.kind.ends_with("/batch/upsert") || call.kind.ends_with("/batch/update"))
        };
        Calls {
            all: calls.len(),
            of_app: calls.iter().filter(|call| !call.kind.contains("/associations/")).count(),
            writes: calls.iter().filter(is_write).count(),
        }
    }
}

fn too_fast(hubspot: &HubSpot) -> u64 {
    let limits = hubspot.simulator.limits();
    [limits.calls, limits.searches, limits.associations].iter().map(|window| window.refused).sum()
}

/// Records and associations that are missing or too many: each row has one record with our id of it, and each booking
/// belongs to one contact and one session.
async fn not_once(hubspot: &HubSpot, cluster: &Cluster, database: &str) -> anyhow::Result<f64> {
    let client = cluster.connect(database).await?;
    let mut wrong = 0;
    let mut bookings = 0;
    let mapping = Mapping::default();
    for (object, table) in [(Object::Contact, "contacts"), (Object::Session, "slots"), (Object::Booking, "bookings")] {
        let rows = client.query(&format!("SELECT id::text FROM {table}"), &[]).await?;
        let mut missing: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
        bookings = missing.len();
        for record in hubspot.simulator.records(mapping.object_type(object)) {
            wrong += u64::from(!record.value("surehold_id").is_some_and(|id| missing.remove(id)));
        }
        wrong += missing.len() as u64;
    }
    let associations = hubspot.simulator.associations().len();
    Ok(wrong as f64 + (associations as f64 - 2.0 * bookings as f64).abs())
}

/// `surehold sync`. Gives what it reports of the only organisation; that it failed in part is in there.
async fn sync(hubspot: &HubSpot, url: &str, words: &[&str]) -> anyhow::Result<Value> {
    let mut command = Command::new(product()?);
    without_settings(&mut command);
    command.arg("sync").args(words).args(["--json", "--database-url", url]).args(hubspot.flags());
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let reports: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    let report = reports.and_then(|mut reports| Some(reports.get_mut(0)?.take()));
    report.with_context(|| format!("surehold sync: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// The server was stopped in the middle of a run.
async fn lease_ends(cluster: &Cluster, database: &str) -> anyhow::Result<()> {
    let client = cluster.connect(database).await?;
    let sql = "SELECT count(*) FROM hubspot_syncs WHERE lease_until > clock_timestamp()";
    let until = Instant::now() + PATIENCE;
    while client.query_one(sql, &[]).await?.try_get::<_, i64>(0)? > 0 {
        anyhow::ensure!(Instant::now() < until, "the mirror's lease does not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_alone_takes_a_window_for_each_full_one_before_the_last() {
        assert_eq!([1, 190, 191, 380, 381].map(least_seconds), [0.0, 0.0, 10.0, 10.0, 20.0]);
    }
}
