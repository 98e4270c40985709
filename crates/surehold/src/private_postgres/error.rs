//! What can go wrong with the private server, each with a sentence that says what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why the private PostgreSQL could not be started, reached or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable server programs on this machine.
    #[error(
        "no PostgreSQL server (version 15 or newer) was found{}. \
         Install one: `apt-get install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora, RHEL) \
         or `brew install postgresql@16` (macOS). If it is installed elsewhere, set SUREHOLD_PG_BIN to the folder \
         that holds `postgres` and `initdb`; to use a server that already runs, set DATABASE_URL",
        but(.passed_over)
    )]
    NoBinaries {
        /// What was found but cannot be used, one reason each.
        passed_over: Vec<String>,
    },

    /// `SUREHOLD_PG_BIN` names a folder that cannot be used.
    #[error(
        "SUREHOLD_PG_BIN cannot be used: {problem}. Set it to the folder that holds `postgres` and `initdb` of PostgreSQL 15 or newer, or unset it to search the usual places"
    )]
    BadBinaryFolder {
        /// The folder and what is wrong with it.
        problem: String,
    },

    /// The cluster was made by a major version that is not installed.
    #[error("the database cluster {cluster} was made by PostgreSQL {major}, but {}. Install PostgreSQL {major} (Debian: `apt-get install postgresql-{major}`) or set SUREHOLD_PG_BIN to its folder; pg_upgrade can bring the cluster to a newer version", found_versions(.found))]
    OtherMajor {
        /// The cluster folder.
        cluster: PathBuf,
        /// Its major version.
        major: u32,
        /// The major versions that were found.
        found: Vec<u32>,
    },

    /// We are root and there is no account to run PostgreSQL as.
    #[error(
        "PostgreSQL does not run as root, and this machine has no other account to run it as (looked for {looked_for}). Create one, for example `useradd --system postgres`, or run this program as an ordinary user"
    )]
    NoAccount {
        /// The account names tried.
        looked_for: String,
    },

    /// The account that runs us is not in the user database, which initdb insists on.
    #[error(
        "the user id {uid} has no entry in /etc/passwd, and PostgreSQL's initdb refuses to work without one. Add an entry or run as a user that has one"
    )]
    NamelessUser {
        /// Our user id.
        uid: u32,
    },

    /// The cluster belongs to somebody we cannot become.
    #[error(
        "the database cluster {cluster} belongs to user id {owner}, but this program runs as user id {ours}. {remedy}"
    )]
    OtherOwner {
        /// The cluster folder.
        cluster: PathBuf,
        /// Its owner.
        owner: u32,
        /// Our user id.
        ours: u32,
        /// What to do.
        remedy: &'static str,
    },

    /// The account cannot reach an existing cluster.
    #[error(
        "PostgreSQL runs as account {account}, which cannot enter {cluster}. Move the data folder to a place that account may enter, or give it the right to pass through the folders above"
    )]
    Unreachable {
        /// The cluster folder.
        cluster: PathBuf,
        /// The account's name.
        account: String,
    },

    /// Another process works on the same data folder.
    #[error("the data folder {data_dir} is in use by {}. Stop that one first, or choose another data folder", holder(.pid))]
    InUse {
        /// The data folder, or the cluster when it is shared by two data folders.
        data_dir: PathBuf,
        /// The process that holds it, when known.
        pid: Option<i32>,
    },

    /// A tool wants a cluster, and there is none yet.
    #[error(
        "there is no database in {data_dir} yet. Run `surehold serve` once with this data folder to make it, or check that the folder is the right one"
    )]
    NoCluster {
        /// The data folder.
        data_dir: PathBuf,
    },

    /// A folder stands where the cluster should be, but it is something else.
    #[error("{path} is not a PostgreSQL cluster: {problem}")]
    NotACluster {
        /// The path.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },

    /// The socket folder is not safe to use.
    #[error("the socket folder {path} cannot be used: {problem}. Remove it and start again")]
    SocketFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A server that is not ours to stop stands in the way.
    #[error("{what} (process {pid}) is still at work on the cluster {cluster}. End it, then start again")]
    StillRunning {
        /// What it is.
        what: &'static str,
        /// Its process id.
        pid: i32,
        /// The cluster folder.
        cluster: PathBuf,
    },

    /// `initdb` failed.
    #[error("initdb could not make the database cluster {cluster}{}. It said:\n{output}", remedy_for_text(.output))]
    Initdb {
        /// Where the cluster was to be.
        cluster: PathBuf,
        /// Its last lines.
        output: String,
    },

    /// The server ended before it was ready, or never answered.
    #[error("PostgreSQL did not start: {reason}{}. The end of {}:\n{tail}", remedy_for_text(.tail), .log.display())]
    Start {
        /// What happened.
        reason: String,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },

    /// The server did not stop in time.
    #[error(
        "PostgreSQL (process {pid}) did not stop within {seconds} s; its log is {log}. The next start will deal with it"
    )]
    Stop {
        /// Its process id.
        pid: i32,
        /// How long we waited, in seconds.
        seconds: u64,
        /// The server's log.
        log: PathBuf,
    },

    /// A file operation failed.
    #[error("cannot {doing} {path}: {source}{}", remedy_for_kind(.source))]
    File {
        /// What we were doing, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: adds what we were doing, and to which path.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::File { doing, path: path.to_path_buf(), source }
    }
}

fn but(passed_over: &[String]) -> String {
    if passed_over.is_empty() { String::new() } else { format!(" ({})", passed_over.join("; ")) }
}

fn found_versions(found: &[u32]) -> String {
    if found.is_empty() {
        return "no PostgreSQL server was found".to_owned();
    }
    let versions: Vec<String> = found.iter().map(u32::to_string).collect();
    format!("only version {} was found", versions.join(", "))
}

fn holder(pid: &Option<i32>) -> String {
    match pid {
        Some(pid) => format!("another surehold process (pid {pid})"),
        None => "another surehold process".to_owned(),
    }
}

fn remedy_for_kind(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ". The disk is full: free some space or choose a data folder on another disk"
        }
        io::ErrorKind::PermissionDenied => {
            ". Run as the user that owns the data folder (or as root), or choose a data folder you may write to"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            ". The file system is read-only: choose a data folder that can be written to"
        }
        _ => "",
    }
}

/// PostgreSQL tells the same things in words.
fn remedy_for_text(output: &str) -> &'static str {
    if output.contains("No space left on device") || output.contains("Disk quota exceeded") {
        " (the disk is full: free some space or choose a data folder on another disk)"
    } else if output.contains("Cannot allocate memory") {
        " (the machine is out of memory)"
    } else {
        ""
    }
}
