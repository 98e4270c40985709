//! What the server does by itself.

use std::future::pending;
use std::time::Duration;

use serde_json::json;
use surehold::workers::hubspot;
use surehold_simulators::hubspot::{CONTACTS, Fault, Rule, Webhook};
use tokio::task::JoinSet;

use crate::support::marketplace_api::until;
use crate::support::portal::{BOOKINGS, CLIENT_SECRET, MirroredSchool};

/// Nobody waits for it.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

async fn is_mirrored(school: &MirroredSchool, student_id: &str) -> bool {
    school.hubspot.find(CONTACTS, "student_id", student_id).len() == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_mirrors_at_once_and_after_each_pause() {
    let school = MirroredSchool::open().await;
    let ann = school.api.enrols("ANN", json!({})).await;
    let mut workers = JoinSet::new();
    workers.spawn(hubspot::sync(school.mirror.clone(), Duration::from_millis(50), pending()));
    until("who was there before is mirrored", || is_mirrored(&school, "ANN")).await;
    school.api.enrols("BOB", json!({})).await;
    until("who came later is, too", || is_mirrored(&school, "BOB")).await;

    // What is bought there comes in without a webhook, at the next look.
    let record = school.hubspot.find(CONTACTS, "student_id", "ANN")[0].id();
    school.hubspot.edit(CONTACTS, &record, &[("cs_credits", "3")]).unwrap();
    until("it is counted", || async { school.api.school.balance(ann.id, "cs_credits").await == 3 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_webhook_tells_is_counted_soon_and_once() {
    let school = MirroredSchool::open().await;
    let ann = school.api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    school.sync().await;
    school.hubspot.set_webhook(Some(Webhook::new(format!("{}/webhooks/hubspot", school.api.url), CLIENT_SECRET)));
    let mut workers = JoinSet::new();
    workers.spawn(hubspot::pull_wanted(school.mirror.clone(), pending()));

    let record = school.hubspot.find(CONTACTS, "student_id", "ANN")[0].id();
    for credits in ["2", "5", "4"] {
        school.hubspot.edit(CONTACTS, &record, &[("cs_credits", credits)]).unwrap();
    }

    let is_idle = || async {
        school.hubspot.undelivered() == 0
            && school.api.school.count("hubspot_links WHERE pull_wanted_at IS NOT NULL").await == 0
    };
    until("it is counted", || async { is_idle().await && school.api.school.balance(ann.id, "cs_credits").await == 4 })
        .await;
    assert_eq!(school.api.school.count("hubspot_credit_changes").await, 3);
    school.api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubspot_away_keeps_nobody_from_booking_and_is_caught_up_with() {
    let school = MirroredSchool::open().await;
    let session = school.api.opens("Clinical Skills", 5).await;
    school.hubspot.add_fault(Rule::sometimes(1.0, Fault::status(401)));
    let mut workers = JoinSet::new();
    workers.spawn(hubspot::sync(school.mirror.clone(), Duration::from_millis(50), pending()));
    workers.spawn(hubspot::measure(school.mirror.clone(), pending()));
    for student_id in ["ANN", "BOB", "CEM"] {
        let student = school.api.enrols(student_id, json!({ "cs_credits": 1 })).await;
        school.api.books(&student, session).await.is(201);
    }
    let calls = || school.hubspot.calls().len();
    let before = calls();
    until("it goes on trying", || async { calls() > before + 4 }).await;
    assert!(school.hubspot.records(BOOKINGS).is_empty());

    school.hubspot.clear_faults();

    until("everything is there", || async { school.hubspot.records(BOOKINGS).len() == 3 }).await;
    until("and belongs where it should", || async { school.hubspot.associations().len() == 6 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stops_when_it_is_told() {
    let school = MirroredSchool::open().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let asked = || {
        let mut stopped = stopped.clone();
        async move { drop(stopped.wait_for(|stop| *stop).await) }
    };
    let mut workers = JoinSet::new();
    workers.spawn(hubspot::sync(school.mirror.clone(), NEVER, asked()));
    workers.spawn(hubspot::pull_wanted(school.mirror.clone(), asked()));
    workers.spawn(hubspot::measure(school.mirror.clone(), asked()));
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(60), workers.join_all()).await.expect("they stop");
}
