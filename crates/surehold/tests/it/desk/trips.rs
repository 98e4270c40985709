//! Trips at once: many travellers for few seats, many slots in any order, several servers.

use std::collections::BTreeSet;

use futures::future::join_all;
use surehold::desk::DeskError;
use surehold_core::command::*;
use surehold_core::rows::PaymentStatus;
use surehold_core::{Answer, Refusal};
use uuid::Uuid;

use crate::support::Marketplace;
use crate::support::marketplace::{at_price, from_stripe, held, hold, paid, payment, record};
use crate::support::school::{cancel, is_refused, refusal, request};

fn travellers(count: usize) -> Vec<Uuid> {
    (0..count).map(|_| Uuid::now_v7()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trip_is_held_paid_and_booked() {
    for market in [Marketplace::open().await, Marketplace::one_by_one().await] {
        let slots = market.slots(3, 5).await;
        let ann = Uuid::now_v7();

        let trip = market.hold(ann, &slots).await.unwrap();
        assert_eq!(trip.bookings.len(), 3);
        assert!(trip.bookings.iter().all(|booking| booking.reference.starts_with("PL-")));
        assert_eq!(market.seats(slots[0]).await, (0, 1));
        market.laws_hold().await;

        assert_eq!(market.settle(&trip).await.unwrap().status, PaymentStatus::Succeeded);
        assert_eq!(market.statuses(&trip).await, [("confirmed".to_owned(), 3)].into());
        assert_eq!(market.seats(slots[2]).await, (1, 0));
        market.laws_hold().await;

        // One is given up; Stripe sends its money back.
        let cancelled = market.cancel(trip.bookings[1].id).await.unwrap();
        let refund = cancelled.refund.expect("a refund");
        let seen = SeenRefund {
            stripe_refund_id: "re_1".to_owned(),
            refund_id: Some(refund.refund_id),
            amount_minor: 5000,
            status: surehold_core::rows::RefundStatus::Succeeded,
        };
        let see = SeeRefunds { payment_id: trip.payment_id, refunds: vec![seen] };
        market.submit(Command::SeeRefunds(see)).await.unwrap();
        assert_eq!(market.status(trip.payment_id).await, "partially_refunded");
        market.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_a_payment_and_its_refund_is_kept() {
    let market = Marketplace::open().await;
    let slots = market.slots(1, 5).await;
    let own_price = ChangeSlot { slot_id: slots[0], price_minor: Some(Some(1250)), ..ChangeSlot::default() };
    market.submit(Command::ChangeSlot(own_price)).await.unwrap();
    let trip = market.hold(Uuid::now_v7(), &slots).await.unwrap();
    assert_eq!(trip.amount_minor, 1250);
    let (payment_id, session) = (trip.payment_id, "cs_test_1".to_owned());
    let url = Some("https://stripe.example/pay".to_owned());
    market.submit(Command::AttachCheckout(AttachCheckout { payment_id, session_id: session, url })).await.unwrap();
    let intent = Some("pi_0".to_owned());
    let awaits = AwaitPayment { payment_id, session_id: None, stripe_payment_intent: intent };
    market.submit(Command::AwaitPayment(awaits)).await.unwrap();
    assert_eq!(market.count("payments WHERE processing_since IS NOT NULL").await, 1);
    market.settle(&trip).await.unwrap();
    let (flag, dispute) = (Some("DISPUTE".to_owned()), Some("dp_1".to_owned()));
    let flag = FlagPayment { payment_id, flag, stripe_dispute_id: dispute };
    market.submit(Command::FlagPayment(flag)).await.unwrap();
    let refund_id = market.cancel(trip.bookings[0].id).await.unwrap().refund.expect("a refund").refund_id;
    let refused = FailRefund { payment_id, refund_id, problem: "it is disputed".to_owned() };
    market.submit(Command::FailRefund(refused)).await.unwrap();

    let kept = format!(
        "SELECT count(*) FROM payments WHERE id = '{payment_id}' AND stripe_session_id = 'cs_test_1'
            AND checkout_url = 'https://stripe.example/pay' AND stripe_payment_intent = 'pi_{}'
            AND received_minor = 1250 AND received_currency = 'usd' AND flag = 'REFUND_FAILED'
            AND stripe_dispute_id = 'dp_1' AND status = 'succeeded' AND version = 6",
        payment_id.simple()
    );
    assert_eq!(market.number(&kept).await, 1);
    let kept = format!(
        "SELECT count(*) FROM refunds WHERE id = '{refund_id}' AND status = 'failed' AND problem = 'it is disputed'
            AND amount_minor = 1250 AND booking_id = '{}' AND version = 2",
        trip.bookings[0].id
    );
    assert_eq!(market.number(&kept).await, 1);
    assert_eq!(market.count("trips WHERE status = 'cancelled' AND version = 3").await, 1);
    market.laws_hold().await;
}

/// NFR-CON-01 of the seed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_travellers_for_the_last_seat_one_gets_it() {
    for market in [Marketplace::open().await, Marketplace::one_by_one().await] {
        let other = market.second_server();
        let slots = market.slots(2, 1).await;
        let last = slots[0];
        let results = join_all(travellers(10).into_iter().enumerate().map(|(i, who)| {
            let desk = if i % 2 == 0 { &market.desk } else { &other };
            market.hold_at(desk, hold(who, &[last]))
        }))
        .await;

        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for result in results.into_iter().filter(Result::is_err) {
            let no = refusal(result);
            assert!(matches!(&no, Refusal::Shortages(short) if short[0].slot_id == last && short[0].available == 0));
            assert_eq!(no.to_string(), "Slot no longer available");
        }
        assert_eq!((market.seats(last).await, market.seats(slots[1]).await), ((0, 1), (0, 0)));
        market.laws_hold().await;
    }
}

/// In the seed, slots were locked in the order of the items: two trips could wait for each other (40P01).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_1_trips_over_the_same_slots_in_any_order_never_deadlock() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    let slots = market.slots(5, 12).await;
    let lives = travellers(60).into_iter().enumerate().map(|(i, who)| {
        let (one, two) = if i % 2 == 0 { (&market.desk, &other) } else { (&other, &market.desk) };
        let items = some_of(&slots, i);
        let market = &market;
        async move {
            let trip = match market.hold_at(one, hold(who, &items)).await {
                Ok(trip) => trip,
                Err(DeskError::Refused(Refusal::Shortages(_))) => return 0,
                Err(other) => panic!("{other:?} reached a caller"),
            };
            market.settle_at(two, &trip).await.expect("it is settled");
            if i % 7 == 0 {
                for booking in trip.bookings.iter().rev() {
                    one.submit(market.org_id, request(cancel(booking.id))).await.expect("it is cancelled");
                }
                return 0;
            }
            trip.bookings.len()
        }
    });
    let booked: usize = join_all(lives).await.into_iter().sum();

    let taken = market.number("SELECT sum(taken)::bigint FROM slots").await;
    assert_eq!(Ok(taken), i64::try_from(booked));
    assert!(taken > 0);
    market.laws_hold().await;
}

/// One to five slots, each time others, in another order.
fn some_of(slots: &[Uuid], number: usize) -> Vec<Uuid> {
    let mut items = slots.to_vec();
    items.rotate_left(number % slots.len());
    if number % 2 == 1 {
        items.reverse();
    }
    items.swap(0, number / 5 % slots.len());
    items.truncate(1 + number / 2 % slots.len());
    items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_5_a_double_click_makes_one_trip_and_one_payment() {
    for trip_id in [None, Some(Uuid::now_v7())] {
        let market = Marketplace::open().await;
        let other = market.second_server();
        let slots = market.slots(3, 10).await;
        let ann = Uuid::now_v7();
        let clicks = join_all((0..8).map(|i| {
            let desk = if i % 2 == 0 { &market.desk } else { &other };
            let mut items = slots.clone();
            items.rotate_left(i % 3);
            desk.submit(market.org_id, request(Command::HoldTrip(HoldTrip { trip_id, ..hold(ann, &items) })))
        }))
        .await;

        let first = clicks.iter().filter(|click| !click.as_ref().expect("it is held").replayed).count();
        assert_eq!(first, 1);
        let trips: Vec<_> = clicks.into_iter().map(|click| held(click).unwrap()).collect();
        assert!(trips.iter().all(|trip| trip.payment_id == trips[0].payment_id && trip.trip_id == trips[0].trip_id));
        let references = |trip: &surehold_core::outcome::TripHeld| -> BTreeSet<String> {
            trip.bookings.iter().map(|booking| booking.reference.clone()).collect()
        };
        assert!(trips.iter().all(|trip| references(trip) == references(&trips[0])));
        assert_eq!(market.count("payments").await, 1);
        assert_eq!(market.count("trips").await, 1);
        assert_eq!(market.count("bookings").await, 3);
        market.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_traveller_is_put_on_the_books_once() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    for _ in 0..5 {
        let slots = market.slots(4, 10).await;
        let new = Uuid::now_v7();
        let results = join_all(slots.iter().enumerate().map(|(i, slot)| {
            let desk = if i % 2 == 0 { &market.desk } else { &other };
            market.hold_at(desk, hold(new, &[*slot]))
        }))
        .await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(market.count(&format!("contacts WHERE id = '{new}'")).await, 1);
    }
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trip_id_belongs_to_one_traveller() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    for _ in 0..5 {
        let slots = market.slots(2, 10).await;
        let trip_id = Some(Uuid::now_v7());
        let as_trip = |slot: Uuid| HoldTrip { trip_id, ..hold(Uuid::now_v7(), &[slot]) };
        let (a, b) =
            futures::join!(market.hold_at(&market.desk, as_trip(slots[0])), market.hold_at(&other, as_trip(slots[1])));
        assert_eq!([&a, &b].iter().filter(|result| result.is_ok()).count(), 1, "{a:?} {b:?}");
        assert_eq!([&a, &b].iter().filter(|result| is_refused(result, "TRIP_NOT_FOUND")).count(), 1, "{a:?} {b:?}");
    }
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trip_has_one_checkout_at_a_time() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    for _ in 0..5 {
        let slots = market.slots(2, 10).await;
        let (ann, trip_id) = (Uuid::now_v7(), Some(Uuid::now_v7()));
        let with = |slot: Uuid| HoldTrip { trip_id, ..hold(ann, &[slot]) };
        let (a, b) =
            futures::join!(market.hold_at(&market.desk, with(slots[0])), market.hold_at(&other, with(slots[1])));
        assert_eq!([&a, &b].iter().filter(|result| result.is_ok()).count(), 1, "{a:?} {b:?}");
        assert_eq!([&a, &b].iter().filter(|result| is_refused(result, "CHECKOUT_OPEN")).count(), 1, "{a:?} {b:?}");
    }
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_it_is_settled_it_is_confirmed_once() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    let slots = market.slots(3, 10).await;
    let trip = market.hold(Uuid::now_v7(), &slots).await.unwrap();
    let results =
        join_all((0..10).map(|i| market.settle_at(if i % 2 == 0 { &market.desk } else { &other }, &trip))).await;

    let saved: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert!(saved.iter().all(|payment| payment.status == PaymentStatus::Succeeded));
    assert_eq!(saved.iter().filter(|payment| payment.changed).count(), 1);
    assert_eq!(market.count("journal WHERE event = 'booking.confirmed'").await, 3);
    market.laws_hold().await;
}

/// In the original, an event was looked for and then processed: two at once were both processed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_6_an_event_on_two_servers_has_one_effect() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    let slots = market.slots(2, 10).await;
    let trip = market.hold(Uuid::now_v7(), &slots).await.unwrap();
    let results = join_all((0..8).map(|i| {
        let desk = if i % 2 == 0 { &market.desk } else { &other };
        desk.submit(market.org_id, from_stripe("evt_1", paid(&trip)))
    }))
    .await;

    assert_eq!(results.iter().filter(|result| !result.as_ref().unwrap().replayed).count(), 1);
    let saved: Vec<_> = results.into_iter().map(|result| payment(result).unwrap()).collect();
    assert!(saved.iter().all(|payment| *payment == saved[0] && payment.changed));
    assert_eq!(market.count("stripe_events").await, 1);
    let caused = "SELECT count(*) FROM journal WHERE stripe_event_id = 'evt_1'";
    assert_eq!(market.number(caused).await, 4, "payment, two bookings, trip");

    // Another event for the same fact is kept, and changes nothing.
    let again = market.desk.submit(market.org_id, from_stripe("evt_2", paid(&trip))).await;
    assert!(!payment(again).unwrap().changed);
    assert_eq!(market.count("stripe_events").await, 2);
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_recorded_once_and_pays_for_one_trip() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    let slots = market.slots(4, 10).await;
    let ann = Uuid::now_v7();
    let record = |contact_id| request(Command::RecordPayment(record(contact_id, "till 7", 10_000)));
    let results = join_all((0..6).map(|i| {
        let desk = if i % 2 == 0 { &market.desk } else { &other };
        desk.submit(market.org_id, record(ann))
    }))
    .await;
    let saved: Vec<_> = results.into_iter().map(|result| payment(result).unwrap()).collect();
    assert_eq!(saved.iter().filter(|payment| payment.changed).count(), 1);
    let no = market.desk.submit(market.org_id, record(Uuid::now_v7())).await;
    assert!(is_refused(&no, "VALIDATION_ERROR"), "{no:?}");

    let book = |slots: &[Uuid]| {
        let items = hold(ann, slots).items;
        let trip_id = Uuid::now_v7();
        request(Command::BookTrip(BookTrip { payment_id: saved[0].payment_id, trip_id, contact_id: ann, items }))
    };
    let (a, b) = futures::join!(
        market.desk.submit(market.org_id, book(&slots[..2])),
        other.submit(market.org_id, book(&slots[2..]))
    );
    assert_eq!([&a, &b].iter().filter(|r| matches!(r, Ok(o) if matches!(o.answer, Answer::TripBooked(_)))).count(), 1);
    assert_eq!([&a, &b].iter().filter(|result| is_refused(result, "PAYMENT_USED")).count(), 1, "{a:?} {b:?}");
    market.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_given_to_one_experience() {
    let market = Marketplace::open().await;
    let other = market.second_server();
    let add =
        || Command::AddOffering(AddOffering { id: None, name: "Boat".to_owned(), terms: OfferingTerms::default() });
    let results = join_all((0..6).map(|i| {
        let desk = if i % 2 == 0 { &market.desk } else { &other };
        desk.submit(market.org_id, request(add()))
    }))
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| is_refused(result, "EXPERIENCE_EXISTS")).count(), 5);

    // An edit of an old picture; two at once, one of them is old.
    let change = |price| {
        let (offering_id, expected_version, terms) = (market.walk, Some(1), at_price(price));
        request(Command::ChangeOffering(ChangeOffering { offering_id, expected_version, name: None, terms }))
    };
    let (a, b) = futures::join!(market.desk.submit(market.org_id, change(1)), other.submit(market.org_id, change(2)));
    assert_eq!([&a, &b].iter().filter(|result| result.is_ok()).count(), 1, "{a:?} {b:?}");
    assert_eq!([&a, &b].iter().filter(|result| is_refused(result, "VERSION_CONFLICT")).count(), 1, "{a:?} {b:?}");
    market.laws_hold().await;
}
