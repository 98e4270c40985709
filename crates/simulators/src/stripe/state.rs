//! All objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::charges::Charge;
use super::clock;
use super::events::Event;
use super::faults::FaultSource;
use super::idempotency::Keys;
use super::outbox::Outbox;
use super::payment_intents::PaymentIntent;
use super::refunds::Refund;
use super::sessions::Session;
use super::table::Table;
use crate::shared::CatchUp;

/// Everything that changes.
#[derive(Debug)]
pub(super) struct State {
    /// What links of payment pages begin with.
    pub(super) base_url: String,
    pub(super) sessions: Table<Session>,
    /// Open sessions by the time at which they end.
    pub(super) open_until: BTreeSet<(i64, String)>,
    pub(super) payment_intents: Table<PaymentIntent>,
    pub(super) charges: Table<Charge>,
    pub(super) refunds: Table<Refund>,
    pub(super) events: Table<Event>,
    pub(super) keys: Keys,
    pub(super) outbox: Outbox,
    pub(super) faults: FaultSource,
    /// Calls by method and path, such as `POST /v1/refunds`.
    pub(super) requests: BTreeMap<String, u64>,
}

impl State {
    /// An account in which nothing has happened.
    pub(super) fn new(base_url: String, outbox: Outbox, faults: FaultSource) -> State {
        State {
            base_url,
            sessions: Table::default(),
            open_until: BTreeSet::new(),
            payment_intents: Table::default(),
            charges: Table::default(),
            refunds: Table::default(),
            events: Table::default(),
            keys: Keys::default(),
            outbox,
            faults,
            requests: BTreeMap::new(),
        }
    }

    /// All of it, for tests.
    pub(super) fn json(&self) -> Value {
        json!({
            "sessions": self.sessions.iter().map(|session| session.json(&self.base_url)).collect::<Vec<_>>(),
            "payment_intents": self.payment_intents.iter().map(PaymentIntent::json).collect::<Vec<_>>(),
            "charges": self.charges.iter().map(Charge::json).collect::<Vec<_>>(),
            "refunds": self.refunds.iter().map(Refund::json).collect::<Vec<_>>(),
            "events": self.events.iter().map(Event::json).collect::<Vec<_>>(),
            "requests": self.requests,
            "keys_in_flight": self.keys.in_flight(),
            "webhooks": self.outbox.json(),
            "faults": self.faults.faults,
        })
    }
}

impl CatchUp for State {
    /// Sessions whose time is over are expired.
    fn catch_up(&mut self) -> bool {
        self.expire_due(clock::now())
    }
}
