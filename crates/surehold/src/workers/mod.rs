//! Work that goes on beside requests. Workers change seats, credits and bookings only through the desk.

pub mod expired_holds;
pub mod payments;
pub mod session_cancellation;

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// Does a piece of work at once and again after each pause, until `stop` is ready. What goes wrong is logged, and
/// tried again.
async fn every<T, E: Display, F: Future<Output = Result<T, E>>>(
    pause: Duration,
    what: &'static str,
    stop: impl Future<Output = ()>,
    mut work: impl FnMut() -> F,
) {
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            result = work() => if let Err(error) = result {
                tracing::warn!(%error, "{what}: could not be looked after; trying again");
            }
        }
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
