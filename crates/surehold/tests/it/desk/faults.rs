//! The connection, the server and other sessions at their worst.

use std::time::Duration;

use futures::future::join_all;
use surehold::desk::{DeskError, DeskOptions};
use surehold::store::constraints::{Failure, classify};

use crate::support::School;
use crate::support::cut::{Cut, Wire, kill_connections};
use crate::support::school::{book, booked, is_refused, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_found_and_not_repeated() {
    for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
        let school = School::open().await;
        let wire = Wire::to(&school.db.socket_dir, cut).await;
        let desk = school.server_behind(&wire);
        let session = school.session("Clinical Skills", 30).await;
        let students = school.students(40, "cs_credits").await;

        wire.cut_next(1);
        let results = join_all(students.iter().map(|s| desk.submit(school.org_id, request(book(*s, session))))).await;

        assert_eq!(wire.cuts_made(), 1, "{cut:?}");
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 30, "{cut:?}");
        assert!(results.iter().filter_map(|r| r.as_ref().ok()).all(|outcome| !outcome.replayed), "{cut:?}");
        assert_eq!(results.iter().filter(|r| is_refused(r, "EXAM_FULL")).count(), 10, "{cut:?}");
        for result in results.into_iter().filter(Result::is_ok) {
            let id = booked(result).unwrap().booking_id;
            assert_eq!(school.count(&format!("bookings WHERE id = '{id}'")).await, 1);
        }
        school.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_it_cannot_be_found_out_the_caller_gets_the_key_to_ask_again() {
    let school = School::open().await;
    let wire = Wire::to(&school.db.socket_dir, Cut::AfterCommit).await;
    let desk = school.server_behind(&wire);
    let session = school.session("Clinical Skills", 30).await;
    let student = school.student("1500007", &[("cs_credits", 1)]).await;

    // The first COMMIT goes through unanswered; every try to find out is cut off as well.
    wire.cut_next(1);
    let answer = {
        let attempt = tokio::spawn({
            let (desk, org_id) = (desk.clone(), school.org_id);
            async move { desk.submit(org_id, request(book(student, session))).await }
        });
        while wire.cuts_made() == 0 {
            tokio::task::yield_now().await;
        }
        std::fs::remove_file(wire.socket_dir.join(".s.PGSQL.5432")).unwrap();
        attempt.await.unwrap()
    };

    // It may have found out before the way was gone; else it says so, with the key.
    match answer {
        Ok(outcome) => assert!(!outcome.replayed),
        Err(DeskError::OutcomeUnknown { key }) => {
            let keyed = crate::support::school::with_key(&key, book(student, session));
            let outcome = school.desk.submit(school.org_id, keyed).await.unwrap();
            assert!(outcome.replayed, "the lost COMMIT had gone through");
        }
        other => panic!("unexpected {other:?}"),
    }
    assert_eq!(school.balance(student, "cs_credits").await, 0);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_lose_nothing() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 100).await;
    let students = school.students(300, "cs_credits").await;
    let owner = school.db.owner().await;

    let bookings = join_all(students.iter().map(|student| school.book(*student, session)));
    let ((), results) = futures::join!(kill_connections(&owner, 40), bookings);

    let acknowledged: Vec<_> = results.iter().filter_map(|r| r.as_ref().ok()).collect();
    for booking in &acknowledged {
        let sql = format!("SELECT count(*) FROM bookings WHERE id = '{}'", booking.booking_id);
        assert_eq!(school.number(&sql).await, 1, "an acknowledged booking exists");
    }
    for (student, result) in students.iter().zip(&results) {
        if is_refused(result, "EXAM_FULL") || *result == Err(DeskError::DatabaseUnavailable) {
            assert_eq!(school.balance(*student, "cs_credits").await, 1, "a definite no cost nothing");
        }
    }
    assert!(school.taken(session).await <= 100);
    school.laws_hold().await;
    // And it works again.
    let late = school.student("LATE", &[("sj_credits", 1)]).await;
    let other = school.session("Situational Judgment", 1).await;
    school.book(late, other).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_holds_delays_only_its_own_commands() {
    let school = School::open().await;
    let held = school.session("Clinical Skills", 10).await;
    let free = school.session("Situational Judgment", 10).await;
    let ann = school.student("ANN", &[("cs_credits", 1)]).await;
    let bob = school.student("BOB", &[("sj_credits", 1)]).await;
    let owner = school.somebody_locks("slots", held).await;

    let (hers, his) = futures::join!(school.book(ann, held), school.book(bob, free));

    assert_eq!(hers, Err(DeskError::Overloaded));
    assert!(his.is_ok(), "{his:?}");
    owner.batch_execute("ROLLBACK").await.unwrap();
    school.book(ann, held).await.expect("free again");
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_that_somebody_holds_delays_only_its_own_commands() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 10).await;
    let students = school.students(6, "cs_credits").await;
    let owner = school.somebody_locks("contacts", students[2]).await;

    let results = join_all(students.iter().map(|student| school.book(*student, session))).await;

    for (student, result) in students.iter().zip(results) {
        if *student == students[2] {
            assert_eq!(result, Err(DeskError::Overloaded));
        } else {
            assert!(result.is_ok(), "{result:?}");
        }
    }
    owner.batch_execute("ROLLBACK").await.unwrap();
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_told_from_a_slow_holder() {
    let school = School::open().await;
    let (one, two) = (school.session("Clinical Skills", 1).await, school.session("Clinical Skills", 1).await);
    let (a, b) = (school.store.command().await.unwrap(), school.store.command().await.unwrap());
    let lock = |slot| format!("SELECT 1 FROM slots WHERE id = '{slot}' FOR NO KEY UPDATE");
    for (client, slot) in [(&a, one), (&b, two)] {
        client.batch_execute(&format!("BEGIN; {}", lock(slot))).await.unwrap();
    }

    // Each waits for the other's row: one of them is ended, so that the other can go on.
    let (lock_one, lock_two) = (lock(one), lock(two));
    let (end_a, end_b) = futures::join!(a.batch_execute(&lock_two), b.batch_execute(&lock_one));

    let failures: Vec<_> = [end_a, end_b].into_iter().filter_map(Result::err).map(|e| classify(&e)).collect();
    assert_eq!(failures, [Failure::RunAgain]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_read_fails_only_its_own_commands_and_leaves_no_lock() {
    let school = School::open().await;
    let broken = school.session("Clinical Skills", 10).await;
    let sound = school.session("Situational Judgment", 10).await;
    let ann = school.student("ANN", &[("cs_credits", 1)]).await;
    let bob = school.student("BOB", &[("sj_credits", 1)]).await;
    let owner = school.db.owner().await;
    // PostgreSQL has an instant that no clock shows.
    owner.execute("UPDATE slots SET activates_at = 'infinity' WHERE id = $1", &[&broken]).await.unwrap();

    let (hers, his) = futures::join!(school.book(ann, broken), school.book(bob, sound));

    assert_eq!(hers, Err(DeskError::Internal));
    assert!(his.is_ok(), "{his:?}");
    // Nobody holds the row any more, and the queue goes on.
    owner.batch_execute("SET lock_timeout = '500ms'").await.unwrap();
    owner.execute("UPDATE slots SET activates_at = NULL WHERE id = $1", &[&broken]).await.unwrap();
    school.book(ann, broken).await.expect("mended");
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_at_fault_does_not_take_others_with_it() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 30).await;
    let students = school.students(10, "cs_credits").await;
    // A row that no decision can foresee: this student's booking violates a constraint made for the test.
    let owner = school.db.owner().await;
    let unlucky = students[3];
    let constraint = format!("ALTER TABLE bookings ADD CONSTRAINT unlucky CHECK (contact_id <> '{unlucky}')");
    owner.batch_execute(&constraint).await.unwrap();

    let results = join_all(students.iter().map(|student| school.book(*student, session))).await;

    for (student, result) in students.iter().zip(results) {
        if *student == unlucky {
            assert_eq!(result, Err(DeskError::Internal));
        } else {
            assert!(result.is_ok(), "{result:?}");
        }
    }
    assert_eq!(school.balance(unlucky, "cs_credits").await, 1);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_says_so_at_once() {
    let school = School::with(DeskOptions { queue_max: 5, ..DeskOptions::default() }).await;
    let session = school.session("Clinical Skills", 30).await;
    let mut students = Vec::new();
    for i in 0..12 {
        students.push(school.student(&format!("Q{i}"), &[("cs_credits", 1)]).await);
    }
    let owner = school.somebody_locks("slots", session).await;

    let mut waiting: Vec<_> = students.iter().map(|student| Box::pin(school.book(*student, session))).collect();
    // Poll each once: the first five queue up, the others are told at once.
    let mut told = 0;
    for call in &mut waiting {
        if let Some(result) = futures::FutureExt::now_or_never(call.as_mut()) {
            assert_eq!(result, Err(DeskError::Overloaded));
            told += 1;
        }
    }
    assert_eq!(told, 7);
    owner.batch_execute("ROLLBACK").await.unwrap();
    let served = tokio::time::timeout(Duration::from_secs(30), join_all(waiting.into_iter().take(5))).await.unwrap();
    assert!(served.iter().all(Result::is_ok), "{served:?}");
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversell_that_a_bug_would_cause_is_stopped_by_the_database() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 1).await;
    let owner = school.db.owner().await;
    for sql in [
        "UPDATE slots SET taken = capacity + 1 WHERE id = $1",
        "UPDATE slots SET taken = -1 WHERE id = $1",
        "UPDATE slots SET withheld = 1, taken = 1 WHERE id = $1",
    ] {
        let error = owner.execute(sql, &[&session]).await.unwrap_err();
        assert_eq!(error.as_db_error().unwrap().constraint(), Some("slots_seats"), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_role_cannot_rewrite_history() {
    let school = School::open().await;
    school.student("1500007", &[("cs_credits", 1)]).await;
    let client = school.store.read().await.unwrap();
    for sql in [
        "UPDATE journal SET event = 'x'",
        "DELETE FROM journal",
        "UPDATE credit_entries SET delta = 5",
        "DELETE FROM credit_entries",
        "TRUNCATE journal",
        "DELETE FROM bookings",
    ] {
        let error = client.batch_execute(sql).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{sql}");
    }
}
