//! Trips that are booked with money that is there: recorded, or of a checkout that was paid.

use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::outcome::TripBooked;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::marketplace::*;
use crate::world::*;

const TRIP: Uuid = Uuid::from_u128(0x7a);

fn pay(m: &mut Market, reference: &str, amount_minor: i64) -> Uuid {
    saved_payment(m.ask(record(ANN, reference, amount_minor))).payment_id
}

fn book_with(payment_id: Uuid, wanted: &[(Uuid, i32)]) -> BookTrip {
    BookTrip { payment_id, trip_id: TRIP, contact_id: ANN, items: items(wanted) }
}

#[track_caller]
fn books(m: &mut Market, request: BookTrip) -> TripBooked {
    booked_trip(m.ask(request))
}

#[test]
fn money_is_recorded_once() {
    let mut m = market();
    let new = Uuid::from_u128(0x99);
    let request = RecordPayment { stripe_payment_intent: Some("pi_9".to_owned()), ..record(new, "r-1", 5000) };
    let first = saved_payment(m.ask(request.clone()));
    assert_eq!((first.status, first.trip_id, first.changed), (PaymentStatus::Succeeded, None, true));
    assert!(m.ledger.contact(new).is_some(), "a new traveller is put on the books");
    let payment = m.payment(first.payment_id);
    assert_eq!((payment.received_minor, payment.received_currency.as_deref()), (Some(5000), Some("usd")));
    assert_eq!((payment.source, payment.reference.as_deref()), (PaymentSource::Recorded, Some("r-1")));

    let again = saved_payment(Ok(m.changes_nothing(request.clone())));
    assert_eq!((again.payment_id, again.changed), (first.payment_id, false));
    for other in [
        RecordPayment { contact_id: ANN, ..request.clone() },
        RecordPayment { amount_minor: 5001, ..request.clone() },
        RecordPayment { currency: "eur".to_owned(), ..request.clone() },
        RecordPayment { stripe_payment_intent: None, ..request.clone() },
    ] {
        assert_eq!(code(m.ask(other)), "VALIDATION_ERROR");
    }
    let another = saved_payment(m.ask(RecordPayment { reference: "r-2".to_owned(), ..request }));
    assert_ne!(another.payment_id, first.payment_id);
}

#[test]
fn amounts_that_no_payment_has_are_not_recorded() {
    let mut m = market();
    for amount in [0, -1, i64::MIN, 100_000_000, i64::MAX] {
        assert_eq!(code(m.ask(record(ANN, "r-1", amount))), "VALIDATION_ERROR");
    }
    m.ask(record(ANN, "r-1", 1)).expect("the least");
    m.ask(record(ANN, "r-2", 99_999_999)).expect("the most");
}

#[test]
fn a_trip_is_booked_with_recorded_money() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(5));
    let money = pay(&mut m, "r-1", 13_333);
    let trip = books(&mut m, book_with(money, &[(walk, 2), (hike, 1)]));
    assert_eq!((trip.trip_id, trip.payment_id), (TRIP, money));
    let facts: Vec<_> = trip.bookings.iter().map(|b| (b.slot_id, b.guests, b.status)).collect();
    assert_eq!(facts, [(walk, 2, BookingStatus::Confirmed), (hike, 1, BookingStatus::Confirmed)]);
    assert_eq!((m.seats(walk), m.seats(hike)), ((2, 0), (1, 0)));
    assert_eq!((m.trip(TRIP).status, m.payment(money).trip_id), (TripStatus::Booked, Some(TRIP)));
}

/// In the seed, the same payment twice made two bookings.
#[test]
fn b3_1_the_same_payment_again_is_the_same_bookings() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(5));
    let money = pay(&mut m, "r-1", 13_333);
    let trip = books(&mut m, book_with(money, &[(walk, 2), (hike, 1)]));
    for again in [book_with(money, &[(walk, 2), (hike, 1)]), book_with(money, &[(hike, 1), (walk, 2)])] {
        let outcome = m.changes_nothing(again);
        assert!(outcome.replayed);
        assert_eq!(booked_trip(Ok(outcome)), trip);
    }
    for used in [
        book_with(money, &[(walk, 1), (hike, 1)]),
        book_with(money, &[(walk, 2)]),
        BookTrip { trip_id: Uuid::from_u128(0x7c), ..book_with(money, &[(walk, 2), (hike, 1)]) },
    ] {
        assert_eq!(refusal(m.ask(used)), Refusal::PaymentUsed);
    }
    assert_eq!(m.seats(walk), (2, 0));
}

#[test]
fn all_items_or_none() {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(1));
    let money = pay(&mut m, "r-1", 50_000);
    m.buys(BEN, &[(hike, 1)]);
    let no = refusal(m.ask(book_with(money, &[(walk, 2), (hike, 1)])));
    assert_eq!(no.to_string(), "Slot no longer available");
    assert_eq!((m.seats(walk), m.payment(money).trip_id), ((0, 0), None));
    books(&mut m, book_with(money, &[(walk, 2)])); // the money is still good
}

#[test]
fn the_money_covers_the_trip_in_its_currency() {
    let mut m = market();
    let walk = m.walk(10);
    let too_little = pay(&mut m, "r-1", 9_999);
    let mismatch = |paid_minor, currency: &str| Refusal::AmountMismatch {
        paid_minor,
        paid_currency: currency.to_owned(),
        needed_minor: 10_000,
        needed_currency: "usd".to_owned(),
    };
    assert_eq!(refusal(m.ask(book_with(too_little, &[(walk, 2)]))), mismatch(9_999, "usd"));
    let euros = RecordPayment { currency: "eur".to_owned(), ..record(ANN, "r-2", 10_000) };
    let euros = saved_payment(m.ask(euros)).payment_id;
    assert_eq!(refusal(m.ask(book_with(euros, &[(walk, 2)]))), mismatch(10_000, "eur"));
    let enough = pay(&mut m, "r-3", 10_001);
    books(&mut m, book_with(enough, &[(walk, 2)]));
}

#[test]
fn money_that_went_back_pays_for_nothing() {
    let mut m = market();
    let walk = m.walk(10);
    let money = pay(&mut m, "r-1", 10_000);
    m.ask(see(money, &[seen("re_1", None, 1, RefundStatus::Pending)])).expect("it is seen");
    let no = refusal(m.ask(book_with(money, &[(walk, 2)])));
    assert!(matches!(no, Refusal::AmountMismatch { paid_minor: 9_999, .. }), "{no:?}");
    books(&mut m, book_with(money, &[(walk, 1)]));
}

#[test]
fn the_cutoff_does_not_count_for_money_that_is_there_but_the_start_does() {
    let mut m = market();
    let walk = m.walk(10);
    let money = pay(&mut m, "r-1", 10_000);
    m.now = m.slot(walk).starts_at;
    assert_eq!(refusal(m.ask(book_with(money, &[(walk, 2)]))), Refusal::SlotPast);
    m.now = minutes_before(m.now, 1);
    books(&mut m, book_with(money, &[(walk, 2)]));
}

#[test]
fn a_checkout_that_was_paid_answers_with_its_bookings() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 2)]);
    let request = BookTrip { trip_id: trip.trip_id, ..book_with(trip.payment_id, &[(walk, 2)]) };
    assert_eq!(
        refusal(m.ask(request.clone())),
        Refusal::PaymentNotSucceeded { status: PaymentStatus::Pending },
        "seats are not given for money that is not there"
    );
    m.ask(paid(&trip)).expect("it is paid");
    let booked = booked_trip(Ok(m.changes_nothing(request.clone())));
    assert_eq!((booked.bookings[0].id, booked.bookings[0].status), (trip.bookings[0].id, BookingStatus::Confirmed));
    let other_items = BookTrip { items: items(&[(walk, 1)]), ..request };
    assert_eq!(refusal(m.ask(other_items)), Refusal::PaymentUsed);
}

#[test]
fn a_trip_is_paid_once() {
    let mut m = market();
    let walk = m.walk(10);
    let held = m.holds(ANN, &[(walk, 1)]);
    let money = pay(&mut m, "r-1", 10_000);
    let request = BookTrip { trip_id: held.trip_id, ..book_with(money, &[(walk, 2)]) };
    assert_eq!(refusal(m.ask(request.clone())), Refusal::CheckoutOpen { payment_id: held.payment_id });
    m.ask(paid(&held)).expect("it is paid");
    assert_eq!(refusal(m.ask(request)), Refusal::TripAlreadyBooked { payment_id: Some(held.payment_id) });
    books(&mut m, book_with(money, &[(walk, 2)]));
}

#[test]
fn an_ended_hold_does_not_stand_in_the_way_of_other_money() {
    let mut m = market();
    let walk = m.walk(10);
    let held = m.holds(ANN, &[(walk, 1)]);
    m.hold_ends(&held);
    let money = pay(&mut m, "r-1", 10_000);
    books(&mut m, BookTrip { trip_id: held.trip_id, ..book_with(money, &[(walk, 2)]) });
    // The money of that checkout comes all the same.
    assert_eq!(saved_payment(m.ask(paid(&held))).status, PaymentStatus::Refunding);
    assert_eq!(m.payment(held.payment_id).reason.as_deref(), Some("trip_paid_otherwise"));
}

#[test]
fn somebody_elses_money_or_trip_is_not_found() {
    let mut m = market();
    let walk = m.walk(10);
    let money = pay(&mut m, "r-1", 10_000);
    let as_ben = BookTrip { contact_id: BEN, ..book_with(money, &[(walk, 1)]) };
    assert_eq!(refusal(m.ask(as_ben)), Refusal::PaymentNotFound);
    let his = m.holds(BEN, &[(walk, 1)]);
    let his_trip = BookTrip { trip_id: his.trip_id, ..book_with(money, &[(walk, 1)]) };
    assert_eq!(refusal(m.ask(his_trip)), Refusal::TripNotFound);
}
