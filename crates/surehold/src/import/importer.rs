//! What both imports share: sending a command until there is an answer, and running many rows at once.

use std::time::Duration;

use deadpool_postgres::Object;
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use surehold_core::command::{Command, Key, Request};
use surehold_core::{Answer, Refusal};

use super::report::Report;
use super::table::{Lines, Problem};
use crate::cli::progress;
use crate::desk::{Desk, DeskError, made_key, own_request};
use crate::store::import_rows::PRINCIPAL;
use crate::store::offerings::Catalogue;
use crate::store::orgs::OrgRow;
use crate::store::{Store, StoreError};

/// Rows that are at work at once. The desk commits together what waits together, so many cost little.
const ROWS_AT_ONCE: usize = 64;
/// Attempts to get a busy or restarting database to answer; the pauses between them add up to half a minute.
const ATTEMPTS: u32 = 10;
/// Attempts at a row that other people, or another import, change at the same time.
pub const RETRIES: u32 = 5;

/// What an import works with.
pub struct Importer {
    pub store: Store,
    pub desk: Desk,
    pub org: OrgRow,
    pub catalogue: Catalogue,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Added,
    Changed,
    Unchanged,
}

/// Why a row has not been imported.
pub enum Stop {
    /// It cannot be: the row's fault.
    Refused(Problem),
    /// Somebody else changed the same thing: look again.
    Again,
    /// Nothing can be imported any more.
    Fatal(anyhow::Error),
}

/// A row's outcome, with what is worth knowing of it.
pub type RowResult = Result<(Done, Vec<Problem>), Stop>;

/// How many rows came to what.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub added: i64,
    pub changed: i64,
    pub unchanged: i64,
    pub refused: i64,
}

impl Tally {
    /// Adds others.
    pub fn add(&mut self, more: Tally) {
        self.added += more.added;
        self.changed += more.changed;
        self.unchanged += more.unchanged;
        self.refused += more.refused;
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Fatal(error.into())
    }
}

impl Stop {
    /// The row's fault, in a column.
    pub fn refused(column: &'static str, value: impl Into<String>, reason: impl Into<String>) -> Stop {
        Stop::Refused(Problem { column, value: value.into(), reason: reason.into() })
    }

    /// What the desk refused.
    pub fn by_rule(refusal: &Refusal) -> Stop {
        Stop::refused("", "", format!("{} ({})", refusal, refusal.code()))
    }
}

impl Importer {
    /// A connection for looking rows up by key; waits while the database is busy or starting. One of the
    /// desk's sort, which never plans a scan: a first import meets tables that no statistics know yet.
    pub async fn read(&self) -> Result<Object, Stop> {
        let mut attempt = 0;
        loop {
            match self.store.command().await {
                Err(error) if error.is_unavailable() && attempt < ATTEMPTS => pause(&mut attempt).await,
                other => return Ok(other?),
            }
        }
    }

    /// Sends a command. Without a key, its own nature makes a repeat harmless.
    pub async fn submit(&self, command: Command, key: Option<String>) -> Result<Result<Answer, Refusal>, Stop> {
        let key = key.map_or_else(made_key, Key::Given);
        let mut attempt = 0;
        loop {
            let request = Request { key: key.clone(), ..own_request(PRINCIPAL, command.clone()) };
            match self.desk.submit(self.org.id, request).await {
                Ok(outcome) => return Ok(Ok(outcome.answer)),
                Err(DeskError::Refused(refusal)) => return Ok(Err(refusal)),
                Err(DeskError::Overloaded | DeskError::DatabaseUnavailable) if attempt < ATTEMPTS => {
                    pause(&mut attempt).await;
                }
                // Looking again finds out: the row is found as changed, or not.
                Err(DeskError::OutcomeUnknown { .. }) => {
                    pause(&mut attempt).await;
                    return Err(Stop::Again);
                }
                Err(DeskError::Internal) => {
                    return Err(Stop::refused("", "", "could not be saved: internal error (see the log)"));
                }
                Err(error) => return Err(Stop::Fatal(error.into())),
            }
        }
    }

    /// Runs all rows, many at once, and says how far it is.
    ///
    /// # Errors
    ///
    /// The first failure that leaves no hope for other rows. Rows that are done stay done; running the
    /// import again goes on.
    pub async fn run<R>(
        &self,
        rows: Lines<R>,
        report: &mut Report,
        work: impl AsyncFn(&R) -> RowResult,
    ) -> (Tally, Option<anyhow::Error>) {
        let progress = progress_over(rows.len());
        let mut tally = Tally::default();
        let mut fatal = None;
        let work = &work;
        let mut results = stream::iter(&rows)
            .map(|(line, row)| async move { (*line, with_retries(row, work).await) })
            .buffer_unordered(ROWS_AT_ONCE);
        let mut done = 0;
        while let Some((line, result)) = results.next().await {
            match result {
                Ok((what, notes)) => {
                    match what {
                        Done::Added => tally.added += 1,
                        Done::Changed => tally.changed += 1,
                        Done::Unchanged => tally.unchanged += 1,
                    }
                    notes.into_iter().for_each(|note| report.note(line, note));
                }
                Err(Stop::Refused(problem)) => {
                    tally.refused += 1;
                    report.refuse(line, [problem]);
                }
                Err(Stop::Again) => {
                    tally.refused += 1;
                    report.refuse(line, [busy()]);
                }
                Err(Stop::Fatal(error)) => {
                    fatal = Some(error);
                    break;
                }
            }
            done += 1;
            progress.advance(done);
        }
        progress.finish();
        (tally, fatal)
    }
}

async fn with_retries<R>(row: &R, work: &impl AsyncFn(&R) -> RowResult) -> RowResult {
    for _ in 1..RETRIES {
        match work(row).await {
            Err(Stop::Again) => {}
            other => return other,
        }
    }
    work(row).await
}

fn busy() -> Problem {
    Problem {
        column: "",
        value: String::new(),
        reason: "is being changed by somebody else at the same time; import again".to_owned(),
    }
}

async fn pause(attempt: &mut u32) {
    tokio::time::sleep(Duration::from_millis(50 << (*attempt).min(7))).await;
    *attempt += 1;
}

/// A bar on a terminal; else a line now and then.
enum Progress {
    Bar(ProgressBar),
    Lines { rows: usize, step: usize },
}

fn progress_over(rows: usize) -> Progress {
    let bar = progress::bar(rows, "rows");
    if bar.is_hidden() {
        return Progress::Lines { rows, step: (rows / 5).max(1000) };
    }
    Progress::Bar(bar)
}

impl Progress {
    fn advance(&self, done: usize) {
        match self {
            Progress::Bar(bar) => bar.set_position(done as u64),
            Progress::Lines { rows, step } => {
                if done.is_multiple_of(*step) && done < *rows {
                    eprintln!("{done} of {rows} rows");
                }
            }
        }
    }

    fn finish(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
