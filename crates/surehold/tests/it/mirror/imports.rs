//! Files of an operator, and the mirror: rows whose records have names already.

use std::path::PathBuf;

use surehold_core::command::{Command, Withhold};
use surehold_simulators::hubspot::CONTACTS;
use tokio::process;
use uuid::Uuid;

use crate::support::portal::{MirroredSchool, SESSIONS};

const BINARY: &str = env!("CARGO_BIN_EXE_surehold");
const SESSION_COLUMNS: &str =
    "Record ID,Mock Exam Name,Mock Type,Exam Date,Start Time,End Time,Location,Capacity,Total Bookings,Is Active";

/// A session as HubSpot exports it: its record, its type and where and when it is never change.
fn session_row(record: &str, capacity: i32, total_bookings: &str) -> String {
    format!("{record},An exam,Clinical Skills,2030-05-04,09:00,12:00,Calgary,{capacity},{total_bookings},true")
}

impl MirroredSchool {
    /// `surehold import`, as the operator types it; what it said.
    async fn imports(&self, what: &str, lines: &[&str]) -> String {
        let folder = Folder::new();
        let file = folder.0.join(format!("{what}.csv"));
        std::fs::write(&file, lines.join("\n")).unwrap();
        let mut command = process::Command::new(BINARY);
        command.args(["import", what]).arg(&file).current_dir(&folder.0);
        let output = command.env("SUREHOLD_DATABASE_URL", &self.api.school.db.url).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        said
    }

    /// A session that was made at HubSpot, where five have booked it: what HubSpot calls it.
    fn session_at_hubspot(&self) -> String {
        let values = [
            ("mock_exam_name", "An exam"),
            ("mock_type", "Clinical Skills"),
            ("exam_date", "2030-05-04"),
            ("start_time", "09:00"),
            ("end_time", "12:00"),
            ("location", "Calgary"),
            ("capacity", "20"),
            ("total_bookings", "5"),
            ("is_active", "true"),
        ];
        self.hubspot.create(SESSIONS, &values).unwrap().id()
    }

    /// HubSpot's number of bookings of a session.
    fn total_bookings(&self, record: &str) -> String {
        self.hubspot.record(SESSIONS, record).unwrap().value("total_bookings").unwrap().to_owned()
    }

    /// HubSpot's own export of that session, imported again.
    async fn imports_what_hubspot_shows(&self, record: &str) -> String {
        let row = session_row(record, 20, &self.total_bookings(record));
        self.imports("sessions", &[SESSION_COLUMNS, &row]).await
    }

    /// The only session.
    async fn session(&self) -> Uuid {
        self.api.school.db.owner().await.query_one("SELECT id FROM slots", &[]).await.unwrap().get(0)
    }

    /// How many seats of it are on sale.
    async fn seats_left(&self) -> i64 {
        self.api.school.number("SELECT (capacity - taken - held - withheld)::bigint FROM slots").await
    }

    /// Three students book it.
    async fn three_book(&self) -> Vec<Uuid> {
        let session = self.session().await;
        let mut bookings = Vec::new();
        for student in self.api.school.students(3, "cs_credits").await {
            bookings.push(self.api.school.book(student, session).await.unwrap().booking_id);
        }
        bookings
    }

    /// Why rows are parked.
    async fn problems(&self) -> Vec<String> {
        let status = self.mirror.status(&self.org).await.unwrap();
        status.parked.into_iter().map(|parked| parked.problem).collect()
    }
}

/// A folder that goes away by itself.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("surehold-import-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_of_another_portal_makes_nothing_and_says_what_may_be_wrong() {
    let school = MirroredSchool::open().await;
    school.imports("contacts", &["Record ID,Student ID,Email", "7001,ANN,ann@example.org"]).await;
    school.imports("sessions", &[SESSION_COLUMNS, &session_row("4001", 20, "5")]).await;

    assert_eq!(school.sync().await.parked, 2);

    let problems = school.problems().await;
    for (problem, record) in problems.iter().zip(["7001", "4001"]) {
        assert!(
            problem.contains(&format!("HubSpot has no record {record}, and nothing was ever written to it")),
            "{problem}"
        );
        assert!(problem.contains("another portal") && problem.contains("sync retry --all"), "{problem}");
    }
    assert!(school.hubspot.records(CONTACTS).is_empty() && school.hubspot.records(SESSIONS).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_there_and_is_gone_is_said_to_be() {
    let school = MirroredSchool::open().await;
    let ann = school.api.school.student("ANN", &[]).await;
    school.sync().await;
    school.hubspot.archive(CONTACTS, &school.record_of(CONTACTS, ann)).unwrap();
    school.api.school.grant(ann, "cs_credits", 1).await.unwrap();

    assert_eq!(school.sync().await.parked, 1);

    let problems = school.problems().await;
    assert!(problems[0].contains("any more") && !problems[0].contains("another portal"), "{problems:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_bookings_in_hubspots_export_withhold_no_seats_and_free_none() {
    let school = MirroredSchool::open().await;
    let record = school.session_at_hubspot();
    school.imports_what_hubspot_shows(&record).await;
    assert_eq!(school.seats_left().await, 15, "five have booked elsewhere");
    let bookings = school.three_book().await;
    school.sync().await;
    assert_eq!((school.seats_left().await, school.total_bookings(&record)), (12, "8".to_owned()));

    // The export counts ours by now.
    let said = school.imports_what_hubspot_shows(&record).await;
    assert!(said.contains("0 added, 0 changed, 1 unchanged"), "{said}");
    school.sync().await;
    assert_eq!((school.seats_left().await, school.total_bookings(&record)), (12, "8".to_owned()));

    // One of ours is cancelled: the five elsewhere keep their seats.
    school.api.school.cancel(bookings[0]).await.unwrap();
    school.sync().await;
    let said = school.imports_what_hubspot_shows(&record).await;
    assert!(said.contains("0 added, 0 changed, 1 unchanged"), "{said}");
    school.sync().await;
    assert_eq!((school.seats_left().await, school.total_bookings(&record)), (13, "7".to_owned()));

    // One elsewhere is cancelled, too; then two are booked there.
    for (total, left) in [("6", 14), ("8", 12)] {
        school.hubspot.edit(SESSIONS, &record, &[("total_bookings", total)]).unwrap();
        let said = school.imports_what_hubspot_shows(&record).await;
        assert!(said.contains("0 added, 1 changed, 0 unchanged"), "{said}");
        school.sync().await;
        assert_eq!((school.seats_left().await, school.total_bookings(&record)), (left, total.to_owned()));
    }
    school.agrees().await;
    school.api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_bookings_withhold_no_seats_when_a_session_is_pulled_again() {
    let school = MirroredSchool::open().await;
    let record = school.session_at_hubspot();
    assert_eq!(school.mirror.pull_sessions(&school.org).await.unwrap().sessions_added, 1);
    assert_eq!(school.seats_left().await, 15);
    let bookings = school.three_book().await;
    school.sync().await;
    assert_eq!(school.total_bookings(&record), "8");

    // Somebody clears our id there, so that it looks as if it was made there just now.
    for (left, total) in [(12, "8"), (13, "7")] {
        school.hubspot.edit(SESSIONS, &record, &[("surehold_id", "")]).unwrap();
        let pulled = school.mirror.pull_sessions(&school.org).await.unwrap();
        assert_eq!((pulled.sessions_added, pulled.sessions_refused), (0, 0));
        school.sync().await;
        assert_eq!((school.seats_left().await, school.total_bookings(&record)), (left, total.to_owned()));
        // The second time one of ours is gone.
        if left == 12 {
            school.api.school.cancel(bookings[0]).await.unwrap();
            school.sync().await;
        }
    }
    school.api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_pushed_before_its_import_has_ended_shows_its_bookings() {
    let school = MirroredSchool::open().await;
    let record = school.session_at_hubspot();
    school.imports_what_hubspot_shows(&record).await;
    // The mirror came between the session and what the import remembers of its row.
    assert_eq!(school.api.meddles("DELETE FROM import_rows").await, 1);
    school.sync().await;
    assert_eq!(school.total_bookings(&record), "5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_that_an_operator_released_are_not_booked_elsewhere() {
    let school = MirroredSchool::open().await;
    let record = school.session_at_hubspot();
    school.imports_what_hubspot_shows(&record).await;
    let release = Withhold { slot_id: school.session().await, seats: -2, reason: None, on_sale_only: false };
    school.api.school.submit(Command::Withhold(release)).await.unwrap();
    school.three_book().await;
    school.sync().await;
    assert_eq!((school.seats_left().await, school.total_bookings(&record)), (14, "6".to_owned()));
    school.agrees().await;
}
