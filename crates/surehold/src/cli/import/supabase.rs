//! `surehold import supabase`: another system's database moves in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use secrecy::{ExposeSecret, SecretString};

use super::{SHOWN_MAX, Target};
use crate::cli::database::{self, Database};
use crate::cli::output::{count, grouped, printable, say};
use crate::config::Common;
use crate::import::move_in::{TableReport, Tables, move_in, write};
use crate::import::report::Place;
use crate::store::move_in::Source;

/// Examples and rules, below the options.
pub const HELP: &str = "\
Reads the tables hubspot_contact_credits, hubspot_mock_exams and hubspot_bookings as they are at one moment, and \
brings contacts, sessions and bookings over with their ids (UUID, hubspot_id, booking_id, idempotency_key). Credits \
become opening balances; a booking shows what it cost, and the balance stays what it was. Nothing is changed in the \
other database. Columns that it lacks count as empty.

Of two bookings for the last seat the earlier one is taken. A booking that is cancelled counts as one whose credit \
came back. A balance below zero comes as 0. What could not be taken, and what is worth knowing of the rest, is in the \
report with its table, row and reason; it does not stop the others.

The connection uses TLS unless the URL says sslmode=disable; the server's certificate has to be one that a public \
authority signed. Where it is not, restore a dump of the database somewhere near, and read that.

Run it again as often as you like: only what changed there since the last run is changed here. Exit code 0 also if \
rows could not be taken; 2 when there is nothing that can be read. `surehold doctor` checks what came of it.

  SUREHOLD_FROM=postgres://… surehold import supabase --dry-run";

#[derive(Debug, clap::Args)]
pub struct SupabaseArgs {
    /// The database to read: postgres://user:password@host/database. Better given as a variable: other users of the
    /// machine can see flags.
    #[arg(long, env = "SUREHOLD_FROM", hide_env_values = true, value_name = "URL")]
    from: SecretString,
    /// The schema that holds its tables.
    #[arg(long, env = "SUREHOLD_SCHEMA", default_value = "hubspot_sync", value_name = "SCHEMA")]
    schema: String,
    #[command(flatten)]
    target: Target,
    /// Where to list the rows that were not taken; default: supabase.report.csv in the current folder.
    #[arg(long, env = "SUREHOLD_REPORT", value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

pub async fn run(args: SupabaseArgs) -> anyhow::Result<ExitCode> {
    // Before the first row: an import whose report cannot be written does nothing.
    let place = match Place::find(args.report.as_deref(), Path::new("supabase")) {
        Ok(place) => place,
        Err(problem) => return Ok(unreadable(&problem)),
    };
    let tables = match read(&args).await {
        Ok(tables) => tables,
        Err(problem) => return Ok(unreadable(&format!("the database of --from cannot be imported: {problem}"))),
    };
    let database = Database::for_tool(&args.common).await?;
    database::with(database, async |database| import(&args, &tables, &place, database).await).await
}

fn unreadable(problem: &str) -> ExitCode {
    eprintln!("surehold: {}", printable(problem));
    ExitCode::from(2)
}

async fn read(args: &SupabaseArgs) -> Result<Tables, String> {
    let source = Source::open(args.from.expose_secret(), &args.schema).await.map_err(|error| error.to_string())?;
    let tables = Tables::read(&source).await.map_err(|error| error.to_string())?;
    match tables.is_empty() {
        true => Err(format!("its schema {} has none of the tables that can be brought over", args.schema)),
        false => Ok(tables),
    }
}

async fn import(args: &SupabaseArgs, tables: &Tables, place: &Place, database: &Database) -> anyhow::Result<ExitCode> {
    let importer = super::importer(&args.target, &args.common, database).await?;
    let (mut reports, fatal) = move_in(&importer, tables).await;
    importer.store.close();
    summarise(args.target.dry_run, &mut reports, place)?;
    match fatal {
        Some(error) => Err(error.context(super::INTERRUPTED)),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn summarise(dry_run: bool, reports: &mut [TableReport], place: &Place) -> anyhow::Result<()> {
    let lines: usize = reports.iter_mut().map(|report| report.lines().len()).sum();
    for report in reports.iter_mut() {
        let table = report.table;
        for (row, line) in report.lines().into_iter().take(SHOWN_MAX / 3) {
            say(printable(&format!("{table} {row}: {}", line.sentence())));
        }
    }
    if lines > 0 {
        say(format!("{} in the report", count(i64::try_from(lines)?, "line")));
    }
    let dry = if dry_run { "Dry run, nothing was changed: " } else { "" };
    for report in reports.iter() {
        let t = &report.tally;
        say(match report.is_there {
            false => format!("{dry}{}: there is no such table.", report.table),
            true => format!(
                "{dry}{}: {}: {} added, {} changed, {} unchanged, {} not imported.",
                report.table,
                count(i64::try_from(report.rows())?, "row"),
                grouped(t.added),
                grouped(t.changed),
                grouped(t.unchanged),
                grouped(t.refused)
            ),
        });
    }
    // Written also when it is empty, if an older one lies there.
    if let Some(path) = write(reports, place)?
        && lines > 0
    {
        say(printable(&format!("The report is {}.", path.display())));
    }
    Ok(())
}
