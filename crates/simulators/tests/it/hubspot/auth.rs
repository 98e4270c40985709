//! Tokens and scopes.

use serde_json::json;
use surehold_simulators::hubspot::Options;

use super::support::*;

#[tokio::test]
async fn calls_need_the_token() {
    let crm = Crm::open().await;
    let url = crm.url(BOOKINGS);
    let send = async |call: reqwest::RequestBuilder| Answer::of(call.send().await.unwrap()).await;
    let message = send(crm.http.get(&url)).await.fails(401, "INVALID_AUTHENTICATION");
    assert!(message.starts_with("Authentication credentials not found."), "{message}");
    send(crm.http.get(&url).bearer_auth("pat-na1-of-another")).await.fails(401, "INVALID_AUTHENTICATION");
    send(crm.http.get(&url).basic_auth(TOKEN, Some(""))).await.fails(401, "INVALID_AUTHENTICATION");
    send(crm.http.get(&url).header("authorization", TOKEN)).await.fails(401, "INVALID_AUTHENTICATION");
    send(crm.http.get(&url).bearer_auth(TOKEN)).await.is(200);
    // Who is nobody uses up nothing.
    assert_eq!(crm.simulator.limits().calls.total, 1);
}

#[tokio::test]
async fn calls_need_their_scopes() {
    let scopes = ["crm.objects.custom.read", "crm.objects.contacts.write"].map(str::to_owned);
    let crm = Crm::with(Options { scopes: Some(scopes.to_vec()), ..options() }).await;
    crm.get(BOOKINGS).await.is(200);
    crm.post(&format!("{BOOKINGS}/search"), json!({})).await.is(200);
    crm.create(CONTACTS, json!({})).await;
    let refused = crm.post(BOOKINGS, json!({ "properties": {} })).await;
    refused.fails(403, "MISSING_SCOPES");
    let needed = &refused.json()["errors"][0]["context"]["requiredGranularScopes"];
    assert_eq!(*needed, json!(["crm.objects.custom.write"]));
    crm.get(CONTACTS).await.fails(403, "MISSING_SCOPES");
    crm.get("/crm/v3/properties/contacts").await.fails(403, "MISSING_SCOPES");
}
