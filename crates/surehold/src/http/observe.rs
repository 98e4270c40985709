//! The outermost layer: gives each request its id, writes the bodies of errors, logs and counts.
//!
//! What is logged of a request is its method, its route (not its path, which may hold a name or an
//! address), its status, its time and its id. Never a body, a key or an email.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

use super::error::ApiError;
use super::metrics;
use super::rest::errors::{self, RestError};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
const REQUEST_ID_LENGTH_MAX: usize = 128;

/// Wraps a request from its first byte to its answer.
pub async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers().get(&X_REQUEST_ID));
    let header_value = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unreadable"));
    request.headers_mut().insert(X_REQUEST_ID, header_value.clone());
    let method = metrics::method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    // By the path: also what no route takes is answered in the words of its neighbours.
    let is_rest = errors::is_rest(request.uri().path());
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);

    let span = tracing::info_span!("request", id = %id);
    let mut response = next.run(request).instrument(span.clone()).await;
    let error = response.extensions_mut().remove::<ApiError>();
    if let Some(error) = &error {
        response = if is_rest { with_rest_body(response, error) } else { with_body(response, error, route, &id) };
    }
    // Answers are about one moment and one caller.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response.headers_mut().insert(X_REQUEST_ID, header_value);

    let (status, elapsed) = (response.status(), started.elapsed());
    span.in_scope(|| log(method, route, status, elapsed, error.as_ref()));
    metrics::count(method, route, status, elapsed);
    response
}

/// An error's response, with the body that only we can write.
fn with_body(response: Response, error: &ApiError, route: &str, id: &str) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(parts, Json(error.body(route, id)).into_response().into_body())
}

/// The same in PostgREST's words.
fn with_rest_body(response: Response, error: &ApiError) -> Response {
    let (mut parts, _) = response.into_parts();
    let body = RestError::of(error);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Ok(code) = HeaderValue::from_str(&format!("PostgREST; error={}", body.code)) {
        parts.headers.insert(PROXY_STATUS, code);
    }
    Response::from_parts(parts, Json(body).into_response().into_body())
}

/// One line for each request; of a failure of ours it says what the caller is not told.
fn log(method: &str, route: &str, status: StatusCode, elapsed: Duration, error: Option<&ApiError>) {
    let (status_code, ms) = (status.as_u16(), elapsed.as_secs_f64() * 1e3);
    let code = error.map_or("", |error| error.code);
    let cause = error.and_then(|error| error.cause.as_deref()).unwrap_or_default();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(method, route, status = status_code, ms, code, cause, "answered");
    } else if status.is_server_error() {
        tracing::warn!(method, route, status = status_code, ms, code, cause, "answered");
    } else {
        tracing::debug!(method, route, status = status_code, ms, code, "answered");
    }
}

/// The caller's id if it is sane (1 to 128 visible ASCII characters that need no quoting), else a fresh one.
fn request_id(given: Option<&HeaderValue>) -> String {
    let sane = |text: &&str| {
        (1..=REQUEST_ID_LENGTH_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&b))
    };
    match given.and_then(|value| value.to_str().ok()).filter(sane) {
        Some(text) => text.to_owned(),
        None => Uuid::now_v7().to_string(),
    }
}

/// What a panic in a handler answers.
#[derive(Clone, Copy)]
pub struct PanicAnswer;

impl tower_http::catch_panic::ResponseForPanic for PanicAnswer {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, panic: Box<dyn std::any::Any + Send>) -> axum::http::Response<Self::ResponseBody> {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a message");
        ApiError::internal(format!("panic: {text}")).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_500_in_the_envelope_and_says_nothing_of_itself() {
        let panics = || async {
            if true {
                panic!("secret");
            }
        };
        let router: axum::Router = axum::Router::new()
            .route("/", axum::routing::get(panics))
            .layer(tower_http::catch_panic::CatchPanicLayer::custom(PanicAnswer))
            .layer(axum::middleware::from_fn(observe));
        let request =
            Request::get("/").header("x-request-id", "r1").body(axum::body::Body::empty()).expect("a request");
        let response = tower::ServiceExt::oneshot(router, request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a body");
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("INTERNAL_ERROR") && text.contains("\"r1\"") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        let given = |text: &'static str| request_id(Some(&HeaderValue::from_static(text)));
        assert_eq!(given("abc-123"), "abc-123");
        for strange in ["", "two words", "a\"b", "<script>"] {
            assert!(Uuid::try_parse(&given(strange)).is_ok(), "{strange}");
        }
        assert!(Uuid::try_parse(&request_id(None)).is_ok());
    }
}
