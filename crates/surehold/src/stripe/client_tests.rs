//! The client against a server that answers what it is told.

use std::time::Duration;

use reqwest::Method;
use secrecy::SecretString;

use super::super::{PaymentStatus, SessionStatus, StripeError};
use super::*;
use crate::stub::{Stub, closes_after};

/// The key that [`client_of`] uses.
const KEY: &str = "sk_test_x";

const SESSION: &str = r#"{"id":"cs_test_1","object":"checkout.session","status":"open","payment_status":"unpaid",
    "url":"https://pay.example/1","payment_intent":null,"amount_total":5000,"currency":"usd",
    "client_reference_id":"b1","metadata":{},"expires_at":1772366400}"#;
/// Bytes as somebody stored them; they are not read, only sent.
const FORM_BYTES: &str = "mode=payment&metadata[name]=Z%C3%BCrich+%26+back&b=&a";

impl Stub {
    fn client(&self) -> Stripe {
        client_of(&self.url, Duration::from_secs(10))
    }
}

/// A client of a server at this URL.
fn client_of(url: &str, call_time_max: Duration) -> Stripe {
    let options = StripeOptions { api_base: url.to_owned(), call_time_max, ..StripeOptions::default() };
    Stripe::new(SecretString::from(KEY), &options).expect("a client")
}

fn refusal(kind: &str) -> String {
    format!(r#"{{"error":{{"type":"{kind}","code":"parameter_invalid","message":"Wrong.","param":"expires_at"}}}}"#)
}

async fn create_on(stub: &Stub) -> Result<super::super::CheckoutSession, StripeError> {
    stub.client().create_checkout_session(FORM_BYTES, "key-1").await
}

#[tokio::test]
async fn a_session_is_made_with_exactly_the_stored_bytes_under_the_key() {
    let stub = Stub::start(vec![(200, vec![], SESSION.to_owned()), (200, vec![], SESSION.to_owned())]).await;
    let session = create_on(&stub).await.expect("a session");
    assert_eq!((session.status, session.payment_status), (SessionStatus::Open, PaymentStatus::Unpaid));
    create_on(&stub).await.expect("the same again");

    let asked = stub.asked();
    assert_eq!(asked.len(), 2);
    for asked in asked {
        assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/v1/checkout/sessions"));
        assert_eq!(asked.body, FORM_BYTES);
        assert_eq!(asked.header("authorization"), Some("Bearer sk_test_x"));
        assert_eq!(asked.header("stripe-version"), Some(API_VERSION));
        assert_eq!(asked.header("idempotency-key"), Some("key-1"));
        assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    }
}

#[tokio::test]
async fn reads_and_the_closing_of_a_page_go_where_they_should() {
    let intent = r#"{"id":"pi_1","status":"succeeded","amount":5,"amount_received":5,"currency":"usd"}"#;
    let refund = r#"{"id":"re_1","status":"pending","amount":5,"currency":"usd","created":1}"#;
    let answers = [SESSION, SESSION, intent, refund, refund].map(|body| (200, vec![], body.to_owned()));
    let stub = Stub::start(answers.to_vec()).await;
    let stripe = stub.client();
    stripe.retrieve_checkout_session("cs_test_1").await.expect("a session");
    stripe.expire_checkout_session("cs_test_1").await.expect("a session");
    stripe.retrieve_payment_intent("pi_1").await.expect("a payment");
    stripe.retrieve_refund("re_1").await.expect("a refund");
    stripe.create_refund("payment_intent=pi_1&amount=5", "key-2").await.expect("a refund");

    let asked = stub.asked();
    let places: Vec<_> = asked.iter().map(|asked| (asked.method.clone(), asked.uri.as_str())).collect();
    assert_eq!(
        places,
        [
            (Method::GET, "/v1/checkout/sessions/cs_test_1"),
            (Method::POST, "/v1/checkout/sessions/cs_test_1/expire"),
            (Method::GET, "/v1/payment_intents/pi_1?expand[]=latest_charge"),
            (Method::GET, "/v1/refunds/re_1"),
            (Method::POST, "/v1/refunds"),
        ]
    );
    let keys: Vec<_> = asked.iter().map(|asked| asked.header("idempotency-key")).collect();
    assert_eq!(keys, [None, None, None, None, Some("key-2")]);
    assert!(asked.iter().all(|asked| asked.header("authorization") == Some("Bearer sk_test_x")));
    assert!(asked.iter().all(|asked| asked.header("stripe-version") == Some(API_VERSION)));
    assert_eq!((asked[1].body.as_ref(), asked[4].body.as_ref()), (&b""[..], &b"payment_intent=pi_1&amount=5"[..]));
}

#[tokio::test]
async fn all_pages_of_refunds_are_read() {
    let page = |ids: &[&str], has_more: bool| {
        let refund =
            |id: &&str| format!(r#"{{"id":"{id}","status":"pending","amount":5,"currency":"usd","created":1}}"#);
        let data: Vec<String> = ids.iter().map(refund).collect();
        (200, vec![], format!(r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#, data.join(",")))
    };
    let stub = Stub::start(vec![page(&["re_3", "re_2"], true), page(&["re_1"], false)]).await;
    let refunds = stub.client().list_refunds("pi_1").await.expect("refunds");
    assert_eq!(refunds.iter().map(|refund| refund.id.as_str()).collect::<Vec<_>>(), ["re_3", "re_2", "re_1"]);
    let uris: Vec<_> = stub.asked().into_iter().map(|asked| asked.uri).collect();
    assert_eq!(
        uris,
        ["/v1/refunds?payment_intent=pi_1&limit=100", "/v1/refunds?payment_intent=pi_1&limit=100&starting_after=re_2"]
    );

    let empty = Stub::start(vec![page(&[], true)]).await;
    assert_eq!(empty.client().list_refunds("pi_1").await, Ok(vec![]), "an empty page is the last");
    let endless = Stub::start(vec![page(&["re_1"], true); 200]).await;
    let error = endless.client().list_refunds("pi_1").await.expect_err("no end");
    assert!(error.to_string().contains("does not end") && endless.asked().len() == 100, "{error}");
}

#[tokio::test]
async fn a_refusal_is_definite_and_says_what_stripe_said() {
    let headers = vec![("Request-Id", "req_123")];
    let stub = Stub::start(vec![(400, headers, refusal("invalid_request_error"))]).await;
    let error = create_on(&stub).await.expect_err("refused");
    assert!(error.is_refusal() && !error.is_retryable_unknown());
    let refusal = error.refusal().expect("what Stripe said");
    assert_eq!((refusal.status, refusal.kind.as_str()), (400, "invalid_request_error"));
    assert_eq!((refusal.code.as_deref(), refusal.param.as_deref()), (Some("parameter_invalid"), Some("expires_at")));
    assert_eq!((refusal.message.as_str(), refusal.request_id.as_deref()), ("Wrong.", Some("req_123")));
}

#[tokio::test]
async fn what_may_have_happened_is_worth_a_repeat() {
    for (status, body) in [
        (409, refusal("idempotency_error")),
        (429, refusal("invalid_request_error")),
        (500, refusal("api_error")),
        (502, "<html>Bad gateway</html>".to_owned()),
        (403, "<html>A proxy's page</html>".to_owned()),
    ] {
        let stub = Stub::start(vec![(status, vec![("Request-Id", "req_9")], body)]).await;
        let error = create_on(&stub).await.expect_err("unknown");
        assert!(error.is_retryable_unknown() && !error.is_refusal(), "{error}");
        assert_eq!(stub.asked().len(), 1, "the caller repeats, not the client");
        let StripeError::Unknown { status: found, request_id, .. } = &error else { panic!("{error:?}") };
        assert_eq!((*found, request_id.as_deref()), (Some(status), Some("req_9")));
    }
}

#[tokio::test]
async fn a_connection_that_ends_leaves_it_unknown() {
    let cases = [
        ("", "before the answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\":", "within the answer"),
        ("HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"error\":", "within a refusal"),
    ];
    for (words, when) in cases {
        let stripe = client_of(&closes_after(words).await, Duration::from_secs(10));
        let error = stripe.create_checkout_session(FORM_BYTES, "key-1").await.expect_err(when);
        assert!(error.is_retryable_unknown() && !error.is_refusal(), "{when}: {error}");
        assert!(error.to_string().contains("the connection broke"), "{when}: {error}");
    }
}

#[tokio::test]
async fn no_answer_in_time_leaves_it_unknown() {
    let stub = Stub::start(vec![]).await;
    let stripe = client_of(&stub.url, Duration::from_millis(200));
    let call = stripe.create_checkout_session(FORM_BYTES, "key-1");
    let ended = tokio::time::timeout(Duration::from_secs(30), call).await;
    let error = ended.expect("the call gives up by itself").expect_err("no answer");
    assert!(error.is_retryable_unknown() && !error.is_refusal(), "{error}");
    assert_eq!(error.to_string(), "what Stripe did is unknown: no answer within 200ms");
}

#[tokio::test]
async fn nobody_there_leaves_it_unknown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = client_of(&url, Duration::from_secs(10)).retrieve_refund("re_1").await.expect_err("nobody");
    assert!(error.is_retryable_unknown() && error.to_string().contains("no connection"), "{error}");
}

#[tokio::test]
async fn what_a_repeat_does_not_mend_is_neither() {
    let stub = Stub::start(vec![
        (400, vec![], refusal("idempotency_error")),
        (200, vec![], "{}".to_owned()),
        (200, vec![], "<html>hello</html>".to_owned()),
    ])
    .await;
    for what in ["a key of another request", "an answer without an id", "not JSON"] {
        let error = create_on(&stub).await.expect_err(what);
        assert!(!error.is_refusal() && !error.is_retryable_unknown(), "{what}: {error}");
    }
    let error = stub.client().create_checkout_session(FORM_BYTES, "two\nlines").await.expect_err("no header");
    assert!(!error.is_refusal() && !error.is_retryable_unknown(), "{error}");
    assert_eq!(stub.asked().len(), 3, "a call that cannot be made is not sent");
}

#[tokio::test]
async fn a_redirect_does_not_take_the_key_elsewhere() {
    let stub =
        Stub::start(vec![(307, vec![("Location", "/elsewhere")], String::new()), (200, vec![], SESSION.to_owned())])
            .await;
    let error = create_on(&stub).await.expect_err("a redirect");
    assert!(!error.is_refusal() && !error.is_retryable_unknown(), "{error}");
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn an_id_cannot_lead_elsewhere() {
    let stub = Stub::start(vec![(404, vec![], String::new()); 40]).await;
    let stripe = stub.client();
    let long = "x".repeat(256);
    for id in ["", "..", "cs_1/expire", "../refunds", "cs_1?x=y", "cs_1#", "cs 1", "cs_1%2Fexpire", "é", &long] {
        assert!(stripe.retrieve_checkout_session(id).await.is_err(), "{id}");
        assert!(stripe.expire_checkout_session(id).await.is_err(), "{id}");
        assert!(stripe.retrieve_payment_intent(id).await.is_err(), "{id}");
        assert!(stripe.retrieve_refund(id).await.is_err(), "{id}");
    }
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn the_key_is_not_in_any_text() {
    let echo = format!(r#"{{"error":{{"type":"invalid_request_error","message":"Invalid API Key: {KEY}"}}}}"#);
    let stub = Stub::start(vec![(401, vec![], echo.clone()), (500, vec![], echo)]).await;
    for _ in 0..2 {
        let error = create_on(&stub).await.expect_err("an echo");
        let text = format!("{error} {error:?}");
        assert!(text.contains("[secret key]") && !text.contains(KEY), "{text}");
    }
    assert!(!format!("{:?}", stub.client()).contains(KEY));
}

#[test]
fn live_and_test_keys_are_told_apart_by_their_beginning() {
    let is_live =
        |key: &str| client_of("http://127.0.0.1:9", Duration::from_secs(1)).with_key(SecretString::from(key)).is_live();
    assert!(is_live("sk_live_x") && is_live("rk_live_x"));
    assert!(!is_live("sk_test_live_x") && !is_live("rk_test_x"));
}
