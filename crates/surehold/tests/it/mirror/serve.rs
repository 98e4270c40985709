//! `surehold serve`, and `surehold demo`, with a portal.

use std::time::Duration;

use tokio::process::Command;

use crate::support::portal::{MirroredSchool, flags};

const BINARY: &str = env!("CARGO_BIN_EXE_surehold");

/// Their contacts would overwrite each other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_portal_for_several_organisations_is_refused_at_the_start() {
    let school = MirroredSchool::open().await;
    school.api.another_org("other", &[]).await;
    // The demo's sample school is one of several here, too.
    for program in ["serve", "demo"] {
        let mut serve = Command::new(BINARY);
        serve.args([program, "--listen", "127.0.0.1:0"]).args(flags(&school.hubspot)).kill_on_drop(true);
        serve.env("SUREHOLD_DATABASE_URL", &school.api.school.db.url);
        let ended =
            tokio::time::timeout(Duration::from_secs(60), serve.output()).await.expect("it ends by itself").unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{program}: {said}");
        assert!(said.contains("several organisations (school, other)") && said.contains("school=pat-"), "{said}");
    }
}
