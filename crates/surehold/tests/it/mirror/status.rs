//! How the mirror stands: what waits, what is parked and why, and another try.

use std::time::Duration;

use serde_json::{Value, json};
use surehold::workers::hubspot::measure_once;
use uuid::Uuid;

use crate::support::answer::Answer;
use crate::support::api::{Api, Student};
use crate::support::portal::MirroredSchool;

const PATH: &str = "/api/admin/hubspot/status";

async fn status(school: &MirroredSchool) -> Value {
    school.api.get(PATH).by_admin().await.is(200).data().clone()
}

async fn retries(school: &MirroredSchool, kind: &str, id: impl ToString) -> Answer {
    let path = format!("/api/admin/hubspot/parked/{kind}/{}/retry", id.to_string());
    school.api.call(reqwest::Method::POST, &path).by_admin().await
}

/// A student whom HubSpot refuses: it is said to be parked.
async fn parks(school: &MirroredSchool, id: Uuid) {
    let sql = format!(
        "INSERT INTO hubspot_links (org_id, entity, entity_id, failures, parked_at, problem, correlation_id)
         VALUES ('{}', 'contact', '{id}', 6, now(), 'Email address is invalid', 'abc-1')",
        school.org.id
    );
    assert_eq!(school.api.meddles(&sql).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_and_how_the_last_run_went_is_shown() {
    let school = MirroredSchool::open().await;
    let before = status(&school).await;
    assert_eq!(
        (&before["is_mirrored"], &before["is_running"], &before["last_run"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    assert_eq!(
        (&before["pending"], &before["parked_rows"], &before["unassociated"]),
        (&json!([]), &json!(0), &json!(0))
    );

    let ann = school.api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    let session = school.api.opens("Clinical Skills", 5).await;
    school.api.books(&ann, session).await.is(201);
    school.mirror.sync(&school.org, &()).await.unwrap();

    let after = status(&school).await;
    assert_eq!((&after["pending"], &after["unassociated"]), (&json!([]), &json!(0)));
    let run = &after["last_run"];
    assert_eq!(
        (&run["counts"]["created"], &run["counts"]["failed"], &run["problem"]),
        (&json!(3), &json!(0), &Value::Null)
    );
    assert!(run["duration_ms"].is_u64() && run["ended_at"].is_string(), "{run:#}");

    // What is noticed and not yet sent.
    let sql = format!(
        "UPDATE hubspot_links SET seen_version = seen_version + 1, changed_at = '2026-01-02T03:04:05Z'
         WHERE entity_id = '{}'",
        ann.id
    );
    school.api.meddles(&sql).await;
    let pending = status(&school).await["pending"].clone();
    assert_eq!(pending, json!([{ "kind": "contact", "rows": 1, "oldest": "2026-01-02T03:04:05Z" }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_row_is_shown_with_its_reason_and_tried_again() {
    let school = MirroredSchool::open().await;
    let ann = school.api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    parks(&school, ann.id).await;

    let shown = status(&school).await;
    assert_eq!(shown["parked_rows"], 1);
    let row = &shown["parked"][0];
    assert_eq!((&row["kind"], &row["id"], &row["failures"]), (&json!("contact"), &json!(ann.id), &json!(6)));
    assert_eq!((&row["problem"], &row["correlation_id"]), (&json!("Email address is invalid"), &json!("abc-1")));

    // Only this row, by its kind; and once.
    retries(&school, "slot", ann.id).await.refused(404, "NOT_PARKED");
    retries(&school, "contact", Uuid::now_v7()).await.refused(404, "NOT_PARKED");
    retries(&school, "payment", ann.id).await.names_bad_fields(&["kind"]);
    retries(&school, "contact", "seven").await.names_bad_fields(&["id"]);
    let again = retries(&school, "contact", ann.id).await.is(200);
    assert_eq!(again.data(), &json!({ "kind": "contact", "id": ann.id }));
    retries(&school, "contact", ann.id).await.refused(404, "NOT_PARKED");
    assert_eq!(status(&school).await["parked_rows"], 0);
    school.mirror.sync(&school.org, &()).await.unwrap();
    assert_eq!(school.hubspot.find("contacts", "student_id", "ANN").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shortfall_is_shown_until_it_is_dealt_with() {
    let school = MirroredSchool::open().await;
    let ann = school.api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let bob = school.api.enrols("BOB", json!({ "cs_credits": 1 })).await;
    let short = |who: &Student, at: i64, delta: i64, applied: i64| {
        format!(
            "INSERT INTO hubspot_credit_changes (org_id, contact_id, kind, at, delta, applied)
             VALUES ('{}', '{}', 'cs_credits', {at}, {delta}, {applied})",
            school.org.id, who.id
        )
    };
    school.api.meddles(&short(&ann, 1_767_323_045_000, -3, 0)).await;
    school.api.meddles(&short(&ann, 1_767_323_046_000, 2, 2)).await;
    school.api.meddles(&short(&bob, 1_767_323_047_000, -2, 0)).await;

    let shown = status(&school).await["shortfalls"].clone();
    let [one, _] = shown.as_array().unwrap().as_slice() else { panic!("{shown:#}") };
    assert_eq!(
        (&one["student_id"], &one["credit_kind"], &one["at"]),
        (&json!("ANN"), &json!("cs_credits"), &json!("2026-01-02T03:04:05Z"))
    );
    assert_eq!((&one["delta"], &one["applied"]), (&json!(-3), &json!(0)));

    retries(&school, "credits", ann.id).await.is(200);
    let left = status(&school).await["shortfalls"].clone();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["student_id"]), (1, &json!("BOB")), "{left:#}");
    retries(&school, "credits", ann.id).await.refused(404, "NOT_PARKED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_staff_look_and_only_at_their_own_organisation() {
    let school = MirroredSchool::open_with(|http| http.directory_max_age = Duration::ZERO).await;
    let acme = school.api.another_org("acme", &["acme.example"]).await;
    let ann = school.api.enrols("ANN", json!({})).await;
    parks(&school, ann.id).await;
    let path = format!("/api/admin/hubspot/parked/contact/{}/retry", ann.id);
    let post = || school.api.call(reqwest::Method::POST, &path);

    school.api.get(PATH).await.refused(401, "UNAUTHENTICATED");
    school.api.get(PATH).by_service().await.refused(403, "FORBIDDEN");
    post().await.refused(401, "UNAUTHENTICATED");
    post().by_service().await.refused(403, "FORBIDDEN");
    post().bearer(&acme.admin).await.refused(404, "NOT_PARKED");
    assert_eq!(school.api.get(PATH).bearer(&acme.admin).await.is(200).data()["parked_rows"], 0);
    assert_eq!(status(&school).await["parked_rows"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_portal_it_says_so() {
    let api = Api::open().await;
    let shown = api.get(PATH).by_admin().await.is(200);
    assert_eq!((&shown.data()["is_mirrored"], &shown.data()["calls_left_today"]), (&json!(false), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_the_same() {
    let school = MirroredSchool::open().await;
    let ann = school.api.enrols("ANN", json!({})).await;
    let bob = school.api.enrols("BOB", json!({})).await;
    school.mirror.sync(&school.org, &()).await.unwrap();
    parks(&school, Uuid::now_v7()).await;
    for id in [ann.id, bob.id] {
        let sql = format!(
            "UPDATE hubspot_links SET pushed_version = 0, changed_at = now() - interval '1 hour' WHERE entity_id = '{id}'"
        );
        assert_eq!(school.api.meddles(&sql).await, 1);
    }

    measure_once(&school.mirror).await.unwrap();

    let text = school.api.get("/metrics").await.is(200).body.as_str().unwrap().to_owned();
    let gauge = |name: &str, labels: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")) && line.contains(labels));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse::<f64>().ok())
    };
    assert_eq!(gauge("surehold_hubspot_pending", "kind=\"contact\""), Some(2.0), "{text}");
    assert_eq!(gauge("surehold_hubspot_pending", "kind=\"booking\""), Some(0.0));
    assert_eq!(gauge("surehold_hubspot_parked", "org=\"school\""), Some(1.0));
    let oldest = gauge("surehold_hubspot_oldest_pending_seconds", "org=\"school\"").unwrap();
    assert!((3_600.0..3_720.0).contains(&oldest), "{oldest}");
    assert_eq!(gauge("surehold_hubspot_last_run_ok", ""), Some(1.0));
    assert!(gauge("surehold_hubspot_last_run_duration_seconds", "").is_some());
    assert!(gauge("surehold_hubspot_calls_left_today", "").is_some_and(|left| left > 0.0));
    assert!(text.contains("surehold_hubspot_calls_total"));
}
