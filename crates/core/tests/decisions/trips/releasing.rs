//! The end of a hold: by its time, by Stripe's word, by the traveller or by an operator.

use jiff::SignedDuration;
use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::outcome::TripHeld;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::marketplace::*;
use crate::world::*;

const EVERY_REASON: [ReleaseReason; 5] = [
    ReleaseReason::SessionExpired,
    ReleaseReason::PaymentFailed,
    ReleaseReason::CheckoutRefused,
    ReleaseReason::Replaced,
    ReleaseReason::Operator,
];

fn ann_holds() -> (Market, Uuid, TripHeld) {
    let mut m = market();
    let walk = m.walk(10);
    let trip = m.holds(ANN, &[(walk, 3)]);
    (m, walk, trip)
}

#[test]
fn a_hold_ends_when_it_is_due_and_not_before() {
    let (mut m, walk, trip) = ann_holds();
    let expire = ExpireHold { payment_id: trip.payment_id };
    m.now = trip.expires_at - SignedDuration::from_micros(1);
    let answer = saved_payment(Ok(m.changes_nothing(expire.clone())));
    assert_eq!((answer.status, answer.changed), (PaymentStatus::Pending, false));

    m.now = trip.expires_at;
    let answer = saved_payment(m.ask(expire.clone()));
    assert_eq!((answer.status, answer.changed), (PaymentStatus::Failed, true));
    assert_eq!(m.payment(trip.payment_id).reason.as_deref(), Some("expired"));
    assert_eq!((m.statuses(&trip), m.seats(walk)), (vec![BookingStatus::Expired], (0, 0)));
    m.changes_nothing(expire);
}

#[test]
fn what_is_paid_does_not_expire() {
    let (mut m, walk, trip) = ann_holds();
    m.ask(paid(&trip)).expect("it is paid");
    m.now = trip.expires_at;
    m.changes_nothing(ExpireHold { payment_id: trip.payment_id });
    assert_eq!(m.seats(walk), (3, 0));
}

#[test]
fn a_payment_that_is_pending_is_released_for_any_reason() {
    for reason in EVERY_REASON {
        let (mut m, walk, trip) = ann_holds();
        let answer = saved_payment(m.ask(release(&trip, reason)));
        assert_eq!((answer.status, answer.changed), (PaymentStatus::Failed, true));
        assert_eq!(m.payment(trip.payment_id).reason.as_deref(), Some(reason.as_str()));
        assert_eq!((m.statuses(&trip), m.seats(walk)), (vec![BookingStatus::Expired], (0, 0)));
        for again in EVERY_REASON.into_iter().filter(|again| *again != ReleaseReason::Replaced) {
            m.changes_nothing(release(&trip, again));
        }
        assert_eq!(m.payment(trip.payment_id).reason.as_deref(), Some(reason.as_str()));
        // Another checkout of the same trip takes its place.
        held(m.ask(HoldTrip { trip_id: Some(trip.trip_id), ..hold(ANN, &[(walk, 1)]) }));
    }
}

#[test]
fn money_on_its_way_is_given_up_only_by_the_bank_or_an_operator() {
    for reason in EVERY_REASON {
        let (mut m, walk, trip) = ann_holds();
        m.ask(on_its_way(&trip)).expect("checkout is done");
        let result = m.ask(release(&trip, reason));
        if matches!(reason, ReleaseReason::PaymentFailed | ReleaseReason::Operator) {
            assert_eq!(saved_payment(result).status, PaymentStatus::Failed);
            assert_eq!((m.statuses(&trip), m.seats(walk)), (vec![BookingStatus::Expired], (0, 0)));
        } else {
            assert_eq!(refusal(result), Refusal::PaymentProcessing { payment_id: trip.payment_id });
            assert_eq!(m.seats(walk), (0, 3));
        }
    }
}

#[test]
fn money_of_another_amount_is_given_up_only_by_an_operator_and_goes_back() {
    for reason in EVERY_REASON {
        let (mut m, walk, trip) = ann_holds();
        m.ask(Settle { amount_minor: 700, ..paid(&trip) }).expect("it is flagged");
        let result = m.ask(release(&trip, reason));
        if reason == ReleaseReason::Operator {
            let answer = saved_payment(result);
            assert_eq!((answer.status, answer.flag), (PaymentStatus::Refunding, None));
            let [refund] = &m.refunds(trip.payment_id)[..] else { panic!("exactly one refund") };
            assert_eq!((refund.amount_minor, refund.reason.as_str()), (700, "operator"));
            assert_eq!((m.statuses(&trip), m.seats(walk)), (vec![BookingStatus::Expired], (0, 0)));
            m.changes_nothing(release(&trip, reason));
        } else {
            assert_eq!(refusal(result), Refusal::PaymentProcessing { payment_id: trip.payment_id });
        }
    }
}

#[test]
fn of_flagged_money_only_what_is_left_goes_back() {
    let (mut m, _, trip) = ann_holds();
    m.ask(Settle { amount_minor: 700, ..paid(&trip) }).expect("it is flagged");
    m.ask(see(trip.payment_id, &[seen("re_1", None, 200, RefundStatus::Succeeded)])).expect("it is seen");
    m.ask(release(&trip, ReleaseReason::Operator)).expect("it is released");
    let amounts: Vec<i64> = m.refunds(trip.payment_id).iter().map(|refund| refund.amount_minor).collect();
    assert_eq!(amounts, [200, 500]);
}

#[test]
fn flagged_money_that_came_to_nothing_is_given_up_without_a_refund() {
    let (mut m, walk, trip) = ann_holds();
    m.ask(Settle { amount_minor: 0, ..paid(&trip) }).expect("it is flagged");
    let answer = saved_payment(m.ask(release(&trip, ReleaseReason::Operator)));
    assert_eq!((answer.status, m.refunds(trip.payment_id)), (PaymentStatus::Failed, Vec::new()));
    assert_eq!(m.seats(walk), (0, 0));
}

#[test]
fn money_that_is_there_is_refunded_not_released() {
    for reason in EVERY_REASON {
        let (mut m, walk, trip) = ann_holds();
        m.ask(paid(&trip)).expect("it is paid");
        assert_eq!(refusal(m.ask(release(&trip, reason))), Refusal::PaymentSucceeded);
        // A part of it went back: it still pays.
        m.ask(see(trip.payment_id, &[seen("re_1", None, 1, RefundStatus::Succeeded)])).expect("it is seen");
        assert_eq!(refusal(m.ask(release(&trip, reason))), Refusal::PaymentSucceeded);
        assert_eq!(m.seats(walk), (3, 0));
        // All of it did: nothing is left to release.
        let all = [seen("re_1", None, 1, RefundStatus::Succeeded), seen("re_2", None, 14_999, RefundStatus::Pending)];
        m.ask(see(trip.payment_id, &all)).expect("it is seen");
        m.changes_nothing(release(&trip, reason));
    }
}

#[test]
fn money_of_a_replaced_attempt_is_not_wanted_whoever_heard_first_that_its_session_ended() {
    let (mut m, walk, trip) = ann_holds();
    saved_payment(m.ask(release(&trip, ReleaseReason::SessionExpired)));
    assert!(saved_payment(m.ask(release(&trip, ReleaseReason::Replaced))).changed);
    m.changes_nothing(release(&trip, ReleaseReason::Replaced));
    m.ask(paid(&trip)).expect("it goes back, though the seats are free");
    assert_eq!(m.payment(trip.payment_id).status, PaymentStatus::Refunding);
    assert_eq!(m.seats(walk), (0, 0));
}

#[test]
fn what_goes_back_already_is_not_released_again() {
    let (mut m, walk, trip) = ann_holds();
    m.hold_ends(&trip);
    m.sells_out(walk);
    m.ask(paid(&trip)).expect("it goes back");
    for reason in EVERY_REASON {
        let answer = saved_payment(Ok(m.changes_nothing(release(&trip, reason))));
        assert_eq!(answer.status, PaymentStatus::Refunding);
    }
}

#[test]
fn the_seats_of_an_ended_hold_are_on_sale_again() {
    let (mut m, walk, trip) = ann_holds();
    m.where_session(walk, |s| s.capacity = 3);
    assert_eq!(code(m.ask(hold(BEN, &[(walk, 1)]))), "INSUFFICIENT_AVAILABILITY");
    m.hold_ends(&trip);
    m.buys(BEN, &[(walk, 3)]);
}
