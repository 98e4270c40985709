//! `order=exam_date.desc.nullslast,name`.

use super::filter;
use super::scanner::Scanner;
use crate::http::error::ApiError;
use crate::store::drop_in::catalogue::View;
use crate::store::drop_in::query::{Nulls, Term};

/// No more columns than this.
const TERMS_MAX: usize = 20;

/// The columns to order by.
pub fn parse(view: &View, text: &str) -> Result<Vec<Term>, ApiError> {
    let mut terms = Vec::new();
    if text.is_empty() {
        return Ok(terms);
    }
    let mut scanner = Scanner::new("order", text);
    loop {
        terms.push(term(view, &mut scanner)?);
        if scanner.is_done() {
            return Ok(terms);
        }
        if terms.len() == TERMS_MAX {
            return Err(scanner.unexpected(&format!("at most {TERMS_MAX} columns are taken")));
        }
        scanner.expect(",")?;
    }
}

fn term(view: &View, scanner: &mut Scanner<'_>) -> Result<Term, ApiError> {
    let name = match scanner.quoted()? {
        Some(name) => name,
        None => scanner.until(&['.', ',']).to_owned(),
    };
    if name.is_empty() {
        return Err(scanner.unexpected("expecting field name"));
    }
    let is_descending = scanner.skip(".desc");
    if !is_descending {
        scanner.skip(".asc");
    }
    let nulls = if scanner.skip(".nullsfirst") {
        Some(Nulls::First)
    } else if scanner.skip(".nullslast") {
        Some(Nulls::Last)
    } else {
        None
    };
    if !scanner.is_done() && scanner.peek() != Some(',') {
        return Err(scanner.unexpected("expecting \"asc\", \"desc\", \"nullsfirst\", \"nullslast\", \",\" or the end"));
    }
    Ok(Term { column: filter::column(view, &name)?, is_descending, nulls })
}
