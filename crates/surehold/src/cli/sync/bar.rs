//! How far a run is, on a terminal.

use indicatif::ProgressBar;

use crate::cli::progress;
use crate::mirror::Progress;

/// A bar that learns how long it is.
pub struct Bar(ProgressBar);

impl Bar {
    pub fn new() -> Bar {
        Bar(progress::bar(0, "rows"))
    }
}

impl Progress for Bar {
    fn found(&self, rows: u64) {
        self.0.inc_length(rows);
    }

    fn done(&self, rows: u64) {
        self.0.inc(rows);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
