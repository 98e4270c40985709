//! `postmaster.pid`, the file by which a PostgreSQL server tells where it is.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::Error;

/// What a `postmaster.pid` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    /// The server's process id; negative for a single-user backend.
    pub pid: i32,
    /// Where its socket is; `None` while it starts, as the file is written in steps.
    pub socket_dir: Option<PathBuf>,
    /// The port, which is part of the socket's name.
    pub port: u16,
}

impl PidFile {
    pub fn path(cluster: &Path) -> PathBuf {
        cluster.join("postmaster.pid")
    }

    /// Reads it; `None` when there is none, or nothing sensible in it.
    pub fn read(cluster: &Path) -> Result<Option<PidFile>, Error> {
        let path = Self::path(cluster);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => Ok(None),
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }

    /// The lines are: pid, data folder, start time, port, socket folder, listen address, …
    pub fn parse(text: &str) -> Option<PidFile> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok().filter(|pid| *pid != 0)?;
        let port = lines.nth(2).and_then(|line| line.trim().parse().ok()).unwrap_or(super::settings::PORT);
        let socket_dir = lines.next().filter(|line| !line.is_empty()).map(PathBuf::from);
        Some(PidFile { pid, socket_dir, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_tells_the_socket() {
        let text = "4711\n/data/postgres\n1790000000\n5432\n/data/postgres-socket\n\n  8388642         7\nready   \n";
        let expected = PidFile { pid: 4711, socket_dir: Some("/data/postgres-socket".into()), port: 5432 };
        assert_eq!(PidFile::parse(text), Some(expected));
    }

    #[test]
    fn half_written_and_broken_files_do_not_confuse() {
        assert_eq!(PidFile::parse("4711\n/data").map(|file| file.socket_dir), Some(None));
        assert_eq!(PidFile::parse("-4711\n/data").map(|file| file.pid), Some(-4711));
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("0\n"), None);
        assert_eq!(PidFile::parse("\u{0}\u{0}\u{0}"), None);
    }
}
