//! `surehold serve`, and `surehold demo`, with a portal.

use std::process::Stdio;
use std::time::Duration;

use surehold_simulators::hubspot::{Effect, Fault, Rule};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::portal::{MirroredSchool, flags};

const BINARY: &str = env!("CARGO_BIN_EXE_surehold");

fn command(word: &str, school: &MirroredSchool) -> Command {
    let mut command = Command::new(BINARY);
    command.args([word, "--listen", "127.0.0.1:0"]).args(flags(&school.hubspot)).kill_on_drop(true);
    command.env("SUREHOLD_DATABASE_URL", &school.api.school.db.url);
    command
}

/// Their contacts would overwrite each other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_portal_for_several_organisations_is_refused_at_the_start() {
    let school = MirroredSchool::open().await;
    school.api.another_org("other", &[]).await;
    // The demo's sample school is one of several here, too.
    for program in ["serve", "demo"] {
        let mut program = command(program, &school);
        let ended = timeout(Duration::from_secs(60), program.output()).await.expect("it ends by itself").unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("several organisations (school, other)") && said.contains("school=pat-"), "{said}");
    }
}

/// Nobody notes what HubSpot did when the server that asked for it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_in_the_middle_twenty_times_makes_one_record_of_each() {
    let school = MirroredSchool::open().await;
    school.with_bookings(4).await;
    // A call's work is done at once, and its answer comes when the server may be gone.
    let later = Fault::Delay { ms: (100, 100), effect: Effect::All };
    school.hubspot.add_fault(Rule::sometimes(1.0, later));
    let session = school.api.school.session("Situational Judgment", 100).await;
    let pushes = || {
        let counts = school.hubspot.request_counts();
        let writes = counts.iter().filter(|(kind, _)| kind.starts_with("POST") && kind.contains("/batch/"));
        writes.filter(|(kind, _)| !kind.ends_with("/batch/read")).map(|(_, count)| count).sum::<u64>()
    };
    for round in 0..20 {
        // There is something of each kind to be pushed.
        let student = school.api.school.student(&format!("NEW{round}"), &[("sj_credits", 1)]).await;
        school.api.school.book(student, session).await.unwrap();
        let before = pushes();
        let mut server =
            command("serve", &school).args(["--hubspot-timeout", "1"]).stdout(Stdio::null()).spawn().unwrap();
        // Killed once one more call that writes has arrived, and some more in later rounds.
        school.hubspot.until(|_| pushes() > before + round % 4).await;
        server.kill().await.unwrap();
        let held = "SELECT count(*) FROM hubspot_syncs WHERE lease_until > clock_timestamp()";
        while school.api.school.number(held).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    school.hubspot.clear_faults();
    school.sync().await;
    school.has_one_record_of_each().await;
    school.agrees().await;
    school.api.school.laws_hold().await;
}
