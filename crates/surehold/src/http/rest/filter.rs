//! `column=operator.value`, also with `not.` before it, and the same within `or=(…)`.

use super::errors;
use super::scanner::Scanner;
use crate::http::error::ApiError;
use crate::store::drop_in::catalogue::{Column, View};
use crate::store::drop_in::query::{Condition, Is, Operator};

/// Values of one `in`.
const VALUES_MAX: usize = 1000;

/// The condition of one parameter of the query string.
pub fn parse(view: &View, name: &str, text: &str) -> Result<Condition, ApiError> {
    let mut scanner = Scanner::new("filter", text);
    let condition = operation(&mut scanner, Place::Parameter)?;
    if !scanner.is_done() {
        return Err(scanner.unexpected("unexpected text after the value"));
    }
    condition.of(column(view, name)?)
}

/// The column of a name.
pub fn column(view: &View, name: &str) -> Result<&'static Column, ApiError> {
    view.column(name).ok_or_else(|| errors::no_column(view.name, name))
}

/// Where a filter stands: it says where its value ends.
#[derive(Clone, Copy, PartialEq)]
pub enum Place {
    /// A parameter: at the end of the text, and nothing in it has a meaning.
    Parameter,
    /// Within `or=(…)`: at `,` or `)`, unless it is quoted.
    Logic,
}

/// An operator with its value, for any column.
pub struct Operation {
    is_negated: bool,
    test: Test,
}

enum Test {
    Compare(Operator, String),
    In(Vec<String>),
    Is(Is),
}

impl Operation {
    /// The condition on a column.
    pub fn of(self, column: &'static Column) -> Result<Condition, ApiError> {
        let condition = match self.test {
            Test::Compare(operator, value) => Condition::Compare(column, operator, value),
            Test::In(values) => Condition::In(column, values),
            Test::Is(is) => Condition::Is(column, is),
        };
        Ok(if self.is_negated { Condition::Not(Box::new(condition)) } else { condition })
    }
}

/// Reads `[not.]operator.value`.
pub fn operation(scanner: &mut Scanner<'_>, place: Place) -> Result<Operation, ApiError> {
    let is_negated = scanner.skip("not.");
    let name = scanner.until(&['.', ',', ')', '(']);
    if !scanner.skip(".") {
        return Err(scanner.unexpected("expecting an operator, a dot and a value"));
    }
    let test = match name {
        "in" => Test::In(values(scanner)?),
        "is" => Test::Is(constant(scanner, place)?),
        _ => {
            let Some(operator) = operator(name) else {
                return Err(scanner.unexpected(&format!("unknown single value operator {name}")));
            };
            let value = value(scanner, place);
            // In patterns, a star is a percent sign that needs no encoding.
            let is_pattern = matches!(operator, Operator::Like | Operator::ILike);
            Test::Compare(operator, if is_pattern { value.replace('*', "%") } else { value })
        }
    };
    Ok(Operation { is_negated, test })
}

fn values(scanner: &mut Scanner<'_>) -> Result<Vec<String>, ApiError> {
    let values = scanner.list()?;
    if values.len() > VALUES_MAX {
        return Err(scanner.unexpected(&format!("at most {VALUES_MAX} values are taken")));
    }
    Ok(values)
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        "eq" => Operator::Eq,
        "neq" => Operator::Neq,
        "gt" => Operator::Gt,
        "gte" => Operator::Gte,
        "lt" => Operator::Lt,
        "lte" => Operator::Lte,
        "like" => Operator::Like,
        "ilike" => Operator::ILike,
        _ => return None,
    })
}

fn value(scanner: &mut Scanner<'_>, place: Place) -> String {
    match place {
        Place::Parameter => scanner.until(&[]).to_owned(),
        Place::Logic => scanner.item(),
    }
}

fn constant(scanner: &mut Scanner<'_>, place: Place) -> Result<Is, ApiError> {
    let value = value(scanner, place);
    Ok(match value.to_ascii_lowercase().as_str() {
        "null" => Is::Null,
        "not_null" => Is::NotNull,
        "true" => Is::True,
        "false" => Is::False,
        "unknown" => Is::Unknown,
        _ => return Err(scanner.unexpected("expecting null, not_null, true, false or unknown")),
    })
}
