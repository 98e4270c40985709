//! Notes that callers add to `audit_logs`.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use surehold::desk::DeskOptions;
use uuid::Uuid;

use super::open;
use crate::support::Api;
use crate::support::api::{Call, merged, unlimited};
use crate::support::scene::Scene;

const NOBODY: Uuid = Uuid::from_u128(7);

impl Api {
    /// Adds notes as the marketplace's servers do.
    fn notes(&self, notes: Value) -> Call {
        self.notes_with("", notes)
    }

    fn notes_with(&self, query: &str, notes: Value) -> Call {
        self.post(format!("/rest/v1/audit_logs{query}"), notes).header("content-profile", "public").by_service()
    }

    /// The notes that there are, in the order in which they were added.
    async fn noted(&self) -> Vec<Value> {
        self.found("audit_logs?event_type=like.note*&order=created_at,id").await
    }
}

/// A note about a booking that was made elsewhere.
fn note(event_type: &str) -> Value {
    json!({ "event_type": event_type, "entity_type": "booking", "entity_id": NOBODY, "actor_type": "system" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_is_in_the_log_as_it_was_sent_and_changes_nothing() {
    let (api, scene) = open().await;
    let sent = json!({
        "event_type": "note.confirmed", "entity_type": "booking", "entity_id": scene.booking, "actor_id": scene.student,
        "actor_type": "vendor", "metadata": { "reference": "PL-1", "amounts": [1.5, null] }, "stripe_event_id": "evt_1",
    });
    let before = api.found(&format!("hubspot_bookings?id=eq.{}", scene.booking)).await;
    let added = api.notes(sent.clone()).await.is(201);
    assert_eq!(added.body, "");
    assert_eq!(added.header("content-type"), None);
    assert_eq!((added.range(), added.header("content-profile")), ("*/*", Some("public")));

    let noted = api.found(&format!("audit_logs?entity_id=eq.{}&order=created_at.desc", scene.booking)).await;
    assert_eq!(noted.len(), 2, "the booking's own entry, and the note");
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(&noted[0][name], value, "{name}");
    }
    assert!(noted[0]["created_at"].as_str().unwrap() >= noted[1]["created_at"].as_str().unwrap());
    assert_eq!(api.found("audit_logs?stripe_event_id=eq.evt_1").await.len(), 1);
    assert_eq!(api.found(&format!("hubspot_bookings?id=eq.{}", scene.booking)).await, before);

    // The office sees by which key it was written, beside what it says.
    let log = api.get("/api/admin/audit?entity=note").by_admin().await.is(200);
    let [entry] = log.rows() else { panic!("{log:?}") };
    assert_eq!((&entry["event"], &entry["entity_id"]), (&json!("note.added"), &json!(scene.booking)));
    assert!(entry["actor"].as_str().unwrap().starts_with("key:"));
    assert_eq!(entry["after"]["stripe_event_id"], "evt_1");
    assert_eq!(entry["stripe_event_id"], json!(null), "it caused nothing here");
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_said_has_the_defaults_of_the_seeds_table() {
    let api = Api::open().await;
    let least = json!({ "event_type": "note.a", "entity_type": "checkout", "entity_id": NOBODY });
    api.notes(least.clone()).await.is(201);
    let nulls = json!({
        "event_type": "note.b", "id": null, "created_at": null, "actor_id": null, "actor_type": null, "metadata": null,
        "stripe_event_id": null,
    });
    let mut row = least.clone();
    row.as_object_mut().unwrap().extend(nulls.as_object().unwrap().clone());
    api.notes(row).await.is(201);
    for noted in api.noted().await {
        assert_eq!(
            (&noted["actor_type"], &noted["actor_id"], &noted["metadata"], &noted["stripe_event_id"]),
            (&json!("system"), &json!(null), &json!({}), &json!(null))
        );
        assert_eq!(noted["entity_type"], "checkout");
    }
    // Text of what is none, as PostgreSQL makes it; metadata of any sort.
    let odd = json!({ "event_type": 7, "entity_type": true, "metadata": [1, "é\n"] });
    api.notes(merged(least, odd)).await.is(201);
    let [odd] = &api.found("audit_logs?event_type=eq.7").await[..] else { panic!("one") };
    assert_eq!((&odd["entity_type"], &odd["metadata"]), (&json!("true"), &json!([1, "é\n"])));
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_are_answered_if_they_are_asked_for() {
    let api = Api::open().await;
    let shown = |query: &str, notes: Value| api.notes_with(query, notes).header("prefer", "return=representation");
    let one = shown("?select=id,what:event_type", note("note.1")).await.is(201);
    assert_eq!(one.body[0]["what"], "note.1");
    assert_eq!(one.body[0].as_object().unwrap().len(), 2);
    assert_eq!(one.header("content-type"), Some("application/json; charset=utf-8"));

    let several = shown("", json!([note("note.2"), note("note.3")])).header("prefer", "count=exact").await.is(201);
    let events: Vec<_> = several.body.as_array().unwrap().iter().map(|row| row["event_type"].clone()).collect();
    assert_eq!((events, several.range()), (vec![json!("note.2"), json!("note.3")], "*/2"));
    assert_eq!(several.body[0]["actor_type"], "system");

    let single = || shown("?select=event_type", note("note.4")).header("accept", "application/vnd.pgrst.object+json");
    let single = single().await.is(201);
    assert_eq!(single.body, json!({ "event_type": "note.4" }));
    assert_eq!(single.header("content-type"), Some("application/vnd.pgrst.object+json; charset=utf-8"));
    // One was asked for: two are none.
    let two = shown("", json!([note("note.5"), note("note.6")])).header("accept", "application/vnd.pgrst.object+json");
    let refused = two.await;
    refused.fails(406, "PGRST116", "Cannot coerce the result to a single JSON object");
    assert_eq!(refused.body["details"], "The result contains 2 rows");
    // What cannot be shown is not written.
    shown("?select=nope", note("note.7")).await.fails(400, "42703", "column audit_logs.nope does not exist");
    shown("", note("note.8")).header("accept", "text/csv").await.is(406);
    assert_eq!(shown("", json!([])).await.is(201).body, json!([]));
    assert_eq!(api.noted().await.len(), 4);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_that_count_are_named_with_the_rows() {
    let api = Api::open().await;
    let columns = r#"?columns="event_type","entity_type","entity_id","actor_id""#;
    let mut more = note("note.2");
    more["actor_id"] = json!(NOBODY);
    more["nonsense"] = json!(1);
    api.notes_with(columns, json!([note("note.1"), more.clone()])).await.is(201);
    assert_eq!(api.column("audit_logs?order=id", "actor_id").await, [json!(null), json!(NOBODY)]);
    // Without them, all rows have the same ones.
    api.notes(json!([note("note.3"), more])).await.fails(400, "PGRST102", "All object keys must match");
    let unknown = api.notes_with(r#"?columns="event_type","nope""#, note("note.4")).await;
    unknown.fails(400, "PGRST204", "Could not find the 'nope' column of 'audit_logs' in the schema cache");
    assert_eq!(api.noted().await.len(), 2);
}

/// Column, value, status, code, message.
fn wrong_values() -> Vec<(&'static str, Value, u16, &'static str, String)> {
    let null =
        |name: &str| format!("null value in column \"{name}\" of relation \"audit_logs\" violates not-null constraint");
    let long = |name: &str, limit: &str| format!("value too long for column \"{name}\" of audit_logs: at most {limit}");
    let made = |name: &str| format!("cannot insert a non-DEFAULT value into column \"{name}\"");
    let nul = || "unsupported Unicode escape sequence".to_owned();
    vec![
        ("event_type", json!(null), 400, "23502", null("event_type")),
        ("entity_type", json!(null), 400, "23502", null("entity_type")),
        ("entity_id", json!(null), 400, "23502", null("entity_id")),
        // The seed's own webhook does this, and loses its note.
        ("entity_id", json!("cs_test_1"), 400, "22P02", "invalid input syntax for type uuid: \"cs_test_1\"".to_owned()),
        ("actor_id", json!(5), 400, "22P02", "invalid input syntax for type uuid: \"5\"".to_owned()),
        (
            "actor_type",
            json!("admin"),
            400,
            "23514",
            "new row for relation \"audit_logs\" violates check constraint \"audit_logs_actor_type_check\"".to_owned(),
        ),
        ("event_type", json!("x".repeat(201)), 400, "22001", long("event_type", "200 characters")),
        ("stripe_event_id", json!("x".repeat(201)), 400, "22001", long("stripe_event_id", "200 characters")),
        ("metadata", json!({ "x": "y".repeat(16 * 1024) }), 400, "22001", long("metadata", "16384 bytes of JSON")),
        ("event_type", json!("a\0b"), 400, "22P05", nul()),
        ("metadata", json!({ "deep": [{ "a\0b": 1 }] }), 400, "22P05", nul()),
        ("metadata", json!({ "deep": [{ "a": "\0" }] }), 400, "22P05", nul()),
        ("id", json!(NOBODY), 400, "428C9", made("id")),
        ("created_at", json!("2020-01-01T00:00:00Z"), 400, "428C9", made("created_at")),
        (
            "nope",
            json!(1),
            400,
            "PGRST204",
            "Could not find the 'nope' column of 'audit_logs' in the schema cache".to_owned(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_value_is_refused_in_postgresqls_words_and_its_neighbours_with_it() {
    let api = Api::open().await;
    for (name, value, status, code, message) in wrong_values() {
        let mut bad = note("note.bad");
        bad[name] = value;
        api.notes(bad.clone()).await.fails(status, code, &message);
        // All or nothing: the good one is none, either.
        let mut good = bad.clone();
        good[name] = note("note.good")[name].clone();
        api.notes(json!([good, bad])).await.fails(status, code, &message);
    }
    let post = || api.call(reqwest::Method::POST, "/rest/v1/audit_logs").by_service();
    for broken in ["", "{", "{\"event_type\": }"] {
        post().raw("application/json", broken).await.fails(400, "PGRST102", "Empty or invalid json");
    }
    for strange in ["1", "[1]", "[{}, []]", "null"] {
        post().raw("application/json", strange).await.fails(400, "PGRST102", "All object keys must match");
    }
    post().raw("text/csv", "event_type").await.fails(400, "PGRST102", "Content-Type not acceptable: text/csv");
    let many = Value::Array((0..101).map(|_| note("note.many")).collect());
    api.notes(many).await.fails(413, "PAYLOAD_TOO_LARGE", "At most 100 rows are taken at once.");
    assert_eq!(api.noted().await, Vec::<Value>::new());
    // As much as is taken.
    let mut full = note("note.full");
    full["metadata"] = json!({ "x": "y".repeat(16 * 1024 - "{\"x\":\"\"}".len()) });
    full["stripe_event_id"] = json!("é".repeat(200));
    api.notes(full).await.is(201);
    api.notes(Value::Array((0..100).map(|_| note("note.many")).collect())).await.is(201);
    assert_eq!(api.noted().await.len(), 101);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_in_the_log_is_changed_or_deleted() {
    let api = Api::open().await;
    api.notes(note("note.1")).await.is(201);
    for method in ["PATCH", "PUT", "DELETE"] {
        let call = api.call(method.parse().unwrap(), "/rest/v1/audit_logs?event_type=eq.note.1").by_service();
        call.json(&json!({ "event_type": "note.2" })).await.fails(405, "25006", "audit_logs is read-only here");
    }
    assert_eq!(api.noted().await[0]["event_type"], "note.1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_under_one_key_are_added_once() {
    let api = Api::open().await;
    let add = |event: &str| api.notes(note(event)).header("prefer", "return=representation").key("k");
    let (first, again) = (add("note.1").await.is(201), add("note.1").await.is(201));
    assert_eq!(first.body, again.body);
    assert_eq!((first.is_replayed(), again.is_replayed()), (false, true));
    add("note.2").await.is(422);
    let added = join_all((0..5).map(|_| api.notes(note("note.3")).key("race").into_future())).await;
    assert!(added.iter().all(|answer| answer.status == 201), "{added:?}");
    // Without a key, each is one: nobody knows whether they are the same.
    for _ in 0..2 {
        api.notes(note("note.4")).await.is(201);
    }
    assert_eq!(api.noted().await.len(), 4);
    api.school.laws_hold().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_are_an_organisations_own() {
    let (api, _) = open().await;
    let neighbour = api.school.neighbour("neighbour").await;
    let theirs = Scene::of(&neighbour, "ZOE").await;
    // About a row of theirs: it is only a UUID here.
    let mut nosy = note("note.1");
    nosy["entity_id"] = json!(theirs.booking);
    let shown = api.notes(nosy).header("prefer", "return=representation").await.is(201);
    assert_eq!(shown.body.as_array().unwrap().len(), 1);
    let of_theirs = api.found(&format!("audit_logs?entity_id=eq.{}", theirs.booking)).await;
    assert_eq!(of_theirs.len(), 1, "their own entries stay theirs");
    let sql = format!(
        "SELECT count(*) FROM drop_in.audit_logs WHERE org_id = '{}' AND event_type = 'note.1'",
        neighbour.org_id
    );
    assert_eq!(api.school.number(&sql).await, 0);
    api.school.laws_hold().await;
}

/// Reads of callers have connections of their own. Nobody is told that nothing was done when something was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_that_cannot_be_shown_was_added_all_the_same() {
    let api = Api::with(DeskOptions::default(), unlimited()).await;
    let add = || api.notes(note("note.1")).header("prefer", "return=representation").key("k");
    api.notes(note("note.0")).await.is(201);
    let owner = api.school.db.owner().await;
    owner.batch_execute("ALTER VIEW drop_in.audit_logs RENAME TO away").await.unwrap();
    let refused = add().await.is(503);
    assert_eq!(refused.code(), "OUTCOME_UNKNOWN");
    assert!(refused.body["details"].as_str().unwrap().contains("\"k\""), "{refused:?}");
    owner.batch_execute("ALTER VIEW drop_in.away RENAME TO audit_logs").await.unwrap();
    let again = tokio::time::timeout(Duration::from_secs(30), add()).await.expect("an answer").is(201);
    assert!(again.is_replayed());
    assert_eq!(api.noted().await.len(), 2);
}
