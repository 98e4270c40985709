//! Keeping the server running.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::error::Error;
use super::launch::{Launcher, Postmaster, Stop, asked};
use super::lock::Lock;
use super::place::{self, Place};
use super::process::Footprint;
use super::settings::{self, PORT};
use super::{DATABASE, OWNER, Options, socket};

/// The pauses between attempts to start a server that died.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long `start` waits for another process to let go of the data folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// A private PostgreSQL server that this process runs: if it dies, it is started again, until
/// [`stop`](Self::stop). Dropped without that, it is asked to stop but not waited for.
#[derive(Debug)]
pub struct PrivatePostgres {
    socket_dir: PathBuf,
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<Result<(), Error>>,
}

impl PrivatePostgres {
    /// Starts the server of a data folder, making folder, cluster and database if they are missing.
    /// Holds `<data_dir>/serve.lock` until it has stopped. Returns when the database can be used,
    /// which after a crash takes as long as the recovery does.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] when another process holds the data folder; [`Error::NoBinaries`] when no
    /// PostgreSQL is installed; else what kept the server from starting.
    pub async fn start(options: &Options) -> Result<PrivatePostgres, Error> {
        let data_dir = place::make_data_dir(&options.data_dir)?;
        let lock = take_lock(&data_dir).await?;
        Self::start_locked(options, &data_dir, lock).await
    }

    pub(super) async fn start_locked(options: &Options, data_dir: &Path, lock: Lock) -> Result<PrivatePostgres, Error> {
        let Place { data_dir, cluster, account, binaries, lock: cluster_lock } =
            place::settle(options, data_dir).await?;
        let socket_dir = socket::prepare(&cluster, &account)?;
        let footprint = Footprint::of(&cluster, account.uid)?;
        let has_lz4 = binaries.accepts(&account, &cluster, settings::WAL_COMPRESSION, settings::LZ4).await;
        let launcher = Launcher {
            data_dir,
            footprint,
            account,
            postgres: binaries.postgres,
            has_lz4,
            socket_dir: socket_dir.clone(),
        };
        let (stop, mut stopped) = watch::channel(false);
        let begin = Instant::now();
        let Some(postmaster) = launcher.start(&mut stopped).await? else {
            unreachable!("nobody else has the sender, and it was not used");
        };
        tracing::info!(cluster = %cluster.display(), version = binaries.major, after = ?begin.elapsed(), "PostgreSQL runs");
        let supervisor = tokio::spawn(supervise(launcher, postmaster, stopped, [lock, cluster_lock]));
        Ok(PrivatePostgres { socket_dir, stop, supervisor })
    }

    /// The folder of the server's unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// How to connect, in libpq's key/value style.
    #[must_use]
    pub fn connection_string(&self) -> String {
        connection_string(&self.socket_dir, PORT)
    }

    /// Stops the server: a fast shutdown, after 30 s an immediate one. Open transactions are
    /// rolled back, so stop what uses the database first.
    ///
    /// # Errors
    ///
    /// [`Error::Stop`] when it is still there after 40 s.
    pub async fn stop(self) -> Result<(), Error> {
        let _ = self.stop.send(true);
        match self.supervisor.await {
            Ok(stopped) => stopped,
            Err(error) => std::panic::resume_unwind(error.into_panic()), // nobody cancels it
        }
    }
}

/// Takes the data folder's lock, with a moment's patience: a program that was just killed or
/// stopped, and is being replaced, holds it until the kernel has cleared it away.
async fn take_lock(data_dir: &Path) -> Result<Lock, Error> {
    let begin = Instant::now();
    loop {
        match Lock::data_dir(data_dir) {
            Err(Error::InUse { .. }) if begin.elapsed() < LOCK_PATIENCE => sleep(Duration::from_millis(50)).await,
            lock => return lock,
        }
    }
}

/// How to connect to a server, in libpq's key/value style.
pub(super) fn connection_string(socket_dir: &Path, port: u16) -> String {
    format!("host={} port={port} user={OWNER} dbname={DATABASE}", quoted(&socket_dir.to_string_lossy()))
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
    }
}

/// Watches the server until asked to stop. Holds the locks, so that they outlive the server even
/// when [`PrivatePostgres`] is dropped.
async fn supervise(
    launcher: Launcher,
    mut postmaster: Postmaster,
    mut stop: Stop,
    _locks: [Lock; 2],
) -> Result<(), Error> {
    let mut pause = PAUSE_MIN;
    loop {
        let begin = Instant::now();
        let status = tokio::select! {
            status = postmaster.ended() => status,
            () = asked(&mut stop) => {
                let stopped = postmaster.stop().await;
                // Only when empty, that is when the server has left.
                let _ = std::fs::remove_dir(&launcher.socket_dir);
                return stopped;
            }
        };
        tracing::error!(%status, "PostgreSQL ended unexpectedly; starting it again");
        if begin.elapsed() > PAUSE_MAX * 2 {
            pause = PAUSE_MIN;
        }
        postmaster = loop {
            tokio::select! {
                () = sleep(pause) => {}
                () = asked(&mut stop) => return Ok(()),
            }
            pause = (pause * 2).min(PAUSE_MAX);
            match launcher.start(&mut stop).await {
                Ok(Some(postmaster)) => break postmaster,
                Ok(None) => return Ok(()),
                Err(error) => tracing::error!(%error, "PostgreSQL cannot be started again; trying on"),
            }
        };
        tracing::info!("PostgreSQL runs again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_left_alone_and_others_quoted() {
        let connection = connection_string(Path::new("/tmp/surehold-0-abc"), 5432);
        assert_eq!(connection, "host=/tmp/surehold-0-abc port=5432 user=surehold_owner dbname=surehold");
        assert_eq!(quoted(r"/it's a\b"), r"'/it\'s a\\b'");
    }
}
