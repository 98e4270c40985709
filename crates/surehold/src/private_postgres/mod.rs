//! A private PostgreSQL server, for when no `DATABASE_URL` is given.
//!
//! The program finds the server programs that the machine has, makes a cluster in its data folder,
//! runs it behind a unix socket that only one account can reach, and stops it on exit. There is no
//! TCP port and no password, so nothing to configure and nothing to collide with.
//!
//! | File | Idea |
//! |---|---|
//! | `binaries` | which `postgres` and `initdb` to use |
//! | `account`  | as whom they run (PostgreSQL refuses to run as root) |
//! | `place`    | where the cluster lies |
//! | `initdb`   | making it, whole or not at all |
//! | `small_shm` | making it where /dev/shm is tiny |
//! | `lock`     | one `serve` per data folder |
//! | `socket`   | the folder of the unix socket |
//! | `process`  | is this process id our server, or a stranger? |
//! | `leftover` | what a killed program left running |
//! | `settings` | the server's settings |
//! | `launch`   | starting and stopping one server process |
//! | `server`   | keeping it running: [`PrivatePostgres`] |
//! | `attach`   | tools beside a running `serve`: [`attach()`] |
//! | `wire`     | the few bytes of PostgreSQL's protocol that tell whether it answers |

mod account;
mod attach;
mod binaries;
mod error;
mod initdb;
mod launch;
mod leftover;
mod lock;
mod log_file;
mod pid_file;
mod place;
mod process;
mod server;
mod settings;
mod small_shm;
mod socket;
mod wire;

use std::path::PathBuf;

pub use attach::{Attached, attach, attach_or_create};
pub use error::Error;
pub use server::PrivatePostgres;

/// The superuser of the private cluster and the owner of its database.
pub(crate) const OWNER: &str = "surehold_owner";

/// The one database of the private cluster.
pub(crate) const DATABASE: &str = "surehold";

/// What the private server needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program's data folder. The cluster is `postgres` in it, the server's log `postgres.log`.
    pub data_dir: PathBuf,
    /// The folder with `postgres` and `initdb` (`SUREHOLD_PG_BIN`); `None` searches the usual places.
    pub pg_bin: Option<PathBuf>,
}

/// The first 12 hex digits of a path's SHA-256: a short name for a long path.
fn short_hash(path: &std::path::Path) -> String {
    use sha2::Digest;
    use std::os::unix::ffi::OsStrExt;
    let digest = sha2::Sha256::digest(path.as_os_str().as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
