//! Requests that cannot be understood, are too large, too slow or too many.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Api;
use crate::support::api::unlimited;

const CREATE: &str = "/api/bookings/create";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_field_is_named_at_once() {
    let api = Api::open().await;
    api.post(CREATE, json!({})).await.names_bad_fields(&["email", "mock_exam_id", "student_id"]);
    let answer = api
        .post(
            CREATE,
            json!({
                "student_id": "a b", "email": "nobody", "mock_exam_id": ["x"], "mock_type": 7, "exam_date": "2026-02-30",
                "attending_location": "Mars", "dominant_hand": "both",
            }),
        )
        .await;
    answer.names_bad_fields(&[
        "attending_location",
        "dominant_hand",
        "email",
        "exam_date",
        "mock_exam_id",
        "mock_type",
        "student_id",
    ]);
    assert_body!("validation_error", answer);

    let session = json!({
        "mock_type": "", "exam_date": "soon", "start_time": "9", "end_time": "25:00", "capacity": 101, "mock_set": "Z",
        "time_zone": "Moon/Crater", "is_active": "perhaps", "scheduled_activation_datetime": "later",
        "prerequisite_exam_ids": "all", "admin_email": "boss",
    });
    api.post("/api/admin/mock-exams", session).by_admin().await.names_bad_fields(&[
        "admin_email",
        "capacity",
        "end_time",
        "exam_date",
        "is_active",
        "mock_set",
        "mock_type",
        "prerequisite_exam_ids",
        "scheduled_activation_datetime",
        "start_time",
        "time_zone",
    ]);
    let contact = json!({ "email": "x", "ndecc_exam_date": "x", "credits": { "sj_credits": -1 } });
    let answer = api.post("/api/admin/contacts", contact).by_admin().await;
    answer.names_bad_fields(&["credits.sj_credits", "email", "ndecc_exam_date", "student_id"]);
    let contact = json!({ "student_id": "A", "email": "a@example.org", "credits": { "gold": 1 } });
    let answer = api.post("/api/admin/contacts", contact).by_admin().await;
    assert_eq!(answer.refused(400, "CREDIT_KIND_NOT_ALLOWED")["kind"], "gold");
    api.get("/api/admin/audit?since=yesterday&limit=0&cursor=x&entity=planet")
        .by_admin()
        .await
        .names_bad_fields(&["cursor", "entity", "limit", "since"]);
    api.get("/api/admin/contacts?limit=501").by_admin().await.names_bad_fields(&["limit"]);
    api.get("/api/mock-exams/available?include_capacity=maybe").await.names_bad_fields(&["include_capacity"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_names_of_one_field_must_agree_and_nul_is_not_text() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let body = json!({ "student_id": "ANN", "studentId": "BOB", "email": ann.email, "mock_exam_id": "x" });
    api.post(CREATE, body).await.names_bad_fields(&["student_id"]);
    let body = json!({ "student_id": "ANN", "email": ann.email, "mock_exam_id": "a\0b" });
    api.post(CREATE, body).await.names_bad_fields(&["mock_exam_id"]);
    api.get(format!("/api/bookings/%00?{}", ann.query())).await.names_bad_fields(&["id"]);
    api.get(format!("/api/bookings/%FF?{}", ann.query())).await.names_bad_fields(&["id"]);
    let long = "x".repeat(201);
    api.get(format!("/api/bookings/{long}?{}", ann.query())).await.names_bad_fields(&["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_must_be_a_json_object_of_a_sensible_size() {
    let api = Api::with(DeskOptions::default(), HttpOptions { body_bytes_max: 500, ..unlimited() }).await;
    let post = |kind: &str, body: &str| api.call(Method::POST, CREATE).raw(kind, body.to_owned());

    let malformed = post("application/json", "{\"student_id\": ").await;
    assert_body!("malformed_json", malformed);
    malformed.refused(400, "MALFORMED_JSON");
    for body in ["", "[]", "7", "null", "{} {}", "\u{feff}{}"] {
        post("application/json", body).await.refused(400, "MALFORMED_JSON");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application"] {
        post(kind, "{}").await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    api.call(Method::POST, CREATE).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    post("application/json; charset=utf-8", "{}").await.refused(400, "VALIDATION_ERROR");
    post("application/merge-patch+json", "{}").await.refused(400, "VALIDATION_ERROR");

    let large = format!("{{\"x\": \"{}\"}}", "y".repeat(500));
    post("application/json", &large).await.refused(413, "PAYLOAD_TOO_LARGE");
    api.delete("/api/bookings/x").raw("application/json", large).await.refused(413, "PAYLOAD_TOO_LARGE");
    api.delete("/api/bookings/x").raw("text/plain", "{}").await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    let just_fits = format!("{{\"x\": \"{}\"}}", "y".repeat(491));
    post("application/json", &just_fits).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_counted_as_it_comes_and_not_waited_for_for_ever() {
    let options = HttpOptions { body_bytes_max: 500, body_timeout: Duration::from_millis(200), ..unlimited() };
    let api = Api::with(DeskOptions::default(), options).await;
    let head = format!("POST {CREATE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n");

    // It does not say how long it is.
    let chunk = format!("{:x}\r\n{}\r\n", 400, "x".repeat(400));
    let answer = says(&api, &format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}")).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("PAYLOAD_TOO_LARGE"), "{answer}");
    // It says, and never comes.
    let answer = says(&api, &format!("{head}content-length: 20\r\n\r\n{{")).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("REQUEST_TIMEOUT"), "{answer}");
    let document = serde_json::to_value(surehold::http::openapi_document()).unwrap();
    assert!(
        document["paths"][CREATE]["post"]["responses"]["408"].is_object(),
        "a status that the document does not know"
    );
}

async fn says(api: &Api, request: &str) -> String {
    let mut stream = TcpStream::connect(api.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_and_methods_that_there_are_not_are_answered_in_the_envelope() {
    let api = Api::open().await;
    let lost = api.get("/api/bookings/a/b/c").await;
    assert_body!("no_such_route", lost);
    lost.refused(404, "ROUTE_NOT_FOUND");
    api.get("/").await.refused(404, "ROUTE_NOT_FOUND");
    api.get("/api/nothing").by_admin().await.refused(404, "ROUTE_NOT_FOUND");

    let wrong = api.get(CREATE).await;
    assert_body!("no_such_method", wrong);
    wrong.refused(405, "METHOD_NOT_ALLOWED");
    assert_eq!(wrong.header("allow"), Some("POST"));
    let wrong = api.call(Method::PUT, "/api/bookings/x").await;
    wrong.refused(405, "METHOD_NOT_ALLOWED");
    let allowed = wrong.header("allow").unwrap_or_default();
    assert!(allowed.contains("GET") && allowed.contains("DELETE"), "{allowed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_comes_back_if_it_is_sane() {
    let api = Api::open().await;
    let answer = api.get("/nowhere").header("x-request-id", "order-66").await;
    assert_eq!(answer.body["request_id"], "order-66");
    let answer = api.get("/nowhere").header("x-request-id", "<script>").await;
    assert_ne!(answer.body["request_id"], "<script>");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_student_who_asks_too_often_waits_and_others_do_not() {
    let options = HttpOptions { student_calls_per_minute: 3, ..unlimited() };
    let api = Api::with(DeskOptions::default(), options).await;
    let (ann, bob) = (api.enrols("ANN", json!({})).await, api.enrols("BOB", json!({})).await);
    for _ in 0..3 {
        api.post("/api/user/login", ann.identity()).await.is(200);
    }

    let many = api.post("/api/user/login", ann.identity()).await;
    let details = many.refused(429, "RATE_LIMITED");
    assert_eq!((&details["limit"], &details["per_minute"]), (&json!("student"), &json!(3)));
    assert_eq!(details["retry_after"].to_string(), many.header("retry-after").unwrap());
    assert!(many.header("ratelimit-policy").is_some_and(|text| text.contains("q=3")), "{many:?}");
    for call in [api.reads(&ann, "x"), api.cancels(&ann, "x"), api.books(&ann, uuid::Uuid::from_u128(1))] {
        call.await.refused(429, "RATE_LIMITED");
    }
    api.post("/api/user/login", bob.identity()).await.is(200);
    // The school's own servers are not limited, whomever they act for.
    for _ in 0..10 {
        api.post("/api/user/login", ann.identity()).by_service().await.is(200);
        api.get(format!("/api/bookings/list?{}", ann.query())).by_admin().await.is(200);
    }
    // Guessing at emails is limited by the student ID that is guessed at.
    for wrong in 0..5 {
        let body = json!({ "student_id": "EVE", "email": format!("{wrong}@example.org") });
        let status = api.post("/api/user/login", body).await.status;
        assert_eq!(status, if wrong < 3 { 404 } else { 429 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_asks_too_often_waits_whatever_it_claims_to_be() {
    let options = HttpOptions { address_calls_per_minute: 4, ..unlimited() };
    let api = Api::with(DeskOptions::default(), options).await;
    for n in 0..4 {
        let forwarded = format!("10.0.0.{n}");
        api.get("/api/mock-exams/available").header("x-forwarded-for", &forwarded).await.is(200);
    }
    let many = api.get("/api/mock-exams/available").header("x-forwarded-for", "10.0.0.9").await;
    assert_eq!(many.refused(429, "RATE_LIMITED")["limit"], "address");
    // A wrong key is no way around it, a good one is; the health of the server can always be asked.
    api.get("/api/mock-exams/available").bearer("surehold_admin_x").await.refused(429, "RATE_LIMITED");
    api.get("/api/admin/audit").await.refused(429, "RATE_LIMITED");
    api.get("/api/mock-exams/available").by_service().await.is(200);
    api.get("/api/admin/audit").by_admin().await.is(200);
    api.get("/health/live").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_cursors_and_instants_are_bad_input() {
    let api = Api::open().await;
    let cursor = |place: serde_json::Value| {
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, place.to_string())
    };
    for at in ["-009999-01-02T01:59:59Z", "1970-01-01T00:00:00Z", "9999-12-30T22:00:00Z"] {
        let odd = cursor(json!([at, uuid::Uuid::nil()]));
        api.get(format!("/api/mock-exams/available?cursor={odd}")).await.names_bad_fields(&["cursor"]);
        let list = format!("/api/admin/mock-exams?cursor={odd}");
        api.get(list).by_admin().await.names_bad_fields(&["cursor"]);
        let audit = format!("/api/admin/audit?since={at}&until={at}");
        api.get(audit).by_admin().await.names_bad_fields(&["since", "until"]);
    }
    let odd = cursor(json!(["A\0", "x"]));
    api.get(format!("/api/admin/contacts?cursor={odd}")).by_admin().await.names_bad_fields(&["cursor"]);

    let session = api.opens("Clinical Skills", 2).await;
    for at in ["9999-12-31T23:59:59", "9999-12-31T23:59:59Z", "-009999-01-02T01:59:59Z", "2200-12-31T23:00"] {
        let answer = api.changes(session, json!({ "scheduled_activation_datetime": at })).await;
        answer.names_bad_fields(&["scheduled_activation_datetime"]);
        assert!(answer.body["error"].as_str().unwrap().contains("2000 and 2200"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_in_the_words_of_the_caller() {
    let api = Api::open().await;
    let empty = api.call(Method::POST, CREATE).raw("application/json", " ").await;
    empty.refused(400, "MALFORMED_JSON");
    assert_eq!(empty.body["error"], "The body is empty. Send a JSON object.");

    let contact =
        json!({ "student_id": "A", "email": "a@example.org", "first_name": "A\u{1b}[31m", "last_name": "B\nC" });
    let answer = api.post("/api/admin/contacts", contact).by_admin().await;
    answer.names_bad_fields(&["first_name", "last_name"]);
    let ann = api.enrols("ANN", json!({})).await;
    let credits = format!("/api/admin/contacts/{}/credits", ann.id);
    let twice = json!({ "credits": { "cs_credits": 1, "CS_CREDITS": 1 } });
    let answer = api.post(&credits, twice).by_admin().await;
    answer.names_bad_fields(&["credits.cs_credits"]);
    assert!(answer.body["error"].as_str().unwrap().contains("is given twice"), "{answer:?}");
    let lines = json!({ "cs_credits": 1, "note": "Invoice 1042\nand 1043" });
    api.post(&credits, lines).by_admin().await.is(200);

    let session = json!({
        "mock_type": "Clinical Skills", "exam_date": "2030-05-04", "start_time": "09:00", "end_time": "12:00",
        "capacity": 5, "is_active": "cancelled",
    });
    api.post("/api/admin/mock-exams", session).by_admin().await.names_bad_fields(&["is_active"]);
}
