//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::seed::server::{SeedArgs, serve};

/// Measures Surehold against the usual way of booking, on this machine.
#[derive(Debug, Parser)]
#[command(name = "surehold-bench", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the benchmark.
    ///
    /// Three contestants, each a server process over HTTP on one private PostgreSQL with its data on a disk:
    /// `lanes` (the product), `per_request` (the product, one transaction per command) and `seed` (one call of a
    /// PL/pgSQL function per request). Rounds are interleaved; each works on a fresh copy of one database, and
    /// the laws are checked after it.
    Run(RunArgs),
    /// Run the seed's server alone (the benchmark starts it itself).
    ServeSeed(SeedArgs),
}

/// What `run` is told.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Workloads, separated by commas; without it, all. `hot` runs whenever another is compared with it.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub workloads: Vec<String>,
    /// Rounds of each workload and contestant [default: 5, with --quick 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=99))]
    pub rounds: Option<u64>,
    /// Seconds that are measured in a round [default: 4, with --quick 1].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub seconds: Option<f64>,
    /// About a minute in all: short rounds, one of each, without the large database. A look, not a result.
    #[arg(long)]
    pub quick: bool,
    /// Folder for results.json and results.svg [default: docs/bench; target/bench with --quick or --workloads].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Folder for the database, on a disk; it is removed at the end [default: target/bench/data].
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// Keep the database's folder at the end.
    #[arg(long)]
    pub keep: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("give seconds from 0.1 to 600".to_owned()),
    }
}

/// Runs the program. Exit codes: 0 done (goals may be missed), 1 failed or void, 2 the command line cannot be
/// understood, 130 interrupted.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("surehold-bench: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match &cli.command {
            Command::Run(args) => crate::run::run(args).await,
            Command::ServeSeed(args) => serve(args).await.map(|()| ExitCode::SUCCESS),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result.unwrap_or_else(|error| {
        eprintln!("surehold-bench: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        assert!(seconds("4").is_ok() && seconds("0").is_err() && seconds("x").is_err());
    }
}
