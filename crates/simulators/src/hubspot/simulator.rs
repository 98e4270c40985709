//! A running simulator.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::associations::{Association, AssociationType};
use super::errors::ApiError;
use super::faults::{Faults, Rule};
use super::history::{HistoryEntry, Source};
use super::journal::Call;
use super::limits::{LimitReport, Limits};
use super::object_types::{CONTACTS, ObjectType, ObjectTypes};
use super::outbox::{Outbox, Webhook};
use super::properties::Property;
use super::record::Record;
use super::server;
use super::state::{Account, State};
use super::webhooks;
use crate::connections::{reachable, serve};
use crate::delivery::Retry;
use crate::shared::Shared;

/// The user who does what is done by hand, if nobody is named.
pub(super) const USER_ID: u64 = 9_586_504;

/// How a simulator runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The token that callers have to send.
    pub token: String,
    /// The account.
    pub portal_id: u64,
    /// The app that the token belongs to: the `sourceId` of what it writes.
    pub app_id: u64,
    /// What the token may do, such as `crm.objects.contacts.write`; everything without it.
    pub scopes: Option<Vec<String>>,
    /// Custom types of objects with names. Others work too, by their ids.
    pub object_types: Vec<ObjectType>,
    /// Types of associations. Default ones are made when they are needed.
    pub association_types: Vec<AssociationType>,
    /// How many calls there may be.
    pub limits: Limits,
    /// How late the search learns of changes.
    pub search_delay: Duration,
    /// Where events go; without it there are none.
    pub webhook: Option<Webhook>,
    /// When failed deliveries are tried again.
    pub retry: Retry,
    /// How long a receiver may take to answer.
    pub delivery_timeout: Duration,
    /// Whether batches with some failures are answered with 207, as the documentation shows, or with the status
    /// of success and `errors`, as the dated specification can be read.
    pub multi_status: bool,
    /// Where the chance of faults, and of the order of results, starts.
    pub seed: u64,
}

impl Default for Options {
    /// An account that books examinations: their types of objects and associations, as an account of that kind
    /// has them.
    fn default() -> Options {
        let (bookings, exams) = ("2-50158943", "2-50158913");
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 12112)),
            token: "pat-na1-simulator".to_owned(),
            portal_id: 62_515,
            app_id: 1_160_452,
            scopes: None,
            object_types: vec![
                ObjectType::custom(bookings, "bookings", "booking"),
                ObjectType::custom(exams, "mock_exams", "mock_exam"),
            ],
            association_types: vec![
                AssociationType::user_defined(1289, bookings, CONTACTS, None),
                AssociationType::user_defined(1291, bookings, exams, None),
                AssociationType::user_defined(1340, exams, exams, Some("requires attendance at")),
            ],
            limits: Limits::default(),
            search_delay: Duration::from_secs(2),
            webhook: None,
            retry: Retry::default(),
            delivery_timeout: Duration::from_secs(5),
            multi_status: true,
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
        let account = Account {
            token: options.token,
            portal_id: options.portal_id,
            app_id: options.app_id,
            scopes: options.scopes.map(|scopes| scopes.into_iter().collect()),
            multi_status: options.multi_status,
        };
        let shared = Arc::new(Shared::new(State::new(
            account,
            ObjectTypes::new(&options.object_types),
            options.association_types,
            options.limits,
            options.search_delay,
            Outbox::new(options.webhook, options.retry),
            options.seed,
        )));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, server::router(shared.clone())));
        tasks.spawn(webhooks::deliver(shared.clone(), options.delivery_timeout));
        Ok(Simulator { address, base_url: format!("http://{}", reachable(address)), shared, tasks })
    }

    /// The address it listens on; never port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where callers find it, such as `http://127.0.0.1:12112`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Forgets records, associations, calls, counts and faults; keeps properties, types and settings. Ids do not
    /// come again.
    pub fn reset(&self) {
        self.shared.change(State::reset);
    }

    /// Stops: connections are closed, what is undelivered is forgotten.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }

    /// Waits until a condition holds. It is looked at after every change.
    pub async fn until(&self, condition: impl Fn(&Simulator) -> bool) {
        self.shared.until(|| condition(self)).await;
    }
}

/// What a person does in HubSpot. Types are ids or names.
impl Simulator {
    /// Makes a record.
    pub fn create(&self, object_type: &str, values: &[(&str, &str)]) -> Result<Record, ApiError> {
        let source = Source::Person { user_id: USER_ID };
        self.shared.change(|state| state.create_by(object_type, owned(values), source))
    }

    /// Puts records there that the account had before: by number, made at a moment in milliseconds since 1970. All of
    /// them, or none. No webhook tells of them, and the search knows them.
    pub fn bring(
        &self,
        object_type: &str,
        made_at: i64,
        records: impl IntoIterator<Item = (u64, BTreeMap<String, String>)>,
    ) -> Result<(), ApiError> {
        let source = Source::Person { user_id: USER_ID };
        self.shared.change(|state| state.bring_by(object_type, made_at, records, source))
    }

    /// Changes a record.
    pub fn edit(&self, object_type: &str, id: &str, values: &[(&str, &str)]) -> Result<Record, ApiError> {
        self.edit_as(USER_ID, object_type, id, values)
    }

    /// Changes a record as a certain user.
    pub fn edit_as(
        &self,
        user_id: u64,
        object_type: &str,
        id: &str,
        values: &[(&str, &str)],
    ) -> Result<Record, ApiError> {
        let source = Source::Person { user_id };
        self.shared.change(|state| state.edit_by(object_type, id, owned(values), source))
    }

    /// Archives a record.
    pub fn archive(&self, object_type: &str, id: &str) -> Result<(), ApiError> {
        let source = Source::Person { user_id: USER_ID };
        self.shared.change(|state| state.archive_by(object_type, id, source))
    }

    /// Defines a property; without a group in the one that the type has by itself.
    pub fn define(&self, object_type: &str, mut property: Property) -> Result<(), ApiError> {
        self.shared.change(|state| {
            let object_type = state.types.resolve(object_type)?;
            let definitions = state.definitions(&object_type);
            if property.group_name.is_empty() {
                property.group_name = definitions.first_group();
            }
            definitions.add(property).map(|_| ())
        })
    }

    /// Adds a type of associations.
    pub fn define_association(&self, association_type: AssociationType) {
        self.shared.change(|state| state.associations.define(association_type));
    }
}

/// What is there. Types are ids or names; an unknown one has nothing.
impl Simulator {
    /// All records of a type that are not archived, oldest first.
    pub fn records(&self, object_type: &str) -> Vec<Record> {
        let live = |record: &&Record| record.archived_at.is_none();
        self.of_type(object_type, |state, object_type| {
            state.objects.of_type(object_type).filter(live).cloned().collect()
        })
    }

    /// One record, also an archived one.
    pub fn record(&self, object_type: &str, id: &str) -> Option<Record> {
        let number = id.parse().ok()?;
        self.of_type(object_type, |state, object_type| state.objects.get(object_type, number).cloned())
    }

    /// The records of a type that have this value in a property, and are not archived.
    pub fn find(&self, object_type: &str, property: &str, value: &str) -> Vec<Record> {
        let mut records = self.records(object_type);
        records.retain(|record| record.value(property) == Some(value));
        records
    }

    /// A property's values, newest first.
    pub fn history(&self, object_type: &str, id: &str, property: &str) -> Vec<HistoryEntry> {
        self.record(object_type, id).map(|record| record.history(property)).unwrap_or_default()
    }

    /// All associations, each once, in the direction in which it was written.
    pub fn associations(&self) -> Vec<Association> {
        self.shared.look(|state| state.associations.all())
    }

    /// How many calls of a kind there were, such as `POST /crm/objects/{type}/batch/upsert`.
    pub fn request_count(&self, kind: &str) -> u64 {
        self.shared.look(|state| state.journal.counts().get(kind).copied().unwrap_or(0))
    }

    /// How many calls of each kind there were.
    pub fn request_counts(&self) -> BTreeMap<String, u64> {
        let owned = |(kind, count): (&str, u64)| (kind.to_owned(), count);
        self.shared.look(|state| state.journal.counts().into_iter().map(owned).collect())
    }

    /// All calls, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.look(|state| state.journal.calls.clone())
    }

    /// All of it, as `GET /_simulator/state` shows it.
    pub fn state(&self) -> Value {
        self.shared.read(State::json)
    }

    fn of_type<T: Default>(&self, object_type: &str, look: impl FnOnce(&State, &str) -> T) -> T {
        self.shared.look(|state| match state.types.resolve(object_type) {
            Ok(object_type) => look(state, &object_type),
            Err(_) => T::default(),
        })
    }
}

/// Limits, faults, search, webhooks.
impl Simulator {
    /// What was seen of the limits: the most calls in any interval, those that were too many.
    pub fn limits(&self) -> LimitReport {
        self.shared.look(|state| state.limiter.report())
    }

    /// Sets the limits; what was counted stays counted.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.change(|state| state.limiter.limits = limits);
    }

    /// What is left of the faults.
    pub fn faults(&self) -> Faults {
        self.shared.look(|state| state.faults.faults.clone())
    }

    /// Sets all faults.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.change(|state| state.faults.faults = faults);
    }

    /// Adds a fault of calls, after those that are there.
    pub fn add_fault(&self, rule: Rule) {
        self.shared.change(|state| state.faults.faults.calls.push(rule));
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.set_faults(Faults::default());
    }

    /// Sets how late the search learns of changes from now on.
    pub fn set_search_delay(&self, delay: Duration) {
        self.shared.change(|state| state.search.delay = delay);
    }

    /// Lets the search learn everything now.
    pub fn refresh_search(&self) {
        self.shared.change(|state| state.search.learn_all());
    }

    /// Sends events to this address, also those that wait; without one there are none.
    pub fn set_webhook(&self, webhook: Option<Webhook>) {
        self.shared.change(|state| state.outbox.set_webhook(webhook));
    }

    /// How many events have been sent to nobody yet, or in vain so far.
    pub fn undelivered(&self) -> usize {
        self.shared.look(|state| state.outbox.undelivered())
    }

    /// Waits until every event has been acknowledged, lost or given up.
    pub async fn delivered(&self) {
        self.until(|simulator| simulator.undelivered() == 0).await;
    }
}

fn owned(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
