//! Finds contacts by (student ID, email), many in one query.
//!
//! Every booking without a token begins with it, and it would cost as much as the booking itself. As at the
//! desk, there is no timer: requests that come while a query is in flight share the next one, and a lone
//! request asks at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::error::ApiError;
use crate::store::{Store, StoreError, contacts};

/// Requests in one query.
const TOGETHER_MAX: usize = 512;

/// Finds contacts by identity.
#[derive(Clone)]
pub struct ContactLookup {
    store: Store,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    in_flight: bool,
    waiting: Vec<Waiting>,
}

struct Waiting {
    org_id: Uuid,
    student_id: String,
    email: String,
    answer: oneshot::Sender<Result<Option<Uuid>, Arc<StoreError>>>,
}

impl ContactLookup {
    /// Over a store.
    pub fn new(store: Store) -> ContactLookup {
        ContactLookup { store, queue: Arc::default() }
    }

    /// The contact of an identity, in upper and lower case.
    pub async fn find(&self, org_id: Uuid, student_id: &str, email: &str) -> Result<Option<Uuid>, ApiError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { org_id, student_id: student_id.to_owned(), email: email.to_owned(), answer };
        let idle = {
            let mut queue = lock(&self.queue);
            queue.waiting.push(waiting);
            !std::mem::replace(&mut queue.in_flight, true)
        };
        if idle {
            tokio::spawn(answer_all(self.store.clone(), InFlight { queue: self.queue.clone(), done: false }));
        }
        match answered.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) if error.is_unavailable() => Err(ApiError::database_unavailable(Some(error.to_string()))),
            Ok(Err(error)) => Err(ApiError::internal(error.to_string())),
            Err(_) => Err(ApiError::internal("the contact lookup ended before it answered")),
        }
    }
}

/// Answers what waits until nothing does.
async fn answer_all(store: Store, mut in_flight: InFlight) {
    while let Some(batch) = in_flight.next_batch() {
        let mut by_org: HashMap<Uuid, Vec<Waiting>> = HashMap::new();
        for waiting in batch {
            by_org.entry(waiting.org_id).or_default().push(waiting);
        }
        futures::future::join_all(by_org.into_iter().map(|(org_id, waiting)| answer_org(&store, org_id, waiting)))
            .await;
    }
}

async fn answer_org(store: &Store, org_id: Uuid, waiting: Vec<Waiting>) {
    let found = match ask(store, org_id, &waiting).await {
        Ok(found) => found,
        Err(error) => {
            let error = Arc::new(error);
            for one in waiting {
                let _ = one.answer.send(Err(error.clone())); // nobody waits any more
            }
            return;
        }
    };
    for one in waiting {
        let id = found.get(&(one.student_id, one.email)).copied();
        let _ = one.answer.send(Ok(id)); // nobody waits any more
    }
}

async fn ask(store: &Store, org_id: Uuid, waiting: &[Waiting]) -> Result<HashMap<(String, String), Uuid>, StoreError> {
    let mut student_ids: Vec<&str> = waiting.iter().map(|one| one.student_id.as_str()).collect();
    student_ids.sort_unstable();
    student_ids.dedup();
    let client = store.read().await?;
    let rows = contacts::ids_by_student_id(&client, org_id, &student_ids).await?;
    Ok(rows.into_iter().map(|(student_id, email, id)| ((student_id, email), id)).collect())
}

/// The right to ask, of one task at a time. If that task dies, those who wait are told (their senders
/// are dropped) and the next request starts anew.
struct InFlight {
    queue: Arc<Mutex<Queue>>,
    done: bool,
}

impl InFlight {
    fn next_batch(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = lock(&self.queue);
        if queue.waiting.is_empty() {
            queue.in_flight = false;
            self.done = true;
            return None;
        }
        let count = queue.waiting.len().min(TOGETHER_MAX);
        Some(queue.waiting.drain(..count).collect())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.done {
            let mut queue = lock(&self.queue);
            queue.in_flight = false;
            queue.waiting.clear();
        }
    }
}

/// A panic while it was locked leaves nothing half done.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
