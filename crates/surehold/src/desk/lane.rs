//! Queues, and who empties them.
//!
//! A lane keeps a queue per organisation. Its *runner* takes what is queued, of as many organisations as
//! there are, into one transaction, and then what has queued up meanwhile into the next. An organisation is
//! in one transaction of a lane at a time. If a transaction is held up (a row of one of its organisations is
//! locked by somebody else), the next arrival starts another runner for the organisations that are not in it.
//!
//! Which lane a command goes to depends on the first row that it names, so bookings of one slot meet in one
//! queue (cancellations name a booking, and may meet them only at the row's lock). In `per_request` mode every
//! command is a transaction of its own.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use surehold_core::Command;
use uuid::Uuid;

use super::{DeskError, Job, Shared, batch};

/// A lane whose last transaction began longer ago is taken for held up. Several times what a full batch
/// takes; less would only make batches smaller.
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
    /// When each runner began its last transaction.
    runners: BTreeMap<RunnerId, Instant>,
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

    /// A runner other than `but` that is not held up: it will come by soon.
    fn has_runner(&self, but: Option<RunnerId>) -> bool {
        self.runners.iter().any(|(id, begun)| Some(*id) != but && begun.elapsed() < HELD_UP_AFTER)
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

/// The duty of emptying a lane's queues, with the organisations that are in flight because of it. If the
/// task dies of a bug, the commands of its batch are told that their outcome is unknown (their senders are
/// dropped), and another task takes over.
struct Runner {
    id: RunnerId,
    shared: Arc<Shared>,
    lane: usize,
    /// Of the transaction that is committed, and of the one behind it.
    in_flight: Mutex<[HashSet<Uuid>; 2]>,
    is_done: bool,
}

impl Drop for Runner {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        tracing::error!(lane = self.lane, "a batch panicked; its queues go on");
        let mut queues = self.shared.lanes[self.lane].lock();
        self.release(&mut queues, true);
        queues.runners.remove(&self.id);
        if !queues.ready.is_empty() && tokio::runtime::Handle::try_current().is_ok() {
            start(&self.shared, self.lane, &mut queues);
        }
    }
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
    if !queues.has_runner(None) {
        start(shared, lane, &mut queues);
    }
}

fn start(shared: &Arc<Shared>, lane: usize, queues: &mut Queues) {
    let id = queues.next_runner;
    queues.next_runner += 1;
    // It counts as begun at once: the next arrivals wait for it.
    queues.runners.insert(id, Instant::now());
    let runner = Runner { id, shared: shared.clone(), lane, in_flight: Mutex::default(), is_done: false };
    tokio::spawn(run(runner));
}

/// Runs a job as a transaction of its own.
pub(super) fn run_alone(shared: &Arc<Shared>, job: Job) {
    let shared = shared.clone();
    tokio::spawn(async move {
        let _flight = shared.flights.acquire().await;
        batch::run(&shared, vec![job], || None).await;
    });
}

/// Runs batches until nothing is ready. Boxed, because a dying [`Runner`] starts another.
fn run(runner: Runner) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let shared = runner.shared.clone();
        loop {
            let _flight = shared.flights.acquire().await;
            let Some(jobs) = runner.next_batch() else { return runner.retire() };
            batch::run(&shared, jobs, || runner.batch_behind()).await;
        }
    })
}

impl Runner {
    /// The end of a runner whose duty is done.
    fn retire(mut self) {
        self.is_done = true;
    }

    /// What is ready, up to a batch; `None` ends the duty, under the lock that new jobs come in by. So does
    /// another runner that is not held up: one makes larger batches than two.
    fn next_batch(&self) -> Option<Vec<Job>> {
        let mut queues = self.shared.lanes[self.lane].lock();
        self.release(&mut queues, true);
        if queues.ready.is_empty() || queues.has_runner(Some(self.id)) {
            queues.runners.remove(&self.id);
            return None;
        }
        Some(self.take(&mut queues))
    }

    /// What may follow at once on the connection of the transaction that is being committed: of its own
    /// organisations, too. Nothing, if another lane waits for a connection, or if some may be answered
    /// without a lock.
    fn batch_behind(&self) -> Option<Vec<Job>> {
        let mut queues = self.shared.lanes[self.lane].lock();
        if self.shared.flights.available_permits() == 0 {
            return None;
        }
        self.release(&mut queues, false);
        let own: Vec<Uuid> = self.in_flight()[0].iter().copied().collect();
        let ready = queues.ready.iter().copied().chain(own.iter().copied());
        let mut waiting = ready.filter_map(|org_id| queues.orgs.get(&org_id)).flat_map(|queue| &queue.jobs).peekable();
        if waiting.peek().is_none() || waiting.any(|job| self.shared.may_be_full(job)) {
            return None;
        }
        for org_id in own {
            if queues.orgs.get(&org_id).is_some_and(|queue| !queue.jobs.is_empty()) {
                queues.make_ready(org_id);
            }
        }
        Some(self.take(&mut queues))
    }

    /// Moves jobs of ready organisations into flight.
    fn take(&self, queues: &mut Queues) -> Vec<Job> {
        let max = self.shared.options.batch_max;
        let mut jobs: Vec<Job> = Vec::new();
        while jobs.len() < max
            && let Some(org_id) = queues.ready.pop_front()
        {
            let queue = queues.orgs.get_mut(&org_id).expect("a ready organisation has a queue");
            let count = queue.jobs.len().min(max - jobs.len());
            jobs.extend(queue.jobs.drain(..count));
            (queue.in_flight, queue.is_ready) = (true, false);
            self.in_flight()[1].insert(org_id);
        }
        queues.runners.insert(self.id, Instant::now());
        metrics::histogram!("surehold_batch_commands").record(jobs.len() as f64);
        jobs
    }

    /// Lets the organisations go that are in no transaction any more: those of the one before the last, or,
    /// when nothing is in flight, all.
    fn release(&self, queues: &mut Queues, all: bool) {
        let mut in_flight = self.in_flight();
        let [last, current] = std::mem::take(&mut *in_flight);
        let (gone, kept): (HashSet<Uuid>, HashSet<Uuid>) = match all {
            true => (&last | &current, HashSet::new()),
            false => (&last - &current, current),
        };
        in_flight[0] = kept;
        drop(in_flight);
        for org_id in gone {
            let Some(queue) = queues.orgs.get_mut(&org_id) else { continue };
            queue.in_flight = false;
            match queue.jobs.is_empty() {
                true => drop(queues.orgs.remove(&org_id)),
                false => queues.make_ready(org_id),
            }
        }
    }

    fn in_flight(&self) -> MutexGuard<'_, [HashSet<Uuid>; 2]> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lane_of(org_id: Uuid, command: &Command, lanes: usize) -> usize {
    let needs = command.needs();
    let first = needs.slots.first().or(needs.bookings.first()).or(needs.contacts.first());
    let mut hasher = DefaultHasher::new();
    (org_id, first).hash(&mut hasher);
    (hasher.finish() % lanes as u64) as usize
}
