//! Starting and stopping one server process.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::account::Account;
use super::error::Error;
use super::log_file::LogFile;
use super::process::{Footprint, signal};
use super::settings::{self, PORT};
use super::wire::{self, Answer};
use super::{DATABASE, OWNER, leftover};

/// How long a start is repeated while something of an earlier server lingers.
const LINGER: Duration = Duration::from_secs(20);
/// How long a server may be silent. One that recovers says so, and may take as long as it needs.
const SILENCE: Duration = Duration::from_secs(60);

/// A request to stop; closing the sender asks too.
pub(super) type Stop = watch::Receiver<bool>;

/// Waits until stopping is asked for.
pub(super) async fn asked(stop: &mut Stop) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// All that is needed to start the server, again and again.
#[derive(Debug)]
pub(super) struct Launcher {
    pub data_dir: PathBuf,
    pub footprint: Footprint,
    pub account: Account,
    pub postgres: PathBuf,
    pub has_lz4: bool,
    pub socket_dir: PathBuf,
}

impl Launcher {
    /// Starts the server and waits until its database can be used. `None`: asked to stop.
    pub async fn start(&self, stop: &mut Stop) -> Result<Option<Postmaster>, Error> {
        let deadline = Instant::now() + LINGER;
        loop {
            tokio::select! {
                cleared = leftover::clear(&self.footprint) => cleared?,
                () = asked(stop) => return Ok(None),
            }
            leftover::remove_stale_lock_file(&self.socket_dir.join(format!(".s.PGSQL.{PORT}.lock")), &self.footprint)?;
            let log = LogFile::open(&self.data_dir)?;
            let mut postmaster = self.spawn(&log)?;
            let reason = tokio::select! {
                ready = self.ready(&mut postmaster) => match ready {
                    Ok(()) => return Ok(Some(postmaster)),
                    Err(reason) => reason,
                },
                () = asked(stop) => {
                    postmaster.stop().await?;
                    return Ok(None);
                }
            };
            let _ = postmaster.stop().await;
            let tail = log.tail();
            if !lingers(&tail) || Instant::now() > deadline {
                return Err(Error::Start { reason, log: log.path, tail });
            }
            tracing::info!(reason, "something of an earlier PostgreSQL lingers; trying again");
            sleep(Duration::from_millis(500)).await;
        }
    }

    fn spawn(&self, log: &LogFile) -> Result<Postmaster, Error> {
        let copy = || log.file.try_clone().map(Stdio::from).map_err(Error::file("open", &log.path));
        let child = self
            .account
            .command(&self.postgres)
            .args(settings::arguments(&self.footprint.cluster, &self.socket_dir, &self.footprint.name, self.has_lz4))
            .stdout(copy()?)
            .stderr(copy()?)
            .spawn()
            .map_err(Error::file("run", &self.postgres))?;
        Ok(Postmaster { child, log: log.path.clone() })
    }

    /// Waits until the database can be used, and makes it if it is missing; else says why not.
    async fn ready(&self, postmaster: &mut Postmaster) -> Result<(), String> {
        let mut heard = Instant::now();
        let mut told = Instant::now();
        loop {
            match wire::ask(&self.socket_dir, PORT, DATABASE, None).await {
                Answer::Ready => return Ok(()),
                Answer::NoDatabase => {
                    let statement =
                        format!("CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8'");
                    match wire::ask(&self.socket_dir, PORT, "postgres", Some(&statement)).await {
                        Answer::Ready => continue,
                        answer => return Err(format!("the database {DATABASE} cannot be made ({answer:?})")),
                    }
                }
                Answer::Refused(message) => return Err(format!("it answered: {message}")),
                Answer::NotNow(message) => {
                    heard = Instant::now();
                    if told.elapsed() > Duration::from_secs(10) {
                        tracing::info!(message, "waiting for PostgreSQL");
                        told = heard;
                    }
                }
                Answer::Nobody if heard.elapsed() > SILENCE => {
                    return Err(format!("it did not answer for {} s", SILENCE.as_secs()));
                }
                Answer::Nobody => {}
            }
            tokio::select! {
                ended = postmaster.child.wait() => {
                    return Err(ended.map_or_else(|error| error.to_string(), |status| format!("it ended with {status}")));
                }
                () = sleep(Duration::from_millis(50)) => {}
            }
        }
    }
}

/// Whether the log tells of something that passes by itself.
fn lingers(tail: &str) -> bool {
    tail.contains("pre-existing shared memory block") || tail.contains("could not bind Unix address")
}

/// One running server process. Dropped, it is asked to stop, but nobody waits for it.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
    log: PathBuf,
}

impl Postmaster {
    /// Its process id; `None` once it has ended.
    fn pid(&self) -> Option<i32> {
        // tokio forgets the id when the child is reaped, so this never is somebody else's.
        self.child.id().and_then(|pid| i32::try_from(pid).ok())
    }

    /// Waits until it ends, and says how. May be cancelled.
    pub async fn ended(&mut self) -> String {
        self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Stops it: a fast shutdown (clients are disconnected, all is written), then an immediate one.
    pub async fn stop(mut self) -> Result<(), Error> {
        let attempts = [(Signal::SIGINT, Duration::from_secs(30)), (Signal::SIGQUIT, Duration::from_secs(10))];
        for (shutdown, patience) in attempts {
            let Some(pid) = self.pid() else { return Ok(()) };
            signal(pid, shutdown);
            if timeout(patience, self.child.wait()).await.is_ok() {
                return Ok(());
            }
            tracing::warn!(pid, signal = %shutdown, "PostgreSQL does not stop");
        }
        let Some(pid) = self.pid() else { return Ok(()) };
        let seconds = attempts.iter().map(|(_, patience)| patience.as_secs()).sum();
        Err(Error::Stop { pid, seconds, log: self.log.clone() })
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            signal(pid, Signal::SIGINT);
        }
    }
}
