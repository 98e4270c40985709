//! Refunds that are asked for: how much, how often, by whom.

use jiff::SignedDuration;
use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::outcome::TripHeld;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::marketplace::*;
use crate::world::*;

/// Ann has booked three seats of a walk (150.00) and one of a hike (33.33).
fn ann_has_booked() -> (Market, Uuid, TripHeld) {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(5));
    let trip = m.buys(ANN, &[(walk, 3), (hike, 1)]);
    (m, walk, trip)
}

#[test]
fn the_whole_of_a_booking_goes_back_with_its_seats() {
    let (mut m, walk, trip) = ann_has_booked();
    let answer = refunded(m.ask(refund_all(trip.bookings[0].id)));
    let refund = answer.refund.expect("a refund");
    assert_eq!((answer.status, refund.amount_minor), (BookingStatus::Cancelled, 15_000));
    assert_eq!(answer.reference, trip.bookings[0].reference);
    assert_eq!((m.seats(walk), m.statuses(&trip)[0]), ((0, 0), BookingStatus::Cancelled));
    let [row] = &m.refunds(trip.payment_id)[..] else { panic!("exactly one refund") };
    assert_eq!(
        (row.id, row.booking_id, row.reason.as_str()),
        (refund.refund_id, Some(trip.bookings[0].id), "operator")
    );
}

#[test]
fn a_part_goes_back_and_the_seats_stay() {
    let (mut m, walk, trip) = ann_has_booked();
    let answer = refunded(m.ask(refund_part(trip.bookings[0].id, 1)));
    assert_eq!((answer.status, answer.refund.expect("a refund").amount_minor), (BookingStatus::Confirmed, 1));
    assert_eq!(m.seats(walk), (3, 0));
    // The rest is all that is left: now the seats go back, too, whether it is named or not.
    assert_eq!(
        refusal(m.ask(refund_part(trip.bookings[0].id, 15_000))),
        Refusal::RefundTooLarge { left_minor: 14_999 }
    );
    let answer = refunded(m.ask(refund_part(trip.bookings[0].id, 14_999)));
    assert_eq!((answer.status, m.seats(walk)), (BookingStatus::Cancelled, (0, 0)));
    assert_eq!(refusal(m.ask(refund_part(trip.bookings[0].id, 1))), Refusal::FullyRefunded);
    assert_eq!(refusal(m.ask(refund_all(trip.bookings[0].id))), Refusal::FullyRefunded);
}

#[test]
fn a_booking_gives_back_its_own_price_and_no_more() {
    let (mut m, _, trip) = ann_has_booked();
    assert_eq!(refusal(m.ask(refund_part(trip.bookings[1].id, 3334))), Refusal::RefundTooLarge { left_minor: 3333 });
    m.ask(refund_all(trip.bookings[0].id)).expect("it is refunded");
    assert_eq!(refunded(m.ask(refund_all(trip.bookings[1].id))).refund.expect("a refund").amount_minor, 3333);
    assert_eq!(m.trip(trip.trip_id).status, TripStatus::Cancelled);
}

#[test]
fn a_refund_under_its_key_is_asked_for_once() {
    let (mut m, _, trip) = ann_has_booked();
    let first = refunded(m.ask_with_key("k", refund_part(trip.bookings[0].id, 100)));
    let again = m.ask_with_key("k", refund_part(trip.bookings[0].id, 100)).expect("it was done");
    assert!(again.replayed);
    assert_eq!(refunded(Ok(again)), first);
    assert_eq!(m.refunds(trip.payment_id).len(), 1);
}

#[test]
fn what_stripe_refused_can_be_asked_for_again() {
    let (mut m, _, trip) = ann_has_booked();
    let refund = refunded(m.ask(refund_all(trip.bookings[0].id))).refund.expect("a refund");
    let fail = FailRefund { payment_id: trip.payment_id, refund_id: refund.refund_id, problem: "no".to_owned() };
    m.ask(fail).expect("it is noted");
    let again = refunded(m.ask(refund_all(trip.bookings[0].id))).refund.expect("a refund");
    assert_eq!(again.amount_minor, 15_000);
    assert_ne!(again.refund_id, refund.refund_id);
}

#[test]
fn a_traveller_gets_what_the_policy_gives_whatever_was_asked_for() {
    for (hours_before_the_limit, amount) in [(1, 3333), (-1, 1666)] {
        let mut m = market();
        let hike = m.hike(5);
        let trip = m.buys(ANN, &[(hike, 1)]);
        m.now = m.free_until(hike) - SignedDuration::from_hours(hours_before_the_limit);
        let request = RefundBooking { amount_minor: Some(1), ..refund_to_traveller(trip.bookings[0].id) };
        let answer = refunded(m.ask(request));
        assert_eq!(answer.refund.expect("a refund").amount_minor, amount);
        assert_eq!((answer.status, m.seats(hike)), (BookingStatus::Cancelled, (0, 0)));
        assert_eq!(m.refunds(trip.payment_id)[0].reason, "cancelled_by_traveller");
        assert_eq!(code(m.ask(refund_to_traveller(trip.bookings[0].id))), "BOOKING_NOT_ACTIVE");
    }
}

#[test]
fn a_policy_that_gives_nothing_still_lets_a_traveller_go() {
    let (mut m, walk, trip) = ann_has_booked();
    m.now = m.free_until(walk);
    let answer = refunded(m.ask(refund_to_traveller(trip.bookings[0].id)));
    assert_eq!((answer.refund, answer.status, m.seats(walk)), (None, BookingStatus::Cancelled, (0, 0)));
    assert_eq!(m.refunds(trip.payment_id), []);
}

#[test]
fn after_the_start_only_an_operator_refunds() {
    let (mut m, walk, trip) = ann_has_booked();
    let until = m.slot(walk).starts_at;
    m.now = until;
    assert_eq!(refusal(m.ask(refund_to_traveller(trip.bookings[0].id))), Refusal::CancelTooLate { until });
    m.ask(refund_part(trip.bookings[0].id, 100)).expect("an operator may");
}

#[test]
fn what_took_place_can_be_refunded_but_stays() {
    for attendance in [Attendance::Yes, Attendance::No] {
        let (mut m, walk, trip) = ann_has_booked();
        m.ask(mark(trip.bookings[0].id, attendance)).expect("it is marked");
        let before = m.statuses(&trip);
        let answer = refunded(m.ask(refund_all(trip.bookings[0].id)));
        assert_eq!(answer.refund.expect("a refund").amount_minor, 15_000);
        assert_eq!((m.statuses(&trip), m.seats(walk)), (before, (3, 0)));
    }
}

#[test]
fn a_booking_that_was_given_up_for_a_part_can_be_refunded_in_full() {
    let mut m = market();
    let hike = m.hike(5);
    let trip = m.buys(ANN, &[(hike, 1)]);
    m.now = m.free_until(hike);
    m.ask(cancel(trip.bookings[0].id)).expect("it is cancelled");
    let answer = refunded(m.ask(refund_all(trip.bookings[0].id)));
    assert_eq!(answer.refund.expect("a refund").amount_minor, 3333 - 1666);
    assert_eq!(m.refunds(trip.payment_id).iter().map(|r| r.amount_minor).sum::<i64>(), 3333);
}

#[test]
fn nothing_is_refunded_before_it_is_paid() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 1)]);
    let (booking, payment_id) = (trip.bookings[0].id, trip.payment_id);
    assert_eq!(refusal(m.ask(refund_all(booking))), Refusal::CheckoutOpen { payment_id });
    assert_eq!(refusal(m.ask(see(payment_id, &[]))), Refusal::PaymentNotSucceeded { status: PaymentStatus::Pending });
    m.ask(on_its_way(&trip)).expect("checkout is done");
    assert_eq!(refusal(m.ask(refund_all(booking))), Refusal::PaymentProcessing { payment_id });
    m.ask(release(&trip, ReleaseReason::PaymentFailed)).expect("it is released");
    assert_eq!(refusal(m.ask(refund_all(booking))), Refusal::BookingNotActive { status: BookingStatus::Expired });
}

#[test]
fn of_money_that_came_to_nothing_there_are_no_refunds() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 1)]);
    m.hold_ends(&trip);
    m.ask(Settle { amount_minor: 0, ..paid(&trip) }).expect("it is noted");
    assert_eq!(
        refusal(m.ask(see(trip.payment_id, &[]))),
        Refusal::PaymentNotSucceeded { status: PaymentStatus::Failed }
    );
}

#[test]
fn a_booking_without_money_has_none_to_give_back() {
    let mut m = market();
    let exam = m.session(SJ);
    let free = booked(m.ask(override_for(ANN, exam))).booking_id;
    assert_eq!(code(m.ask(refund_all(free))), "PAYMENT_NOT_REFUNDABLE");
}

#[test]
fn money_made_back_in_the_dashboard_counts_for_every_booking() {
    let (mut m, _, trip) = ann_has_booked();
    m.ask(see(trip.payment_id, &[seen("re_1", None, 17_333, RefundStatus::Pending)])).expect("it is seen");
    // 10.00 of 183.33 are left, whichever booking they are for.
    assert_eq!(refusal(m.ask(refund_part(trip.bookings[0].id, 1001))), Refusal::RefundTooLarge { left_minor: 1000 });
    m.ask(refund_part(trip.bookings[1].id, 1000)).expect("what is left");
    assert_eq!(refusal(m.ask(refund_all(trip.bookings[0].id))), Refusal::FullyRefunded);
}
