//! A batch from the queue to its answers, whatever happens on the way.
//!
//! What can pass is run again, in smaller groups, so that the commands at fault stand alone in the end
//! and never take others with them. A command whose COMMIT got no answer is run again under the same
//! key: the locks wait for the old transaction, and the journal then says what became of it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use surehold_core::Refusal;
use surehold_core::command::Needs;
use uuid::Uuid;

use super::attempt::{Fault, attempt, peek};
use super::{DeskError, Job, Shared};
use crate::store::constraints::Failure;
use surehold_core::decide::Stop;

/// Transactions that one command may be part of, when others keep getting in between.
const TRIES_MAX: u32 = 5;
/// Further tries when the database is away, with a growing pause before each: 1.5 s in all, and what the
/// tries themselves take.
const RECONNECTS_MAX: u32 = 6;
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Runs jobs until every one has its answer.
pub(super) async fn run(shared: &Shared, jobs: Vec<Job>) {
    let mut groups = VecDeque::from([without_full(shared, jobs).await]);
    while let Some(mut group) = groups.pop_front() {
        if group.is_empty() {
            continue;
        }
        for job in &mut group {
            job.tries += 1;
        }
        match attempt(shared, &mut group).await {
            Ok(results) => {
                let mut again = Vec::new();
                for (job, result) in group.into_iter().zip(results) {
                    match result {
                        Ok(outcome) => job.answer(Ok(outcome)),
                        Err(Stop::Refused(refusal)) => job.answer(Err(DeskError::Refused(refusal))),
                        Err(Stop::ResolveAgain) => again.push(job),
                    }
                }
                groups.push_back(still_trying(again));
            }
            Err(fault) => groups.extend(after(fault, group).await),
        }
    }
}

/// Answers what can be answered without a lock, where a slot was full when last seen.
async fn without_full(shared: &Shared, jobs: Vec<Job>) -> Vec<Job> {
    let (mut hinted, mut rest): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| shared.may_be_full(job));
    if hinted.is_empty() {
        return rest;
    }
    match peek(shared, &mut hinted).await {
        Ok(answers) => {
            for (job, answer) in hinted.into_iter().zip(answers) {
                match answer {
                    Some(answer) => job.answer(answer.map_err(DeskError::Refused)),
                    None => rest.push(job),
                }
            }
        }
        Err(_) => rest.extend(hinted),
    }
    rest
}

/// The groups to run next after a fault; jobs without a future are answered here.
async fn after(fault: Fault, group: Vec<Job>) -> Vec<Vec<Job>> {
    metrics::counter!("surehold_transaction_faults_total", "fault" => fault.name()).increment(1);
    match fault {
        Fault::Statement(Failure::RunAgain, why) => {
            tracing::debug!(commands = group.len(), why, "running a batch again");
            halves(still_trying(group))
        }
        Fault::Statement(Failure::LockTimeout, why) => apart(group, &why, |needs| {
            // Not by payment: many may be of the one slot that is locked, and each group would wait for it in turn.
            let first = needs.slots.first().or(needs.bookings.first()).or(needs.contacts.first());
            first.or(needs.offerings_to_lock.first()).copied()
        }),
        Fault::Statement(Failure::ContactLocked, why) => apart(group, &why, |needs| {
            needs.contacts.first().or(needs.bookings.first()).or(needs.payments.first()).copied()
        }),
        Fault::Statement(Failure::Unavailable, why) => {
            tracing::error!(commands = group.len(), why, "the database cannot write");
            group.into_iter().for_each(|job| job.give_up(DeskError::DatabaseUnavailable));
            Vec::new()
        }
        Fault::Statement(Failure::HubspotIdTaken, _) if group.len() == 1 => {
            let refusal = Refusal::invalid("hubspot_id", "belongs to another record");
            for job in group {
                // Its own earlier attempt may have taken the id.
                if job.in_doubt {
                    job.give_up(DeskError::Internal);
                } else {
                    job.answer(Err(DeskError::Refused(refusal.clone())));
                }
            }
            Vec::new()
        }
        Fault::Statement(failure, why) => isolate(group, &format!("{failure:?}: {why}")),
        Fault::Broken(why) => isolate(group, &why),
        Fault::NotSent(why) => reconnect(group, &why, false).await,
        Fault::InDoubt(why) => reconnect(group, &why, true).await,
    }
}

/// Each command on its own; one that is alone already is at fault itself.
fn isolate(group: Vec<Job>, why: &str) -> Vec<Vec<Job>> {
    if group.len() > 1 {
        return group.into_iter().map(|job| vec![job]).collect();
    }
    for job in group {
        tracing::error!(command = job.request.command.verb(), command_id = %job.request.command_id, why, "a command failed");
        job.give_up(DeskError::Internal);
    }
    Vec::new()
}

async fn reconnect(mut group: Vec<Job>, why: &str, in_doubt: bool) -> Vec<Vec<Job>> {
    let tries = group.iter().map(|job| job.tries).max().unwrap_or(0);
    tracing::warn!(commands = group.len(), tries, in_doubt, why, "the database went away");
    for job in &mut group {
        job.in_doubt |= in_doubt;
    }
    if tries > RECONNECTS_MAX {
        group.into_iter().for_each(|job| job.give_up(DeskError::DatabaseUnavailable));
        return Vec::new();
    }
    // The first try after a loss is at once: often only this connection was cut.
    tokio::time::sleep(RECONNECT_PAUSE * (tries - 1)).await;
    vec![group]
}

fn still_trying(group: Vec<Job>) -> Vec<Job> {
    let (kept, spent): (Vec<Job>, Vec<Job>) = group.into_iter().partition(|job| job.tries < TRIES_MAX);
    spent.into_iter().for_each(|job| job.give_up(DeskError::Overloaded));
    kept
}

fn halves(mut group: Vec<Job>) -> Vec<Vec<Job>> {
    let second = group.split_off(group.len().div_ceil(2));
    vec![group, second]
}

/// Commands that another session's lock holds up, apart from those that it does not: one group for each
/// row. A group that was alone already is what the lock is about.
fn apart(group: Vec<Job>, why: &str, row: impl Fn(&Needs) -> Option<Uuid>) -> Vec<Vec<Job>> {
    tracing::warn!(commands = group.len(), why, "a row is locked by another session");
    let mut groups: BTreeMap<Option<Uuid>, Vec<Job>> = BTreeMap::new();
    for job in group {
        groups.entry(row(&job.request.command.needs())).or_default().push(job);
    }
    if groups.len() > 1 {
        return groups.into_values().collect();
    }
    groups.into_values().flatten().for_each(|job| job.give_up(DeskError::Overloaded));
    Vec::new()
}

impl Fault {
    fn name(&self) -> &'static str {
        match self {
            Fault::Statement(Failure::RunAgain, _) => "run_again",
            Fault::Statement(Failure::LockTimeout | Failure::ContactLocked, _) => "lock_timeout",
            Fault::Statement(..) => "statement",
            Fault::NotSent(_) => "connection",
            Fault::InDoubt(_) => "in_doubt",
            Fault::Broken(_) => "broken",
        }
    }
}
