//! Pages on other origins: what a browser asks before it calls, and what it may read.

use reqwest::Method;
use serde_json::json;
use surehold::desk::DeskOptions;
use surehold::http::HttpOptions;

use crate::support::api::{Api, unlimited};
use crate::support::marketplace_api::{JWT_SECRET, MarketplaceApi, token, traveller};

const SHOP: &str = "https://shop.example.com";

fn with_shop(options: &mut HttpOptions) {
    options.cors_origins = vec![SHOP.parse().unwrap(), "http://localhost:5173".parse().unwrap()];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_an_allowed_origin_may_ask_call_and_read_also_what_was_refused() {
    let market = MarketplaceApi::with(DeskOptions::default(), with_shop).await;
    for path in ["/functions/v1/create-booking", "/rest/v1/bookings", "/api/bookings/create"] {
        let asked = market.api.call(Method::OPTIONS, path).header("origin", SHOP);
        let wanted = "authorization, x-client-info, apikey, content-type";
        let asked = asked.header("access-control-request-method", "POST");
        let asked = asked.header("access-control-request-headers", wanted).await;
        assert_eq!(asked.status, 200, "{path}");
        assert_eq!(asked.header("access-control-allow-origin"), Some(SHOP), "{path}");
        assert!(asked.header("access-control-allow-methods").unwrap().contains("POST"));
        assert_eq!(asked.header("access-control-allow-headers"), Some(wanted));
        assert_eq!(asked.header("access-control-allow-credentials"), None, "no cookie opens anything");
    }
    // Read: an answer, a refusal, and that there is no such route.
    let user = traveller();
    for (path, status) in
        [("/functions/v1/experiences", 200), ("/api/bookings/list?page=x", 401), ("/functions/v1/nothing", 404)]
    {
        let answer = market.api.get(path).header("origin", SHOP).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP), "{path}");
        assert!(answer.header("access-control-expose-headers").unwrap().contains("x-request-id"));
    }
    let refused = market.api.post("/functions/v1/checkout", json!({})).bearer(&user.token);
    let refused = refused.header("origin", SHOP).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (400, Some(SHOP)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_origin_may_read_and_without_the_setting_none() {
    let market = MarketplaceApi::with(DeskOptions::default(), with_shop).await;
    let other = market.api.get("/functions/v1/experiences").header("origin", "https://evil.example.com").await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, None));

    let closed = Api::open().await;
    let answer = closed.get("/api/mock-exams/available?mock_type=Clinical%20Skills").header("origin", SHOP).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));

    let any = HttpOptions { cors_origins: vec!["*".parse().unwrap()], ..unlimited() };
    let any = Api::with(DeskOptions::default(), any).await;
    let answer = any.get("/health/live").header("origin", "https://evil.example.com").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

/// supabase-js in a page brings its anonymous key as a bearer token until somebody logs in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_anonymous_key_opens_what_is_open_and_nothing_else() {
    let market = MarketplaceApi::open().await;
    market.experience("Rice Terraces", 4500).await;
    let anonymous = token(uuid::Uuid::nil(), JWT_SECRET, |claims| {
        claims["role"] = json!("anon");
        claims.as_object_mut().unwrap().remove("sub");
    });
    let on_sale = market.api.get("/functions/v1/experiences").bearer(&anonymous).await.is(200);
    assert_eq!(on_sale.body["data"].as_array().map(Vec::len), Some(1), "{on_sale:?}");
    market.api.post("/functions/v1/checkout", json!({})).bearer(&anonymous).await.is(401);
    // As PostgREST has it: somebody who is known, and may not.
    market.api.get("/rest/v1/bookings").bearer(&anonymous).await.is(403);
    market.api.get("/api/admin/audit").bearer(&anonymous).await.is(403);
    let forged =
        token(uuid::Uuid::nil(), "another-secret-of-at-least-32-characters", |claims| claims["role"] = json!("anon"));
    market.api.get("/functions/v1/experiences").bearer(&forged).await.is(401);
}
