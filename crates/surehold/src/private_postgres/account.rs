//! As whom PostgreSQL's processes run. It refuses to run as root, on purpose: a hole in the
//! database must not be a hole in the machine.

use std::path::Path;
use std::process::Stdio;

use nix::unistd::{Uid, User, getegid, geteuid};
use tokio::process::Command;

use super::error::Error;

/// Accounts to fall back to when we are root, best first. `_postgres` is what macOS calls it.
/// `nobody` comes last because other programs use it too, and could then reach our socket.
const CANDIDATES: [&str; 4] = ["postgres", "_postgres", "surehold", "nobody"];

/// The account that owns the cluster and runs its server.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
    /// We are root and must become this account in every PostgreSQL process.
    pub switch: bool,
}

impl Account {
    /// The account for a cluster that `cluster_owner` owns, or for a new one when `None`.
    pub fn choose(cluster: &Path, cluster_owner: Option<u32>) -> Result<Account, Error> {
        let ours = geteuid();
        match (ours.is_root(), cluster_owner) {
            (true, Some(0)) => Err(Error::OtherOwner {
                cluster: cluster.to_path_buf(),
                owner: 0,
                ours: 0,
                remedy: "PostgreSQL does not run as root: give the cluster to another account, for example with `chown -R postgres`",
            }),
            // An existing cluster keeps its owner: a root shell may then use what a user made.
            (true, Some(owner)) => Self::of_uid(owner, true).ok_or(Error::NamelessUser { uid: owner }),
            (true, None) => CANDIDATES
                .into_iter()
                .find_map(Self::of_name)
                .ok_or_else(|| Error::NoAccount { looked_for: CANDIDATES.join(", ") }),
            (false, Some(owner)) if owner != ours.as_raw() => Err(Error::OtherOwner {
                cluster: cluster.to_path_buf(),
                owner,
                ours: ours.as_raw(),
                remedy: "Run as that user or as root, or choose another data folder",
            }),
            (false, _) => Self::of_uid(ours.as_raw(), false)
                .map(|account| Account { gid: getegid().as_raw(), ..account })
                .ok_or(Error::NamelessUser { uid: ours.as_raw() }),
        }
    }

    fn of_name(name: &str) -> Option<Account> {
        let user = User::from_name(name).ok().flatten()?;
        // A broken or hostile passwd could call user id 0 "postgres".
        (!user.uid.is_root()).then(|| Self::of(user, true))
    }

    fn of_uid(uid: u32, switch: bool) -> Option<Account> {
        User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| Self::of(user, switch))
    }

    fn of(user: User, switch: bool) -> Account {
        Account { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name, switch }
    }

    /// A command that will run as this account, with nothing of ours: an empty environment (ours
    /// holds secrets, and `PG…` variables would steer it), `/` as its folder (the account may not
    /// be able to enter ours), and a process group of its own, so that Ctrl-C at the terminal
    /// reaches us alone and we decide in which order things stop.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", libraries); // PostgreSQL built by hand
        }
        command.current_dir("/").stdin(Stdio::null()).process_group(0);
        if self.switch {
            // The standard library does this in the child in the order that matters, and checks
            // each: setgid, setgroups(none), setuid, and only then chdir and exec.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives `path` (not what a symlink points to) to this account, when we are root.
    pub fn give(&self, path: &Path) -> Result<(), Error> {
        if self.switch {
            std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
                .map_err(Error::file("change the owner of", path))?;
        }
        Ok(())
    }

    /// Whether this account can enter `folder`. Tried for real, as access lists, security modules
    /// and mount options have a say besides the mode bits: chdir comes after setuid in the child.
    pub async fn can_enter(&self, folder: &Path, any_program: &Path) -> Result<bool, Error> {
        if !self.switch {
            return Ok(true);
        }
        let tried = self.command(any_program).arg("--version").current_dir(folder).output().await;
        match tried {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(Error::file("enter", folder)(error)),
        }
    }
}
