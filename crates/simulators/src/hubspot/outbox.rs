//! Events that wait to be sent, and those that are on their way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::events::{Event, Occurrence};
use super::faults::FaultSource;
use crate::delivery::Retry;

/// The most events in one delivery.
pub(super) const EVENTS_MAX: usize = 100;
/// How often a delivery is tried again before it is given up.
pub(super) const RETRIES_MAX: u32 = 10;

/// Where events go, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// An `http://` address: the simulator speaks no TLS.
    pub url: String,
    /// The app's secret, which signs.
    pub client_secret: String,
    /// Ids of the types of objects; all without any.
    #[serde(default)]
    pub object_types: Vec<String>,
    /// Names of the properties whose changes are sent; all without any.
    #[serde(default)]
    pub properties: Vec<String>,
}

impl Webhook {
    /// A webhook for everything.
    pub fn new(url: impl Into<String>, client_secret: impl Into<String>) -> Webhook {
        let (url, client_secret) = (url.into(), client_secret.into());
        Webhook { url, client_secret, object_types: Vec::new(), properties: Vec::new() }
    }

    fn wants(&self, event: &Event) -> bool {
        let has = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        has(&self.object_types, &event.object_type)
            && match &event.occurrence {
                Occurrence::Change { property, .. } => has(&self.properties, property),
                Occurrence::Creation | Occurrence::Deletion => true,
            }
    }
}

#[derive(Debug, Clone)]
struct Waiting {
    id: u64,
    attempts: u32,
    event: Event,
}

/// What waits.
#[derive(Debug)]
pub(super) struct Outbox {
    webhook: Option<Webhook>,
    retry: Retry,
    /// By time, then in the order of their making.
    waiting: BTreeMap<(Instant, u64), Waiting>,
    /// One delivery at a time.
    sending: Vec<Waiting>,
    is_sending: bool,
    next_place: u64,
    next_id: u64,
    acknowledged: u64,
    lost: u64,
    given_up: u64,
    last_failure: Option<String>,
}

impl Outbox {
    pub(super) fn new(webhook: Option<Webhook>, retry: Retry) -> Outbox {
        Outbox {
            webhook,
            retry,
            waiting: BTreeMap::new(),
            sending: Vec::new(),
            is_sending: false,
            next_place: 0,
            next_id: 1,
            acknowledged: 0,
            lost: 0,
            given_up: 0,
            last_failure: None,
        }
    }

    /// Sets where events go, also those that wait. Without it none are kept.
    pub(super) fn set_webhook(&mut self, webhook: Option<Webhook>) {
        if webhook.is_none() {
            self.waiting.clear();
        }
        self.webhook = webhook;
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        (self.acknowledged, self.lost, self.given_up, self.last_failure) = (0, 0, 0, None);
    }

    /// Queues an event, if anybody wants it.
    pub(super) fn add(&mut self, event: Event, faults: &mut FaultSource) {
        if !self.webhook.as_ref().is_some_and(|webhook| webhook.wants(&event)) {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        if faults.loses_event() {
            self.lost += 1;
            return;
        }
        let copies = if faults.doubles_event() { 2 } else { 1 };
        for _ in 0..copies {
            let due = Instant::now() + faults.event_delay();
            self.put(due, Waiting { id, attempts: 0, event: event.clone() });
        }
    }

    fn put(&mut self, due: Instant, waiting: Waiting) {
        self.waiting.insert((due, self.next_place), waiting);
        self.next_place += 1;
    }

    /// Takes the next delivery: where it goes, and what it says. Until it has ended there is no other.
    pub(super) fn take(&mut self, now: Instant, newest_first: bool) -> Option<(Webhook, Value)> {
        if self.is_sending {
            return None;
        }
        let webhook = self.webhook.clone()?;
        let due = self.waiting.range(..=(now, u64::MAX)).map(|(place, _)| *place);
        let places: Vec<_> =
            if newest_first { due.rev().take(EVENTS_MAX).collect() } else { due.take(EVENTS_MAX).collect() };
        if places.is_empty() {
            return None;
        }
        self.sending = places.iter().filter_map(|place| self.waiting.remove(place)).collect();
        self.is_sending = true;
        let events = self.sending.iter().map(|waiting| waiting.event.json(waiting.id, waiting.attempts));
        Some((webhook, events.collect()))
    }

    /// When the next event is due, if one waits that is not due yet.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        self.waiting.range((now, u64::MAX)..).next().map(|((due, _), _)| *due)
    }

    /// The delivery has ended. What failed is tried again later.
    pub(super) fn end(&mut self, outcome: Result<(), String>) {
        self.is_sending = false;
        let sent = std::mem::take(&mut self.sending);
        let Err(failure) = outcome else {
            self.acknowledged += sent.len() as u64;
            return;
        };
        self.last_failure = Some(failure);
        for mut waiting in sent {
            waiting.attempts += 1;
            if waiting.attempts > RETRIES_MAX {
                self.given_up += 1;
            } else if self.webhook.is_some() {
                self.put(Instant::now() + self.retry.after(waiting.attempts), waiting);
            }
        }
    }

    /// How many events wait or are on their way.
    pub(super) fn undelivered(&self) -> usize {
        self.waiting.len() + self.sending.len()
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "url": self.webhook.as_ref().map(|webhook| &webhook.url),
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "given_up": self.given_up,
            "undelivered": self.undelivered(),
            "last_failure": self.last_failure,
        })
    }
}
