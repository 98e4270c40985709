//! Trips and money when the connection or the server fails.

use futures::future::join_all;
use surehold::desk::DeskError;
use surehold_core::rows::PaymentStatus;
use uuid::Uuid;

use crate::support::Marketplace;
use crate::support::cut::{Cut, Wire, kill_connections};
use crate::support::marketplace::{from_stripe, hold, paid, payment};
use crate::support::school::is_refused;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_whose_commit_is_cut_off_are_made_once() {
    for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
        let market = Marketplace::open().await;
        let wire = Wire::to(&market.db.socket_dir, cut).await;
        let desk = market.server_behind(&wire);
        let slots = market.slots(3, 8).await;

        wire.cut_next(1);
        let results = join_all((0..12).map(|_| market.hold_at(&desk, hold(Uuid::now_v7(), &slots)))).await;

        assert_eq!(wire.cuts_made(), 1, "{cut:?}");
        let trips: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
        assert_eq!(trips.len(), 8, "{cut:?}: {results:?}");
        assert_eq!(results.iter().filter(|r| is_refused(r, "INSUFFICIENT_AVAILABILITY")).count(), 4, "{cut:?}");
        for trip in trips {
            assert_eq!(market.statuses(trip).await, [("pending_payment".to_owned(), 3)].into(), "{cut:?}");
        }
        assert_eq!(market.count("payments").await, 8, "{cut:?}");
        market.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_whose_commit_is_cut_off_is_made_once() {
    for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
        let market = Marketplace::open().await;
        let wire = Wire::to(&market.db.socket_dir, cut).await;
        let desk = market.server_behind(&wire);
        let slots = market.slots(2, 5).await;
        let trips =
            [market.hold(Uuid::now_v7(), &slots).await.unwrap(), market.hold(Uuid::now_v7(), &slots).await.unwrap()];

        wire.cut_next(1);
        let saved = market.settle_at(&desk, &trips[0]).await.unwrap();
        assert!(saved.changed && saved.status == PaymentStatus::Succeeded, "{cut:?}");
        assert_eq!(wire.cuts_made(), 1, "{cut:?}");

        wire.cut_next(1);
        let answer = desk.submit(market.org_id, from_stripe("evt_1", paid(&trips[1]))).await.unwrap();
        assert!(!answer.replayed, "{cut:?}: it is this event's own work");
        assert!(payment(Ok(answer)).unwrap().changed, "{cut:?}");
        assert_eq!(wire.cuts_made(), 2, "{cut:?}");

        for trip in &trips {
            assert_eq!(market.statuses(trip).await, [("confirmed".to_owned(), 2)].into(), "{cut:?}");
        }
        assert_eq!(market.count("stripe_events").await, 1, "{cut:?}");
        assert_eq!(market.count("journal WHERE event = 'booking.confirmed'").await, 4, "{cut:?}");
        market.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_hold_whose_commit_is_cut_off_comes_once() {
    for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
        let market = Marketplace::open().await;
        let wire = Wire::to(&market.db.socket_dir, cut).await;
        let desk = market.server_behind(&wire);
        let slots = market.slots(2, 1).await;
        let due = market.hold(Uuid::now_v7(), &slots).await.unwrap();
        market.is_due(&due).await;

        wire.cut_next(1);
        let next = market.hold_at(&desk, hold(Uuid::now_v7(), &slots)).await.unwrap();

        assert_eq!(wire.cuts_made(), 1, "{cut:?}");
        assert_eq!(market.statuses(&due).await, [("expired".to_owned(), 2)].into(), "{cut:?}");
        assert_eq!(market.statuses(&next).await, [("pending_payment".to_owned(), 2)].into(), "{cut:?}");
        assert_eq!(market.count("journal WHERE event = 'booking.expired'").await, 2, "{cut:?}");
        market.laws_hold().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_lose_no_trip_and_no_money() {
    let market = Marketplace::open().await;
    let slots = market.slots(3, 40).await;
    let owner = market.db.owner().await;
    let lives = join_all((0..60).map(|i| {
        let mut items = slots.clone();
        items.rotate_left(i % 3);
        let market = &market;
        async move {
            let trip = market.hold(Uuid::now_v7(), &items).await?;
            market.settle(&trip).await.map(|_| trip)
        }
    }));
    let ((), results) = futures::join!(kill_connections(&owner, 30), lives);

    for result in &results {
        match result {
            Ok(trip) => assert_eq!(market.statuses(trip).await, [("confirmed".to_owned(), 3)].into()),
            Err(DeskError::Refused(no)) => assert_eq!(no.code(), "INSUFFICIENT_AVAILABILITY"),
            Err(DeskError::DatabaseUnavailable | DeskError::OutcomeUnknown { .. } | DeskError::Overloaded) => {}
            Err(other) => panic!("unexpected {other:?}"),
        }
    }
    market.laws_hold().await;
    // And it works again.
    market.settle(&market.hold(Uuid::now_v7(), &market.slots(1, 1).await).await.unwrap()).await.unwrap();
}
