//! HubSpot goes wrong in every way it has: there is still one record of each row.

use std::collections::BTreeMap;

use surehold::mirror::MirrorError;
use surehold_simulators::hubspot::{CONTACTS, Effect, Fault, Policy, Rule};

use crate::support::portal::{BOOKINGS, MirroredSchool, SESSIONS};

impl MirroredSchool {
    /// Students with a booking each, of one session.
    pub async fn with_bookings(&self, count: usize) {
        let session = self.api.school.session("Clinical Skills", i32::try_from(count.min(100)).unwrap()).await;
        for student in self.api.school.students(count, "cs_credits").await {
            self.api.school.book(student, session).await.unwrap();
        }
    }

    /// Each row has one record, and each booking belongs to one contact and one session.
    pub async fn has_one_record_of_each(&self) {
        for (object, table) in [(CONTACTS, "contacts"), (SESSIONS, "slots"), (BOOKINGS, "bookings")] {
            let rows = self.api.school.count(table).await;
            let mut records: BTreeMap<String, usize> = BTreeMap::new();
            for record in self.hubspot.records(object) {
                *records.entry(record.value("surehold_id").unwrap_or_default().to_owned()).or_default() += 1;
            }
            assert_eq!(records.len(), usize::try_from(rows).unwrap(), "{table}");
            assert!(records.values().all(|count| *count == 1), "{table}: {records:?}");
        }
        let bookings = usize::try_from(self.api.school.count("bookings").await).unwrap();
        assert_eq!(self.hubspot.associations().len(), 2 * bookings);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_after_the_work_makes_no_second_record() {
    for effect in [Effect::None, Effect::Half, Effect::All] {
        for fault in [Fault::Status { status: 524, effect }, Fault::Reset { effect }] {
            let school = MirroredSchool::open().await;
            school.with_bookings(5).await;
            for path in ["/crm/objects/*/batch/upsert", "/crm/objects/*/batch/update", "/crm/associations/**"] {
                school.hubspot.add_fault(Rule::next(3, "POST", path, fault));
            }
            let report = school.sync().await;
            assert_eq!((report.pending, report.parked), (0, 0), "{fault:?}: {report:?}");
            school.has_one_record_of_each().await;
            school.agrees().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_drained_through_faults_of_every_kind() {
    let school = MirroredSchool::open().await;
    for _ in 0..8 {
        let session = school.api.school.session("Clinical Skills", 100).await;
        assert_ne!(session, uuid::Uuid::nil());
    }
    school.with_bookings(100).await;
    for fault in [
        Fault::status(500),
        Fault::status(502),
        Fault::timeout(),
        Fault::Status { status: 423, effect: Effect::None },
        Fault::Reset { effect: Effect::Half },
        Fault::Reset { effect: Effect::All },
        Fault::Delay { ms: (5, 40), effect: Effect::None },
    ] {
        school.hubspot.add_fault(Rule::sometimes(0.05, fault));
    }
    // A call that fails seven times in a row ends a run; the next one goes on.
    for _ in 0..5 {
        match school.mirror.sync(&school.org, &()).await {
            Ok(report) if report.pending == 0 => break,
            Ok(_) | Err(MirrorError::HubSpot(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    school.hubspot.clear_faults();
    school.has_one_record_of_each().await;
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_hubspot_is_down_bookings_are_made_and_wait() {
    let school = MirroredSchool::open().await;
    school.hubspot.add_fault(Rule::sometimes(1.0, Fault::status(503)));
    school.with_bookings(3).await;
    let failed = school.mirror.sync(&school.org, &()).await;
    assert!(matches!(failed, Err(MirrorError::HubSpot(_))), "{failed:?}");
    let status = school.mirror.status(&school.org).await.unwrap();
    assert_eq!(status.pending.iter().map(|pending| pending.rows).sum::<i64>(), 7, "{:?}", status.pending);
    assert_eq!(status.parked_rows, 0, "nobody is to blame");
    let report = status.sync.report.unwrap();
    assert!(report.contains("503"), "the report says why: {report}");

    // Looking for what changed costs the database something; nobody does so in vain again and again.
    let more = school.api.school.session("Situational Judgment", 9).await;
    assert!(school.mirror.sync(&school.org, &()).await.is_err());
    assert_eq!(school.api.school.count(&format!("hubspot_links WHERE entity_id = '{more}'")).await, 0);

    school.hubspot.clear_faults();
    school.sync().await;
    school.has_one_record_of_each().await;
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_ends_the_run_and_parks_nothing() {
    let school = MirroredSchool::open().await;
    school.with_bookings(2).await;
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/upsert", Fault::status(401)));
    assert!(matches!(school.mirror.sync(&school.org, &()).await, Err(MirrorError::HubSpot(_))));
    assert_eq!(school.mirror.status(&school.org).await.unwrap().parked_rows, 0);
    school.sync().await;
    school.agrees().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_of_a_moment_is_waited_for_and_that_of_a_day_is_not() {
    let school = MirroredSchool::open().await;
    school.with_bookings(2).await;
    let too_many = |policy, retry_after| Fault::TooMany { policy, retry_after };
    let soon = too_many(Policy::TenSecondlyRolling, Some(1));
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/upsert", soon));
    school.sync().await;
    school.has_one_record_of_each().await;

    school.api.school.student("LATE", &[]).await;
    school.hubspot.add_fault(Rule::next(1, "POST", "/crm/objects/*/batch/upsert", too_many(Policy::Daily, None)));
    let ended = tokio::time::timeout(std::time::Duration::from_secs(60), school.mirror.sync(&school.org, &()));
    let ended = ended.await.expect("a run does not wait for tomorrow");
    assert!(matches!(&ended, Err(MirrorError::HubSpot(_))), "{ended:?}");
    let status = school.mirror.status(&school.org).await.unwrap();
    assert_eq!((status.parked_rows, status.pending.len()), (0, 1), "nobody is to blame");
}

/// A page of rows takes several calls, which are under way at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_call_did_is_noted_though_another_one_ended_the_run() {
    let school = MirroredSchool::open().await;
    school.api.school.students(150, "cs_credits").await;
    let upsert = "/crm/objects/*/batch/upsert";
    school.hubspot.add_fault(Rule::next(1, "POST", upsert, Fault::status(401)));
    school.hubspot.add_fault(Rule::next(1, "POST", upsert, Fault::Delay { ms: (300, 300), effect: Effect::All }));
    assert!(matches!(school.mirror.sync(&school.org, &()).await, Err(MirrorError::HubSpot(_))));
    let made = i64::try_from(school.hubspot.records(CONTACTS).len()).unwrap();
    assert!(made > 0, "one of the two calls did its work");
    assert_eq!(
        school.api.school.count("hubspot_links WHERE hubspot_id IS NOT NULL AND pushed_version > 0").await,
        made
    );
    school.sync().await;
    school.agrees().await;
}
