//! The load generator: HTTP requests over kept connections, from one thread that does nothing else.
//!
//! It shares the machine with what it measures, so it costs as little as possible: bodies are prepared before
//! the clock starts, and answers are counted, not parsed.

mod connection;
mod requests;
mod tally;
mod traffic;

use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Context;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

pub use requests::{Item, RequestSet};
pub use tally::Tally;
pub use traffic::{End, Pace, Traffic};

/// What came of the traffic that ran at the same time.
pub struct Outcome {
    /// One for each traffic, in its order.
    pub tallies: Vec<Tally>,
    /// CPU time of the load generator, in seconds.
    pub cpu_seconds: f64,
}

/// Runs traffics at the same time against a server, and counts.
///
/// # Errors
///
/// A connection that cannot be made or breaks, or an answer that no traffic expected: its body is in the error.
pub async fn run(server: SocketAddr, traffics: Vec<Traffic>) -> anyhow::Result<Outcome> {
    let (done, outcome) = oneshot::channel();
    std::thread::Builder::new().name("load".to_owned()).spawn(move || {
        // Nobody waits any more if the run was interrupted.
        let _ = done.send(on_this_thread(server, traffics));
    })?;
    outcome.await.context("the load generator died")?
}

fn on_this_thread(server: SocketAddr, traffics: Vec<Traffic>) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        let mut ready = Vec::new();
        for traffic in traffics {
            ready.push(traffic::connect(server, traffic).await?);
        }
        let cpu_before = thread_cpu_seconds()?;
        let running: Vec<_> = ready.into_iter().map(|traffic| tokio::task::spawn_local(traffic.run())).collect();
        let mut tallies = Vec::new();
        for traffic in running {
            tallies.push(traffic.await??);
        }
        Ok(Outcome { tallies, cpu_seconds: thread_cpu_seconds()? - cpu_before })
    }))
}

fn thread_cpu_seconds() -> anyhow::Result<f64> {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_THREAD)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Shared by the connections of one traffic, which live on one thread.
type Shared<T> = Rc<T>;
