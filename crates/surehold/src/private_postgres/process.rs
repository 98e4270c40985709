//! Is this process id our server, or a stranger? A process id in a file may long belong to
//! somebody else, above all in a container, where ids start from 1 again at each start. So nothing
//! is signalled, and no lock file removed, before the process itself was looked at.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::Error;
use super::short_hash;

/// How a cluster's processes are recognised.
#[derive(Debug, Clone)]
pub(super) struct Footprint {
    /// The cluster folder.
    pub cluster: PathBuf,
    /// The `cluster_name` setting, which every process of the server shows.
    pub name: String,
    /// The account that its processes run as.
    pub uid: u32,
    /// Device and inode of the cluster folder, the working folder of all its processes.
    folder: (u64, u64),
}

/// Whose a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// A PostgreSQL process that works on our cluster.
    Ours,
    /// Certainly something else, or a zombie, which does nothing any more.
    Stranger,
    /// A PostgreSQL process of the same account, but we may not look at its folder.
    Unknown,
}

/// What the system tells about a process.
#[derive(Debug)]
struct Seen {
    uid: u32,
    zombie: bool,
    arguments: Vec<String>,
    /// Hidden from root in a container without CAP_SYS_PTRACE.
    folder: Option<(u64, u64)>,
}

impl Footprint {
    pub fn of(cluster: &Path, uid: u32) -> Result<Footprint, Error> {
        let found = fs::metadata(cluster).map_err(Error::file("look at", cluster))?;
        Ok(Footprint {
            cluster: cluster.to_path_buf(),
            name: format!("surehold-{}", short_hash(cluster)),
            uid,
            folder: (found.dev(), found.ino()),
        })
    }

    /// Whose process `pid` is; `None` when there is no such process.
    pub fn whose(&self, pid: i32) -> Option<Whose> {
        look(pid).map(|seen| self.judge(&seen))
    }

    /// All processes that work on our cluster.
    pub fn at_work(&self) -> Vec<i32> {
        all_pids().into_iter().filter(|pid| self.whose(*pid) == Some(Whose::Ours)).collect()
    }

    fn judge(&self, seen: &Seen) -> Whose {
        let title = seen.arguments.first().map_or("", String::as_str);
        let program = title.rsplit('/').next().unwrap_or_default();
        let is_postgres = title.starts_with("postgres:") || program == "postgres" || program == "postmaster";
        if seen.zombie || seen.uid != self.uid || !is_postgres {
            return Whose::Stranger;
        }
        if let Some(folder) = seen.folder {
            return if folder == self.folder { Whose::Ours } else { Whose::Stranger };
        }
        // The server has the name on its command line, its children have it in their titles.
        let setting = format!("cluster_name={}", self.name);
        let child = format!("postgres: {}: ", self.name);
        let named = title.starts_with(&child) || seen.arguments.contains(&setting);
        if named { Whose::Ours } else { Whose::Unknown }
    }
}

/// Sends a signal to a process that was recognised as ours. That it has just ended is no error.
pub(super) fn signal(pid: i32, signal: Signal) {
    if let Err(error) = kill(Pid::from_raw(pid), signal) {
        tracing::debug!(pid, %signal, %error, "cannot signal PostgreSQL");
    }
}

#[cfg(target_os = "linux")]
fn look(pid: i32) -> Option<Seen> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let command = fs::read(folder.join("cmdline")).ok()?;
    Some(Seen {
        uid: value("Uid:")?.split_whitespace().next()?.parse().ok()?,
        zombie: value("State:").is_none_or(|state| state.starts_with(['Z', 'X'])),
        arguments: command.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect(),
        folder: fs::metadata(folder.join("cwd")).ok().map(|found| (found.dev(), found.ino())),
    })
}

#[cfg(target_os = "linux")]
fn all_pids() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Elsewhere `ps` tells, though not the folder, and the arguments joined by spaces.
#[cfg(not(target_os = "linux"))]
fn look(pid: i32) -> Option<Seen> {
    let output = std::process::Command::new("ps")
        .args(["-ww", "-o", "uid=,state=,command=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (uid, rest) = text.trim().split_once(' ')?;
    let (state, command) = rest.trim_start().split_once(' ')?;
    let command = command.trim();
    let arguments = if command.starts_with("postgres:") {
        vec![command.to_owned()]
    } else {
        command.split(' ').map(str::to_owned).collect()
    };
    Some(Seen { uid: uid.parse().ok()?, zombie: state.starts_with('Z'), arguments, folder: None })
}

/// Only the candidates, as [`look`] costs a process each.
#[cfg(not(target_os = "linux"))]
fn all_pids() -> Vec<i32> {
    let Ok(output) = std::process::Command::new("ps").args(["-axww", "-o", "pid=,command="]).output() else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter(|line| line.contains("postgres"))
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(uid: u32, zombie: bool, folder: Option<(u64, u64)>, arguments: &[&str]) -> Whose {
        let ours = Footprint { cluster: "/d/postgres".into(), name: "surehold-1234".into(), uid: 101, folder: (1, 2) };
        let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        ours.judge(&Seen { uid, zombie, arguments, folder })
    }

    #[test]
    fn the_working_folder_decides_where_it_can_be_seen() {
        let server = ["/usr/bin/postgres", "-D", "/d/postgres"];
        assert_eq!(judge(101, false, Some((1, 2)), &server), Whose::Ours);
        assert_eq!(judge(101, false, Some((1, 2)), &["postgres: checkpointer "]), Whose::Ours);
        assert_eq!(judge(101, false, Some((1, 3)), &server), Whose::Stranger);
    }

    #[test]
    fn the_title_decides_where_the_folder_is_hidden() {
        assert_eq!(judge(101, false, None, &["/usr/bin/postgres", "-c", "cluster_name=surehold-1234"]), Whose::Ours);
        assert_eq!(judge(101, false, None, &["postgres: surehold-1234: checkpointer "]), Whose::Ours);
        assert_eq!(judge(101, false, None, &["postgres: 15/main: checkpointer "]), Whose::Unknown);
        assert_eq!(judge(101, false, None, &["/usr/bin/postgres", "-D", "/other"]), Whose::Unknown);
    }

    #[test]
    fn other_programs_other_accounts_and_zombies_are_strangers() {
        assert_eq!(judge(101, false, Some((1, 2)), &["bash"]), Whose::Stranger);
        assert_eq!(judge(102, false, Some((1, 2)), &["postgres"]), Whose::Stranger);
        assert_eq!(judge(101, true, None, &["postgres", "-D", "/d/postgres"]), Whose::Stranger);
    }

    #[test]
    fn this_test_is_a_stranger_and_no_process_is_nobody() {
        let folder = std::env::temp_dir();
        let ours = Footprint::of(&folder, nix::unistd::geteuid().as_raw()).unwrap();
        assert_eq!(ours.whose(i32::try_from(std::process::id()).unwrap()), Some(Whose::Stranger));
        assert_eq!(ours.whose(i32::MAX), None);
        assert_eq!(ours.at_work(), Vec::<i32>::new());
    }
}
