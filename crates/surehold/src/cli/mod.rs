//! The command line: one file per command.

pub mod connections;
mod database;
mod demo;
mod doctor;
mod import;
mod key;
mod migrate;
mod org;
mod output;
pub(crate) mod progress;
mod reader;
mod reconcile;
mod serve;
mod server;
mod storm;
mod sync;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::{Common, LogFormat};

/// A booking back end that never oversells: the seat, the credit that pays for it, the answer and the
/// audit record are one transaction.
///
/// To look around: `surehold demo`, then open the address that it prints.
#[derive(Debug, Parser)]
#[command(name = "surehold", version, propagate_version = true, after_help = EXAMPLES, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  surehold demo                                    a sample school, nothing to set up
  surehold import contacts examples/contacts.csv   a school's export, beside the running demo
  surehold storm --seats 1 --clients 10            ten students, one seat: who gets it?
  surehold storm --trips 50                        fifty trips, too few seats, and their money
  surehold doctor                                  check every law on the live data

  surehold org create --slug acme --name 'Acme Exams' --time-zone America/Toronto
  surehold key create --role service --name website

Each option is a flag or the environment variable that its help names; the flag wins.

Without a database URL the program runs a private PostgreSQL in --data-dir. With one it \
uses that, and --data-dir is not looked at; the URL is the first of --database-url, \
SUREHOLD_DATABASE_URL and DATABASE_URL.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::ServeArgs),
    /// Run the server with a sample school: nothing to set up, everything to try.
    Demo(demo::DemoArgs),
    /// Bring a database to this program's version, and make the role that the server works as.
    Migrate(migrate::MigrateArgs),
    /// Check every law on a live database, and name the rows at fault.
    Doctor(doctor::DoctorArgs),
    /// Ask Stripe about payments, and make up for webhooks that were lost.
    Reconcile(reconcile::ReconcileArgs),
    /// Mirror what changed to HubSpot; pull, compare, look, set a portal up.
    Sync(Box<sync::SyncArgs>),
    /// Load a server with bookings over HTTP, and check every answer against what is there.
    Storm(storm::StormArgs),
    /// Bring sessions or contacts in from a CSV file, or a whole database of the exam application.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Let logins of other programs read with SQL: an organisation's views, and no more.
    #[command(subcommand)]
    Reader(reader::ReaderCommand),
    /// Make and list organisations.
    #[command(subcommand)]
    Org(org::OrgCommand),
}

/// Runs the program. Exit codes: 0 done, 1 failed (or a law is broken, or a storm went wrong), 2 the
/// command line or the file to import cannot be understood, or the doctor could not check, 130 interrupted twice.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(problem) = start_log(cli.command.common(), cli.command.is_server()) {
        eprintln!("surehold: {problem}");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("surehold: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = match runtime.block_on(cli.command.run()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("surehold: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    };
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    code
}

impl Command {
    async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Command::Serve(args) => serve::run(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Migrate(args) => migrate::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Reconcile(args) => reconcile::run(args).await,
            Command::Sync(args) => sync::run(*args).await,
            Command::Storm(args) => storm::run(args).await,
            Command::Import(command) => import::run(command).await,
            Command::Key(command) => key::run(command).await,
            Command::Reader(command) => reader::run(command).await,
            Command::Org(command) => org::run(command).await,
        }
    }

    fn common(&self) -> Option<&Common> {
        match self {
            Command::Serve(args) => Some(&args.common),
            Command::Demo(args) => Some(&args.common),
            Command::Migrate(args) => Some(&args.common),
            Command::Doctor(args) => Some(&args.common),
            Command::Reconcile(args) => Some(&args.common),
            Command::Sync(args) => Some(args.common()),
            Command::Storm(_) => None,
            Command::Import(command) => Some(command.common()),
            Command::Key(command) => Some(command.common()),
            Command::Reader(command) => Some(command.common()),
            Command::Org(command) => Some(command.common()),
        }
    }

    /// Tools speak for themselves; of their insides only what went wrong is worth a line.
    fn is_server(&self) -> bool {
        matches!(self, Command::Serve(_) | Command::Demo(_))
    }
}

/// An error and what caused it, each said once: our own sentences often quote the cause already.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |text, cause| {
        let cause = cause.to_string();
        let news = cause.rsplit("ERROR: ").next().unwrap_or(&cause);
        match (text.is_empty(), text.contains(news)) {
            (true, _) => cause,
            (false, true) => text,
            (false, false) => format!("{text}: {cause}"),
        }
    })
}

/// Of libraries, what went wrong is enough.
const SERVER_LOG: &str = "info,tokio_postgres=warn,refinery_core=warn";

fn start_log(common: Option<&Common>, is_server: bool) -> Result<(), String> {
    let Some(common) = common else { return Ok(()) };
    let filter = common.log_filter.as_deref().unwrap_or(if is_server { SERVER_LOG } else { "warn" });
    let filter =
        EnvFilter::try_new(filter).map_err(|error| format!("--log {filter:?} cannot be understood: {error}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match common.log_format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Every option of the server is a flag, a variable `SUREHOLD_…` and a default.
    #[test]
    fn options_of_the_server_have_a_variable_of_the_same_name() {
        let mut cli = Cli::command();
        cli.build();
        for name in ["serve", "demo"] {
            let command = cli.find_subcommand(name).expect("there is such a command");
            for arg in command.get_arguments() {
                if matches!(arg.get_id().as_str(), "help" | "version") {
                    continue;
                }
                let flag = arg.get_long().expect("a long flag");
                let variable = arg.get_env().unwrap_or_else(|| panic!("{name} --{flag} has no variable"));
                let expected = format!("SUREHOLD_{}", flag.to_uppercase().replace('-', "_"));
                assert_eq!(variable.to_string_lossy(), expected);
                assert!(arg.get_help().is_some(), "{name} --{flag} has no help");
            }
        }
    }
}
