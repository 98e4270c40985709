//! One transaction: lock and load, decide each command in order of arrival, write and COMMIT.

use std::collections::HashMap;
use std::time::Duration;

use deadpool_postgres::Object;
use surehold_core::command::Key;
use surehold_core::decide::Stop;
use surehold_core::{Command, Fresh, Outcome, Refusal, decide};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Job, Shared, expiry};
use crate::store::StoreError;
use crate::store::constraints::{Failure, classify};
use crate::store::load::{Loaded, Locks, Plan, load, resolve};
use crate::store::write::{CommitError, commit};

/// A flight's answers come within this, or the server is taken for gone; its own statements give up before.
const FLIGHT_TIME_MAX: Duration = Duration::from_secs(15);

/// Times that a transaction begins anew because more holds have come to their end.
const DUE_ROUNDS_MAX: usize = 4;

/// Why a transaction gave no outcomes.
#[derive(Debug)]
pub(super) enum Fault {
    /// A statement failed, the transaction was rolled back.
    Statement(Failure, String),
    /// No connection, or it was lost before COMMIT was sent.
    NotSent(String),
    /// The connection was lost after COMMIT was sent.
    InDoubt(String),
    /// The database holds or is what it should not.
    Broken(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        let text = error.to_string();
        match &error {
            StoreError::Unavailable(_) => Fault::NotSent(text),
            StoreError::ContactLocked => Fault::Statement(Failure::ContactLocked, text),
            StoreError::Query(inner) => match classify(inner) {
                Failure::ConnectionLost => Fault::NotSent(text),
                failure => Fault::Statement(failure, text),
            },
            StoreError::Unfit(_) | StoreError::Corrupt(_) => Fault::Broken(text),
        }
    }
}

/// Decides jobs in one transaction and commits what they change. Sorts them by organisation; one result per
/// job, in the order that they have then.
pub(super) async fn attempt(shared: &Shared, jobs: &mut [Job]) -> Result<Vec<Result<Outcome, Stop>>, Fault> {
    let lease = Lease(Some(shared.store.command().await?));
    let result = in_transaction(lease.client(), shared, jobs).await;
    let is_idle = match &result {
        Ok(_) => true,
        Err(Fault::NotSent(_) | Fault::InDoubt(_)) => false,
        Err(Fault::Statement(..) | Fault::Broken(_)) => lease.client().batch_execute("ROLLBACK").await.is_ok(),
    };
    if is_idle {
        lease.give_back();
    }
    result
}

/// A connection that goes back to the pool only when it is said to be idle. Whatever else ends its use, a
/// panic included, closes it: an open transaction would keep its locks.
struct Lease(Option<Object>);

impl Lease {
    fn client(&self) -> &Object {
        self.0.as_ref().expect("leased until it is given back")
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

async fn in_transaction(
    client: &Object,
    shared: &Shared,
    jobs: &mut [Job],
) -> Result<Vec<Result<Outcome, Stop>>, Fault> {
    let silent = |_| "the database did not answer".to_owned();
    let loading = load_without_due(client, jobs);
    let mut loaded = timeout(FLIGHT_TIME_MAX, loading).await.map_err(|e| Fault::NotSent(silent(e)))??;
    let results = decide_all(&mut loaded, jobs);

    if loaded.iter().all(|loaded| loaded.ledger.writes().is_empty()) {
        // No row was changed: no commit record, no wait for the disk.
        client.batch_execute("ROLLBACK").await.map_err(StoreError::from)?;
    } else {
        remember_keys(&loaded, jobs);
        let committed = timeout(FLIGHT_TIME_MAX, commit(client, &loaded)).await;
        committed.map_err(|e| Fault::InDoubt(silent(e)))?.map_err(|error| match error {
            CommitError::RolledBack(e) => Fault::Statement(classify(&e), StoreError::from(e).to_string()),
            CommitError::NotSent(e) => Fault::from(e),
            CommitError::Unknown(e) => Fault::InDoubt(e.to_string()),
        })?;
        note_changed(shared, &loaded);
    }
    note_full(shared, &loaded, jobs);
    Ok(results)
}

/// Sorts jobs by organisation, locks and loads what those of each need, and ends the holds on the locked slots that
/// have come to their end. Their other slots and their contacts have to be locked, too, in the one order: so all
/// locks are let go and taken again.
async fn load_without_due(client: &Object, jobs: &mut [Job]) -> Result<Vec<Loaded>, StoreError> {
    jobs.sort_by_key(|job| job.org_id);
    let mut plans = plans_of(jobs);
    let mut again = 0;
    loop {
        let mut loaded = match resolve_and_load(client, &mut plans, Locks::Take).await {
            // Somebody else has locked a row of a hold that is due. These jobs need not wait for it: they find its
            // seats held, and the worker ends it.
            Err(error) if again > 0 && error.is_lock_timeout() => {
                client.batch_execute("ROLLBACK").await?;
                return resolve_and_load(client, &mut plans_of(jobs), Locks::Take).await;
            }
            result => result?,
        };
        let mut any_new = false;
        for ((_, plan), loaded) in plans.iter_mut().zip(&loaded) {
            any_new |= plan.add_due(&loaded.due);
        }
        // Holds that end while this goes on are left to the next batch.
        if !any_new || again == DUE_ROUNDS_MAX {
            loaded.iter_mut().for_each(expiry::end_due_holds);
            return Ok(loaded);
        }
        client.batch_execute("ROLLBACK").await?;
        again += 1;
    }
}

async fn resolve_and_load(
    client: &Object,
    plans: &mut [(Uuid, Plan)],
    locks: Locks,
) -> Result<Vec<Loaded>, StoreError> {
    resolve(client, plans).await?;
    load(client, plans, locks).await
}

/// Tells who wants to know which slots were changed.
fn note_changed(shared: &Shared, committed: &[Loaded]) {
    if let Some(changed_slots) = &shared.options.changed_slots {
        changed_slots.note(committed.iter().flat_map(|loaded| {
            let ids = loaded.ledger.writes().slots.keys();
            ids.map(|id| (loaded.org_id, *id))
        }));
    }
}

/// Remembers which slots have no seat left.
fn note_full(shared: &Shared, decided: &[Loaded], jobs: &[Job]) {
    for (loaded, jobs) in decided.iter().zip(by_org(jobs)) {
        for job in jobs {
            if let Command::Book(book) = &job.request.command
                && let Some(slot) = loaded.ledger.slot(book.slot_id)
            {
                shared.full.set(slot.id, slot.available() <= 0);
            }
        }
    }
}

/// Decides jobs on plain reads, without locks. Only answers that change nothing and hold anyway are
/// given: what is remembered under a key, or that the slot is full. `None` for all others. Sorts the jobs by
/// organisation.
pub(super) async fn peek(shared: &Shared, jobs: &mut [Job]) -> Result<Vec<Option<Result<Outcome, Refusal>>>, Fault> {
    let client = shared.store.command().await?;
    jobs.sort_by_key(|job| job.org_id);
    let mut scratch = resolve_and_load(&client, &mut plans_of(jobs), Locks::Without).await?;
    if scratch.iter().any(|loaded| !loaded.due.is_empty()) {
        // A hold has come to its end: its slot is not as full as it looks.
        return Ok(jobs.iter().map(|_| None).collect());
    }
    let results = decide_all(&mut scratch, jobs);
    // A booking that went through on the scratch copy took seats there that are still free in truth:
    // what was decided after it does not count.
    if scratch.iter().any(|loaded| !loaded.ledger.writes().is_empty()) {
        return Ok(jobs.iter().map(|_| None).collect());
    }
    let holds = |job: &Job, result: Result<Outcome, Stop>| match result {
        // A booking that is recognised without a key is described with its balance, which was not read.
        Ok(outcome) if outcome.replayed && matches!(job.request.key, Key::Given(_)) => Some(Ok(outcome)),
        Err(Stop::Refused(refusal @ Refusal::Full { .. })) => Some(Err(refusal)),
        _ => None,
    };
    Ok(jobs.iter().zip(results).map(|(job, result)| holds(job, result)).collect())
}

/// What each organisation's jobs need. Jobs are sorted by organisation.
fn plans_of(jobs: &[Job]) -> Vec<(Uuid, Plan)> {
    let plan = |jobs: &[Job]| Plan::of(jobs.iter().map(|job| (&job.request, job.written_key.as_deref())));
    by_org(jobs).map(|jobs| (jobs[0].org_id, plan(jobs))).collect()
}

fn by_org(jobs: &[Job]) -> impl Iterator<Item = &[Job]> {
    jobs.chunk_by(|a, b| a.org_id == b.org_id)
}

fn decide_all(loaded: &mut [Loaded], jobs: &[Job]) -> Vec<Result<Outcome, Stop>> {
    let mut results = Vec::with_capacity(jobs.len());
    for (loaded, jobs) in loaded.iter_mut().zip(by_org(jobs)) {
        debug_assert_eq!(loaded.org_id, jobs[0].org_id);
        let mut fresh = Fresh { now: loaded.now, id: &mut Uuid::now_v7 };
        results.extend(jobs.iter().map(|job| decide(&mut loaded.ledger, &job.request, &mut fresh)));
    }
    results
}

/// Notes the key that each command's journal row is about to be written under: if the answer to COMMIT
/// is lost, the next try looks there.
fn remember_keys(decided: &[Loaded], jobs: &mut [Job]) {
    let mut written: HashMap<Uuid, &str> = HashMap::new();
    for row in decided.iter().flat_map(|loaded| &loaded.ledger.writes().journal) {
        if let Some(record) = &row.idempotency {
            written.insert(row.command_id, &record.key);
        }
    }
    for job in jobs.iter_mut().filter(|job| !matches!(&job.request.key, Key::Given(_))) {
        if let Some(key) = written.get(&job.request.command_id) {
            job.written_key = Some((*key).to_owned());
        }
    }
}
