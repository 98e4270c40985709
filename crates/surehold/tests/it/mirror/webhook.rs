//! HubSpot's webhook: what is believed, and what it asks for.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use surehold_simulators::hubspot::{CONTACTS, Chance, Faults, Webhook, WebhookFaults, sign};

use crate::support::answer::Answer;
use crate::support::api::Student;
use crate::support::portal::{CLIENT_SECRET, MirroredSchool};

const PATH: &str = "/webhooks/hubspot";

/// A student whom HubSpot knows, too; the record's id.
async fn known_student(school: &MirroredSchool, student_id: &str) -> (Student, String) {
    let student = school.api.enrols(student_id, json!({ "cs_credits": 1 })).await;
    let record = school.hubspot.create(CONTACTS, &[("student_id", student_id), ("cs_credits", "1")]).unwrap();
    school.api.hubspot_knows("contact", student.id, &record.id()).await;
    (student, record.id())
}

/// The students whose history is to be read.
async fn wanted(school: &MirroredSchool) -> Vec<String> {
    let sql = "SELECT c.student_id FROM hubspot_links l JOIN contacts c ON c.org_id = l.org_id AND c.id = l.entity_id
        WHERE l.entity = 'contact' AND l.pull_wanted_at IS NOT NULL ORDER BY c.student_id";
    let rows = school.api.school.db.owner().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn change(record: &str, property: &str) -> Value {
    json!({
        "eventId": 1, "subscriptionType": "object.propertyChange", "objectTypeId": "0-1",
        "objectId": record.parse::<u64>().unwrap(), "propertyName": property, "propertyValue": "5",
    })
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Sends a body as HubSpot would.
async fn says(school: &MirroredSchool, path: &str, body: &str) -> Answer {
    let url = format!("{}{path}", school.api.url);
    let time = now();
    sends(school, path, body, &sign(CLIENT_SECRET, "POST", &url, body.as_bytes(), time), time).await
}

async fn sends(school: &MirroredSchool, path: &str, body: &str, signature: &str, time: i64) -> Answer {
    let call = school.api.call(reqwest::Method::POST, path).raw("application/json", body.to_owned());
    call.header("x-hubspot-signature-v3", signature).header("x-hubspot-request-timestamp", &time.to_string()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_credit_has_the_history_read_however_often_it_is_told() {
    let school = MirroredSchool::open().await;
    let [(_, ann), (_, bob)] = [known_student(&school, "ANN").await, known_student(&school, "BOB").await];
    known_student(&school, "CEM").await;
    let webhook = Webhook::new(format!("{}{PATH}", school.api.url), CLIENT_SECRET);
    school.hubspot.set_webhook(Some(webhook));
    school.hubspot.set_faults(Faults {
        webhooks: WebhookFaults {
            duplicate: Some(Chance::Probability(0.7)),
            delay_ms: Some((0, 40)),
            reorder: true,
            ..WebhookFaults::default()
        },
        ..Faults::default()
    });

    for credits in 2..8 {
        school.hubspot.edit(CONTACTS, &ann, &[("cs_credits", &credits.to_string())]).unwrap();
    }
    // Neither a name nor somebody whom we do not know is a reason to look.
    school.hubspot.edit(CONTACTS, &bob, &[("firstname", "Robert")]).unwrap();
    school.hubspot.create(CONTACTS, &[("cs_credits", "9")]).unwrap();
    tokio::time::timeout(Duration::from_secs(60), school.hubspot.delivered()).await.expect("all are heard");

    assert_eq!(wanted(&school).await, ["ANN"]);
    let state = school.hubspot.state();
    assert_eq!((&state["webhooks"]["given_up"], &state["webhooks"]["last_failure"]), (&json!(0), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forged_or_old_is_refused_and_nothing_stored() {
    let school = MirroredSchool::open().await;
    let (_, ann) = known_student(&school, "ANN").await;
    let body = json!([change(&ann, "cs_credits")]).to_string();
    let url = format!("{}{PATH}", school.api.url);
    let signed =
        |secret: &str, method: &str, url: &str, body: &str, time: i64| sign(secret, method, url, body.as_bytes(), time);

    let time = now();
    let (old, new) = (time - 6 * 60_000, time + 6 * 60_000);
    let forgeries = [
        ("another secret", signed("another-secret-of-somebody", "POST", &url, &body, time), time),
        ("another method", signed(CLIENT_SECRET, "GET", &url, &body, time), time),
        ("another address", signed(CLIENT_SECRET, "POST", &format!("{url}/other"), &body, time), time),
        ("another host", signed(CLIENT_SECRET, "POST", &format!("https://x.example{PATH}"), &body, time), time),
        ("another body", signed(CLIENT_SECRET, "POST", &url, "[]", time), time),
        ("another time", signed(CLIENT_SECRET, "POST", &url, &body, time - 1), time),
        ("too old", signed(CLIENT_SECRET, "POST", &url, &body, old), old),
        ("too new", signed(CLIENT_SECRET, "POST", &url, &body, new), new),
        ("nothing", String::new(), time),
    ];
    for (what, signature, time) in forgeries {
        let answer = sends(&school, PATH, &body, &signature, time).await;
        assert_eq!((answer.status, answer.code()), (401, "INVALID_SIGNATURE"), "{what}");
    }
    // Without its headers, too.
    let bare = school.api.call(reqwest::Method::POST, PATH).raw("application/json", body.clone()).await;
    bare.refused(401, "INVALID_SIGNATURE");
    assert!(wanted(&school).await.is_empty());

    let heard = sends(&school, PATH, &body, &signed(CLIENT_SECRET, "POST", &url, &body, time), time).await.is(200);
    assert_eq!((&heard.body["received"], &heard.body["contacts"]), (&json!(true), &json!(1)));
    // A proxy that takes TLS off: HubSpot was told https.
    let secure = url.replace("http://", "https://");
    sends(&school, PATH, &body, &signed(CLIENT_SECRET, "POST", &secure, &body, time), time).await.is(200);
    assert_eq!(wanted(&school).await, ["ANN"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_of_ours_the_host_is_what_it_says() {
    let body = "[]";
    let time = now();
    let signature = sign(CLIENT_SECRET, "POST", &format!("https://school.example{PATH}?a=%40"), body.as_bytes(), time);
    for (proxies, status) in [(0, 401), (1, 200)] {
        let school = MirroredSchool::with(&[], |http| http.trusted_proxy_hops = proxies).await;
        let call = school.api.call(reqwest::Method::POST, &format!("{PATH}?a=%40")).raw("application/json", body);
        let call = call.header("x-forwarded-host", "school.example").header("x-hubspot-signature-v3", &signature);
        call.header("x-hubspot-request-timestamp", &time.to_string()).await.is(status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_understood_is_heard_and_changes_nothing() {
    let school = MirroredSchool::open().await;
    let (_, ann) = known_student(&school, "ANN").await;
    let id: u64 = ann.parse().unwrap();
    let strange = json!([
        { "subscriptionType": "a.type.of.next.year", "objectId": id },
        { "subscriptionType": "object.merge", "objectTypeId": "0-1", "objectId": id, "mergedObjectIds": [1, 2] },
        { "subscriptionType": "object.propertyChange", "objectTypeId": "2-50158943", "objectId": id, "propertyName": "cs_credits" },
        { "subscriptionType": "object.propertyChange", "objectTypeId": "0-1", "objectId": id, "propertyName": "surehold_cs_credits" },
        { "subscriptionType": "object.propertyChange", "objectTypeId": "0-1", "objectId": "seven", "propertyName": "cs_credits" },
        7, null, "text", [],
    ]);
    for body in [strange.to_string(), "[]".to_owned()] {
        says(&school, PATH, &body).await.is(200);
    }
    assert!(wanted(&school).await.is_empty());
    // A hundred of them, among which one is ours.
    let mut events = vec![json!({ "subscriptionType": "object.creation", "objectTypeId": "0-1", "objectId": id }); 99];
    events.push(change(&ann, "sj_credits"));
    says(&school, PATH, &Value::from(events).to_string()).await.is(200);
    assert_eq!(wanted(&school).await, ["ANN"]);

    for body in ["", "{}", "what", "\u{0}"] {
        says(&school, PATH, body).await.refused(400, "INVALID_EVENT");
    }
    let endless = format!("[{}]", " ".repeat(1024 * 1024));
    says(&school, PATH, &endless).await.refused(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_organisations_each_has_its_own_address_and_secret() {
    let flags = [
        "--hubspot-access-token",
        "school=pat-test-of-the-tests,acme=pat-test-of-acme",
        "--hubspot-client-secret",
        "school=secret-of-the-school-1,acme=secret-of-acme-000001",
        "--cron-secret",
        "school=cron-of-the-school-1",
    ];
    // Organisations are known at once.
    let school = MirroredSchool::with(&flags, |http| http.directory_max_age = Duration::ZERO).await;
    school.api.another_org("acme", &["acme.example"]).await;
    school.api.another_org("plain", &["plain.example"]).await;
    let student = school.api.enrols("ANN", json!({})).await;
    school.api.hubspot_knows("contact", student.id, "7001").await;
    let body = json!([change("7001", "cs_credits")]).to_string();
    let of = |slug: &str| format!("{PATH}/{slug}");
    let signed = |secret: &str, path: &str| {
        let time = now();
        (sign(secret, "POST", &format!("{}{path}", school.api.url), body.as_bytes(), time), time)
    };

    // Acme's secret is not the school's, and its contact 7001 is not the school's.
    let (signature, time) = signed("secret-of-acme-000001", &of("school"));
    sends(&school, &of("school"), &body, &signature, time).await.refused(401, "INVALID_SIGNATURE");
    let (signature, time) = signed("secret-of-acme-000001", &of("acme"));
    assert_eq!(sends(&school, &of("acme"), &body, &signature, time).await.is(200).body["contacts"], 0);
    assert!(wanted(&school).await.is_empty());
    let (signature, time) = signed("secret-of-the-school-1", &of("school"));
    assert_eq!(sends(&school, &of("school"), &body, &signature, time).await.is(200).body["contacts"], 1);
    assert_eq!(wanted(&school).await, ["ANN"]);

    // Without a portal nobody is believed; of which organisation has to be clear.
    let (signature, time) = signed("secret-of-the-school-1", &of("plain"));
    sends(&school, &of("plain"), &body, &signature, time).await.refused(503, "HUBSPOT_NOT_CONFIGURED");
    let (signature, time) = signed("secret-of-the-school-1", PATH);
    sends(&school, PATH, &body, &signature, time).await.refused(400, "ORG_UNKNOWN");
    sends(&school, &of("nobody"), &body, &signature, time).await.refused(400, "ORG_UNKNOWN");
}
