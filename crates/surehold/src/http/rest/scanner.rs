//! Reads PostgREST's small languages from left to right.

use super::errors;
use crate::http::error::ApiError;

/// A place in a text.
pub struct Scanner<'t> {
    what: &'static str,
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    /// At the beginning of a text; `what` names it in errors.
    pub fn new(what: &'static str, text: &'t str) -> Scanner<'t> {
        Scanner { what, text, at: 0 }
    }

    /// What is left.
    pub fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next character.
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes past a text, if it comes next.
    pub fn skip(&mut self, expected: &str) -> bool {
        let is_next = self.rest().starts_with(expected);
        if is_next {
            self.at += expected.len();
        }
        is_next
    }

    /// Goes past a text that has to come next.
    pub fn expect(&mut self, expected: &str) -> Result<(), ApiError> {
        if self.skip(expected) { Ok(()) } else { Err(self.unexpected(&format!("expecting \"{expected}\""))) }
    }

    /// Everything up to one of these characters, or to the end.
    pub fn until(&mut self, ends: &[char]) -> &'t str {
        let rest = self.rest();
        let taken = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// A value between quotes, in which `\` takes away the meaning of what follows it. `None`: no quote comes next.
    pub fn quoted(&mut self) -> Result<Option<String>, ApiError> {
        if !self.skip("\"") {
            return Ok(None);
        }
        let mut value = String::new();
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(Some(value)),
                '\\' => {
                    let Some(escaped) = self.peek() else { break };
                    self.at += escaped.len_utf8();
                    value.push(escaped);
                }
                other => value.push(other),
            }
        }
        Err(self.unexpected("unexpected end of input, expecting \"\\\"\""))
    }

    /// A value of a list: quoted, or everything up to `,` or `)`. A quote that does not stand around the whole value is
    /// a character of it: supabase-js sends a lone one as it is.
    pub fn item(&mut self) -> String {
        let start = self.at;
        if let Ok(Some(value)) = self.quoted()
            && matches!(self.peek(), None | Some(',' | ')'))
        {
            return value;
        }
        self.at = start;
        self.until(&[',', ')']).to_owned()
    }

    /// `(a,"b,c")`. An empty pair of parentheses holds no value.
    pub fn list(&mut self) -> Result<Vec<String>, ApiError> {
        self.expect("(")?;
        if self.skip(")") {
            return Ok(Vec::new());
        }
        let mut values = Vec::new();
        loop {
            values.push(self.item());
            if self.skip(")") {
                return Ok(values);
            }
            self.expect(",")?;
        }
    }

    /// An error at this place.
    pub fn unexpected(&self, problem: &str) -> ApiError {
        let column = self.text[..self.at].chars().count() + 1;
        errors::parse(self.what, self.text, column, problem)
    }
}
