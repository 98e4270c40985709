//! What bookings belong to at HubSpot: their student and their session, and nothing else.

use std::time::Duration;

use surehold_simulators::hubspot::{CONTACTS, Fault, Rule};

use crate::support::portal::{BOOKINGS, MirroredSchool, SESSIONS};

impl MirroredSchool {
    /// What was refused has waited long enough.
    async fn may_try_again(&self) {
        self.api.meddles("UPDATE hubspot_links SET retry_at = now() WHERE retry_at IS NOT NULL").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_booking_leaves_its_old_session() {
    let school = MirroredSchool::open().await;
    let student = school.api.enrols("ANN", serde_json::json!({ "cs_credits": 3 })).await;
    let old = school.api.opens_on("Clinical Skills", 5, "2030-05-04").await;
    let new = school.api.opens_on("Clinical Skills", 5, "2030-05-05").await;
    let booking = school.api.school.book(student.id, old).await.unwrap().booking_id;
    school.sync().await;
    // What was before is not read again: the old session is noticed because of the move alone.
    school.journal_ends_at(jiff::Timestamp::now() + Duration::from_secs(60)).await;
    assert_eq!(school.api.moves(booking, new).await.status, 200);
    school.sync().await;

    let record = school.record_of(BOOKINGS, booking);
    let sessions: Vec<String> = school
        .hubspot
        .associations()
        .iter()
        .filter(|one| one.type_id == 1291 && one.from.1.to_string() == record)
        .map(|one| one.to.1.to_string())
        .collect();
    assert_eq!(sessions, [school.record_of(SESSIONS, new)]);
    assert_eq!(school.shows(SESSIONS, old, "total_bookings"), "0");
    assert_eq!(school.shows(SESSIONS, new, "total_bookings"), "1");
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_waits_for_its_student_to_belong_to() {
    let school = MirroredSchool::open().await;
    let stranger = [("student_id", "STRANGER"), ("email", "ann@example.org")];
    let stranger = school.hubspot.create(CONTACTS, &stranger).unwrap().id();
    let ann = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    school.api.school.book(ann, session).await.unwrap();
    let report = school.sync().await;
    assert_eq!((report.parked, report.associations, report.pending), (1, 1, 1), "{report:?}");

    school.hubspot.edit(CONTACTS, &stranger, &[("email", "stranger@example.org")]).unwrap();
    assert_eq!(school.mirror.retry_all(&school.org).await.unwrap(), 1);
    let report = school.sync().await;
    assert_eq!((report.parked, report.associations, report.pending), (0, 1, 0), "{report:?}");
    assert_eq!(school.hubspot.associations().len(), 2);
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_cannot_be_associated_holds_up_no_other() {
    let school = MirroredSchool::open().await;
    let sessions = [
        school.api.school.session("Clinical Skills", 9).await,
        school.api.school.session("Situational Judgment", 9).await,
    ];
    school.sync().await;
    // Nothing of it changes here, so nobody knows.
    let gone = school.record_of(SESSIONS, sessions[0]);
    school.hubspot.archive(SESSIONS, &gone).unwrap();
    let kinds = [("ANN", "cs_credits"), ("BOB", "sj_credits")];
    let mut bookings = Vec::new();
    for ((student_id, kind), session) in kinds.into_iter().zip(sessions) {
        let student = school.api.school.student(student_id, &[(kind, 1)]).await;
        bookings.push(school.api.school.book(student, session).await.unwrap().booking_id);
    }
    let report = school.sync().await;
    assert_eq!(report.associations, 3, "both students, and the session that is there: {report:?}");
    let sql = |id| format!("hubspot_links WHERE entity_id = '{id}' AND problem LIKE 'could not be associated%'");
    assert_eq!(school.api.school.count(&sql(bookings[0])).await, 1);
    assert_eq!(school.api.school.count(&sql(bookings[1])).await, 0);
    assert_eq!(school.mirror.status(&school.org).await.unwrap().loose, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_association_that_is_refused_is_found_by_halves() {
    let school = MirroredSchool::open().await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    for student in school.api.school.students(4, "cs_credits").await {
        school.api.school.book(student, session).await.unwrap();
    }
    // All four, two of them, one.
    school.hubspot.add_fault(Rule::next(3, "POST", "/crm/associations/*/*/batch/create", Fault::status(400)));
    let report = school.sync().await;
    assert_eq!((report.associations, report.pending), (6, 1), "a booking waits with both: {report:?}");
    school.may_try_again().await;
    let report = school.sync().await;
    assert_eq!((report.associations, report.pending), (2, 0), "{report:?}");
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_booking_that_could_not_leave_is_not_at_two_sessions() {
    let school = MirroredSchool::open().await;
    let student = school.api.enrols("ANN", serde_json::json!({ "cs_credits": 3 })).await;
    let old = school.api.opens_on("Clinical Skills", 5, "2030-05-04").await;
    let new = school.api.opens_on("Clinical Skills", 5, "2030-05-05").await;
    let booking = school.api.school.book(student.id, old).await.unwrap().booking_id;
    school.sync().await;
    assert_eq!(school.api.moves(booking, new).await.status, 200);
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/associations/*/*/batch/archive", Fault::status(400)));
    for (associations, pending) in [(0, 1), (2, 0)] {
        let report = school.sync().await;
        assert_eq!((report.associations, report.pending), (associations, pending), "{report:?}");
        assert_eq!(school.hubspot.associations().len(), 2);
        school.may_try_again().await;
    }
    school.agrees().await;
}
