//! Keeps the counters in Redis. Nothing here holds a lock that a booking waits for; Redis being away, or silent, delays
//! its counters, and nothing else.

use std::future::Future;

use tokio::time::{Instant, sleep, sleep_until};

use crate::counters::{Counters, Keeper};
use crate::store::Store;

/// Follows what the desk changes, and looks again at what was changed lately, until `stop` is ready.
pub async fn run(store: Store, counters: Counters, stop: impl Future<Output = ()>) {
    tokio::select! {
        () = stop => {}
        () = keep(store, counters) => {}
    }
}

async fn keep(store: Store, counters: Counters) {
    let Counters { redises, changed_slots, options } = counters;
    let mut keeper = Keeper::new(store, redises, options);
    let mut next_sweep = Instant::now();
    loop {
        tokio::select! {
            () = sleep_until(next_sweep) => {
                if let Err(error) = keeper.sweep().await {
                    tracing::warn!(%error, "counters: could not be looked after; trying again");
                }
                next_sweep = Instant::now() + options.sweep_every;
            }
            () = changed_slots.any() => {
                sleep(options.pause).await;
                keeper.follow(&changed_slots.take()).await;
            }
        }
    }
}
