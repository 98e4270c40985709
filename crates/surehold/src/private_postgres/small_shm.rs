//! `initdb` on a machine with a tiny /dev/shm. It runs servers of its own, which keep shared
//! memory there and fail when it is too small, as it may be in a container. Since version 16 it can be told
//! to use files instead. Version 15 cannot, but it copies a sample configuration and fills in only
//! the lines it finds commented out: a sample with the line already set has the same effect.
//! (When version 15 is no longer supported, this file becomes one argument.)

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::binaries::Binaries;
use super::error::Error;

const SAMPLE: &str = "postgresql.conf.sample";
const COMMENTED_OUT: &str = "#dynamic_shared_memory_type = posix";
const SET: &str = "dynamic_shared_memory_type = mmap";

/// The arguments that make initdb keep shared memory in files. `folder` is where a changed copy of
/// its input files may be put; the caller removes it.
pub(super) async fn arguments(folder: &Path, account: &Account, binaries: &Binaries) -> Result<Vec<PathBuf>, Error> {
    if binaries.major >= 16 {
        return Ok(vec!["--set".into(), "dynamic_shared_memory_type=mmap".into()]);
    }
    let Some((share, sample)) = find_sample(account, binaries).await else {
        return Ok(Vec::new()); // an unusual installation: it can still work, with enough memory
    };
    DirBuilder::new().mode(0o700).create(folder).map_err(Error::file("make", folder))?;
    account.give(folder)?;
    for entry in fs::read_dir(&share).map_err(Error::file("list", &share))?.flatten() {
        let copy = folder.join(entry.file_name());
        if entry.file_name() == SAMPLE {
            fs::write(&copy, sample.replace(COMMENTED_OUT, SET)).map_err(Error::file("write", &copy))?;
            account.give(&copy)?;
        } else {
            symlink(entry.path(), &copy).map_err(Error::file("make the link", &copy))?;
        }
    }
    Ok(vec!["-L".into(), folder.to_path_buf()])
}

/// The folder of initdb's input files, and the sample configuration in it.
async fn find_sample(account: &Account, binaries: &Binaries) -> Option<(PathBuf, String)> {
    let output = account.command(&binaries.initdb).args(["--show", "-D", "/nowhere"]).output().await.ok()?;
    let said = String::from_utf8(output.stderr).ok()?;
    let share = PathBuf::from(said.lines().find_map(|line| line.strip_prefix("share_path="))?);
    let sample = fs::read_to_string(share.join(SAMPLE)).ok()?;
    sample.contains(COMMENTED_OUT).then_some((share, sample))
}
