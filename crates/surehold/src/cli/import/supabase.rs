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
use crate::store::StoreError;
use crate::store::move_in::Source;
use crate::store::tls::authorities;

/// What TLS calls a certificate whose authority is not known.
const UNKNOWN_ISSUER: &str = "UnknownIssuer";

/// Examples and rules, below the options.
pub const HELP: &str = "\
Reads the tables of the exam application (hubspot_contact_credits, hubspot_mock_exams, hubspot_bookings, in the schema \
hubspot_sync) and those of the marketplace (experiences, experience_slots, trips, trip_items, payments, bookings, in the \
schema public), whichever are there, as they are at one moment. Everything comes over with its ids: UUID, hubspot_id, \
booking_id, idempotency_key, reference, Stripe's ids. Nothing is changed in the other database. Columns that it lacks \
count as empty.

Credits become opening balances; a booking shows what it cost, and the balance stays what it was. Of two bookings for \
the last seat the earlier one is taken. A booking that is cancelled counts as one whose credit came back. A balance below \
zero comes as 0.

A trip's booking is paid for by its payment, or by that of its trip; one without a payment brings along what it cost. \
What is pending comes only if its money is there. Seats that available_count misses and no booking explains are withheld. \
Times of slots are those of the experience's time zone, else of the organisation's.

What could not be taken, and what is worth knowing of the rest, is in the report with its table, row and reason; it does \
not stop the others.

The connection uses TLS unless the URL says sslmode=disable. The server's certificate has to be signed by a public \
authority, or by that of --from-ca: Supabase's own can be downloaded from the database settings of its dashboard.

Run it again as often as you like: only what changed there since the last run is changed here. Exit code 0 also if \
rows could not be taken; 2 when there is nothing that can be read. `surehold doctor` checks what came of it.

  SUREHOLD_FROM=postgres://… surehold import supabase --from-ca prod-ca-2021.crt --dry-run";

#[derive(Debug, clap::Args)]
pub struct SupabaseArgs {
    /// The database to read: postgres://user:password@host/database. Better given as a variable: other users of the
    /// machine can see flags.
    #[arg(long, env = "SUREHOLD_FROM", hide_env_values = true, value_name = "URL")]
    from: SecretString,
    /// The certificate authority that signed the certificate of that database's server, as a PEM file. Others are not
    /// trusted then.
    #[arg(long, env = "SUREHOLD_FROM_CA", value_name = "FILE")]
    from_ca: Option<PathBuf>,
    /// The one schema that holds its tables; default: hubspot_sync for the exam application's, public for the
    /// marketplace's.
    #[arg(long, env = "SUREHOLD_SCHEMA", value_name = "SCHEMA")]
    schema: Option<String>,
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
    let authorities = args.from_ca.as_deref().map(authorities).transpose();
    let authorities = authorities.map_err(|problem| format!("--from-ca: {problem}"))?;
    let source =
        Source::open(args.from.expose_secret(), authorities).await.map_err(|error| unreachable(args, &error))?;
    let tables = Tables::read(&source, args.schema.as_deref()).await.map_err(|error| error.to_string())?;
    match (tables.is_empty(), &args.schema) {
        (false, _) => Ok(tables),
        (true, Some(schema)) => Err(format!("its schema {schema} has none of the tables that can be brought over")),
        (true, None) => Err("its schemas hubspot_sync and public have none of the tables that can be brought over; \
                             --schema names another"
            .to_owned()),
    }
}

fn unreachable(args: &SupabaseArgs, error: &StoreError) -> String {
    let problem = error.to_string();
    match &args.from_ca {
        None if problem.contains(UNKNOWN_ISSUER) => {
            format!("{problem}. No public authority signed its certificate: give the one that did with --from-ca FILE")
        }
        _ => problem,
    }
}

async fn import(args: &SupabaseArgs, tables: &Tables, place: &Place, database: &Database) -> anyhow::Result<ExitCode> {
    let importer = super::importer(&args.target, &args.common, database).await?;
    let (mut reports, fatal) = move_in(&importer, tables).await;
    importer.store.close();
    summarise(args.target.dry_run, &tables.staying, &mut reports, place)?;
    match fatal {
        Some(error) => Err(error.context(super::INTERRUPTED)),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn summarise(dry_run: bool, staying: &[&str], reports: &mut [TableReport], place: &Place) -> anyhow::Result<()> {
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
    if !staying.is_empty() {
        say(format!("Not brought over, they stay where they are: {}.", staying.join(", ")));
    }
    // Written also when it is empty, if an older one lies there.
    if let Some(path) = write(reports, place)?
        && lines > 0
    {
        say(printable(&format!("The report is {}.", path.display())));
    }
    Ok(())
}
