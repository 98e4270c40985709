//! A whole run, from an empty folder to the results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::RunArgs;
use crate::cluster::{self, Cluster};
use crate::contestant::{Contestant, build_folder};
use crate::machine::Machine;
use crate::measure::{COSTS, PER_SECOND, Summary};
use crate::results::{Limit, Measured, Results};
use crate::round::{Stage, Void};
use crate::workload::{ALL, Place, Workload, needs_hot};
use crate::{limit, report, statements, world};

/// More requests a second than any contestant answers: so many students a world has for each second.
const STUDENTS_PER_SECOND: f64 = 25_000.0;
/// The same for trips: so many paid ones a marketplace has for each second.
const TRIPS_PER_SECOND: f64 = 8_000.0;
/// The rush needs so many students, however short the rounds.
const STUDENTS_MIN: usize = 40_000;
/// Students of the school that is mirrored: each books once.
const MIRRORED_STUDENTS: usize = 20_000;
/// The large world.
const LARGE_STUDENTS: usize = 200_000;
const LARGE_BOOKINGS_EACH: usize = 10;

/// What a run is going to do.
struct Plan {
    workloads: Vec<&'static Workload>,
    rounds: u64,
    time: Duration,
    warm_up: Duration,
    data_dir: PathBuf,
    out: PathBuf,
}

impl Plan {
    fn of(args: &RunArgs) -> anyhow::Result<Plan> {
        for name in &args.workloads {
            let known: Vec<&str> = ALL.iter().map(|workload| workload.name).collect();
            anyhow::ensure!(
                known.contains(&name.as_str()),
                "there is no workload {name:?}. There are: {}",
                known.join(", ")
            );
        }
        let asked = |workload: &&Workload| match args.workloads.as_slice() {
            [] => !(args.quick && matches!(workload.place, Place::Large | Place::Mirrored)),
            names => names.iter().any(|name| name == workload.name),
        };
        let mut workloads: Vec<&'static Workload> = ALL.iter().filter(asked).collect();
        if workloads.iter().any(|workload| needs_hot(workload)) && workloads[0].name != "hot" {
            workloads.insert(0, &ALL[0]);
        }
        let folder = build_folder()?;
        let partial = args.quick || !args.workloads.is_empty();
        let usual = if partial { folder.clone() } else { PathBuf::from("docs/bench") };
        let (seconds, warm_up) = if args.quick { (1.0, 0.4) } else { (4.0, 1.0) };
        Ok(Plan {
            workloads,
            rounds: args.rounds.unwrap_or(if args.quick { 1 } else { 5 }),
            time: Duration::from_secs_f64(args.seconds.unwrap_or(seconds)),
            warm_up: Duration::from_secs_f64(warm_up),
            data_dir: args.work_dir.clone().unwrap_or_else(|| folder.join("data")),
            out: args.out.clone().unwrap_or(usual),
        })
    }

    fn students(&self) -> usize {
        let seconds = (self.time + self.warm_up).as_secs_f64();
        STUDENTS_MIN.max((seconds * STUDENTS_PER_SECOND) as usize)
    }

    /// What the progress bar counts: databases to fill, rounds, and the two other parts.
    fn steps(&self) -> u64 {
        let rounds: u64 = self
            .workloads
            .iter()
            .map(|workload| workload.contestants.len() as u64 * workload.rounds(self.rounds))
            .sum();
        let places = [Place::Large, Place::Market, Place::Mirrored];
        2 + places.into_iter().map(|place| u64::from(self.is_anywhere(place))).sum::<u64>() + rounds + 2
    }

    fn trips(&self) -> usize {
        ((self.time + self.warm_up).as_secs_f64() * TRIPS_PER_SECOND) as usize
    }

    fn is_anywhere(&self, place: Place) -> bool {
        self.workloads.iter().any(|workload| workload.place == place)
    }
}

/// `surehold-bench run`
///
/// # Errors
///
/// What kept it from running, or a round that does not count. Servers and database are gone then, too.
pub async fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan::of(args)?;
    clear(&plan.data_dir).await?;
    cluster::must_be_on_disk(&plan.data_dir)?;
    let progress = ProgressBar::new(plan.steps()).with_style(
        ProgressStyle::with_template("{bar:30} {pos:>3}/{len} {elapsed_precise}  {wide_msg}").context("a template")?,
    );
    progress.enable_steady_tick(Duration::from_millis(500));
    progress.set_message("starting PostgreSQL");
    let mut cluster = Cluster::start(&plan.data_dir).await?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let results = tokio::select! {
        results = measure(&mut cluster, &plan, &progress) => results.map(Some),
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
    };
    progress.set_message("stopping PostgreSQL");
    let ended = cluster.end(args.keep).await;
    progress.finish_and_clear();
    let results = results.map_err(|error| match error.downcast_ref::<Void>() {
        Some(_) => error.context("the run is void"),
        None => error,
    })?;
    ended?;
    let Some(results) = results else {
        eprintln!("surehold-bench: interrupted");
        return Ok(ExitCode::from(130));
    };
    report::write(&results, &plan.out)?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what a killed run left, its PostgreSQL included.
async fn clear(data_dir: &Path) -> anyhow::Result<()> {
    if data_dir.join("postgres").exists() {
        // Starting is what finds a server that was left running.
        match Cluster::start(data_dir).await {
            Ok(left) => return left.end(false).await,
            Err(error) => eprintln!("surehold-bench: removing {}: {error:#}", data_dir.display()),
        }
    }
    cluster::remove(data_dir)
}

async fn measure(cluster: &mut Cluster, plan: &Plan, progress: &ProgressBar) -> anyhow::Result<Results> {
    let step = |message: String| {
        progress.inc(1);
        progress.set_message(message);
    };
    progress.set_message(format!("filling a school with {} students", plan.students()));
    let school = world::school(cluster, plan.students()).await?;
    step("filling 200 small organisations".to_owned());
    let small_orgs = world::small_orgs(cluster, plan.students()).await?;
    let mut market = None;
    if plan.is_anywhere(Place::Market) {
        step(format!("filling a marketplace with {} paid trips", plan.trips()));
        market = Some(world::market(cluster, plan.trips()).await?);
    }
    let mut large = None;
    if plan.is_anywhere(Place::Large) {
        step("filling a large school with 2 million bookings".to_owned());
        let days = usize::try_from(plan.rounds)?;
        large = Some(world::large(cluster, LARGE_STUDENTS, LARGE_BOOKINGS_EACH, days).await?);
    }
    let mut mirrored = None;
    if plan.is_anywhere(Place::Mirrored) {
        step("filling a school that HubSpot mirrors".to_owned());
        mirrored = Some(world::mirrored(cluster, MIRRORED_STUDENTS).await?);
    }
    let (time, warm_up) = (plan.time, plan.warm_up);
    let stage = Stage { cluster, school, small_orgs, large, market, mirrored, time, warm_up };
    let mut workloads: Vec<Measured> = Vec::new();
    let mut cost = Vec::new();
    for workload in &plan.workloads {
        let mut rounds = BTreeMap::new();
        let rounds_of_it = workload.rounds(plan.rounds);
        for round in 0..rounds_of_it {
            for contestant in workload.contestants {
                step(format!("{}, {}, round {} of {}", workload.name, contestant.name(), round + 1, rounds_of_it));
                let figures = stage
                    .round(workload, *contestant, round, median_of_hot(&workloads))
                    .await
                    .with_context(|| format!("{}, {}, round {}", workload.name, contestant.name(), round + 1))?;
                rounds.entry(*contestant).or_insert_with(Vec::new).push(figures);
            }
        }
        if workload.place == Place::Large {
            progress.set_message("checking the laws of the large school");
            stage.check_laws("bench_large").await.context("hot_large")?;
        }
        workloads.push(Measured::new(workload, &rounds, &workloads));
    }
    if let Some(hot) = workloads.iter().find(|measured| measured.workload.name == "hot") {
        cost = hot.figures.clone();
    }
    step("the limit: bulk statements of one client".to_owned());
    let limit = limit::measure(&stage, plan.rounds.min(3)).await.context("the limit")?;
    let limit = Limit { per_second: limit, hot_share: median_of_hot(&workloads).map(|hot| hot / limit.median) };
    let Stage { school, .. } = stage;
    step("counting statements".to_owned());
    add_statements(&mut cost, statements::count(cluster, school, plan.warm_up).await.context("counting statements")?);
    for (_, figures) in &mut cost {
        figures.retain(|metric, _| COSTS.contains(metric));
    }
    let machine = Machine::look(cluster).await?;
    Ok(Results { machine, rounds: plan.rounds, seconds: plan.time.as_secs_f64(), workloads, cost, limit: Some(limit) })
}

fn median_of_hot(workloads: &[Measured]) -> Option<f64> {
    workloads.iter().find(|measured| measured.workload.name == "hot")?.median(Contestant::Lanes, PER_SECOND)
}

fn add_statements(cost: &mut [(Contestant, BTreeMap<&'static str, Summary>)], counted: Vec<statements::Counted>) {
    for one in counted {
        if let Some((_, figures)) = cost.iter_mut().find(|(contestant, _)| *contestant == one.contestant) {
            figures.extend(
                one.figures.into_iter().filter_map(|(metric, value)| Some((metric, Summary::of(vec![value])?))),
            );
        }
    }
}
