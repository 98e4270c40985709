//! Making the cluster, whole or not at all: `initdb` works in a folder beside it, which is renamed
//! into place at the end. A kill in the middle leaves a folder that the next start removes.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::account::Account;
use super::binaries::Binaries;
use super::error::Error;
use super::lock::Lock;
use super::log_file::last_lines;
use super::{OWNER, small_shm};

/// The beginning of the name of a cluster in the making.
const UNFINISHED: &str = "postgres.new-";

/// How long an initdb that outlived its program is given to notice that its files are removed.
const OUTLIVED: Duration = Duration::from_secs(5);

/// Makes a cluster at `cluster`, which is absent or an empty folder, and locks it. Call with the
/// lock of the data folder held.
pub(super) async fn make(cluster: &Path, account: &Account, binaries: &Binaries) -> Result<Lock, Error> {
    let parent = cluster.parent().unwrap_or(Path::new("/"));
    remove_unfinished(parent).await?;
    tracing::info!(cluster = %cluster.display(), version = binaries.major, account = account.name, "making the database cluster");
    // The process id keeps us apart from an initdb that outlived the program which started it.
    let unfinished = parent.join(format!("{UNFINISHED}{}", std::process::id()));
    DirBuilder::new().mode(0o700).create(&unfinished).map_err(Error::file("make", &unfinished))?;
    let input = parent.join(format!("{UNFINISHED}{}-input", std::process::id()));
    let made = finish(&unfinished, &input, cluster, account, binaries).await;
    // What cannot be removed now the next start tries again; the error at hand says more.
    let _ = fs::remove_dir_all(&input);
    if made.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    made
}

async fn finish(
    unfinished: &Path,
    input: &Path,
    cluster: &Path,
    account: &Account,
    binaries: &Binaries,
) -> Result<Lock, Error> {
    account.give(unfinished)?;
    let small_shm = small_shm::arguments(input, account, binaries).await?;
    run_initdb(unfinished, &small_shm, cluster, account, binaries).await?;
    // Locked before it has its name, so nobody can come in between.
    let lock = Lock::cluster(unfinished)?;
    fs::rename(unfinished, cluster).map_err(Error::file("put the finished cluster at", cluster))?;
    let parent = cluster.parent().unwrap_or(Path::new("/"));
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(Error::file("sync", parent))?;
    Ok(lock)
}

async fn run_initdb(
    folder: &Path,
    more: &[PathBuf],
    cluster: &Path,
    account: &Account,
    binaries: &Binaries,
) -> Result<(), Error> {
    let output = account
        .command(&binaries.initdb)
        .arg("-D")
        .arg(folder)
        .args(["--username", OWNER, "--data-checksums", "--encoding=UTF8", "--locale=C"])
        // Who can enter the socket's folder is let in; nobody comes over the network.
        .args(["--auth-local=trust", "--auth-host=reject", "--no-instructions"])
        .args(more)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::file("run", &binaries.initdb))?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(Error::Initdb { cluster: cluster.to_path_buf(), output: last_lines(&said) })
}

/// Removes what starts that were killed left behind. An initdb that outlived its program may still
/// be writing there; it fails once its files are gone.
async fn remove_unfinished(parent: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(parent).map_err(Error::file("list", parent))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED)) {
            continue;
        }
        let begin = Instant::now();
        while let Err(error) = fs::remove_dir_all(&path) {
            if begin.elapsed() > OUTLIVED {
                return Err(Error::file("remove", &path)(error));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}
