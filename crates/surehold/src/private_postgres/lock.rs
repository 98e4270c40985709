//! One `serve` per data folder. The locks are `flock`s: the kernel drops them when the process
//! ends, however it ends, so there is never a stale one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use super::error::Error;

/// A held lock. Children do not inherit it: the standard library opens files close-on-exec.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes `<data_dir>/serve.lock`, and writes our process id into it for others to read.
    pub fn data_dir(data_dir: &Path) -> Result<Lock, Error> {
        let path = data_dir.join("serve.lock");
        let mut file =
            open_beside(data_dir, &path, OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // The holder may be between locking and writing; then there is no id to tell.
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(Error::InUse { data_dir: data_dir.to_path_buf(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(Error::file("lock", &path)(error)),
        }
        let write_id = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write_id(&mut file).map_err(Error::file("write", &path))?;
        Ok(Lock { _file: file })
    }

    /// Locks the cluster folder itself. Two data folders can share one cluster when a data folder
    /// whose `postgres` is a link was copied; their `serve.lock`s differ, this lock does not.
    pub fn cluster(cluster: &Path) -> Result<Lock, Error> {
        let file = File::open(cluster).map_err(Error::file("open", cluster))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { data_dir: cluster.to_path_buf(), pid: None }),
            Err(TryLockError::Error(error)) => Err(Error::file("lock", cluster)(error)),
        }
    }
}

/// Opens one of our files in the data folder: private to us, never through a symlink, and as root
/// given to the folder's owner, who could not use the folder again otherwise.
pub(super) fn open_beside(data_dir: &Path, path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    let file =
        options.mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path).map_err(Error::file("open", path))?;
    if nix::unistd::geteuid().is_root() {
        let folder = fs::metadata(data_dir).map_err(Error::file("look at", data_dir))?;
        std::os::unix::fs::fchown(&file, Some(folder.uid()), Some(folder.gid()))
            .map_err(Error::file("change the owner of", path))?;
    }
    Ok(file)
}
