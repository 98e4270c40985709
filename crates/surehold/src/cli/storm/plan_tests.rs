use std::collections::BTreeSet;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    storm: StormArgs,
}

fn mode(flags: &str) -> Result<Mode, String> {
    let line = Line::try_parse_from(["storm"].into_iter().chain(flags.split_whitespace()));
    Mode::of(&line.map_err(|error| error.to_string())?.storm)
}

pub fn plan_of(flags: &str) -> Plan {
    match mode(flags) {
        Ok(Mode::Open(plan)) => *plan,
        other => panic!("{flags}: {other:?}"),
    }
}

#[test]
fn flags_that_do_not_fit_are_named_with_a_remedy() {
    for (flags, says) in [
        ("--rate 5", "--rate needs --seconds"),
        ("--ramp 1..5", "--ramp needs --seconds"),
        ("--ramp 1..5 --rate 5 --seconds 1", "either --rate or --ramp"),
        ("--seconds 5", "--seconds is for an open loop"),
        ("--mix book=1", "--mix is for an open loop"),
        ("--rate 5 --seconds 1 --clients 5", "has --students"),
        ("--rate 5 --seconds 1 --steps 5", "--steps is for --ramp"),
        ("--rate 5 --seconds 1 --mix buy=1", "the kinds are book, cancel, list, replay"),
        ("--rate 5 --seconds 1 --mix cancel=1", "cancel needs bookings"),
        ("--rate 5 --seconds 1 --mix list=1 --expect-refusals 5", "give book a weight"),
        ("--rate 100 --seconds 10 --expect-refusals 95", "Lower it, or the weight of cancel"),
        ("--rate 100 --seconds 10 --sessions 2 --students 99", "need at least 350"),
        ("--rate 100000 --seconds 3600", "at most 2000000"),
        ("--rate 100000 --seconds 10", "lower --rate or --seconds"),
    ] {
        let problem = mode(flags).expect_err(flags);
        assert!(problem.contains(says), "{flags}: {problem}");
    }
}

#[test]
fn without_a_rate_all_book_at_once() {
    assert!(matches!(mode(""), Ok(Mode::Closed(Rush { seats: 1, clients: 10 }))));
    assert!(matches!(mode("--seats 7 --clients 200"), Ok(Mode::Closed(Rush { seats: 7, clients: 200 }))));
}

#[test]
fn there_is_a_seat_for_each_booking_unless_refusals_are_expected() {
    let plan = plan_of("--rate 100 --seconds 10");
    assert_eq!((plan.seats, plan.students, plan.credits), (vec![100; 7], 700, 1));
    assert_eq!(plan.expect_refusals, Some(0));

    // 350 of 700 are booked, 100 of them on a seat that was given up.
    let plan = plan_of("--rate 100 --seconds 10 --expect-refusals 50 --sessions 3");
    assert_eq!(plan.seats, [84, 83, 83]);

    let plan = plan_of("--rate 100 --seconds 10 --seats 9");
    assert_eq!((plan.seats, plan.expect_refusals), (vec![9], None));
}

#[test]
fn no_student_books_a_session_twice() {
    for flags in [
        "--rate 700 --seconds 10 --mix book=1 --sessions 70 --students 100",
        "--rate 30 --seconds 1 --mix book=1 --sessions 10 --students 3",
        "--rate 200 --seconds 1",
    ] {
        let plan = plan_of(flags);
        let books = plan.mix.counts(plan.schedule.requests())[Kind::Book as usize];
        let pairs: BTreeSet<_> = (0..books).map(|number| plan.booking(number)).collect();
        assert_eq!(pairs.len(), books, "{flags}");
        let of_first = pairs.iter().filter(|(student, _)| *student == 0).count();
        assert!(of_first <= plan.credits as usize, "{flags}");
    }
}
