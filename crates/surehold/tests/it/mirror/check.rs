//! Comparing both sides: what differs is named, and mended.

use surehold_simulators::hubspot::{CONTACTS, Fault, Rule};

use crate::support::portal::{BOOKINGS, MirroredSchool, SESSIONS};

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
}
