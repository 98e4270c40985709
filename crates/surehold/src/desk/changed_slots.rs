//! Which slots were changed, for who has to know soon after COMMIT.
//!
//! Only a hint: what is noted here may be lost (a server that ends, a commit whose answer was lost, too many at once).
//! Whoever listens also looks for itself, more slowly.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

/// Slots that wait to be taken; more are not noted.
const SLOTS_MAX: usize = 10_000;

/// Slots that were changed by commits of this server and not taken since. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub struct ChangedSlots(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Organisation and slot.
    waiting: Mutex<HashSet<(Uuid, Uuid)>>,
    news: Notify,
}

impl ChangedSlots {
    /// Notes slots, each with its organisation. Never waits for who listens.
    pub fn note(&self, changed: impl IntoIterator<Item = (Uuid, Uuid)>) {
        let mut changed = changed.into_iter().peekable();
        if changed.peek().is_none() {
            return;
        }
        let mut waiting = self.lock();
        let room = SLOTS_MAX.saturating_sub(waiting.len());
        waiting.extend(changed.take(room));
        drop(waiting);
        self.0.news.notify_one();
    }

    /// Waits until something was noted.
    pub async fn any(&self) {
        self.0.news.notified().await;
    }

    /// Takes what was noted, by organisation.
    pub fn take(&self) -> HashMap<Uuid, Vec<Uuid>> {
        let waiting = std::mem::take(&mut *self.lock());
        let mut by_org: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for (org_id, slot_id) in waiting {
            by_org.entry(org_id).or_default().push(slot_id);
        }
        by_org
    }

    /// A panic while it was locked leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, HashSet<(Uuid, Uuid)>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_changes_of_a_slot_are_one() {
        let (org, slot, feed) = (Uuid::now_v7(), Uuid::now_v7(), ChangedSlots::default());
        feed.note([(org, slot), (org, slot)]);
        feed.clone().note([(org, slot)]);
        feed.any().await;
        assert_eq!(feed.take(), HashMap::from([(org, vec![slot])]));
        assert!(feed.take().is_empty());
    }

    #[test]
    fn without_a_listener_it_does_not_grow_for_ever() {
        let (org, feed) = (Uuid::now_v7(), ChangedSlots::default());
        for _ in 0..3 {
            feed.note((0..SLOTS_MAX).map(|_| (org, Uuid::now_v7())));
        }
        assert_eq!(feed.take()[&org].len(), SLOTS_MAX);
    }
}
