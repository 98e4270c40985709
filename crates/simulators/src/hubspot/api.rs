//! One call of the API, from its headers to its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::answer::Answer;
use super::clock;
use super::errors::ApiError;
use super::faults::{Effect, Fault};
use super::journal::Call;
use super::query::Query;
use super::routes::{self, Operation, Path};
use super::state::State;
use crate::connections::hang_up;
use crate::shared::Shared;

/// Answers a call. Its work runs in a task of its own: it goes on if the caller breaks off, as in HubSpot.
pub(super) async fn answer(shared: Arc<Shared<State>>, parts: Parts, body: Bytes) -> Response {
    let work = tokio::spawn(async move {
        match attempt(&shared, &parts, &body).await {
            Some(answer) => answer.into_response(),
            None => hang_up(),
        }
    });
    work.await.unwrap_or_else(|_| hang_up())
}

/// The call's answer; none means that the connection is closed.
async fn attempt(shared: &Shared<State>, parts: &Parts, body: &[u8]) -> Option<Answer> {
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let Some((path, operation)) = Path::read(path).and_then(|path| Some((path.clone(), routes::read(method, &path)?)))
    else {
        let message = format!("No route: {method} {path}");
        return Some(ApiError::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", message).into());
    };
    let call = Call { kind: operation.kind.clone(), path: parts.uri.path().to_owned(), status: None, at: clock::now() };
    let (place, admitted) = shared.change(|state| {
        let place = state.journal.begin(call);
        (place, admit(state, &operation, &parts.headers, method, &path))
    });
    let answer = match admitted {
        Err(refused) => Some(refused),
        Ok((headers, fault)) => {
            let answer = perform(shared, &operation, &path, parts, body, fault).await;
            answer.map(|answer| answer.with(&headers))
        }
    };
    if let Some(answer) = &answer {
        shared.change(|state| state.journal.end(place, answer.status.as_u16()));
    }
    answer
}

type Headers = Vec<(&'static str, u64)>;

/// Whether a call is let through: the headers of its answer, and its fault; or the answer that it gets instead.
fn admit(
    state: &mut State,
    operation: &Operation,
    headers: &HeaderMap,
    method: &str,
    path: &Path,
) -> Result<(Headers, Option<(Fault, Duration)>), Answer> {
    check_token(headers, &state.account.token)?;
    let (headers, refused) = state.limiter.arrive(operation.quota, Instant::now());
    if let Some(policy) = refused {
        return Err(policy.answer().with(&headers));
    }
    check_scope(operation, state).map_err(|error| Answer::from(error).with(&headers))?;
    Ok((headers, state.faults.of_call(method, &path.plain)))
}

fn check_token(headers: &HeaderMap, token: &str) -> Result<(), ApiError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer "));
    if given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(token.as_bytes()))) {
        return Ok(());
    }
    let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more \
                   details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
    Err(ApiError::new(StatusCode::UNAUTHORIZED, "INVALID_AUTHENTICATION", message))
}

fn check_scope(operation: &Operation, state: &State) -> Result<(), ApiError> {
    let needed = operation.scope(state);
    if state.account.scopes.as_ref().is_none_or(|scopes| scopes.contains(&needed)) {
        return Ok(());
    }
    let message = "This app hasn't been granted all required scopes to make this call. Read more about required scopes \
                   here: https://developers.hubspot.com/scopes.";
    let mut error = ApiError::new(StatusCode::FORBIDDEN, "MISSING_SCOPES", message);
    error.errors = vec![json!({
        "message": "One or more of the following scopes are required.",
        "context": { "requiredGranularScopes": [needed] },
    })];
    Err(error)
}

/// Does a call's work, with its fault.
async fn perform(
    shared: &Shared<State>,
    operation: &Operation,
    path: &Path,
    parts: &Parts,
    body: &[u8],
    fault: Option<(Fault, Duration)>,
) -> Option<Answer> {
    let query = Query::read(parts.uri.query());
    let work = |half: bool| -> Answer {
        let done =
            read_body(body).and_then(|body| shared.change(|state| operation.execute(state, path, &query, &body, half)));
        done.unwrap_or_else(Answer::from)
    };
    let spoiled = |effect: Effect| match effect {
        Effect::None => {}
        // A call for one record has no half: nothing is done.
        Effect::Half if !is_batch(path) => {}
        Effect::Half => drop(work(true)),
        Effect::All => drop(work(false)),
    };
    match fault {
        None => Some(work(false)),
        Some((Fault::Status { status, effect }, _)) => {
            spoiled(effect);
            Some(failure(status))
        }
        Some((Fault::Reset { effect }, _)) => {
            spoiled(effect);
            None
        }
        Some((Fault::TooMany { policy, retry_after }, _)) => {
            let seconds = retry_after.map(|seconds| ("retry-after", seconds));
            Some(policy.answer().with(seconds.as_slice()))
        }
        Some((Fault::Delay { effect, .. }, wait)) => {
            let early = (effect == Effect::All).then(|| work(false));
            tokio::time::sleep(wait).await;
            Some(early.unwrap_or_else(|| work(false)))
        }
    }
}

fn is_batch(path: &Path) -> bool {
    path.plain.contains("/batch/")
}

fn read_body(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| ApiError::invalid(format!("Invalid input JSON: {error}")))
}

/// The answer of a fault. What stands before HubSpot answers with pages, HubSpot itself with JSON.
fn failure(status: u16) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match status.as_u16() {
        423 => {
            let message = "The resource is currently locked. Please wait at least two seconds before retrying.";
            ApiError::new(status, "LOCKED", message).into()
        }
        502..=504 | 520.. => Answer::gateway(status),
        _ => ApiError::new(status, "INTERNAL_ERROR", "internal error (the simulator was asked for this fault)").into(),
    }
}
