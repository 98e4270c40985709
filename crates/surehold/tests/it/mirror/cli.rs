//! `surehold sync`, as an operator types it.

use std::process::{Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use surehold_simulators::hubspot::CONTACTS;
use tokio::process::Command;
use uuid::Uuid;

use crate::support::marketplace_api::until;
use crate::support::portal::{MirroredSchool, flags};

const BINARY: &str = env!("CARGO_BIN_EXE_surehold");

/// The command, with the portal or without.
fn command(school: &MirroredSchool, has_portal: bool, words: &str) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("sync").args(words.split_whitespace()).env("SUREHOLD_DATABASE_URL", &school.api.school.db.url);
    for name in ["HUBSPOT_ACCESS_TOKEN", "SUREHOLD_HUBSPOT_ACCESS_TOKEN", "HUBSPOT_CLIENT_SECRET", "CRON_SECRET"] {
        command.env_remove(name);
    }
    if has_portal {
        command.args(flags(&school.hubspot));
    }
    command
}

/// Runs it to its end, with this exit code; what it said.
async fn runs(school: &MirroredSchool, words: &str, code: i32) -> String {
    ended(command(school, true, words).output().await.expect("the program runs"), words, code)
}

async fn runs_without_a_portal(school: &MirroredSchool, words: &str, code: i32) -> String {
    ended(command(school, false, words).output().await.expect("the program runs"), words, code)
}

fn ended(output: Output, words: &str, code: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "sync {words}: {out}{err}");
    if code == 0 { out } else { out + &err }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_first_day_with_a_portal() {
    let school = MirroredSchool::with(&[], |_| {}).await;
    let ann = school.api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    let session = school.api.opens("Clinical Skills", 5).await;
    school.api.books(&ann, session).await.is(201);

    let dry = runs(&school, "--setup --dry-run", 0).await;
    assert!(dry.contains("To be made:") && dry.contains("surehold_id"), "{dry}");
    let made = runs(&school, "--setup", 0).await;
    assert!(made.contains("\nMade:") && made.contains(" 0 do not fit."), "{made}");
    let again = json_of(&runs(&school, "--setup --json", 0).await);
    assert_eq!((&again[0]["org"], &again[0]["made"], &again[0]["misfits"]), (&json!("school"), &json!([]), &json!([])));

    let first = runs(&school, "", 0).await;
    assert!(first.starts_with("3 created, 0 updated, 0 refused, 2 associations, in "), "{first}");
    let second = json_of(&runs(&school, "--json --org school", 0).await);
    assert_eq!((&second[0]["contacts"]["created"], &second[0]["pending"]), (&json!(0), &json!(0)));

    let status = runs(&school, "status", 0).await;
    assert!(status.contains("nothing waits for HubSpot") && status.contains("the last run ended at"), "{status}");
    // It is known without a portal, too.
    let status = json_of(&ended(command(&school, false, "status --json").output().await.unwrap(), "status", 0));
    assert_eq!((&status[0]["is_mirrored"], &status[0]["last_run"]["problem"]), (&json!(false), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_found_and_mended() {
    let school = MirroredSchool::open().await;
    school.api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    school.api.enrols("BOB", json!({ "cs_credits": 2 })).await;
    runs(&school, "", 0).await;
    assert!(runs(&school, "--check", 0).await.contains("2 rows compared, 0 mended: both sides agree."));

    let record = school.hubspot.find(CONTACTS, "student_id", "ANN")[0].id();
    school.hubspot.edit(CONTACTS, &record, &[("lastname", "Somebody")]).unwrap();
    let drift = runs(&school, "--check", 1).await;
    assert!(drift.contains("1 differ.") && drift.contains("lastname") && drift.contains(&record), "{drift}");
    let listed = json_of(runs(&school, "--check --json", 1).await.trim());
    assert_eq!((&listed[0]["drifted"], &listed[0]["drift"][0]["kind"]), (&json!(1), &json!("contact")));
    assert_eq!(school.hubspot.record(CONTACTS, &record).unwrap().value("lastname"), Some("Somebody"), "only looked at");

    assert!(runs(&school, "--check --heal", 0).await.contains("both sides agree."));
    assert_eq!(school.hubspot.record(CONTACTS, &record).unwrap().value("lastname"), Some("ANN"));
    runs(&school, "--check", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_bought_is_pulled() {
    let school = MirroredSchool::open().await;
    let ann = school.api.enrols("ANN", json!({ "cs_credits": 2 })).await;
    runs(&school, "", 0).await;
    let record = school.hubspot.find(CONTACTS, "student_id", "ANN")[0].id();
    school.hubspot.edit(CONTACTS, &record, &[("cs_credits", "5")]).unwrap();

    assert!(runs(&school, "--pull sessions", 0).await.contains("0 sessions brought in"));
    assert_eq!(school.api.school.balance(ann.id, "cs_credits").await, 2);
    assert!(runs(&school, "--pull contacts", 0).await.contains("1 changes of credits counted."));
    assert_eq!(school.api.school.balance(ann.id, "cs_credits").await, 5);
    let again = json_of(&runs(&school, "--pull --json", 0).await);
    assert_eq!((&again[0]["credits_counted"], &again[0]["sessions_added"]), (&json!(0), &json!(0)));
    assert_eq!(school.api.school.balance(ann.id, "cs_credits").await, 5);
    school.api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_parked_is_shown_and_tried_again() {
    let school = MirroredSchool::open().await;
    let [ann, bob, cem] = [
        school.api.enrols("ANN", json!({})).await.id,
        school.api.enrols("BOB", json!({})).await.id,
        school.api.enrols("CEM", json!({})).await.id,
    ];
    let sql = "INSERT INTO hubspot_links (org_id, entity, entity_id, parked_at, problem)
        SELECT org_id, 'contact', id, now(), 'Email address is invalid' FROM contacts";
    assert_eq!(school.api.meddles(sql).await, 3);
    let short = format!(
        "INSERT INTO hubspot_credit_changes (org_id, contact_id, kind, at, delta, applied)
         VALUES ('{}', '{ann}', 'cs_credits', 1, -3, 0)",
        school.org.id
    );
    school.api.meddles(&short).await;

    let shown = runs_without_a_portal(&school, "status", 0).await;
    assert!(shown.contains("parked: 3") && shown.contains("Email address is invalid"), "{shown}");
    assert!(shown.contains("cut below what was spent") && shown.contains("ANN"), "{shown}");

    // A run that leaves them is not one that is done.
    let left = runs(&school, "", 1).await;
    assert!(left.contains("3 rows are parked: see `sync status`."), "{left}");

    let one = runs_without_a_portal(&school, &format!("retry contact {ann}"), 0).await;
    assert!(one.contains("The contact is tried again at the next run."), "{one}");
    let twice = runs_without_a_portal(&school, &format!("retry contact {ann}"), 1).await;
    assert!(twice.contains(&format!("There is no parked contact {ann}.")), "{twice}");
    runs_without_a_portal(&school, &format!("retry booking {bob}"), 1).await;
    let dealt = runs_without_a_portal(&school, &format!("retry credits {ann}"), 0).await;
    assert!(dealt.contains("dealt with"), "{dealt}");
    let rest = json_of(&runs_without_a_portal(&school, "retry --all --json", 0).await);
    assert_eq!(rest, json!([{ "org": "school", "retried": 2 }]));
    let shown = runs_without_a_portal(&school, "status", 0).await;
    assert!(!shown.contains("parked") && !shown.contains("cut below"), "{shown}");
    assert_ne!(bob, cem);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_portal_it_says_what_to_set() {
    let school = MirroredSchool::open().await;
    for words in ["", "--watch", "--pull", "--check", "--setup"] {
        let said = runs_without_a_portal(&school, words, 1).await;
        assert!(said.contains("there is no HubSpot portal to sync with: set SUREHOLD_HUBSPOT_ACCESS_TOKEN"), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
    let of_another =
        ["--hubspot-access-token", "acme=pat-test-of-acme", "--hubspot-api-base", school.hubspot.base_url()];
    let output = command(&school, false, "").args(of_another).output().await.unwrap();
    let said = ended(output, "", 1);
    assert!(said.contains("no organisation has a HubSpot portal"), "{said}");
    let output = command(&school, false, "--org school").args(of_another).output().await.unwrap();
    assert!(ended(output, "", 1).contains("add school=pat-… to SUREHOLD_HUBSPOT_ACCESS_TOKEN"));
    assert!(runs(&school, "--org nobody", 1).await.contains("there is no organisation \"nobody\""));

    // One token for two schools would mix their contacts.
    school.api.another_org("acme", &["acme.example"]).await;
    let said = runs(&school, "", 1).await;
    assert!(said.contains("several organisations") && said.contains("=pat-…"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_together_is_refused() {
    let school = MirroredSchool::open().await;
    let id = Uuid::now_v7();
    for words in [
        "--heal",
        "--dry-run",
        "--check --setup",
        "--check --watch",
        "--pull everything",
        "--hubspot-sync-every never",
        "status --heal",
        "retry",
        "retry contact",
        "retry payment 1",
        &format!("retry contact {id} --all"),
    ] {
        runs_without_a_portal(&school, words, 2).await;
    }
    assert_eq!(school.hubspot.records(CONTACTS).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_at_it_is_said_and_nothing_done() {
    let school = MirroredSchool::open().await;
    school.api.enrols("ANN", json!({})).await;
    let lease = "INSERT INTO hubspot_syncs (org_id, lease_holder, lease_until)
        SELECT id, gen_random_uuid(), now() + interval '5 minutes' FROM orgs WHERE slug = 'school'";
    school.api.meddles(lease).await;

    let said = runs(&school, "--wait 0", 1).await;
    assert!(said.contains("school: another program mirrors this organisation just now"), "{said}");
    let entries = command(&school, true, "--json --wait 0").output().await.unwrap();
    let entries = json_of(&String::from_utf8_lossy(&entries.stdout));
    assert!(entries[0]["problem"].as_str().is_some_and(|text| text.contains("another program")), "{entries}");
    assert!(school.hubspot.records(CONTACTS).is_empty());

    // One that is done in a moment is waited for.
    let soon = "UPDATE hubspot_syncs SET lease_until = clock_timestamp() + interval '2 s'";
    assert_eq!(school.api.meddles(soon).await, 1);
    runs(&school, "--wait 60", 0).await;
    assert_eq!(school.hubspot.records(CONTACTS).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_watches_until_it_is_told_to_stop() {
    let school = MirroredSchool::open().await;
    school.api.enrols("ANN", json!({})).await;
    let watching = command(&school, true, "--watch --json --hubspot-sync-every 1s")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let has = |student_id: &'static str| {
        let hubspot = &school.hubspot;
        async move { hubspot.find(CONTACTS, "student_id", student_id).len() == 1 }
    };
    until("the first is mirrored", || has("ANN")).await;
    school.api.enrols("BOB", json!({})).await;
    until("the second is mirrored", || has("BOB")).await;

    let pid = Pid::from_raw(i32::try_from(watching.id().expect("it runs")).unwrap());
    kill(pid, Signal::SIGINT).expect("it runs");
    let output = tokio::time::timeout(Duration::from_secs(60), watching.wait_with_output()).await.expect("it stops");
    let said = ended(output.unwrap(), "--watch", 0);
    // A line for each run.
    assert!(said.lines().count() >= 1 && said.lines().all(|line| json_of(line)["org"] == "school"), "{said}");
}
