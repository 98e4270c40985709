//! One transaction: lock and load, decide each command in order of arrival, write and COMMIT.

use std::time::Duration;

use deadpool_postgres::Object;
use surehold_core::command::Key;
use surehold_core::decide::Stop;
use surehold_core::{Command, Fresh, Ledger, Outcome, Refusal, decide};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Job, Shared};
use crate::store::StoreError;
use crate::store::constraints::{Failure, classify};
use crate::store::load::{Locks, Plan, load};
use crate::store::write::{CommitError, commit};

/// A flight's answers come within this, or the server is taken for gone; its own statements give up before.
const FLIGHT_TIME_MAX: Duration = Duration::from_secs(15);

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

/// Decides jobs in one transaction and commits what they change. One result per job, in order.
pub(super) async fn attempt(
    shared: &Shared,
    org_id: Uuid,
    jobs: &mut [Job],
) -> Result<Vec<Result<Outcome, Stop>>, Fault> {
    let lease = Lease(Some(shared.store.command().await?));
    let result = in_transaction(lease.client(), shared, org_id, jobs).await;
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
    org_id: Uuid,
    jobs: &mut [Job],
) -> Result<Vec<Result<Outcome, Stop>>, Fault> {
    let mut plan = plan_of(jobs);
    let loading = async {
        plan.resolve(client, org_id).await?;
        load(client, org_id, &plan, Locks::Take).await
    };
    let silent = |_| "the database did not answer".to_owned();
    let (mut ledger, now) = timeout(FLIGHT_TIME_MAX, loading).await.map_err(|e| Fault::NotSent(silent(e)))??;
    let results = decide_all(&mut ledger, jobs, now);

    if ledger.writes().is_empty() {
        // No row was changed: no commit record, no wait for the disk.
        client.batch_execute("ROLLBACK").await.map_err(StoreError::from)?;
    } else {
        remember_keys(&ledger, jobs);
        let committed = timeout(FLIGHT_TIME_MAX, commit(client, org_id, &ledger, now)).await;
        committed.map_err(|e| Fault::InDoubt(silent(e)))?.map_err(|error| match error {
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
