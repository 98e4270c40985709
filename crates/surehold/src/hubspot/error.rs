//! What can go wrong between us and HubSpot, in the kinds that matter to a caller.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use thiserror::Error;

use super::wire::or_default;
use crate::outgoing::{excerpt, scrub, with_causes};

/// How much of a message is kept, in characters. A validation error of a batch lists every value of it.
const MESSAGE_MAX: usize = 2_000;
/// Where HubSpot names a call outside its body, too.
const CORRELATION_ID: &str = "x-hubspot-correlation-id";
/// What stands before a record's id in the message of a conflict.
const EXISTING_ID: &str = "Existing ID:";

/// How long to wait after a 429 of the ten-second limit without a Retry-After, and of one that names no policy.
pub const TEN_SECONDLY_PAUSE: Duration = Duration::from_secs(10);
/// How long to wait after a 429 of the limit per second without a Retry-After.
pub const SECONDLY_PAUSE: Duration = Duration::from_secs(1);
/// How long to wait after a 423: HubSpot asks for two seconds at least.
pub const LOCKED_PAUSE: Duration = Duration::from_secs(2);
/// How long to wait after a 429 of the daily limit without a Retry-After, before one more look. The limit is reset at
/// midnight in the account's time zone, which we do not know.
pub const DAILY_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How long to wait while HubSpot moves the account between data centres and does not say for how long.
pub const MIGRATION_PAUSE: Duration = Duration::from_secs(5 * 60);
/// Nobody is believed who asks for more than a day.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A call that failed.
///
/// 1. [`HubSpotError::Refused`]: HubSpot said no, and nothing happened.
/// 2. [`HubSpotError::NotNow`]: nothing happened, and the same call may succeed after a while.
/// 3. [`HubSpotError::Unknown`]: it may have happened. Only what does the same when it is repeated may be repeated: an
///    upsert by a property of ours, an association, a read; never a plain create.
/// 4. [`HubSpotError::Unexpected`]: whether it happened is unknown, and a repeat would end the same way. Somebody has
///    to look.
///
/// The text is for logs. It never holds the access token, but HubSpot's message may quote what was sent, such as an
/// email address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HubSpotError {
    /// HubSpot's definite answer: a 4xx with HubSpot's own body.
    #[error("HubSpot refused: {0}")]
    Refused(Box<Refusal>),
    /// Too many calls (429), a lock (423) or a migration (477); also said by our own limiter while it is closed for
    /// long, without a call.
    #[error("HubSpot says not now ({}), again in {after:?}: {message}", .policy.as_str())]
    NotNow {
        /// How long to wait.
        after: Duration,
        /// Which limit it was.
        policy: Policy,
        /// What HubSpot said.
        message: String,
    },
    /// No answer, an answer that broke off, or a 5xx. 524 is no answer within 100 s.
    #[error("what HubSpot did is unknown: {reason}{}", correlation(.correlation_id))]
    Unknown {
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        /// A sentence for logs.
        reason: String,
        /// HubSpot's name for this call, for its support.
        correlation_id: Option<String>,
    },
    /// What should not happen: an answer that cannot be read, a redirect, or a call that could not even be made.
    #[error("the call to HubSpot went wrong: {reason}{}", correlation(.correlation_id))]
    Unexpected {
        /// HTTP status, if there was an answer.
        status: Option<u16>,
        /// A sentence for logs.
        reason: String,
        /// HubSpot's name for this call, for its support.
        correlation_id: Option<String>,
    },
}

/// A no of HubSpot: to a whole call, or to one row of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message} ({status}{}{}){}", space(.category), .category, correlation(.correlation_id))]
pub struct Refusal {
    /// HTTP status of the call. For one row of a batch it is a 2xx: the call itself succeeded.
    pub status: u16,
    /// A word for programs, such as `VALIDATION_ERROR`, `CONFLICT` or `OBJECT_NOT_FOUND`; empty if there was none.
    pub category: String,
    /// For people who program.
    pub message: String,
    /// HubSpot's name for this call, for its support.
    pub correlation_id: Option<String>,
}

/// Which of HubSpot's limits a call met (`policyName`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Calls per day and account.
    Daily,
    /// Calls per ten seconds.
    TenSecondly,
    /// Calls per second: the search.
    Secondly,
    /// 423: too much is being written at once.
    Locked,
    /// 477: the account is being moved.
    Migration,
    /// A 429 that names none that we know.
    Other,
}

impl Policy {
    /// A word for logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::Daily => "daily",
            Policy::TenSecondly => "ten_secondly",
            Policy::Secondly => "secondly",
            Policy::Locked => "locked",
            Policy::Migration => "migration",
            Policy::Other => "other",
        }
    }

    /// How long to wait if HubSpot does not say.
    fn pause(self) -> Duration {
        match self {
            Policy::Daily => DAILY_PAUSE,
            Policy::TenSecondly | Policy::Other => TEN_SECONDLY_PAUSE,
            Policy::Secondly => SECONDLY_PAUSE,
            Policy::Locked => LOCKED_PAUSE,
            Policy::Migration => MIGRATION_PAUSE,
        }
    }

    /// Of a 429, by its policy's name or else by its sentence. "ten_secondly" contains "secondly".
    fn of_429(said: &ErrorBody) -> Policy {
        let text = if said.policy_name.is_empty() { &said.message } else { &said.policy_name };
        let text = text.to_ascii_lowercase();
        if text.contains("daily") {
            Policy::Daily
        } else if text.contains("ten_secondly") {
            Policy::TenSecondly
        } else if text.contains("secondly") {
            Policy::Secondly
        } else {
            Policy::Other
        }
    }
}

impl Refusal {
    /// Whether the token is wrong (401) or lacks a scope (403): nothing will succeed until somebody mends the
    /// configuration.
    pub fn is_access(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// Whether there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.status == 404 || self.category == "OBJECT_NOT_FOUND"
    }

    /// The record that a conflict names: `Contact already exists. Existing ID: 6001`.
    pub fn existing_id(&self) -> Option<&str> {
        if self.status != 409 && self.category != "CONFLICT" {
            return None;
        }
        let after = self.message[self.message.find(EXISTING_ID)? + EXISTING_ID.len()..].trim_start();
        let end = after.find(|char: char| !char.is_ascii_digit()).unwrap_or(after.len());
        (end > 0).then(|| &after[..end])
    }

    pub(super) fn clean(&mut self, secret: &str) {
        let Refusal { category, message, correlation_id, .. } = self;
        for text in [Some(category), Some(message), correlation_id.as_mut()].into_iter().flatten() {
            scrub(text, secret, MARK);
        }
    }
}

/// Stands where an answer repeats the token.
const MARK: &str = "[access token]";

impl HubSpotError {
    /// Whether it may have happened, and the same call may still find out.
    pub fn is_unknown(&self) -> bool {
        matches!(self, HubSpotError::Unknown { .. })
    }

    /// HubSpot's no, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            HubSpotError::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// How long to wait, if nothing else is wrong.
    pub fn not_now(&self) -> Option<(Duration, Policy)> {
        match self {
            HubSpotError::NotNow { after, policy, .. } => Some((*after, *policy)),
            _ => None,
        }
    }

    /// A word for labels.
    pub fn kind(&self) -> &'static str {
        match self {
            HubSpotError::Refused(_) => "refused",
            HubSpotError::NotNow { .. } => "not_now",
            HubSpotError::Unknown { .. } => "unknown",
            HubSpotError::Unexpected { .. } => "unexpected",
        }
    }

    /// A call that could not be made.
    pub(super) fn not_made(reason: impl Into<String>) -> HubSpotError {
        HubSpotError::Unexpected { status: None, reason: reason.into(), correlation_id: None }
    }

    /// A call without a whole answer.
    pub(super) fn from_transport(error: reqwest::Error, time_max: Duration) -> HubSpotError {
        let status = error.status().map(|status| status.as_u16());
        let error = error.without_url();
        let reason = if error.is_timeout() {
            format!("no answer within {time_max:?}")
        } else if error.is_connect() {
            format!("no connection: {}", with_causes(&error))
        } else {
            format!("the connection broke: {}", with_causes(&error))
        };
        HubSpotError::Unknown { status, reason, correlation_id: None }
    }

    /// A whole answer that is not a success.
    pub(super) fn from_answer(status: u16, headers: &HeaderMap, body: &[u8]) -> HubSpotError {
        let said = ErrorBody::read(body);
        let correlation_id =
            said.as_ref().and_then(|said| said.correlation_id.clone()).or_else(|| correlation_id(headers));
        let text = || said.as_ref().map_or_else(|| excerpt(body), |said| cut(&said.message));
        let not_now = |policy: Policy, at_least: Duration| HubSpotError::NotNow {
            after: retry_after(headers).unwrap_or(policy.pause()).clamp(at_least, PAUSE_MAX),
            policy,
            message: text(),
        };
        match (status, &said) {
            // A redirect is not followed: it would carry the token to another place.
            (300..=399, _) => HubSpotError::Unexpected {
                status: Some(status),
                reason: format!("a redirect ({status})"),
                correlation_id,
            },
            (429, said) => not_now(said.as_ref().map_or(Policy::Other, Policy::of_429), SECONDLY_PAUSE),
            (423, _) => not_now(Policy::Locked, LOCKED_PAUSE),
            (477, _) => not_now(Policy::Migration, SECONDLY_PAUSE),
            // 408: somebody on the way did not wait, but the request may have passed.
            (400..=499, Some(said)) if status != 408 => {
                let (category, message) = (said.category.clone(), cut(&said.message));
                HubSpotError::Refused(Box::new(Refusal { status, category, message, correlation_id }))
            }
            // Also a 4xx that is not HubSpot's own: something between us and HubSpot may say otherwise later.
            _ => {
                HubSpotError::Unknown { status: Some(status), reason: format!("{status}: {}", text()), correlation_id }
            }
        }
    }

    /// A success that cannot be read.
    pub(super) fn unreadable(status: u16, why: impl std::fmt::Display, correlation_id: Option<String>) -> HubSpotError {
        HubSpotError::Unexpected { status: Some(status), reason: format!("unreadable answer: {why}"), correlation_id }
    }

    /// The same without the token, in case an answer repeats what it must not.
    pub(super) fn without(mut self, secret: &str) -> HubSpotError {
        match &mut self {
            HubSpotError::Refused(refusal) => refusal.clean(secret),
            HubSpotError::NotNow { message, .. } => scrub(message, secret, MARK),
            HubSpotError::Unknown { reason, correlation_id, .. }
            | HubSpotError::Unexpected { reason, correlation_id, .. } => {
                scrub(reason, secret, MARK);
                correlation_id.iter_mut().for_each(|id| scrub(id, secret, MARK));
            }
        }
        self
    }
}

/// HubSpot's error object. Any member may be missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    #[serde(default, deserialize_with = "or_default")]
    message: String,
    #[serde(default, deserialize_with = "or_default")]
    category: String,
    correlation_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    policy_name: String,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
}

impl ErrorBody {
    /// None if it is somebody else's: HubSpot says `"status":"error"`, or has at least a category or its name of the
    /// call.
    fn read(body: &[u8]) -> Option<ErrorBody> {
        let said: ErrorBody = serde_json::from_slice(body).ok()?;
        (said.status == "error" || !said.category.is_empty() || said.correlation_id.is_some()).then_some(said)
    }
}

/// HubSpot's name for a call, from the headers of its answer.
pub(super) fn correlation_id(headers: &HeaderMap) -> Option<String> {
    headers.get(CORRELATION_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
}

/// What HubSpot asks to wait, if it asks; in whole seconds. A date is not read: HubSpot sends none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// At most [`MESSAGE_MAX`] characters of a text.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(MESSAGE_MAX).collect()
}

fn space(text: &str) -> &'static str {
    if text.is_empty() { "" } else { " " }
}

fn correlation(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(", correlation {id}")).unwrap_or_default()
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
