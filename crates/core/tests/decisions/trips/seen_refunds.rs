//! What Stripe says of refunds: in any order, any number of times, of ours and of its dashboard's.

use proptest::prelude::*;
use surehold_core::command::*;
use surehold_core::outcome::TripHeld;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::marketplace::*;
use crate::world::*;

/// Ann has booked two seats of a walk (100.00), and an operator gives a part of it back.
fn a_part_goes_back() -> (Market, TripHeld, Uuid) {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.buys(ANN, &[(walk, 2)]);
    let refund = refunded(m.ask(refund_part(trip.bookings[0].id, 4000))).refund.expect("a refund");
    (m, trip, refund.refund_id)
}

fn stands(m: &Market, trip: &TripHeld) -> (PaymentStatus, i64) {
    let payment = m.payment(trip.payment_id);
    (payment.status, payment.refunded_minor)
}

#[test]
fn stripes_word_is_followed_and_its_repeat_changes_nothing() {
    let (mut m, trip, ours) = a_part_goes_back();
    for status in [RefundStatus::Pending, RefundStatus::Succeeded] {
        let list = see(trip.payment_id, &[seen("re_1", Some(ours), 4000, status)]);
        let answer = saved_payment(m.ask(list.clone()));
        assert_eq!((answer.status, answer.changed), (PaymentStatus::PartiallyRefunded, true));
        let answer = saved_payment(Ok(m.changes_nothing(list)));
        assert_eq!((answer.status, answer.changed), (PaymentStatus::PartiallyRefunded, false));
    }
    let [refund] = &m.refunds(trip.payment_id)[..] else { panic!("one refund") };
    assert_eq!((refund.status, refund.stripe_refund_id.as_deref()), (RefundStatus::Succeeded, Some("re_1")));
    assert_eq!(stands(&m, &trip), (PaymentStatus::PartiallyRefunded, 4000));
    // The booking is known to be refunded; it keeps its seats.
    let booking = m.booking(trip.bookings[0].id);
    assert_eq!((booking.status, booking.refunded_by.as_deref()), (BookingStatus::Confirmed, Some("stripe")));
    assert_eq!(m.events().iter().filter(|event| **event == "booking.refunded").count(), 1);
}

#[test]
fn a_refund_is_known_by_stripes_id_too() {
    let (mut m, trip, ours) = a_part_goes_back();
    m.ask(see(trip.payment_id, &[seen("re_1", Some(ours), 4000, RefundStatus::Pending)])).expect("it is seen");
    m.ask(see(trip.payment_id, &[seen("re_1", None, 4000, RefundStatus::Succeeded)])).expect("it is seen");
    let [refund] = &m.refunds(trip.payment_id)[..] else { panic!("one refund") };
    assert_eq!((refund.id, refund.status), (ours, RefundStatus::Succeeded));
}

/// In the original, amounts of events were added up: a repeat counted twice.
#[test]
fn b3_7_a_partial_refund_and_then_the_rest() {
    let (mut m, trip, ours) = a_part_goes_back();
    let part = seen("re_1", Some(ours), 4000, RefundStatus::Succeeded);
    m.ask(see(trip.payment_id, std::slice::from_ref(&part))).expect("it is seen");
    // The rest in Stripe's dashboard: nobody here asked for it.
    let all = [part, seen("re_2", None, 6000, RefundStatus::Succeeded)];
    let answer = saved_payment(m.ask(see(trip.payment_id, &all)));
    assert_eq!((answer.status, answer.changed), (PaymentStatus::Refunded, true));
    m.changes_nothing(see(trip.payment_id, &all));

    assert_eq!(stands(&m, &trip), (PaymentStatus::Refunded, 10_000));
    let facts: Vec<_> = m.refunds(trip.payment_id).iter().map(|r| (r.amount_minor, r.reason.clone())).collect();
    assert_eq!(facts, [(4000, "operator".to_owned()), (6000, "made_at_stripe".to_owned())]);
    // Nobody has paid for these seats any more.
    assert_eq!((m.statuses(&trip), m.seats(trip.bookings[0].slot_id)), (vec![BookingStatus::Cancelled], (0, 0)));
    let booking = m.booking(trip.bookings[0].id);
    assert_eq!((booking.cancelled_at, booking.cancelled_by.as_deref()), (Some(m.now), Some(PORTAL)));
    assert_eq!(m.trip(trip.trip_id).status, TripStatus::Cancelled);
}

#[test]
fn a_full_refund_leaves_what_took_place() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.buys(ANN, &[(walk, 1), (walk, 2)]);
    m.ask(mark(trip.bookings[0].id, Attendance::Yes)).expect("it is marked");
    m.ask(see(trip.payment_id, &[seen("re_1", None, 15_000, RefundStatus::Succeeded)])).expect("it is seen");
    assert_eq!(m.statuses(&trip), [BookingStatus::Completed, BookingStatus::Cancelled]);
    assert_eq!((m.seats(walk), m.trip(trip.trip_id).status), ((1, 0), TripStatus::Booked));
}

#[test]
fn a_refund_that_fails_after_it_succeeded_is_flagged_and_the_money_is_there_again() {
    let (mut m, trip, ours) = a_part_goes_back();
    m.ask(see(trip.payment_id, &[seen("re_1", Some(ours), 4000, RefundStatus::Succeeded)])).expect("it is seen");
    let failed = see(trip.payment_id, &[seen("re_1", Some(ours), 4000, RefundStatus::Failed)]);
    let answer = saved_payment(m.ask(failed.clone()));
    assert_eq!((answer.status, answer.flag.as_deref()), (PaymentStatus::Succeeded, Some("REFUND_FAILED")));
    assert_eq!(
        (stands(&m, &trip), m.refunds(trip.payment_id)[0].status),
        ((PaymentStatus::Succeeded, 0), RefundStatus::Failed)
    );
    m.changes_nothing(failed.clone());
    // It can go back by another refund.
    m.ask(refund_part(trip.bookings[0].id, 4000)).expect("another refund");

    // An operator has seen to it: the same news once more is no news.
    m.ask(FlagPayment { payment_id: trip.payment_id, flag: None, stripe_dispute_id: None }).expect("it is unflagged");
    m.changes_nothing(failed);
}

#[test]
fn money_that_goes_back_because_the_seats_were_gone_is_followed_to_its_end() {
    for ends in [RefundStatus::Succeeded, RefundStatus::Failed] {
        let mut m = market();
        let walk = m.walk(2);
        let trip = m.holds(ANN, &[(walk, 2)]);
        m.hold_ends(&trip);
        m.sells_out(walk);
        m.ask(paid(&trip)).expect("it goes back");
        let ours = m.refunds(trip.payment_id)[0].id;
        m.changes_nothing(see(trip.payment_id, &[]));
        assert_eq!(stands(&m, &trip), (PaymentStatus::Refunding, 0));
        let answer = saved_payment(m.ask(see(trip.payment_id, &[seen("re_1", Some(ours), 10_000, ends)])));
        if ends == RefundStatus::Succeeded {
            assert_eq!((stands(&m, &trip), answer.flag), ((PaymentStatus::Refunded, 10_000), None));
        } else {
            assert_eq!(stands(&m, &trip), (PaymentStatus::Refunding, 0));
            assert_eq!(answer.flag.as_deref(), Some("REFUND_FAILED"));
        }
        assert_eq!(m.statuses(&trip), [BookingStatus::Expired]);
    }
}

#[test]
fn flagged_money_that_goes_back_in_the_dashboard_frees_the_seats() {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 2)]);
    m.ask(Settle { amount_minor: 700, ..paid(&trip) }).expect("it is flagged");
    m.ask(see(trip.payment_id, &[seen("re_1", None, 300, RefundStatus::Succeeded)])).expect("it is seen");
    assert_eq!((stands(&m, &trip), m.seats(walk)), ((PaymentStatus::Processing, 300), (0, 2)));
    let all = [seen("re_1", None, 300, RefundStatus::Succeeded), seen("re_2", None, 400, RefundStatus::Succeeded)];
    m.ask(see(trip.payment_id, &all)).expect("it is seen");
    assert_eq!((stands(&m, &trip), m.seats(walk)), ((PaymentStatus::Refunded, 700), (0, 0)));
    assert_eq!(m.statuses(&trip), [BookingStatus::Expired]);
    // One of them fails after all: its money is not for this trip, it still has to go back.
    let failed = [seen("re_2", None, 400, RefundStatus::Failed)];
    m.ask(see(trip.payment_id, &failed)).expect("it is seen");
    assert_eq!(stands(&m, &trip), (PaymentStatus::Refunding, 300));
    assert_eq!(m.payment(trip.payment_id).flag.as_deref(), Some("REFUND_FAILED"));
}

#[test]
fn what_stripe_refuses_is_flagged_once() {
    let (mut m, trip, ours) = a_part_goes_back();
    let fail = |problem: &str| FailRefund { payment_id: trip.payment_id, refund_id: ours, problem: problem.to_owned() };
    let answer = saved_payment(m.ask(fail("charge is disputed")));
    assert_eq!((answer.status, answer.flag.as_deref()), (PaymentStatus::Succeeded, Some("REFUND_FAILED")));
    let refund = &m.refunds(trip.payment_id)[0];
    assert_eq!((refund.status, refund.problem.as_deref()), (RefundStatus::Failed, Some("charge is disputed")));
    m.changes_nothing(fail("again"));
    // Another one of a payment that is flagged already.
    let next = refunded(m.ask(refund_part(trip.bookings[0].id, 100))).refund.expect("a refund");
    m.ask(FailRefund { refund_id: next.refund_id, ..fail("no") }).expect("it is noted");
    assert_eq!(m.refunds(trip.payment_id)[1].status, RefundStatus::Failed);
}

/// Stripe's answer was lost and a later try was refused; but it has the refund.
#[test]
fn a_refund_that_was_taken_for_refused_is_followed_if_stripe_has_it() {
    let (mut m, trip, ours) = a_part_goes_back();
    let fail = FailRefund { payment_id: trip.payment_id, refund_id: ours, problem: "no".to_owned() };
    m.ask(fail).expect("it is noted");
    m.ask(see(trip.payment_id, &[seen("re_1", Some(ours), 4000, RefundStatus::Succeeded)])).expect("it is seen");
    assert_eq!(m.refunds(trip.payment_id)[0].status, RefundStatus::Succeeded);
    assert_eq!(stands(&m, &trip), (PaymentStatus::PartiallyRefunded, 4000));
}

#[test]
fn only_a_refund_that_stripe_has_not_taken_is_refused() {
    let (mut m, trip, ours) = a_part_goes_back();
    let fail = |payment_id, refund_id| FailRefund { payment_id, refund_id, problem: "no".to_owned() };
    m.changes_nothing(fail(trip.payment_id, NOBODY));
    let other = m.buys(BEN, &[(trip.bookings[0].slot_id, 1)]);
    m.changes_nothing(fail(other.payment_id, ours));
    m.ask(see(trip.payment_id, &[seen("re_1", Some(ours), 4000, RefundStatus::Pending)])).expect("it is seen");
    m.changes_nothing(fail(trip.payment_id, ours));
    assert_eq!(m.payment(trip.payment_id).flag, None);
}

/// Stripe's list of refunds as it grew. Servers may read it at any time, and be slow to say what they read.
fn readings(ours: Uuid) -> [Vec<SeenRefund>; 5] {
    let first = |status| seen("re_1", Some(ours), 4000, status);
    let second = |status| seen("re_2", None, 3000, status);
    [
        vec![first(RefundStatus::Pending)],
        vec![first(RefundStatus::Succeeded)],
        vec![first(RefundStatus::Succeeded), second(RefundStatus::Pending)],
        vec![first(RefundStatus::Succeeded), second(RefundStatus::Succeeded)],
        vec![first(RefundStatus::Succeeded), second(RefundStatus::Failed)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn readings_in_any_order_and_repeated_end_alike(order in Just(vec![0, 0, 1, 1, 2, 2, 3, 3, 4, 4]).prop_shuffle()) {
        let (mut m, trip, ours) = a_part_goes_back();
        for reading in order {
            m.ask(see(trip.payment_id, &readings(ours)[reading])).expect("it is seen");
        }
        prop_assert_eq!(stands(&m, &trip), (PaymentStatus::PartiallyRefunded, 4000));
        let refunds: Vec<_> = m.refunds(trip.payment_id).iter().map(|r| (r.amount_minor, r.status)).collect();
        prop_assert_eq!(refunds, [(4000, RefundStatus::Succeeded), (3000, RefundStatus::Failed)]);
        let flag = m.payment(trip.payment_id).flag;
        prop_assert_eq!(flag.as_deref(), Some("REFUND_FAILED"));
    }
}
