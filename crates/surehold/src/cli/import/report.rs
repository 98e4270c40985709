//! The report of an import: which rows were not taken, and what is worth knowing of others.

use std::path::{Path, PathBuf};

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

    /// Writes the report to where the caller wants it; else beside us, else where temporary files go.
    /// `None`: there is nothing to report, and no old report to replace.
    pub fn write(&mut self, wanted: Option<&Path>, source: &Path) -> anyhow::Result<Option<PathBuf>> {
        let name = format!("{}.report.csv", source.file_name().unwrap_or_default().to_string_lossy());
        let places = match wanted {
            Some(path) => vec![path.to_owned()],
            None => vec![PathBuf::from(&name), std::env::temp_dir().join(&name)],
        };
        if self.lines.is_empty() && wanted.is_none() && !places[0].exists() {
            return Ok(None);
        }
        let text = self.csv()?;
        let mut problem = String::new();
        for path in places {
            match std::fs::write(&path, &text) {
                Ok(()) => return Ok(Some(path)),
                Err(error) => problem = format!("cannot write the report {}: {error}", path.display()),
            }
        }
        anyhow::bail!(problem)
    }

    fn csv(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["line", "result", "column", "value", "reason"])?;
        for line in self.lines() {
            let result = match line.level {
                Level::Refused => "not imported",
                Level::Note => "note",
            };
            let value = shortened(&line.problem.value);
            writer.write_record([&line.line.to_string(), result, line.problem.column, &value, &line.problem.reason])?;
        }
        Ok(writer.into_inner()?)
    }
}

fn shortened(value: &str) -> String {
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
}
