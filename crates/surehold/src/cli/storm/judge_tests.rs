use std::time::Duration;

use super::super::plan::tests::plan_of;
use super::super::record::{Answer, Earlier};
use super::super::stage::{Session, Student};
use super::super::there::SessionThere;
use super::*;

/// What happened and what is there, to be meddled with.
struct Story {
    stage: Stage,
    entries: Vec<Entry>,
    there: There,
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub fn entry(request: usize, kind: Kind, student: usize, status: u16, code: &str, booking_id: Option<Uuid>) -> Entry {
    let at = |ms: u64| Duration::from_millis(request as u64 * 10 + ms);
    let answer = Answer { status: Some(status), code: code.to_owned(), booking_id };
    Entry {
        request,
        step: 0,
        kind,
        instead_of: None,
        intended: at(0),
        sent: Some(at(1)),
        ended: Some(at(5)),
        answer,
        student: Some(student),
        session: (kind != Kind::List).then_some(0),
        about: None,
        listed: Vec::new(),
        wrong: None,
        asked_again: None,
    }
}

/// Students 0 and 1 book the two seats, student 2 is refused; 0 cancels, 3 gets the seat, 1 repeats the
/// booking, and looks at the list.
fn story() -> Story {
    let students = (0..4).map(|n| Student {
        contact_id: id(100 + n),
        student_id: format!("STORM0000{n}"),
        email: format!("storm0000{n}@example.org"),
    });
    let session = Session { id: id(1), date: "2030-05-04".to_owned(), seats: 2 };
    let about = |request: usize, booking: u128, student: usize| {
        Some(Earlier { request, booking_id: id(booking), student, session: 0 })
    };
    let entries = vec![
        entry(0, Kind::Book, 0, 201, "", Some(id(200))),
        entry(1, Kind::Book, 1, 201, "", Some(id(201))),
        entry(2, Kind::Book, 2, 409, "EXAM_FULL", None),
        Entry { about: about(0, 200, 0), ..entry(3, Kind::Cancel, 0, 200, "", Some(id(200))) },
        entry(4, Kind::Book, 3, 201, "", Some(id(203))),
        Entry { about: about(1, 201, 1), ..entry(5, Kind::Replay, 1, 200, "", Some(id(201))) },
        Entry { listed: vec![id(201)], ..entry(6, Kind::List, 1, 200, "", None) },
    ];
    let booking = |n: u128, active: bool| BookingThere { id: id(200 + n), contact_id: id(100 + n), active };
    let bookings = vec![booking(0, false), booking(1, true), booking(3, true)];
    let sessions = vec![SessionThere { capacity: 2, taken: 2, available: 0, bookings }];
    let credits = [(100, 1), (101, 0), (102, 1), (103, 0)].map(|(n, credits)| (id(n), credits));
    Story {
        stage: Stage { sessions: vec![session], students: students.collect(), credits: 1 },
        entries,
        there: There { sessions, credits: credits.into() },
    }
}

/// The faults of a story that was meddled with, each with the name of its check.
fn faults(meddle: impl FnOnce(&mut Story)) -> Vec<String> {
    let mut story = story();
    meddle(&mut story);
    let plan = plan_of("--rate 7 --seconds 1 --seats 2");
    let checks = Case::new(&story.stage, &story.entries, &story.there).judge(&plan);
    let failed = checks.into_iter().filter(|check| !check.passed);
    failed.flat_map(|check| check.faults.into_iter().map(move |fault| format!("{}: {fault}", check.check))).collect()
}

#[track_caller]
fn assert_found(faults: &[String], what: &str) {
    assert!(faults.iter().any(|fault| fault.contains(what)), "{what:?} is not in {faults:#?}");
}

#[test]
fn the_truth_passes() {
    assert_eq!(faults(|_| {}), Vec::<String>::new());
}

#[test]
fn a_lost_booking_is_found() {
    let found = faults(|story| {
        story.there.sessions[0].bookings.remove(1);
    });
    assert_found(&found, "bookings: lost: booking 00000000-0000-0000-0000-0000000000c9 of student STORM00001");
    let found = faults(|story| story.there.sessions[0].bookings[1].active = false);
    assert_found(&found, "is not active, and no cancellation was acknowledged");
}

#[test]
fn a_cancellation_that_did_not_happen_is_found() {
    let found = faults(|story| story.there.sessions[0].bookings[0].active = true);
    assert_found(&found, "bookings: not cancelled: booking");
}

#[test]
fn a_cancellation_that_was_refused_took_no_booking() {
    let found =
        faults(|story| story.entries[3].answer = Answer { status: Some(409), code: "X".into(), booking_id: None });
    assert_found(&found, "is not active, and no cancellation was acknowledged");
    assert_found(&found, "answers: request 3 (cancel: 409 X)");
}

#[test]
fn a_phantom_is_found() {
    let phantom = |n: u128| BookingThere { id: id(300), contact_id: id(n), active: true };
    // Of the student who was refused, and of somebody who never asked.
    let found = faults(|story| story.there.sessions[0].bookings.push(phantom(102)));
    assert_found(&found, "refusals: phantom: booking");
    assert_found(&found, "request 2 (book: 409 EXAM_FULL) did not acknowledge it");
    let found = faults(|story| story.there.sessions[0].bookings.push(phantom(999)));
    assert_found(&found, "nobody asked for it");
}

#[test]
fn an_oversold_session_is_found() {
    let found = faults(|story| {
        // The third booking is there and acknowledged, and all counters agree with it.
        story.entries[2].answer = Answer { status: Some(201), code: String::new(), booking_id: Some(id(202)) };
        story.there.sessions[0].bookings.push(BookingThere { id: id(202), contact_id: id(102), active: true });
        story.there.sessions[0].taken = 3;
        story.there.credits.insert(id(102), 0);
    });
    assert_found(&found, "seats: oversold: session");
    assert_found(&found, "has 3 active bookings for 2 seats");
}

#[test]
fn a_session_that_was_oversold_for_a_moment_is_found() {
    // In the end two are active. But the third booking was acknowledged before anybody had cancelled.
    let found = faults(|story| story.entries[4].ended = Some(Duration::from_millis(30)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_found(&found, "moments: oversold: session");
    assert_found(&found, "had 3 bookings at once for 2 seats");
}

#[test]
fn a_refusal_while_seats_were_free_is_found() {
    let found = faults(|story| story.entries[2].ended = Some(Duration::from_millis(4)));
    assert_found(&found, "moments: request 2 (book: 409 EXAM_FULL): session");
    assert_found(&found, "cannot have been full by then");
}

#[test]
fn a_replay_that_gives_another_booking_is_found() {
    let found = faults(|story| story.entries[5].answer.booking_id = Some(id(203)));
    assert_found(&found, "replays: request 5 (replay: 200) gave booking");
    let found = faults(|story| story.entries[5].answer.status = Some(201));
    assert_found(&found, "replays: request 5 (replay: 201)");
}

#[test]
fn wrong_seats_credits_and_lists_are_found() {
    assert_found(&faults(|story| story.there.sessions[0].taken = 1), "seats: session");
    assert_found(&faults(|story| story.there.sessions[0].available = 1), "shows 1 free seats, and has 0");
    assert_found(&faults(|story| story.there.sessions[0].capacity = 3), "was opened with 2 seats and has 3");
    let found = faults(|story| {
        story.there.credits.insert(id(100), 0);
    });
    assert_found(&found, "credits: student STORM00000 has 0, and should have 1");
    assert_found(&faults(|story| story.entries[6].listed = vec![id(203)]), "which is somebody else's");
    assert_found(&faults(|story| story.entries[6].listed = vec![id(999)]), "which is not there");
}

#[test]
fn a_booking_that_is_somebody_elses_is_found() {
    let found = faults(|story| story.entries[4].answer.booking_id = Some(id(201)));
    assert_found(&found, "is not student STORM00003's on that session");
}

#[test]
fn an_unknown_outcome_may_be_either_until_it_is_known() {
    let unknown = Answer { status: None, code: "it did not answer in time".to_owned(), booking_id: None };
    let asked_again = |answer: Answer| {
        faults(|story| {
            story.entries[4].answer = unknown.clone();
            story.entries[4].asked_again = Some(answer);
        })
    };
    let overloaded = || Answer { status: Some(503), code: "OVERLOADED".to_owned(), booking_id: None };
    assert_eq!(asked_again(overloaded()), Vec::<String>::new(), "the first request may have been done");
    // Still unknown: it may be there. Asked again it was done: it is there. Refused: it must not be there.
    assert_eq!(asked_again(unknown.clone()), Vec::<String>::new());
    assert_eq!(
        asked_again(Answer { status: Some(200), code: String::new(), booking_id: Some(id(203)) }),
        Vec::<String>::new()
    );
    let found = asked_again(Answer { status: Some(409), code: "EXAM_FULL".to_owned(), booking_id: None });
    assert_found(&found, "phantom: booking");
}

#[test]
fn what_was_said_to_be_not_done_for_now_is_not_there() {
    let found = faults(|story| {
        story.entries[4].answer = Answer { status: Some(503), code: "OVERLOADED".to_owned(), booking_id: None };
    });
    assert_found(&found, "request 4 (book: 503 OVERLOADED) did not acknowledge it");
}

#[test]
fn a_server_that_answers_nothing_does_not_pass() {
    let mut story = story();
    for entry in &mut story.entries {
        entry.answer = Answer::default();
    }
    story.there.sessions[0] = SessionThere { capacity: 2, taken: 0, available: 2, bookings: Vec::new() };
    story.there.credits = (100..104).map(|n| (id(n), 1)).collect();
    let checks = Case::new(&story.stage, &story.entries, &story.there).judge(&plan_of("--rate 7 --seconds 1"));
    let failed: Vec<&str> = checks.iter().filter(|check| !check.passed).map(|check| check.check).collect();
    assert_eq!(failed, ["answers", "lists"], "{checks:#?}");
}

#[test]
fn refusals_are_to_be_as_expected() {
    let story = story();
    let passed = |flags: &str| {
        let checks = Case::new(&story.stage, &story.entries, &story.there).judge(&plan_of(flags));
        checks.iter().find(|check| check.check == "share of refusals").map(|check| check.passed)
    };
    // One of four.
    assert_eq!(passed("--rate 7 --seconds 1 --seats 2 --expect-refusals 25"), Some(true));
    assert_eq!(passed("--rate 7 --seconds 1 --seats 2 --expect-refusals 31"), Some(false));
    assert_eq!(passed("--rate 7 --seconds 1 --seats 2"), None);
}

#[test]
fn only_a_seat_not_given_up_in_time_for_another_excuses_a_refusal_more() {
    let share = |meddle: &dyn Fn(&mut Story)| {
        let mut story = story();
        // Student 3 was refused too: two of four, where one was expected.
        story.entries[4] = entry(4, Kind::Book, 3, 409, "EXAM_FULL", None);
        meddle(&mut story);
        let plan = plan_of("--rate 7 --seconds 1 --seats 2 --expect-refusals 25");
        let checks = Case::new(&story.stage, &story.entries, &story.there).judge(&plan);
        checks.iter().find(|check| check.check == "share of refusals").map(|check| check.passed)
    };
    assert_eq!(share(&|_| {}), Some(false), "the seat that was given up is taken again");
    assert_eq!(share(&|story| story.there.sessions[0].available = 1), Some(true), "it is still free");
    let in_vain =
        Entry { instead_of: Some(Kind::Cancel), listed: vec![id(201)], ..entry(3, Kind::List, 1, 200, "", None) };
    assert_eq!(share(&|story| story.entries[3] = in_vain.clone()), Some(true), "there was nothing to cancel yet");
    let no_cancel = |story: &mut Story| {
        story.entries.remove(3);
        story.there.sessions[0].available = 1;
    };
    assert_eq!(share(&no_cancel), Some(false), "nobody was to give a seat up");
}
