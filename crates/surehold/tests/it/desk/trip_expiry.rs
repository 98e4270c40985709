//! Holds that have come to their end: whoever touches their slots frees their seats, and a worker the rest.

use futures::future::join_all;
use surehold::desk::{DeskError, expire_hold};
use surehold::workers::expired_holds::expire_once;
use surehold_core::command::*;
use surehold_core::rows::PaymentStatus;
use uuid::Uuid;

use crate::support::Marketplace;
use crate::support::marketplace::hold;
use crate::support::school::{book, is_refused, request};

/// Somebody holds the only seat of each slot, and the hold is due.
async fn all_seats_are_due(count: usize) -> (Marketplace, Vec<Uuid>, surehold_core::outcome::TripHeld) {
    let market = Marketplace::open().await;
    let slots = market.slots(count, 1).await;
    let trip = market.hold(Uuid::now_v7(), &slots).await.unwrap();
    assert!(is_refused(&market.hold(Uuid::now_v7(), &slots[..1]).await, "INSUFFICIENT_AVAILABILITY"));
    market.is_due(&trip).await;
    (market, slots, trip)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_travellers_hold_frees_what_is_due_at_once() {
    let (market, slots, trip) = all_seats_are_due(3).await;
    // Only one of the slots is wanted: the others are freed with it.
    market.hold(Uuid::now_v7(), &slots[1..2]).await.expect("the seat is free");
    assert_eq!(market.statuses(&trip).await, [("expired".to_owned(), 3)].into());
    assert_eq!(market.status(trip.payment_id).await, "failed");
    let seats = join_all(slots.iter().map(|slot| market.seats(*slot))).await;
    assert_eq!(seats, [(0, 0), (0, 1), (0, 0)]);
    let by = "SELECT count(*) FROM journal WHERE event = 'booking.expired' AND principal = 'system:expiry'";
    assert_eq!(market.number(by).await, 3);
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_booking_frees_what_is_due_though_the_slot_is_remembered_as_full() {
    let (market, slots, trip) = all_seats_are_due(2).await;
    // The desk remembers the slot as full, from before the hold was due.
    market.db.owner().await.execute("UPDATE bookings SET expires_at = now() + interval '1 h'", &[]).await.unwrap();
    let as_exam = |slot| match book(Uuid::nil(), slot) {
        Command::Book(book) => book,
        _ => unreachable!("a booking"),
    };
    let ann = market.student("ANN", &[]).await;
    let plain = || Command::Book(Book { contact_id: ann, pay: Pay::Override, ..as_exam(slots[0]) });
    assert!(is_refused(&market.submit(plain()).await, "EXAM_FULL"));
    assert!(is_refused(&market.submit(plain()).await, "EXAM_FULL"));
    market.is_due(&trip).await;

    market.submit(plain()).await.expect("the seat is free");
    assert_eq!(market.statuses(&trip).await, [("expired".to_owned(), 2)].into());
    assert_eq!(market.seats(slots[0]).await, (1, 0));
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_frees_what_nobody_touches() {
    let (market, slots, trip) = all_seats_are_due(2).await;
    let waits = market.hold(Uuid::now_v7(), &market.slots(1, 1).await).await.unwrap();
    let other = market.second_server();
    let (a, b) = futures::join!(expire_once(&market.store, &market.desk), expire_once(&market.store, &other));
    assert!(a.unwrap() + b.unwrap() >= 1);
    assert_eq!(market.status(trip.payment_id).await, "failed");
    assert_eq!(market.status(waits.payment_id).await, "pending", "it is not due yet");
    assert_eq!(market.seats(slots[0]).await, (0, 0));
    assert_eq!(expire_once(&market.store, &market.desk).await.unwrap(), 0);
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_due_holds_over_the_same_slots_are_freed_by_many_travellers_at_once() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    let slots = market.slots(4, 6).await;
    let mut due = Vec::new();
    for i in 0..6 {
        let mut items = slots.clone();
        items.rotate_left(i % 4);
        due.push(market.hold(Uuid::now_v7(), &items).await.unwrap());
    }
    for trip in &due {
        market.is_due(trip).await;
    }
    let results = join_all((0..12).map(|i| {
        let desk = if i % 2 == 0 { &market.desk } else { &other };
        market.hold_at(desk, hold(Uuid::now_v7(), &[slots[i % 4], slots[(i + 1) % 4]]))
    }))
    .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let seats = join_all(slots.iter().map(|slot| market.seats(*slot))).await;
    assert_eq!(seats, [(0, 6); 4]);
    market.laws_hold().await;
}

/// Who wants a free seat does not wait for a slot of somebody else's trip.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_due_hold_whose_other_slot_is_locked_does_not_stand_in_the_way() {
    let market = Marketplace::open().await;
    let slots = market.slots(2, 2).await;
    let trip = market.hold(Uuid::now_v7(), &slots).await.unwrap();
    market.is_due(&trip).await;
    let somebody = market.somebody_locks("slots", slots[1]).await;

    // One seat is free anyway; the one that is due has to wait for its trip.
    market.hold(Uuid::now_v7(), &slots[..1]).await.expect("a free seat");
    assert_eq!(market.seats(slots[0]).await, (0, 2));
    let no = market.hold(Uuid::now_v7(), &slots[..1]).await;
    assert!(is_refused(&no, "INSUFFICIENT_AVAILABILITY") || no == Err(DeskError::Overloaded), "{no:?}");

    somebody.batch_execute("ROLLBACK").await.unwrap();
    market.hold(Uuid::now_v7(), &slots[..1]).await.expect("now it is free");
    assert_eq!(market.statuses(&trip).await, [("expired".to_owned(), 2)].into());
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_and_the_end_of_its_hold_at_once_confirm_it_or_send_the_money_back() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    for _ in 0..12 {
        let slots = market.slots(2, 1).await;
        let trip = market.hold(Uuid::now_v7(), &slots).await.unwrap();
        market.is_due(&trip).await;
        let (paid, ended, hers) = futures::join!(
            market.settle_at(&market.desk, &trip),
            other.submit(market.org_id, request(expire_hold(trip.payment_id).command)),
            market.hold_at(&other, hold(Uuid::now_v7(), &slots[..1])),
        );
        ended.expect("it is answered");
        let paid = paid.expect("it is answered");
        assert!(paid.changed);
        let seats = market.seats(slots[0]).await;
        match paid.status {
            PaymentStatus::Succeeded => {
                assert_eq!(market.statuses(&trip).await, [("confirmed".to_owned(), 2)].into());
                assert!(is_refused(&hers, "INSUFFICIENT_AVAILABILITY"), "{hers:?}");
                assert_eq!(seats, (1, 0));
            }
            PaymentStatus::Refunding => {
                assert_eq!(market.statuses(&trip).await, [("expired".to_owned(), 2)].into());
                hers.expect("her hold was the reason");
                let back =
                    format!("SELECT sum(amount_minor)::bigint FROM refunds WHERE payment_id = '{}'", trip.payment_id);
                assert_eq!((seats, market.number(&back).await), ((0, 1), 10_000));
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_in_time_is_worth_more_than_an_end_that_is_not_due() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    let slots = market.slots(2, 1).await;
    let trip = market.hold(Uuid::now_v7(), &slots).await.unwrap();
    let (paid, ended) = futures::join!(
        market.settle_at(&market.desk, &trip),
        other.submit(market.org_id, expire_hold(trip.payment_id))
    );
    ended.expect("it is answered");
    assert_eq!(paid.unwrap().status, PaymentStatus::Succeeded);
    assert_eq!(market.statuses(&trip).await, [("confirmed".to_owned(), 2)].into());
    market.laws_hold().await;
}
