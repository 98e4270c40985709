//! The OpenAPI document, the page to browse it, and what operators look at. That every answer of every other
//! test here is as the document says is checked where answers are read (`support/contract.rs`).

use serde_json::{Value, json};

use crate::support::Api;
use crate::support::contract;

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    all.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_describes_what_every_route_takes_and_gives() {
    let api = Api::open().await;
    let answer = api.client.get(format!("{}/openapi.json", api.url)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let document: Value = answer.json().await.unwrap();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")));
    assert_eq!(document, serde_json::to_value(surehold::http::openapi_document()).unwrap());

    for (name, operation) in operations(&document) {
        let answers = operation["responses"].as_object().unwrap();
        // 204 has no body.
        for (status, answer) in answers.iter().filter(|(status, _)| *status != "204") {
            let content = answer["content"].as_object();
            let described = content.into_iter().flatten().any(|(_, media)| {
                media["schema"].is_object() || media["example"].is_object() || media["examples"].is_object()
            });
            assert!(described, "{name} {status}: neither schema nor example");
        }
        if let Some(body) = operation.get("requestBody") {
            let schema = &body["content"]["application/json"]["schema"];
            let members = schema["$ref"].as_str().map(|reference| document.pointer(&reference[1..]).unwrap());
            let members = members.unwrap_or(schema);
            let is_described = ["properties", "example", "items"].iter().any(|part| members[part].is_object());
            assert!(is_described, "{name}: a body of what?");
        } else {
            let takes = name.starts_with("post ") || name.starts_with("patch ");
            let without = ["/test-orgs", "/cron/batch-sync-hubspot", "/cron/batch-sync-hubspot/{org}", "/retry"];
            let is_one = without.iter().any(|end| name.ends_with(end));
            assert!(!takes || is_one, "{name} says nothing of its body");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["schema"].is_object(), "{name}: {parameter}");
            if parameter["in"] == "path" {
                assert!(name.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap())), "{name}: {parameter}");
            }
        }
        let holes = name.matches('{').count();
        let filled = operation["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "path").count();
        assert_eq!(holes, filled, "{name}");
    }
}

/// The check that all other tests rest on can fail.
#[test]
fn an_answer_that_is_not_as_the_document_says_is_noticed() {
    let path = "/api/bookings/7?student_id=A";
    let good = json!({ "success": false, "error": "x", "code": "Y", "request_id": "z" });
    assert_eq!(contract::check("GET", path, 404, &good), Ok(()));
    assert!(contract::check("GET", path, 418, &good).is_err(), "a status that it does not know");
    assert!(contract::check("GET", "/api/nothing", 200, &good).is_err(), "a route that it does not know");
    for bad in [
        json!({ "success": false, "error": "x", "code": "Y" }),
        json!({ "success": "no", "error": "x", "code": "Y", "request_id": "z" }),
        json!({ "success": false, "error": "x", "code": "Y", "request_id": "z", "cause": "panic" }),
        json!("text"),
    ] {
        assert!(contract::check("GET", path, 404, &bad).is_err(), "{bad}");
    }
    let live = |status: Value| json!({ "success": true, "data": { "status": status, "version": "1" } });
    assert_eq!(contract::check("GET", "/health/live", 200, &live(json!("live"))), Ok(()));
    assert!(contract::check("GET", "/health/live", 200, &live(json!(1))).is_err(), "inside of data");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_can_be_browsed() {
    let api = Api::open().await;
    let page = api.client.get(format!("{}/docs/", api.url)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().to_lowercase().contains("swagger-ui"));
    // Who leaves the last slash out is shown the way.
    let page = api.client.get(format!("{}/docs", api.url)).send().await.unwrap();
    assert_eq!((page.status().as_u16(), page.url().path()), (200, "/docs/"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_requests_by_route_and_name_nobody() {
    let api = Api::open().await;
    let ann = api.enrols("SECRETARIAT", json!({ "cs_credits": 1 })).await;
    let session = api.opens("Clinical Skills", 1).await;
    let id = api.books(&ann, session).await.is(201).id();
    api.reads(&ann, id).await.is(200);
    api.get("/api/unheard/of").await.refused(404, "ROUTE_NOT_FOUND");

    let metrics = api.get("/metrics").await.is(200);
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    let text = metrics.body.as_str().unwrap();
    // The recorder is the process's, so other tests count as well.
    let counted = |labels: &str| {
        let line = text.lines().find(|line| line.starts_with("http_requests_total") && line.contains(labels));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0)
    };
    assert!(counted("method=\"POST\",route=\"/api/bookings/create\",status=\"201\"") >= 1, "{text}");
    assert!(counted("method=\"GET\",route=\"/api/bookings/{id}\",status=\"200\"") >= 1);
    assert!(counted("route=\"unmatched\",status=\"404\"") >= 1);
    assert!(text.contains("http_request_duration_seconds_bucket"));
    assert!(text.contains("surehold_commands_total{command=\"book\",outcome=\"done\"}"));
    for private in ["SECRETARIAT", "secretariat@", &id.to_string(), "unheard"] {
        assert!(!text.contains(private), "{private}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_of_the_server_can_be_asked() {
    let api = Api::open().await;
    assert_eq!(api.get("/health/live").await.is(200).data()["status"], "live");
    let ready = api.get("/health/ready").await.is(200);
    assert_eq!(ready.data()["status"], "ready");
    assert!(ready.data()["database_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    // What it says without a database: see `outages`.
}
