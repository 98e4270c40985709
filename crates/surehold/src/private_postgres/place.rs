//! Where the cluster lies: in the data folder, unless the server's account cannot go there.
//!
//! As root, with the data folder under a closed one (a clone in `/root`), the cluster lies in
//! `/var/lib/surehold/<hash of the data folder>/postgres`, and `postgres` in the data folder is a
//! link to it. Opening the closed folder is not ours to do.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::binaries::{self, Binaries};
use super::error::Error;
use super::leftover;
use super::lock::Lock;
use super::process::Footprint;
use super::{Options, initdb, short_hash};

/// Where clusters go that cannot lie in their data folder.
const ELSEWHERE: &str = "/var/lib/surehold";

/// What stands at `<data_dir>/postgres`.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing yet.
    Nothing,
    /// An empty folder, perhaps put there for us. Its real path.
    Empty(PathBuf),
    /// A cluster, or what claims to be one. Its real path and its owner's user id.
    Cluster(PathBuf, u32),
}

/// A cluster ready to be started, locked for us.
pub(super) struct Place {
    pub data_dir: PathBuf,
    pub cluster: PathBuf,
    pub account: Account,
    pub binaries: Binaries,
    pub lock: Lock,
}

/// Makes the data folder if need be, and returns its real path.
pub(super) fn make_data_dir(data_dir: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(data_dir).map_err(Error::file("make the data folder", data_dir))?;
    real_data_dir(data_dir)
}

/// The data folder's real path.
pub(super) fn real_data_dir(data_dir: &Path) -> Result<PathBuf, Error> {
    let real = data_dir.canonicalize().map_err(Error::file("open the data folder", data_dir))?;
    if real.to_string_lossy().contains('\n') {
        // PostgreSQL writes the path as one line of postmaster.pid.
        return Err(Error::NotACluster {
            path: real,
            problem: "the path of a data folder must not contain a line break".to_owned(),
        });
    }
    Ok(real)
}

/// Looks at `<data_dir>/postgres`.
pub(super) fn find(data_dir: &Path) -> Result<Found, Error> {
    let path = data_dir.join("postgres");
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        found => found.map_err(Error::file("look at", &path))?,
    };
    let real = match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let target = fs::read_link(&path).unwrap_or_default();
            let problem = format!(
                "it is a link to {}, which does not exist. If that is on a disk, mount it; if the database is gone for good, remove the link to begin with an empty one",
                target.display()
            );
            return Err(Error::NotACluster { path, problem });
        }
        real => real.map_err(Error::file("follow", &path))?,
    };
    let owner = fs::metadata(&real).map_err(Error::file("look at", &real))?;
    if !owner.is_dir() {
        return Err(Error::NotACluster {
            path: real,
            problem: "it is not a folder. Move it away to begin with an empty database".to_owned(),
        });
    }
    let empty = fs::read_dir(&real).is_ok_and(|mut entries| entries.next().is_none());
    Ok(if empty { Found::Empty(real) } else { Found::Cluster(real, owner.uid()) })
}

/// Finds the cluster of a data folder or makes it, and locks it.
pub(super) async fn settle(options: &Options, data_dir: &Path) -> Result<Place, Error> {
    let pg_bin = options.pg_bin.as_deref();
    let place = |cluster: PathBuf, account, binaries, lock| Place {
        data_dir: data_dir.to_path_buf(),
        cluster,
        account,
        binaries,
        lock,
    };
    match find(data_dir)? {
        Found::Cluster(cluster, owner) => {
            let major = match major_of(&cluster) {
                Err(error @ Error::NotACluster { .. }) => return Err(error),
                major => major,
            };
            // A stranger cannot read the version; whose the cluster is tells them more.
            let account = Account::choose(&cluster, Some(owner))?;
            let major = major?;
            let binaries = binaries::find(pg_bin, &account, Some((&cluster, major))).await?;
            must_enter(&account, &cluster, &binaries).await?;
            let lock = Lock::cluster(&cluster)?;
            Ok(place(cluster, account, binaries, lock))
        }
        Found::Empty(cluster) => {
            let account = Account::choose(&cluster, None)?;
            let binaries = binaries::find(pg_bin, &account, None).await?;
            // The folder itself is about to be replaced by one that the account owns.
            must_enter(&account, cluster.parent().unwrap_or(&cluster), &binaries).await?;
            let lock = initdb::make(&cluster, &account, &binaries).await?;
            Ok(place(cluster, account, binaries, lock))
        }
        Found::Nothing => {
            let usual = data_dir.join("postgres");
            let account = Account::choose(&usual, None)?;
            let binaries = binaries::find(pg_bin, &account, None).await?;
            if account.can_enter(data_dir, &binaries.postgres).await? {
                let lock = initdb::make(&usual, &account, &binaries).await?;
                return Ok(place(usual, account, binaries, lock));
            }
            let cluster = elsewhere(data_dir, &account, &binaries).await?;
            let lock = initdb::make(&cluster, &account, &binaries).await?;
            // The link comes last: a link to nothing would mean a lost database.
            std::os::unix::fs::symlink(&cluster, &usual).map_err(Error::file("make the link", &usual))?;
            Ok(place(cluster, account, binaries, lock))
        }
    }
}

async fn must_enter(account: &Account, folder: &Path, binaries: &Binaries) -> Result<(), Error> {
    if account.can_enter(folder, &binaries.postgres).await? {
        return Ok(());
    }
    Err(Error::Unreachable { cluster: folder.to_path_buf(), account: account.name.clone() })
}

/// The place for a new cluster outside of the data folder.
async fn elsewhere(data_dir: &Path, account: &Account, binaries: &Binaries) -> Result<PathBuf, Error> {
    let home = Path::new(ELSEWHERE).join(short_hash(data_dir));
    for folder in [Path::new(ELSEWHERE), &home] {
        match DirBuilder::new().mode(0o755).create(folder) {
            // A strict umask of root's would keep the account out of our own folder.
            Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
                .map_err(Error::file("open up", folder))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::file("make", folder)(error)),
        }
    }
    must_enter(account, &home, binaries).await?;
    let cluster = home.join("postgres");
    tracing::info!(
        data_dir = %data_dir.display(), cluster = %cluster.display(), account = account.name,
        "the account cannot enter the data folder, so the database lies elsewhere"
    );
    set_aside(&cluster).await?;
    Ok(cluster)
}

/// A cluster elsewhere whose link is gone: somebody removed the data folder to begin afresh.
/// Taking it up again would surprise them, and deleting it is not for us to decide.
async fn set_aside(cluster: &Path) -> Result<(), Error> {
    let Ok(found) = fs::symlink_metadata(cluster) else { return Ok(()) };
    let _lock = Lock::cluster(cluster)?;
    leftover::clear(&Footprint::of(cluster, found.uid())?).await?;
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let aside = cluster.with_file_name(format!("postgres.old-{seconds}"));
    tracing::warn!(aside = %aside.display(), "an older database of this data folder is set aside; remove it when it is no longer needed");
    fs::rename(cluster, &aside).map_err(Error::file("set aside", cluster))
}

/// The major version that made a cluster.
fn major_of(cluster: &Path) -> Result<u32, Error> {
    let path = cluster.join("PG_VERSION");
    let not_a_cluster = |what: &str| Error::NotACluster {
        path: cluster.to_path_buf(),
        problem: format!("{what}. Move it away to begin with an empty database"),
    };
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| not_a_cluster("its PG_VERSION file holds no version")),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(not_a_cluster("it has no PG_VERSION file")),
        Err(error) => Err(Error::file("read", &path)(error)),
    }
}
