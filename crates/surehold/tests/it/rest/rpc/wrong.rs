//! Calls that cannot be made, in PostgREST's words.

use reqwest::Method;
use serde_json::json;

use super::booking;
use crate::support::Api;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_is_found_by_its_name_and_its_arguments_names() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let unknown = api.rpc("get_bookin", json!({ "p_id": null, "a": 1 })).await;
    unknown.fails(404, "PGRST202", "Could not find the function public.get_bookin(a, p_id) in the schema cache");
    assert_eq!(
        unknown.body["details"],
        "Searched for the function public.get_bookin with parameters a, p_id or with a single unnamed json/jsonb \
         parameter, but no matches were found in the schema cache."
    );
    assert_eq!(unknown.body["hint"], "Perhaps you meant to call the function public.get_booking");
    let bare = api.post("/rest/v1/rpc/nothing_of_this_sort", json!({})).header("content-profile", "hubspot_sync");
    let bare = bare.by_service().await;
    let message =
        "Could not find the function hubspot_sync.nothing_of_this_sort without parameters in the schema cache";
    bare.fails(404, "PGRST202", message);
    assert_eq!(bare.body["hint"], json!(null));
    let by_get = api.get("/rest/v1/rpc/check_idempotency_key?key=k").by_service().await;
    by_get.fails(404, "PGRST202", "Could not find the function public.check_idempotency_key(key) in the schema cache");
    assert_eq!(
        by_get.body["details"],
        "Searched for the function public.check_idempotency_key with parameter key, but no matches were found in the \
         schema cache."
    );
    // One too few, one too many: nothing is called.
    let mut few = booking(&ann, exam, "k");
    few.as_object_mut().unwrap().remove("p_token_used");
    let mut many = booking(&ann, exam, "k");
    many["p_more"] = json!(1);
    for arguments in [few, many, json!([]), json!("text")] {
        let refused = api.creates(arguments).await.is(404);
        assert_eq!(refused.code(), "PGRST202");
        let hint = refused.body["hint"].as_str().unwrap();
        assert!(hint.starts_with("Perhaps you meant to call the function public.create_booking_atomic("), "{hint}");
    }
    assert_eq!(api.seats(exam).await.1, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_have_types_and_bodies_are_json() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let exam = api.opens("Clinical Skills", 5).await;
    for (name, value, code, message) in [
        ("p_new_credit_value", json!("many"), "22P02", "invalid input syntax for type integer: \"many\""),
        ("p_new_credit_value", json!(1.5), "22P02", "invalid input syntax for type integer: \"1.5\""),
        ("p_new_credit_value", json!(1e10 as i64), "22003", "value \"10000000000\" is out of range for type integer"),
        ("p_booking_id", json!("a\0b"), "22P05", "unsupported Unicode escape sequence"),
    ] {
        let mut arguments = booking(&ann, exam, "k");
        arguments[name] = value;
        api.creates(arguments).await.fails(400, code, message);
    }
    let post = || api.call(Method::POST, "/rest/v1/rpc/get_booking").by_service();
    for broken in ["{", "{\"p_id\": }", "   "] {
        post().raw("application/json", broken).await.fails(400, "PGRST102", "Empty or invalid json");
    }
    post().raw("text/csv", "p_id").await.fails(400, "PGRST102", "Content-Type not acceptable: text/csv");
    // No body is no arguments.
    assert_eq!(post().await.is(200).body["id"], json!(null));
    let filtered = api.post("/rest/v1/rpc/get_booking?is_active=eq.Active", json!({})).by_service().await;
    assert_eq!(filtered.is(400).code(), "PGRST100");
    let column = api.post("/rest/v1/rpc/get_booking?select=nope", json!({})).by_service().await;
    column.fails(400, "42703", "column hubspot_bookings.nope does not exist");
    let csv = api.rpc("get_booking", json!({})).header("accept", "text/csv").await;
    csv.fails(406, "PGRST107", "None of these media types are available: text/csv");
    let schema =
        api.post("/rest/v1/rpc/get_booking", json!({})).header("content-profile", "private").by_service().await;
    schema.fails(406, "PGRST106", "Invalid schema: private");
    assert_eq!(api.seats(exam).await.1, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_writes_is_called_by_post_and_nothing_by_any_other_method() {
    let api = Api::open().await;
    let ann = api.enrols("ANN", json!({ "cs_credits": 1 })).await;
    let exam = api.opens("Clinical Skills", 5).await;
    let arguments = booking(&ann, exam, "k");
    let pairs = arguments
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={}", crate::support::api::encoded(value.as_str().unwrap_or("1"))));
    let query = pairs.collect::<Vec<_>>().join("&");
    let get = api.get(format!("/rest/v1/rpc/create_booking_atomic?{query}")).by_service().await;
    get.fails(405, "25006", "cannot execute INSERT in a read-only transaction");
    assert_eq!(get.header("allow"), Some("OPTIONS,POST"));
    let path = "/rest/v1/rpc/cancel_booking_atomic?p_booking_id=x&p_credit_field=x&p_restored_credit_value=1";
    api.get(path).by_service().await.fails(405, "25006", "cannot execute UPDATE in a read-only transaction");
    api.call(Method::HEAD, path).by_service().await.is(405);
    for method in ["PUT", "PATCH", "DELETE"] {
        let refused = api.call(method.parse().unwrap(), "/rest/v1/rpc/get_booking").by_service().await;
        refused.fails(405, "PGRST101", &format!("Cannot use the {method} method on RPC"));
    }
    for (function, allow) in [("get_booking", "OPTIONS,GET,HEAD,POST"), ("create_booking_atomic", "OPTIONS,POST")] {
        let options = api.call(Method::OPTIONS, &format!("/rest/v1/rpc/{function}")).by_service().await;
        assert_eq!((options.status, options.header("allow")), (200, Some(allow)));
    }
    assert_eq!(api.call(Method::OPTIONS, "/rest/v1/rpc/nothing").by_service().await.is(404).code(), "PGRST202");
    assert_eq!(api.seats(exam).await.1, 5);
}
