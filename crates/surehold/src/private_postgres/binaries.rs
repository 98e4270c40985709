//! Which `postgres` and `initdb` to use.

use std::fs;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::Error;

/// The oldest major version we support.
const OLDEST_MAJOR: u32 = 15;

/// The server programs of one PostgreSQL installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub postgres: PathBuf,
    pub initdb: PathBuf,
    pub major: u32,
}

impl Binaries {
    /// Whether the server was built with what a setting's value needs.
    pub async fn accepts(&self, account: &Account, cluster: &Path, name: &str, value: &str) -> bool {
        let mut command = account.command(&self.postgres);
        // Prints the setting and ends; refuses a value that it does not know.
        command.arg("-D").arg(cluster).args(["-C", name, "-c", &format!("{name}={value}")]);
        command.output().await.is_ok_and(|output| output.status.success())
    }
}

/// Finds the server programs. A cluster can only be opened by the major version that made it, so
/// with `cluster` (its folder and major version) no other will do.
pub(super) async fn find(
    pg_bin: Option<&Path>,
    account: &Account,
    cluster: Option<(&Path, u32)>,
) -> Result<Binaries, Error> {
    let mut found = Vec::new();
    let mut passed_over = Vec::new();
    if let Some(folder) = pg_bin {
        // A folder that somebody named is used or refused, never silently replaced.
        let binaries = look(folder, account).await.map_err(|problem| Error::BadBinaryFolder { problem })?;
        found.push(binaries);
    } else {
        for folder in usual_folders() {
            if !folder.join("postgres").exists() {
                continue;
            }
            match look(&folder, account).await {
                Ok(binaries) if found.contains(&binaries) => {}
                Ok(binaries) => found.push(binaries),
                Err(problem) => passed_over.push(problem),
            }
        }
    }
    let Some(first) = found.first() else {
        return Err(Error::NoBinaries { passed_over });
    };
    let Some((cluster, major)) = cluster else {
        return Ok(first.clone());
    };
    match found.iter().find(|binaries| binaries.major == major) {
        Some(binaries) => Ok(binaries.clone()),
        None => Err(Error::OtherMajor {
            cluster: cluster.to_path_buf(),
            major,
            found: found.iter().map(|binaries| binaries.major).collect(),
        }),
    }
}

/// The installation in `folder`, or a phrase that says why it cannot be used.
async fn look(folder: &Path, account: &Account) -> Result<Binaries, String> {
    // PATH often holds a link to `postgres` alone; its real home has the others beside it.
    let named = folder.join("postgres");
    let postgres = named.canonicalize().map_err(|error| format!("{}: {error}", named.display()))?;
    let initdb = postgres.with_file_name("initdb");
    if !initdb.exists() {
        return Err(format!("{} has no initdb beside it", postgres.display()));
    }
    // Asked as the account that will run it, which proves that this account can.
    let output = account
        .command(&postgres)
        .arg("--version")
        .output()
        .await
        .map_err(|error| format!("{} cannot be run as {}: {error}", postgres.display(), account.name))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let major = parse_major(&text).ok_or_else(|| format!("{} does not tell its version", postgres.display()))?;
    if major < OLDEST_MAJOR {
        return Err(format!("{} is version {major}, too old", postgres.display()));
    }
    Ok(Binaries { postgres, initdb, major })
}

/// The major version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_major(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// PATH, then where the packages put them, newest first.
fn usual_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect())
        .unwrap_or_default();
    folders.extend(versioned("/usr/lib/postgresql", "", "bin")); // Debian, Ubuntu
    folders.extend(versioned("/usr", "pgsql-", "bin")); // PostgreSQL's own RPMs
    folders.extend(versioned("/usr/lib", "postgresql", "bin")); // SUSE
    folders.extend(versioned("/usr/libexec", "postgresql", "")); // Alpine
    folders.extend(versioned("/opt/homebrew/opt", "postgresql@", "bin"));
    folders.extend(versioned("/usr/local/opt", "postgresql@", "bin"));
    folders.extend(["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    folders
}

/// `<parent>/<prefix><number>/<rest>` for every number there is, highest first.
fn versioned(parent: &str, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join(rest)))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_shapes_are_understood() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 16.4 (Homebrew)\n", Some(16)),
            ("postgres (PostgreSQL) 18beta2\n", Some(18)),
            ("postgres (PostgreSQL) 19devel\n", Some(19)),
            ("postgres (PostgreSQL) 9.6.24\n", Some(9)),
            ("psql 15\n", None),
            ("", None),
        ] {
            assert_eq!(parse_major(text), major, "{text:?}");
        }
    }

    #[test]
    fn installations_are_listed_newest_first() {
        let parent = std::env::temp_dir().join(format!("surehold-versions-{}", std::process::id()));
        for name in ["9", "15", "100", "common"] {
            fs::create_dir_all(parent.join(name)).unwrap();
        }
        let folders = versioned(parent.to_str().unwrap(), "", "bin");
        fs::remove_dir_all(&parent).unwrap();
        assert_eq!(folders, ["100/bin", "15/bin", "9/bin"].map(|name| parent.join(name)));
    }
}
