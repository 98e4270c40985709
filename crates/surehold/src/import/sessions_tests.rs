use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{date, time};
use surehold_core::rows::{CodeStyle, Family};

use super::super::table;
use super::*;

fn org() -> OrgRow {
    OrgRow {
        id: Uuid::nil(),
        slug: "demo".to_owned(),
        name: "Demo".to_owned(),
        time_zone: "America/Toronto".to_owned(),
        hosts: Vec::new(),
        location_time_zones: BTreeMap::from([("Calgary".to_owned(), "America/Edmonton".to_owned())]),
        slot_capacity_max: 100,
        currency: "usd".to_owned(),
        token_secret: Vec::new(),
        is_test: false,
        closed_at: None,
    }
}

fn catalogue() -> Catalogue {
    let names = ["Situational Judgment", "Clinical Skills", "Mini-mock", "Mock Discussion"];
    let offering = |(number, name): (usize, &&str)| {
        Arc::new(Offering {
            id: Uuid::from_u128(number as u128 + 1),
            family: Family::MockExam,
            name: (*name).to_owned(),
            credit_policy: Vec::new(),
            one_per_day: true,
            needs_dominant_hand: false,
            needs_attending_location: false,
            code_style: CodeStyle::TypeStudentDate,
            cancel_cutoff_minutes: 0,
            price_minor: None,
            guests_max: 10,
            booking_cutoff_minutes: 120,
            free_cancel_minutes: 1440,
            late_refund_percent: 0,
            is_active: true,
            version: 1,
        })
    };
    Catalogue { offerings: names.iter().enumerate().map(offering).collect(), credit_kinds: Vec::new() }
}

fn parsed(text: &str) -> (Lines<SessionRow>, Lines<String>) {
    let table = table::read(text.as_bytes(), COLUMNS).expect("a table");
    let mut report = Report::default();
    let (rows, _) = parse(&table, &org(), &catalogue(), &mut report);
    let lines =
        report.lines().iter().map(|l| (l.line, format!("{}: {}", l.problem.column, l.problem.reason))).collect();
    (rows, lines)
}

const HEADING: &str =
    "Record ID,Mock Type,Exam Date,Start Time,End Time,Location,Capacity,Is Active,Scheduled Activation\n";

fn one(line: &str) -> Result<SessionRow, String> {
    let (rows, problems) = parsed(&format!("{HEADING}{line}\n"));
    rows.into_iter().next().map(|(_, row)| row).ok_or_else(|| problems[0].1.clone())
}

#[test]
fn the_sample_has_bad_rows_and_each_has_its_reason() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/sessions.csv");
    let text = std::fs::read_to_string(file).expect("the sample");
    let (rows, problems) = parsed(&text);
    assert_eq!(rows.len(), 245);
    let starts: Vec<(u64, &str)> =
        problems.iter().map(|(line, text)| (*line, text.split(" (").next().unwrap_or(""))).collect();
    assert_eq!(
        starts,
        [
            (22, "Exam Date: is no date of the calendar"),
            (51, "End Time: must be after the start"),
            (80, "Capacity: must be from 1 to 100"),
            (109, "Capacity: must be from 1 to 100"),
            (
                138,
                "Mock Type: is not a type of session; there are: Situational Judgment, Clinical Skills, Mini-mock, Mock Discussion"
            ),
            (167, "Exam Date: must be a date as 2027-03-06"),
            (196, "Mock Exam Name: is the same session as in line 72"),
        ]
    );
}

#[test]
fn times_are_those_of_the_location() {
    let row = one(",Clinical Skills,2027-01-09,8:30,4:30 PM,calgary,10,true,").expect("a session");
    assert_eq!(row.location.as_deref(), Some("Calgary"));
    assert_eq!(row.times.starts_at.to_string(), "2027-01-09T15:30:00Z");
    assert_eq!(row.name, "Clinical Skills - Calgary - Jan 9, 2027");
    let row = one(",mini mock,2020-01-09,08:30,16:30,,10,false,").expect("the past is fine");
    assert_eq!((row.location, row.status), (None, SlotStatus::Inactive));
    assert_eq!(row.times.time_zone, "America/Toronto");
}

#[test]
fn a_scheduled_session_needs_its_instant() {
    let row =
        one(",Mini-mock,2027-01-09,13:00,15:00,Online,10,scheduled,2026-12-17T09:00:00-05:00").expect("a session");
    assert_eq!(row.activates_at.expect("an instant").to_string(), "2026-12-17T14:00:00Z");
    let problem = one(",Mini-mock,2027-01-09,13:00,15:00,Online,10,scheduled,").expect_err("refused");
    assert!(problem.starts_with("Scheduled Activation: is missing"), "{problem}");
    assert!(one(",Mini-mock,2027-01-09,13:00,15:00,Online,10,scheduled,2026-12-17 09:00").is_err());
    let problem = one(",Mini-mock,2027-03-14,02:30,15:00,Online,10,true,").expect_err("refused");
    assert!(problem.contains("clocks go forward"), "{problem}");
}

#[test]
fn two_records_at_the_same_time_are_two_rooms_but_a_row_without_one_is_the_same_room() {
    let row = "Mini-mock,2027-01-09,13:00,15:00,Online,10,true,";
    let (rows, problems) = parsed(&format!("{HEADING}1,{row}\n2,{row}\n,{row}\n1,{row}\n"));
    assert_eq!((rows.len(), problems.len()), (2, 2));
    let (rows, problems) = parsed(&format!("{HEADING},{row}\n2,{row}\n"));
    assert_eq!((rows.len(), problems.len()), (1, 1));
}

fn known() -> KnownSession {
    let row = one("1,Mini-mock,2027-01-09,13:00,15:00,Online,10,true,").expect("a session");
    KnownSession {
        id: Uuid::nil(),
        offering_id: row.offering_id,
        name: row.name,
        starts_at: row.times.starts_at,
        ends_at: row.times.ends_at,
        local_date: date(2027, 1, 9),
        local_start: time(13, 0, 0, 0),
        local_end: time(15, 0, 0, 0),
        time_zone: row.times.time_zone,
        location: row.location,
        mock_set: None,
        capacity: 10,
        booked: 0,
        held: 0,
        withheld: 0,
        status: SlotStatus::Active,
        activates_at: None,
        price_minor: None,
        is_blocked: false,
        hubspot_id: Some("1".to_owned()),
        seen: None,
        opened_withheld: None,
    }
}

#[test]
fn only_what_changed_in_the_file_is_changed() {
    let row = one("1,Mini-mock,2027-01-09,13:00,15:00,Online,10,true,").expect("a session");
    assert!(changes(&row, &known(), None).is_none());
    let seen = SeenSession::of(&row);
    // An operator has given it more seats, and cancelled it: an old file does not undo that.
    let edited = KnownSession { capacity: 20, status: SlotStatus::Cancelled, ..known() };
    assert!(changes(&row, &edited, Some(&seen)).is_none());
    let later = one("1,Mini-mock,2027-01-09,14:00,16:00,Online,12,true,").expect("a session");
    let change = changes(&later, &edited, Some(&seen)).expect("a change");
    assert_eq!((change.capacity, change.status), (Some(12), None));
    assert_eq!(change.times, Some(later.times.clone()));
    // The name follows the date, which is the same.
    assert_eq!((change.name, change.location), (None, None));
}

#[test]
fn a_record_of_another_room_is_not_this_session() {
    let with = |id: Option<&str>| {
        let mut row = one("1,Mini-mock,2027-01-09,13:00,15:00,Online,10,true,").expect("a session");
        row.record_id = id.map(str::to_owned);
        row
    };
    let unlinked = KnownSession { hubspot_id: None, ..known() };
    assert!(which(&with(Some("2")), vec![known()]).is_none());
    assert!(which(&with(Some("1")), vec![known()]).is_some());
    assert!(which(&with(Some("2")), vec![unlinked]).is_some());
    assert!(which(&with(None), vec![known()]).is_some());
}

#[test]
fn what_was_seen_is_the_same_after_a_round_through_the_database() {
    let seen = SeenSession::of(&one("1,Mini-mock,2027-01-09,13:00,15:00,Online,10,true,").expect("a session"));
    let json = serde_json::to_value(&seen).expect("JSON");
    assert_eq!(serde_json::from_value::<SeenSession>(json).expect("the same"), seen);
}
