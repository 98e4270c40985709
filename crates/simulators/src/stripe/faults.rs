//! Faults on demand: what goes wrong between Stripe and its users, so that it can be made to happen.
//!
//! [`Faults`] is one JSON document. `POST /_simulator/faults` merges the fields that it is given into it, `GET`
//! shows what is left of it, `DELETE` clears it. Counts go down as they are used up.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::refunds::RefundStatus;
use crate::chance::{Chance, happens, milliseconds, use_up};

/// What is to go wrong. The default is nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Of webhooks.
    pub webhooks: WebhookFaults,
    /// Of calls to the API. The payment page and the control routes have no faults.
    pub api: ApiFaults,
    /// How refunds are when they are made; `pending` ones wait for `/_simulator/refunds/{id}/succeed` or `fail`.
    pub refund_status: RefundStatus,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults { webhooks: WebhookFaults::default(), api: ApiFaults::default(), refund_status: RefundStatus::Succeeded }
    }
}

/// What is to go wrong with webhooks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookFaults {
    /// The first attempt comes that much later: from, to, in milliseconds.
    pub delay_ms: Option<(u64, u64)>,
    /// Events are delivered twice.
    pub duplicate: Option<Chance>,
    /// Two events, with ids of their own, are made of one occurrence.
    pub twin: Option<Chance>,
    /// What waits is sent newest first, so the events of one payment come in reverse.
    pub reorder: bool,
    /// Deliveries that are lost on the way.
    pub drop: Vec<Drop>,
}

/// Deliveries of one type that are lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// The type of the events; all types without it.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// How many deliveries are lost.
    #[serde(default = "once")]
    pub times: u32,
    /// Whether they are tried again, as after a lost connection. If not, they never arrive.
    #[serde(default = "yes")]
    pub retried: bool,
}

/// What is to go wrong with calls to the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiFaults {
    /// Calls are answered with 500.
    pub error_500: Vec<Error500>,
    /// Calls are answered with 429.
    pub error_429: Vec<Calls>,
    /// Calls have no effect and no answer: the connection is closed.
    pub timeout_before_effect: Vec<Calls>,
    /// Calls have their effect, but no answer: the connection is closed.
    pub timeout_after_effect: Vec<Calls>,
    /// No call gets through.
    pub down: Option<Down>,
    /// Calls take that much longer: from, to, in milliseconds.
    pub latency_ms: Option<(u64, u64)>,
}

/// How the API is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// Every call is answered with 503.
    Unavailable,
    /// Every connection is closed without an answer.
    Closed,
}

/// The next calls to something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// Such as `/v1/checkout/sessions/{id}/expire`, with `{id}` for ids; all paths without it.
    #[serde(default)]
    pub path: Option<String>,
    /// `GET` or `POST`; both without it.
    #[serde(default)]
    pub method: Option<String>,
    /// How many calls.
    #[serde(default = "once")]
    pub times: u32,
}

impl Calls {
    /// The next `times` calls of a method and path.
    pub fn next(times: u32, method: &str, path: &str) -> Calls {
        Calls { path: Some(path.to_owned()), method: Some(method.to_owned()), times }
    }

    fn take(&mut self, method: &str, path: &str) -> bool {
        let matches = self.path.as_deref().is_none_or(|wanted| wanted == path)
            && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
        matches && use_up(&mut self.times)
    }
}

/// The next calls that are answered with 500.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error500 {
    /// Which calls.
    #[serde(flatten)]
    pub calls: Calls,
    /// Whether the call had begun to execute: then Stripe keeps the 500 with the idempotency key, and
    /// answers it to every repeat. Nothing is changed either way.
    #[serde(default)]
    pub saved: bool,
}

fn once() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallFault {
    None,
    Down(Down),
    Error500 { saved: bool },
    Error429,
    TimeoutBefore,
    TimeoutAfter,
}

/// The faults, and the chance with which they happen.
#[derive(Debug)]
pub(super) struct FaultSource {
    pub(super) faults: Faults,
    random: StdRng,
}

impl FaultSource {
    /// No faults; chance repeats itself for equal seeds and equal calls.
    pub(super) fn new(seed: u64) -> FaultSource {
        FaultSource { faults: Faults::default(), random: StdRng::seed_from_u64(seed) }
    }

    /// What happens to this call, and how much longer it takes.
    pub(super) fn of_call(&mut self, method: &str, path: &str) -> (CallFault, Duration) {
        let api = &mut self.faults.api;
        let taken = |calls: &mut Vec<Calls>| calls.iter_mut().any(|calls| calls.take(method, path));
        let fault = if let Some(down) = api.down {
            CallFault::Down(down)
        } else if let Some(error) =
            api.error_500.iter_mut().find_map(|error| error.calls.take(method, path).then_some(error.saved))
        {
            CallFault::Error500 { saved: error }
        } else if taken(&mut api.error_429) {
            CallFault::Error429
        } else if taken(&mut api.timeout_before_effect) {
            CallFault::TimeoutBefore
        } else if taken(&mut api.timeout_after_effect) {
            CallFault::TimeoutAfter
        } else {
            CallFault::None
        };
        let latency = self.faults.api.latency_ms;
        self.tidy();
        (fault, self.within(latency))
    }

    /// How long a delivery waits before its first attempt.
    pub(super) fn delay(&mut self) -> Duration {
        self.within(self.faults.webhooks.delay_ms)
    }

    /// Whether the next event is delivered twice.
    pub(super) fn duplicate(&mut self) -> bool {
        happens(&mut self.faults.webhooks.duplicate, &mut self.random)
    }

    /// Whether two events are made of the next occurrence.
    pub(super) fn twin_event(&mut self) -> bool {
        happens(&mut self.faults.webhooks.twin, &mut self.random)
    }

    /// Whether this delivery is lost; if so, whether it is tried again.
    pub(super) fn lost(&mut self, kind: &str) -> Option<bool> {
        let matches = |drop: &&mut Drop| drop.times > 0 && drop.kind.as_deref().is_none_or(|wanted| wanted == kind);
        let drop = self.faults.webhooks.drop.iter_mut().find(matches)?;
        drop.times -= 1;
        let retried = drop.retried;
        self.tidy();
        Some(retried)
    }

    fn within(&mut self, range: Option<(u64, u64)>) -> Duration {
        range.map_or(Duration::ZERO, |range| milliseconds(range, &mut self.random))
    }

    /// Forgets what is used up.
    fn tidy(&mut self) {
        let api = &mut self.faults.api;
        api.error_500.retain(|error| error.calls.times > 0);
        for calls in [&mut api.error_429, &mut api.timeout_before_effect, &mut api.timeout_after_effect] {
            calls.retain(|calls| calls.times > 0);
        }
        self.faults.webhooks.drop.retain(|drop| drop.times > 0);
    }
}
