//! What changed is at HubSpot after a run: once, as it is, and belonging to what it belongs to.

use std::time::Duration;

use surehold::mirror::MirrorError;
use surehold_simulators::hubspot::{CONTACTS, Effect, Fault, Rule};
use uuid::Uuid;

use crate::support::portal::{BOOKINGS, MirroredSchool, SESSIONS};

const UPSERT: &str = "POST /crm/objects/{type}/batch/upsert";
const READ: &str = "POST /crm/objects/{type}/batch/read";
const UPDATE: &str = "POST /crm/objects/{type}/batch/update";

impl MirroredSchool {
    fn writes(&self) -> u64 {
        self.hubspot.request_count(UPSERT) + self.hubspot.request_count(UPDATE)
    }

    /// The value of a property of the only record with one of our ids.
    pub fn shows(&self, object_type: &str, id: Uuid, property: &str) -> String {
        let records = self.hubspot.find(object_type, "surehold_id", &id.to_string());
        assert_eq!(records.len(), 1, "records of {id}");
        records[0].value(property).unwrap_or_default().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_mirrored_with_its_student_and_its_session() {
    let school = MirroredSchool::open().await;
    let ann = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    let booking = school.api.school.book(ann, session).await.unwrap().booking_id;

    let report = school.sync().await;
    assert_eq!((report.counts().created, report.counts().failed, report.associations), (3, 0, 2), "{report:?}");
    assert_eq!((report.pending, report.parked), (0, 0));
    assert_eq!(school.hubspot.request_count(READ), 0, "nothing can be written over in a new record");

    assert_eq!(school.shows(CONTACTS, ann, "student_id"), "ANN");
    assert_eq!(school.shows(CONTACTS, ann, "cs_credits"), "2");
    assert_eq!(school.shows(CONTACTS, ann, "sj_credits"), "0");
    assert_eq!(school.shows(SESSIONS, session, "total_bookings"), "1");
    assert_eq!(school.shows(SESSIONS, session, "capacity"), "9");
    assert_eq!(school.shows(BOOKINGS, booking, "is_active"), "Active");
    let belongs: Vec<u64> = school.hubspot.associations().iter().map(|one| u64::from(one.type_id)).collect();
    assert_eq!(belongs, [1289, 1291]);
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_changes_are_one_write_and_no_change_is_none() {
    let school = MirroredSchool::open().await;
    let session = school.api.school.session("Clinical Skills", 20).await;
    school.sync().await;
    let writes = school.writes();
    school.sync().await;
    assert_eq!(school.writes(), writes, "nothing changed");

    let students = school.api.school.students(10, "cs_credits").await;
    for student in &students {
        school.api.school.book(*student, session).await.unwrap();
    }
    school.sync().await;
    assert_eq!(school.writes(), writes + 3, "contacts, the session and bookings take a call each");
    assert_eq!(school.shows(SESSIONS, session, "total_bookings"), "10");
    assert_eq!(school.hubspot.history(SESSIONS, &school.record_of(SESSIONS, session), "total_bookings").len(), 2);
    school.agrees().await;
}

/// More rows than are read at once, and more calls at once than there are connections to the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_backlog_goes_out_in_full_calls() {
    let school = MirroredSchool::open().await;
    let inner = &school.api.school;
    let fill = "INSERT INTO contacts (org_id, id, student_id, email, first_name, last_name, created_at, updated_at)
        SELECT $1, gen_random_uuid(), 'S' || n, 's' || n || '@example.org', 'Test', '', now(), now()
        FROM generate_series(1, 5050) n";
    inner.db.owner().await.execute(fill, &[&inner.org_id]).await.unwrap();

    let report = school.sync().await;
    assert_eq!((report.contacts.created, report.pending), (5_050, 0), "{report:?}");
    assert_eq!(school.writes(), 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_while_it_is_pushed_is_pushed_again() {
    let school = MirroredSchool::open().await;
    let ann = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    // Written with what is known now; the answer comes when somebody has booked since.
    let later = Fault::Delay { ms: (1_000, 1_000), effect: Effect::All };
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/upsert", later));
    let (_, booked) = tokio::join!(school.sync(), async {
        school.hubspot.until(|hubspot| !hubspot.records(CONTACTS).is_empty()).await;
        school.api.school.book(ann, session).await.unwrap().booking_id
    });
    school.sync().await;
    assert_eq!(school.shows(CONTACTS, ann, "cs_credits"), "2");
    assert_eq!(school.shows(SESSIONS, session, "total_bookings"), "1");
    assert_eq!(school.shows(BOOKINGS, booked, "is_active"), "Active");
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_whose_record_is_known_makes_no_second_one() {
    let school = MirroredSchool::open().await;
    let record = school.hubspot.create(CONTACTS, &[("student_id", "ANN"), ("email", "ann@example.org")]).unwrap();
    let ann = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    school.knows("contact", ann, &record.id()).await;

    let report = school.sync().await;
    assert_eq!((report.contacts.created, report.contacts.updated), (0, 1));
    assert_eq!(school.hubspot.records(CONTACTS).len(), 1);
    assert_eq!(school.hubspot.request_count(UPSERT), 0);
    assert_eq!(school.record_of(CONTACTS, ann), record.id(), "it has our id now");
    assert_eq!(school.shows(CONTACTS, ann, "cs_credits"), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_student_whom_hubspot_has_already_is_adopted() {
    let school = MirroredSchool::open().await;
    let record = school.hubspot.create(CONTACTS, &[("student_id", "ann"), ("email", "ann@example.org")]).unwrap();
    let ann = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let other = school.api.school.student("OTHER", &[]).await;

    let report = school.sync().await;
    assert_eq!((report.contacts.created, report.contacts.updated, report.parked), (1, 1, 0), "{report:?}");
    assert_eq!(school.hubspot.records(CONTACTS).len(), 2);
    assert_eq!(school.record_of(CONTACTS, ann), record.id());
    assert_eq!(school.shows(CONTACTS, other, "student_id"), "OTHER");
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_somebody_elses_is_parked_and_holds_up_nobody() {
    let school = MirroredSchool::open().await;
    school.hubspot.create(CONTACTS, &[("student_id", "STRANGER"), ("email", "s00001@example.org")]).unwrap();
    school.api.school.students(3, "cs_credits").await;

    let report = school.sync().await;
    assert_eq!((report.contacts.created, report.contacts.failed, report.parked), (2, 1, 1), "{report:?}");
    let status = school.mirror.status(&school.org).await.unwrap();
    assert!(status.parked[0].problem.contains("another student ID"), "{:?}", status.parked);
    assert!(status.parked[0].correlation_id.is_some());
    assert_eq!(school.hubspot.records(CONTACTS).len(), 3);

    // Not by itself; but once it has changed.
    let writes = school.writes();
    school.sync().await;
    assert_eq!(school.writes(), writes);
    school.api.school.grant(status.parked[0].id, "cs_credits", 1).await.unwrap();
    let stranger = school.hubspot.find(CONTACTS, "student_id", "STRANGER");
    school.hubspot.edit(CONTACTS, &stranger[0].id(), &[("email", "stranger@example.org")]).unwrap();
    assert_eq!(school.sync().await.parked, 0);
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_row_is_found_by_halves_and_waits_longer_each_time() {
    let school = MirroredSchool::open().await;
    let session = school.api.school.session("Clinical Skills", 50).await;
    let students = school.api.school.students(20, "cs_credits").await;
    school.sync().await;
    for student in &students {
        school.api.school.book(*student, session).await.unwrap();
    }
    // Every call that holds one booking is refused, without a word of which row it is about.
    let (object, status) = (format!("/crm/objects/{BOOKINGS}/batch/upsert"), Fault::status(400));
    // The whole, a half, a quarter, an eighth, a sixteenth, one.
    school.hubspot.add_fault(Rule::next(5, "POST", &object, status));
    let report = school.sync().await;
    assert_eq!((report.bookings.created, report.bookings.failed), (19, 1), "{report:?}");
    assert_eq!(report.pending, 1);
    let waits = "SELECT count(*) FROM hubspot_links WHERE failures = 1 AND retry_at > now() + interval '30 s'";
    assert_eq!(school.api.school.number(waits).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_runs_at_a_time() {
    let school = MirroredSchool::open().await;
    school.api.school.student("ANN", &[]).await;
    let later = Fault::Delay { ms: (500, 500), effect: Effect::None };
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/upsert", later));
    let (first, second) = tokio::join!(school.mirror.sync(&school.org, &()), async {
        let started = "SELECT count(*) FROM hubspot_syncs WHERE lease_until > clock_timestamp()";
        while school.api.school.number(started).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        school.mirror.clone().sync(&school.org, &()).await
    });
    assert_eq!(first.unwrap().contacts.created, 1);
    assert!(matches!(second, Err(MirrorError::Busy)), "{second:?}");
    school.sync().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_organisation_is_never_mirrored() {
    let school = MirroredSchool::open().await;
    let mut org = school.org.clone();
    org.is_test = true;
    assert!(matches!(school.mirror.sync(&org, &()).await, Err(MirrorError::NoPortal)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_another_rows_already_is_refused_alone() {
    let school = MirroredSchool::open().await;
    let [ann, bob] = [school.api.school.student("ANN", &[]).await, school.api.school.student("BOB", &[]).await];
    school.sync().await;
    // A restored backup, say: the link of one row has the record of the other one.
    let record = school.record_of(CONTACTS, bob);
    let lost = format!("UPDATE hubspot_links SET hubspot_id = NULL, pushed_version = 0 WHERE entity_id = '{bob}'");
    let wrong = format!("UPDATE hubspot_links SET hubspot_id = '{record}' WHERE entity_id = '{ann}'");
    assert_eq!((school.api.meddles(&lost).await, school.api.meddles(&wrong).await), (1, 1));
    let cem = school.api.school.student("CEM", &[]).await;

    let report = school.sync().await;
    assert_eq!((report.pending, report.parked), (0, 1), "{report:?}");
    let parked = school.mirror.status(&school.org).await.unwrap().parked;
    assert_eq!(parked[0].id, bob);
    assert!(parked[0].problem.contains(&format!("record {record} belongs to another row")), "{parked:?}");
    school.record_of(CONTACTS, cem);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_another_contacts_already_is_not_adopted() {
    let school = MirroredSchool::open().await;
    let ann = school.api.school.student("ANN", &[]).await;
    school.sync().await;
    let record = school.hubspot.create(CONTACTS, &[("student_id", "BOB"), ("email", "bob@example.org")]).unwrap().id();
    let wrong = format!("UPDATE hubspot_links SET hubspot_id = '{record}' WHERE entity_id = '{ann}'");
    assert_eq!(school.api.meddles(&wrong).await, 1);
    school.api.school.student("BOB", &[]).await;

    let report = school.sync().await;
    assert_eq!((report.contacts.failed, report.parked), (1, 1), "{report:?}");
    let parked = school.mirror.status(&school.org).await.unwrap().parked;
    assert!(parked[0].problem.contains("belongs to another contact of ours already"), "{parked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_becomes_somebody_elses_is_refused_and_adopts_nobody() {
    let school = MirroredSchool::open().await;
    let ann = school.api.enrols("ANN", serde_json::json!({})).await.id;
    school.sync().await;
    let record = school.record_of(CONTACTS, ann);
    // The same student, a second time: which of the two records is right, a person has to say.
    school.hubspot.create(CONTACTS, &[("student_id", "ANN"), ("email", "new@example.org")]).unwrap();
    let change = serde_json::json!({ "email": "new@example.org" });
    school.api.patch(format!("/api/admin/contacts/{ann}"), change).by_admin().await.is(200);
    let report = school.sync().await;
    assert_eq!((report.contacts.failed, report.contacts.updated), (1, 0), "{report:?}");
    assert_eq!(school.record_of(CONTACTS, ann), record);
    assert_eq!(school.shows(CONTACTS, ann, "email"), "ann@example.org");
}

/// HubSpot may refuse a whole call, without a word of which booking it is about.
/// Ids of the journal are made before their transactions commit: one may appear behind where the last run stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_refused_again_and_again_waits_longer_and_is_parked() {
    let school = MirroredSchool::open().await;
    let ann = school.api.school.student("ANN", &[]).await;
    let row = format!("entity_id = '{ann}'");
    for failures in 1..=6 {
        school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/upsert", Fault::status(400)));
        let report = school.sync().await;
        assert_eq!((report.contacts.failed, report.parked), (1, u64::from(failures == 6)), "{failures}: {report:?}");
        let minutes = 1 << (failures - 1);
        let waits = format!(
            "hubspot_links WHERE {row} AND failures = {failures} AND retry_at - now() BETWEEN
             interval '1 minute' * ({minutes} - 0.75) AND interval '1 minute' * {minutes}"
        );
        assert_eq!(school.api.school.count(&waits).await, 1, "{minutes} minutes after {failures}");
        let writes = school.writes();
        school.sync().await;
        assert_eq!(school.writes(), writes, "not before it is time");
        school.api.meddles(&format!("UPDATE hubspot_links SET retry_at = now() WHERE {row}")).await;
    }
    let writes = school.writes();
    school.sync().await;
    assert_eq!(school.writes(), writes, "a parked row waits for a person");

    // A success makes a new beginning.
    school.mirror.retry_all(&school.org).await.unwrap();
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/upsert", Fault::status(400)));
    school.sync().await;
    school.api.meddles(&format!("UPDATE hubspot_links SET retry_at = now() WHERE {row}")).await;
    assert_eq!(school.sync().await.contacts.created, 1);
    let fresh = format!("hubspot_links WHERE {row} AND failures = 0 AND retry_at IS NULL AND problem IS NULL");
    assert_eq!(school.api.school.count(&fresh).await, 1);
}
