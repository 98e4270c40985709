//! Every call that is understood: from method, path and parameters to an [`Operation`], and from that to its
//! answer. Reading may refuse a request; then nothing has begun.

use axum::http::StatusCode;
use serde_json::Value;

use super::errors::ApiError;
use super::events::{Cause, Event};
use super::expand::{self, Kind};
use super::form::Params;
use super::lists::{self, Page};
use super::new_session::NewSession;
use super::refunds::NewRefund;
use super::state::State;
use super::{charges::Charge, checkout, payment_intents::PaymentIntent, refunds::Refund};

/// What a call asks for.
#[derive(Debug)]
pub(super) struct Operation {
    what: What,
    expand: Vec<String>,
}

#[derive(Debug)]
enum What {
    CreateSession(NewSession),
    Session(String),
    ExpireSession(String),
    LineItems(String),
    Sessions { page: Page, payment_intent: Option<String> },
    PaymentIntent(String),
    Charge(String),
    Charges { page: Page, payment_intent: Option<String> },
    CreateRefund(NewRefund),
    Refund(String),
    Refunds { page: Page, payment_intent: Option<String>, charge: Option<String> },
    Event(String),
    Events { page: Page, kind: Option<String> },
}

const SESSIONS: &str = "/v1/checkout/sessions";
const CHARGES: &str = "/v1/charges";
const REFUNDS: &str = "/v1/refunds";
const EVENTS: &str = "/v1/events";

/// The path with `{id}` for ids, to count calls and to name them in faults.
pub(super) fn template(path: &str) -> String {
    let is_id = |part: &str| ["cs_", "pi_", "ch_", "re_", "evt_"].iter().any(|prefix| part.starts_with(prefix));
    path.split('/').map(|part| if is_id(part) { "{id}" } else { part }).collect::<Vec<_>>().join("/")
}

/// Reads a call. `shortest` is the least time, in seconds, for which a session is open.
pub(super) fn read(
    method: &str,
    path: &str,
    params: &Params<'_>,
    now: i64,
    shortest: i64,
) -> Result<Operation, ApiError> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let id = |id: &str| id.to_owned();
    let text = |field: &str| params.text(field).map(|text| text.map(str::to_owned));
    let (what, kind, is_list) = match (method, parts.as_slice()) {
        ("POST", ["v1", "checkout", "sessions"]) => {
            (What::CreateSession(NewSession::read(params, now, shortest)?), Kind::Session, false)
        }
        ("GET", ["v1", "checkout", "sessions"]) => {
            only_of_list(params, &["payment_intent"])?;
            (What::Sessions { page: Page::read(params)?, payment_intent: text("payment_intent")? }, Kind::Session, true)
        }
        ("GET", ["v1", "checkout", "sessions", session]) => {
            (only_expand(params, What::Session(id(session)))?, Kind::Session, false)
        }
        ("GET", ["v1", "checkout", "sessions", session, "line_items"]) => {
            only_of_list(params, &[])?;
            (What::LineItems(id(session)), Kind::Event, true)
        }
        ("POST", ["v1", "checkout", "sessions", session, "expire"]) => {
            (only_expand(params, What::ExpireSession(id(session)))?, Kind::Session, false)
        }
        ("GET", ["v1", "payment_intents", intent]) => {
            (only_expand(params, What::PaymentIntent(id(intent)))?, Kind::PaymentIntent, false)
        }
        ("GET", ["v1", "charges"]) => {
            only_of_list(params, &["payment_intent"])?;
            (What::Charges { page: Page::read(params)?, payment_intent: text("payment_intent")? }, Kind::Charge, true)
        }
        ("GET", ["v1", "charges", charge]) => (only_expand(params, What::Charge(id(charge)))?, Kind::Charge, false),
        ("POST", ["v1", "refunds"]) => (What::CreateRefund(NewRefund::read(params)?), Kind::Refund, false),
        ("GET", ["v1", "refunds"]) => {
            only_of_list(params, &["payment_intent", "charge"])?;
            let (payment_intent, charge) = (text("payment_intent")?, text("charge")?);
            (What::Refunds { page: Page::read(params)?, payment_intent, charge }, Kind::Refund, true)
        }
        ("GET", ["v1", "refunds", refund]) => (only_expand(params, What::Refund(id(refund)))?, Kind::Refund, false),
        ("GET", ["v1", "events"]) => {
            only_of_list(params, &["type"])?;
            (What::Events { page: Page::read(params)?, kind: text("type")? }, Kind::Event, true)
        }
        ("GET", ["v1", "events", event]) => (only_expand(params, What::Event(id(event)))?, Kind::Event, false),
        _ => return Err(unrecognized(method, path)),
    };
    let paths = params.texts("expand")?;
    expand::check(&paths, kind, is_list)?;
    Ok(Operation { what, expand: paths.into_iter().map(str::to_owned).collect() })
}

/// 404: there is no such call, in Stripe or in the simulator.
pub(super) fn unrecognized(method: &str, path: &str) -> ApiError {
    let message = format!(
        "Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove the trailing slash. If \
         you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code."
    );
    ApiError::invalid(message).status(StatusCode::NOT_FOUND)
}

fn only_expand(params: &Params<'_>, what: What) -> Result<What, ApiError> {
    params.only(&["expand"])?;
    Ok(what)
}

fn only_of_list(params: &Params<'_>, filters: &[&str]) -> Result<(), ApiError> {
    let known: Vec<&str> = lists::PARAMETERS.iter().chain(filters).copied().collect();
    params.only(&known)
}

impl Operation {
    /// Does it.
    pub(super) fn execute(self, state: &mut State, cause: &Cause) -> Result<Value, ApiError> {
        let mut answer = answer(self.what, state, cause)?;
        for path in &self.expand {
            expand::expand(state, &mut answer, path);
        }
        Ok(answer)
    }
}

fn answer(what: What, state: &mut State, cause: &Cause) -> Result<Value, ApiError> {
    let missing =
        |object: &str, id: &str, param: &str| ApiError::no_such(object, id, param).status(StatusCode::NOT_FOUND);
    match what {
        What::CreateSession(new) => Ok(state.create_session(new).json(&state.base_url)),
        What::Session(id) => {
            let session = state.sessions.get(&id).ok_or_else(|| checkout::no_such_session(&id))?;
            Ok(session.json(&state.base_url))
        }
        What::ExpireSession(id) => Ok(state.expire(&id, cause)?.json(&state.base_url)),
        What::LineItems(id) => {
            let session = state.sessions.get(&id).ok_or_else(|| checkout::no_such_session(&id))?;
            Ok(session.line_items_json())
        }
        What::Sessions { page, payment_intent } => {
            let rows = state.sessions.iter().rev();
            let rows = rows.filter(|row| payment_intent.is_none() || row.payment_intent == payment_intent);
            page.of(rows, SESSIONS, |session| session.json(&state.base_url))
        }
        What::PaymentIntent(id) => {
            let found = state.payment_intents.get(&id).map(PaymentIntent::json);
            found.ok_or_else(|| missing("payment_intent", &id, "intent"))
        }
        What::Charge(id) => state.charges.get(&id).map(Charge::json).ok_or_else(|| missing("charge", &id, "id")),
        What::Charges { page, payment_intent } => {
            let rows = state.charges.iter().rev();
            let rows = rows.filter(|row| payment_intent.as_ref().is_none_or(|wanted| row.payment_intent == *wanted));
            page.of(rows, CHARGES, Charge::json)
        }
        What::CreateRefund(new) => Ok(state.refund(new, cause)?.json()),
        What::Refund(id) => state.refunds.get(&id).map(Refund::json).ok_or_else(|| missing("refund", &id, "id")),
        What::Refunds { page, payment_intent, charge } => {
            let rows = state.refunds.iter().rev();
            let rows = rows.filter(|row| payment_intent.as_ref().is_none_or(|wanted| row.payment_intent == *wanted));
            let rows = rows.filter(|row| charge.as_ref().is_none_or(|wanted| row.charge == *wanted));
            page.of(rows, REFUNDS, Refund::json)
        }
        What::Event(id) => state.events.get(&id).map(Event::json).ok_or_else(|| missing("event", &id, "id")),
        What::Events { page, kind } => {
            let rows = state.events.iter().rev();
            page.of(rows.filter(|row| kind.as_ref().is_none_or(|wanted| row.kind == wanted)), EVENTS, Event::json)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_counted_without_their_ids() {
        assert_eq!(template("/v1/checkout/sessions/cs_test_a1/expire"), "/v1/checkout/sessions/{id}/expire");
        assert_eq!(template("/v1/checkout/sessions"), "/v1/checkout/sessions");
        assert_eq!(template("/v1/events/evt_1"), "/v1/events/{id}");
    }
}
