//! Stories of giving up: cancel, refund and attendance, and the one credit that comes back.

use surehold_core::command::*;
use surehold_core::rows::*;
use surehold_core::{Answer, Refusal};
use uuid::Uuid;

use crate::world::*;

/// Ann has booked a session with her only credit.
fn ann_has_booked() -> (World, Uuid, Uuid) {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let exam = w.session(SJ);
    let id = booked(w.ask(book(ANN, exam))).booking_id;
    (w, exam, id)
}

#[test]
fn cancelling_gives_seat_and_credit_back() {
    let (mut w, exam, id) = ann_has_booked();
    let answer = cancelled(w.ask(cancel(id)));
    assert_eq!((answer.credits_returned, answer.returned_kind.as_deref()), (1, Some("sj_credits")));
    assert_eq!((answer.balance, answer.cancelled_at, answer.already), (Some(1), w.now, false));
    assert_eq!((w.slot(exam).taken, w.credits(ANN, "sj_credits")), (0, 1));

    let booking = w.booking(id);
    assert_eq!((booking.status, booking.version), (BookingStatus::Cancelled, 2));
    assert_eq!((booking.cancelled_at, booking.cancelled_by.as_deref()), (Some(w.now), Some(PORTAL)));
    assert_eq!((booking.credit_returned_at, booking.returned_kind.as_deref()), (Some(w.now), Some("sj_credits")));
    assert_eq!(w.events(), ["booking.confirmed", "booking.cancelled"]);
}

#[test]
fn a8_06_a_second_cancel_gives_no_second_credit() {
    let (mut w, exam, id) = ann_has_booked();
    let first = cancelled(w.ask(cancel(id)));
    let written = w.ledger.writes().clone();
    w.now = w.slot(exam).ends_at; // too late by now, but it is done already
    let second = w.ask(cancel(id)).expect("cancelled before");
    assert_eq!(second.booking_status, Some(BookingStatus::Cancelled));
    let second = cancelled(Ok(second));
    assert!(second.already);
    assert_eq!((second.cancelled_at, second.credits_returned), (first.cancelled_at, 0));
    assert_eq!((w.slot(exam).taken, w.credits(ANN, "sj_credits")), (0, 1));
    assert_eq!(*w.ledger.writes(), written);
}

/// The originals gave the credit back by the exam's type, or overwrote the shared pot with 0.
#[test]
fn a8_12_the_credit_comes_back_to_the_pot_that_paid() {
    let mut w = world();
    w.has_credits(ANN, "shared_mock_credits", 3);
    let exam = w.session(CS);
    let id = booked(w.ask(book(ANN, exam))).booking_id;
    w.has_credits(ANN, "cs_credits", 1);
    assert_eq!(cancelled(w.ask(cancel(id))).returned_kind.as_deref(), Some("shared_mock_credits"));
    assert_eq!((w.credits(ANN, "shared_mock_credits"), w.credits(ANN, "cs_credits")), (3, 1));
}

#[test]
fn all_guests_are_given_back() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 3);
    let exam = w.session(SJ);
    let id = booked(w.ask(Book { guests: 3, ..book(ANN, exam) })).booking_id;
    assert_eq!(cancelled(w.ask(cancel(id))).credits_returned, 3);
    assert_eq!((w.slot(exam).taken, w.credits(ANN, "sj_credits")), (0, 3));
}

#[test]
fn a_cancelled_override_gives_only_its_seat_back() {
    let mut w = world();
    let exam = w.session(SJ);
    let id = booked(w.ask(override_for(ANN, exam))).booking_id;
    let answer = cancelled(w.ask(cancel(id)));
    assert_eq!((answer.credits_returned, answer.returned_kind, answer.balance), (0, None, None));
    assert!(w.ledger.writes().entries.is_empty());
    assert_eq!(w.slot(exam).taken, 0);
    let kind = Some("sj_credits".into());
    assert_eq!(refusal(w.ask(RefundCredit { kind, ..refund(id) })), Refusal::NothingToRefund);
}

#[test]
fn a_student_may_cancel_until_the_cut_off_and_an_operator_always() {
    let (mut w, exam, id) = ann_has_booked();
    w.where_offering(SJ, |o| o.cancel_cutoff_minutes = 90);
    let until = minutes_before(w.slot(exam).starts_at, 90);
    w.now = until;
    assert_eq!(refusal(w.ask(cancel(id))), Refusal::CancelTooLate { until });
    let mut early = w.now;
    early -= jiff::SignedDuration::from_micros(1);
    w.now = early;
    cancelled(w.ask(cancel(id)));

    let (mut w, exam, id) = ann_has_booked();
    w.now = w.slot(exam).starts_at;
    assert_eq!(code(w.ask(cancel(id))), "CANCEL_TOO_LATE", "the default is the start");
    w.now = w.slot(exam).ends_at;
    assert_eq!(cancelled(w.ask(cancel_by_operator(id))).credits_returned, 1);
}

#[test]
fn who_cancelled_is_the_person_that_the_key_acts_for() {
    let (mut w, _, id) = ann_has_booked();
    let mut request = w.request(PORTAL, None, cancel(id));
    request.on_behalf_of = Some("admin@example.org".to_owned());
    w.decide(&request).expect("cancelled");
    assert_eq!(w.booking(id).cancelled_by.as_deref(), Some("admin@example.org"));
}

#[test]
fn a_hold_gives_its_held_seats_back() {
    let mut w = world();
    let exam = w.session(SJ);
    let id = w.is_booked(ANN, exam);
    w.where_booking(id, |b| b.status = BookingStatus::PendingPayment);
    w.where_session(exam, |s| (s.taken, s.held) = (2, 1));
    cancelled(w.ask(cancel(id)));
    assert_eq!((w.slot(exam).taken, w.slot(exam).held), (2, 0));
}

#[test]
fn a8_12_an_active_booking_is_not_refunded() {
    let (mut w, _, id) = ann_has_booked();
    assert_eq!(refusal(w.ask(refund(id))), Refusal::BookingActive);
    assert_eq!(w.credits(ANN, "sj_credits"), 0);
}

/// The originals gave one credit per contact, and lost the shared ones.
#[test]
fn a8_12_two_refunds_of_one_contact_give_two_credits() {
    let mut w = world();
    w.has_credits(ANN, "shared_mock_credits", 2);
    let (sj, cs) = (w.session(SJ), w.session(CS));
    for exam in [sj, cs] {
        let id = booked(w.ask(book(ANN, exam))).booking_id;
        cancelled(w.ask(Cancel { return_credit: false, ..cancel(id) }));
        let Answer::Refunded(answer) = w.ask(refund(id)).expect("refunded").answer else { panic!() };
        assert_eq!((&*answer.kind, answer.credits), ("shared_mock_credits", 1));
    }
    assert_eq!(w.credits(ANN, "shared_mock_credits"), 2);
}

#[test]
fn cancel_and_refund_in_any_order_return_one_credit() {
    let attended = |w: &mut World, id| drop(w.ask(mark(id, Attendance::Yes)).expect("it can be marked"));

    // Cancel, then refund.
    let (mut w, _, id) = ann_has_booked();
    cancelled(w.ask(cancel(id)));
    assert_eq!(refusal(w.ask(refund(id))), Refusal::AlreadyRefunded { at: w.now });
    assert_eq!(w.credits(ANN, "sj_credits"), 1);

    // Refund of an attended booking, then cancel, then refund again.
    let (mut w, exam, id) = ann_has_booked();
    attended(&mut w, id);
    w.ask(refund(id)).expect("refunded");
    let answer = cancelled(w.ask(cancel_by_operator(id)));
    assert_eq!((answer.credits_returned, answer.returned_kind), (0, None));
    assert_eq!(code(w.ask(refund(id))), "ALREADY_REFUNDED");
    assert_eq!((w.slot(exam).taken, w.credits(ANN, "sj_credits")), (0, 1));

    // Cancel without credit, refund, cancel again.
    let (mut w, _, id) = ann_has_booked();
    assert_eq!(cancelled(w.ask(Cancel { return_credit: false, ..cancel(id) })).credits_returned, 0);
    assert_eq!(w.credits(ANN, "sj_credits"), 0);
    w.ask(refund(id)).expect("refunded");
    assert!(cancelled(w.ask(cancel(id))).already);
    assert_eq!(w.credits(ANN, "sj_credits"), 1);
}

#[test]
fn a_refund_goes_to_another_pot_when_the_operator_says_so() {
    let (mut w, _, id) = ann_has_booked();
    cancelled(w.ask(Cancel { return_credit: false, ..cancel(id) }));
    let mut request = w.request(PORTAL, None, RefundCredit { kind: Some("cs_credits".into()), ..refund(id) });
    request.on_behalf_of = Some("admin@example.org".to_owned());
    w.decide(&request).expect("refunded");
    assert_eq!((w.credits(ANN, "cs_credits"), w.credits(ANN, "sj_credits")), (1, 0));
    let booking = w.booking(id);
    assert_eq!(booking.returned_kind.as_deref(), Some("cs_credits"));
    assert_eq!(booking.refunded_by.as_deref(), Some("admin@example.org"));
    assert_eq!(booking.status, BookingStatus::Cancelled);
}

#[test]
fn attendance_keeps_the_seat() {
    let (mut w, exam, id) = ann_has_booked();
    for (attendance, status, version) in [
        (Some(Attendance::Yes), BookingStatus::Completed, 2),
        (Some(Attendance::No), BookingStatus::NoShow, 3),
        (None, BookingStatus::Confirmed, 4),
    ] {
        let outcome = w.ask(mark(id, attendance)).expect("it can be marked");
        assert_eq!(outcome.booking_status, Some(status));
        let booking = w.booking(id);
        assert_eq!((booking.status, booking.attendance, booking.version), (status, attendance, version));
        assert_eq!((w.slot(exam).taken, w.slot(exam).held), (1, 0));

        let written = w.ledger.writes().clone();
        w.ask(mark(id, attendance)).expect("it is marked so already");
        assert_eq!(*w.ledger.writes(), written);
    }
    cancelled(w.ask(cancel(id)));
    let no = refusal(w.ask(mark(id, Attendance::Yes)));
    assert_eq!(no, Refusal::BookingNotActive { status: BookingStatus::Cancelled });
}

#[test]
fn an_attended_booking_can_be_refunded_once() {
    for attendance in [Attendance::Yes, Attendance::No] {
        let (mut w, exam, id) = ann_has_booked();
        w.ask(mark(id, attendance)).expect("it can be marked");
        w.ask(refund(id)).expect("refunded");
        assert_eq!(code(w.ask(refund(id))), "ALREADY_REFUNDED");
        assert_eq!((w.slot(exam).taken, w.credits(ANN, "sj_credits")), (1, 1));
    }
}

#[test]
fn a_refunded_booking_does_not_become_active_again() {
    let (mut w, _, id) = ann_has_booked();
    w.ask(mark(id, Attendance::No)).expect("it can be marked");
    w.ask(refund(id)).expect("refunded");
    assert_eq!(refusal(w.ask(mark(id, None))), Refusal::AlreadyRefunded { at: w.now });
}
