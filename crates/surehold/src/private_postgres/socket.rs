//! The folder of the unix socket. Whoever can enter it is superuser of the database (`trust`), so
//! it belongs to the server's account and nobody else may enter.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::Error;
use super::settings::PORT;
use super::short_hash;

/// The longest name (bytes) a unix socket can have: `sun_path` less its final zero.
const NAME_MAX: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// Where the socket may be, best first: beside the cluster, or, where that name would be too long
/// or would need quoting, in a short folder named after it. Tools need not repeat this choice, as
/// `postmaster.pid` records it.
fn candidates(cluster: &Path, uid: u32, root: bool) -> Vec<PathBuf> {
    let beside = cluster.with_file_name("postgres-socket");
    let name_bytes = beside.as_os_str().len() + format!("/.s.PGSQL.{PORT}").len();
    // Commas and spaces separate folders in the server's setting and commas hosts in a connection
    // string. Rather than trust everybody's quoting, such paths get the short folder too.
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(byte);
    if name_bytes <= NAME_MAX && beside.as_os_str().as_bytes().iter().all(plain) {
        return vec![beside];
    }
    let hash = short_hash(cluster);
    let run = root.then(|| PathBuf::from(format!("/run/surehold-{hash}")));
    let tmp = PathBuf::from(format!("/tmp/surehold-{uid}-{hash}"));
    run.into_iter().chain([tmp]).collect()
}

/// Makes the socket folder, or checks the one that is there.
pub(super) fn prepare(cluster: &Path, account: &Account) -> Result<PathBuf, Error> {
    let mut last = None;
    for folder in candidates(cluster, account.uid, account.switch) {
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                // There may be no /run, or not for us.
                last = Some(Error::file("make the socket folder", &folder)(error));
                continue;
            }
        }
        // Killed between making and giving, an earlier start left a folder that is ours.
        if account.switch && fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir() && found.uid() == 0) {
            account.give(&folder)?;
        }
        check(&folder, account.uid)?;
        return Ok(folder);
    }
    // There is always a candidate, so an error too.
    Err(last
        .unwrap_or_else(|| Error::SocketFolder { path: cluster.to_path_buf(), problem: "no place for it".to_owned() }))
}

/// Refuses a socket folder that somebody else could have put there: /tmp is open to all.
pub(super) fn check(folder: &Path, uid: u32) -> Result<(), Error> {
    let found = fs::symlink_metadata(folder).map_err(Error::file("look at", folder))?;
    let problem = if !found.is_dir() {
        "it is not a folder".to_owned()
    } else if found.uid() != uid {
        format!("it belongs to user id {}, not {uid}", found.uid())
    } else if found.mode() & 0o077 != 0 {
        format!("others may enter it (mode {:03o}, must be 700)", found.mode() & 0o777)
    } else {
        return Ok(());
    };
    Err(Error::SocketFolder { path: folder.to_path_buf(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn first(cluster: &str, root: bool) -> String {
        candidates(Path::new(cluster), 1000, root)[0].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_short_plain_path_keeps_the_socket_beside_the_cluster() {
        assert_eq!(first("/srv/surehold/postgres", false), "/srv/surehold/postgres-socket");
    }

    #[test]
    fn long_and_awkward_paths_get_a_short_folder() {
        let long = format!("/{}/postgres", "x".repeat(150));
        for cluster in [long.as_str(), "/a b/postgres", "/a,b/postgres", "/it's/postgres", "/ü/postgres"] {
            assert!(first(cluster, true).starts_with("/run/surehold-"), "{cluster}");
            assert!(first(cluster, false).starts_with("/tmp/surehold-1000-"), "{cluster}");
        }
        assert_ne!(first("/a b/postgres", false), first("/a c/postgres", false));
    }

    #[test]
    fn the_limit_counts_the_sockets_own_name() {
        // 1 + n + "/postgres-socket" (16) + "/.s.PGSQL.5432" (14) bytes
        let fits = format!("/{}/postgres", "x".repeat(NAME_MAX - 31));
        let too_long = format!("/{}/postgres", "x".repeat(NAME_MAX - 30));
        assert!(first(&fits, false).starts_with("/xxx"));
        assert!(first(&too_long, false).starts_with("/tmp/"));
    }

    #[test]
    fn an_open_folder_a_link_and_a_strangers_folder_are_refused() {
        let base = std::env::temp_dir().join(format!("surehold-check-{}", std::process::id()));
        fs::create_dir_all(&base).unwrap();
        let uid = fs::metadata(&base).unwrap().uid();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(check(&base, uid).unwrap_err().to_string().contains("mode 755"));
        fs::set_permissions(&base, fs::Permissions::from_mode(0o700)).unwrap();
        check(&base, uid).unwrap();
        assert!(check(&base, uid + 1).unwrap_err().to_string().contains("belongs to"));
        let link = base.join("link");
        std::os::unix::fs::symlink(&base, &link).unwrap();
        assert!(check(&link, uid).unwrap_err().to_string().contains("not a folder"));
        fs::remove_dir_all(&base).unwrap();
    }
}
