//! Comparing both sides: what differs is named, and mended.

use std::time::Duration;

use jiff::Timestamp;
use surehold::hubspot::{AssociationType, Pair};
use surehold_simulators::hubspot::{self as simulator, CONTACTS, Effect, Fault, Rule};

use crate::support::portal::{BOOKINGS, MirroredSchool, SESSIONS, portals_at};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_changed_at_hubspot_is_named_and_mended() {
    let school = MirroredSchool::open().await;
    let students = school.api.school.students(3, "cs_credits").await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    let mut bookings = Vec::new();
    for student in &students {
        bookings.push(school.api.school.book(*student, session).await.unwrap().booking_id);
    }
    school.sync().await;
    school.agrees().await;

    school.hubspot.edit(SESSIONS, &school.record_of(SESSIONS, session), &[("capacity", "90")]).unwrap();
    school.hubspot.archive(BOOKINGS, &school.record_of(BOOKINGS, bookings[0])).unwrap();
    school.hubspot.edit(CONTACTS, &school.record_of(CONTACTS, students[1]), &[("firstname", "Ken")]).unwrap();

    let found = school.mirror.check(&school.org, false, &()).await.unwrap();
    let mut problems: Vec<String> =
        found.drift.iter().map(|drift| format!("{}: {}", drift.entity.as_str(), drift.problem)).collect();
    problems.sort();
    assert_eq!(
        problems[..3],
        [
            "booking: HubSpot has no such record".to_owned(),
            "contact: firstname is \"Ken\" instead of \"Test\"".to_owned(),
            "slot: capacity is \"90\" instead of \"9\"".to_owned(),
        ]
    );
    assert_eq!(school.hubspot.records(BOOKINGS).len(), 2, "looking changes nothing");

    let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!((healed.drifted, healed.pending, healed.parked), (0, 0, 0), "{healed:?}");
    assert!(healed.healed >= 3, "{healed:?}");
    assert_eq!(school.hubspot.records(BOOKINGS).len(), 3);
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_that_nobody_told_us_of_is_counted_when_it_is_found() {
    let school = MirroredSchool::open().await;
    let ann = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    school.sync().await;
    school.hubspot.edit(CONTACTS, &school.record_of(CONTACTS, ann), &[("cs_credits", "10")]).unwrap();
    let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!(healed.drifted, 0, "{healed:?}");
    assert_eq!(school.api.school.balance(ann, "cs_credits").await, 10, "it was bought, so it is ours");
    school.agrees().await;
}

/// A report lists the first thousand differences, and mends all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_much_differs_all_of_it_is_mended() {
    const COUNT: usize = 1_010;
    let school = MirroredSchool::open().await;
    school.api.school.students(COUNT, "cs_credits").await;
    school.sync().await;
    for record in school.hubspot.records(CONTACTS) {
        school.hubspot.edit(CONTACTS, &record.id(), &[("firstname", "Ken")]).unwrap();
    }
    let found = school.mirror.check(&school.org, false, &()).await.unwrap();
    assert_eq!((found.drifted, found.drift.len()), (COUNT as u64, 1_000));

    let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!((healed.drifted, healed.healed), (0, COUNT as u64), "{healed:?}");
    assert!(school.hubspot.find(CONTACTS, "firstname", "Ken").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hubspot_refuses_is_not_said_to_be_mended() {
    let school = MirroredSchool::open().await;
    let students = school.api.school.students(2, "cs_credits").await;
    school.sync().await;
    school.hubspot.edit(CONTACTS, &school.record_of(CONTACTS, students[0]), &[("firstname", "Ken")]).unwrap();
    let refusal = Fault::status(400);
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/update", refusal));
    let refused = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!((refused.drifted, refused.healed, refused.pending), (0, 0, 1), "{refused:?}");

    let school = MirroredSchool::open().await;
    let student = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    let booking = school.api.school.book(student, session).await.unwrap().booking_id;
    school.sync().await;
    let pair = [Pair { from: school.record_of(BOOKINGS, booking), to: school.record_of(SESSIONS, session) }];
    let portal = portals_at(&school.hubspot, &[]).of("school").unwrap();
    portal.client.batch_disassociate(BOOKINGS, SESSIONS, &pair).await.unwrap();
    let path = format!("/crm/associations/{BOOKINGS}/{SESSIONS}/batch/create");
    school.hubspot.add_fault(Rule::next(1, "POST", &path, refusal));
    let refused = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!((refused.drifted, refused.healed, refused.pending), (0, 0, 1), "{refused:?}");
}

/// A record that somebody deleted is nothing that a run makes again by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_deleted_parks_its_row_and_only_healing_makes_another_one() {
    let school = MirroredSchool::open().await;
    let students = school.api.school.students(2, "cs_credits").await;
    school.sync().await;
    school.hubspot.archive(CONTACTS, &school.record_of(CONTACTS, students[0])).unwrap();
    school.api.school.grant(students[0], "cs_credits", 2).await.unwrap();
    let report = school.sync().await;
    assert_eq!((report.contacts.failed, report.parked), (1, 1), "{report:?}");
    assert_eq!(school.sync().await.parked, 1);
    let looked = school.mirror.check(&school.org, false, &()).await.unwrap();
    assert_eq!((looked.drifted, looked.parked, school.hubspot.records(CONTACTS).len()), (0, 1, 1), "{looked:?}");

    let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!((healed.healed, healed.drifted, healed.parked, healed.pending), (1, 0, 0, 0), "{healed:?}");
    school.record_of(CONTACTS, students[0]);
    assert_eq!(school.api.school.balance(students[0], "cs_credits").await, 3, "a new record is no purchase");
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_parked_for_another_reason_stays_so_when_the_rest_is_mended() {
    let school = MirroredSchool::open().await;
    let students = school.api.school.students(2, "cs_credits").await;
    school.sync().await;
    let record = school.record_of(CONTACTS, students[0]);
    let park = format!(
        "UPDATE hubspot_links SET pushed_version = 0, parked_at = now(), problem = 'no' WHERE hubspot_id = '{record}'"
    );
    assert_eq!(school.api.meddles(&park).await, 1);
    let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!((healed.healed, healed.parked), (0, 1), "{healed:?}");
    assert_eq!(school.record_of(CONTACTS, students[0]), record);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belonged_to_a_deleted_record_belongs_to_the_next_one() {
    let school = MirroredSchool::open().await;
    let student = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    school.api.school.book(student, session).await.unwrap();
    school.sync().await;
    for (object, id) in [(CONTACTS, student), (SESSIONS, session)] {
        school.hubspot.archive(object, &school.record_of(object, id)).unwrap();
        let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
        assert_eq!((healed.drifted, healed.pending, healed.parked), (0, 0, 0), "{healed:?}");
        school.record_of(object, id);
        school.agrees().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_was_parked_for_its_deleted_session_belongs_to_the_next_one() {
    let school = MirroredSchool::open().await;
    let student = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    school.sync().await;
    school.hubspot.archive(SESSIONS, &school.record_of(SESSIONS, session)).unwrap();
    school.api.school.book(student, session).await.unwrap();
    // The session is parked at once; its booking when it could not be associated as often as a row is tried.
    school.sync().await;
    let tried = "UPDATE hubspot_links SET failures = 5, retry_at = now() WHERE entity = 'booking'";
    assert_eq!(school.api.meddles(tried).await, 1);
    assert_eq!(school.sync().await.parked, 2);
    let calls = school.hubspot.calls().len();
    school.sync().await;
    assert_eq!(school.hubspot.calls().len(), calls, "neither is tried by itself");

    let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!((healed.healed, healed.drifted, healed.pending, healed.parked), (1, 0, 0, 0), "{healed:?}");
    assert_eq!(school.hubspot.associations().len(), 2);
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_booking_belongs_to_is_named_and_mended() {
    let school = MirroredSchool::open().await;
    let student = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    let other = school.api.school.session("Situational Judgment", 9).await;
    let booking = school.api.school.book(student, session).await.unwrap().booking_id;
    school.sync().await;
    school.agrees().await;

    let portal = portals_at(&school.hubspot, &[]).of("school").unwrap();
    let to_session = portal.mapping.bookings.to_session.clone();
    let to = |object: &str, id| [Pair { from: school.record_of(BOOKINGS, booking), to: school.record_of(object, id) }];
    let ends = async |object: &str, id| {
        portal.client.batch_disassociate(BOOKINGS, object, &to(object, id)).await.unwrap();
    };
    let joins_other = async || {
        portal.client.batch_associate(BOOKINGS, SESSIONS, &to_session, &to(SESSIONS, other)).await.unwrap();
    };
    for (what, problem) in [
        ("contact", "it is not associated with its contact"),
        ("session", "it is not associated with its session"),
        ("other", "it is associated with another session, too"),
        ("moved", "it is not associated with its session"),
    ] {
        match what {
            "contact" => ends(CONTACTS, student).await,
            "session" => ends(SESSIONS, session).await,
            "other" => joins_other().await,
            _ => {
                ends(SESSIONS, session).await;
                joins_other().await;
            }
        }
        let found = school.mirror.check(&school.org, false, &()).await.unwrap();
        let problems: Vec<&str> = found.drift.iter().map(|drift| drift.problem.as_str()).collect();
        assert_eq!(problems, [problem], "{what}");
        let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
        assert_eq!((healed.drifted, healed.healed, healed.pending), (0, 1, 0), "{what}: {healed:?}");
        assert_eq!(school.hubspot.associations().len(), 2, "{what}");
        school.agrees().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_association_of_another_kind_is_none_of_ours() {
    let school = MirroredSchool::open().await;
    let student = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    let other = school.api.school.session("Situational Judgment", 9).await;
    let booking = school.api.school.book(student, session).await.unwrap().booking_id;
    school.sync().await;
    school.hubspot.define_association(simulator::AssociationType::user_defined(
        1400,
        BOOKINGS,
        SESSIONS,
        Some("likes"),
    ));
    let likes = AssociationType { category: "USER_DEFINED".to_owned(), type_id: 1400 };
    let portal = portals_at(&school.hubspot, &[]).of("school").unwrap();
    let to = |id| [Pair { from: school.record_of(BOOKINGS, booking), to: school.record_of(SESSIONS, id) }];
    portal.client.batch_associate(BOOKINGS, SESSIONS, &likes, &to(other)).await.unwrap();
    school.agrees().await;
    // Nor does it do in place of ours.
    portal.client.batch_disassociate(BOOKINGS, SESSIONS, &to(session)).await.unwrap();
    portal.client.batch_associate(BOOKINGS, SESSIONS, &likes, &to(session)).await.unwrap();
    let found = school.mirror.check(&school.org, false, &()).await.unwrap();
    assert_eq!(found.drift[0].problem, "it is not associated with its session");
    let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!((healed.drifted, healed.healed), (0, 1), "{healed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_here_while_hubspot_is_asked_is_no_drift() {
    let school = MirroredSchool::open().await;
    let student = school.api.school.student("ANN", &[("cs_credits", 3)]).await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    school.sync().await;
    // Contacts come first; the session is looked at when somebody has booked.
    let slow = Fault::Delay { ms: (500, 500), effect: Effect::All };
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/0-1/batch/read", slow));
    let calls = school.hubspot.calls().len();
    let (report, _) = tokio::join!(school.mirror.check(&school.org, false, &()), async {
        school.hubspot.until(|hubspot| hubspot.calls().len() > calls).await;
        school.api.school.book(student, session).await.unwrap()
    });
    let report = report.unwrap();
    assert_eq!(report.drifted, 0, "{report:?}");
    assert!(report.pending >= 2, "it waits: {report:?}");
}

/// The journal is where changes are noticed; a look at every row finds what is not in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_no_journal_tells_of_is_found() {
    let school = MirroredSchool::open().await;
    let session = school.api.school.session("Clinical Skills", 9).await;
    school.sync().await;
    school.journal_ends_at(Timestamp::now() + Duration::from_secs(120)).await;
    let by_hand = format!("UPDATE slots SET capacity = 10, version = version + 1 WHERE id = '{session}'");
    assert_eq!(school.api.meddles(&by_hand).await, 1);
    assert_eq!(school.sync().await.sessions.updated, 0);
    let found = school.mirror.check(&school.org, false, &()).await.unwrap();
    assert_eq!((found.drifted, found.pending), (0, 1), "{found:?}");
    assert_eq!(school.sync().await.sessions.updated, 1);
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_sent_before_both_sides_are_compared_for_mending() {
    let school = MirroredSchool::open().await;
    school.api.school.students(2, "cs_credits").await;
    let healed = school.mirror.check(&school.org, true, &()).await.unwrap();
    assert_eq!((healed.compared, healed.drifted, healed.healed, healed.pending), (2, 0, 0, 0), "{healed:?}");
    assert_eq!(school.hubspot.records(CONTACTS).len(), 2);
}
