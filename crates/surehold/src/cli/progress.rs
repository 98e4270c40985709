//! A bar on a terminal, on standard error; nothing where nobody looks.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for so many of something.
pub fn bar(total: usize, what: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {{pos}}/{{len}} {what}  {{per_sec}}  {{eta}} left");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total as u64).with_style(style)
}
