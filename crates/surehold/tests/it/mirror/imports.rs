//! Files of an operator, and the mirror: rows whose records have names already.

use std::path::PathBuf;

use surehold_simulators::hubspot::CONTACTS;
use tokio::process::Command;
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
        let mut command = Command::new(BINARY);
        command.args(["import", what]).arg(&file).current_dir(&folder.0);
        let output = command.env("SUREHOLD_DATABASE_URL", &self.api.school.db.url).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        said
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
