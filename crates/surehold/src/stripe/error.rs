//! What can go wrong between us and Stripe, in the three kinds that matter to a caller.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::outgoing::{excerpt, scrub, with_causes};

/// Stripe's type of error for a key that is used for two different requests.
const IDEMPOTENCY_ERROR: &str = "idempotency_error";

/// A call that failed.
///
/// 1. [`StripeError::is_refusal`]: Stripe said no, and nothing happened.
/// 2. [`StripeError::is_retryable_unknown`]: whether it happened is unknown. Send the same bytes under the
///    same key, later.
/// 3. Neither: whether it happened is unknown, and a repeat would end the same way. Somebody has to look.
///
/// The text is for logs. It never holds a secret key, but Stripe's message may quote what was sent, such as
/// an email address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StripeError {
    /// Stripe's definite answer.
    #[error("Stripe refused: {0}")]
    Refused(Box<Refusal>),
    /// No answer, an answer that broke off, or one that says "not now".
    #[error("what Stripe did is unknown: {reason}{}", request(.request_id))]
    Unknown {
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        /// A sentence for logs.
        reason: String,
        /// Stripe's name for this call, for its support.
        request_id: Option<String>,
    },
    /// What should not happen: an answer that cannot be read, a redirect, a key used for another request, or
    /// a call that could not even be made.
    #[error("the call to Stripe went wrong: {reason}{}", request(.request_id))]
    Unexpected {
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        /// A sentence for logs.
        reason: String,
        /// Stripe's name for this call, for its support.
        request_id: Option<String>,
    },
}

/// Stripe's error object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message} ({status} {kind}{}{}){}", word(", ", .code), word(", parameter ", .param), request(.request_id))]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Stripe's `type`: `invalid_request_error`, `card_error`, `api_error`.
    pub kind: String,
    /// A code for programs, such as `charge_already_refunded`.
    pub code: Option<String>,
    /// For people who program.
    pub message: String,
    /// The parameter that is at fault.
    pub param: Option<String>,
    /// Stripe's name for this call, for its support.
    pub request_id: Option<String>,
}

impl StripeError {
    /// Whether this is a definite no, and nothing happened (400, 401, 402, 403, 404 with Stripe's own error
    /// object).
    ///
    /// It is about this call only. After a call under the same key whose outcome is unknown, a 401 or 403
    /// does not say that the earlier one had no effect: Stripe looks at the secret key first.
    pub fn is_refusal(&self) -> bool {
        matches!(self, StripeError::Refused(_))
    }

    /// Whether it is unknown what happened, and the same bytes under the same key may still find out: no
    /// answer, 409 (the first call is still running), 429, 5xx.
    ///
    /// Stripe may have saved a 500 under the key; then it says 500 for as long as it remembers the key (at
    /// least 24 hours), so a caller does not try for ever.
    pub fn is_retryable_unknown(&self) -> bool {
        matches!(self, StripeError::Unknown { .. })
    }

    /// Whether a call under the same key is still running (409): its own caller will hear what became of it.
    pub fn is_still_running(&self) -> bool {
        matches!(self, StripeError::Unknown { status: Some(409), .. })
    }

    /// Stripe's error object, if this is a refusal.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            StripeError::Refused(refusal) => Some(refusal),
            StripeError::Unknown { .. } | StripeError::Unexpected { .. } => None,
        }
    }

    /// A call that could not be made.
    pub(super) fn not_made(reason: impl Into<String>) -> StripeError {
        StripeError::Unexpected { status: None, reason: reason.into(), request_id: None }
    }

    /// A call without a whole answer.
    pub(super) fn from_transport(error: reqwest::Error, time_max: Duration) -> StripeError {
        let status = error.status().map(|status| status.as_u16());
        let error = error.without_url();
        if error.is_builder() {
            return StripeError::not_made(format!("the request cannot be built: {}", with_causes(&error)));
        }
        let reason = if error.is_timeout() {
            format!("no answer within {time_max:?}")
        } else if error.is_connect() {
            format!("no connection: {}", with_causes(&error))
        } else {
            format!("the connection broke: {}", with_causes(&error))
        };
        StripeError::Unknown { status, reason, request_id: None }
    }

    /// A whole answer that is not a success.
    pub(super) fn from_answer(status: u16, body: &[u8], request_id: Option<String>) -> StripeError {
        let said = serde_json::from_slice::<ErrorBody>(body).ok().map(|body| body.error);
        match (status, said) {
            // A redirect is not followed: it would carry the secret key to another place.
            (300..=399, _) => {
                StripeError::Unexpected { status: Some(status), reason: format!("a redirect ({status})"), request_id }
            }
            // The first request under this key was another one, and it may well have happened.
            (400, Some(said)) if said.kind == IDEMPOTENCY_ERROR => {
                let reason = format!("the key was used for another request: {}", said.message);
                StripeError::Unexpected { status: Some(status), reason, request_id }
            }
            (400..=404, Some(said)) => StripeError::Refused(Box::new(Refusal {
                status,
                kind: said.kind,
                code: said.code,
                message: said.message,
                param: said.param,
                request_id,
            })),
            // Also a 4xx that is not Stripe's own: something between us and Stripe may say otherwise later.
            (_, said) => {
                let text = said.map_or_else(|| excerpt(body), |said| format!("{} ({})", said.message, said.kind));
                StripeError::Unknown { status: Some(status), reason: format!("{status}: {text}"), request_id }
            }
        }
    }

    /// A success that cannot be read.
    pub(super) fn from_unreadable(status: u16, cause: &serde_json::Error, request_id: Option<String>) -> StripeError {
        StripeError::Unexpected { status: Some(status), reason: format!("unreadable answer: {cause}"), request_id }
    }

    /// The same without this text, in case an answer repeats what it must not.
    pub(super) fn without(mut self, secret: &str) -> StripeError {
        let clean = |text: &mut String| scrub(text, secret, "[secret key]");
        match &mut self {
            StripeError::Refused(refusal) => {
                clean(&mut refusal.message);
                clean(&mut refusal.kind);
                for text in [&mut refusal.code, &mut refusal.param, &mut refusal.request_id] {
                    text.as_mut().map(clean);
                }
            }
            StripeError::Unknown { reason, request_id, .. } | StripeError::Unexpected { reason, request_id, .. } => {
                clean(reason);
                request_id.as_mut().map(clean);
            }
        }
        self
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorObject,
}

#[derive(Deserialize)]
struct ErrorObject {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    #[serde(default, deserialize_with = "super::wire::null_is_empty")]
    message: String,
    param: Option<String>,
}

fn word(before: &str, word: &Option<String>) -> String {
    word.as_ref().map(|word| format!("{before}{word}")).unwrap_or_default()
}

fn request(id: &Option<String>) -> String {
    word(", request ", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> StripeError {
        StripeError::from_answer(status, body.as_bytes(), Some("req_1".to_owned()))
    }

    fn said(kind: &str) -> String {
        format!(r#"{{"error":{{"type":"{kind}","message":"No.","code":"c","param":"p","doc_url":"x"}}}}"#)
    }

    #[test]
    fn each_status_has_its_meaning() {
        // Status, Stripe's type (none: somebody else's page), refusal, worth a repeat.
        let table = [
            (400, Some("invalid_request_error"), true, false),
            (400, Some("idempotency_error"), false, false),
            (401, Some("invalid_request_error"), true, false),
            (402, Some("card_error"), true, false),
            (403, Some("invalid_request_error"), true, false),
            (404, Some("invalid_request_error"), true, false),
            (409, Some("idempotency_error"), false, true),
            (408, None, false, true),
            (424, Some("api_error"), false, true),
            (429, Some("invalid_request_error"), false, true),
            (500, Some("api_error"), false, true),
            (503, None, false, true),
            (403, None, false, true),
            (404, None, false, true),
            (302, None, false, false),
        ];
        for (status, kind, is_refusal, is_retryable_unknown) in table {
            let error = answer(status, &kind.map_or("<html>gone".to_owned(), said));
            assert_eq!(error.is_refusal(), is_refusal, "{status} {kind:?}");
            assert_eq!(error.is_retryable_unknown(), is_retryable_unknown, "{status} {kind:?}");
        }
    }

    #[test]
    fn a_refusal_holds_what_stripe_said() {
        let error = answer(400, &said("invalid_request_error"));
        let refusal = error.refusal().expect("a refusal");
        assert_eq!((refusal.status, refusal.code.as_deref(), refusal.param.as_deref()), (400, Some("c"), Some("p")));
        assert_eq!(error.to_string(), "Stripe refused: No. (400 invalid_request_error, c, parameter p), request req_1");
        let bare = answer(402, r#"{"error":{"type":"card_error"}}"#);
        assert_eq!(bare.to_string(), "Stripe refused:  (402 card_error), request req_1");
    }

    #[test]
    fn a_page_of_somebody_else_is_cut_short() {
        let error = answer(502, &format!("<html>\n{}", "x".repeat(10_000)));
        assert!(error.to_string().len() < 300 && !error.to_string().contains('\n'), "{error}");
    }

    #[test]
    fn a_secret_that_an_answer_repeats_is_taken_out() {
        let secret = "sk_test_echo";
        let all = |text: &str| {
            format!(r#"{{"error":{{"type":"{text}","message":"{text}","code":"{text}","param":"{text}"}}}}"#)
        };
        for status in [400, 500, 302] {
            let error =
                StripeError::from_answer(status, all(secret).as_bytes(), Some(secret.to_owned())).without(secret);
            assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
        }
        let unreadable = StripeError::not_made(format!("{secret} x")).without(secret);
        assert_eq!(unreadable.to_string(), "the call to Stripe went wrong: [secret key] x");
        let no_key = StripeError::not_made("x").without("");
        assert_eq!(no_key.to_string(), "the call to Stripe went wrong: x");
    }
}
