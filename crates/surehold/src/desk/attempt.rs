//! One transaction: lock and load, decide each command in order of arrival, write and COMMIT.

use deadpool_postgres::Object;
use surehold_core::command::Key;
use surehold_core::decide::Stop;
use surehold_core::{Command, Fresh, Ledger, Outcome, Refusal, decide};
use uuid::Uuid;

use super::{Job, Shared};
use crate::store::StoreError;
use crate::store::constraints::{Failure, classify};
use crate::store::load::{Locks, Plan, load};
use crate::store::write::{CommitError, commit};

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
            StoreError::Query(inner) => match classify(inner) {
                Failure::ConnectionLost => Fault::NotSent(text),
                failure => Fault::Statement(failure, text),
            },
            StoreError::Unfit(_) | StoreError::Corrupt(_) => Fault::Broken(text),
        }
    }
}

/// Decides jobs in one transaction and commits what they change. One result per job, in order.
pub(super) async fn attempt(
    shared: &Shared,
    org_id: Uuid,
    jobs: &mut [Job],
) -> Result<Vec<Result<Outcome, Stop>>, Fault> {
    let client = shared.store.command().await?;
    let result = in_transaction(&client, shared, org_id, jobs).await;
    if result.is_err() && !client.is_closed() && client.batch_execute("ROLLBACK").await.is_err() {
        // The connection is of no use to the next batch; dropping it out of the pool closes it.
        drop(Object::take(client));
    }
    result
}

async fn in_transaction(
    client: &Object,
    shared: &Shared,
    org_id: Uuid,
    jobs: &mut [Job],
) -> Result<Vec<Result<Outcome, Stop>>, Fault> {
    let mut plan = plan_of(jobs);
    plan.resolve(client, org_id).await?;
    let (mut ledger, now) = load(client, org_id, &plan, Locks::Take).await?;
    let results = decide_all(&mut ledger, jobs, now);

    if ledger.writes().is_empty() {
        // No row was changed: no commit record, no wait for the disk.
        client.batch_execute("ROLLBACK").await.map_err(StoreError::from)?;
    } else {
        remember_keys(&ledger, jobs);
        commit(client, org_id, &ledger, now).await.map_err(|error| match error {
            CommitError::RolledBack(e) => Fault::Statement(classify(&e), StoreError::from(e).to_string()),
            CommitError::NotSent(e) => Fault::from(e),
            CommitError::Unknown(e) => Fault::InDoubt(e.to_string()),
        })?;
    }
    for job in jobs.iter() {
        if let Command::Book(book) = &job.request.command
            && let Some(slot) = ledger.slot(book.slot_id)
        {
            shared.full.set(slot.id, slot.available() <= 0);
        }
    }
    Ok(results)
}

/// Decides jobs on plain reads, without locks. Only answers that change nothing and hold anyway are
/// given: a replay, or that the slot is full. `None` for all others.
pub(super) async fn peek(
    shared: &Shared,
    org_id: Uuid,
    jobs: &[Job],
) -> Result<Vec<Option<Result<Outcome, Refusal>>>, Fault> {
    let client = shared.store.command().await?;
    let mut plan = plan_of(jobs);
    plan.resolve(&client, org_id).await?;
    let (loaded, now) = load(&client, org_id, &plan, Locks::Without).await?;
    let mut scratch = loaded.clone();
    let mut answers = Vec::with_capacity(jobs.len());
    for result in decide_all(&mut scratch, jobs, now) {
        answers.push(match result {
            Ok(outcome) if outcome.replayed => Some(Ok(outcome)),
            Err(Stop::Refused(refusal @ Refusal::Full { .. })) => Some(Err(refusal)),
            _ => None,
        });
    }
    // A booking that went through on the scratch copy took seats there that are still free in truth:
    // what was decided after it does not count.
    if !scratch.writes().is_empty() {
        return Ok(jobs.iter().map(|_| None).collect());
    }
    Ok(answers)
}

fn plan_of(jobs: &[Job]) -> Plan {
    Plan::of(jobs.iter().map(|job| (&job.request, job.written_key.as_deref())))
}

fn decide_all(ledger: &mut Ledger, jobs: &[Job], now: jiff::Timestamp) -> Vec<Result<Outcome, Stop>> {
    let mut fresh = Fresh { now, id: &mut Uuid::now_v7 };
    jobs.iter().map(|job| decide(ledger, &job.request, &mut fresh)).collect()
}

/// Notes the key that each command's journal row is about to be written under: if the answer to COMMIT
/// is lost, the next try looks there.
fn remember_keys(ledger: &Ledger, jobs: &mut [Job]) {
    for row in &ledger.writes().journal {
        if let Some(record) = &row.idempotency
            && let Some(job) = jobs.iter_mut().find(|job| job.request.command_id == row.command_id)
            && !matches!(&job.request.key, Key::Given(_))
        {
            job.written_key = Some(record.key.clone());
        }
    }
}
