//! Stories of repeated requests: law 4, and what happens without an `Idempotency-Key`.

use jiff::civil::date;
use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::decide::Stop;
use surehold_core::key::{derived, fingerprint};
use surehold_core::rows::*;

use crate::world::*;

#[test]
fn a_double_click_books_once() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 2);
    let exam = w.session(SJ);
    let first = w.ask(book(ANN, exam)).expect("booked");
    let second = w.ask(book(ANN, exam)).expect("booked");
    assert!(!first.replayed && second.replayed);
    assert_eq!(second.booking_status, Some(BookingStatus::Confirmed));
    assert_eq!(first.answer, second.answer);
    assert_eq!((w.slot(exam).taken, w.credits(ANN, "sj_credits")), (1, 1));
}

#[test]
fn a_double_click_is_answered_even_when_the_session_is_full_blocked_or_begun() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let exam = w.session(SJ);
    booked(w.ask(book(ANN, exam)));
    w.where_session(exam, |s| (s.capacity, s.is_blocked, s.status) = (1, true, SlotStatus::Cancelled));
    w.now = w.slot(exam).ends_at;
    assert!(w.ask(book(ANN, exam)).expect("answered").replayed);
}

/// In the originals, rebooking within five minutes found the old key and said "success" with no booking.
#[test]
fn a8_04_book_cancel_book_makes_a_new_booking_under_a_new_key() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let exam = w.session(SJ);
    let first = booked(w.ask(book(ANN, exam)));
    cancelled(w.ask(cancel(first.booking_id)));
    let again = w.ask(book(ANN, exam)).expect("booked");
    assert!(!again.replayed);
    let second = booked(Ok(again));
    assert_ne!(first.booking_id, second.booking_id);
    assert_eq!(first.code, second.code, "the human ID repeats");
    assert_eq!((w.slot(exam).taken, w.credits(ANN, "sj_credits")), (1, 0));

    let keys = w.keys();
    assert_eq!(keys[0], derived(Family::MockExam, ANN, exam, 0));
    assert_eq!(keys[2], derived(Family::MockExam, ANN, exam, 1));
}

#[test]
fn derived_keys_of_discussions_have_their_own_form() {
    let mut w = world();
    w.has_credits(ANN, "mock_discussion_token", 1);
    let discussion = w.session(DISCUSSION);
    booked(w.ask(book(ANN, discussion)));
    assert_eq!(w.keys(), [derived(Family::MockDiscussion, ANN, discussion, 0)]);
    assert!(w.keys()[0].starts_with("idem_disc_"));
}

#[test]
fn a_given_key_is_kept_as_it_is() {
    let mut w = world();
    let exam = w.session(SJ);
    booked(w.ask_with_key("from the caller", override_for(ANN, exam)));
    assert_eq!(w.keys(), ["from the caller"]);
}

#[test]
fn equal_keys_in_one_batch_are_replays() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 2);
    let exam = w.session(SJ);
    let first = w.ask_with_key("k", book(ANN, exam)).expect("booked");
    let second = w.ask_with_key("k", book(ANN, exam)).expect("booked");
    assert!(!first.replayed && second.replayed);
    assert_eq!(first.answer, second.answer);

    let taken = w.ask_with_key("w", withhold(exam, 2)).expect("withheld");
    let again = w.ask_with_key("w", withhold(exam, 2)).expect("withheld");
    assert!(again.replayed && taken.answer == again.answer);
    assert_eq!((w.slot(exam).taken, w.slot(exam).withheld, w.credits(ANN, "sj_credits")), (1, 2, 1));
}

#[test]
fn the_same_key_for_another_request_is_refused() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 2);
    let (exam, other) = (w.session(SJ), w.session_on(SJ, date(2026, 10, 24)));
    booked(w.ask_with_key("k", book(ANN, exam)));
    assert_eq!(refusal(w.ask_with_key("k", book(ANN, other))), Refusal::IdempotencyMismatch);
    assert_eq!(refusal(w.ask_with_key("k", Book { guests: 2, ..book(ANN, exam) })), Refusal::IdempotencyMismatch);
    assert_eq!(refusal(w.ask_with_key("k", withhold(exam, 1))), Refusal::IdempotencyMismatch);
}

#[test]
fn keys_of_two_principals_are_two_keys() {
    let mut w = world();
    let (exam, other) = (w.session(SJ), w.session(CS));
    booked(w.ask_with_key("k", override_for(ANN, exam)));
    let request = w.request("student:ben", Some("k"), override_for(BEN, other));
    assert!(!w.decide(&request).expect("booked").replayed);
}

#[test]
fn what_the_caller_believes_of_the_session_is_not_part_of_the_request() {
    let mut w = world();
    let exam = w.session(SJ);
    booked(w.ask_with_key("k", override_for(ANN, exam)));
    let expected = ExpectedSlot { local_date: Some(the_day()), ..ExpectedSlot::default() };
    assert!(w.ask_with_key("k", Book { expected, ..override_for(ANN, exam) }).expect("a replay").replayed);
}

#[test]
fn another_key_for_a_session_already_booked_is_a_duplicate() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 2);
    let exam = w.session(SJ);
    let first = booked(w.ask(book(ANN, exam)));
    assert_eq!(
        refusal(w.ask_with_key("another", book(ANN, exam))),
        Refusal::DuplicateBooking { booking_id: first.booking_id, code: first.code }
    );
}

#[test]
fn a_replay_shows_the_present_status() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let exam = w.session(SJ);
    let first = w.ask_with_key("k", book(ANN, exam)).expect("booked");
    let id = booked(Ok(first.clone())).booking_id;
    cancelled(w.ask(cancel(id)));
    let replay = w.ask_with_key("k", book(ANN, exam)).expect("a replay");
    assert!(replay.replayed);
    assert_eq!((replay.answer, replay.booking_status), (first.answer, Some(BookingStatus::Cancelled)));
}

#[test]
fn a_replay_of_a_booking_that_is_not_loaded_shows_the_status_that_came_with_its_key() {
    let mut w = world();
    let exam = w.session(SJ);
    let request = override_for(ANN, exam);
    let outcome = w.ask(request.clone()).expect("booked");
    let remembered = Remembered {
        command_id: NOBODY,
        fingerprint: fingerprint(&request.clone().command()),
        answer: outcome.answer,
        booking_status: Some(BookingStatus::NoShow),
    };

    let mut tomorrow = world();
    tomorrow.ledger.load_remembered(PORTAL.into(), "k".to_owned(), remembered);
    let replay = tomorrow.ask_with_key("k", request).expect("a replay");
    assert_eq!((replay.replayed, replay.booking_status), (true, Some(BookingStatus::NoShow)));
}

#[test]
fn a_refusal_is_not_remembered() {
    let mut w = world();
    let exam = w.session(SJ);
    assert_eq!(code(w.ask_with_key("k", book(ANN, exam))), "INSUFFICIENT_CREDITS");
    w.has_credits(ANN, "sj_credits", 1);
    assert!(!w.ask_with_key("k", book(ANN, exam)).expect("booked").replayed);
}

#[test]
fn own_work_after_a_lost_answer_is_not_a_replay() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 2);
    let exam = w.session(SJ);
    for key in [None, Some("k")] {
        let contact = if key.is_some() { BEN } else { ANN };
        let request = w.request(PORTAL, key, override_for(contact, exam));
        let first = w.decide(&request).expect("booked");
        let written = w.ledger.writes().clone();
        let again = w.decide(&request).expect("found again");
        assert_eq!(first, again);
        assert!(!again.replayed);
        assert_eq!(*w.ledger.writes(), written);
    }
    let request = w.request(PORTAL, None, withhold(exam, 1));
    let first = w.decide(&request);
    assert_eq!(first, w.decide(&request));
    assert_eq!(w.slot(exam).withheld, 1);
}

#[test]
fn commands_without_a_key_are_each_carried_out() {
    let mut w = world();
    let exam = w.session(SJ);
    saved(w.ask(withhold(exam, 1)));
    saved(w.ask(withhold(exam, 1)));
    assert_eq!(w.slot(exam).withheld, 2);
}

#[test]
fn a_booking_whose_rows_are_not_locked_is_resolved_again() {
    let mut w = world();
    let (exam, other) = (w.session(SJ), w.session_on(SJ, date(2026, 10, 24)));
    let here = w.is_booked(ANN, exam);
    // Moved away since its slot was looked up; or merged into a contact that is not locked.
    let moved = w.is_booked(BEN, other);
    w.where_booking(moved, |b| b.slot_id = NOBODY);
    let mut given_away = w.booking(here);
    (given_away.id, given_away.contact_id) = (w.fresh_id(), NOBODY);
    w.ledger.load_booking(given_away.clone());

    for id in [moved, given_away.id] {
        assert_eq!(w.ask(cancel(id)), Err(Stop::ResolveAgain));
        assert_eq!(w.ask(move_to(exam, id)), Err(Stop::ResolveAgain));
        assert_eq!(w.ask(mark(id, Attendance::Yes)), Err(Stop::ResolveAgain));
        assert_eq!(w.ask(refund(id)), Err(Stop::ResolveAgain));
    }
    assert!(w.ledger.writes().is_empty());
}

#[test]
fn two_requests_that_differ_have_two_fingerprints() {
    let exam = NOBODY;
    let requests = [
        change(exam).command(),
        ChangeSlot { capacity: Some(1), ..change(exam) }.command(),
        ChangeSlot { blocked: Some(Some("flood".to_owned())), ..change(exam) }.command(),
        withhold(exam, 1).command(),
        withhold(exam, -1).command(),
        book(ANN, exam).command(),
        book(BEN, exam).command(),
        override_for(ANN, exam).command(),
        Book { pay: Pay::Credit { only: Some("sj_credits".into()) }, ..book(ANN, exam) }.command(),
        cancel(exam).command(),
        cancel_by_operator(exam).command(),
        refund(exam).command(),
        mark(exam, None).command(),
        mark(exam, Attendance::Yes).command(),
    ];
    all_differ(&requests);
}

#[test]
fn to_leave_a_field_and_to_clear_it_are_two_requests() {
    let exam = NOBODY;
    all_differ(&[
        change(exam).command(),
        ChangeSlot { blocked: Some(None), ..change(exam) }.command(),
        ChangeSlot { location: Some(None), ..change(exam) }.command(),
        ChangeSlot { mock_set: Some(None), ..change(exam) }.command(),
    ]);
    let forget = ChangeContact { ndecc_exam_date: Some(None), ..change_contact(ANN) };
    all_differ(&[change_contact(ANN).command(), forget.command()]);
}

#[track_caller]
fn all_differ(requests: &[surehold_core::Command]) {
    for (i, one) in requests.iter().enumerate() {
        for other in &requests[i + 1..] {
            assert_ne!(fingerprint(one), fingerprint(other), "{one:?} and {other:?}");
        }
    }
}

#[test]
fn a_request_that_changed_nothing_changes_nothing_later() {
    let mut w = world();
    let take_all = AdjustCredits { stop_at_zero: true, ..adjust(ANN, &[("sj_credits", -5)]) };
    let first = w.ask_with_key("k", take_all.clone()).expect("nothing to take");
    w.ask(adjust(ANN, &[("sj_credits", 3)])).expect("granted");
    let again = w.ask_with_key("k", take_all).expect("the same answer");
    assert_eq!((again.answer, w.credits(ANN, "sj_credits")), (first.answer, 3));
}
