//! An import that is killed, and two at once.

use std::process::Stdio;

use super::ten_thousand::everything_is_as_it_was_there;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_goes_on_where_it_was() {
    let mover = Mover::with(&[TEN_THOUSAND]).await;
    for (table, rows) in [("contacts", 300), ("slots", 20), ("bookings", 100), ("bookings", 5_000)] {
        let mut import = mover.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while mover.school.count(table).await < rows {
            assert!(import.try_wait().unwrap().is_none(), "it ended before there were {rows} {table}");
        }
        import.kill().await.unwrap();
        mover.school.laws_hold().await;
    }
    let run = mover.imports(&[]).await;
    assert_eq!(run.report.lines().count(), 1, "{}", run.report);
    mover.school.laws_hold().await;
    everything_is_as_it_was_there(&mover).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_imports_at_once_are_one_import() {
    let mover = Mover::with(&[AWKWARD]).await;
    let (one, other) = tokio::join!(mover.imports(&[]), mover.imports(&[]));
    for run in [one, other] {
        assert!(run.said.contains("12 rows:") && run.said.contains("7 not imported."), "{}", run.said);
    }
    assert_eq!(mover.school.count("bookings").await, 5);
    mover.school.laws_hold().await;
}
