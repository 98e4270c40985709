//! What is committed is in the counters soon.

use surehold::desk::ChangedSlots;
use surehold_core::Command;
use surehold_core::command::Withhold;

use super::{CountedSchool, FOLLOWING, SWEEPING};
use crate::support::school::{book, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_follows_bookings_and_cancellations() {
    let counted = CountedSchool::open(FOLLOWING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.reads(session, 0).await;
    let ann = counted.books("ANN", session).await;
    counted.reads(session, 1).await;
    counted.books("BOB", session).await;
    counted.reads(session, 2).await;
    counted.school.cancel(ann).await.unwrap();
    counted.reads(session, 1).await;
}

/// Whoever computes what is free from the capacity and the counter is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_that_an_operator_keeps_back_count() {
    let counted = CountedSchool::open(FOLLOWING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.books("ANN", session).await;
    let withhold = Withhold { slot_id: session, seats: 3, reason: None, on_sale_only: false };
    counted.school.submit(Command::Withhold(withhold)).await.unwrap();
    counted.reads(session, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_know_a_session_by_hubspots_number_read_the_same() {
    let counted = CountedSchool::open(FOLLOWING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.is_linked(session, "7004").await;
    counted.books("ANN", session).await;
    counted.reads("7004", 1).await;
    counted.reads(session, 1).await;
}

/// A number that HubSpot gives later is no change of the session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_hubspot_gives_later_gets_its_counter() {
    let counted = CountedSchool::open(SWEEPING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.books("ANN", session).await;
    counted.reads(session, 1).await;
    let aged = "UPDATE slots SET updated_at = now() - interval '1 day'";
    counted.school.db.owner().await.batch_execute(aged).await.unwrap();
    counted.is_linked(session, "7004").await;
    counted.reads("7004", 1).await;
}

/// Each server tells Redis what it read itself; a slow one has older numbers to tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_end_at_the_same_number() {
    let mut counted = CountedSchool::open(FOLLOWING).await;
    let changed_slots = ChangedSlots::default();
    counted.is_kept(&changed_slots, FOLLOWING);
    let other = counted.school.second_server_noting(&changed_slots);
    let session = counted.school.session("Clinical Skills", 40).await;
    let students = counted.school.students(40, "cs_credits").await;
    let bookings = students.iter().enumerate().map(|(i, student)| {
        let desk = if i % 2 == 0 { &counted.school.desk } else { &other };
        desk.submit(counted.school.org_id, request(book(*student, session)))
    });
    for booked in futures::future::join_all(bookings).await {
        booked.unwrap();
    }
    counted.reads(session, 40).await;
}

/// What a tool changes, or a server whose commit was in doubt, is not told by anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_nobody_told_of_is_found() {
    let counted = CountedSchool::open(SWEEPING).await;
    let session = counted.school.session("Clinical Skills", 5).await;
    counted.books("ANN", session).await;
    counted.reads(session, 1).await;
}
