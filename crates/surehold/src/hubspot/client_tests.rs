//! The client against a server that answers what it is told.

use std::time::Instant;

use serde_json::json;

use super::super::properties::PropertyGroup;
use super::super::shape::Shape;
use super::super::testing::{TOKEN, answering, answers, body_of, client_of};
use super::super::{Fields, HubSpotError, Object, Policy, Record};
use super::*;
use crate::hubspot::{LimiterOptions, Mapping};
use crate::stub::{Stub, closes_after};

const CONTACT: &str = r#"{"id":"6001","properties":{"email":"a@b.example"},"archived":false}"#;

async fn get(client: &HubSpot) -> Result<Option<Record>, HubSpotError> {
    client.get_record("0-1", None, "6001", Fields::default()).await
}

fn limited(policy: &str) -> String {
    json!({"status": "error", "message": "Slow down.", "policyName": policy}).to_string()
}

#[tokio::test]
async fn a_call_carries_the_token_and_goes_to_the_version_that_was_chosen() {
    let stub = Stub::start(vec![(200, vec![], CONTACT.to_owned()), (200, vec![], CONTACT.to_owned())]).await;
    get(&stub.hubspot()).await.expect("a contact");
    let options = HubSpotOptions {
        api_base: format!("{}/", stub.url),
        objects_path: "/crm/objects/2026-09".to_owned(),
        ..HubSpotOptions::default()
    };
    let limiter = Limiter::new(&LimiterOptions::default());
    let dated = HubSpot::new(SecretString::from(TOKEN), &options, limiter).expect("a client");
    dated
        .get_record("0-1", Some("surehold_id"), "a/b", Fields { properties: &["x", "y"], with_history: &["x"] })
        .await
        .expect("a contact");

    let asked = stub.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].uri.as_str()), ("GET", "/crm/v3/objects/0-1/6001"));
    assert_eq!(
        asked[1].uri,
        "/crm/objects/2026-09/0-1/a%2Fb?idProperty=surehold_id&properties=x%2Cy&propertiesWithHistory=x"
    );
    for asked in asked {
        assert_eq!(asked.header("authorization"), Some("Bearer pat-test-x"));
        assert!(asked.header("user-agent").is_some_and(|agent| agent.starts_with("surehold/")));
    }
}

#[tokio::test]
async fn properties_and_groups_are_listed_and_made() {
    let stub = Stub::start(answers([
        (
            200,
            json!({"results": [{"name": "email", "type": "string", "fieldType": "text", "hasUniqueValue": true},
            {"name": "old", "archived": true}, {"name": "bare", "label": null}]}),
        ),
        (201, json!({"name": "surehold_id"})),
        (200, json!({"results": [{"name": "surehold", "label": "Surehold", "displayOrder": 1}]})),
        (201, json!({"name": "surehold"})),
        (409, json!({"status": "error", "message": "exists", "category": "CONFLICT"})),
    ]))
    .await;
    let client = stub.hubspot();
    let properties = client.list_properties("0-1").await.expect("properties");
    let names: Vec<_> = properties.iter().map(|property| (property.name.as_str(), property.has_unique_value)).collect();
    assert_eq!(names, [("email", true), ("bare", false)]);

    let mapping = Mapping::default();
    let unique = mapping.properties(Object::Booking).into_iter().find(|planned| planned.shape == Shape::Unique);
    let definition = unique.expect("one").definition(&mapping.group);
    client.create_property("2-50158943", &definition).await.expect("made");
    let groups = client.list_property_groups("0-1").await.expect("groups");
    assert_eq!(groups, [PropertyGroup { name: "surehold".to_owned(), label: "Surehold".to_owned() }]);
    client.create_property_group("0-1", &mapping.property_group()).await.expect("made");
    let error = client.create_property("0-1", &definition).await.expect_err("there is one");
    assert_eq!(error.refusal().map(|refusal| refusal.status), Some(409));

    let asked = stub.asked();
    let places: Vec<_> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.uri)).collect();
    assert_eq!(
        places[..4],
        [
            "GET /crm/v3/properties/0-1",
            "POST /crm/v3/properties/2-50158943",
            "GET /crm/v3/properties/0-1/groups",
            "POST /crm/v3/properties/0-1/groups",
        ]
    );
    assert_eq!(asked[1].header("content-type"), Some("application/json"));
    assert_eq!(body_of(&asked[1])["hasUniqueValue"], json!(true));
    assert_eq!(body_of(&asked[3]), json!({"name": "surehold", "label": "Surehold"}));
}

#[tokio::test]
async fn only_a_record_that_does_not_exist_is_none() {
    let not_found = json!({"status": "error", "message": "resource not found", "category": "OBJECT_NOT_FOUND"});
    let (_stub, client) = answering(404, not_found.to_string()).await;
    assert_eq!(get(&client).await, Ok(None));
    let (_stub, client) = answering(404, r#"{"status":"error","message":"no such path"}"#).await;
    assert!(get(&client).await.expect_err("a wrong path").refusal().is_some_and(Refusal::is_not_found));
    let (_stub, client) = answering(404, "<html>Not found</html>").await;
    assert!(get(&client).await.expect_err("a proxy's page").is_unknown());
}

#[tokio::test]
async fn what_may_have_happened_is_unknown() {
    for status in [500, 502, 503, 504, 521, 523, 524] {
        let (stub, client) = answering(status, "<html>Bad gateway</html>").await;
        let error = get(&client).await.expect_err("unknown");
        let HubSpotError::Unknown { status: found, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*found, Some(status));
        assert_eq!(stub.asked().len(), 1, "the caller repeats, not the client");
    }
    let cases = [
        ("", "before the answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\":", "within the answer"),
        ("HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"status\":", "within a refusal"),
    ];
    for (words, when) in cases {
        let error = get(&client_of(&closes_after(words).await, Duration::from_secs(10))).await.expect_err(when);
        assert!(error.is_unknown() && error.to_string().contains("the connection broke"), "{when}: {error}");
    }
    let stub = Stub::start(vec![]).await;
    let ended =
        tokio::time::timeout(Duration::from_secs(30), get(&client_of(&stub.url, Duration::from_millis(200)))).await;
    let error = ended.expect("the call gives up by itself").expect_err("no answer");
    assert_eq!(error.to_string(), "what HubSpot did is unknown: no answer within 200ms");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = get(&client_of(&url, Duration::from_secs(10))).await.expect_err("nobody");
    assert!(error.is_unknown() && error.to_string().contains("no connection"), "{error}");
}

#[tokio::test]
async fn what_a_repeat_does_not_mend_is_unexpected() {
    for (status, body) in [(200, "{}"), (200, "<html>hello</html>"), (204, ""), (307, "")] {
        let (stub, client) = answering(status, body).await;
        let error = get(&client).await.expect_err("unexpected");
        assert_eq!(error.kind(), "unexpected", "{status} {body}: {error}");
        assert_eq!(stub.asked().len(), 1);
    }
    let stub =
        Stub::start(vec![(307, vec![("Location", "/elsewhere")], String::new()), (200, vec![], CONTACT.to_owned())])
            .await;
    get(&stub.hubspot()).await.expect_err("a redirect");
    assert_eq!(stub.asked().len(), 1, "a redirect would take the token elsewhere");
}

#[tokio::test]
async fn an_id_cannot_lead_elsewhere() {
    let stub = Stub::start(vec![]).await;
    let client = stub.hubspot();
    for id in ["", " ", ".", ".."] {
        assert_eq!(client.get_record("0-1", None, id, Fields::default()).await.expect_err(id).kind(), "unexpected");
        assert_eq!(client.list_properties(id).await.expect_err(id).kind(), "unexpected");
    }
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn not_now_closes_the_gate_of_every_clone() {
    let stub = Stub::start(vec![
        (429, vec![("Retry-After", "1")], limited("TEN_SECONDLY_ROLLING")),
        (200, vec![], CONTACT.to_owned()),
        (429, vec![], limited("DAILY")),
        (200, vec![("X-HubSpot-RateLimit-Daily-Remaining", "41")], CONTACT.to_owned()),
        (200, vec![], CONTACT.to_owned()),
    ])
    .await;
    let client = stub.hubspot();
    let error = get(&client).await.expect_err("not now");
    assert_eq!(error.not_now(), Some((Duration::from_secs(1), Policy::TenSecondly)));
    let since = Instant::now();
    get(&client.at(Priority::Person)).await.expect("a contact");
    assert!(since.elapsed() >= Duration::from_millis(900), "the gate was closed for {:?}", since.elapsed());

    assert_eq!(get(&client).await.expect_err("not now").not_now().map(|(_, policy)| policy), Some(Policy::Daily));
    assert_eq!(client.limiter().calls_left_today(), Some(0));
    let error = get(&client.clone()).await.expect_err("not sent");
    assert!(error.not_now().is_some() && error.to_string().contains("not sent"), "{error}");
    assert_eq!(stub.asked().len(), 3);
    get(&client.at(Priority::Person)).await.expect("persons may");
    assert_eq!(client.limiter().calls_left_today(), Some(41));
    get(&client).await.expect("the day has calls again");
}

#[tokio::test]
async fn another_portal_has_its_own_token_and_limiter() {
    let stub = Stub::start(vec![(429, vec![], limited("DAILY")), (200, vec![], CONTACT.to_owned())]).await;
    let one = stub.hubspot();
    get(&one).await.expect_err("not now");
    let other = one.with_token(SecretString::from("pat-test-y"), Limiter::new(&LimiterOptions::default()));
    get(&other).await.expect("a contact");
    assert_eq!(stub.asked()[1].header("authorization"), Some("Bearer pat-test-y"));
}

#[tokio::test]
async fn the_token_is_not_in_any_text() {
    let echo = json!({"status": "error", "message": TOKEN, "category": TOKEN, "correlationId": TOKEN}).to_string();
    let unreadable = json!({"id": "1", "createdAt": TOKEN}).to_string();
    for (status, body) in [(401, &echo), (429, &echo), (500, &echo), (200, &unreadable)] {
        let (_stub, client) = answering(status, body.clone()).await;
        let error = get(&client).await.expect_err("an echo");
        let text = format!("{error} {error:?} {client:?}");
        assert!(!text.contains(TOKEN), "{text}");
    }
    let bad = HubSpotOptions { api_base: "https://me:pass@x.example".to_owned(), ..HubSpotOptions::default() };
    let limiter = Limiter::new(&LimiterOptions::default());
    let error = HubSpot::new(SecretString::from(TOKEN), &bad, limiter).expect_err("no place").to_string();
    assert!(error.contains("It looks like this: https://api.hubapi.com") && !error.contains("pass"), "{error}");
}
