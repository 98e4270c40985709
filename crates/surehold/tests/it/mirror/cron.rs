//! The run that a scheduler asks for.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use surehold_simulators::hubspot::{Fault, Rule};

use crate::support::answer::Answer;
use crate::support::portal::{CRON_SECRET, MirroredSchool};

const PATH: &str = "/api/admin/cron/batch-sync-hubspot";
const BOOKINGS: &str = "2-50158943";

async fn asks(school: &MirroredSchool, method: Method, path: &str, secret: &str) -> Answer {
    school.api.call(method, path).bearer(secret).await
}

/// Two students, one of whom has booked.
async fn some_rows(school: &MirroredSchool) {
    let ann = school.api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    school.api.enrols("BOB", json!({ "cs_credits": 1 })).await;
    let session = school.api.opens("Clinical Skills", 5).await;
    school.api.books(&ann, session).await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_answers_with_its_counts_and_a_second_has_nothing_to_do() {
    let school = MirroredSchool::open().await;
    some_rows(&school).await;

    let run = asks(&school, Method::POST, PATH, CRON_SECRET).await.is(200).body;

    let counts = |what: &str| run[what].as_u64().unwrap();
    assert_eq!(run["success"], true);
    assert_eq!([counts("created"), counts("failed"), counts("pending"), counts("parked")], [4, 0, 0, 0], "{run:#}");
    assert_eq!(
        (&run["contacts"]["created"], &run["sessions"]["created"], &run["bookings"]["created"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(counts("associations"), 2);
    assert!(run["duration_ms"].is_u64());
    assert_eq!((school.hubspot.records("contacts").len(), school.hubspot.records(BOOKINGS).len()), (2, 1));

    let again = asks(&school, Method::GET, &format!("{PATH}/school"), CRON_SECRET).await.is(200).body;
    assert_eq!((&again["created"], &again["pending"]), (&json!(0), &json!(0)));
    assert_eq!(school.hubspot.records(BOOKINGS).len(), 1);
    school.api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_starts_a_run_without_the_secret() {
    let school = MirroredSchool::open().await;
    some_rows(&school).await;
    let paths = [PATH.to_owned(), format!("{PATH}/school")];
    for (method, path) in
        [Method::POST, Method::GET].iter().flat_map(|method| paths.iter().map(move |path| (method, path)))
    {
        for secret in ["", "x", "cron-secret-of-the-test", "cron-secret-of-the-tests2", &school.api.keys.admin] {
            asks(&school, method.clone(), path, secret).await.refused(401, "UNAUTHENTICATED");
        }
        school.api.call(method.clone(), path).await.refused(401, "UNAUTHENTICATED");
        // A scheduler's own header is no secret.
        school.api.call(method.clone(), path).header("x-vercel-cron", "true").await.refused(401, "UNAUTHENTICATED");
    }
    asks(&school, Method::POST, &format!("{PATH}/nobody"), CRON_SECRET).await.refused(400, "ORG_UNKNOWN");
    assert!(school.hubspot.records("contacts").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_organisation_has_its_own_secret_and_none_lets_nobody_in() {
    let flags = [
        "--hubspot-access-token",
        "school=pat-test-of-the-tests,acme=pat-test-of-acme",
        "--hubspot-client-secret",
        "school=secret-of-the-school-1",
        "--cron-secret",
        "school=cron-of-the-school-1",
    ];
    // Organisations are known at once.
    let school = MirroredSchool::with(&flags, |http| http.directory_max_age = Duration::ZERO).await;
    school.mirror.set_up(&school.org, false).await.unwrap();
    school.api.another_org("acme", &["acme.example"]).await;
    for slug in ["acme", "school"] {
        for secret in ["", "cron-of-acme-000001"] {
            asks(&school, Method::POST, &format!("{PATH}/{slug}"), secret).await.refused(401, "UNAUTHENTICATED");
        }
    }
    let others = asks(&school, Method::POST, &format!("{PATH}/acme"), "cron-of-the-school-1").await;
    others.refused(401, "UNAUTHENTICATED");
    asks(&school, Method::POST, &format!("{PATH}/school"), "cron-of-the-school-1").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_not_made_or_ends_early_is_no_success() {
    let school = MirroredSchool::open().await;
    some_rows(&school).await;

    // Another program is at it.
    let lease = "INSERT INTO hubspot_syncs (org_id, lease_holder, lease_until)
        SELECT id, gen_random_uuid(), now() + interval '1 minute' FROM orgs WHERE slug = 'school'";
    assert_eq!(school.api.meddles(lease).await, 1);
    asks(&school, Method::POST, PATH, CRON_SECRET).await.refused(409, "SYNC_RUNNING");
    assert!(school.hubspot.records("contacts").is_empty());
    school.api.meddles("UPDATE hubspot_syncs SET lease_until = NULL").await;

    // HubSpot does not let us: what waits is counted, and goes out at the next run.
    school.hubspot.add_fault(Rule::sometimes(1.0, Fault::status(401)));
    let answer = asks(&school, Method::POST, PATH, CRON_SECRET).await;
    let details = answer.refused(503, "HUBSPOT_UNAVAILABLE");
    assert_eq!((&details["success"], &details["created"], &details["pending"]), (&json!(false), &json!(0), &json!(4)));
    school.hubspot.clear_faults();
    assert_eq!(asks(&school, Method::POST, PATH, CRON_SECRET).await.is(200).body["created"], 4);
}
