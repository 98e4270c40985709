//! Stories of moving a booking to another session of its type.

use jiff::civil::date;
use surehold_core::command::*;
use surehold_core::key::derived;
use surehold_core::outcome::*;
use surehold_core::rows::*;
use surehold_core::{Answer, Outcome, Refusal};
use uuid::Uuid;

use crate::world::*;

/// Ann has booked the first of two sessions, the second of which is two days later, with her only credit.
fn ann_has_booked() -> (World, Uuid, Uuid, Uuid) {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let (first, second) = (w.session(SJ), w.session_on(SJ, date(2026, 10, 25)));
    let id = booked(w.ask(book(ANN, first))).booking_id;
    (w, first, second, id)
}

fn moved(outcome: Outcome) -> Moved {
    match outcome.answer {
        Answer::Moved(moved) => moved,
        other => panic!("expected a move, got {other:?}"),
    }
}

/// The originals changed neither counter, checked no capacity and kept the old date in the booking ID.
#[test]
fn a8_13_a_move_takes_the_new_seat_frees_the_old_one_and_follows_the_date() {
    let (mut w, first, second, id) = ann_has_booked();
    let answer = moved(w.ask(move_to(second, id)).expect("moved"));
    assert_eq!(answer.code, "Situational Judgment-1599999-October 25, 2026");
    assert_eq!((answer.from_slot_id, answer.to_slot_id, answer.local_date), (first, second, date(2026, 10, 25)));
    assert_eq!((w.slot(first).taken, w.slot(second).taken), (0, 1));

    let booking = w.booking(id);
    assert_eq!((booking.slot_id, booking.booked_slot_id), (second, first));
    assert_eq!((&*booking.code, booking.exclusive_date), (&*answer.code, Some(date(2026, 10, 25))));
    assert_eq!((booking.credit_kind.as_deref(), booking.version), (Some("sj_credits"), 2));
    assert_eq!(w.ledger.writes().entries.len(), 1, "the same credit pays");
}

#[test]
fn a8_13_a_move_to_a_full_session_is_refused() {
    let (mut w, first, second, id) = ann_has_booked();
    w.where_session(second, |s| (s.capacity, s.withheld) = (2, 2));
    assert_eq!(refusal(w.ask(move_to(second, id))), Refusal::Full { requested: 1, available: 0 });
    assert_eq!((w.slot(first).taken, w.slot(second).taken), (1, 0));
}

#[test]
fn all_guests_move() {
    let mut w = world();
    let (first, second) = (w.session(SJ), w.session_on(SJ, date(2026, 10, 25)));
    let id = booked(w.ask(Book { guests: 3, ..override_for(ANN, first) })).booking_id;
    w.where_session(second, |s| s.capacity = 2);
    assert_eq!(refusal(w.ask(move_to(second, id))), Refusal::Full { requested: 3, available: 2 });
    w.where_session(second, |s| s.capacity = 3);
    moved(w.ask(move_to(second, id)).expect("moved"));
    assert_eq!((w.slot(first).taken, w.slot(second).taken), (0, 3));
}

#[test]
fn a_hold_stays_a_hold() {
    let (mut w, first, second, id) = ann_has_booked();
    w.where_booking(id, |b| b.status = BookingStatus::PendingPayment);
    w.where_session(first, |s| (s.taken, s.held) = (0, 1));
    moved(w.ask(move_to(second, id)).expect("moved"));
    assert_eq!((w.slot(first).held, w.slot(second).held, w.slot(second).taken), (0, 1, 0));
}

#[test]
fn a_move_to_the_same_session_is_no_move() {
    let (mut w, first, _, id) = ann_has_booked();
    w.where_session(first, |s| (s.is_blocked, s.capacity) = (true, 1));
    let written = w.ledger.writes().clone();
    let answer = moved(w.ask(move_to(first, id)).expect("nothing to do"));
    assert_eq!((answer.from_slot_id, answer.to_slot_id), (first, first));
    assert_eq!(*w.ledger.writes(), written);
    assert_eq!(w.slot(first).taken, 1);
}

#[test]
fn a_move_within_the_day_does_not_clash_with_itself() {
    let (mut w, _, _, id) = ann_has_booked();
    let afternoon = w.session(SJ);
    moved(w.ask(move_to(afternoon, id)).expect("moved"));
}

#[test]
fn a_move_onto_a_day_with_another_booking_of_the_type_is_refused() {
    let (mut w, _, second, id) = ann_has_booked();
    let other = w.session_on(SJ, date(2026, 10, 25));
    let there = w.is_booked(ANN, other);
    w.is_booked(BEN, second); // somebody else's booking does not matter
    assert!(matches!(
        refusal(w.ask(move_to(second, id))),
        Refusal::DuplicateBooking { booking_id, .. } if booking_id == there
    ));
    w.ask(cancel(there)).expect("cancelled");
    moved(w.ask(move_to(second, id)).expect("moved"));
}

#[test]
fn a_move_onto_a_tour_that_is_booked_already_is_refused() {
    let mut w = world();
    let (first, second) = (w.session(TOUR), w.session(TOUR));
    let id = w.is_booked(ANN, first);
    let there = w.is_booked(ANN, second);
    assert!(matches!(
        refusal(w.ask(move_to(second, id))),
        Refusal::DuplicateBooking { booking_id, .. } if booking_id == there
    ));
}

#[test]
fn after_a_move_the_first_session_can_be_booked_again_under_a_fresh_key() {
    let (mut w, first, second, id) = ann_has_booked();
    moved(w.ask(move_to(second, id)).expect("moved"));
    w.has_credits(ANN, "sj_credits", 1);
    let again = w.ask(book(ANN, first)).expect("booked");
    assert!(!again.replayed);
    assert_ne!(booked(Ok(again)).booking_id, id);
    assert_eq!((w.slot(first).taken, w.slot(second).taken), (1, 1));

    let keys = w.keys();
    assert_eq!(keys[0], derived(Family::MockExam, ANN, first, 0));
    assert_eq!(keys[2], derived(Family::MockExam, ANN, first, 1));
}

#[test]
fn after_a_move_the_old_day_is_free_and_the_new_one_is_not() {
    let (mut w, _, second, id) = ann_has_booked();
    moved(w.ask(move_to(second, id)).expect("moved"));
    w.has_credits(ANN, "sj_credits", 2);
    let (old_day, new_day) = (w.session(SJ), w.session_on(SJ, date(2026, 10, 25)));
    booked(w.ask(book(ANN, old_day)));
    assert_eq!(code(w.ask(book(ANN, new_day))), "DUPLICATE_BOOKING");
    assert!(w.ask(book(ANN, second)).expect("it is booked").replayed, "the moved booking is the answer");
}

#[test]
fn a_moved_booking_that_is_cancelled_frees_the_new_session() {
    let (mut w, first, second, id) = ann_has_booked();
    moved(w.ask(move_to(second, id)).expect("moved"));
    assert_eq!(cancelled(w.ask(cancel(id))).slot_id, second);
    assert_eq!((w.slot(first).taken, w.slot(second).taken, w.credits(ANN, "sj_credits")), (0, 0, 1));

    // Booked anew where it was moved to, which no booking was made for: the first derived key there.
    assert!(!w.ask(book(ANN, second)).expect("booked").replayed);
    assert_eq!(w.keys().last(), Some(&derived(Family::MockExam, ANN, second, 0)));
}

#[test]
fn the_cut_off_is_that_of_the_session_it_moved_to() {
    let (mut w, first, second, id) = ann_has_booked();
    moved(w.ask(move_to(second, id)).expect("moved"));
    w.now = w.slot(first).ends_at;
    cancelled(w.ask(cancel(id)));
}

#[test]
fn there_and_back_again() {
    let (mut w, first, second, id) = ann_has_booked();
    for (to, version) in [(second, 2), (first, 3), (second, 4)] {
        moved(w.ask(move_to(to, id)).expect("moved"));
        assert_eq!(w.booking(id).version, version);
    }
    assert_eq!((w.slot(first).taken, w.slot(second).taken), (0, 1));
}

#[test]
fn a_bk_code_keeps_its_last_part() {
    let mut w = world();
    let (first, second) = (w.session(TOUR), w.session_on(TOUR, date(2026, 10, 25)));
    let before = booked(w.ask(override_for(ANN, first)));
    let after = moved(w.ask(move_to(second, before.booking_id)).expect("moved"));
    assert_eq!(before.code.strip_prefix("BK-20261023-"), after.code.strip_prefix("BK-20261025-"));
    assert_eq!(w.booking(before.booking_id).exclusive_date, None);
}

#[test]
fn a_session_without_a_date_of_sale_names_none() {
    let (mut w, _, second, id) = ann_has_booked();
    w.where_session(second, |s| {
        (s.status, s.activates_at) = (SlotStatus::Inactive, Some(at("2026-09-01T00:00:00Z")));
    });
    assert_eq!(refusal(w.ask(move_to(second, id))), Refusal::SlotNotActive { activates_at: None });
}

#[test]
fn the_session_that_a_booking_leaves_is_not_attended() {
    let (mut w, first, second, id) = ann_has_booked();
    w.where_session(second, |s| s.prerequisites = vec![first]);
    assert_eq!(refusal(w.ask(move_to(second, id))), Refusal::PrerequisiteNotMet { missing: vec![first], required: 1 });
}

#[test]
fn a_code_that_the_caller_wanted_kept_is_kept() {
    let mut w = world();
    let (first, second) = (w.session(SJ), w.session_on(SJ, date(2026, 10, 25)));
    let own = Book { code: Some("from the old system".to_owned()), ..override_for(ANN, first) };
    let id = booked(w.ask(own)).booking_id;
    assert_eq!(moved(w.ask(move_to(second, id)).expect("moved")).code, "from the old system");
}
