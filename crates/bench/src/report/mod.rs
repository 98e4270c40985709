//! The results: on the terminal, for programs, and as a chart.

mod chart;
mod json;
mod table;
#[cfg(test)]
mod testing;

use std::path::Path;

use anyhow::Context;

use crate::results::Results;

/// Prints the table, and writes `results.json` and `results.svg` into a folder.
///
/// # Errors
///
/// A file that cannot be written.
pub fn write(results: &Results, folder: &Path) -> anyhow::Result<()> {
    print!("{}", table::of(results));
    std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let json = serde_json::to_string_pretty(&json::of(results))? + "\n";
    for (name, text) in [("results.json", json), ("results.svg", chart::of(results))] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        println!("Written: {}", path.display());
    }
    Ok(())
}

/// A number as people read it: three digits that count, thousands apart.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        small if small < 0.9995 => 3,
        small if small < 9.995 => 2,
        small if small < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, whole) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_the_digits_that_count() {
        for (value, text) in [
            (12_345.6, "12,346"),
            (1_234_567.0, "1,234,567"),
            (999.4, "999"),
            (12.345, "12.3"),
            (1.2345, "1.23"),
            (0.12345, "0.123"),
            (0.0, "0"),
            (-1234.0, "-1,234"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
