//! Reading a CSV file as people and spreadsheets write them: with or without a byte order mark, any line
//! ends, commas, semicolons or tabs, columns in any order and under any of their names.

use std::cell::RefCell;

use super::report::shortened;

/// A column that an import understands.
pub struct Column {
    /// Its name in reports, and the usual one in files.
    pub name: &'static str,
    /// Other names; case, spaces and punctuation do not matter.
    pub aliases: &'static [&'static str],
    /// Whether a file has to have it.
    pub required: bool,
}

/// A file that could be taken apart.
pub struct Table {
    columns: Vec<Found>,
    /// Columns that are not understood.
    pub ignored: Vec<String>,
    /// The rows that are not blank.
    pub rows: Vec<RawRow>,
    /// What a row is called where it comes from, if it has no line.
    names: Vec<String>,
}

struct Found {
    name: &'static str,
    place: Option<usize>,
}

/// Rows that can be imported, each with its line.
pub type Lines<R> = Vec<(u64, R)>;

/// A row as it is in the file.
pub struct RawRow {
    /// The line that it begins on, from 1.
    pub line: u64,
    cells: Result<Vec<String>, String>,
}

/// Something wrong with a row, or worth knowing.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The column, or empty for the row as a whole.
    pub column: &'static str,
    /// What is in it.
    pub value: String,
    /// What is wrong with that.
    pub reason: String,
}

impl Table {
    /// A table whose rows were not in a file: these columns, in this order. Rows are numbered from 1.
    pub fn of(columns: &[&'static str], rows: Vec<Vec<String>>) -> Table {
        let found = columns.iter().enumerate().map(|(place, name)| Found { name, place: Some(place) });
        let rows = rows.into_iter().zip(1..).map(|(cells, line)| RawRow { line, cells: Ok(cells) });
        Table { columns: found.collect(), ignored: Vec::new(), rows: rows.collect(), names: Vec::new() }
    }

    /// The same, of rows that are called something where they come from.
    pub fn named(columns: &[&'static str], rows: Vec<(String, Vec<String>)>) -> Table {
        let (names, rows) = rows.into_iter().unzip();
        Table { names, ..Table::of(columns, rows) }
    }

    /// Where a row is, for people: its line in the file, or its name.
    pub fn place(&self, line: u64) -> String {
        let name = usize::try_from(line).ok().and_then(|line| self.names.get(line.checked_sub(1)?));
        name.map_or_else(|| format!("line {line}"), |name| format!("row {name}"))
    }
}

/// Takes a file apart.
///
/// # Errors
///
/// A sentence that says why nothing can be read: no heading, columns missing, no text.
pub fn read(bytes: &[u8], wanted: &[Column]) -> Result<Table, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("it is UTF-16 text; save it as \"CSV UTF-8\"".to_owned());
    }
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(bytes))
        .flexible(true)
        .has_headers(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let heading = reader.byte_headers().map_err(|error| error.to_string())?.clone();
    let heading: Vec<String> = heading.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let (columns, ignored) = find_columns(&heading, wanted)?;
    let mut lines = LineCounter { bytes, at: 0, line: 1 };
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|error| error.to_string())?;
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        let start = record.position().map_or(0, csv::Position::byte);
        rows.push(RawRow { line: lines.of_row(start), cells: text_of(&record, heading.len()) });
    }
    Ok(Table { columns, ignored, rows, names: Vec::new() })
}

/// The separator of the heading: whichever of comma, semicolon and tab occurs most.
fn delimiter(bytes: &[u8]) -> u8 {
    let heading = bytes.split(|b| matches!(b, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default();
    let count = |separator: u8| heading.iter().filter(|b| **b == separator).count();
    // The last of equals wins, so the comma comes last.
    *[b'\t', b';', b','].iter().max_by_key(|separator| count(**separator)).unwrap_or(&b',')
}

fn find_columns(heading: &[String], wanted: &[Column]) -> Result<(Vec<Found>, Vec<String>), String> {
    let names_there: Vec<String> = heading.iter().map(|name| plain(name)).collect();
    if names_there.iter().all(String::is_empty) {
        return Err("it is empty".to_owned());
    }
    let mut used = vec![false; heading.len()];
    let (mut columns, mut missing) = (Vec::new(), Vec::new());
    for column in wanted {
        let names: Vec<String> =
            std::iter::once(column.name).chain(column.aliases.iter().copied()).map(plain).collect();
        let places: Vec<usize> = (0..heading.len()).filter(|place| names.contains(&names_there[*place])).collect();
        if places.len() > 1 {
            let twice: Vec<&str> = places.iter().map(|place| heading[*place].as_str()).collect();
            return Err(format!("the column {} is in it {} times ({})", column.name, places.len(), twice.join(", ")));
        }
        match places.first() {
            Some(place) => used[*place] = true,
            None if column.required => missing.push(column.name),
            None => {}
        }
        columns.push(Found { name: column.name, place: places.first().copied() });
    }
    if !missing.is_empty() {
        return Err(format!(
            "it lacks the {} {}. Its first line has to name the columns; it has: {}",
            if missing.len() == 1 { "column" } else { "columns" },
            missing.join(", "),
            shortened(&heading.join(", "))
        ));
    }
    let ignored =
        heading.iter().zip(&used).filter(|(name, used)| !**used && !name.is_empty()).map(|(name, _)| name.clone());
    Ok((columns, ignored.collect()))
}

/// `SJ Credits`, `sj_credits` and `sjCredits` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn text_of(record: &csv::ByteRecord, width: usize) -> Result<Vec<String>, String> {
    let mut cells = Vec::with_capacity(width);
    for cell in record {
        let text = std::str::from_utf8(cell).map_err(|_| "is not UTF-8 text; save the file as \"CSV UTF-8\"")?;
        if text.contains('\0') {
            return Err("has a zero byte in it".to_owned());
        }
        cells.push(text.to_owned());
    }
    match cells.len() {
        n if n < width => Err(format!("has {n} cells, but the first line names {width} columns")),
        n if n > width && cells[width..].iter().any(|cell| !cell.is_empty()) => {
            Err(format!("has {n} cells, but the first line names {width} columns (is a comma not in quotation marks?)"))
        }
        _ => Ok(cells),
    }
}

/// Counts lines up to a row. The reader's own count is that of the blank lines before it, if there are any.
struct LineCounter<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u64,
}

impl LineCounter<'_> {
    fn of_row(&mut self, start: u64) -> u64 {
        let mut start = usize::try_from(start).unwrap_or(usize::MAX).min(self.bytes.len());
        while matches!(self.bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        self.line += self.bytes[self.at..start].iter().filter(|b| **b == b'\n').count() as u64;
        self.at = start;
        self.line
    }
}

/// Reads the cells of one row, and gathers what is wrong with them.
pub struct Cells<'t> {
    table: &'t Table,
    cells: &'t [String],
    problems: RefCell<Vec<Problem>>,
}

impl Table {
    /// The cells of a row; or what is wrong with the row as a whole.
    pub fn cells<'t>(&'t self, row: &'t RawRow) -> Result<Cells<'t>, Problem> {
        match &row.cells {
            Ok(cells) => Ok(Cells { table: self, cells, problems: RefCell::default() }),
            Err(reason) => Err(Problem { column: "", value: String::new(), reason: reason.clone() }),
        }
    }
}

impl Cells<'_> {
    /// Whether the file has a column at all.
    pub fn has(&self, column: &str) -> bool {
        self.place(column).is_some()
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.table.columns.iter().find(|found| found.name == column).and_then(|found| found.place)
    }

    /// The text of a cell; empty if the file has no such column.
    pub fn text(&self, column: &str) -> &str {
        self.place(column).and_then(|place| self.cells.get(place)).map_or("", String::as_str)
    }

    /// The value of a cell. `None`: it is wrong, and the problem is noted.
    pub fn value<T>(&self, column: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.text(column)) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.wrong(column, reason);
                None
            }
        }
    }

    /// Notes a problem with a cell.
    pub fn wrong(&self, column: &'static str, reason: impl Into<String>) {
        let value = self.text(column).to_owned();
        self.problems.borrow_mut().push(Problem { column, value, reason: reason.into() });
    }

    /// What was wrong.
    pub fn problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column { name: "Student ID", aliases: &[], required: true },
        Column { name: "SJ Credits", aliases: &["Situational Judgment Credits"], required: false },
        Column { name: "Email", aliases: &["Student Email"], required: true },
    ];

    fn rows(text: &[u8]) -> Vec<(u64, String)> {
        let table = read(text, COLUMNS).expect("a table");
        let cell = |row| match table.cells(row) {
            Ok(cells) => format!("{}|{}", cells.text("Student ID"), cells.text("SJ Credits")),
            Err(problem) => problem.reason,
        };
        table.rows.iter().map(|row| (row.line, cell(row))).collect()
    }

    #[test]
    fn a_byte_order_mark_any_line_ends_and_any_names_are_understood() {
        let expected = vec![(2, "A|1".to_owned())];
        assert_eq!(rows(b"\xef\xbb\xbfStudent ID,Email,SJ Credits\r\nA,a@b.c,1\r\n"), expected);
        assert_eq!(rows(b"sj_credits,studentEmail,STUDENT_ID\n1,a@b.c,A"), expected);
        assert_eq!(rows(b"Student ID;Email;SJ Credits\n A ; a@b.c ;1\n"), expected);
        assert_eq!(rows(b"Student ID\tEmail\tSituational judgment credits\nA\ta@b.c\t1\n"), expected);
    }

    #[test]
    fn lines_are_counted_through_blank_lines_and_cells_of_several_lines() {
        let text = b"Student ID,Email,SJ Credits\r\n\r\nA,\"a\r\nb\",1\r\n,,\r\n\r\n\r\nB,x,2\r\nC,x\r\n";
        let found = rows(text);
        assert_eq!(found[0], (3, "A|1".to_owned()));
        assert_eq!(found[1], (8, "B|2".to_owned()));
        assert_eq!(found[2].0, 9);
        assert!(found[2].1.contains("has 2 cells"), "{found:?}");
    }

    #[test]
    fn a_row_that_is_too_long_or_no_text_is_a_row_that_is_wrong() {
        let found = rows(b"Student ID,Email,SJ Credits\nA,a,1,x\nB,b,2,\nC\xff,c,3\nD\0,d,4\n");
        assert!(found[0].1.contains("quotation marks"));
        assert_eq!(found[1].1, "B|2");
        assert!(found[2].1.contains("UTF-8") && found[3].1.contains("zero byte"));
    }

    #[test]
    fn a_file_without_its_columns_is_refused_and_they_are_named() {
        let problem = |text: &[u8]| read(text, COLUMNS).err().expect("refused");
        assert!(problem(b"A,B\n1,2\n").contains("it lacks the columns Student ID, Email."));
        assert!(problem(b"Email,B\n1,2\n").contains("it lacks the column Student ID."));
        assert!(problem(b"").contains("empty"));
        assert!(problem(b"Email,Student Email,Student ID\n").contains("2 times"));
        assert!(problem(b"\xff\xfeS\0").contains("UTF-16"));
    }

    #[test]
    fn a_row_is_called_what_it_is_called_where_it_comes_from() {
        let rows = vec![("7f3a".to_owned(), vec!["A".to_owned()])];
        assert_eq!(Table::named(&["Student ID"], rows).place(1), "row 7f3a");
        assert_eq!(Table::of(&["Student ID"], vec![vec!["A".to_owned()]]).place(1), "line 1");
    }

    #[test]
    fn unknown_columns_are_named_not_refused() {
        let table = read(b"Email,Shoe Size,Student ID\n", COLUMNS).expect("a table");
        assert_eq!(table.ignored, ["Shoe Size"]);
        assert!(table.rows.is_empty());
    }
}
