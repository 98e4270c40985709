//! `postgres.log` in the data folder. We open it and hand it to the server as its standard error,
//! so it can lie where the server's account cannot go.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::Error;
use super::lock::open_beside;

/// Above this size (bytes) the log is set aside at the next start, replacing the one before it.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How many lines an error shows.
const TAIL_LINES: usize = 15;

/// A log opened for one start of the server.
pub(super) struct LogFile {
    pub path: PathBuf,
    pub file: File,
    /// Its length when opened: what follows belongs to this start.
    begin: u64,
}

impl LogFile {
    pub fn path_in(data_dir: &Path) -> PathBuf {
        data_dir.join("postgres.log")
    }

    pub fn open(data_dir: &Path) -> Result<LogFile, Error> {
        let path = Self::path_in(data_dir);
        if fs::symlink_metadata(&path).is_ok_and(|file| file.len() > BYTES_MAX) {
            let aside = data_dir.join("postgres.log.1");
            fs::rename(&path, &aside).map_err(Error::file("set aside", &path))?;
        }
        let file = open_beside(data_dir, &path, OpenOptions::new().append(true).create(true))?;
        let begin = file.metadata().map_err(Error::file("look at", &path))?.len();
        Ok(LogFile { path, file, begin })
    }

    /// The last lines that the server wrote since this start.
    pub fn tail(&self) -> String {
        let read = || {
            let mut file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(self.begin.max(end.saturating_sub(16 * 1024))))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            std::io::Result::Ok(bytes)
        };
        match read() {
            Ok(bytes) if bytes.is_empty() => "(nothing was written)".to_owned(),
            Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes)),
            Err(error) => format!("(it cannot be read: {error})"),
        }
    }
}

/// The last lines of `text`, as many as an error shows.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
