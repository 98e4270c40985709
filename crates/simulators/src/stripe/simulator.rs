//! A running simulator.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::api::Settings;
use super::charges::Charge;
use super::checkout::Action;
use super::clock;
use super::errors::ApiError;
use super::events::{Cause, Event};
use super::faults::{FaultSource, Faults};
use super::outbox::{Outbox, Undelivered, WebhookEndpoint};
use super::payment_intents::PaymentIntent;
use super::refunds::{Refund, RefundStatus};
use super::server::{self, App};
use super::sessions::Session;
use super::state::State;
use super::webhooks;
use crate::connections::{reachable, serve};
use crate::delivery::Retry;
use crate::shared::{Shared, until_due};

/// How a simulator runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What links of payment pages begin with, if not the address it listens on.
    pub base_url: Option<String>,
    /// The key that callers have to send.
    pub secret_key: String,
    /// Where events go.
    pub webhooks: Vec<WebhookEndpoint>,
    /// When failed deliveries are tried again.
    pub retry: Retry,
    /// Deliveries in flight per endpoint. With 1 events come in order, as long as none fails and no fault is
    /// asked for; Stripe promises no order.
    pub deliveries_at_once: usize,
    /// How long a receiver may take to answer.
    pub delivery_timeout: Duration,
    /// The least time for which a session is open: Stripe's 30 minutes, less for tests.
    pub shortest_session: Duration,
    /// Where the chance of faults starts.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 12111)),
            base_url: None,
            secret_key: "sk_test_simulator".to_owned(),
            webhooks: Vec::new(),
            retry: Retry::default(),
            deliveries_at_once: 1,
            delivery_timeout: Duration::from_secs(10),
            shortest_session: Duration::from_secs(30 * 60),
            seed: 0,
        }
    }
}

/// A running simulator. It stops when this is dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    base_url: String,
    shared: Arc<Shared<State>>,
    tasks: JoinSet<()>,
}

impl Simulator {
    /// Takes the port and starts.
    pub async fn start(options: Options) -> io::Result<Simulator> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let base_url = options.base_url.unwrap_or_else(|| format!("http://{}", reachable(address)));
        let base_url = base_url.trim_end_matches('/').to_owned();
        let outbox = Outbox::new(options.webhooks, options.retry, options.deliveries_at_once);
        let shared = Arc::new(Shared::new(State::new(base_url.clone(), outbox, FaultSource::new(options.seed))));
        let settings = Settings {
            secret_key: options.secret_key,
            shortest_session: i64::try_from(options.shortest_session.as_secs()).unwrap_or(i64::MAX),
        };
        let app = App { shared: shared.clone(), settings: Arc::new(settings) };
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, server::router(app)));
        tasks.spawn(webhooks::deliver(shared.clone(), options.delivery_timeout));
        tasks.spawn(expire_in_time(shared.clone()));
        Ok(Simulator { address, base_url, shared, tasks })
    }

    /// The address it listens on; never port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where callers find it, such as `http://127.0.0.1:12111`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Sends events to this address only, also those that wait.
    pub fn set_webhook(&self, url: impl Into<String>, secret: impl Into<String>) {
        self.set_webhooks(vec![WebhookEndpoint { url: url.into(), secrets: vec![secret.into()] }]);
    }

    /// Sends events to these addresses only. What waits keeps its place among the endpoints.
    pub fn set_webhooks(&self, endpoints: Vec<WebhookEndpoint>) {
        self.shared.change(|state| state.outbox.set_endpoints(endpoints));
    }

    /// The faults, to set and see them.
    pub fn faults(&self) -> FaultsHandle<'_> {
        FaultsHandle { shared: &self.shared }
    }

    /// Does something to a session, as its page and the control routes can.
    pub fn act(&self, session_id: &str, action: Action) -> Result<Session, ApiError> {
        self.shared.change(|state| state.act(session_id, action, &Cause::default()))
    }

    /// The buyer's bank wants the money back.
    pub fn dispute(&self, charge_id: &str) -> Result<Charge, ApiError> {
        self.shared.change(|state| state.dispute(charge_id, &Cause::default()))
    }

    /// A refund reaches the buyer (`Succeeded`) or comes back (`Failed`).
    pub fn settle_refund(&self, refund_id: &str, settled: RefundStatus) -> Result<Refund, ApiError> {
        self.shared.change(|state| state.settle_refund(refund_id, settled, &Cause::default()))
    }

    /// All sessions, oldest first.
    pub fn sessions(&self) -> Vec<Session> {
        self.shared.read(|state| state.sessions.iter().cloned().collect())
    }

    /// One session.
    pub fn session(&self, id: &str) -> Option<Session> {
        self.shared.read(|state| state.sessions.get(id).cloned())
    }

    /// All PaymentIntents, oldest first.
    pub fn payment_intents(&self) -> Vec<PaymentIntent> {
        self.shared.read(|state| state.payment_intents.iter().cloned().collect())
    }

    /// All charges, oldest first.
    pub fn charges(&self) -> Vec<Charge> {
        self.shared.read(|state| state.charges.iter().cloned().collect())
    }

    /// All refunds, oldest first.
    pub fn refunds(&self) -> Vec<Refund> {
        self.shared.read(|state| state.refunds.iter().cloned().collect())
    }

    /// All events, oldest first, as the API answers them.
    pub fn events(&self) -> Vec<Value> {
        self.shared.read(|state| state.events.iter().map(Event::json).collect())
    }

    /// How many calls of a kind there were, such as `POST /v1/checkout/sessions/{id}/expire`.
    pub fn request_count(&self, call: &str) -> u64 {
        self.shared.look(|state| state.requests.get(call).copied().unwrap_or(0))
    }

    /// Deliveries that have not been acknowledged.
    pub fn undelivered(&self) -> Vec<Undelivered> {
        self.shared.look(|state| state.outbox.undelivered())
    }

    /// All objects, as `GET /_simulator/state` shows them.
    pub fn state(&self) -> Value {
        self.shared.read(State::json)
    }

    /// Waits until a condition holds. It is looked at after every change.
    pub async fn until(&self, condition: impl Fn(&Simulator) -> bool) {
        self.shared.until(|| condition(self)).await;
    }

    /// Waits until every event has been acknowledged, or lost for ever.
    pub async fn delivered(&self) {
        self.until(|simulator| simulator.shared.look(|state| state.outbox.is_empty())).await;
    }

    /// Stops: connections are closed, what is undelivered is forgotten.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}

/// The faults of a simulator.
#[derive(Debug, Clone, Copy)]
pub struct FaultsHandle<'s> {
    shared: &'s Shared<State>,
}

impl FaultsHandle<'_> {
    /// What is left of them.
    pub fn get(&self) -> Faults {
        self.shared.look(|state| state.faults.faults.clone())
    }

    /// Sets all of them.
    pub fn set(&self, faults: Faults) {
        self.shared.change(|state| state.faults.faults = faults);
    }

    /// Changes some of them.
    pub fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.shared.change(|state| change(&mut state.faults.faults));
    }

    /// Ends all of them.
    pub fn clear(&self) {
        self.set(Faults::default());
    }
}

/// Expires sessions when their time is over, even if nobody asks for them.
async fn expire_in_time(shared: Arc<Shared<State>>) {
    let mut changes = shared.subscribe();
    loop {
        changes.mark_unchanged();
        let next = shared.look(|state| state.open_until.first().map(|(expires_at, _)| *expires_at));
        // The clock of the wall and that of the timer differ: at worst it is looked at once a second.
        let seconds = |expires_at| u64::try_from(expires_at - clock::now()).unwrap_or(0).min(60);
        let due = next.map(|expires_at| Instant::now() + Duration::from_secs(seconds(expires_at)));
        tokio::select! {
            () = until_due(due) => {
                let late = shared.look(|state| state.open_until.first().is_some_and(|(at, _)| *at <= clock::now()));
                if late {
                    shared.change(|_| ()); // every change expires what is due
                } else {
                    tokio::time::sleep(Duration::from_millis(50)).await; // the second is not over yet
                }
            }
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}
