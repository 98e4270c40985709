//! What makes for a row that is to be pushed: changes of its own, and of what it shows of others.

use std::time::Duration;

use surehold_simulators::hubspot::{CONTACTS, Fault, Rule};
use uuid::Uuid;

use crate::support::portal::{BOOKINGS, MirroredSchool, SESSIONS};

impl MirroredSchool {
    /// The last run stopped at a row of the journal that was made then.
    pub async fn journal_ends_at(&self, at: jiff::Timestamp) {
        let nanos = at.subsec_nanosecond().unsigned_abs();
        let at = uuid::Timestamp::from_unix(uuid::NoContext, at.as_second().unsigned_abs(), nanos);
        let sql = format!("UPDATE hubspot_syncs SET journal_cursor = '{}'", Uuid::new_v7(at));
        assert_eq!(self.api.meddles(&sql).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_name_is_shown_on_every_booking() {
    let school = MirroredSchool::open().await;
    let ann = school.api.enrols("ANN", serde_json::json!({ "cs_credits": 1 })).await.id;
    let bob = school.api.enrols("BOB", serde_json::json!({ "cs_credits": 1 })).await.id;
    let session = school.api.school.session("Clinical Skills", 9).await;
    let booking = school.api.school.book(ann, session).await.unwrap().booking_id;
    school.api.school.book(bob, session).await.unwrap();
    school.sync().await;
    let change = serde_json::json!({ "first_name": "Anna", "last_name": "New" });
    school.api.patch(format!("/api/admin/contacts/{ann}"), change).by_admin().await.is(200);
    let report = school.sync().await;
    assert_eq!((report.contacts.updated, report.bookings.updated), (1, 1), "nobody else's: {report:?}");
    assert_eq!(school.shows(BOOKINGS, booking, "name"), "Anna New");
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_time_of_sale_has_come_is_said_to_be_on_sale() {
    let school = MirroredSchool::open().await;
    let scheduled = serde_json::json!({
        "mock_type": "Clinical Skills", "is_active": "scheduled", "scheduled_activation_datetime": "2029-01-01T09:00",
    });
    let session = school.api.opens_with(scheduled).await;
    school.sync().await;
    assert_eq!(school.shows(SESSIONS, session, "is_active"), "scheduled");
    // Nobody writes the row when it comes; what was pushed is from before.
    let came = format!("UPDATE slots SET activates_at = clock_timestamp() WHERE id = '{session}'");
    assert_eq!(school.api.meddles(&came).await, 1);
    assert_eq!(school.sync().await.sessions.updated, 1);
    assert_eq!(school.shows(SESSIONS, session, "is_active"), "true");
    assert_eq!(school.sync().await.sessions.updated, 0, "once");
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_changes_what_its_student_has_left_and_how_full_its_session_is() {
    let school = MirroredSchool::open().await;
    let ann = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    school.sync().await;
    // What was before is not read again: both are noticed because of the booking alone.
    school.journal_ends_at(jiff::Timestamp::now() + Duration::from_secs(60)).await;
    school.api.school.book(ann, session).await.unwrap();
    school.sync().await;
    assert_eq!(school.shows(CONTACTS, ann, "cs_credits"), "2");
    assert_eq!(school.shows(SESSIONS, session, "total_bookings"), "1");
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_note_about_a_row_is_no_change_of_it() {
    let school = MirroredSchool::open().await;
    let ann = school.api.enrols("ANN", serde_json::json!({ "cs_credits": 3 })).await.id;
    let session = school.api.school.session("Clinical Skills", 9).await;
    let booking = school.api.school.book(ann, session).await.unwrap().booking_id;
    school.sync().await;
    for (entity, id) in [("contact", ann), ("slot", session), ("booking", booking)] {
        let note = serde_json::json!({ "event_type": "contact.changed", "entity_type": entity, "entity_id": id });
        school.api.post("/rest/v1/audit_logs", note).by_service().await.is(201);
    }
    assert_eq!(school.sync().await.counts().updated, 0);
    school.agrees().await;
    // And hides none.
    school.api.school.grant(ann, "cs_credits", 1).await.unwrap();
    school.sync().await;
    assert_eq!(school.shows(CONTACTS, ann, "cs_credits"), "3");
    school.api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_appears_behind_the_end_of_the_journal_is_noticed() {
    let school = MirroredSchool::open().await;
    let ann = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    school.sync().await;
    school.journal_ends_at(jiff::Timestamp::now() + Duration::from_secs(30)).await;
    school.api.school.grant(ann, "cs_credits", 1).await.unwrap();
    assert_eq!(school.sync().await.contacts.updated, 1);
    assert_eq!(school.shows(CONTACTS, ann, "cs_credits"), "4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_says_since_when() {
    let school = MirroredSchool::open().await;
    let ann = school.api.school.student("ANN", &[]).await;
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/upsert", Fault::status(400)));
    school.sync().await;
    let long = "UPDATE hubspot_links SET changed_at = '2026-01-02T03:04:05Z'";
    assert_eq!(school.api.meddles(long).await, 1);
    // It changes once more, and is refused once more: it still waits since then.
    school.api.school.grant(ann, "cs_credits", 1).await.unwrap();
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/upsert", Fault::status(400)));
    school.sync().await;
    let pending = school.mirror.status(&school.org).await.unwrap().pending;
    assert_eq!(pending[0].oldest.to_string(), "2026-01-02T03:04:05Z");
}

/// Whoever wrote it had a clock that was ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_the_journal_from_the_future_hides_nothing() {
    let school = MirroredSchool::open().await;
    school.api.school.student("ANN", &[]).await;
    let far = "UPDATE journal SET id = 'f0000000-0000-7000-8000-000000000000'
        WHERE id = (SELECT id FROM journal ORDER BY id DESC LIMIT 1)";
    assert_eq!(school.api.meddles(far).await, 1);
    // The first run looks at every row, and the next one begins where that ended.
    for _ in 0..2 {
        school.sync().await;
        let ahead = format!("hubspot_syncs WHERE journal_cursor > '{}'", Uuid::now_v7());
        assert_eq!(school.api.school.count(&ahead).await, 0);
    }
    school.api.school.student("BEN", &[]).await;
    assert_eq!(school.sync().await.contacts.created, 1);
}
