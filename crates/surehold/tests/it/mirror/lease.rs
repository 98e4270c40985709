//! The right to call HubSpot: for one program at a time, and never longer than it is certain.

use std::time::Duration;

use surehold::mirror::MirrorError;
use surehold_simulators::hubspot::{CONTACTS, Effect, Fault, Rule};

use crate::support::portal::MirroredSchool;

const UPSERT: &str = "/crm/objects/*/batch/upsert";

/// Each call takes so long, in milliseconds, and does its work at the end.
fn slow(ms: u64) -> Fault {
    Fault::Delay { ms: (ms, ms), effect: Effect::None }
}

impl MirroredSchool {
    /// Waits until so many calls of a run to write rows have arrived.
    async fn has_asked(&self, calls: usize) {
        let arrived = |hubspot: &surehold_simulators::hubspot::Simulator| {
            hubspot.calls().iter().filter(|call| call.path.ends_with("/batch/upsert")).count()
        };
        self.hubspot.until(|hubspot| arrived(hubspot) >= calls).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_lost_its_lease_makes_no_further_call_and_leaves_it_to_the_other() {
    let school = MirroredSchool::with(&["--hubspot-timeout", "1"], |_| {}).await;
    school.mirror.set_up(&school.org, false).await.unwrap();
    school.api.school.student("ANN", &[]).await;
    // The first call is given up after a second: then the lease has to be asked for again.
    school.hubspot.add_fault(Rule::next(1, "POST", UPSERT, slow(600_000)));
    let (lost, ()) = tokio::join!(school.mirror.sync(&school.org, &()), async {
        school.has_asked(1).await;
        let other =
            "UPDATE hubspot_syncs SET lease_holder = gen_random_uuid(), lease_until = now() + interval '1 minute'";
        assert_eq!(school.api.meddles(other).await, 1);
    });
    assert!(matches!(lost, Err(MirrorError::LeaseLost)), "{lost:?}");
    assert!(school.hubspot.records(CONTACTS).is_empty());
    let others = "SELECT count(*) FROM hubspot_syncs WHERE lease_until > clock_timestamp()";
    assert_eq!(school.api.school.number(others).await, 1, "it is still the other's");
    assert!(matches!(school.mirror.sync(&school.org, &()).await, Err(MirrorError::Busy)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_outlives_every_call_that_is_made_under_it() {
    let school = MirroredSchool::with(&["--hubspot-timeout", "60"], |_| {}).await;
    school.mirror.set_up(&school.org, false).await.unwrap();
    school.api.school.student("ANN", &[]).await;
    school.hubspot.add_fault(Rule::next(1, "POST", UPSERT, slow(300)));
    let (report, is_safe) = tokio::join!(school.mirror.sync(&school.org, &()), async {
        school.has_asked(1).await;
        // Of the minute that the call may take, a moment has passed.
        let lasts = "SELECT count(*) FROM hubspot_syncs WHERE lease_until > clock_timestamp() + interval '50 seconds'";
        school.api.school.number(lasts).await == 1
    });
    assert!(is_safe && report.unwrap().contacts.created == 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_whose_holder_died_ends_by_itself() {
    let school = MirroredSchool::open().await;
    let dead = "INSERT INTO hubspot_syncs (org_id, lease_holder, lease_until)
        SELECT id, gen_random_uuid(), now() - interval '1 second' FROM orgs WHERE slug = 'school'
        ON CONFLICT (org_id) DO UPDATE SET lease_holder = EXCLUDED.lease_holder, lease_until = EXCLUDED.lease_until";
    assert_eq!(school.api.meddles(dead).await, 1);
    let report = tokio::time::timeout(Duration::from_secs(60), school.sync()).await.expect("at once");
    assert_eq!(report.problem, None);
}
