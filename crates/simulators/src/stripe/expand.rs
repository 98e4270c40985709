//! `expand[]`: ids in an answer are replaced by the objects (docs.stripe.com/api/expanding_objects).

use serde_json::Value;

use super::errors::ApiError;
use super::state::State;

const DEPTH_MAX: usize = 4;
const LINE_ITEMS: &str = "line_items";

/// The kinds of objects that are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Session,
    PaymentIntent,
    Charge,
    Refund,
    Event,
}

/// The kind of object that a field of another kind stands for; none for what is no object further down.
fn target(kind: Kind, field: &str) -> Option<Option<Kind>> {
    match (kind, field) {
        (Kind::Session | Kind::Charge | Kind::Refund, "payment_intent") => Some(Some(Kind::PaymentIntent)),
        (Kind::PaymentIntent, "latest_charge") | (Kind::Refund, "charge") => Some(Some(Kind::Charge)),
        (Kind::Session, LINE_ITEMS | "customer") => Some(None),
        (Kind::PaymentIntent, "customer" | "payment_method") => Some(None),
        _ => None,
    }
}

/// Refuses paths that lead nowhere, before anything is done.
pub(super) fn check(paths: &[&str], kind: Kind, is_list: bool) -> Result<(), ApiError> {
    for path in paths {
        let wrong = || {
            let message = format!("This property cannot be expanded ({path}).");
            ApiError::invalid(message).param("expand")
        };
        if path.split('.').count() > DEPTH_MAX + usize::from(is_list) {
            return Err(wrong());
        }
        let inner = if is_list { path.strip_prefix("data.").ok_or_else(wrong)? } else { path };
        let mut at = Some(kind);
        for field in inner.split('.') {
            at = target(at.ok_or_else(wrong)?, field).ok_or_else(wrong)?;
        }
    }
    Ok(())
}

/// Replaces the ids on a path that was checked.
pub(super) fn expand(state: &State, answer: &mut Value, path: &str) {
    let (field, rest) = match path.split_once('.') {
        Some((field, rest)) => (field, Some(rest)),
        None => (path, None),
    };
    if field == LINE_ITEMS
        && let Some(session) = answer["id"].as_str().and_then(|id| state.sessions.get(id))
    {
        answer[LINE_ITEMS] = session.line_items_json();
        return;
    }
    match &mut answer[field] {
        Value::Array(items) => {
            for item in items {
                expand(state, item, rest.unwrap_or_default());
            }
        }
        value => {
            if let Some(object) = value.as_str().and_then(|id| find(state, id)) {
                *value = object;
            }
            if let Some(rest) = rest
                && value.is_object()
            {
                expand(state, value, rest);
            }
        }
    }
}

fn find(state: &State, id: &str) -> Option<Value> {
    let intent = state.payment_intents.get(id).map(|intent| intent.json());
    intent.or_else(|| state.charges.get(id).map(|charge| charge.json()))
}
