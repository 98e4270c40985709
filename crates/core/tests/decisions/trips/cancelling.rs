//! A paid booking is given up: by its traveller, who gets what the policy gives, or by an operator.

use jiff::SignedDuration;
use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::outcome::TripHeld;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::marketplace::*;
use crate::world::*;

/// Ann has booked three seats of a walk (nothing back when late) and one of a hike (half back).
fn ann_has_booked() -> (Market, Uuid, Uuid, TripHeld) {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(5));
    let trip = m.buys(ANN, &[(walk, 3), (hike, 1)]);
    (m, walk, hike, trip)
}

#[test]
fn a_traveller_who_cancels_in_time_gets_everything_back() {
    let (mut m, walk, _, trip) = ann_has_booked();
    m.now = m.free_until(walk) - SignedDuration::from_micros(1);
    let answer = cancelled(m.ask(cancel(trip.bookings[0].id)));
    let refund = answer.refund.expect("a refund");
    assert_eq!((refund.amount_minor, refund.currency.as_str(), refund.payment_id), (15_000, "usd", trip.payment_id));
    assert_eq!((answer.credits_returned, answer.balance, answer.already), (0, None, false));

    let [row] = &m.refunds(trip.payment_id)[..] else { panic!("exactly one refund") };
    assert_eq!((row.id, row.booking_id, row.amount_minor), (refund.refund_id, Some(trip.bookings[0].id), 15_000));
    assert_eq!((row.status, row.reason.as_str()), (RefundStatus::Requested, "cancelled_by_traveller"));
    assert_eq!(m.statuses(&trip), [BookingStatus::Cancelled, BookingStatus::Confirmed]);
    assert_eq!(m.seats(walk), (0, 0));
    let booking = m.booking(trip.bookings[0].id);
    assert_eq!((booking.cancelled_at, booking.cancelled_by.as_deref()), (Some(m.now), Some(PORTAL)));
    // The money is there until Stripe says otherwise.
    assert_eq!(m.payment(trip.payment_id).status, PaymentStatus::Succeeded);
}

#[test]
fn from_the_free_limit_on_the_policy_gives_its_part_rounded_down() {
    let (mut m, walk, hike, trip) = ann_has_booked();
    m.now = m.free_until(hike);
    let late = cancelled(m.ask(cancel(trip.bookings[1].id))).refund.expect("a refund");
    assert_eq!(late.amount_minor, 1666, "half of 33.33");
    // Of the walk nothing comes back, and its seats are free all the same.
    assert_eq!(cancelled(m.ask(cancel(trip.bookings[0].id))).refund, None);
    assert_eq!((m.seats(walk), m.seats(hike)), ((0, 0), (0, 0)));
    assert_eq!(m.refunds(trip.payment_id).len(), 1);
}

#[test]
fn the_policy_is_that_of_the_offering_when_it_is_cancelled() {
    let (mut m, walk, _, trip) = ann_has_booked();
    m.where_offering(CITY, |o| (o.free_cancel_minutes, o.late_refund_percent) = (7 * 24 * 60, 33));
    m.now = m.free_until(walk) - SignedDuration::from_hours(24);
    assert_eq!(cancelled(m.ask(cancel(trip.bookings[0].id))).refund.expect("a refund").amount_minor, 4950);
}

#[test]
fn after_the_start_only_an_operator_cancels() {
    let (mut m, walk, _, trip) = ann_has_booked();
    let until = m.slot(walk).starts_at;
    m.now = until;
    assert_eq!(refusal(m.ask(cancel(trip.bookings[0].id))), Refusal::CancelTooLate { until });
    let answer = cancelled(m.ask(cancel_by_operator(trip.bookings[0].id)));
    assert_eq!(answer.refund.expect("a refund").amount_minor, 15_000, "all of it, whatever the policy");
    assert_eq!(m.refunds(trip.payment_id)[0].reason, "operator");
}

#[test]
fn an_operator_may_cancel_without_a_refund() {
    let (mut m, walk, _, trip) = ann_has_booked();
    let request = Cancel { return_credit: false, ..cancel_by_operator(trip.bookings[0].id) };
    assert_eq!(cancelled(m.ask(request)).refund, None);
    assert_eq!((m.seats(walk), m.refunds(trip.payment_id)), ((0, 0), Vec::new()));
    // That can be made good later.
    assert_eq!(refunded(m.ask(refund_all(trip.bookings[0].id))).refund.expect("a refund").amount_minor, 15_000);
}

/// What a traveller cannot choose: only an operator's cancellation does without the money.
#[test]
fn a_traveller_gets_the_policys_money_whatever_the_request_says() {
    let (mut m, _, _, trip) = ann_has_booked();
    let request = Cancel { return_credit: false, ..cancel(trip.bookings[0].id) };
    assert_eq!(cancelled(m.ask(request)).refund.expect("a refund").amount_minor, 15_000);
}

#[test]
fn a_second_cancel_gives_no_second_refund() {
    let (mut m, walk, _, trip) = ann_has_booked();
    m.ask(cancel(trip.bookings[0].id)).expect("it is cancelled");
    for again in [cancel(trip.bookings[0].id), cancel_by_operator(trip.bookings[0].id)] {
        let answer = cancelled(Ok(m.changes_nothing(again)));
        assert!(answer.already && answer.refund.is_none());
    }
    assert_eq!((m.refunds(trip.payment_id).len(), m.seats(walk)), (1, (0, 0)));
}

#[test]
fn what_went_back_before_does_not_go_back_again() {
    let (mut m, _, _, trip) = ann_has_booked();
    m.ask(refund_part(trip.bookings[0].id, 4000)).expect("a part goes back");
    assert_eq!(cancelled(m.ask(cancel(trip.bookings[0].id))).refund.expect("a refund").amount_minor, 11_000);
}

#[test]
fn the_part_that_the_policy_gives_is_a_part_of_what_is_left() {
    let (mut m, _, hike, trip) = ann_has_booked();
    m.ask(refund_part(trip.bookings[1].id, 1000)).expect("a part goes back");
    m.now = m.free_until(hike);
    assert_eq!(cancelled(m.ask(cancel(trip.bookings[1].id))).refund.expect("a refund").amount_minor, 1166);
}

#[test]
fn the_reason_that_was_given_goes_with_the_refund() {
    let (mut m, _, _, trip) = ann_has_booked();
    let request = Cancel { reason: Some("it rains".to_owned()), ..cancel_by_operator(trip.bookings[0].id) };
    m.ask(request).expect("it is cancelled");
    assert_eq!(m.refunds(trip.payment_id)[0].reason, "it rains");
}

#[test]
fn a_trip_ends_with_its_last_booking() {
    let (mut m, _, _, trip) = ann_has_booked();
    m.ask(cancel(trip.bookings[0].id)).expect("it is cancelled");
    assert_eq!(m.trip(trip.trip_id).status, TripStatus::Booked);
    m.ask(cancel_by_operator(trip.bookings[1].id)).expect("it is cancelled");
    assert_eq!(m.trip(trip.trip_id).status, TripStatus::Cancelled);
    assert_eq!(m.events().last(), Some(&"refund.requested"));
    assert!(m.events().contains(&"trip.cancelled"));
}

#[test]
fn a_trip_that_was_booked_anew_does_not_end_with_its_old_payment() {
    let mut m = market();
    let walk = m.walk(10);
    let first = m.buys(ANN, &[(walk, 1)]);
    m.ask(cancel(first.bookings[0].id)).expect("it is cancelled");
    let second = held(m.ask(HoldTrip { trip_id: Some(first.trip_id), ..hold(ANN, &[(walk, 2)]) }));
    m.ask(paid(&second)).expect("it is paid");
    // Only now Stripe has sent the old money back.
    let ours = m.refunds(first.payment_id)[0].id;
    m.ask(see(first.payment_id, &[seen("re_1", Some(ours), 5000, RefundStatus::Succeeded)])).expect("it is seen");
    assert_eq!(m.payment(first.payment_id).status, PaymentStatus::Refunded);
    assert_eq!(
        (m.trip(first.trip_id).status, m.statuses(&second)),
        (TripStatus::Booked, vec![BookingStatus::Confirmed])
    );
}

#[test]
fn a_hold_is_not_cancelled() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 1)]);
    for request in [cancel(trip.bookings[0].id), cancel_by_operator(trip.bookings[0].id)] {
        assert_eq!(refusal(m.ask(request)), Refusal::CheckoutOpen { payment_id: trip.payment_id });
    }
    m.ask(on_its_way(&trip)).expect("checkout is done");
    for request in [cancel(trip.bookings[0].id), cancel_by_operator(trip.bookings[0].id)] {
        assert_eq!(refusal(m.ask(request)), Refusal::PaymentProcessing { payment_id: trip.payment_id });
    }
    assert_eq!(m.seats(walk), (0, 1));
}

#[test]
fn a_paid_booking_keeps_its_slot() {
    let (mut m, _, _, trip) = ann_has_booked();
    let other = m.walk(10);
    assert_eq!(refusal(m.ask(move_to(other, trip.bookings[0].id))), Refusal::PaidBooking);
}

#[test]
fn money_is_no_credit() {
    let (mut m, _, _, trip) = ann_has_booked();
    m.ask(cancel(trip.bookings[0].id)).expect("it is cancelled");
    assert_eq!(refusal(m.ask(refund(trip.bookings[0].id))), Refusal::NothingToRefund);
    assert!(m.ledger.writes().entries.is_empty());
}

#[test]
fn a_booking_whose_money_went_back_is_not_confirmed_again() {
    let (mut m, _, _, trip) = ann_has_booked();
    let id = trip.bookings[0].id;
    m.ask(mark(id, Attendance::No)).expect("it is marked");
    m.ask(mark(id, None)).expect("that was a mistake");
    m.ask(mark(id, Attendance::Yes)).expect("it is marked");
    m.ask(refund_all(id)).expect("it is refunded");
    assert_eq!(m.booking(id).status, BookingStatus::Completed, "what took place is not undone");
    // As one who came and one who did not; but its seat would cost nothing.
    m.ask(mark(id, Attendance::No)).expect("it is marked");
    assert_eq!(refusal(m.ask(mark(id, None))), Refusal::FullyRefunded);
}

#[test]
fn a_free_booking_has_nothing_to_lose_while_its_trip_is_paid() {
    let mut m = market();
    let (walk, free) = (m.walk(10), m.walk(10));
    m.where_session(free, |s| s.price_minor = Some(0));
    let trip = m.buys(ANN, &[(walk, 1), (free, 1)]);
    let id = trip.bookings[1].id;
    m.ask(mark(id, Attendance::Yes)).expect("it is marked");
    m.ask(mark(id, None)).expect("that was a mistake");
    m.ask(mark(id, Attendance::Yes)).expect("it is marked");
    // All money of the trip goes back: who came has come, but nobody is booked again.
    m.ask(see(trip.payment_id, &[seen("re_1", None, 5000, RefundStatus::Succeeded)])).expect("it is seen");
    assert_eq!(refusal(m.ask(mark(id, None))), Refusal::FullyRefunded);
}
