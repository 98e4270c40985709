//! Queues, and who empties them.
//!
//! A lane keeps a queue per organisation and runs at most one batch per organisation at a time. Which
//! lane a command goes to depends on the first row that it names, so bookings of one slot meet in one
//! queue (cancellations name a booking, and may meet them only at the row's lock). In `per_request` mode every command is a batch of its own.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use surehold_core::Command;
use uuid::Uuid;

use super::{DeskError, Job, Shared, batch};

/// The queues of one lane. An organisation has an entry while its queue is being emptied.
#[derive(Default)]
pub(super) struct Lane {
    queues: Mutex<HashMap<Uuid, VecDeque<Job>>>,
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

/// The duty to empty a queue. If the task dies of a bug, the commands of its batch are told that their
/// outcome is unknown (their senders are dropped), and another task takes over the rest.
struct Duty {
    shared: Arc<Shared>,
    lane: usize,
    org_id: Uuid,
    is_done: bool,
}

impl Drop for Duty {
    fn drop(&mut self) {
        if !self.is_done
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            tracing::error!(org_id = %self.org_id, "a batch panicked; its queue goes on");
            runtime.spawn(empty(self.shared.clone(), self.lane, self.org_id));
        }
    }
}

/// Queues a job, and starts emptying its queue if nobody does.
pub(super) fn enqueue(shared: &Arc<Shared>, org_id: Uuid, job: Job) {
    let lane = lane_of(org_id, &job.request.command, shared.lanes.len());
    let mut queues = shared.lanes[lane].queues.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(queue) = queues.get_mut(&org_id) {
        queue.push_back(job);
    } else {
        queues.insert(org_id, VecDeque::from([job]));
        tokio::spawn(empty(shared.clone(), lane, org_id));
    }
}

/// Runs a job as a transaction of its own.
pub(super) fn run_alone(shared: &Arc<Shared>, org_id: Uuid, job: Job) {
    let shared = shared.clone();
    tokio::spawn(async move {
        let _flight = shared.flights.acquire().await;
        batch::run(&shared, org_id, vec![job], || None).await;
    });
}

/// Runs batches until the queue is empty. Boxed, because [`Duty`] may start it again.
fn empty(shared: Arc<Shared>, lane: usize, org_id: Uuid) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let mut duty = Duty { shared: shared.clone(), lane, org_id, is_done: false };
        loop {
            let _flight = shared.flights.acquire().await;
            let Some(jobs) = next_batch(&shared, lane, org_id) else {
                duty.is_done = true;
                return;
            };
            batch::run(&shared, org_id, jobs, || batch_behind(&shared, lane, org_id)).await;
        }
    })
}

/// What is queued, up to a batch; `None` ends the duty, under the lock that new jobs come in by.
fn next_batch(shared: &Shared, lane: usize, org_id: Uuid) -> Option<Vec<Job>> {
    let mut queues = shared.lanes[lane].queues.lock().unwrap_or_else(PoisonError::into_inner);
    let queue = queues.entry(org_id).or_default();
    if queue.is_empty() {
        queues.remove(&org_id);
        return None;
    }
    Some(take(shared, queue))
}

/// What is queued and may follow on the same connection at once: not if another queue waits for a flight,
/// nor if some may be answered without a lock.
fn batch_behind(shared: &Shared, lane: usize, org_id: Uuid) -> Option<Vec<Job>> {
    let mut queues = shared.lanes[lane].queues.lock().unwrap_or_else(PoisonError::into_inner);
    let queue = queues.get_mut(&org_id).filter(|queue| !queue.is_empty())?;
    if shared.flights.available_permits() == 0 || queue.iter().any(|job| shared.may_be_full(job)) {
        return None;
    }
    Some(take(shared, queue))
}

fn take(shared: &Shared, queue: &mut VecDeque<Job>) -> Vec<Job> {
    let count = queue.len().min(shared.options.batch_max);
    metrics::histogram!("surehold_batch_commands").record(count as f64);
    queue.drain(..count).collect()
}

fn lane_of(org_id: Uuid, command: &Command, lanes: usize) -> usize {
    let needs = command.needs();
    let first = needs.slots.first().or(needs.bookings.first()).or(needs.contacts.first());
    let mut hasher = DefaultHasher::new();
    (org_id, first).hash(&mut hasher);
    (hasher.finish() % lanes as u64) as usize
}
