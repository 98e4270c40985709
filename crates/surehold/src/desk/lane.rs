//! Queues, and who empties them.
//!
//! A lane keeps a queue per organisation. Its *runner* takes what is queued, of as many organisations as there
//! are, into one transaction; what has queued up meanwhile is the next one's. If a transaction is held up (a row
//! of one of its organisations is locked by somebody else), another runner goes on with the organisations that
//! are not in it.
//!
//! Which lane a command goes to depends on the first row that it names, so bookings of one slot meet in one
//! queue (cancellations name a booking, and may meet them only at the row's lock). Trips name several slots, and any
//! two may share one: they all go to the first lane, where those that share one are decided in one transaction
//! instead of waiting for each other's locks. In `per_request` mode every command is a transaction of its own.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use surehold_core::Command;
use tokio::time::timeout;
use uuid::Uuid;

use super::{DeskError, Job, Shared, batch};

/// A batch that takes longer is taken for held up. Several times what a full one takes; less would only make
/// batches smaller.
const HELD_UP_AFTER: Duration = Duration::from_millis(50);

/// The queues of one lane.
#[derive(Default)]
pub(super) struct Lane(Mutex<Queues>);

#[derive(Default)]
struct Queues {
    /// Organisations that have jobs waiting or in flight.
    orgs: HashMap<Uuid, Queue>,
    /// Those whose jobs may be taken, in order of arrival.
    ready: VecDeque<Uuid>,
    /// Who will be done soon, and start the next runner then. Those that are held up do not count.
    running: Option<RunnerId>,
    next_runner: RunnerId,
}

type RunnerId = u64;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    in_flight: bool,
    is_ready: bool,
}

impl Queues {
    fn make_ready(&mut self, org_id: Uuid) {
        if let Some(queue) = self.orgs.get_mut(&org_id)
            && !std::mem::replace(&mut queue.is_ready, true)
        {
            self.ready.push_back(org_id);
        }
    }
}

/// Commands that wait or are in flight, in all lanes.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    pub fn enter(&self, max: usize) -> Result<Place, DeskError> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= max {
            self.0.fetch_sub(1, Ordering::Relaxed);
            return Err(DeskError::Overloaded);
        }
        Ok(Place(self.clone()))
    }
}

/// One of them.
pub(super) struct Place(Waiting);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One batch, from the queues to its answers. If the task dies of a bug, the commands of the batch are told
/// that their outcome is unknown (their senders are dropped), and the others go on.
struct Runner {
    id: RunnerId,
    shared: Arc<Shared>,
    lane: usize,
    /// The organisations in its transaction.
    orgs: Vec<Uuid>,
    /// Whether its task was ever run: a runtime that ends drops new tasks at once.
    has_begun: bool,
}

impl Lane {
    /// A panic while it was locked leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues a job, and starts a runner if none is free to take it.
pub(super) fn enqueue(shared: &Arc<Shared>, job: Job) {
    let lane = lane_of(job.org_id, &job.request.command, shared.lanes.len());
    let mut queues = shared.lanes[lane].lock();
    let org_id = job.org_id;
    let queue = queues.orgs.entry(org_id).or_default();
    queue.jobs.push_back(job);
    if queue.in_flight || queue.is_ready {
        return;
    }
    queues.make_ready(org_id);
    let runner = queues.running.is_none().then(|| next_runner(shared, lane, &mut queues));
    drop(queues);
    start(runner);
}

fn next_runner(shared: &Arc<Shared>, lane: usize, queues: &mut Queues) -> Runner {
    let id = queues.next_runner;
    queues.next_runner += 1;
    queues.running = Some(id);
    Runner { id, shared: shared.clone(), lane, orgs: Vec::new(), has_begun: false }
}

/// Not while the lane is locked: a runtime that ends drops the runner here, and dropping it locks the lane.
fn start(runner: Option<Runner>) {
    if let Some(runner) = runner {
        tokio::spawn(run(runner));
    }
}

/// Runs a job as a transaction of its own.
pub(super) fn run_alone(shared: &Arc<Shared>, job: Job) {
    let shared = shared.clone();
    tokio::spawn(async move {
        let _flight = shared.flights.acquire().await;
        batch::run(&shared, vec![job]).await;
    });
}

/// Runs what is ready. Boxed, because a [`Runner`] starts the next one.
fn run(mut runner: Runner) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        runner.has_begun = true;
        let shared = runner.shared.clone();
        let _flight = shared.flights.acquire().await;
        let jobs = runner.take();
        let mut batch = pin!(batch::run(&shared, jobs));
        if timeout(HELD_UP_AFTER, batch.as_mut()).await.is_err() {
            let next = runner.make_way(&mut shared.lanes[runner.lane].lock());
            start(next);
            batch.await;
        }
    })
}

impl Runner {
    /// Moves jobs of ready organisations into flight, up to a batch.
    fn take(&mut self) -> Vec<Job> {
        let max = self.shared.options.batch_max;
        let mut queues = self.shared.lanes[self.lane].lock();
        let mut jobs: Vec<Job> = Vec::new();
        while jobs.len() < max
            && let Some(org_id) = queues.ready.pop_front()
        {
            let Some(queue) = queues.orgs.get_mut(&org_id) else { continue };
            let count = queue.jobs.len().min(max - jobs.len());
            jobs.extend(queue.jobs.drain(..count));
            (queue.in_flight, queue.is_ready) = (true, false);
            self.orgs.push(org_id);
        }
        if !jobs.is_empty() {
            metrics::histogram!("surehold_batch_commands").record(jobs.len() as f64);
        }
        jobs
    }

    /// The next runner, to be started, if something is ready for it.
    fn make_way(&self, queues: &mut Queues) -> Option<Runner> {
        if queues.running == Some(self.id) {
            queues.running = None;
        }
        // One that never began was dropped by a runtime that ends, and so would be the next.
        let can_start = self.has_begun && tokio::runtime::Handle::try_current().is_ok();
        let wanted = can_start && queues.running.is_none() && !queues.ready.is_empty();
        wanted.then(|| next_runner(&self.shared, self.lane, queues))
    }
}

impl Drop for Runner {
    /// Lets its organisations go.
    fn drop(&mut self) {
        let mut queues = self.shared.lanes[self.lane].lock();
        for org_id in std::mem::take(&mut self.orgs) {
            let Some(queue) = queues.orgs.get_mut(&org_id) else { continue };
            queue.in_flight = false;
            match queue.jobs.is_empty() {
                true => drop(queues.orgs.remove(&org_id)),
                false => queues.make_ready(org_id),
            }
        }
        let next = self.make_way(&mut queues);
        drop(queues);
        start(next);
    }
}

fn lane_of(org_id: Uuid, command: &Command, lanes: usize) -> usize {
    let needs = command.needs();
    if needs.slots.len() > 1 {
        return 0;
    }
    let first = needs.slots.first().or(needs.bookings.first()).or(needs.payments.first()).or(needs.contacts.first());
    let mut hasher = DefaultHasher::new();
    (org_id, first).hash(&mut hasher);
    (hasher.finish() % lanes as u64) as usize
}
