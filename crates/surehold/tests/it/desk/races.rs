//! Many callers for few seats.

use futures::future::join_all;
use surehold_core::Refusal;
use surehold_core::command::{Command, RefundCredit};

use crate::support::School;
use crate::support::school::{booked, is_refused, refusal, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_callers_for_one_seat_exactly_one_gets_it() {
    for school in [School::open().await, School::one_by_one().await] {
        let session = school.session("Clinical Skills", 1).await;
        let students = school.students(10, "cs_credits").await;

        let results = join_all(students.iter().map(|student| school.book(*student, session))).await;

        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
        assert_eq!(results.iter().filter(|r| is_refused(r, "EXAM_FULL")).count(), 9);
        assert_eq!(school.taken(session).await, 1);
        for (student, result) in students.iter().zip(&results) {
            let left = if result.is_ok() { 0 } else { 1 };
            assert_eq!(school.balance(*student, "cs_credits").await, left);
        }
        school.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_for_seven_seats() {
    let school = School::open().await;
    let session = school.session("Situational Judgment", 7).await;
    let students = school.students(200, "sj_credits").await;

    let results = join_all(students.iter().map(|student| school.book(*student, session))).await;

    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 7);
    assert_eq!(results.iter().filter(|r| is_refused(r, "EXAM_FULL")).count(), 193);
    assert_eq!(school.number("SELECT sum(amount)::bigint FROM credit_balances").await, 193);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_server_processes_share_the_seats() {
    let school = School::open().await;
    let other = school.second_server();
    let session = school.session("Clinical Skills", 25).await;
    let students = school.students(100, "cs_credits").await;

    let results = join_all(students.iter().enumerate().map(|(i, student)| {
        let desk = if i % 2 == 0 { &school.desk } else { &other };
        let command = crate::support::school::book(*student, session);
        async move { booked(desk.submit(school.org_id, request(command)).await) }
    }))
    .await;

    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 25);
    assert_eq!(results.iter().filter(|r| is_refused(r, "EXAM_FULL")).count(), 75);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sold_out_session_refuses_without_writing() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 1).await;
    let students = school.students(60, "cs_credits").await;
    school.book(students[0], session).await.expect("the only seat");
    assert_eq!(refusal(school.book(students[1], session).await), Refusal::Full { requested: 1, available: 0 });

    let wal = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint";
    let locks = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
    let before = (school.number(wal).await, school.number(locks).await);
    let results = join_all(students[1..].iter().map(|student| school.book(*student, session))).await;
    let written = school.number(wal).await - before.0;

    assert!(results.iter().all(|r| is_refused(r, "EXAM_FULL")));
    // Other tests share the server's WAL, so this is a bound, not zero: 59 row locks alone would write as much.
    assert!(written < 2_000_000, "{written} bytes of WAL");
    // A seat that comes back is found at once, though the desk remembers the session as full.
    let booking = school.count("bookings").await;
    assert_eq!(booking, 1);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_that_comes_back_can_be_booked_at_once() {
    let school = School::open().await;
    let session = school.session("Clinical Skills", 1).await;
    let (ann, bob) =
        (school.student("ANN", &[("cs_credits", 1)]).await, school.student("BOB", &[("cs_credits", 1)]).await);
    let hers = school.book(ann, session).await.unwrap();
    assert!(is_refused(&school.book(bob, session).await, "EXAM_FULL"));

    school.cancel(hers.booking_id).await.unwrap();

    school.book(bob, session).await.expect("the seat is free again");
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_02_two_bookings_at_once_cost_two_credits() {
    let school = School::open().await;
    let student = school.student("1500007", &[("cs_credits", 2)]).await;
    let days = [jiff::civil::date(2030, 5, 4), jiff::civil::date(2030, 5, 5), jiff::civil::date(2030, 5, 6)];
    let mut sessions = Vec::new();
    for day in days {
        sessions.push(school.session_on("Clinical Skills", 10, day).await);
    }

    let results = join_all(sessions.iter().map(|session| school.book(student, *session))).await;

    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 2);
    assert_eq!(results.iter().filter(|r| is_refused(r, "INSUFFICIENT_CREDITS")).count(), 1);
    assert_eq!(school.balance(student, "cs_credits").await, 0);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a8_06_however_cancel_and_refund_race_the_credit_comes_back_once() {
    let school = School::open().await;
    let other = school.second_server();
    let session = school.session("Clinical Skills", 10).await;
    let student = school.student("1500007", &[("cs_credits", 1)]).await;
    let booking = school.book(student, session).await.unwrap().booking_id;

    let refund = || Command::RefundCredit(RefundCredit { booking_id: booking, kind: None });
    let commands: Vec<Command> = (0..10).flat_map(|_| [crate::support::school::cancel(booking), refund()]).collect();
    join_all(commands.into_iter().enumerate().map(|(i, command)| {
        let desk = if i % 2 == 0 { &school.desk } else { &other };
        desk.submit(school.org_id, request(command))
    }))
    .await;

    assert_eq!(school.balance(student, "cs_credits").await, 1);
    assert_eq!(school.count("credit_entries WHERE reason = 'return'").await, 1);
    school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_booking_per_day_and_type_even_when_both_are_asked_at_once() {
    let school = School::open().await;
    let other = school.second_server();
    let student = school.student("1500007", &[("cs_credits", 5)]).await;
    let morning = school.session("Clinical Skills", 10).await;
    let evening = school.session("Clinical Skills", 10).await;

    let book = |slot| request(crate::support::school::book(student, slot));
    let (a, b) =
        futures::join!(school.desk.submit(school.org_id, book(morning)), other.submit(school.org_id, book(evening)),);

    assert_eq!([&a, &b].iter().filter(|r| r.is_ok()).count(), 1, "{a:?} {b:?}");
    assert_eq!([&a, &b].iter().filter(|r| is_refused(r, "DUPLICATE_BOOKING")).count(), 1);
    school.laws_hold().await;
}
