//! A server that stops while commands are under way.

use std::pin::pin;
use std::time::Duration;

use futures::poll;
use surehold::desk::{Desk, DeskOptions};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::School;
use crate::support::school::{book, request, store_on};

/// A runtime that ends drops what it runs, and at once what is spawned then: that must not wait for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_ends_with_one_command_in_flight_and_one_in_the_queue() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 10).await;
    let students = school.students(2, "cs_credits").await;
    let owner = school.db.owner().await;
    owner.batch_execute("BEGIN").await.unwrap();
    owner.execute("SELECT 1 FROM slots WHERE id = $1 FOR UPDATE", &[&session]).await.unwrap();

    let (url, org_id) = (school.db.url.clone(), school.org_id);
    let (is_in_flight, in_flight) = oneshot::channel();
    let (has_ended, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let desk = Desk::new(store_on(&url), DeskOptions::default());
            let mut first = pin!(desk.submit(org_id, request(book(students[0], session))));
            assert!(poll!(first.as_mut()).is_pending());
            in_flight.await.unwrap();
            let mut second = pin!(desk.submit(org_id, request(book(students[1], session))));
            assert!(poll!(second.as_mut()).is_pending());
        });
        drop(runtime);
        let _ = has_ended.send(());
    });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while school.number(waits).await == 0 {
        tokio::task::yield_now().await;
    }
    is_in_flight.send(()).unwrap();

    timeout(Duration::from_secs(30), ended).await.expect("the runtime ends").unwrap();
    owner.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(school.taken(session).await, 0);
    school.laws_hold().await;
}
