//! What the journal says of trips and money, and the events of Stripe's that are kept with it.

use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::ledger::RowWrite;
use surehold_core::rows::*;

use crate::marketplace::*;
use crate::world::*;

#[test]
fn each_step_of_a_trip_has_its_rows() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(5));
    let mut told = 0;
    let mut new_events = |m: &Market| {
        let events = m.events()[told..].to_vec();
        told += events.len();
        events
    };
    let trip = m.holds(ANN, &[(walk, 1), (hike, 1)]);
    assert_eq!(new_events(&m), ["trip.added", "payment.opened", "booking.held", "booking.held"]);
    m.ask(on_its_way(&trip)).expect("checkout is done");
    assert_eq!(new_events(&m), ["payment.processing", "booking.processing", "booking.processing"]);
    m.ask(paid(&trip)).expect("it is paid");
    assert_eq!(new_events(&m), ["payment.succeeded", "booking.confirmed", "booking.confirmed", "trip.booked"]);
    m.ask(cancel(trip.bookings[0].id)).expect("it is cancelled");
    assert_eq!(new_events(&m), ["booking.cancelled", "refund.requested"]);
    let ours = m.refunds(trip.payment_id)[0].id;
    m.ask(see(trip.payment_id, &[seen("re_1", Some(ours), 5000, RefundStatus::Succeeded)])).expect("it is seen");
    assert_eq!(new_events(&m), ["refund.succeeded", "booking.refunded", "payment.refund_seen"]);
    let all =
        [seen("re_1", Some(ours), 5000, RefundStatus::Succeeded), seen("re_2", None, 3333, RefundStatus::Succeeded)];
    m.ask(see(trip.payment_id, &all)).expect("it is seen");
    assert_eq!(new_events(&m), ["refund.seen", "payment.refunded", "booking.cancelled", "trip.cancelled"]);
}

#[test]
fn a_hold_that_ends_says_why() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 1)]);
    m.ask(release(&trip, ReleaseReason::PaymentFailed)).expect("it is released");
    let rows = &m.ledger.writes().journal[3..];
    let facts = |row: &JournalRow| -> serde_json::Value {
        serde_json::from_str(row.after.as_deref().expect("facts")).expect("JSON")
    };
    assert_eq!(rows.iter().map(|row| row.event).collect::<Vec<_>>(), ["booking.expired", "payment.failed"]);
    assert!(rows.iter().all(|row| facts(row)["reason"] == "payment_failed"), "{rows:?}");
    let before: serde_json::Value = serde_json::from_str(rows[0].before.as_deref().expect("facts")).expect("JSON");
    assert_eq!((&before["status"], &before["version"]), (&"pending_payment".into(), &1.into()));
    assert_eq!((&before["payment_id"], &before["price_minor"]), (&trip.payment_id.to_string().into(), &5000.into()));
}

#[test]
fn only_the_first_row_of_a_command_has_its_key_and_all_name_who_asked() {
    let mut m = market();
    let walk = m.walk(10);
    let mut request = m.request(PORTAL, Some("k"), hold(ANN, &[(walk, 1)]));
    request.on_behalf_of = Some("ann".to_owned());
    m.ask_exactly(&request).expect("it is held");
    let rows = &m.ledger.writes().journal;
    assert!(rows.iter().all(|row| row.command_id == request.command_id && &*row.principal == PORTAL));
    assert!(rows.iter().all(|row| row.on_behalf_of.as_deref() == Some("ann") && row.stripe_event_id.is_none()));
    assert_eq!(rows.iter().map(|row| row.idempotency.is_some()).collect::<Vec<_>>(), [true, false, false]);
}

/// In the original, events were looked for and then processed, without a unique key, and their record was lost.
#[test]
fn b3_6_an_event_has_one_effect_and_is_kept_with_it() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 2)]);
    let rows_before = m.ledger.writes().journal.len();
    m.stripe_says("evt_1", paid(&trip)).expect("it is paid");
    let rows = &m.ledger.writes().journal[rows_before..];
    assert!(rows.iter().all(|row| row.stripe_event_id.as_deref() == Some("evt_1") && &*row.principal == STRIPE));
    let again = m.stripe_says("evt_1", paid(&trip)).expect("it is known");
    assert!(again.replayed);
    // Another event for the same fact changes nothing, but is kept.
    assert!(!saved_payment(m.stripe_says("evt_2", paid(&trip))).changed);
    let kept: Vec<_> = m.ledger.writes().stripe_events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!((kept, m.seats(walk)), (vec!["evt_1", "evt_2"], (2, 0)));
    assert_eq!(m.events().last(), Some(&"request.unchanged"));
}

#[test]
fn an_event_that_is_refused_is_not_kept_so_that_it_is_decided_when_it_comes_again() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 2)]);
    let list = see(trip.payment_id, &[seen("re_1", None, 10_000, RefundStatus::Succeeded)]);
    let no = refusal(m.stripe_says("evt_2", list.clone()));
    assert_eq!(no, Refusal::PaymentNotSucceeded { status: PaymentStatus::Pending });
    assert!(m.ledger.writes().stripe_events.is_empty());
    m.stripe_says("evt_1", paid(&trip)).expect("it is paid");
    m.stripe_says("evt_2", list).expect("now it is seen");
    assert_eq!(m.payment(trip.payment_id).status, PaymentStatus::Refunded);
}

#[test]
fn rows_are_inserted_once_and_updated_afterwards() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.buys(ANN, &[(walk, 1)]);
    m.ask(refund_part(trip.bookings[0].id, 100)).expect("a part goes back");
    let writes = m.ledger.writes();
    // Made and changed by the same batch: still to be inserted.
    assert_eq!(Vec::from_iter(writes.trips.values()), [&RowWrite::Insert]);
    assert_eq!(Vec::from_iter(writes.payments.values()), [&RowWrite::Insert]);
    assert_eq!(Vec::from_iter(writes.refunds.values()), [&RowWrite::Insert]);
    assert_eq!(Vec::from_iter(writes.bookings.values()), [&RowWrite::Insert]);
    assert_eq!(Vec::from_iter(writes.slots.values()), [&RowWrite::Seats]);

    // Known before the batch: to be updated.
    let mut later = surehold_core::Ledger::new(org());
    for offering in experiences() {
        later.load_offering(std::sync::Arc::new(offering));
    }
    later.load_slot(m.slot(walk));
    later.load_contact(m.ledger.contact(ANN).expect("Ann").clone());
    later.load_trip(m.trip(trip.trip_id));
    later.load_payment(m.payment(trip.payment_id));
    later.load_booking(m.booking(trip.bookings[0].id));
    later.load_refund(m.refunds(trip.payment_id)[0].clone());
    let mut w = world();
    w.ledger = later;
    let ours = m.refunds(trip.payment_id)[0].id;
    let all =
        [seen("re_1", Some(ours), 100, RefundStatus::Succeeded), seen("re_2", None, 4900, RefundStatus::Succeeded)];
    w.ask(see(trip.payment_id, &all)).expect("it is seen");
    let writes = w.ledger.writes();
    assert_eq!(writes.trips[&trip.trip_id], RowWrite::Update);
    assert_eq!(writes.payments[&trip.payment_id], RowWrite::Update);
    assert_eq!(writes.bookings[&trip.bookings[0].id], RowWrite::Update);
    assert_eq!(writes.refunds[&ours], RowWrite::Update);
    assert_eq!(writes.refunds.values().filter(|write| **write == RowWrite::Insert).count(), 1);
}

#[test]
fn a_payment_whose_slots_are_not_locked_is_resolved_again() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 1)]);
    let mut later = surehold_core::Ledger::new(org());
    later.load_payment(m.payment(trip.payment_id));
    later.load_booking(m.booking(trip.bookings[0].id));
    let mut w = world();
    w.ledger = later;
    // Neither the slot nor the contact; then the contact alone; then both.
    assert_eq!(w.ask(paid(&trip)), Err(surehold_core::decide::Stop::ResolveAgain));
    w.ledger.load_contact(m.ledger.contact(ANN).expect("Ann").clone());
    assert_eq!(w.ask(paid(&trip)), Err(surehold_core::decide::Stop::ResolveAgain));
    w.ledger.load_slot(m.slot(walk));
    w.ask(paid(&trip)).expect("it is paid");
}
