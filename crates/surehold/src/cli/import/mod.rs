//! `surehold import`

mod supabase;

use std::path::PathBuf;
use std::process::ExitCode;

use self::supabase::SupabaseArgs;
use super::database::{self, Database};
use super::org::choose;
use super::output::{grouped, printable, say};
use crate::config::Common;
use crate::desk::{Desk, DeskOptions};
use crate::import::importer::{Importer, Tally};
use crate::import::report::{Place, Report};
use crate::import::table::{self, Table};
use crate::import::{contacts, sessions};
use crate::store::StoreOptions;
use crate::store::offerings::catalogue;

/// Connections on which rows look for what they mean, besides those of the desk.
const CONNECTIONS: usize = 16;
/// So many rows of the report are shown, too.
const SHOWN_MAX: usize = 12;
const INTERRUPTED: &str = "the import was interrupted; what is done is done, run it again to go on";

#[derive(Debug, clap::Subcommand)]
pub enum ImportCommand {
    /// Import sessions: Record ID, Mock Exam Name, Mock Type, Mock Set, Exam Date, Start Time, End Time,
    /// Location, Capacity, Total Bookings, Is Active, Scheduled Activation.
    #[command(after_help = SESSIONS)]
    Sessions(ImportArgs),
    /// Import contacts: Record ID, Student ID, Email, First Name, Last Name, NDECC Exam Date, SJ Credits,
    /// CS Credits, Mini-mock Credits, Mock Discussion Tokens, Shared Mock Credits.
    #[command(after_help = CONTACTS)]
    Contacts(ImportArgs),
    /// Move a whole database of the exam application or of the marketplace in: contacts with their credits, sessions and
    /// bookings; experiences, slots, trips, payments and bookings.
    #[command(after_help = supabase::HELP)]
    Supabase(Box<SupabaseArgs>),
}

const SESSIONS: &str = "\
A row is the session with its Record ID, else the one of its type, date, start and location. Only what changed \
in the file since its last import is changed, so running it twice changes nothing. Times are local to the \
location. \"Total Bookings\" that are not here become withheld seats.

Rows that cannot be taken are listed in the report with their line and reason, and do not stop the others. \
Exit code 0 also then; 2 when nothing of the file can be read.

  surehold import sessions examples/sessions.csv --dry-run";

const CONTACTS: &str = "\
A row is the contact with its Record ID, else the one of its student ID and email (in any case). Only what \
changed in the file since its last import is changed, so running it twice changes nothing. A credit column \
counts as its difference from the last import: credits that were spent since do not come back. A contact that \
was here before its first import keeps its credits.

Rows that cannot be taken are listed in the report with their line and reason, and do not stop the others. \
Exit code 0 also then; 2 when nothing of the file can be read.

  surehold import contacts examples/contacts.csv --dry-run";

#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The CSV file: UTF-8, the first line names the columns.
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// Where to list the rows that were not taken; default: <FILE>.report.csv in the current folder.
    #[arg(long, env = "SUREHOLD_REPORT", value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Into what it is imported, and whether at all.
#[derive(Debug, clap::Args)]
struct Target {
    /// Organisation, by its slug; not needed when there is only one.
    #[arg(long, env = "SUREHOLD_ORG", value_name = "SLUG")]
    org: Option<String>,
    /// Say what would be done, and do nothing.
    #[arg(long, env = "SUREHOLD_DRY_RUN")]
    dry_run: bool,
}

/// What a file is about.
#[derive(Debug, Clone, Copy)]
enum What {
    Sessions,
    Contacts,
}

impl ImportCommand {
    pub fn common(&self) -> &Common {
        match self {
            ImportCommand::Sessions(args) | ImportCommand::Contacts(args) => &args.common,
            ImportCommand::Supabase(args) => &args.common,
        }
    }
}

pub async fn run(command: ImportCommand) -> anyhow::Result<ExitCode> {
    match command {
        ImportCommand::Sessions(args) => import_file(What::Sessions, args).await,
        ImportCommand::Contacts(args) => import_file(What::Contacts, args).await,
        ImportCommand::Supabase(args) => supabase::run(*args).await,
    }
}

async fn import_file(what: What, args: ImportArgs) -> anyhow::Result<ExitCode> {
    let columns = match what {
        What::Sessions => sessions::COLUMNS,
        What::Contacts => contacts::COLUMNS,
    };
    let read = std::fs::read(&args.file).map_err(|error| error.to_string());
    let table = match read.and_then(|bytes| table::read(&bytes, columns)) {
        Ok(table) => table,
        Err(problem) => {
            eprintln!("surehold: {}", printable(&format!("{} cannot be imported: {problem}", args.file.display())));
            return Ok(ExitCode::from(2));
        }
    };
    // Before the first row: an import whose report cannot be written, or is the file itself, does nothing.
    let place = match Place::find(args.report.as_deref(), &args.file) {
        Ok(place) => place,
        Err(problem) => {
            eprintln!("surehold: {}", printable(&problem));
            return Ok(ExitCode::from(2));
        }
    };
    let database = Database::for_tool(&args.common).await?;
    database::with(database, async |database| import(what, &args, &table, &place, database).await).await
}

async fn import(
    what: What,
    args: &ImportArgs,
    table: &Table,
    place: &Place,
    database: &Database,
) -> anyhow::Result<ExitCode> {
    let importer = importer(&args.target, &args.common, database).await?;
    let mut report = Report::default();
    let ((mut tally, fatal), bad) = match what {
        What::Sessions => {
            let (rows, bad) = sessions::parse(table, &importer.org, &importer.catalogue, &mut report);
            (importer.run(rows, &mut report, async |row| sessions::import(&importer, row).await).await, bad)
        }
        What::Contacts => {
            let (rows, bad) = contacts::parse(table, &mut report);
            (importer.run(rows, &mut report, async |row| contacts::import(&importer, row).await).await, bad)
        }
    };
    tally.refused += bad;
    importer.store.close();
    summarise(args, table, &tally, &mut report, place)?;
    if let Some(error) = fatal {
        return Err(error.context(INTERRUPTED));
    }
    let all_bad = !table.rows.is_empty() && bad == i64::try_from(table.rows.len()).unwrap_or(i64::MAX);
    Ok(if all_bad { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

async fn importer(target: &Target, common: &Common, database: &Database) -> anyhow::Result<Importer> {
    let options = StoreOptions {
        command_connections: DeskOptions::default().flights_max + CONNECTIONS,
        ..common.store(&database.url)
    };
    let store = database.store(&options).await?;
    let client = store.read().await?;
    let org = choose(&client, target.org.as_deref(), common).await?;
    let catalogue = catalogue(&client, org.id).await?;
    drop(client);
    let desk = Desk::new(store.clone(), DeskOptions::default());
    Ok(Importer { store, desk, org, catalogue, dry_run: target.dry_run })
}

fn summarise(
    args: &ImportArgs,
    table: &Table,
    tally: &Tally,
    report: &mut Report,
    place: &Place,
) -> anyhow::Result<()> {
    if !table.ignored.is_empty() {
        say(printable(&format!("Columns that were not used: {}", table.ignored.join(", "))));
    }
    let lines = report.lines();
    let anything = !lines.is_empty();
    for line in lines.iter().take(SHOWN_MAX) {
        say(printable(&format!("line {}: {}", line.line, line.sentence())));
    }
    if lines.len() > SHOWN_MAX {
        say(format!("… and {} more in the report", lines.len() - SHOWN_MAX));
    }
    let dry = if args.target.dry_run { "Dry run, nothing was changed: " } else { "" };
    say(format!(
        "{dry}{} added, {} changed, {} unchanged, {} not imported.",
        grouped(tally.added),
        grouped(tally.changed),
        grouped(tally.unchanged),
        grouped(tally.refused)
    ));
    // Written also when it is empty, if an older one lies there.
    if let Some(path) = report.write(place)?
        && anything
    {
        say(printable(&format!("The report is {}.", path.display())));
    }
    Ok(())
}
