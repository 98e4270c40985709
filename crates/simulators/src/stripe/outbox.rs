//! Deliveries that wait: which event goes where, and when it is tried next.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::faults::FaultSource;
use crate::delivery::Retry;

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    /// An `http://` address: the simulator speaks no TLS.
    pub url: String,
    /// Signing secrets, `whsec_…`: one, or two while a secret is rolled.
    pub secrets: Vec<String>,
}

/// A delivery that has not been acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undelivered {
    /// The event.
    pub event_id: String,
    /// Its place among the endpoints.
    pub endpoint: usize,
    /// Attempts that failed.
    pub attempts: u32,
    /// What the last one failed of.
    pub last_failure: Option<String>,
    /// Whether this is the second delivery of a duplicate.
    pub is_copy: bool,
}

/// What waits.
#[derive(Debug)]
pub(super) struct Outbox {
    endpoints: Vec<WebhookEndpoint>,
    retry: Retry,
    at_once: usize,
    /// By time, then in the order of their making.
    waiting: BTreeMap<(Instant, u64), Undelivered>,
    sending: HashMap<u64, Undelivered>,
    next_number: u64,
    acknowledged: u64,
    lost: u64,
}

impl Outbox {
    /// Nothing waits. `at_once` deliveries are in flight per endpoint; with 1 they keep their order.
    pub(super) fn new(endpoints: Vec<WebhookEndpoint>, retry: Retry, at_once: usize) -> Outbox {
        Outbox {
            endpoints,
            retry,
            at_once: at_once.max(1),
            waiting: BTreeMap::new(),
            sending: HashMap::new(),
            next_number: 0,
            acknowledged: 0,
            lost: 0,
        }
    }

    /// Sets where events go, also those that wait; what waits for an endpoint that is gone is forgotten.
    pub(super) fn set_endpoints(&mut self, endpoints: Vec<WebhookEndpoint>) {
        self.endpoints = endpoints;
        let count = self.endpoints.len();
        self.waiting.retain(|_, delivery| delivery.endpoint < count);
    }

    /// Queues an event for every endpoint; says how many there are.
    pub(super) fn add(&mut self, event_id: &str, faults: &mut FaultSource) -> usize {
        for endpoint in 0..self.endpoints.len() {
            let copies = if faults.duplicate() { 2 } else { 1 };
            for copy in 0..copies {
                let due = Instant::now() + faults.delay();
                let delivery = Undelivered {
                    event_id: event_id.to_owned(),
                    endpoint,
                    attempts: 0,
                    last_failure: None,
                    is_copy: copy > 0,
                };
                self.put(due, delivery);
            }
        }
        self.endpoints.len()
    }

    fn put(&mut self, due: Instant, delivery: Undelivered) {
        self.waiting.insert((due, self.next_number), delivery);
        self.next_number += 1;
    }

    /// Takes a delivery whose time has come and whose endpoint has a free place.
    pub(super) fn take(&mut self, now: Instant, newest_first: bool) -> Option<(u64, Undelivered, WebhookEndpoint)> {
        let mut busy = vec![0; self.endpoints.len()];
        for sent in self.sending.values() {
            if let Some(count) = busy.get_mut(sent.endpoint) {
                *count += 1;
            }
        }
        let free = |endpoint: usize| busy.get(endpoint).is_some_and(|count| *count < self.at_once);
        // Without this every change would look at all that wait, which may be thousands.
        if !(0..busy.len()).any(free) {
            return None;
        }
        let mut due = self.waiting.range(..=(now, u64::MAX)).filter(|(_, delivery)| free(delivery.endpoint));
        let (place, _) = if newest_first { due.next_back() } else { due.next() }?;
        let place = *place;
        let delivery = self.waiting.remove(&place)?;
        let endpoint = self.endpoints.get(delivery.endpoint)?.clone();
        self.sending.insert(place.1, delivery.clone());
        Some((place.1, delivery, endpoint))
    }

    /// When the next delivery is due, if one waits that is not due yet.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        self.waiting.range((now, u64::MAX)..).next().map(|((due, _), _)| *due)
    }

    /// A delivery was acknowledged; says which, if it is the first of its event at this endpoint.
    pub(super) fn acknowledge(&mut self, number: u64) -> Option<String> {
        let delivery = self.sending.remove(&number)?;
        self.acknowledged += 1;
        (!delivery.is_copy).then_some(delivery.event_id)
    }

    /// A delivery failed: it is tried again later.
    pub(super) fn fail(&mut self, number: u64, failure: String) {
        let Some(mut delivery) = self.sending.remove(&number) else { return };
        delivery.attempts += 1;
        delivery.last_failure = Some(failure);
        if delivery.endpoint < self.endpoints.len() {
            self.put(Instant::now() + self.retry.after(delivery.attempts), delivery);
        }
    }

    /// A delivery is lost for ever.
    pub(super) fn lose(&mut self, number: u64) {
        self.sending.remove(&number);
        self.lost += 1;
    }

    /// What has not been acknowledged: what is in flight first, then what waits, by its time.
    pub(super) fn undelivered(&self) -> Vec<Undelivered> {
        self.sending.values().chain(self.waiting.values()).cloned().collect()
    }

    /// Whether nothing waits and nothing is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.sending.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "endpoints": self.endpoints.iter().map(|endpoint| &endpoint.url).collect::<Vec<_>>(),
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "undelivered": self.undelivered(),
        })
    }
}
