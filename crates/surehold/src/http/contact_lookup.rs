//! Finds contacts by (student ID, email), many in one query.
//!
//! Every booking without a token begins with it, and it would cost as much as the booking itself. As at the
//! desk, there is no timer: requests that come while a query is in flight share the next one, and a lone
//! request asks at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::error::ApiError;
use crate::store::contacts::{self, Linked};
use crate::store::{Store, StoreError};

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
    /// HubSpot's number is wanted, too.
    is_linked: bool,
    answer: oneshot::Sender<Result<Option<Linked>, Arc<StoreError>>>,
}

impl ContactLookup {
    /// Over a store.
    pub fn new(store: Store) -> ContactLookup {
        ContactLookup { store, queue: Arc::default() }
    }

    /// The contact of an identity, in upper and lower case.
    pub async fn find(&self, org_id: Uuid, student_id: &str, email: &str) -> Result<Option<Uuid>, ApiError> {
        Ok(self.wait(org_id, student_id, email, false).await?.map(|contact| contact.id))
    }

    /// The same with HubSpot's number of it.
    pub async fn find_linked(&self, org_id: Uuid, student_id: &str, email: &str) -> Result<Option<Linked>, ApiError> {
        self.wait(org_id, student_id, email, true).await
    }

    async fn wait(
        &self,
        org_id: Uuid,
        student_id: &str,
        email: &str,
        is_linked: bool,
    ) -> Result<Option<Linked>, ApiError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { org_id, student_id: student_id.to_owned(), email: email.to_owned(), is_linked, answer };
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
        let found = ask(&store, &batch).await.map_err(Arc::new);
        for (place, one) in batch.into_iter().enumerate() {
            let answer = found.as_ref().map(|contacts| contacts[place].clone()).map_err(Arc::clone);
            let _ = one.answer.send(answer); // an error: nobody waits any more
        }
    }
}

async fn ask(store: &Store, batch: &[Waiting]) -> Result<Vec<Option<Linked>>, StoreError> {
    let org_ids: Vec<Uuid> = batch.iter().map(|one| one.org_id).collect();
    let student_ids: Vec<&str> = batch.iter().map(|one| one.student_id.as_str()).collect();
    let emails: Vec<&str> = batch.iter().map(|one| one.email.as_str()).collect();
    let client = store.read().await?;
    if batch.iter().any(|one| one.is_linked) {
        return contacts::linked_ids_by_identity(&client, &org_ids, &student_ids, &emails).await;
    }
    let ids = contacts::ids_by_identity(&client, &org_ids, &student_ids, &emails).await?;
    Ok(ids.into_iter().map(|id| id.map(|id| Linked { id, hubspot_id: None })).collect())
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
