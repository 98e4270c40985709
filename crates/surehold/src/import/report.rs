//! The report of an import: which rows were not taken, and what is worth knowing of others.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::table::Problem;

/// What a line of the report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The row was not imported.
    Refused,
    /// The row was imported; somebody may want to know this.
    Note,
}

/// A line of the report.
#[derive(Debug, Clone)]
pub struct Line {
    /// The line in the file.
    pub line: u64,
    /// What it is.
    pub level: Level,
    /// About what.
    pub problem: Problem,
}

/// All lines, in any order.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

/// Where the report goes: a file that can be written and is not the one that is imported.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// Somebody asked for it, so it is written even if it is empty.
    wanted: bool,
}

impl Place {
    /// Where the caller wants it; else beside us, else where temporary files go.
    ///
    /// # Errors
    ///
    /// A sentence that says why there can be no report.
    pub fn find(wanted: Option<&Path>, source: &Path) -> Result<Place, String> {
        let name = format!("{}.report.csv", source.file_name().unwrap_or_default().to_string_lossy());
        let places = match wanted {
            Some(path) => vec![path.to_owned()],
            None => vec![PathBuf::from(&name), std::env::temp_dir().join(&name)],
        };
        let mut problem = String::new();
        for path in places {
            match try_write(&path, source) {
                Ok(()) => return Ok(Place { path, wanted: wanted.is_some() }),
                Err(why) => problem = why,
            }
        }
        Err(problem)
    }
}

impl Place {
    /// Writes a report. `None`: there is nothing to report, and no old report to replace.
    pub fn write(&self, text: &[u8], is_empty: bool) -> anyhow::Result<Option<&Path>> {
        let path = &self.path;
        if is_empty && !self.wanted && !path.exists() {
            return Ok(None);
        }
        fs::write(path, text).with_context(|| format!("cannot write the report {}", path.display()))?;
        Ok(Some(path))
    }
}

/// Finds out whether a report can be written, and leaves everything as it was.
fn try_write(path: &Path, source: &Path) -> Result<(), String> {
    if is_same_file(path, source) {
        return Err(format!(
            "the report {} is the file to import, and would overwrite it. Give another with --report",
            path.display()
        ));
    }
    // A pipe or a device is not touched before there is something to write.
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Ok(());
    }
    let is_new = fs::symlink_metadata(path).is_err();
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    opened.map_err(|error| format!("cannot write the report {}: {error}", path.display()))?;
    if is_new {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn is_same_file(path: &Path, source: &Path) -> bool {
    let (Ok(a), Ok(b)) = (fs::metadata(path), fs::metadata(source)) else { return false };
    let same_name = || matches!((path.canonicalize(), source.canonicalize()), (Ok(a), Ok(b)) if a == b);
    b.is_file() && ((a.dev(), a.ino()) == (b.dev(), b.ino()) || same_name())
}

impl Report {
    /// A row that was not imported, with all that is wrong with it.
    pub fn refuse(&mut self, line: u64, problems: impl IntoIterator<Item = Problem>) {
        self.lines.extend(problems.into_iter().map(|problem| Line { line, level: Level::Refused, problem }));
    }

    /// Something worth knowing of a row.
    pub fn note(&mut self, line: u64, problem: Problem) {
        self.lines.push(Line { line, level: Level::Note, problem });
    }

    /// The lines, sorted by their place in the file.
    pub fn lines(&mut self) -> &[Line] {
        self.lines.sort_by_key(|line| (line.line, line.level));
        &self.lines
    }

    /// Writes the report. `None`: there is nothing to report, and no old report to replace.
    pub fn write<'p>(&mut self, place: &'p Place) -> anyhow::Result<Option<&'p Path>> {
        let text = self.csv()?;
        place.write(&text, self.lines.is_empty())
    }

    fn csv(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["line", "result", "column", "value", "reason"])?;
        for line in self.lines() {
            let place = line.line.to_string();
            writer.write_record(std::iter::once(place).chain(line.cells()))?;
        }
        Ok(writer.into_inner()?)
    }
}

impl Line {
    /// Result, column, value and reason, as a file says them.
    pub fn cells(&self) -> [String; 4] {
        let result = match self.level {
            Level::Refused => "not imported",
            Level::Note => "note",
        };
        let value = no_formula(shortened(&self.problem.value));
        [result.to_owned(), self.problem.column.to_owned(), value, no_formula(self.problem.reason.clone())]
    }

    /// What is wrong, in a sentence that follows the line's place.
    pub fn sentence(&self) -> String {
        let p = &self.problem;
        let what = match (p.column, p.value.as_str()) {
            ("", "") => "the row".to_owned(),
            ("", value) => value.to_owned(),
            (column, "") => column.to_owned(),
            (column, value) => format!("{column} {:?}", value.chars().take(60).collect::<String>()),
        };
        let not = if self.level == Level::Refused { "not imported: " } else { "" };
        format!("{not}{what} {}", p.reason)
    }
}

/// A spreadsheet would take such text for a formula, and work it out.
fn no_formula(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

/// The beginning of a text that may be very long.
pub fn shortened(value: &str) -> String {
    if value.chars().count() <= 200 { value.to_owned() } else { value.chars().take(200).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_sorted_by_line_and_says_what_was_not_imported() {
        let problem = |reason: &str| Problem { column: "Email", value: "a,b".to_owned(), reason: reason.to_owned() };
        let mut report = Report::default();
        report.note(9, problem("known"));
        report.refuse(3, [problem("bad"), problem("worse")]);
        let text = String::from_utf8(report.csv().expect("csv")).expect("text");
        assert_eq!(
            text,
            "line,result,column,value,reason\n3,not imported,Email,\"a,b\",bad\n\
             3,not imported,Email,\"a,b\",worse\n9,note,Email,\"a,b\",known\n"
        );
    }

    #[test]
    fn what_a_spreadsheet_would_work_out_is_made_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)"] {
            assert_eq!(no_formula(formula.to_owned()), format!("'{formula}"));
        }
        assert_eq!(no_formula("a=1".to_owned()), "a=1");
    }

    #[test]
    fn a_report_is_never_the_source_and_has_to_be_writable() {
        let folder = std::env::temp_dir().join(format!("surehold-report-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let (source, link, hard, old) =
            (folder.join("a.csv"), folder.join("link"), folder.join("hard"), folder.join("old"));
        fs::write(&source, "x").expect("written");
        fs::write(&old, "old").expect("written");
        std::os::unix::fs::symlink(&source, &link).expect("a link");
        fs::hard_link(&source, &hard).expect("a link");
        for same in [&source, &link, &hard, &folder.join("./a.csv")] {
            assert!(Place::find(Some(same), &source).unwrap_err().contains("is the file to import"), "{same:?}");
        }
        assert!(Place::find(Some(&folder), &source).unwrap_err().contains("cannot write"));
        assert!(Place::find(Some(&folder.join("none/r.csv")), &source).unwrap_err().contains("cannot write"));
        assert!(Place::find(Some(&old), &source).is_ok() && Place::find(Some(Path::new("/dev/null")), &source).is_ok());
        let fresh = Place::find(Some(&folder.join("new.csv")), &source).expect("a place");
        assert!(!fresh.path.exists(), "trying leaves nothing behind");
        assert_eq!(fs::read_to_string(&old).expect("read"), "old");
        assert_eq!(fs::read_to_string(&source).expect("read"), "x");
        fs::remove_dir_all(folder).expect("removed");
    }
}
