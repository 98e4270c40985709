//! Pages of lists: newest first, `limit`, `starting_after`, `ending_before` (docs.stripe.com/api/pagination).

use serde_json::{Value, json};

use super::errors::ApiError;
use super::form::Params;
use super::table::Row;

const LIMIT_DEFAULT: i64 = 10;
const LIMIT_MAX: i64 = 100;

/// The parameters that every list takes.
pub(super) const PARAMETERS: [&str; 4] = ["limit", "starting_after", "ending_before", "expand"];

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    limit: usize,
    starting_after: Option<String>,
    ending_before: Option<String>,
}

impl Page {
    /// Reads it from the parameters.
    pub(super) fn read(params: &Params<'_>) -> Result<Page, ApiError> {
        let limit = params.integer_from("limit", 1)?.unwrap_or(LIMIT_DEFAULT);
        if limit > LIMIT_MAX {
            let message = format!("This value must be less than or equal to {LIMIT_MAX} (it is {limit}).");
            return Err(ApiError::invalid(message).code("parameter_invalid_integer").param("limit"));
        }
        let starting_after = params.text("starting_after")?.map(str::to_owned);
        let ending_before = params.text("ending_before")?.map(str::to_owned);
        if starting_after.is_some() && ending_before.is_some() {
            return Err(ApiError::invalid("You may only specify one of starting_after and ending_before."));
        }
        Ok(Page { limit: usize::try_from(limit).unwrap_or(1), starting_after, ending_before })
    }

    /// The page of these rows, which come newest first.
    pub(super) fn of<'r, T: Row + 'r>(
        &self,
        rows: impl Iterator<Item = &'r T>,
        url: &str,
        json_of: impl Fn(&T) -> Value,
    ) -> Result<Value, ApiError> {
        let rows: Vec<&T> = rows.collect();
        let place = |id: &str, param: &str| {
            let found = rows.iter().position(|row| row.id() == id);
            found.ok_or_else(|| ApiError::no_such("object", id, param))
        };
        let (from, to) = match (&self.starting_after, &self.ending_before) {
            (Some(id), _) => (place(id, "starting_after")? + 1, rows.len()),
            (None, Some(id)) => {
                let end = place(id, "ending_before")?;
                (end.saturating_sub(self.limit), end)
            }
            (None, None) => (0, rows.len()),
        };
        let data: Vec<Value> = rows[from..to].iter().take(self.limit).map(|row| json_of(row)).collect();
        let has_more = if self.ending_before.is_some() { from > 0 } else { to - from > data.len() };
        Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
    }
}
