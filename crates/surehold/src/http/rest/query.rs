//! The query string of a read.

use axum::http::{HeaderMap, StatusCode};

use super::nearest::nearest;
use super::range::{Window, window};
use super::request::Profile;
use super::{errors, filter, logic, order, select};
use crate::http::error::ApiError;
use crate::store::drop_in::catalogue::{VIEWS, View};
use crate::store::drop_in::query::{Condition, Query};

/// The longest query string, in bytes: some hundred UUIDs in an `in`.
const BYTES_MAX: usize = 32 * 1024;
/// Filters of one request, those within `or` and `and` included.
const CONDITIONS_MAX: usize = 50;

/// The view of a name.
pub fn view(profile: Profile, name: &str) -> Result<&'static View, ApiError> {
    View::named(name)
        .ok_or_else(|| errors::no_view(profile.schema, name, nearest(name, VIEWS.iter().map(|view| view.name))))
}

/// Reads a query string, and the header that can stand for a part of it.
pub fn parse(
    profile: Profile,
    view: &'static View,
    text: &str,
    headers: &HeaderMap,
    rows_max: i64,
) -> Result<Query, ApiError> {
    let parameters = Parameters::of(text)?;
    let select = select::parse(profile.schema, view, parameters.last("select").unwrap_or("*"))?;
    let order = order::parse(view, parameters.last("order").unwrap_or_default())?;
    let Window { offset, limit } = window(parameters.last("limit"), parameters.last("offset"), headers, rows_max)?;
    let conditions = conditions(view, &parameters)?;
    Ok(Query { view, select, conditions, order, offset, limit, is_counted: false, is_read: true })
}

/// The parameters of a query string.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query string.
    pub fn of(text: &str) -> Result<Parameters, ApiError> {
        if text.len() > BYTES_MAX {
            return Err(errors::parse("query string", "…", 1, format!("it has more than {BYTES_MAX} bytes")));
        }
        let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "22021", message));
        }
        Ok(Parameters(pairs))
    }

    /// The value of a name. Of one that comes twice the last counts; filters all count.
    pub fn last(&self, wanted: &str) -> Option<&str> {
        self.0.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

/// Which rows.
pub fn conditions(view: &View, parameters: &Parameters) -> Result<Vec<Condition>, ApiError> {
    let mut conditions = Vec::new();
    for (name, value) in &parameters.0 {
        if ["select", "order", "limit", "offset", "columns", "on_conflict"].contains(&name.as_str()) || name.is_empty()
        {
            continue;
        }
        conditions.push(match logic::parse(view, name, value) {
            Some(tree) => tree?,
            None => filter_of(view, name, value)?,
        });
    }
    if conditions.iter().map(size).sum::<usize>() > CONDITIONS_MAX {
        return Err(errors::parse("query string", "…", 1, format!("at most {CONDITIONS_MAX} filters are taken")));
    }
    Ok(conditions)
}

fn filter_of(view: &View, name: &str, value: &str) -> Result<Condition, ApiError> {
    // A dot leads into rows within rows, of which there are none.
    match name.split_once('.') {
        Some((embedded, _)) if view.column(name).is_none() => {
            let message = format!("'{embedded}' is not an embedded resource in this request");
            let hint = format!("Verify that '{embedded}' is included in the 'select' query parameter.");
            Err(ApiError::new(StatusCode::BAD_REQUEST, "PGRST108", message).with_hint(hint))
        }
        _ => filter::parse(view, name.trim_matches('"'), value),
    }
}

/// How many filters a condition is made of.
fn size(condition: &Condition) -> usize {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().map(size).sum(),
        Condition::Not(inner) => size(inner),
        Condition::Compare(..) | Condition::In(..) | Condition::Is(..) => 1,
    }
}
