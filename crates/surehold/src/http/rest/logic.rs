//! `or=(a.gt.1,b.is.null)` and `and=(…)`, negated by `not.` and one within the other.

use super::filter::{self, Place};
use super::scanner::Scanner;
use crate::http::error::ApiError;
use crate::store::drop_in::catalogue::View;
use crate::store::drop_in::query::Condition;

/// How deep they may stand within each other.
const DEPTH_MAX: usize = 5;

/// The condition of a parameter `or`, `and`, `not.or` or `not.and`; `None` for any other parameter.
pub fn parse(view: &View, name: &str, text: &str) -> Option<Result<Condition, ApiError>> {
    let (is_negated, word) = match name.strip_prefix("not.") {
        Some(word) => (true, word),
        None => (false, name),
    };
    let word = Word::of(word)?;
    let mut scanner = Scanner::new("logic tree", text);
    Some(tree(view, &mut scanner, word, 1).and_then(|condition| {
        if scanner.is_done() {
            Ok(negated(condition, is_negated))
        } else {
            Err(scanner.unexpected("expecting the end"))
        }
    }))
}

#[derive(Clone, Copy)]
enum Word {
    And,
    Or,
}

impl Word {
    fn of(text: &str) -> Option<Word> {
        match text {
            "and" => Some(Word::And),
            "or" => Some(Word::Or),
            _ => None,
        }
    }
}

fn negated(condition: Condition, is_negated: bool) -> Condition {
    if is_negated { Condition::Not(Box::new(condition)) } else { condition }
}

fn tree(view: &View, scanner: &mut Scanner<'_>, word: Word, depth: usize) -> Result<Condition, ApiError> {
    if depth > DEPTH_MAX {
        return Err(scanner.unexpected(&format!("at most {DEPTH_MAX} levels are taken")));
    }
    scanner.expect("(")?;
    let mut parts = Vec::new();
    loop {
        parts.push(part(view, scanner, depth)?);
        if scanner.skip(")") {
            break;
        }
        scanner.expect(",")?;
    }
    Ok(match word {
        Word::And => Condition::All(parts),
        Word::Or => Condition::Any(parts),
    })
}

/// A tree of its own, or `column.operator.value`.
fn part(view: &View, scanner: &mut Scanner<'_>, depth: usize) -> Result<Condition, ApiError> {
    for (prefix, is_negated, word) in [
        ("and(", false, Word::And),
        ("or(", false, Word::Or),
        ("not.and(", true, Word::And),
        ("not.or(", true, Word::Or),
    ] {
        if scanner.rest().starts_with(prefix) {
            scanner.expect(&prefix[..prefix.len() - 1])?;
            return Ok(negated(tree(view, scanner, word, depth + 1)?, is_negated));
        }
    }
    let name = match scanner.quoted()? {
        Some(name) => name,
        None => scanner.until(&['.', ',', ')', '(']).to_owned(),
    };
    if name.is_empty() {
        return Err(scanner.unexpected("expecting field name"));
    }
    scanner.expect(".")?;
    let operation = filter::operation(scanner, Place::Logic)?;
    operation.of(filter::column(view, &name)?)
}
