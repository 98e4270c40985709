//! `surehold storm`: many bookings, few seats, over HTTP: all at once (`rush`), at intended times (`open`), or trips
//! that are paid at a stand-in for Stripe (`trips`).
//! It knows nothing of the server but its address and an admin key, so it judges any deployment from outside.

mod api;
mod args;
mod check;
mod drive;
mod figures;
mod judge;
mod latency;
mod mix;
mod moments;
mod open;
mod open_files;
mod plan;
mod record;
mod report;
mod requests;
mod rush;
mod rush_verdict;
mod schedule;
mod settle;
mod stage;
mod there;
mod trips;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use secrecy::SecretString;
use serde_json::json;

use self::api::{Api, Reply};
pub use self::args::StormArgs;
use self::plan::Mode;
use self::trips::Simulator;
use super::demo::EnvFile;
use super::output::{hint_at, say};
use super::server::stop_signal;
use crate::config::check_folder;

/// Interrupted: what a shell says of a program that ^C ended.
const INTERRUPTED: u8 = 130;

/// What came of a storm.
struct Outcome {
    passed: bool,
    /// For people, or as JSON.
    text: String,
}

pub async fn run(args: StormArgs) -> anyhow::Result<ExitCode> {
    let mode = match Mode::of(&args) {
        Ok(mode) => mode,
        Err(problem) => {
            eprintln!("surehold: {problem}");
            return Ok(ExitCode::from(2));
        }
    };
    check_folder(&args.data_dir)?;
    let (admin, key_file) = target(&args)?;
    let simulator = match mode {
        Mode::Trips(_) => Some(simulator(&args).await?),
        Mode::Closed(_) | Mode::Open(_) => None,
    };
    // From here on ^C ends the storm, not the program: the organisation is still to be closed.
    let stop = tokio::spawn(stop_signal());
    let org = make_org(&args, &admin, key_file).await?;
    let org_id = org.text("org_id")?;
    let outcome = tokio::select! {
        outcome = storm(&mode, args.json, (&admin, simulator.as_ref()), &org) => Some(outcome),
        _ = stop => None,
    };
    if let Some(simulator) = &simulator
        && let Err(error) = simulator.clear_faults().await
    {
        eprintln!("surehold: {error:#}");
    }
    close_org(&admin, &org_id).await;
    let Some(outcome) = outcome else {
        eprintln!("surehold: interrupted: there is no verdict. The test organisation is closed");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let outcome = outcome?;
    say(outcome.text);
    Ok(if outcome.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn storm(
    mode: &Mode,
    as_json: bool,
    (admin, simulator): (&Api, Option<&Simulator>),
    org: &Reply,
) -> anyhow::Result<Outcome> {
    let ours = admin.with_key(SecretString::from(org.text("admin_key")?));
    let service = admin.with_key(SecretString::from(org.text("service_key")?));
    // Standard output is for the report alone where a program reads it.
    let tell = |line: String| if as_json { eprintln!("{line}") } else { say(line) };
    Ok(match mode {
        Mode::Closed(rush) => {
            let verdict = rush::storm(*rush, &ours, &service, tell).await?;
            let text = if as_json { verdict.json().to_string() } else { verdict.to_string() };
            Outcome { passed: verdict.passed(), text }
        }
        Mode::Open(plan) => {
            let report = open::storm(plan, &ours, &service, tell).await?;
            let text = if as_json { serde_json::to_string(&report)? } else { report.to_string() };
            Outcome { passed: report.passed, text }
        }
        Mode::Trips(plan) => {
            let simulator = simulator.context("a storm of trips without a stand-in for Stripe")?;
            let report = trips::storm(*plan, (&ours, &service), simulator, &org.text("org_id")?, tell).await?;
            let text = if as_json { report.json().to_string() } else { report.to_string() };
            Outcome { passed: report.passed(), text }
        }
    })
}

/// The server, and the file that the key came from, if it did.
fn target(args: &StormArgs) -> anyhow::Result<(Api, Option<PathBuf>)> {
    let path = EnvFile::path(&args.data_dir);
    let file = EnvFile::read(&path).unwrap_or_default();
    let url = args.url.clone().or(file.url).unwrap_or_else(|| "http://127.0.0.1:8787".to_owned());
    let key = args.admin_key.clone().or(file.admin_key).with_context(|| {
        format!(
            "no admin key: give one with --admin-key or SUREHOLD_ADMIN_KEY (`{}` makes one), or start `{}`, which \
             writes {}",
            hint_at(&args.data_dir, "key create --role admin --name storm"),
            hint_at(&args.data_dir, "demo"),
            path.display()
        )
    })?;
    Ok((Api::new(&url, key)?, args.admin_key.is_none().then_some(path)))
}

/// The stand-in for Stripe that the server is paid at.
async fn simulator(args: &StormArgs) -> anyhow::Result<Simulator> {
    let from_file = || EnvFile::read(&EnvFile::path(&args.data_dir)).unwrap_or_default().stripe_api_base;
    let base = args.stripe_api_base.clone().or_else(from_file).with_context(|| {
        format!(
            "storm --trips needs the stand-in for Stripe that the server is paid at: give its address with \
             --stripe-api-base or SUREHOLD_STRIPE_API_BASE, or start `{}`, which starts one. Against Stripe itself it \
             does not run",
            hint_at(&args.data_dir, "demo")
        )
    })?;
    Simulator::at(&base).await
}

async fn make_org(args: &StormArgs, admin: &Api, key_file: Option<PathBuf>) -> anyhow::Result<Reply> {
    let reply = admin.post("/api/admin/test-orgs", &json!({})).await?;
    let refused = matches!(reply.status.as_u16(), 401 | 403);
    reply.expect(201, "make a test organisation").map_err(|error| match key_file {
        Some(path) if refused => anyhow::anyhow!(
            "{error}. The key came from {}; starting `{}` again makes new ones there",
            path.display(),
            hint_at(&args.data_dir, "demo")
        ),
        _ => error,
    })
}

/// Whatever came of the storm, nothing stays open, unless somebody interrupts this, too.
async fn close_org(admin: &Api, org_id: &str) {
    let path = format!("/api/admin/test-orgs/{org_id}");
    let closed = tokio::select! {
        closed = admin.delete(&path) => closed,
        _ = stop_signal() => Err(anyhow::anyhow!("interrupted before the test organisation was closed")),
    };
    if let Err(error) = closed.and_then(|reply| reply.expect(200, "close the test organisation")) {
        eprintln!("surehold: {error:#}");
    }
}
