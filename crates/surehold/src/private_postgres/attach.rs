//! Tools (`doctor`, `import`, `key`) beside a running `serve`: they use its server, or run one for
//! as long as they need it.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::account::Account;
use super::error::Error;
use super::lock::Lock;
use super::pid_file::PidFile;
use super::place::{self, Found};
use super::process::{Footprint, Whose};
use super::server::{PrivatePostgres, connection_string};
use super::wire::{self, Answer};
use super::{DATABASE, Options, socket};

/// How long to wait for a server that another process is starting or stopping.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that a tool may use.
#[derive(Debug)]
pub enum Attached {
    /// It runs already, under another process, and goes on when the tool ends. (Should that
    /// process stop first, the connections break.)
    Running {
        /// How to connect, in libpq's key/value style.
        connection_string: String,
    },
    /// The tool runs it, and holds the data folder.
    Started(PrivatePostgres),
}

impl Attached {
    /// How to connect, in libpq's key/value style.
    #[must_use]
    pub fn connection_string(&self) -> String {
        match self {
            Attached::Running { connection_string } => connection_string.clone(),
            Attached::Started(server) => server.connection_string(),
        }
    }

    /// Ends the use: stops the server if it was started for us.
    ///
    /// # Errors
    ///
    /// As [`PrivatePostgres::stop`].
    pub async fn detach(self) -> Result<(), Error> {
        match self {
            Attached::Running { .. } => Ok(()),
            Attached::Started(server) => server.stop().await,
        }
    }
}

/// Uses the server of a data folder if one runs, else starts it for the time of the tool.
///
/// # Errors
///
/// [`Error::NoCluster`] when the data folder has no database yet; [`Error::InUse`] when another
/// process holds the folder but its server cannot be reached within 20 s; else as
/// [`PrivatePostgres::start`].
pub async fn attach(options: &Options) -> Result<Attached, Error> {
    attach_with(options, false).await
}

/// As [`attach()`], but makes the data folder, the cluster and the database if they are missing.
///
/// # Errors
///
/// As [`attach()`], except that the database may be missing.
pub async fn attach_or_create(options: &Options) -> Result<Attached, Error> {
    attach_with(options, true).await
}

async fn attach_with(options: &Options, create: bool) -> Result<Attached, Error> {
    let no_cluster = || Error::NoCluster { data_dir: options.data_dir.clone() };
    let data_dir =
        if create { place::make_data_dir(&options.data_dir) } else { place::real_data_dir(&options.data_dir) };
    let data_dir = match data_dir {
        Err(Error::File { source, .. }) if !create && source.kind() == ErrorKind::NotFound => return Err(no_cluster()),
        data_dir => data_dir?,
    };
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(connection_string) = running(&data_dir).await? {
            return Ok(Attached::Running { connection_string });
        }
        if !create && matches!(place::find(&data_dir)?, Found::Nothing) && !data_dir.join("serve.lock").exists() {
            return Err(no_cluster()); // not our folder at all: leave nothing in it
        }
        match Lock::data_dir(&data_dir) {
            Ok(lock) => {
                // Asked under the lock only: before it, a `serve` might just be making the cluster.
                if !create && !matches!(place::find(&data_dir)?, Found::Cluster(..)) {
                    return Err(no_cluster());
                }
                return PrivatePostgres::start_locked(options, &data_dir, lock).await.map(Attached::Started);
            }
            // Its server is about to come up, or to go away together with the lock.
            Err(Error::InUse { .. }) if Instant::now() < end => sleep(Duration::from_millis(200)).await,
            Err(error) => return Err(error),
        }
    }
}

/// How to connect to the server that runs on the data folder, if one does and answers.
async fn running(data_dir: &Path) -> Result<Option<String>, Error> {
    let Found::Cluster(cluster, owner) = place::find(data_dir)? else { return Ok(None) };
    let account = Account::choose(&cluster, Some(owner))?;
    let Some(PidFile { pid, socket_dir: Some(socket_dir), port }) = PidFile::read(&cluster)? else { return Ok(None) };
    if matches!(Footprint::of(&cluster, account.uid)?.whose(pid), None | Some(Whose::Stranger)) {
        return Ok(None);
    }
    match wire::ask(&socket_dir, port, DATABASE, None).await {
        // A refusal (too many connections, say) is for the tool to meet: the server does run.
        Answer::Ready | Answer::Refused(_) => {
            socket::check(&socket_dir, account.uid)?;
            Ok(Some(connection_string(&socket_dir, port)))
        }
        Answer::Nobody | Answer::NotNow(_) | Answer::NoDatabase => Ok(None),
    }
}
