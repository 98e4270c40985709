//! All objects, and who changes them. In memory, under one mutex: a lock is held for one request's work and
//! never across a wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

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

/// The state, and a way to hear of its changes.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(state: State) -> Shared {
        Shared { state: Mutex::new(state), changes: watch::Sender::new(()) }
    }

    /// Changes the state. Sessions whose time is over are expired first, so nobody can see one that is late.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.expire_due(clock::now());
        let result = change(&mut state);
        drop(state);
        self.changes.send_replace(());
        result
    }

    /// Looks at the state, as callers see it. Tells others only if a session's time was over.
    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        let mut state = self.lock();
        let expired = state.expire_due(clock::now());
        let result = read(&state);
        drop(state);
        if expired {
            self.changes.send_replace(());
        }
        result
    }

    /// Looks at the state as it is, and tells nobody.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock())
    }

    /// Hears of changes from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a test's closure must not hide its own message behind those of all later calls.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
