//! Faults on demand: what goes wrong between HubSpot and its users, so that it can be made to happen.
//!
//! [`Faults`] is one JSON document. `POST /_simulator/faults` merges the fields that it is given into it, `GET`
//! shows what is left of it, `DELETE` clears it. Counts go down as they are used up.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::limits::Policy;
use crate::chance::{Chance, happens, milliseconds, use_up};

/// What is to go wrong. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Of calls to the API: the first rule that a call meets holds for it. The page and the control routes have
    /// no faults.
    pub calls: Vec<Rule>,
    /// Of webhooks.
    pub webhooks: WebhookFaults,
}

/// What is to go wrong with webhooks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookFaults {
    /// The first attempt comes that much later: from, to, in milliseconds.
    pub delay_ms: Option<(u64, u64)>,
    /// Events are sent twice.
    pub duplicate: Option<Chance>,
    /// Events are never sent.
    pub lose: Option<Chance>,
    /// What waits is sent newest first.
    pub reorder: bool,
}

/// A fault, and the calls that it happens to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `GET`, `POST` and so on; all without it.
    #[serde(default)]
    pub method: Option<String>,
    /// A path without the version, such as `/crm/objects/2-501/batch/upsert`; `*` is any one part, `**` at the
    /// end any rest. All paths without it.
    #[serde(default)]
    pub path: Option<String>,
    /// How many calls get through before it begins.
    #[serde(default)]
    pub skip: u32,
    /// How often it happens.
    #[serde(default = "once")]
    pub chance: Chance,
    /// What happens.
    pub fault: Fault,
}

fn once() -> Chance {
    Chance::Count(1)
}

impl Rule {
    /// The next `times` calls of a method and path.
    pub fn next(times: u32, method: &str, path: &str, fault: Fault) -> Rule {
        let (method, path) = (Some(method.to_owned()), Some(path.to_owned()));
        Rule { method, path, skip: 0, chance: Chance::Count(times), fault }
    }

    /// Every call, with a probability of 0 to 1.
    pub fn sometimes(probability: f64, fault: Fault) -> Rule {
        Rule { method: None, path: None, skip: 0, chance: Chance::Probability(probability), fault }
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path.as_deref().is_none_or(|wanted| path_matches(wanted, path))
    }
}

/// Whether a path is one of those that a pattern means.
fn path_matches(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    for wanted in pattern.split('/') {
        match (wanted, parts.next()) {
            ("**", _) => return true,
            (_, None) => return false,
            (wanted, Some(part)) if wanted == "*" || wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It is answered with this status: 423, 500, 502, 503, 504, 524 and so on.
    Status {
        /// The status.
        status: u16,
        /// What was done all the same.
        #[serde(default)]
        effect: Effect,
    },
    /// The connection is closed without an answer.
    Reset {
        /// What was done all the same.
        #[serde(default)]
        effect: Effect,
    },
    /// It is answered as it should be, but later.
    Delay {
        /// From, to, in milliseconds.
        ms: (u64, u64),
        /// Whether the work is done before the wait (`all`) or after it.
        #[serde(default)]
        effect: Effect,
    },
    /// It is answered with 429.
    TooMany {
        /// Which limit it names.
        policy: Policy,
        /// The header `Retry-After` in seconds, which HubSpot does not promise.
        #[serde(default)]
        retry_after: Option<u64>,
    },
}

impl Fault {
    /// This status; nothing was done.
    pub fn status(status: u16) -> Fault {
        Fault::Status { status, effect: Effect::None }
    }

    /// 524: everything was done, but nobody hears of it.
    pub fn timeout() -> Fault {
        Fault::Status { status: 524, effect: Effect::All }
    }
}

/// How much of its work a call with a fault does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    #[default]
    None,
    /// The first half of a batch's inputs, rounded down: batches are not atomic.
    Half,
    /// Everything.
    All,
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

    pub(super) fn clear(&mut self) {
        self.faults = Faults::default();
    }

    /// What happens to this call, and how long it waits.
    pub(super) fn of_call(&mut self, method: &str, path: &str) -> Option<(Fault, Duration)> {
        let mut fault = None;
        for rule in self.faults.calls.iter_mut().filter(|rule| rule.matches(method, path)) {
            if use_up(&mut rule.skip) {
                continue;
            }
            if rule.chance.happens(&mut self.random) {
                fault = Some(rule.fault);
                break;
            }
        }
        self.faults.calls.retain(|rule| rule.chance.is_left());
        let wait = match fault? {
            Fault::Delay { ms, .. } => milliseconds(ms, &mut self.random),
            _ => Duration::ZERO,
        };
        Some((fault?, wait))
    }

    /// How long an event waits before it is first sent.
    pub(super) fn event_delay(&mut self) -> Duration {
        self.faults.webhooks.delay_ms.map_or(Duration::ZERO, |range| milliseconds(range, &mut self.random))
    }

    /// Whether the next event is sent twice.
    pub(super) fn doubles_event(&mut self) -> bool {
        happens(&mut self.faults.webhooks.duplicate, &mut self.random)
    }

    /// Whether the next event is never sent.
    pub(super) fn loses_event(&mut self) -> bool {
        happens(&mut self.faults.webhooks.lose, &mut self.random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_parts_of_paths() {
        let path = "/crm/objects/2-501/batch/upsert";
        for good in [path, "/crm/objects/*/batch/upsert", "/crm/**", "/crm/objects/2-501/**", "**"] {
            assert!(path_matches(good, path), "{good}");
        }
        for bad in ["/crm", "/crm/objects/*/batch", "/crm/objects/*/batch/create", "/crm/objects/2-501/batch/upsert/x"]
        {
            assert!(!path_matches(bad, path), "{bad}");
        }
    }

    #[test]
    fn equal_seeds_have_equal_faults() {
        let faults = |seed| {
            let mut source = FaultSource::new(seed);
            source.faults.calls.push(Rule::sometimes(0.5, Fault::status(500)));
            (0..64).map(|_| source.of_call("GET", "/x").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(faults(1), faults(1));
        assert_ne!(faults(1), faults(2));
    }

    #[test]
    fn what_is_skipped_gets_through() {
        let mut source = FaultSource::new(0);
        source.faults.calls.push(Rule { skip: 2, ..Rule::next(1, "GET", "/x", Fault::timeout()) });
        let happened: Vec<bool> = (0..4).map(|_| source.of_call("GET", "/x").is_some()).collect();
        assert_eq!(happened, [false, false, true, false]);
        assert_eq!(source.faults, Faults::default());
    }
}
