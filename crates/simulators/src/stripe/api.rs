//! One call of the API, from its headers to its answer.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::auth;
use super::errors::ApiError;
use super::events::{API_VERSION, Cause};
use super::faults::{CallFault, Down};
use super::form::{self, Params};
use super::idempotency::Saved;
use super::state::State;
use super::{clock, ids, routes};
use crate::connections::hang_up;
use crate::shared::Shared;

/// What calls need to know besides the state.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) secret_key: String,
    /// The least time, in seconds, for which a session is open.
    pub(super) shortest_session: i64,
}

struct Answer {
    status: StatusCode,
    body: String,
    /// The first request of this key, if this answer repeats its answer.
    first_request: Option<String>,
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Answer {
        Answer { status: error.status, body: pretty(&error.body()), first_request: None }
    }
}

/// Answers a call. Its work runs in a task of its own: it goes on if the caller breaks off, as in Stripe.
pub(super) async fn answer(shared: Arc<Shared<State>>, settings: Arc<Settings>, parts: Parts, body: Bytes) -> Response {
    let work = tokio::spawn(async move {
        let request_id = ids::request();
        match attempt(&shared, &settings, &parts, &body, &request_id).await {
            Some(answer) => with_headers(answer, &parts.headers, &request_id),
            None => hang_up(),
        }
    });
    work.await.unwrap_or_else(|_| hang_up())
}

/// The call's answer; none means that the connection is closed.
async fn attempt(
    shared: &Shared<State>,
    settings: &Settings,
    parts: &Parts,
    body: &[u8],
    request_id: &str,
) -> Option<Answer> {
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let template = routes::template(path);
    let now = clock::now();
    let (fault, latency) = shared.change(|state| {
        *state.requests.entry(format!("{method} {template}")).or_default() += 1;
        state.faults.of_call(method, &template)
    });
    match fault {
        CallFault::Down(Down::Closed) => return None,
        CallFault::Down(Down::Unavailable) => return Some(ApiError::unavailable().into()),
        CallFault::Error500 { saved: false } => return Some(ApiError::internal().into()),
        CallFault::Error429 => return Some(ApiError::rate_limited().into()),
        CallFault::TimeoutBefore => {
            tokio::time::sleep(latency).await;
            return None;
        }
        CallFault::Error500 { saved: true } | CallFault::TimeoutAfter | CallFault::None => {}
    }
    if let Err(error) = auth::check(&parts.headers, &settings.secret_key) {
        return Some(error.into());
    }
    // Parameters of a GET are in its query string, those of a POST in its body.
    let encoded = if method == "GET" { parts.uri.query().unwrap_or_default().as_bytes() } else { body };
    let pairs = form::pairs(encoded);
    let key = if method == "POST" { idempotency_key(&parts.headers) } else { None };
    if let Some(key) = &key {
        match shared.change(|state| state.keys.begin(key, path, &pairs)) {
            Ok(None) => {}
            Ok(Some(saved)) => {
                return Some(Answer { status: saved.status, body: saved.body, first_request: Some(saved.request_id) });
            }
            Err(error) => return Some(error.into()),
        }
    }
    let operation = form::tree(&pairs)
        .and_then(|tree| routes::read(method, path, &Params::new(&tree), now, settings.shortest_session));
    let operation = match operation {
        Ok(operation) => operation,
        Err(error) => {
            if let Some(key) = &key {
                shared.change(|state| state.keys.forget(key));
            }
            return Some(error.into());
        }
    };
    tokio::time::sleep(latency).await;
    let cause = Cause { request_id: Some(request_id.to_owned()), idempotency_key: key.clone() };
    // The effect and the kept answer in one step: nobody can see one without the other.
    let answer = shared.change(|state| {
        let result = match fault {
            CallFault::Error500 { .. } => Err(ApiError::internal()),
            _ => operation.execute(state, &cause),
        };
        let answer = match result {
            Ok(body) => Answer { status: StatusCode::OK, body: pretty(&body), first_request: None },
            Err(error) => error.into(),
        };
        if let Some(key) = &key {
            let saved = Saved { status: answer.status, body: answer.body.clone(), request_id: request_id.to_owned() };
            state.keys.save(key, saved);
        }
        answer
    });
    (fault != CallFault::TimeoutAfter).then_some(answer)
}

fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    let key = headers.get("idempotency-key")?;
    Some(String::from_utf8_lossy(key.as_bytes()).into_owned()).filter(|key| !key.is_empty())
}

/// With line breaks, as Stripe answers.
fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}")
}

fn with_headers(answer: Answer, asked: &HeaderMap, request_id: &str) -> Response {
    let mut response = (answer.status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("request-id", request_id);
    if let Some(first) = &answer.first_request {
        put("idempotent-replayed", "true");
        put("original-request", first);
    }
    if answer.status == StatusCode::UNAUTHORIZED {
        put("www-authenticate", "Basic realm=\"Stripe\"");
    }
    if let Some(key) = idempotency_key(asked) {
        put("idempotency-key", &key);
    }
    let version = asked.get("stripe-version").and_then(|version| version.to_str().ok());
    put("stripe-version", version.unwrap_or(API_VERSION));
    response
}
