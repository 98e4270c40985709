//! Holds: what may be held, at which price, and what a repeat of the request answers.

use jiff::SignedDuration;
use surehold_core::command::*;
use surehold_core::outcome::TripHeld;
use surehold_core::rows::*;
use surehold_core::{Outcome, Refusal};
use uuid::Uuid;

use crate::marketplace::*;
use crate::world::*;

const TRIP: Uuid = Uuid::from_u128(0x7a);

#[test]
fn a_hold_takes_every_seat_out_of_sale() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(5));
    let trip = m.holds(ANN, &[(walk, 3), (hike, 2)]);

    assert_eq!((m.seats(walk), m.seats(hike)), ((0, 3), (0, 2)));
    assert_eq!((trip.amount_minor, trip.currency.as_str()), (3 * 5000 + 2 * 3333, "usd"));
    assert_eq!(trip.pay_until, m.now + SignedDuration::from_mins(35));
    assert_eq!(trip.expires_at, trip.pay_until + SignedDuration::from_mins(2));
    let facts: Vec<_> = trip.bookings.iter().map(|b| (b.slot_id, b.offering_id, b.guests, b.status)).collect();
    let pending = BookingStatus::PendingPayment;
    assert_eq!(facts, [(walk, CITY, 3, pending), (hike, HIKE, 2, pending)], "in the order of the items");

    let payment = m.payment(trip.payment_id);
    assert_eq!((payment.status, payment.source), (PaymentStatus::Pending, PaymentSource::Checkout));
    assert_eq!((payment.contact_id, payment.trip_id), (ANN, Some(trip.trip_id)));
    assert_eq!(m.trip(trip.trip_id).status, TripStatus::Planning);
    let purchase = m.booking(trip.bookings[1].id).purchase.expect("a purchase");
    let expected = Purchase { trip_id: trip.trip_id, payment_id: trip.payment_id, price_minor: 6666 };
    assert_eq!((purchase, m.booking(trip.bookings[1].id).paid_by), (expected, PaidBy::Payment));
}

#[test]
fn stripe_is_asked_for_what_was_held() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(5));
    let email = Some("ann@example.org".to_owned());
    let trip = held(m.ask(HoldTrip { customer_email: email.clone(), ..hold(ANN, &[(walk, 3), (hike, 2)]) }));
    let checkout = m.payment(trip.payment_id).checkout.expect("a request");
    let request: CheckoutRequest = serde_json::from_str(&checkout).expect("JSON");
    let line = |name: &str, unit_amount_minor, quantity| CheckoutLine {
        name: format!("{name}, 2026-10-23 09:00"),
        unit_amount_minor,
        quantity,
    };
    assert_eq!(request.lines, [line("City walk", 5000, 3), line("Hike", 3333, 2)]);
    assert_eq!((request.currency.as_str(), request.customer_email), ("usd", email));
    assert_eq!(request.success_url, "https://trips.example/thanks");
    assert_eq!(request.cancel_url, "https://trips.example/cart");
}

#[test]
fn all_seats_or_none() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(4));
    m.holds(BEN, &[(hike, 4)]);
    let no = refusal(m.ask(hold(ANN, &[(walk, 2), (hike, 1)])));
    assert_eq!(no.to_string(), "Slot no longer available");
    let details = no.details().expect("details");
    assert_eq!(details["slots"], serde_json::json!([{ "slotId": hike, "requested": 1, "available": 0 }]));
    assert_eq!((m.seats(walk), m.seats(hike)), ((0, 0), (0, 4)));
}

#[test]
fn every_slot_that_is_short_is_named() {
    let mut m = market();
    let (walk, hike) = (m.walk(3), m.hike(1));
    let no = refusal(m.ask(hold(ANN, &[(hike, 2), (walk, 5)])));
    assert_eq!(no.to_string(), "More seats were asked for than are left.");
    let Refusal::Shortages(short) = no else { panic!("{no:?}") };
    let short: Vec<_> = short.iter().map(|s| (s.slot_id, s.requested, s.available)).collect();
    assert_eq!(short, [(walk, 5, 3), (hike, 2, 1)]);

    let no = refusal(m.ask(hold(ANN, &[(walk, 5)])));
    assert_eq!(no.to_string(), "Only 3 seats are left, 5 were asked for.");
}

#[test]
fn a_slot_named_twice_counts_together() {
    let mut m = market();
    let (walk, hike) = (m.walk(5), m.hike(10));
    let no = refusal(m.ask(hold(ANN, &[(walk, 3), (walk, 3)])));
    let Refusal::Shortages(short) = no else { panic!("{no:?}") };
    assert_eq!((short.len(), short[0].requested, short[0].available), (1, 6, 5));
    // Each half of a party of five is allowed, all of it is not.
    let no = refusal(m.ask(hold(ANN, &[(hike, 2), (hike, 3)])));
    assert!(no.to_string().contains("at most 4 guests may be booked at once, not 5"), "{no}");

    let trip = m.holds(ANN, &[(walk, 3), (walk, 2)]);
    assert_eq!((m.seats(walk), trip.amount_minor, trip.bookings.len()), ((0, 5), 25_000, 2));
}

/// In the seed, a negative guest count raised the availability, and a missing slot was booked as NULL.
#[test]
fn b3_1_guests_are_from_one_to_the_most_of_the_offering() {
    let mut m = market();
    let hike = m.hike(10);
    for guests in [0, -1, i32::MIN, 5, i32::MAX] {
        assert_eq!(code(m.ask(hold(ANN, &[(hike, guests)]))), "VALIDATION_ERROR", "{guests}");
    }
    // No number wraps into a small one.
    assert_eq!(code(m.ask(hold(ANN, &[(hike, i32::MAX), (hike, i32::MAX), (hike, 3)]))), "VALIDATION_ERROR");
    assert_eq!(code(m.ask(hold(ANN, &[(hike, 1), (NOBODY, 1)]))), "EXAM_NOT_FOUND");
    m.holds(ANN, &[(hike, 1)]);
    m.holds(BEN, &[(hike, 4)]);
    assert_eq!(m.seats(hike), (0, 5));
}

#[test]
fn each_wrong_item_is_named() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(10));
    let no = refusal(m.ask(hold(ANN, &[(walk, 0), (walk, 1), (hike, 5)])));
    assert_eq!(
        no.to_string(),
        "tripItems: item 1: guestCount must be at least 1; item 3: guestCount: at most 4 guests may be booked at \
         once, not 5"
    );
}

#[test]
fn what_the_caller_believes_of_a_slot_is_checked() {
    let mut m = market();
    let walk = m.walk(10);
    let slot = m.slot(walk);
    let right = ExpectedItem {
        offering_id: Some(CITY),
        local_date: Some(slot.local_date),
        local_start: Some(slot.local_start),
    };
    let believing = |expected: ExpectedItem| {
        let mut request = hold(ANN, &[(walk, 1)]);
        request.items[0].expected = expected;
        request
    };
    let another_day = slot.local_date.tomorrow().expect("a day");
    for (wrong, named) in [
        (ExpectedItem { offering_id: Some(HIKE), ..right.clone() }, "experienceId"),
        (ExpectedItem { local_date: Some(another_day), ..right.clone() }, "date"),
        (ExpectedItem { local_start: Some(slot.local_end), ..right.clone() }, "time"),
    ] {
        let no = refusal(m.ask(believing(wrong)));
        assert!(matches!(no, Refusal::Invalid(_)) && no.to_string().contains(named), "{no}");
    }
    held(m.ask(believing(right)));
}

#[test]
fn an_exam_is_no_slot_of_a_trip() {
    let mut m = market();
    let exam = m.session(SJ);
    m.where_offering(SJ, |o| o.price_minor = Some(100));
    assert_eq!(code(m.ask(hold(ANN, &[(exam, 1)]))), "EXAM_NOT_FOUND");
}

#[test]
fn a_trip_has_at_most_fifty_items() {
    let mut m = market();
    let slots: Vec<(Uuid, i32)> = (0..51).map(|_| (m.walk(1), 1)).collect();
    assert_eq!(code(m.ask(hold(ANN, &slots))), "VALIDATION_ERROR");
    assert_eq!(m.holds(ANN, &slots[..50]).bookings.len(), 50);
}

#[test]
fn the_slots_own_price_goes_before_that_of_the_offering() {
    let mut m = market();
    let (cheap, usual) = (m.walk(10), m.walk(10));
    m.where_session(cheap, |s| s.price_minor = Some(1250));
    let trip = m.holds(ANN, &[(cheap, 2), (usual, 1)]);
    assert_eq!(trip.amount_minor, 2 * 1250 + 5000);
    // What is held keeps its price.
    m.where_session(cheap, |s| s.price_minor = Some(9999));
    m.ask(paid(&trip)).expect("the price that was asked for");
    assert_eq!(m.statuses(&trip), [BookingStatus::Confirmed; 2]);
}

#[test]
fn a_trip_costs_something_but_not_everything() {
    let mut m = market();
    let (walk, tour) = (m.walk(10), m.session(TOUR));
    let sentence = |m: &mut Market, slot| refusal(m.ask(hold(ANN, &[(slot, 1)]))).to_string();
    assert_eq!(sentence(&mut m, tour), "Tour has no price, so it cannot be sold.");
    m.where_session(walk, |s| s.price_minor = Some(0));
    assert_eq!(sentence(&mut m, walk), "The trip costs nothing, so there is nothing to pay.");
    m.where_session(walk, |s| s.price_minor = Some(99_999_999));
    assert_eq!(code(m.ask(hold(ANN, &[(walk, 2)]))), "INVALID_PRICE");
    // The most that Stripe takes; and something free beside it.
    let free = m.walk(1);
    m.where_session(free, |s| s.price_minor = Some(0));
    assert_eq!(m.holds(ANN, &[(walk, 1), (free, 1)]).amount_minor, 99_999_999);
}

#[test]
fn prices_are_in_the_currency_of_the_organisation() {
    let mut m = market();
    m.ledger.org.currency = "eur".to_owned();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 1)]);
    assert_eq!((trip.currency.as_str(), m.payment(trip.payment_id).currency.as_str()), ("eur", "eur"));
}

#[test]
fn a_checkout_ends_with_the_cutoff() {
    let mut m = market();
    let walk = m.walk(10);
    let until = minutes_before(m.slot(walk).starts_at, 120);
    m.now = until;
    assert_eq!(refusal(m.ask(hold(ANN, &[(walk, 1)]))), Refusal::CutoffPassed { slot_id: walk, until });
    m.now = until - SignedDuration::from_micros(1);
    m.holds(ANN, &[(walk, 1)]);
}

#[test]
fn a_new_traveller_is_put_on_the_books() {
    let mut m = market();
    let (walk, new) = (m.walk(10), Uuid::from_u128(0x99));
    m.holds(new, &[(walk, 1)]);
    let contact = m.ledger.contact(new).expect("a contact");
    assert_eq!((contact.student_id.as_str(), contact.email.as_str()), (new.to_string().to_uppercase().as_str(), ""));
    assert_eq!(m.ledger.balances(new).expect("balances").len(), KINDS.len());
    assert_eq!(m.events()[0], "contact.added");
}

// The same request again.

#[track_caller]
fn is_the_same(outcome: &Outcome, trip: &TripHeld) {
    assert_eq!(held(Ok(outcome.clone())), *trip);
}

#[test]
fn b3_5_a_double_click_makes_one_trip() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(4));
    let trip = m.holds(ANN, &[(walk, 2), (hike, 1)]);
    let again = m.changes_nothing(hold(ANN, &[(walk, 2), (hike, 1)]));
    assert!(again.replayed);
    is_the_same(&again, &trip);
    // In another order, and with the trip's id.
    is_the_same(&m.changes_nothing(hold(ANN, &[(hike, 1), (walk, 2)])), &trip);
    is_the_same(
        &m.changes_nothing(HoldTrip { trip_id: Some(trip.trip_id), ..hold(ANN, &[(hike, 1), (walk, 2)]) }),
        &trip,
    );
    assert_eq!((m.seats(walk), m.seats(hike)), ((0, 2), (0, 1)));
}

#[test]
fn under_a_new_key_the_same_answer_is_remembered() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = held(m.ask_with_key("first", hold(ANN, &[(walk, 2)])));
    let again = m.ask_with_key("second", hold(ANN, &[(walk, 2)])).expect("it is held");
    assert!(!again.replayed);
    is_the_same(&again, &trip);
    assert_eq!((m.seats(walk), m.keys()), ((0, 2), vec!["first".to_owned(), "second".to_owned()]));
    // Also when the hold is long over.
    m.hold_ends(&trip);
    for key in ["first", "second"] {
        let replay = m.ask_with_key(key, hold(ANN, &[(walk, 2)])).expect("it was held");
        assert!(replay.replayed);
        is_the_same(&replay, &trip);
    }
}

#[test]
fn other_items_are_another_trip_unless_the_trip_is_named() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(4));
    let first = m.holds(ANN, &[(walk, 2)]);
    for changed in [&[(walk, 1)][..], &[(walk, 2), (hike, 1)], &[(hike, 2)], &[(walk, 1), (walk, 1)]] {
        let request = HoldTrip { trip_id: Some(first.trip_id), ..hold(ANN, changed) };
        assert_eq!(refusal(m.ask(request)), Refusal::CheckoutOpen { payment_id: first.payment_id });
    }
    let second = m.holds(ANN, &[(hike, 1)]);
    assert_ne!((first.trip_id, first.payment_id), (second.trip_id, second.payment_id));
}

#[test]
fn the_same_items_of_somebody_else_are_another_trip() {
    let mut m = market();
    let walk = m.walk(10);
    let (hers, his) = (m.holds(ANN, &[(walk, 2)]), m.holds(BEN, &[(walk, 2)]));
    assert_ne!(hers.trip_id, his.trip_id);
    let his_as_hers = HoldTrip { trip_id: Some(hers.trip_id), ..hold(BEN, &[(walk, 2)]) };
    assert_eq!(code(m.ask(his_as_hers)), "TRIP_NOT_FOUND");
}

#[test]
fn a_session_that_cannot_be_paid_any_more_is_not_given_out() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 1)]);
    m.now = trip.pay_until - SignedDuration::from_micros(1);
    is_the_same(&m.changes_nothing(hold(ANN, &[(walk, 1)])), &trip);
    m.now = trip.pay_until;
    assert_eq!(code(m.ask(hold(ANN, &[(walk, 1)]))), "CHECKOUT_OPEN");
    m.hold_ends(&trip);
    let next = m.holds(ANN, &[(walk, 1)]);
    assert_ne!((next.trip_id, next.payment_id), (trip.trip_id, trip.payment_id));
}

#[test]
fn the_same_trip_can_be_tried_again_after_its_hold() {
    let mut m = market();
    let walk = m.walk(10);
    let request = HoldTrip { trip_id: Some(TRIP), ..hold(ANN, &[(walk, 1)]) };
    let first = held(m.ask(request.clone()));
    assert_eq!(first.trip_id, TRIP);
    m.hold_ends(&first);
    let second = held(m.ask(request.clone()));
    assert_eq!(second.trip_id, TRIP);
    assert_ne!(second.payment_id, first.payment_id);
    m.ask(paid(&second)).expect("it is paid");
    assert_eq!(refusal(m.ask(request)), Refusal::TripAlreadyBooked { payment_id: Some(second.payment_id) });
}

#[test]
fn while_the_money_is_on_its_way_the_trip_is_not_held_again() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 1)]);
    m.ask(on_its_way(&trip)).expect("checkout is done");
    assert_eq!(refusal(m.ask(hold(ANN, &[(walk, 1)]))), Refusal::PaymentProcessing { payment_id: trip.payment_id });
}

#[test]
fn a_cancelled_trip_can_be_booked_anew() {
    let mut m = market();
    let walk = m.walk(10);
    let first = m.buys(ANN, &[(walk, 1)]);
    m.ask(cancel(first.bookings[0].id)).expect("it can be cancelled");
    assert_eq!(m.trip(first.trip_id).status, TripStatus::Cancelled);
    let again = held(m.ask(HoldTrip { trip_id: Some(first.trip_id), ..hold(ANN, &[(walk, 2)]) }));
    assert_eq!(m.trip(first.trip_id).status, TripStatus::Planning);
    m.ask(paid(&again)).expect("it is paid");
    assert_eq!((m.trip(first.trip_id).status, m.seats(walk)), (TripStatus::Booked, (2, 0)));
}
