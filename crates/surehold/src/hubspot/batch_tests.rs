//! Which row became which record.

use serde_json::{Value, json};

use super::super::testing::{TOKEN, answering, body_of, client_of};
use super::*;
use crate::stub::Stub;

fn row(id: &str) -> Row {
    let properties = Properties::from([("name".to_owned(), format!("Name {id}"))]);
    Row { id: id.to_owned(), properties, trace_id: format!("t-{id}") }
}

fn rows(ids: &[&str]) -> Vec<Row> {
    ids.iter().copied().map(row).collect()
}

fn saved(id: &str, is_new: bool) -> Outcome {
    Outcome::Saved { id: id.to_owned(), is_new }
}

fn refused(status: u16, message: &str) -> Outcome {
    let (category, message) = ("VALIDATION_ERROR".to_owned(), message.to_owned());
    Outcome::Refused(Refusal { status, category, message, correlation_id: None })
}

async fn upsert(status: u16, answer: Value, ids: &[&str]) -> BatchAnswer {
    let (_stub, client) = answering(status, answer.to_string()).await;
    client.batch_upsert("0-1", "surehold_id", &rows(ids)).await.expect("an answer")
}

/// What became of each row, in the order of their trace ids.
fn verdicts(answer: &BatchAnswer) -> Vec<Outcome> {
    answer.outcomes.values().cloned().collect()
}

#[tokio::test]
async fn an_upsert_sends_the_unique_property_and_a_trace_id_per_row() {
    let (stub, client) = answering(200, r#"{"status":"COMPLETE","results":[]}"#).await;
    client.batch_upsert("2-50158943", "surehold_id", &rows(&["a", "b"])).await.expect("an answer");
    let asked = &stub.asked()[0];
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/crm/v3/objects/2-50158943/batch/upsert"));
    assert_eq!(
        body_of(asked),
        json!({"inputs": [
            {"idProperty": "surehold_id", "id": "a", "properties": {"name": "Name a"}, "objectWriteTraceId": "t-a"},
            {"idProperty": "surehold_id", "id": "b", "properties": {"name": "Name b"}, "objectWriteTraceId": "t-b"},
        ]})
    );
}

#[tokio::test]
async fn an_update_is_by_hubspots_id_or_by_a_property() {
    let (stub, client) = answering(200, r#"{"results":[{"id":"7"},{"id":"8","objectWriteTraceId":"t-9"}]}"#).await;
    let answer = client.batch_update("0-1", None, &rows(&["7", "9"])).await.expect("an answer");
    assert_eq!(stub.asked()[0].uri, "/crm/v3/objects/0-1/batch/update");
    assert!(body_of(&stub.asked()[0])["inputs"][0].get("idProperty").is_none());
    assert_eq!(verdicts(&answer), [saved("7", false), saved("8", false)]);
}

#[tokio::test]
async fn results_are_found_by_their_trace_ids_in_any_order() {
    let answer = json!({"status": "COMPLETE", "results": [
        {"id": "3", "new": true, "objectWriteTraceId": "t-c"},
        {"id": "1", "new": false, "objectWriteTraceId": "t-a", "properties": {"surehold_id": "a"}},
        {"id": "2", "new": true, "objectWriteTraceId": "t-b", "url": "x"},
    ]});
    let answer = upsert(200, answer, &["a", "b", "c"]).await;
    assert_eq!(verdicts(&answer), [saved("1", false), saved("2", true), saved("3", true)]);
    assert!(answer.unplaced.is_empty());
}

#[tokio::test]
async fn without_trace_ids_they_are_found_by_the_unique_property() {
    let answer = json!({"results": [
        {"id": "3", "new": true, "properties": {"surehold_id": "c"}},
        {"id": "1", "new": true, "properties": {"surehold_id": " A "}, "objectWriteTraceId": "not ours"},
        {"id": "9", "new": true, "properties": {"surehold_id": "z"}},
        {"id": "8", "new": true, "properties": {}},
        {"id": "7", "new": true},
    ]});
    let answer = upsert(200, answer, &["a", "b", "c"]).await;
    assert_eq!(verdicts(&answer), [saved("1", true), Outcome::Unknown, saved("3", true)]);
}

#[tokio::test]
async fn errors_are_read_on_every_success() {
    for status in [200, 201, 207] {
        let answer = json!({"status": "COMPLETE", "numErrors": 1, "results": [{"id": "1", "new": true, "objectWriteTraceId": "t-a"}],
            "errors": [{"status": "error", "category": "VALIDATION_ERROR", "message": "No.",
                "context": {"objectWriteTraceId": ["t-b", "t-c", "t-z"]}}]});
        let answer = upsert(status, answer, &["a", "b", "c", "d"]).await;
        let no = refused(status, "No.");
        assert_eq!(verdicts(&answer), [saved("1", true), no.clone(), no, Outcome::Unknown]);
        assert!(answer.unplaced.is_empty());
    }
}

#[tokio::test]
async fn an_error_about_no_row_of_ours_is_kept() {
    let answer = json!({"results": [], "errors": [
        {"category": "VALIDATION_ERROR", "message": "One."},
        {"category": "VALIDATION_ERROR", "message": "Two.", "context": {"objectWriteTraceId": "t-z"}},
        {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 6001", "context": {"objectWriteTraceId": "t-a"}},
    ]});
    let answer = upsert(207, answer, &["a", "b"]).await;
    assert_eq!(answer.unplaced.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>(), ["One.", "Two."]);
    let Outcome::Refused(refusal) = &answer.outcomes["t-a"] else { panic!("{answer:?}") };
    assert_eq!(refusal.existing_id(), Some("6001"));
    assert_eq!(answer.outcomes["t-b"], Outcome::Unknown);
}

#[tokio::test]
async fn contradictions_say_nothing() {
    let answer = json!({"results": [
        // One row, two records.
        {"id": "1", "objectWriteTraceId": "t-a"}, {"id": "2", "objectWriteTraceId": "t-a"},
        // The trace id of one row, the value of another.
        {"id": "3", "objectWriteTraceId": "t-b", "properties": {"surehold_id": "c"}},
        // Saved and refused; and once more.
        {"id": "4", "objectWriteTraceId": "t-d"}, {"id": "4", "objectWriteTraceId": "t-d"},
        // The same twice.
        {"id": "5", "objectWriteTraceId": "t-e"}, {"id": "5", "objectWriteTraceId": "t-e"},
        // What cannot be read.
        {"objectWriteTraceId": "t-f"}, {"id": "", "objectWriteTraceId": "t-f"}, null, 7, {"id": "6", "properties": 7},
    ], "errors": [{"message": "No.", "context": {"objectWriteTraceId": ["t-d"]}}]});
    let answer = upsert(200, answer, &["a", "b", "c", "d", "e", "f"]).await;
    let unknown = || Outcome::Unknown;
    assert_eq!(verdicts(&answer), [unknown(), unknown(), unknown(), unknown(), saved("5", false), unknown()]);
}

#[tokio::test]
async fn an_answer_that_is_nearly_empty_leaves_all_unknown() {
    for body in [json!({}), json!({"results": null, "errors": null}), json!({"status": "PENDING", "results": []})] {
        assert_eq!(verdicts(&upsert(200, body, &["a", "b"]).await), [Outcome::Unknown, Outcome::Unknown]);
    }
    let (_stub, client) = answering(200, "<html>").await;
    let error = client.batch_upsert("0-1", "surehold_id", &rows(&["a"])).await.expect_err("unreadable");
    assert_eq!(error.kind(), "unexpected");
}

#[tokio::test]
async fn mistakes_of_ours_are_not_sent() {
    let stub = Stub::start(vec![]).await;
    let client = stub.hubspot();
    let ids: Vec<String> = (0..=BATCH_MAX).map(|n| n.to_string()).collect();
    let many: Vec<Row> = ids.iter().map(|id| row(id)).collect();
    let same_trace = vec![row("a"), Row { trace_id: "t-a".to_owned(), ..row("b") }];
    for (rows, expected) in [
        (many, "101 rows are too many for a batch: 100 at most"),
        (rows(&["a", "b", "a"]), "two rows of the batch are of the record \"a\""),
        (rows(&["a", " A"]), "two rows of the batch are of the record"),
        (same_trace, "two rows of the batch have the trace id \"t-a\""),
        (rows(&[""]), "no id"),
        (vec![Row { trace_id: " ".to_owned(), ..row("a") }], "no trace id"),
    ] {
        for error in [
            client.batch_upsert("0-1", "surehold_id", &rows).await.expect_err(expected),
            client.batch_update("0-1", None, &rows).await.expect_err(expected),
        ] {
            assert!(error.kind() == "unexpected" && error.to_string().contains(expected), "{error}");
        }
    }
    assert_eq!(client.batch_upsert("0-1", "surehold_id", &[]).await, Ok(BatchAnswer::default()));
    assert!(stub.asked().is_empty());
    let (_stub, client) = answering(200, "{}").await;
    let full: Vec<Row> = ids[..BATCH_MAX].iter().map(|id| row(id)).collect();
    let answer = client.batch_upsert("0-1", "surehold_id", &full).await.expect("an answer");
    assert_eq!(answer.outcomes.len(), BATCH_MAX);
}

#[tokio::test]
async fn a_row_that_repeats_the_token_is_cleaned() {
    let answer =
        json!({"errors": [{"message": TOKEN, "context": {"objectWriteTraceId": ["t-a"]}}, {"message": TOKEN}]});
    let text = format!("{:?}", upsert(207, answer, &["a"]).await);
    assert!(text.contains("[access token]") && !text.contains(TOKEN), "{text}");
}

#[tokio::test]
async fn nobody_there_is_not_a_refusal() {
    let client = client_of("http://127.0.0.1:1", std::time::Duration::from_secs(5));
    assert!(client.batch_upsert("0-1", "surehold_id", &rows(&["a"])).await.expect_err("nobody").is_unknown());
}
