//! Stories of operators: opening and changing sessions, and seats out of sale.

use jiff::civil::date;
use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::ledger::RowWrite;
use surehold_core::rows::*;

use crate::world::*;

#[test]
fn a_session_is_opened_as_asked() {
    let mut w = world();
    let required = w.session(SJ);
    let opens = at("2026-10-10T09:00:00Z");
    let answer = saved(w.ask(OpenSlot {
        capacity: 8,
        withheld: 3,
        status: SlotStatus::Scheduled,
        activates_at: Some(opens),
        prerequisites: vec![required],
        hubspot_id: Some("4711".to_owned()),
        ..open(DISCUSSION, the_day())
    }));
    assert_eq!((answer.version, answer.withheld, answer.available, answer.changed), (1, 3, 5, true));
    let slot = w.slot(answer.slot_id);
    assert_eq!((slot.offering_id, slot.capacity, slot.taken, slot.held), (DISCUSSION, 8, 0, 0));
    assert_eq!((slot.status, slot.activates_at, slot.local_date), (SlotStatus::Scheduled, Some(opens), the_day()));
    let writes = w.ledger.writes();
    assert_eq!(writes.slots[&slot.id], RowWrite::Insert);
    assert_eq!(writes.hubspot_links, [(Entity::Slot, slot.id, "4711".to_owned())]);
    assert_eq!(w.events(), ["slot.opened"]);
}

#[test]
fn a_session_that_was_opened_in_this_batch_can_be_booked_and_changed_in_it() {
    let mut w = world();
    let exam = saved(w.ask(open(SJ, the_day()))).slot_id;
    booked(w.ask(override_for(ANN, exam)));
    saved(w.ask(ChangeSlot { capacity: Some(1), ..change(exam) }));
    assert_eq!(code(w.ask(override_for(BEN, exam))), "EXAM_FULL");
    assert_eq!(w.ledger.writes().slots[&exam], RowWrite::Insert);
    assert!(w.ledger.has_slot(exam));
}

#[test]
fn wrong_fields_of_a_new_session_are_all_named() {
    let mut w = world();
    let wrong = OpenSlot {
        capacity: 101,
        withheld: 102,
        status: SlotStatus::Scheduled,
        times: SlotTimes { ends_at: morning_of(the_day()).starts_at, ..morning_of(the_day()) },
        ..open(SJ, the_day())
    };
    let Refusal::Invalid(fields) = refusal(w.ask(wrong)) else { panic!() };
    assert_eq!(
        fields.into_keys().collect::<Vec<_>>(),
        ["capacity", "end_time", "scheduled_activation_datetime", "withheld"]
    );
    assert_eq!(code(w.ask(OpenSlot { status: SlotStatus::Cancelled, ..open(SJ, the_day()) })), "VALIDATION_ERROR");
    assert_eq!(code(w.ask(OpenSlot { withheld: -1, ..open(SJ, the_day()) })), "VALIDATION_ERROR");
}

#[test]
fn capacity_is_from_one_to_the_limit_of_the_organisation() {
    let mut w = world();
    let exam = w.session(SJ);
    for (capacity, fine) in [(-1, false), (0, false), (1, true), (100, true), (101, false)] {
        assert_eq!(w.ask(OpenSlot { capacity, ..open(SJ, the_day()) }).is_ok(), fine, "{capacity}");
        assert_eq!(w.ask(ChangeSlot { capacity: Some(capacity), ..change(exam) }).is_ok(), fine, "{capacity}");
    }
    w.ledger.org.slot_capacity_max = 500;
    saved(w.ask(ChangeSlot { capacity: Some(500), ..change(exam) }));
}

#[test]
fn capacity_never_goes_below_the_seats_in_use() {
    let mut w = world();
    let exam = w.session(SJ);
    w.where_session(exam, |s| (s.taken, s.held, s.withheld) = (2, 1, 1));
    let to = |capacity| ChangeSlot { capacity: Some(capacity), ..change(exam) };
    assert_eq!(refusal(w.ask(to(3))), Refusal::CapacityTooLow { in_use: 4 });
    let answer = saved(w.ask(to(4)));
    assert_eq!((answer.available, answer.withheld), (0, 1));
}

#[test]
fn a_cancelled_session_stays_cancelled() {
    let mut w = world();
    let exam = w.session(SJ);
    booked(w.ask(override_for(ANN, exam)));
    let to = |status| ChangeSlot { status: Some(status), ..change(exam) };
    saved(w.ask(to(SlotStatus::Cancelled)));
    assert_eq!(w.events().last(), Some(&"slot.cancelled"));
    for status in [SlotStatus::Active, SlotStatus::Inactive] {
        assert_eq!(refusal(w.ask(to(status))), Refusal::SlotCancelled);
    }
    assert!(!saved(w.ask(to(SlotStatus::Cancelled))).changed);
    assert_eq!(code(w.ask(override_for(BEN, exam))), "EXAM_NOT_ACTIVE");
    // Its bookings are cancelled by commands of their own.
    assert_eq!(w.slot(exam).taken, 1);
}

#[test]
fn date_and_time_do_not_change_under_a_booking() {
    let mut w = world();
    let exam = w.session(SJ);
    let later = ChangeSlot { times: Some(morning_of(date(2026, 10, 24))), ..change(exam) };
    let id = booked(w.ask(override_for(ANN, exam))).booking_id;
    assert_eq!(refusal(w.ask(later.clone())), Refusal::SlotHasBookings { bookings: 1 });
    // The same times again are no change.
    assert!(!saved(w.ask(ChangeSlot { times: Some(morning_of(the_day())), ..change(exam) })).changed);

    cancelled(w.ask(cancel(id)));
    saved(w.ask(later));
    assert_eq!(w.slot(exam).local_date, date(2026, 10, 24));

    w.where_session(exam, |s| s.held = 2);
    let back = ChangeSlot { times: Some(morning_of(the_day())), ..change(exam) };
    assert_eq!(refusal(w.ask(back)), Refusal::SlotHasBookings { bookings: 2 });
}

#[test]
fn the_local_date_does_not_change_under_a_booking() {
    let mut w = world();
    let exam = w.session(SJ);
    booked(w.ask(override_for(ANN, exam)));
    let times =
        SlotTimes { local_date: date(2026, 10, 24), time_zone: "Asia/Tokyo".to_owned(), ..morning_of(the_day()) };
    assert_eq!(
        refusal(w.ask(ChangeSlot { times: Some(times), ..change(exam) })),
        Refusal::SlotHasBookings { bookings: 1 }
    );
}

#[test]
fn an_edit_of_what_has_changed_is_a_conflict_and_bookings_are_none() {
    let mut w = world();
    let exam = w.session(SJ);
    w.where_session(exam, |s| s.edit_version = 5);
    let seen = |version, name: &str| ChangeSlot {
        expected_version: Some(version),
        name: Some(name.to_owned()),
        ..change(exam)
    };
    let id = booked(w.ask(override_for(ANN, exam))).booking_id;
    cancelled(w.ask(cancel(id)));
    saved(w.ask(withhold(exam, 1)));
    assert_eq!((w.slot(exam).edit_version, w.slot(exam).version), (5, 4));

    assert_eq!(saved(w.ask(seen(5, "first"))).version, 6);
    assert_eq!((w.slot(exam).edit_version, w.slot(exam).version), (6, 5));
    assert_eq!(refusal(w.ask(seen(5, "second"))), Refusal::VersionConflict { expected: 5, actual: 6 });
    assert_eq!(saved(w.ask(seen(6, "second"))).version, 7);
    assert_eq!(w.slot(exam).name, "second");
}

#[test]
fn seats_alone_are_a_small_write_and_an_edit_is_a_whole_one() {
    let mut w = world();
    let exam = w.session(SJ);
    booked(w.ask(override_for(ANN, exam)));
    assert_eq!(w.ledger.writes().slots[&exam], RowWrite::Seats);
    saved(w.ask(ChangeSlot { name: Some("other".to_owned()), ..change(exam) }));
    booked(w.ask(override_for(BEN, exam)));
    assert_eq!(w.ledger.writes().slots[&exam], RowWrite::Update);
}

#[test]
fn a_blocked_session_sells_again_when_unblocked() {
    let mut w = world();
    let exam = w.session(SJ);
    let blocked = |reason: Option<&str>| ChangeSlot { blocked: Some(reason.map(str::to_owned)), ..change(exam) };
    saved(w.ask(blocked(Some("flood"))));
    assert_eq!((w.slot(exam).is_blocked, w.slot(exam).blocked_reason.as_deref()), (true, Some("flood")));
    assert_eq!(refusal(w.ask(override_for(ANN, exam))), Refusal::SlotBlocked);
    saved(w.ask(blocked(None)));
    booked(w.ask(override_for(ANN, exam)));
    assert_eq!(w.events(), ["slot.blocked", "slot.unblocked", "booking.confirmed"]);
}

#[test]
fn an_edit_changes_what_it_names_and_nothing_else() {
    let mut w = world();
    let exam = w.session(SJ);
    let before = w.slot(exam);
    let written = w.ledger.writes().clone();
    assert!(!saved(w.ask(change(exam))).changed);
    assert_eq!(*w.ledger.writes(), written);

    let opens = at("2026-10-10T09:00:00Z");
    let other = w.session(SJ);
    saved(w.ask(ChangeSlot {
        location: Some(None),
        mock_set: Some(Some("B".to_owned())),
        status: Some(SlotStatus::Scheduled),
        activates_at: Some(opens),
        prerequisites: Some(vec![other]),
        ..change(exam)
    }));
    let expected = Slot {
        location: None,
        mock_set: Some("B".to_owned()),
        status: SlotStatus::Scheduled,
        activates_at: Some(opens),
        prerequisites: vec![other],
        version: 2,
        edit_version: 2,
        ..before
    };
    assert_eq!(w.slot(exam), expected);
}

#[test]
fn a_session_that_is_made_scheduled_needs_its_time() {
    let mut w = world();
    let exam = w.session(SJ);
    let scheduled = ChangeSlot { status: Some(SlotStatus::Scheduled), ..change(exam) };
    assert_eq!(code(w.ask(scheduled)), "VALIDATION_ERROR");
}

#[test]
fn a_session_cannot_require_itself_or_one_that_does_not_exist() {
    let mut w = world();
    let (exam, other) = (w.session(SJ), w.session(SJ));
    let requires = |ids| ChangeSlot { prerequisites: Some(ids), ..change(exam) };
    assert_eq!(code(w.ask(requires(vec![other, exam]))), "VALIDATION_ERROR");
    assert_eq!(code(w.ask(requires(vec![other, NOBODY]))), "VALIDATION_ERROR");
    saved(w.ask(requires(vec![other])));
    w.ledger.load_slot_seen(NOBODY); // it exists, without its lock
    saved(w.ask(requires(vec![other, NOBODY])));
}

#[test]
fn seats_are_withheld_and_released_within_bounds() {
    let mut w = world();
    let exam = w.session(SJ);
    w.where_session(exam, |s| (s.taken, s.held) = (4, 2));
    assert_eq!(refusal(w.ask(withhold(exam, 5))), Refusal::Full { requested: 5, available: 4 });
    let answer = saved(w.ask(withhold(exam, 4)));
    assert_eq!((answer.withheld, answer.available), (4, 0));
    assert_eq!(refusal(w.ask(withhold(exam, -5))), Refusal::ReleaseExceedsWithheld { withheld: 4 });
    assert_eq!(refusal(w.ask(withhold(exam, i32::MIN))), Refusal::ReleaseExceedsWithheld { withheld: 4 });
    assert_eq!(saved(w.ask(withhold(exam, -4))).available, 4);
    assert_eq!((w.slot(exam).taken, w.slot(exam).held, w.slot(exam).withheld), (4, 2, 0));
    assert_eq!(w.events(), ["slot.withheld", "slot.released"]);
    assert_eq!(code(w.ask(withhold(exam, 0))), "VALIDATION_ERROR");
}

#[test]
fn who_takes_seats_like_a_buyer_gets_what_is_on_sale_and_may_put_them_back_any_time() {
    let mut w = world();
    let exam = w.session(SJ);
    let like_a_buyer = |seats| Withhold { on_sale_only: true, ..withhold(exam, seats) };
    saved(w.ask(like_a_buyer(2)));
    w.where_session(exam, |s| s.is_blocked = true);
    assert_eq!(refusal(w.ask(like_a_buyer(1))), Refusal::SlotBlocked);
    assert_eq!(saved(w.ask(withhold(exam, 1))).withheld, 3, "an operator may");
    assert_eq!(saved(w.ask(like_a_buyer(-3))).withheld, 0);

    w.where_session(exam, |s| s.is_blocked = false);
    w.where_offering(SJ, |o| o.is_active = false);
    assert_eq!(refusal(w.ask(like_a_buyer(1))), Refusal::SlotNotActive { activates_at: None });
}

#[test]
fn an_experience_has_one_slot_per_start_and_a_cancelled_one_is_none() {
    let mut w = world();
    let tour = || OpenSlot { one_per_start: true, ..open(TOUR, the_day()) };
    let first = saved(w.ask(tour()));
    let again = saved(w.ask(OpenSlot { capacity: 3, ..tour() }));
    assert_eq!((again.slot_id, again.available, again.changed), (first.slot_id, 10, false));
    assert_eq!(w.events(), ["slot.opened"]);
    // Under a key, that answer is remembered, too.
    let keyed = saved(w.ask_with_key("k", tour()));
    assert_eq!((keyed.slot_id, keyed.changed), (first.slot_id, false));
    assert_eq!(w.events(), ["slot.opened", "request.unchanged"]);
    // Cancelled in this batch: the time is free again, but not for the repeat of that key.
    saved(w.ask(ChangeSlot { status: Some(SlotStatus::Cancelled), ..change(first.slot_id) }));
    assert_eq!(saved(w.ask_with_key("k", tour())).slot_id, first.slot_id);
    let second = saved(w.ask(tour()));
    assert!(second.changed && second.slot_id != first.slot_id);
    // Another date, another offering, and exams, which may begin together.
    assert!(saved(w.ask(OpenSlot { one_per_start: true, ..open(TOUR, date(2026, 11, 2)) })).changed);
    assert!(saved(w.ask(OpenSlot { one_per_start: true, ..open(SJ, the_day()) })).changed);
    assert!(saved(w.ask(open(SJ, the_day()))).changed);
}

#[test]
fn a_slot_that_another_batch_opened_is_seen_without_its_lock() {
    let mut w = world();
    let there = saved(w.ask(open(TOUR, the_day()))).slot_id;
    let slot = w.slot(there).clone();
    let mut w = world();
    w.ledger.load_unlocked_slot(slot);
    let answer = saved(w.ask(OpenSlot { one_per_start: true, ..open(TOUR, the_day()) }));
    assert_eq!((answer.slot_id, answer.changed), (there, false));
    assert_eq!(code(w.ask(change(there))), "EXAM_NOT_FOUND", "nothing else is decided on it");
}

#[test]
fn exam_routes_do_not_find_experiences() {
    let mut w = world();
    let tour = w.session(TOUR);
    for family in [Family::MockExam, Family::MockDiscussion] {
        let mut wanted = book(ANN, tour);
        wanted.expected.family = Some(family);
        assert_eq!(code(w.ask(wanted)), "EXAM_NOT_FOUND");
    }
}
