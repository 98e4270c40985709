//! Databases of the exam application and of the marketplace move in: `surehold import supabase`, as an operator types it.
//!
//! The other database is made by SQL files in the shape that live ones have.

mod authority;
mod awkward;
mod interrupted;
mod repeat;
mod ten_thousand;
mod trips;
mod trips_awkward;
mod trips_money;
mod trips_repeat;

use std::path::PathBuf;

use tokio::process::Command;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::School;
use crate::support::cluster::connect;

const BINARY: &str = env!("CARGO_BIN_EXE_surehold");
const TABLES: &str = include_str!("a2.sql");
const AWKWARD: &str = include_str!("awkward.sql");
const TEN_THOUSAND: &str = include_str!("ten_thousand.sql");
const TRIP_TABLES: &str = include_str!("b1.sql");
const TRIPS_AWKWARD: &str = include_str!("trips_awkward.sql");
const TRIPS_THOUSANDS: &str = include_str!("trips_thousands.sql");

/// A school, and the database that it used before.
struct Mover {
    school: School,
    /// How to reach the other database.
    from: String,
    /// As whoever still works with it.
    there: Client,
    folder: Folder,
}

/// What a run said.
struct Run {
    said: String,
    report: String,
}

impl Mover {
    /// The other database has what these files put there.
    async fn with(files: &[&str]) -> Mover {
        Mover::of_tables(School::open().await, &[&[TABLES], files].concat()).await
    }

    /// The other database is a marketplace's, and has what these files put there.
    async fn with_trips(files: &[&str]) -> Mover {
        Mover::of_tables(School::open().await, &[&[TRIP_TABLES], files].concat()).await
    }

    async fn of_tables(school: School, files: &[&str]) -> Mover {
        let name = format!("{}_before", school.db.name);
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        school.db.owner().await.batch_execute(&create).await.unwrap();
        let from = school.db.url.replace(&format!("dbname={}", school.db.name), &format!("dbname={name}"));
        let there = connect(&from).await;
        for file in files {
            there.batch_execute(file).await.unwrap_or_else(|e| panic!("{:?}", e.as_db_error()));
        }
        Mover { school, from, there, folder: Folder::new() }
    }

    /// `surehold import supabase`, with more flags.
    async fn imports(&self, flags: &[&str]) -> Run {
        let report = self.folder.0.join(format!("{}.csv", Uuid::now_v7()));
        let output = self.command().arg("--report").arg(&report).args(flags).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let said =
            said.lines().filter(|line| !line.starts_with("The report is")).fold(String::new(), |a, b| a + b + "\n");
        Run { said, report: std::fs::read_to_string(&report).unwrap() }
    }

    /// Runs it dry first, which changes nothing and says what the run says.
    async fn imports_as_announced(&self) -> Run {
        let before = self.fingerprint().await;
        let dry = self.imports(&["--dry-run"]).await;
        assert_eq!(self.fingerprint().await, before, "a dry run changes nothing");
        let run = self.imports(&[]).await;
        assert_eq!(dry.report, run.report, "a dry run says what the run says");
        assert_eq!(dry.said.replace("Dry run, nothing was changed: ", ""), run.said);
        run
    }

    /// It, about to start.
    fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["import", "supabase"]).current_dir(&self.folder.0);
        command.env("SUREHOLD_FROM", &self.from).env("SUREHOLD_DATABASE_URL", &self.school.db.url);
        command
    }

    /// One text from our database.
    async fn text(&self, sql: &str) -> String {
        self.school.db.owner().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Every row of ours, in short.
    async fn fingerprint(&self) -> String {
        let tables = [
            "contacts",
            "slots",
            "bookings",
            "credit_balances",
            "credit_entries",
            "journal",
            "hubspot_links",
            "import_rows",
            "offerings",
            "trips",
            "payments",
            "refunds",
        ];
        let each = tables
            .map(|t| format!("(SELECT concat(count(*), md5(string_agg(t::text, '|' ORDER BY t::text))) FROM {t} t)"));
        self.text(&format!("SELECT concat_ws(' ', {})", each.join(", "))).await
    }

    /// Somebody works with the other database.
    async fn meanwhile(&self, sql: &str) {
        let sql = format!("SET search_path = hubspot_sync, public; {sql}");
        self.there.batch_execute(&sql).await.unwrap_or_else(|e| panic!("{:?}", e.as_db_error()));
    }

    /// What `surehold doctor` says of it.
    async fn is_sound(&self) {
        let mut doctor = Command::new(BINARY);
        doctor.arg("doctor").env("SUREHOLD_DATABASE_URL", &self.school.db.url);
        let output = doctor.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

impl Run {
    /// Whether it said so of a table.
    #[track_caller]
    fn counted(&self, table: &str, counts: &str) {
        assert!(self.said.contains(&format!("{table}: {counts}")), "{table}: {counts} is not in\n{}", self.said);
    }

    /// The lines of the report about a row.
    fn about(&self, row: &str) -> Vec<&str> {
        self.report.lines().filter(|line| line.split(',').nth(1).is_some_and(|id| id == row)).collect()
    }

    /// Whether its lines about a row have these words, one line each, in this order.
    fn says(&self, row: &str, expected: &[&str]) -> bool {
        let lines: Vec<String> = self.about(row).iter().map(|line| line.replace('"', "")).collect();
        lines.len() == expected.len() && lines.iter().zip(expected).all(|(line, words)| line.contains(words))
    }

    /// How many rows of a table were not taken.
    fn left_behind(&self, table: &str) -> usize {
        let refused = self.report.lines().filter(|line| line.starts_with(table) && line.contains(",not imported,"));
        let mut rows: Vec<&str> = refused.filter_map(|line| line.split(',').nth(1)).collect();
        rows.dedup();
        rows.len()
    }
}

/// Both sides say the same, in so many rows.
async fn same(there: &Client, their_sql: &str, here: &Client, our_sql: &str, rows: usize) {
    let texts = async |client: &Client, sql: &str| -> Vec<Vec<Option<String>>> {
        client.batch_execute("SET TimeZone = 'UTC'").await.unwrap();
        let rows = client.query(sql, &[]).await.unwrap_or_else(|e| panic!("{:?}", e.as_db_error()));
        rows.iter().map(|row| (0..row.len()).map(|i| row.get(i)).collect()).collect()
    };
    let (theirs, ours) = (texts(there, their_sql).await, texts(here, our_sql).await);
    assert_eq!((theirs.len(), ours.len()), (rows, rows));
    for (there, here) in theirs.iter().zip(&ours) {
        assert_eq!(there, here);
    }
}

/// A folder that goes away by itself.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("surehold-move-in-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
