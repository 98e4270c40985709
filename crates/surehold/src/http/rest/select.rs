//! `select=*`, `select=id,code:booking_id`: columns, and what the caller calls them.

use axum::http::StatusCode;
use serde_json::Value;

use super::errors;
use super::filter;
use crate::http::error::ApiError;
use crate::store::drop_in::catalogue::View;
use crate::store::drop_in::query::Selected;

/// No more columns than this. PostgreSQL makes an object of 50 members at most.
const COLUMNS_MAX: usize = 50;

/// The columns of the answer.
pub fn parse(schema: &str, view: &'static View, text: &str) -> Result<Vec<Selected>, ApiError> {
    if text.trim().is_empty() {
        return Ok(all(view));
    }
    let mut selected = Vec::new();
    let mut column = 1;
    for item in items(text) {
        match item.trim() {
            "*" => selected.extend(all(view)),
            item => selected.push(one(schema, view, text, item, column)?),
        }
        column += item.chars().count() + 1;
    }
    if selected.len() > COLUMNS_MAX {
        let problem = format!("at most {COLUMNS_MAX} columns are taken");
        return Err(errors::parse("select parameter", text, 1, problem));
    }
    Ok(selected)
}

fn all(view: &'static View) -> Vec<Selected> {
    view.columns.iter().map(|column| Selected { column, alias: None }).collect()
}

/// The parts between commas, except commas within parentheses.
fn items(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

fn one(schema: &str, view: &View, text: &str, item: &str, column: usize) -> Result<Selected, ApiError> {
    let wrong = |problem: &str| Err(errors::parse("select parameter", text, column, problem));
    if let Some((before, inside)) = item.split_once('(') {
        if inside.starts_with(')') {
            let error = ApiError::new(StatusCode::BAD_REQUEST, "PGRST123", "Use of aggregate functions is not allowed");
            return Err(error);
        }
        return Err(no_relationship(schema, view, before));
    }
    if item.contains("::") || item.contains("->") {
        return wrong("casts and paths into JSON are not supported");
    }
    let (alias, name) = match item.split_once(':') {
        Some((alias, name)) => (Some(unquoted(alias)), unquoted(name)),
        None => (None, unquoted(item)),
    };
    if name.is_empty() || alias == Some("") {
        return wrong("expecting field name (* or [a..z0..9_$])");
    }
    Ok(Selected { column: filter::column(view, name)?, alias: alias.map(str::to_owned) })
}

fn unquoted(name: &str) -> &str {
    let name = name.trim();
    name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name)
}

/// Rows within rows need foreign keys, and views have none.
fn no_relationship(schema: &str, view: &View, target: &str) -> ApiError {
    let target = target.trim_start_matches("...");
    let target = target.rsplit_once(':').map_or(target, |(_, target)| target);
    let target = target.split_once('!').map_or(target, |(target, _)| target);
    let (from, details) = (
        view.name,
        format!(
            "Searched for a foreign key relationship between '{}' and '{target}' in the schema '{schema}', but no matches were found.",
            view.name
        ),
    );
    let message = format!("Could not find a relationship between '{from}' and '{target}' in the schema cache");
    ApiError::new(StatusCode::BAD_REQUEST, "PGRST200", message).with_details(Value::String(details))
}
