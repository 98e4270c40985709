//! What commands say on standard output.

use std::io::Write;
use std::path::Path;

use crate::config::{Common, DATA_DIR};

/// Prints a line. A reader that went away (`surehold doctor | head`) is no reason to fail.
pub fn say(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Text from elsewhere, safe to show: control characters, which a terminal would obey, are escaped.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    })
}

/// This program as it was called, for a shell.
pub fn program() -> String {
    let name = std::env::args_os().next().filter(|name| !name.is_empty());
    name.map_or_else(|| "surehold".to_owned(), |name| shell_path(Path::new(&name)))
}

/// A command to type next, on the same database.
pub fn hint(common: &Common, command: &str) -> String {
    format!("{} {command}{}", program(), data_dir_flag(common.database_url().is_none().then_some(&common.data_dir)))
}

/// A command to type next, on the same data folder.
pub fn hint_at(data_dir: &Path, command: &str) -> String {
    format!("{} {command}{}", program(), data_dir_flag(Some(data_dir)))
}

/// The command that makes the first organisation.
pub fn first_org_hint(common: &Common) -> String {
    hint(common, "org create --slug acme --name 'Acme Exams' --time-zone America/Toronto")
}

/// ` --data-dir DIR`, if it is not the default.
fn data_dir_flag(data_dir: Option<impl AsRef<Path>>) -> String {
    match data_dir.as_ref().map(AsRef::as_ref) {
        Some(dir) if dir != Path::new(DATA_DIR) => format!(" --data-dir {}", shell_path(dir)),
        _ => String::new(),
    }
}

/// A path as one word of a shell.
pub fn shell_path(path: &Path) -> String {
    shell_word(&path.display().to_string())
}

/// Text as one word of a shell, quoted if need be.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// `1 row`, `2 rows`.
pub fn count(n: impl Into<i64>, one: &str) -> String {
    let n = n.into();
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", grouped(n)) }
}

/// 12345 as `12,345`.
pub fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if n < 0 { format!("-{text}") } else { text }
}

/// A table with aligned columns, the heading first.
pub fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let mut widths: Vec<usize> = heading.iter().map(|h| h.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        text.trim_end().to_owned()
    };
    let mut lines = vec![line(heading.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("a\u{1b}[2J\r\n\u{9b}é"), "a\\u{1b}[2J\\r\\n\\u{9b}é");
        assert_eq!(table(&["A"], &[vec!["\u{7}".to_owned()]]), "A\n\\u{7}");
    }

    #[test]
    fn hints_repeat_the_data_folder_when_it_is_not_the_default() {
        assert_eq!(data_dir_flag(Some(DATA_DIR)), "");
        assert_eq!(data_dir_flag(None::<&Path>), "");
        assert_eq!(data_dir_flag(Some("/my folder")), " --data-dir '/my folder'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!((grouped(0), grouped(999), grouped(1000)), ("0".into(), "999".into(), "1,000".into()));
        assert_eq!(
            (grouped(-1_234_567), count(1, "row"), count(2, "row")),
            ("-1,234,567".into(), "1 row".into(), "2 rows".into())
        );
    }
}
