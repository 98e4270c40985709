//! Money that comes: in time, on its way, otherwise than asked, or after the seats went back on sale.

use surehold_core::command::*;
use surehold_core::outcome::TripHeld;
use surehold_core::rows::*;
use uuid::Uuid;

use crate::marketplace::*;
use crate::world::*;

/// Ann holds three seats of a walk and two of a hike.
fn ann_holds() -> (Market, Uuid, Uuid, TripHeld) {
    let mut m = market();
    let (walk, hike) = (m.walk(10), m.hike(5));
    let trip = m.holds(ANN, &[(walk, 3), (hike, 2)]);
    (m, walk, hike, trip)
}

/// The same, and the hold has come to its end.
fn anns_hold_has_ended() -> (Market, Uuid, Uuid, TripHeld) {
    let (mut m, walk, hike, trip) = ann_holds();
    m.hold_ends(&trip);
    (m, walk, hike, trip)
}

#[test]
fn money_confirms_every_booking_of_its_trip() {
    let (mut m, walk, hike, trip) = ann_holds();
    let answer = saved_payment(m.ask(paid(&trip)));
    assert_eq!((answer.status, answer.changed, answer.trip_id), (PaymentStatus::Succeeded, true, Some(trip.trip_id)));
    assert_eq!(m.statuses(&trip), [BookingStatus::Confirmed; 2]);
    assert_eq!((m.seats(walk), m.seats(hike)), ((3, 0), (2, 0)));
    assert_eq!(m.trip(trip.trip_id).status, TripStatus::Booked);
    let payment = m.payment(trip.payment_id);
    assert_eq!((payment.received_minor, payment.received_currency.as_deref()), (Some(21_666), Some("usd")));
    assert_eq!(payment.stripe_session_id.as_deref(), Some("cs_1"));
    assert_eq!(payment.stripe_payment_intent.as_deref(), Some("pi_1"));
}

#[test]
fn money_that_was_counted_is_not_counted_again() {
    let (mut m, walk, _, trip) = ann_holds();
    m.ask(paid(&trip)).expect("it is paid");
    for again in
        [paid(&trip), Settle { amount_minor: 1, ..paid(&trip) }, Settle { currency: "eur".into(), ..paid(&trip) }]
    {
        let answer = saved_payment(Ok(m.changes_nothing(again)));
        assert_eq!((answer.status, answer.changed), (PaymentStatus::Succeeded, false));
    }
    assert_eq!((m.seats(walk), m.refunds(trip.payment_id)), ((3, 0), Vec::new()));
}

#[test]
fn a_session_that_is_known_stays_and_the_intent_is_learned() {
    let (mut m, _, _, trip) = ann_holds();
    let attach = |session: &str| AttachCheckout {
        payment_id: trip.payment_id,
        session_id: session.to_owned(),
        url: Some(format!("https://stripe.example/{session}")),
    };
    assert!(saved_payment(m.ask(attach("cs_0"))).changed);
    assert!(!saved_payment(Ok(m.changes_nothing(attach("cs_9")))).changed, "a payment has one session");
    m.ask(paid(&trip)).expect("it is paid");
    let payment = m.payment(trip.payment_id);
    assert_eq!(payment.stripe_session_id.as_deref(), Some("cs_0"));
    assert_eq!(payment.checkout_url.as_deref(), Some("https://stripe.example/cs_0"));
    assert_eq!(payment.stripe_payment_intent.as_deref(), Some("pi_1"));
}

/// In the original, a checkout that was completed was taken for paid.
#[test]
fn b3_4_money_on_its_way_holds_the_seats_without_an_end() {
    let (mut m, walk, hike, trip) = ann_holds();
    let answer = saved_payment(m.ask(on_its_way(&trip)));
    assert_eq!((answer.status, answer.changed), (PaymentStatus::Processing, true));
    assert_eq!(m.statuses(&trip), [BookingStatus::Processing; 2]);
    assert_eq!(m.payment(trip.payment_id).processing_since, Some(m.now));
    assert_eq!(m.trip(trip.trip_id).status, TripStatus::Planning);
    m.changes_nothing(on_its_way(&trip));

    m.now = trip.expires_at;
    m.changes_nothing(ExpireHold { payment_id: trip.payment_id });
    assert_eq!((m.seats(walk), m.seats(hike)), ((0, 3), (0, 2)));

    m.ask(paid(&trip)).expect("the money came");
    assert_eq!(m.statuses(&trip), [BookingStatus::Confirmed; 2]);
    m.changes_nothing(on_its_way(&trip));
}

#[test]
fn another_amount_or_currency_confirms_nothing_and_is_flagged() {
    for (amount_minor, currency) in [(21_665, "usd"), (21_667, "usd"), (21_666, "eur"), (0, "usd")] {
        for is_processed in [false, true] {
            let (mut m, walk, hike, trip) = ann_holds();
            if is_processed {
                m.ask(on_its_way(&trip)).expect("checkout is done");
            }
            let answer = saved_payment(m.ask(Settle { amount_minor, currency: currency.into(), ..paid(&trip) }));
            assert_eq!((answer.status, answer.flag.as_deref()), (PaymentStatus::Processing, Some("AMOUNT_MISMATCH")));
            assert_eq!(m.statuses(&trip), [BookingStatus::Processing; 2]);
            assert_eq!((m.seats(walk), m.seats(hike)), ((0, 3), (0, 2)));
            assert_eq!(m.payment(trip.payment_id).received_minor, Some(amount_minor));
            assert_eq!(m.trip(trip.trip_id).status, TripStatus::Planning);
            // What came later under the same payment does not make it right, nor does its end come.
            m.changes_nothing(paid(&trip));
            m.now = trip.expires_at;
            m.changes_nothing(ExpireHold { payment_id: trip.payment_id });
        }
    }
}

#[test]
fn late_money_gets_its_seats_again_if_all_are_free() {
    let (mut m, walk, hike, trip) = anns_hold_has_ended();
    m.holds(BEN, &[(walk, 7)]); // as many as leave Ann hers
    let answer = saved_payment(m.ask(paid(&trip)));
    assert_eq!(answer.status, PaymentStatus::Succeeded);
    assert_eq!(m.statuses(&trip), [BookingStatus::Confirmed; 2]);
    assert_eq!((m.seats(walk), m.seats(hike)), ((3, 7), (2, 0)));
    assert_eq!((m.payment(trip.payment_id).reason, m.refunds(trip.payment_id)), (None, Vec::new()));
    assert_eq!(m.trip(trip.trip_id).status, TripStatus::Booked);
}

#[test]
fn money_in_the_last_moment_of_a_hold_needs_no_free_seat() {
    let (mut m, walk, _, trip) = ann_holds();
    m.sells_out(walk);
    m.now = trip.expires_at;
    m.ask(paid(&trip)).expect("it is paid");
    assert_eq!(m.statuses(&trip), [BookingStatus::Confirmed; 2]);
}

/// All of the money goes back, once, and no seat is taken.
#[track_caller]
fn goes_back(m: &mut Market, trip: &TripHeld, reason: &str) {
    let seats = trip.bookings.iter().map(|b| m.seats(b.slot_id)).collect::<Vec<_>>();
    let answer = saved_payment(m.ask(paid(trip)));
    assert_eq!((answer.status, answer.changed), (PaymentStatus::Refunding, true), "{reason}");
    assert_eq!(m.payment(trip.payment_id).reason.as_deref(), Some(reason));
    let [refund] = &m.refunds(trip.payment_id)[..] else { panic!("exactly one refund") };
    assert_eq!((refund.amount_minor, refund.booking_id), (trip.amount_minor, None));
    assert_eq!((refund.status, refund.reason.as_str()), (RefundStatus::Requested, reason));
    assert_eq!(trip.bookings.iter().map(|b| m.seats(b.slot_id)).collect::<Vec<_>>(), seats);
    assert!(m.statuses(trip).iter().all(|status| *status == BookingStatus::Expired));
    m.changes_nothing(paid(trip));
}

#[test]
fn late_money_goes_back_if_one_seat_of_one_slot_is_gone() {
    let (mut m, _, hike, trip) = anns_hold_has_ended();
    m.holds(BEN, &[(hike, 4)]);
    goes_back(&mut m, &trip, "seats_gone");
}

#[test]
fn late_money_goes_back_if_a_slot_cannot_be_sold_any_more() {
    let troubles: [fn(&mut Slot, jiff::Timestamp); 5] = [
        |s, _| s.status = SlotStatus::Cancelled,
        |s, _| s.status = SlotStatus::Inactive,
        |s, _| s.is_blocked = true,
        |s, now| s.starts_at = now,
        |s, now| (s.status, s.activates_at) = (SlotStatus::Scheduled, Some(now + jiff::SignedDuration::from_secs(1))),
    ];
    for trouble in troubles {
        let (mut m, _, hike, trip) = anns_hold_has_ended();
        let now = m.now;
        m.where_session(hike, |s| trouble(s, now));
        goes_back(&mut m, &trip, "seats_gone");
    }
}

#[test]
fn late_money_for_a_slot_named_twice_needs_all_its_seats() {
    let mut m = market();
    let walk = m.walk(5);
    let trip = m.holds(ANN, &[(walk, 2), (walk, 3)]);
    m.hold_ends(&trip);
    m.holds(BEN, &[(walk, 1)]);
    goes_back(&mut m, &trip, "seats_gone");
}

#[test]
fn late_money_goes_back_if_the_trip_has_another_payment() {
    for is_paid in [false, true] {
        let (mut m, walk, _, first) = anns_hold_has_ended();
        let again = HoldTrip { trip_id: Some(first.trip_id), ..hold(ANN, &[(walk, 1)]) };
        let second = held(m.ask(again));
        if is_paid {
            m.ask(paid(&second)).expect("it is paid");
        }
        goes_back(&mut m, &first, "trip_paid_otherwise");
        let expected = if is_paid { BookingStatus::Confirmed } else { BookingStatus::PendingPayment };
        assert_eq!(m.statuses(&second), [expected]);
    }
}

#[test]
fn an_earlier_attempt_that_failed_too_does_not_stand_in_the_way() {
    let (mut m, walk, _, first) = anns_hold_has_ended();
    let second = held(m.ask(HoldTrip { trip_id: Some(first.trip_id), ..hold(ANN, &[(walk, 1)]) }));
    m.hold_ends(&second);
    m.ask(paid(&first)).expect("it is paid");
    assert_eq!(m.statuses(&first), [BookingStatus::Confirmed; 2]);
}

#[test]
fn money_for_an_attempt_that_was_replaced_or_given_up_goes_back() {
    for reason in [ReleaseReason::Replaced, ReleaseReason::Operator] {
        let (mut m, _, _, trip) = ann_holds();
        m.ask(release(&trip, reason)).expect("it is released");
        goes_back(&mut m, &trip, "replaced");
    }
    for reason in [ReleaseReason::SessionExpired, ReleaseReason::PaymentFailed, ReleaseReason::CheckoutRefused] {
        let (mut m, _, _, trip) = ann_holds();
        m.ask(release(&trip, reason)).expect("it is released");
        m.ask(paid(&trip)).expect("it is paid");
        assert_eq!(m.statuses(&trip), [BookingStatus::Confirmed; 2], "{reason:?}");
    }
}

#[test]
fn late_money_of_another_amount_goes_back_as_it_came() {
    let (mut m, walk, _, trip) = anns_hold_has_ended();
    let answer = saved_payment(m.ask(Settle { amount_minor: 100, currency: "eur".into(), ..paid(&trip) }));
    assert_eq!(answer.status, PaymentStatus::Refunding);
    let [refund] = &m.refunds(trip.payment_id)[..] else { panic!("exactly one refund") };
    assert_eq!((refund.amount_minor, refund.reason.as_str()), (100, "amount_mismatch"));
    assert_eq!(m.payment(trip.payment_id).received_currency.as_deref(), Some("eur"));
    assert_eq!(m.seats(walk), (0, 0));
}

#[test]
fn late_news_of_no_money_sends_nothing_back() {
    let (mut m, _, _, trip) = anns_hold_has_ended();
    let answer = saved_payment(m.ask(Settle { amount_minor: 0, ..paid(&trip) }));
    assert_eq!(answer.status, PaymentStatus::Failed);
    assert_eq!(m.refunds(trip.payment_id), []);
}

#[test]
fn a_flag_is_raised_and_taken_down() {
    let (mut m, _, _, trip) = ann_holds();
    let flag = |flag: Option<&str>, dispute: Option<&str>| FlagPayment {
        payment_id: trip.payment_id,
        flag: flag.map(str::to_owned),
        stripe_dispute_id: dispute.map(str::to_owned),
    };
    let raised = flag(Some("DISPUTE"), Some("dp_1"));
    assert_eq!(saved_payment(m.ask(raised.clone())).flag.as_deref(), Some("DISPUTE"));
    m.changes_nothing(raised);
    assert_eq!(saved_payment(m.ask(flag(None, None))).flag, None);
    assert_eq!(m.payment(trip.payment_id).stripe_dispute_id.as_deref(), Some("dp_1"), "it is not forgotten");
    m.changes_nothing(flag(None, None));
    assert_eq!(m.events()[4..], ["payment.flagged", "payment.unflagged"]);
}
