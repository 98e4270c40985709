//! Where commands are decided and committed, many in one transaction.
//!
//! ```text
//! submit -> lane (queue per organisation) -> batch -> attempt: lock, load, decide, write, COMMIT -> answers
//! ```
//!
//! There is no timer: a batch is what queued up while the last one was in flight, so one caller alone
//! has plain transactions. Lanes and batches are only speed. What makes concurrent batches right, in
//! one server or several, are the row locks and the constraints.

mod attempt;
mod batch;
mod changed_slots;
mod error;
mod expiry;
mod full_hint;
mod lane;
mod options;
mod own_request;

use std::sync::Arc;

use surehold_core::{Command, Outcome, Request};
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

pub use changed_slots::ChangedSlots;
pub use error::DeskError;
pub use expiry::expire_hold;
pub use options::{CommitMode, DeskOptions};
pub use own_request::{made_key, own_request};

use crate::store::Store;

/// Where commands are decided and committed. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
}

/// What lanes and batches share.
pub(crate) struct Shared {
    store: Store,
    options: DeskOptions,
    lanes: Vec<lane::Lane>,
    /// One permit per transaction in flight, so that no batch waits for a connection while it is open
    /// to more commands.
    flights: Arc<Semaphore>,
    waiting: lane::Waiting,
    full: full_hint::FullHint,
}

impl Shared {
    /// Whether a job books a slot that had no seat left when last seen.
    fn may_be_full(&self, job: &Job) -> bool {
        matches!(&job.request.command, Command::Book(book) if self.full.contains(book.slot_id))
    }
}

/// A request that waits for its outcome.
pub(crate) struct Job {
    org_id: Uuid,
    request: Request,
    /// Its place among those that may wait; given up with it, however it ends.
    _place: lane::Place,
    reply: oneshot::Sender<Result<Outcome, DeskError>>,
    /// Transactions it has been part of.
    tries: u32,
    /// COMMIT was sent for it once, and no answer came.
    in_doubt: bool,
    /// The key that an earlier try wrote under.
    written_key: Option<String>,
}

impl Desk {
    /// Opens the desk over a store.
    pub fn new(store: Store, options: DeskOptions) -> Desk {
        let lanes = (0..options.lanes.max(1)).map(|_| lane::Lane::default()).collect();
        let flights = Arc::new(Semaphore::new(options.flights_max));
        let waiting = lane::Waiting::default();
        Desk { shared: Arc::new(Shared { store, options, lanes, flights, waiting, full: Default::default() }) }
    }

    /// Decides and commits a request, together with others. An `Ok` is on disk.
    ///
    /// The work goes on when the caller is dropped: a client that hangs up gets no half-made booking.
    pub async fn submit(&self, org_id: Uuid, request: Request) -> Result<Outcome, DeskError> {
        let key = request.key.text().to_owned();
        let (reply, answer) = oneshot::channel();
        let place = self.shared.waiting.enter(self.shared.options.queue_max)?;
        let job = Job { org_id, request, _place: place, reply, tries: 0, in_doubt: false, written_key: None };
        match self.shared.options.mode {
            CommitMode::Lanes => lane::enqueue(&self.shared, job),
            CommitMode::PerRequest => lane::run_alone(&self.shared, job),
        }
        // Without an answer the batch has died of a bug; whether before or after COMMIT, nobody knows.
        answer.await.unwrap_or(Err(DeskError::OutcomeUnknown { key }))
    }
}

impl Job {
    fn answer(self, result: Result<Outcome, DeskError>) {
        let kind = match &result {
            Ok(outcome) if outcome.replayed => "replayed",
            Ok(_) => "done",
            Err(DeskError::Refused(refusal)) => refusal.code(),
            Err(DeskError::Overloaded) => "OVERLOADED",
            Err(DeskError::DatabaseUnavailable) => "DATABASE_UNAVAILABLE",
            Err(DeskError::OutcomeUnknown { .. }) => "OUTCOME_UNKNOWN",
            Err(DeskError::Internal) => "INTERNAL_ERROR",
        };
        let verb = self.request.command.verb();
        metrics::counter!("surehold_commands_total", "command" => verb, "outcome" => kind).increment(1);
        // The caller may have hung up; what was done stays done.
        let _ = self.reply.send(result);
    }

    /// Gives up without a decision. If a COMMIT of it is in doubt, only that can be said.
    fn give_up(self, error: DeskError) {
        let error = if self.in_doubt {
            let key = self.written_key.clone().unwrap_or_else(|| self.request.key.text().to_owned());
            DeskError::OutcomeUnknown { key }
        } else {
            error
        };
        self.answer(Err(error));
    }
}
