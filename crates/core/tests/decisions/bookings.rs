//! Stories of booking: what pays, what a booking is called, and who may not book.

use jiff::civil::date;
use surehold_core::Refusal;
use surehold_core::command::*;
use surehold_core::rows::*;

use crate::world::*;

#[test]
fn the_specific_credit_is_drawn_before_the_shared_one() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    w.has_credits(ANN, "shared_mock_credits", 1);
    let (first, second) = (w.session(SJ), w.session_on(SJ, date(2026, 10, 24)));

    let booking = booked(w.ask(book(ANN, first)));
    assert_eq!(
        (booking.credit_kind.as_deref(), booking.token_used.as_deref(), booking.balance),
        (Some("sj_credits"), Some("Situational Judgment Token"), Some(0))
    );
    let booking = booked(w.ask(book(ANN, second)));
    assert_eq!(
        (booking.credit_kind.as_deref(), booking.token_used.as_deref(), booking.balance),
        (Some("shared_mock_credits"), Some("Shared Token"), Some(0))
    );
}

#[test]
fn each_type_shows_the_token_that_paid() {
    for (offering, kind, label) in [
        (SJ, "sj_credits", "Situational Judgment Token"),
        (CS, "cs_credits", "Clinical Skills Token"),
        (MINI, "sjmini_credits", "Mini-mock Token"),
        (DISCUSSION, "mock_discussion_token", "Mock Discussion Token"),
        (SJ, "shared_mock_credits", "Shared Token"),
        (CS, "shared_mock_credits", "Shared Token"),
    ] {
        let mut w = world();
        w.has_credits(ANN, kind, 1);
        let exam = w.session(offering);
        let booking = booked(w.ask(book(ANN, exam)));
        assert_eq!((booking.credit_kind.as_deref(), booking.token_used.as_deref()), (Some(kind), Some(label)));
        assert_eq!(w.booking(booking.booking_id).paid_by, PaidBy::Credit);
        assert_eq!(w.credits(ANN, kind), 0);
    }
}

#[test]
fn mini_mocks_and_discussions_never_draw_shared_credits() {
    for (offering, kind) in [(MINI, "sjmini_credits"), (DISCUSSION, "mock_discussion_token")] {
        let mut w = world();
        for (other, _) in KINDS.iter().filter(|(other, _)| *other != kind) {
            w.has_credits(ANN, other, 9);
        }
        let exam = w.session(offering);
        assert_eq!(
            refusal(w.ask(book(ANN, exam))),
            Refusal::InsufficientCredits { needed: 1, available: 0, kinds: vec![kind.into()] }
        );
    }
}

#[test]
fn the_caller_may_choose_among_the_kinds_of_the_policy() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    w.has_credits(ANN, "shared_mock_credits", 1);
    let exam = w.session(SJ);
    let with = |kind: &str| Book { pay: Pay::Credit { only: Some(kind.into()) }, ..book(ANN, exam) };
    assert_eq!(code(w.ask(with("cs_credits"))), "CREDIT_KIND_NOT_ALLOWED");
    assert_eq!(booked(w.ask(with("shared_mock_credits"))).token_used.as_deref(), Some("Shared Token"));
    assert_eq!(w.credits(ANN, "sj_credits"), 1);
}

#[test]
fn one_kind_pays_for_all_guests_of_a_booking() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    w.has_credits(ANN, "shared_mock_credits", 2);
    let exam = w.session(SJ);
    let booking = booked(w.ask(Book { guests: 2, ..book(ANN, exam) }));
    assert_eq!((booking.credit_kind.as_deref(), booking.balance), (Some("shared_mock_credits"), Some(0)));
    assert_eq!((w.credits(ANN, "sj_credits"), w.slot(exam).taken), (1, 2));
}

/// The originals wrote the balance that the caller had computed.
#[test]
fn a8_02_two_bookings_cost_two_credits() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 2);
    let (first, second) = (w.session(SJ), w.session_on(SJ, date(2026, 10, 24)));
    assert_eq!(booked(w.ask(book(ANN, first))).balance, Some(1));
    assert_eq!(booked(w.ask(book(ANN, second))).balance, Some(0));
    let deltas: Vec<_> = w.ledger.writes().entries.iter().map(|e| (e.delta, e.balance, e.reason)).collect();
    assert_eq!(deltas, [(-1, 1, EntryReason::Booking), (-1, 0, EntryReason::Booking)]);
}

#[test]
fn a8_03_the_last_seat_is_sold_once() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    w.has_credits(BEN, "sj_credits", 1);
    let exam = w.session(SJ);
    w.where_session(exam, |s| s.capacity = 1);
    booked(w.ask(book(ANN, exam)));
    assert_eq!(refusal(w.ask(book(BEN, exam))), Refusal::Full { requested: 1, available: 0 });
    assert_eq!((w.slot(exam).taken, w.credits(BEN, "sj_credits")), (1, 1));
}

#[test]
fn held_and_withheld_seats_are_not_for_sale() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 3);
    let exam = w.session(SJ);
    w.where_session(exam, |s| (s.capacity, s.taken, s.held, s.withheld) = (9, 2, 3, 2));
    let party = |guests| Book { guests, ..book(ANN, exam) };
    assert_eq!(refusal(w.ask(party(3))), Refusal::Full { requested: 3, available: 2 });
    booked(w.ask(party(2)));
    assert_eq!(w.slot(exam).available(), 0);
}

#[test]
fn booking_codes_say_type_student_and_local_day() {
    let mut w = world();
    let exam = w.session(CS);
    // Ten in the evening in Vancouver is the next day in UTC.
    w.where_session(exam, |s| s.starts_at = at("2026-10-24T05:00:00Z"));
    w.has_credits(ANN, "cs_credits", 1);
    assert_eq!(booked(w.ask(book(ANN, exam))).code, "Clinical Skills-1599999-October 23, 2026");

    let discussion = w.session_on(DISCUSSION, date(2026, 11, 3));
    assert_eq!(booked(w.ask(override_for(ANN, discussion))).code, "Mock Discussion-1599999-November 3, 2026");
    let tour = w.session(TOUR);
    assert!(booked(w.ask(override_for(ANN, tour))).code.starts_with("BK-20261023-"));
    let own = Book { code: Some("BK-20251203-ABC123".to_owned()), ..override_for(BEN, tour) };
    assert_eq!(booked(w.ask(own)).code, "BK-20251203-ABC123");
}

#[test]
fn one_booking_per_contact_day_and_type() {
    let mut w = world();
    for kind in ["sj_credits", "cs_credits"] {
        w.has_credits(ANN, kind, 3);
    }
    let (morning, afternoon) = (w.session(SJ), w.session(SJ));
    let (next_day, clinical) = (w.session_on(SJ, date(2026, 10, 24)), w.session(CS));

    let first = booked(w.ask(book(ANN, morning)));
    assert_eq!(
        refusal(w.ask(book(ANN, afternoon))),
        Refusal::DuplicateBooking { booking_id: first.booking_id, code: first.code }
    );
    booked(w.ask(book(ANN, next_day)));
    booked(w.ask(book(ANN, clinical)));

    // Attended or missed, it still is the booking of that day.
    w.ask(mark(first.booking_id, Attendance::No)).expect("it can be marked");
    assert_eq!(code(w.ask(book(ANN, afternoon))), "DUPLICATE_BOOKING");
}

#[test]
fn tours_of_one_day_do_not_exclude_each_other() {
    let mut w = world();
    w.has_credits(ANN, "shared_mock_credits", 2);
    let (first, second) = (w.session(TOUR), w.session(TOUR));
    booked(w.ask(book(ANN, first)));
    booked(w.ask(book(ANN, second)));
}

/// The originals marked the day in Redis, for ever.
#[test]
fn a8_08_after_a_cancellation_the_day_is_free_again() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let (morning, afternoon) = (w.session(SJ), w.session(SJ));
    let first = booked(w.ask(book(ANN, morning)));
    cancelled(w.ask(cancel(first.booking_id)));
    assert_eq!(booked(w.ask(book(ANN, afternoon))).slot_id, afternoon);
}

/// In the originals, students without a HubSpot id, and all discussions of a day, shared one marker.
#[test]
fn a8_09_and_10_one_student_does_not_block_another() {
    let mut w = world();
    for (offering, kind) in [(SJ, "sj_credits"), (DISCUSSION, "mock_discussion_token")] {
        let exam = w.session(offering);
        for contact in [ANN, BEN] {
            w.has_credits(contact, kind, 1);
            booked(w.ask(book(contact, exam)));
        }
        assert_eq!(w.slot(exam).taken, 2);
    }
}

/// In the originals, the prerequisites of nobody were checked.
#[test]
fn a8_10_a_discussion_requires_each_of_its_sessions() {
    let mut w = world();
    let (first, second, discussion) = (w.session(SJ), w.session(CS), w.session(DISCUSSION));
    w.where_session(discussion, |s| s.prerequisites = vec![first, second]);
    w.has_credits(ANN, "mock_discussion_token", 1);

    let no = refusal(w.ask(book(ANN, discussion)));
    assert_eq!(no, Refusal::PrerequisiteNotMet { missing: vec![first, second], required: 2 });
    let details = no.details().expect("details");
    assert_eq!((&details["total_required"], &details["total_missing"]), (&2.into(), &2.into()));
    assert_eq!(details["missing_prerequisites"], serde_json::json!([first, second]));

    let attended = booked(w.ask(override_for(ANN, first))).booking_id;
    booked(w.ask(override_for(BEN, second))); // somebody else's does not count
    let missing = |w: &mut World| match refusal(w.ask(book(ANN, discussion))) {
        Refusal::PrerequisiteNotMet { missing, required: 2 } => missing,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(&mut w), [second]);

    let ahead = booked(w.ask(override_for(ANN, second))).booking_id;
    w.ask(mark(attended, Attendance::No)).expect("it can be marked");
    assert_eq!(missing(&mut w), [first], "a session that was missed does not count");
    w.ask(mark(attended, Attendance::Yes)).expect("it can be marked");
    cancelled(w.ask(cancel(ahead)));
    assert_eq!(missing(&mut w), [second], "nor does a cancelled booking");
    booked(w.ask(override_for(ANN, second)));
    booked(w.ask(book(ANN, discussion)));
}

#[test]
fn wrong_fields_are_all_named() {
    let mut w = world();
    w.where_offering(CS, |o| o.needs_attending_location = true);
    let exam = w.session(CS);
    let named = |w: &mut World, request: Book| match refusal(w.ask(request)) {
        Refusal::Invalid(fields) => fields.into_keys().collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let bare = Book { guests: 0, attending_location: None, dominant_hand: None, ..book(ANN, exam) };
    assert_eq!(named(&mut w, bare), ["attending_location", "dominant_hand", "guests"]);
    let expected =
        ExpectedSlot { offering: Some("Mini-mock".to_owned()), local_date: Some(date(2026, 1, 1)), family: None };
    assert_eq!(named(&mut w, Book { expected, ..book(ANN, exam) }), ["exam_date", "mock_type"]);
}

#[test]
fn only_clinical_skills_asks_for_a_hand_and_only_sj_and_mini_mock_for_a_place() {
    for (offering, hand, place) in
        [(SJ, false, true), (MINI, false, true), (CS, true, false), (DISCUSSION, false, false)]
    {
        let mut w = world();
        let exam = w.session(offering);
        let with = |dominant_hand, place: Option<&str>| Book {
            dominant_hand,
            attending_location: place.map(str::to_owned),
            ..override_for(ANN, exam)
        };
        if hand {
            assert_eq!(code(w.ask(with(None, Some("calgary")))), "VALIDATION_ERROR");
        }
        if place {
            assert_eq!(code(w.ask(with(Some(Hand::Left), None))), "VALIDATION_ERROR");
        }
        booked(w.ask(with(hand.then_some(Hand::Left), place.then_some("calgary"))));
    }
}

#[test]
fn what_the_caller_rightly_believes_of_the_session_does_no_harm() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let exam = w.session(SJ);
    let expected = ExpectedSlot {
        family: Some(Family::MockExam),
        offering: Some("Situational Judgment".to_owned()),
        local_date: Some(the_day()),
    };
    booked(w.ask(Book { expected, ..book(ANN, exam) }));
}

#[test]
fn an_override_costs_nothing_and_never_exceeds_the_capacity() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let exam = w.session(SJ);
    w.where_session(exam, |s| s.capacity = 1);
    let booking = booked(w.ask(override_for(ANN, exam)));
    assert_eq!((booking.credit_kind, booking.token_used.as_deref()), (None, Some("Admin Override")));
    assert_eq!((booking.balance, w.credits(ANN, "sj_credits")), (None, 1));
    assert!(w.ledger.writes().entries.is_empty() && w.ledger.writes().balances.is_empty());
    assert_eq!(refusal(w.ask(override_for(BEN, exam))), Refusal::Full { requested: 1, available: 0 });
}

#[test]
fn an_override_books_ahead_of_the_sale_after_the_start_and_without_prerequisites() {
    let mut w = world();
    let exam = w.session(SJ);
    w.where_session(exam, |s| (s.status, s.prerequisites) = (SlotStatus::Inactive, vec![NOBODY]));
    booked(w.ask(override_for(ANN, exam)));
    w.now = w.slot(exam).ends_at;
    booked(w.ask(override_for(BEN, exam)));
}

#[test]
fn a_scheduled_session_is_bookable_from_its_time_on_without_a_write() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let exam = w.session(SJ);
    let opens = at("2026-10-10T09:00:00Z");
    w.where_session(exam, |s| (s.status, s.activates_at) = (SlotStatus::Scheduled, Some(opens)));
    w.now = opens - jiff::SignedDuration::from_micros(1);
    let no = refusal(w.ask(book(ANN, exam)));
    assert_eq!(no, Refusal::SlotNotActive { activates_at: Some(opens) });
    assert_eq!(no.details(), Some(serde_json::json!({ "activates_at": "2026-10-10T09:00:00Z" })));
    w.now = opens;
    booked(w.ask(book(ANN, exam)));
    assert_eq!(w.slot(exam).status, SlotStatus::Scheduled);
}

#[test]
fn a_session_without_a_date_of_sale_names_none() {
    let mut w = world();
    let exam = w.session(SJ);
    for status in [SlotStatus::Inactive, SlotStatus::Cancelled] {
        w.where_session(exam, |s| (s.status, s.activates_at) = (status, Some(at("2026-09-01T00:00:00Z"))));
        assert_eq!(refusal(w.ask(book(ANN, exam))), Refusal::SlotNotActive { activates_at: None });
    }
}

#[test]
fn a_session_can_be_booked_until_it_begins() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let exam = w.session(SJ);
    w.now = w.slot(exam).starts_at;
    assert_eq!(refusal(w.ask(book(ANN, exam))), Refusal::SlotPast);
    w.now -= jiff::SignedDuration::from_micros(1);
    booked(w.ask(book(ANN, exam)));
}

#[test]
fn a_booking_writes_its_seat_its_credit_and_its_journal_row_together() {
    let mut w = world();
    w.has_credits(ANN, "sj_credits", 1);
    let exam = w.session(SJ);
    let mut request = w.request(PORTAL, Some("k"), book(ANN, exam));
    request.on_behalf_of = Some("ann@example.org".to_owned());
    let id = booked(w.decide(&request)).booking_id;

    let writes = w.ledger.writes();
    assert_eq!(Vec::from_iter(&writes.slots), [(&exam, &surehold_core::ledger::RowWrite::Seats)]);
    assert_eq!(Vec::from_iter(&writes.bookings), [(&id, &surehold_core::ledger::RowWrite::Insert)]);
    assert_eq!(Vec::from_iter(&writes.balances), [&(ANN, CreditKind::from("sj_credits"))]);
    let [entry] = &*writes.entries else { panic!("{:?}", writes.entries) };
    assert_eq!((entry.contact_id, entry.booking_id, entry.delta, entry.balance), (ANN, Some(id), -1, 0));
    let [row] = &*writes.journal else { panic!("{:?}", writes.journal) };
    assert_eq!((row.event, row.entity, row.entity_id), ("booking.confirmed", Entity::Booking, id));
    assert_eq!((row.command_id, &*row.principal), (request.command_id, PORTAL));
    assert_eq!((row.on_behalf_of.as_deref(), &row.before), (Some("ann@example.org"), &None));
    let after: serde_json::Value = serde_json::from_str(row.after.as_deref().expect("facts")).expect("JSON");
    assert_eq!((&after["status"], &after["version"]), (&"confirmed".into(), &1.into()));
    assert_eq!((w.booking(id).created_at, w.booking(id).version), (w.now, 1));
}
