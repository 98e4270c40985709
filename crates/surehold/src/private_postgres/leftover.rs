//! What a killed program left running. With the lock of the data folder in our hands, a server
//! that still runs on the cluster belongs to an earlier `serve` that was killed; and when that
//! server was killed too, its backends may go on for a moment.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use super::error::Error;
use super::pid_file::PidFile;
use super::process::{Footprint, Whose, signal};

/// How long a fast shutdown may take: it writes a checkpoint.
const FAST_SHUTDOWN: Duration = Duration::from_secs(30);
/// How long an immediate shutdown may take: it only ends processes.
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(10);
/// How long backends without a server may take to notice. Idle ones do at once, one that computes
/// only when its statement ends.
const BACKENDS_NOTICE: Duration = Duration::from_secs(5);

/// Leaves nobody at work on the cluster. Call with its lock held.
pub(super) async fn clear(footprint: &Footprint) -> Result<(), Error> {
    let recorded = PidFile::read(&footprint.cluster)?.map(|file| file.pid);
    if let Some(pid) = recorded
        && footprint.whose(pid.abs()) == Some(Whose::Ours)
    {
        if pid < 0 {
            return Err(still_running("a single-user PostgreSQL", pid.abs(), footprint));
        }
        tracing::warn!(pid, "stopping the PostgreSQL that an earlier, killed surehold left running");
        stop_orphan(pid, footprint).await?;
    }
    end_backends(footprint).await?;
    remove_stale_lock_file(&PidFile::path(&footprint.cluster), footprint)
}

/// PostgreSQL takes any living process with the recorded id for a running server, unless it
/// belongs to another account, and will not start. When that process is certainly a stranger, and
/// nobody works on the cluster (see [`clear`]), the file is stale and must go. While the id is
/// free we let PostgreSQL decide, which also checks for leftover shared memory.
pub(super) fn remove_stale_lock_file(path: &Path, footprint: &Footprint) -> Result<(), Error> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file("read", path)(error)),
    };
    let reason = match PidFile::parse(&text).map(|file| file.pid.abs()) {
        Some(pid) if footprint.whose(pid) == Some(Whose::Stranger) => "its process id belongs to another program now",
        Some(_) => return Ok(()),
        // PostgreSQL trips over it. A power cut or a full disk leaves such a file.
        None => "it is empty or damaged",
    };
    tracing::info!(path = %path.display(), reason, "removing a stale lock file");
    fs::remove_file(path).map_err(Error::file("remove", path))
}

async fn stop_orphan(pid: i32, footprint: &Footprint) -> Result<(), Error> {
    for (shutdown, patience) in [(Signal::SIGINT, FAST_SHUTDOWN), (Signal::SIGQUIT, IMMEDIATE_SHUTDOWN)] {
        signal(pid, shutdown);
        let end = Instant::now() + patience;
        while Instant::now() < end {
            // Not our child, so there is nothing to wait for but its disappearance.
            if footprint.whose(pid) != Some(Whose::Ours) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    Err(still_running("a PostgreSQL server of an earlier surehold", pid, footprint))
}

/// Waits for backends that lost their server, then ends them. A new server next to an old backend
/// would ruin the cluster.
async fn end_backends(footprint: &Footprint) -> Result<(), Error> {
    let begin = Instant::now();
    let mut asked_to_end = false;
    loop {
        let at_work = footprint.at_work();
        let Some(first) = at_work.first() else { return Ok(()) };
        let waited = begin.elapsed();
        if waited > BACKENDS_NOTICE + IMMEDIATE_SHUTDOWN {
            return Err(still_running("a PostgreSQL process of an earlier surehold", *first, footprint));
        }
        if waited > BACKENDS_NOTICE && !asked_to_end {
            tracing::warn!(pids = ?at_work, "ending PostgreSQL processes that lost their server");
            at_work.iter().for_each(|pid| signal(*pid, Signal::SIGQUIT));
            asked_to_end = true;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn still_running(what: &'static str, pid: i32, footprint: &Footprint) -> Error {
    Error::StillRunning { what, pid, cluster: footprint.cluster.clone() }
}
