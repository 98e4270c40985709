//! Who is being looked for, and who was in vain. Of one server process: another one asks once more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Found, LookedUp};
use crate::mirror::MirrorError;

/// Students who are looked for at once. HubSpot answers ten within the time that anybody waits, so the rest would wait
/// in vain.
const TOGETHER_MAX: usize = 100;
/// Unknown students who are remembered: a stranger's inventions cost no more memory than these.
const UNKNOWN_MAX: usize = 10_000;

/// A student as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The organisation.
    pub org_id: Uuid,
    /// Upper case.
    pub student_id: String,
    /// Lower case, trimmed.
    pub email: String,
}

impl Pair {
    /// A student of an organisation.
    pub fn new(org_id: Uuid, student_id: &str, email: &str) -> Pair {
        Pair { org_id, student_id: student_id.to_owned(), email: email.to_owned() }
    }
}

/// Who is being looked for, and who was in vain. Clones are the same one.
#[derive(Clone, Default)]
pub struct Lookups {
    pub(super) added: Flights<Result<LookedUp, Arc<MirrorError>>>,
    pub(super) shown: Flights<Result<Option<Arc<Found>>, Arc<MirrorError>>>,
    /// Since when.
    unknown: Arc<Mutex<HashMap<Pair, Instant>>>,
}

impl Lookups {
    /// Whether HubSpot did not know this student less than so long ago.
    pub(super) fn is_unknown(&self, pair: &Pair, unknown_for: Duration) -> bool {
        lock(&self.unknown).get(pair).is_some_and(|since| since.elapsed() < unknown_for)
    }

    /// Remembers for so long that HubSpot does not know this student.
    pub(super) fn remember_unknown(&self, pair: &Pair, unknown_for: Duration) {
        let mut unknown = lock(&self.unknown);
        if unknown.len() >= UNKNOWN_MAX {
            unknown.retain(|_, since| since.elapsed() < unknown_for);
        }
        if unknown.len() >= UNKNOWN_MAX {
            unknown.clear();
        }
        unknown.insert(pair.clone(), Instant::now());
    }
}

/// Work that is done once for all who ask for the same at the same time. Clones are the same one.
pub(super) struct Flights<T>(Arc<Mutex<HashMap<Pair, Vec<oneshot::Sender<T>>>>>);

/// Why there is no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// Too much is going on; it was not begun.
    TooMany,
    /// It ended without one.
    Died,
}

impl<T> Clone for Flights<T> {
    fn clone(&self) -> Flights<T> {
        Flights(self.0.clone())
    }
}

impl<T> Default for Flights<T> {
    fn default() -> Flights<T> {
        Flights(Arc::default())
    }
}

impl<T: Clone + Send + 'static> Flights<T> {
    /// The outcome of the work for a student: of what is being done already, else of this. It goes on if whoever asked
    /// leaves.
    pub(super) async fn join(&self, pair: Pair, work: impl Future<Output = T> + Send + 'static) -> Result<T, Missed> {
        let (sender, outcome) = oneshot::channel();
        let is_first = {
            let mut flights = lock(&self.0);
            let is_first = !flights.contains_key(&pair);
            if is_first && flights.len() >= TOGETHER_MAX {
                return Err(Missed::TooMany);
            }
            flights.entry(pair.clone()).or_default().push(sender);
            is_first
        };
        if is_first {
            let landing = Landing { flights: self.clone(), pair };
            tokio::spawn(async move {
                let outcome = work.await;
                for waiting in landing.take() {
                    let _ = waiting.send(outcome.clone()); // an error: nobody waits any more
                }
            });
        }
        outcome.await.map_err(|_| Missed::Died)
    }
}

/// The end of a flight, however it ends: if it dies, those who wait are told (their senders are dropped), and the next
/// one starts anew.
struct Landing<T> {
    flights: Flights<T>,
    pair: Pair,
}

impl<T> Landing<T> {
    fn take(&self) -> Vec<oneshot::Sender<T>> {
        lock(&self.flights.0).remove(&self.pair).unwrap_or_default()
    }
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        self.take();
    }
}

/// A panic while it was locked leaves nothing half done.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "lookups_tests.rs"]
mod tests;
