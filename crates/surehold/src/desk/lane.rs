//! Queues, and who empties them.
//!
//! A lane keeps a queue per organisation and runs at most one batch per organisation at a time; which
//! lane a command goes to depends on the first row it locks, so commands for one slot meet in one
//! queue. In `per_request` mode every command is a batch of its own.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use surehold_core::Command;
use uuid::Uuid;

use super::{DeskError, Job, Shared, batch};

/// The queues of one lane. An organisation has an entry while its queue is being emptied.
#[derive(Default)]
pub(super) struct Lane {
    queues: Mutex<HashMap<Uuid, VecDeque<Job>>>,
}

/// Commands that wait or are in flight, in all lanes.
#[derive(Default)]
pub(super) struct Waiting(AtomicUsize);

impl Waiting {
    fn enter(&self, max: usize) -> Result<(), DeskError> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= max {
            self.0.fetch_sub(1, Ordering::Relaxed);
            return Err(DeskError::Overloaded);
        }
        Ok(())
    }

    fn leave(&self, count: usize) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }
}

/// Queues a job, and starts emptying its queue if nobody does.
pub(super) fn enqueue(shared: &Arc<Shared>, org_id: Uuid, job: Job) -> Result<(), DeskError> {
    shared.waiting.enter(shared.options.queue_max)?;
    let lane = lane_of(org_id, &job.request.command, shared.lanes.len());
    let mut queues = shared.lanes[lane].queues.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(queue) = queues.get_mut(&org_id) {
        queue.push_back(job);
    } else {
        queues.insert(org_id, VecDeque::from([job]));
        tokio::spawn(empty(shared.clone(), lane, org_id));
    }
    Ok(())
}

/// Runs a job as a transaction of its own.
pub(super) fn run_alone(shared: &Arc<Shared>, org_id: Uuid, job: Job) -> Result<(), DeskError> {
    shared.waiting.enter(shared.options.queue_max)?;
    let shared = shared.clone();
    tokio::spawn(async move {
        let _flight = shared.flights.acquire().await;
        batch::run(&shared, org_id, vec![job]).await;
        shared.waiting.leave(1);
    });
    Ok(())
}

async fn empty(shared: Arc<Shared>, lane: usize, org_id: Uuid) {
    loop {
        let flight = shared.flights.acquire().await;
        let jobs: Vec<Job> = {
            let mut queues = shared.lanes[lane].queues.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = queues.entry(org_id).or_default();
            if queue.is_empty() {
                queues.remove(&org_id);
                return;
            }
            let count = queue.len().min(shared.options.batch_max);
            queue.drain(..count).collect()
        };
        let count = jobs.len();
        metrics::histogram!("surehold_batch_commands").record(count as f64);
        batch::run(&shared, org_id, jobs).await;
        shared.waiting.leave(count);
        drop(flight);
    }
}

fn lane_of(org_id: Uuid, command: &Command, lanes: usize) -> usize {
    let needs = command.needs();
    let first = needs.slots.first().or(needs.bookings.first()).or(needs.contacts.first());
    let mut hasher = DefaultHasher::new();
    (org_id, first).hash(&mut hasher);
    (hasher.finish() % lanes as u64) as usize
}
