//! The sample school: sessions ahead of today, and a few students with credits. All through the desk.

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::ToSpan;
use jiff::civil::{Date, Time, time};
use surehold_core::command::{AddContact, Book, Command, ExpectedSlot, Key, OpenSlot, Pay, Request};
use surehold_core::rows::{CreditKind, SlotStatus};
use surehold_core::{Answer, Refusal};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::desk::{Desk, DeskError, own_request};
use crate::store::demo::upcoming_sessions;
use crate::store::offerings::{Catalogue, catalogue};
use crate::store::orgs::OrgRow;
use crate::wall_clock::{slot_times, zone_of};

/// The student that the printed examples log in as.
pub const FIRST_STUDENT: (&str, &str) = ("1599999", "ada.tremblay@example.org");

/// student ID, email, first name, last name, credits: SJ, CS, Mini-mock, Mock Discussion, shared
type Student = (&'static str, &'static str, &'static str, &'static str, [i64; 5]);

const STUDENTS: &[Student] = &[
    (FIRST_STUDENT.0, FIRST_STUDENT.1, "Ada", "Tremblay", [2, 2, 1, 1, 1]),
    ("1600001", "bo.singh@example.org", "Bo", "Singh", [0, 0, 0, 1, 2]),
    ("1600002", "chloe.park@example.org", "Chloé", "Park", [1, 0, 2, 0, 0]),
    ("1600003", "dana.silva@example.org", "Dana", "Silva", [0, 0, 0, 0, 0]),
];

const KINDS: [&str; 5] = ["sj_credits", "cs_credits", "sjmini_credits", "mock_discussion_token", "shared_mock_credits"];

struct Session {
    offering: &'static str,
    location: &'static str,
    days_ahead: i32,
    start: Time,
    end: Time,
    mock_set: Option<&'static str>,
    capacity: i32,
}

const fn session(
    offering: &'static str,
    location: &'static str,
    days_ahead: i32,
    hours: (i8, i8),
    mock_set: Option<&'static str>,
    capacity: i32,
) -> Session {
    let (start, end) = (time(hours.0, 0, 0, 0), time(hours.1, 0, 0, 0));
    Session { offering, location, days_ahead, start, end, mock_set, capacity }
}

/// At other hours than the sessions of `examples/sessions.csv`: on the day when one would come to lie on one of
/// those, the import would rightly take both for the same.
const SESSIONS: &[Session] = &[
    session("Situational Judgment", "Mississauga", 14, (10, 13), Some("A"), 30),
    session("Situational Judgment", "Vancouver", 21, (10, 13), Some("B"), 20),
    session("Clinical Skills", "Calgary", 15, (8, 16), Some("C"), 12),
    session("Clinical Skills", "Montreal", 28, (8, 16), Some("D"), 10),
    session("Mini-mock", "Mississauga - B9", 10, (14, 16), None, 15),
    session("Mini-mock", "Richmond Hill", 17, (14, 16), None, 2),
    session("Mock Discussion", "Online", 20, (19, 21), Some("E"), 40),
    session("Mock Discussion", "Online", 34, (19, 21), Some("F"), 40),
    session("Situational Judgment", "Montreal", 45, (10, 13), Some("G"), 25),
];
/// The session with two seats, one of which is taken.
const NEARLY_FULL: usize = 5;
/// The discussion that requires the first session.
const WITH_PREREQUISITE: usize = 7;
/// The session that goes on sale in a week.
const SCHEDULED: usize = 8;

/// Below so many sessions to come, a whole set is opened: on the first start, and again when the old ones
/// have passed.
const SESSIONS_ENOUGH: i64 = 4;

/// Adds what is missing. Starting again adds nothing.
pub async fn fill(client: &Client, desk: &Desk, org: &OrgRow) -> anyhow::Result<()> {
    let catalogue = catalogue(client, org.id).await?;
    let mut contacts = Vec::new();
    for student in STUDENTS {
        contacts.push(add_student(desk, org, student).await?);
    }
    if upcoming_sessions(client, org.id).await? >= SESSIONS_ENOUGH {
        return Ok(());
    }
    let today = super::today(&org.time_zone);
    let mut opened: Vec<Uuid> = Vec::new();
    for number in 0..SESSIONS.len() {
        opened.push(open(desk, org, &catalogue, today, number, &opened).await?);
    }
    take_a_seat(desk, org, contacts[2], opened[NEARLY_FULL]).await
}

async fn add_student(desk: &Desk, org: &OrgRow, student: &Student) -> anyhow::Result<Uuid> {
    let (student_id, email, first_name, last_name, credits) = *student;
    let opening: BTreeMap<CreditKind, i64> = KINDS.iter().map(|kind| CreditKind::from(*kind)).zip(credits).collect();
    let command = Command::AddContact(AddContact {
        id: None,
        student_id: student_id.to_owned(),
        email: email.to_owned(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        ndecc_exam_date: None,
        opening,
        hubspot_id: None,
    });
    match submit(desk, org.id, format!("demo:contact:{student_id}"), command).await {
        Ok(Answer::ContactAdded(saved)) => Ok(saved.contact_id),
        Err(DeskError::Refused(Refusal::ContactExists { contact_id })) => Ok(contact_id),
        other => unexpected("add a sample student", other),
    }
}

/// Opens one of the sessions. The key names the day: the same set again is the same sessions.
async fn open(
    desk: &Desk,
    org: &OrgRow,
    catalogue: &Catalogue,
    today: Date,
    number: usize,
    opened: &[Uuid],
) -> anyhow::Result<Uuid> {
    let s = &SESSIONS[number];
    let date = today.checked_add(s.days_ahead.days())?;
    let times = slot_times(zone_of(org, None, Some(s.location)), date, s.start, s.end);
    let times = times.map_err(|wrong| anyhow::anyhow!("{}: {}", wrong.field, wrong.problem))?;
    let scheduled = number == SCHEDULED;
    let on_sale = today.checked_add(7.days())?.at(9, 0, 0, 0).in_tz(&org.time_zone)?.timestamp();
    let command = Command::OpenSlot(OpenSlot {
        id: None,
        offering_id: catalogue.offering(s.offering).with_context(|| format!("no offering {}", s.offering))?.id,
        name: format!("{} - {} - {}", s.offering, s.location, date.strftime("%b %-d, %Y")),
        times,
        location: Some(s.location.to_owned()),
        mock_set: s.mock_set.map(str::to_owned),
        capacity: s.capacity,
        withheld: 0,
        status: if scheduled { SlotStatus::Scheduled } else { SlotStatus::Active },
        activates_at: scheduled.then_some(on_sale),
        price_minor: None,
        one_per_start: false,
        prerequisites: if number == WITH_PREREQUISITE { vec![opened[0]] } else { Vec::new() },
        hubspot_id: None,
    });
    match submit(desk, org.id, format!("demo:session:{number}:{today}"), command).await {
        Ok(Answer::SlotOpened(saved)) => Ok(saved.slot_id),
        other => unexpected("open a sample session", other),
    }
}

async fn take_a_seat(desk: &Desk, org: &OrgRow, contact_id: Uuid, slot_id: Uuid) -> anyhow::Result<()> {
    let command = Command::Book(Book {
        contact_id,
        slot_id,
        guests: 1,
        pay: Pay::Credit { only: None },
        attending_location: Some("richmond_hill".to_owned()),
        dominant_hand: None,
        code: None,
        expected: ExpectedSlot::default(),
    });
    match submit(desk, org.id, format!("demo:booking:{slot_id}"), command).await {
        // The student may have booked it, or have spent the credits, since.
        Ok(_) | Err(DeskError::Refused(_)) => Ok(()),
        Err(error) => Err(anyhow::Error::new(error).context("cannot book a sample seat")),
    }
}

pub(super) async fn submit(desk: &Desk, org_id: Uuid, key: String, command: Command) -> Result<Answer, DeskError> {
    let request = Request { key: Key::Given(key), ..own_request("system:demo", command) };
    desk.submit(org_id, request).await.map(|outcome| outcome.answer)
}

pub(super) fn unexpected<T>(what: &str, result: Result<Answer, DeskError>) -> anyhow::Result<T> {
    match result {
        Ok(answer) => anyhow::bail!("cannot {what}: unexpected answer {answer:?}"),
        Err(error) => Err(anyhow::Error::new(error).context(format!("cannot {what}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sample_session_can_be_one_of_the_example_file() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/sessions.csv");
        let mut rows = csv::Reader::from_path(file).unwrap();
        let in_file: Vec<(String, String)> =
            rows.records().flatten().map(|row| (row[2].to_owned(), row[5].to_owned())).collect();
        assert!(in_file.contains(&("Situational Judgment".to_owned(), "09:00".to_owned())), "columns have moved");
        for sample in SESSIONS {
            let start = sample.start.strftime("%H:%M").to_string();
            assert!(!in_file.contains(&(sample.offering.to_owned(), start)), "{} at {}", sample.offering, sample.start);
        }
    }
}
