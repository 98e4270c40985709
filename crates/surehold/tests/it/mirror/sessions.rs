//! Sessions that were made at HubSpot: brought in once, and ours from then on.

use serde_json::json;
use surehold_simulators::hubspot::Record;

use crate::support::portal::{MirroredSchool, SESSIONS};

/// A session as somebody enters it at HubSpot; `more` besides or instead of what is usual.
fn makes(school: &MirroredSchool, more: &[(&str, &str)]) -> Record {
    let usual = [
        ("mock_type", "Clinical Skills"),
        ("exam_date", "2030-05-04"),
        ("start_time", "09:00"),
        ("end_time", "12:00"),
        ("location", "Calgary"),
        ("capacity", "12"),
        ("total_bookings", "0"),
        ("is_active", "true"),
    ];
    school.hubspot.create(SESSIONS, &[&usual[..], more].concat()).unwrap()
}

/// How many sessions were brought in, and how many could not be.
async fn pulls(school: &MirroredSchool) -> (u64, u64) {
    let report = school.mirror.pull_sessions(&school.org).await.unwrap();
    (report.sessions_added, report.sessions_refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_made_at_hubspot_is_brought_in_once() {
    let school = MirroredSchool::open().await;
    let record = makes(&school, &[("total_bookings", "2")]);
    assert_eq!(pulls(&school).await, (1, 0));
    assert_eq!(pulls(&school).await, (0, 0), "it is known, though HubSpot has not heard so yet");
    let ours = "slots WHERE capacity = 12 AND withheld = 2 AND taken = 0 AND status = 'active'";
    assert_eq!((school.api.school.count(ours).await, school.api.school.count("slots").await), (1, 1));

    let report = school.sync().await;
    assert_eq!((report.sessions.created, report.sessions.updated), (0, 1), "{report:?}");
    let records = school.hubspot.records(SESSIONS);
    assert_eq!((records.len(), records[0].id()), (1, record.id()));
    assert!(records[0].value("surehold_id").is_some());
    assert_eq!(records[0].value("total_bookings"), Some("2"), "what is booked elsewhere stays booked");
    assert_eq!(pulls(&school).await, (0, 0));
    school.agrees().await;
    school.api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_moment_we_know_it_a_session_is_ours() {
    let school = MirroredSchool::open().await;
    let record = makes(&school, &[]);
    assert_eq!(pulls(&school).await, (1, 0));
    // HubSpot has not heard of us yet, and somebody changes it there once more.
    school.hubspot.edit(SESSIONS, &record.id(), &[("capacity", "90"), ("total_bookings", "5")]).unwrap();
    assert_eq!(pulls(&school).await, (0, 0));
    school.sync().await;
    let record = school.hubspot.record(SESSIONS, &record.id()).unwrap();
    assert_eq!((record.value("capacity"), record.value("total_bookings")), (Some("12"), Some("0")));
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_makes_no_sense_is_counted_and_holds_up_no_other() {
    let school = MirroredSchool::open().await;
    makes(&school, &[("mock_type", "Juggling")]);
    makes(&school, &[("capacity", "-1"), ("location", "Vancouver")]);
    makes(&school, &[("exam_date", "2030-05-05")]);
    assert_eq!(pulls(&school).await, (1, 2));
    assert_eq!(pulls(&school).await, (0, 2), "they are looked at again: somebody may have mended them");
    assert_eq!(school.api.school.count("slots").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_goes_on_sale_later_does_so_here_too() {
    let school = MirroredSchool::open().await;
    let at: jiff::Timestamp = "2029-12-01T14:00:00Z".parse().unwrap();
    let millis = at.as_millisecond().to_string();
    makes(&school, &[("is_active", "scheduled"), ("scheduled_activation_datetime", &millis)]);
    assert_eq!(pulls(&school).await, (1, 0));
    let sql = "SELECT count(*) FROM slots WHERE status = 'scheduled' AND activates_at = '2029-12-01T14:00:00Z'";
    assert_eq!(school.api.school.number(sql).await, 1);
    school.sync().await;
    school.agrees().await;
}

/// What one answer of the search holds is two hundred.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_were_made_all_come_in() {
    let school = MirroredSchool::open().await;
    for number in 0..205 {
        makes(&school, &[("location", &format!("Room {number}"))]);
    }
    assert_eq!(pulls(&school).await, (205, 0));
    assert_eq!(school.api.school.count("slots").await, 205);
}

/// Two rooms of a session: two records, and two sessions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_ours_is_not_made_again_at_hubspot_or_here() {
    let school = MirroredSchool::open().await;
    let usual = json!({ "mock_type": "Clinical Skills", "location": "Calgary", "capacity": 12 });
    let ours = school.api.opens_with(usual).await;
    school.sync().await;
    makes(&school, &[]);
    assert_eq!(pulls(&school).await, (1, 0));
    school.sync().await;
    assert_eq!((school.hubspot.records(SESSIONS).len(), school.api.school.count("slots").await), (2, 2));
    school.record_of(SESSIONS, ours);
    school.agrees().await;
}
