//! The state of a simulator, and who changes it. In memory, under one mutex: a lock is held for one request's
//! work and never across a wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A state in which things happen by themselves as time goes by.
pub(crate) trait CatchUp {
    /// Does what is due; says whether anything was.
    fn catch_up(&mut self) -> bool;
}

/// The state, and a way to hear of its changes.
#[derive(Debug)]
pub(crate) struct Shared<S> {
    state: Mutex<S>,
    changes: watch::Sender<()>,
}

impl<S: CatchUp> Shared<S> {
    pub(crate) fn new(state: S) -> Shared<S> {
        Shared { state: Mutex::new(state), changes: watch::Sender::new(()) }
    }

    /// Changes the state. What is due is done first, so nobody can see that it was late.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        let mut state = self.lock();
        state.catch_up();
        let result = change(&mut state);
        drop(state);
        self.changes.send_replace(());
        result
    }

    /// Looks at the state, as callers see it. Tells others only if something was due.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&S) -> T) -> T {
        let mut state = self.lock();
        let changed = state.catch_up();
        let result = read(&state);
        drop(state);
        if changed {
            self.changes.send_replace(());
        }
        result
    }

    /// Looks at the state as it is, and tells nobody.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.lock())
    }

    /// Hears of changes from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Waits until a condition holds. It is looked at after every change.
    pub(crate) async fn until(&self, condition: impl Fn() -> bool) {
        let mut changes = self.subscribe();
        loop {
            changes.mark_unchanged();
            if condition() || changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        // A panic in a test's closure must not hide its own message behind those of all later calls.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the next thing that is due; for ever, if nothing is.
pub(crate) async fn until_due(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
