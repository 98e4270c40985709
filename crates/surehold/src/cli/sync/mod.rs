//! `surehold sync`

mod bar;
mod check;
mod pull;
mod push;
mod retry;
mod setup;
mod status;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

use super::database::Database;
use super::org::choose;
use super::output::say;
use super::server::stop_signal;
use crate::config::Common;
use crate::desk::{Desk, DeskOptions};
use crate::hubspot::{HubSpotArgs, Portals};
use crate::mirror::{Mirror, MirrorError, MirrorOptions};
use crate::store::Store;
use crate::store::orgs::{self, OrgRow};

/// How soon another program's lease is asked for again.
const BUSY_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Sends everything that changed since HubSpot last agreed: contacts, sessions, bookings, and what belongs to what. The \
server does the same by itself, every --hubspot-sync-every; run this to see at once, or from a scheduler of your own. Safe \
at any time, and any number of times: a repeat never makes a second record. If another program is at it, this one waits for \
--wait seconds, and then says so and does nothing.\n\n\
Exit code 0: HubSpot has everything (--check: no drift is left; --setup: everything fits). 1: rows wait, were refused or \
are parked, drift is left, a property does not fit, another program is at it, or HubSpot did not answer. 2: the command \
line cannot be understood.\n\n  \
surehold sync --setup --dry-run          what the portal lacks\n  \
surehold sync --watch --hubspot-sync-every 10s\n  \
surehold sync --check --heal             compare both sides row by row, and mend what differs\n  \
surehold sync status                     what waits, what is parked and why\n  \
surehold sync retry --all                try everything that is parked again"
)]
pub struct SyncArgs {
    #[command(subcommand)]
    command: Option<SyncCommand>,
    /// Go on until ^C: again after each --hubspot-sync-every.
    #[arg(long, conflicts_with_all = ["check", "setup"])]
    watch: bool,
    /// Do not send; count credits that were bought or cut at HubSpot, or bring in sessions that were made there; without
    /// a word both.
    #[arg(long, value_name = "WHAT", num_args = 0..=1, default_missing_value = "all", conflicts_with_all = ["check", "setup"])]
    pull: Option<pull::What>,
    /// Do not send; compare both sides row by row, and list what differs.
    #[arg(long, conflicts_with = "setup")]
    check: bool,
    /// Mend what differs: the row is sent again.
    #[arg(long, requires = "check")]
    heal: bool,
    /// Do not send; make what the portal lacks: our properties, and a group for them. What is there is never changed.
    #[arg(long)]
    setup: bool,
    /// Only say what would be made.
    #[arg(long, requires = "setup")]
    dry_run: bool,
    /// How long to wait for another program that is at it, such as the server, in seconds.
    #[arg(long, env = "SUREHOLD_SYNC_WAIT", value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u16).range(0..=3600))]
    wait: u16,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    hubspot: HubSpotArgs,
    #[command(flatten)]
    common: Common,
}

/// What all of them understand.
#[derive(Debug, clap::Args)]
struct Which {
    /// Organisation, by its slug; without it all that are mirrored.
    #[arg(long, env = "SUREHOLD_ORG", value_name = "SLUG")]
    org: Option<String>,
    /// Print JSON: a list with an entry for each organisation; with --watch one line for each.
    #[arg(long, env = "SUREHOLD_JSON")]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum SyncCommand {
    /// Say what waits, what is parked and why, and how the last run went. HubSpot is not asked.
    Status(status::StatusArgs),
    /// Have parked rows tried again at the next run.
    Retry(retry::RetryArgs),
}

impl SyncArgs {
    pub fn common(&self) -> &Common {
        match &self.command {
            None => &self.common,
            Some(SyncCommand::Status(args)) => &args.common,
            Some(SyncCommand::Retry(args)) => &args.common,
        }
    }
}

pub async fn run(args: SyncArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        Some(SyncCommand::Status(args)) => status::run(args).await,
        Some(SyncCommand::Retry(args)) => retry::run(args).await,
        None => sync(args).await,
    }
}

async fn sync(args: SyncArgs) -> anyhow::Result<ExitCode> {
    let portals = args.hubspot.portals()?;
    anyhow::ensure!(
        !portals.is_empty(),
        "there is no HubSpot portal to sync with: set SUREHOLD_HUBSPOT_ACCESS_TOKEN to the portal's access token, pat-…"
    );
    let database = Database::for_tool(&args.common).await?;
    let ended = tokio::select! {
        ended = sync_on(&database, &args, portals) => ended,
        // In the middle of a run that is safe, too. To watch until then is what was asked.
        signal = stop_signal() => match args.watch {
            true => Ok(ExitCode::SUCCESS),
            false => Err(anyhow::anyhow!("stopped by {signal}; what was sent is at HubSpot, run this again for the rest")),
        },
    };
    database.close().await;
    ended
}

async fn sync_on(database: &Database, args: &SyncArgs, portals: Portals) -> anyhow::Result<ExitCode> {
    let store = database.store(&args.common.store(&database.url)).await?;
    let mirror = mirror(&store, portals);
    let orgs = mirrored(&store, &mirror, args.which.org.as_deref(), &args.common).await?;
    loop {
        let is_well = once(args, &mirror, &orgs).await?;
        if !args.watch {
            store.close();
            return Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        tokio::time::sleep(args.hubspot.hubspot_sync_every).await;
    }
}

/// Does what was asked for each organisation. Says whether all is well.
async fn once(args: &SyncArgs, mirror: &Mirror, orgs: &[OrgRow]) -> anyhow::Result<bool> {
    let mut told = Told::new(args.which.json, args.watch, orgs.len());
    for org in orgs {
        let patient_until = Instant::now() + Duration::from_secs(args.wait.into());
        let done = loop {
            match for_org(args, mirror, org, &mut told).await {
                // The server is done in a moment, unless there is a backlog.
                Err(error) if is_busy(&error) && Instant::now() < patient_until => tokio::time::sleep(BUSY_PAUSE).await,
                done => break done,
            }
        };
        match done {
            Ok(is_well) => told.is_well &= is_well,
            // One organisation's trouble is not the others'.
            Err(error) => told.failed(org, &super::with_causes(&error))?,
        }
    }
    told.end()
}

async fn for_org(args: &SyncArgs, mirror: &Mirror, org: &OrgRow, told: &mut Told) -> anyhow::Result<bool> {
    match &args.pull {
        Some(what) => pull::pull(mirror, org, *what, told).await,
        None if args.setup => setup::set_up(mirror, org, args.dry_run, told).await,
        None if args.check => check::check(mirror, org, args.heal, told).await,
        None => push::push(mirror, org, told).await,
    }
}

fn is_busy(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(MirrorError::Busy))
}

fn mirror(store: &Store, portals: Portals) -> Mirror {
    let desk = Desk::new(store.clone(), DeskOptions::default());
    Mirror::new(store.clone(), desk, portals, MirrorOptions::default())
}

/// The organisation that was named, or all that have a portal.
async fn mirrored(store: &Store, mirror: &Mirror, slug: Option<&str>, common: &Common) -> anyhow::Result<Vec<OrgRow>> {
    let orgs = mirror.orgs().await?;
    let Some(slug) = slug else {
        anyhow::ensure!(
            !orgs.is_empty(),
            "no organisation has a HubSpot portal: SUREHOLD_HUBSPOT_ACCESS_TOKEN names none of those that `org list` shows"
        );
        return Ok(orgs);
    };
    let org = choose(&*store.read().await?, Some(slug), common).await?;
    anyhow::ensure!(
        mirror.portal(&org).is_some(),
        "the organisation {slug:?} has no HubSpot portal: add {slug}=pat-… to SUREHOLD_HUBSPOT_ACCESS_TOKEN"
    );
    Ok(vec![org])
}

/// The organisation that was named, or every real one, with a portal or without: what waits is known without HubSpot.
async fn named_or_all(store: &Store, which: &Which, common: &Common) -> anyhow::Result<Vec<OrgRow>> {
    let client = store.read().await?;
    if let Some(slug) = &which.org {
        return Ok(vec![choose(&client, Some(slug), common).await?]);
    }
    let mut open = orgs::open(&client).await?;
    open.retain(|org| !org.is_test);
    Ok(open)
}

/// What was said, in words or as JSON.
struct Told {
    is_json: bool,
    /// A line for each organisation, because there is no end.
    is_lines: bool,
    /// Whether sentences have to say which organisation they are about.
    is_many: bool,
    is_well: bool,
    entries: Vec<serde_json::Value>,
}

impl Told {
    fn new(is_json: bool, is_lines: bool, orgs: usize) -> Told {
        Told { is_json, is_lines, is_many: orgs > 1, is_well: true, entries: Vec::new() }
    }

    /// One organisation's outcome.
    fn tell(
        &mut self,
        org: &OrgRow,
        report: &impl Serialize,
        sentences: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        if !self.is_json {
            let name = if self.is_many { format!("{}: ", org.slug) } else { String::new() };
            say(format!("{name}{}", sentences()));
            return Ok(());
        }
        let mut entry = serde_json::to_value(report).context("the report cannot be written as JSON")?;
        entry["org"] = org.slug.clone().into();
        if self.is_lines {
            say(entry.to_string());
        } else {
            self.entries.push(entry);
        }
        Ok(())
    }

    fn failed(&mut self, org: &OrgRow, problem: &str) -> anyhow::Result<()> {
        self.is_well = false;
        if !self.is_json {
            eprintln!("surehold: {}: {problem}", org.slug);
            return Ok(());
        }
        self.tell(org, &serde_json::json!({ "problem": problem }), String::new)
    }

    fn end(self) -> anyhow::Result<bool> {
        if self.is_json && !self.is_lines {
            say(serde_json::to_string_pretty(&self.entries)?);
        }
        Ok(self.is_well)
    }
}
