//! From the history of a credit in the CRM to what was bought and cut there.
//!
//! A value alone cannot tell "what we wrote never arrived" from "it arrived, and one was bought since". The history
//! can: it holds every value that the property had, and when. Each change in it that is not ours counts as its
//! difference from the value before, once. So a purchase counts even if we wrote over it a moment later, and what
//! was written over it is no cut.
//!
//! Which changes are ours is told by a *shadow*: a second property that is written together with the credit, in one
//! request, with a value that never repeats ([`shadow`]). The record then has an entry of both at the same moment.

use std::collections::BTreeMap;

/// One entry of a property's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, in milliseconds since 1970, by the CRM's clock. Unique within one property's history.
    pub at: i64,
    /// The value from then on; empty if it was cleared.
    pub value: String,
}

/// A change that was not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// When, as in [`Entry::at`].
    pub at: i64,
    /// The difference from the value before: bought, if positive; cut, if negative. Never 0.
    pub delta: i64,
}

/// What a history says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Changes that were not ours, oldest first.
    pub changes: Vec<Change>,
    /// Moments at which something was entered that is no whole number. It counts for nothing: the next number is
    /// compared with the last one before.
    pub unreadable: Vec<i64>,
    /// The number that the CRM shows now; `None` if that is unreadable. 0 if it was never set.
    pub shows: Option<i64>,
    /// Whether entries are missing between `since` and the oldest one given: the CRM keeps only so many, and changes
    /// before that one cannot be counted.
    pub is_cut_off: bool,
}

/// What the shadow of a credit holds: the amount, and which write it was, so that no two writes are equal (the CRM
/// notes no entry for a value that is there already).
pub fn shadow(amount: i64, write: &str) -> String {
    format!("{amount} {write}")
}

/// Reads a history. `credit` and `shadow` are the entries of both properties in any order, `since` the moment up to
/// which everything is counted already (the opening balance holds it), `kept_max` how many entries the CRM keeps.
pub fn read(credit: &[Entry], shadow: &[Entry], since: i64, kept_max: usize) -> Reading {
    let ours: BTreeMap<i64, &str> = shadow.iter().map(|entry| (entry.at, entry.value.as_str())).collect();
    let entries: BTreeMap<i64, &str> = credit.iter().map(|entry| (entry.at, entry.value.as_str())).collect();
    let mut reading = Reading { shows: Some(0), ..Reading::default() };
    let oldest = entries.keys().next().copied();
    let is_whole = credit.len() < kept_max;
    reading.is_cut_off = !is_whole && oldest.is_some_and(|at| at > since);
    // Before the first entry of a whole history there was nothing: 0.
    let mut before = is_whole.then_some(0);
    for (at, value) in entries {
        let amount = number(value);
        reading.shows = amount;
        let Some(amount) = amount else {
            if at > since {
                reading.unreadable.push(at);
            }
            continue;
        };
        let is_ours = ours.get(&at).is_some_and(|shadow| shadow_amount(shadow) == Some(amount));
        if at > since
            && !is_ours
            && let Some(before) = before
            && amount != before
        {
            reading.changes.push(Change { at, delta: amount.saturating_sub(before) });
        }
        before = Some(amount);
    }
    reading
}

/// Whether a credit is what we wrote last, by its shadow: nobody has changed it since, or changed it back.
pub fn is_as_written(credit: &str, shadow: &str) -> bool {
    shadow_amount(shadow).is_some_and(|amount| number(credit) == Some(amount))
}

fn shadow_amount(text: &str) -> Option<i64> {
    text.split_once(' ').and_then(|(amount, _)| amount.parse().ok())
}

/// A whole number as the CRM writes it: "3", "3.0", or nothing for 0.
fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    if whole.is_empty() { text.is_empty().then_some(0) } else { whole.parse().ok() }
}
