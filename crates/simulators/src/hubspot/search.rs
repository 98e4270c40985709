//! Search: filters, one sort, pages (developers.hubspot.com/docs/api-reference/crm-search-v3/guide). It sees
//! what the index has learned, and never archived records.

use std::cmp::Ordering;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::clock;
use super::errors::ApiError;
use super::inputs;
use super::record::{Record, Shown};
use super::state::State;

const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 200;
/// Beyond these there is no page.
const RESULTS_MAX: usize = 10_000;
const GROUPS_MAX: usize = 5;
const FILTERS_OF_GROUP_MAX: usize = 6;
const FILTERS_MAX: usize = 18;
const QUERY_MAX: usize = 3_000;

#[derive(Debug)]
struct Filter {
    property: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Is(String),
    IsNot(String),
    Less(String),
    AtMost(String),
    More(String),
    AtLeast(String),
    Between(String, String),
    In(Vec<String>),
    NotIn(Vec<String>),
    Known,
    Unknown,
    HasToken(String),
    HasNoToken(String),
}

#[derive(Debug)]
struct Search {
    /// All filters of some group have to be met; without groups, everything is found.
    groups: Vec<Vec<Filter>>,
    query: Option<String>,
    sort: Option<(String, bool)>,
    limit: usize,
    after: usize,
    shown: Shown,
}

/// Answers a search.
pub(super) fn search(state: &mut State, object_type: &str, body: &Value) -> Result<Answer, ApiError> {
    let search = Search::read(body)?;
    let definitions = state.definitions(object_type);
    let named = search.groups.iter().flatten().map(|filter| &filter.property);
    if let Some(unknown) =
        named.chain(search.sort.iter().map(|(name, _)| name)).find(|name| definitions.get(name).is_none())
    {
        return Err(ApiError::invalid(format!(
            "There was a problem with the request: property {unknown} does not exist."
        )));
    }
    let mut found: Vec<&Record> = state.search.of_type(object_type).filter(|record| search.finds(record)).collect();
    if let Some((property, descending)) = &search.sort {
        found.sort_by(|one, other| {
            let order = compare(&value(one, property).unwrap_or_default(), &value(other, property).unwrap_or_default());
            if *descending { order.reverse() } else { order }
        });
    }
    let total = found.len();
    let results: Vec<Value> =
        found.iter().skip(search.after).take(search.limit).map(|record| record.json(&search.shown)).collect();
    let mut answer = json!({ "total": total, "results": results });
    let next = search.after + search.limit;
    if next < total {
        answer["paging"] = json!({ "next": { "after": next.to_string() } });
    }
    Ok(Answer::json(StatusCode::OK, answer))
}

impl Search {
    fn read(body: &Value) -> Result<Search, ApiError> {
        let groups = match body.get("filterGroups") {
            None | Some(Value::Null) => Vec::new(),
            Some(groups) => {
                groups.as_array().ok_or_else(|| wrong("filterGroups"))?.iter().map(group).collect::<Result<_, _>>()?
            }
        };
        let filters: usize = groups.iter().map(Vec::len).sum();
        if groups.len() > GROUPS_MAX
            || filters > FILTERS_MAX
            || groups.iter().any(|group| group.len() > FILTERS_OF_GROUP_MAX)
        {
            return Err(ApiError::invalid(format!(
                "A search has at most {GROUPS_MAX} filterGroups with at most {FILTERS_OF_GROUP_MAX} filters each, and \
                 {FILTERS_MAX} filters in all."
            )));
        }
        let query = inputs::text(body, "query")?.filter(|query| !query.is_empty());
        if query.as_ref().is_some_and(|query| query.chars().count() > QUERY_MAX) {
            return Err(ApiError::invalid(format!("The query has more than {QUERY_MAX} characters.")));
        }
        let limit = match body.get("limit") {
            None | Some(Value::Null) => LIMIT_DEFAULT,
            Some(limit) => {
                limit.as_u64().and_then(|limit| usize::try_from(limit).ok()).ok_or_else(|| wrong("limit"))?
            }
        };
        if limit > LIMIT_MAX {
            return Err(ApiError::invalid(format!("The limit is {LIMIT_MAX}, and {limit} was asked for.")));
        }
        let after = inputs::text(body, "after")?.filter(|after| !after.is_empty());
        let after = after.map_or(Ok(0), |after| after.parse::<usize>().map_err(|_| wrong("after")))?;
        if after.saturating_add(limit) > RESULTS_MAX {
            return Err(ApiError::invalid(format!("A search pages through at most {RESULTS_MAX} results.")));
        }
        let shown = Shown { properties: inputs::texts(body, "properties")?, with_history: Vec::new() };
        Ok(Search { groups, query, sort: sort(body)?, limit, after, shown })
    }

    fn finds(&self, record: &Record) -> bool {
        let meets = |group: &Vec<Filter>| group.iter().all(|filter| filter.meets(record));
        let matches = |query: &String| {
            let query = query.to_lowercase();
            record.values().values().any(|value| value.to_lowercase().contains(&query))
        };
        (self.groups.is_empty() || self.groups.iter().any(meets)) && self.query.as_ref().is_none_or(matches)
    }
}

fn wrong(field: &str) -> ApiError {
    ApiError::invalid(format!("Invalid input JSON: `{field}` is not what it should be."))
}

fn group(group: &Value) -> Result<Vec<Filter>, ApiError> {
    let filters = group.get("filters").and_then(Value::as_array).ok_or_else(|| wrong("filters"))?;
    filters.iter().map(Filter::read).collect()
}

/// One sort: `{"propertyName", "direction"}`, or a name, with `-` before it for descending.
fn sort(body: &Value) -> Result<Option<(String, bool)>, ApiError> {
    let sorts = match body.get("sorts") {
        None | Some(Value::Null) => return Ok(None),
        Some(sorts) => sorts.as_array().ok_or_else(|| wrong("sorts"))?,
    };
    match sorts.as_slice() {
        [] => Ok(None),
        [Value::String(name)] => Ok(Some(match name.strip_prefix('-') {
            Some(name) => (name.to_owned(), true),
            None => (name.clone(), false),
        })),
        [sort] => {
            let name = inputs::text(sort, "propertyName")?.ok_or_else(|| wrong("sorts"))?;
            Ok(Some((name, sort.get("direction").is_some_and(|direction| direction == "DESCENDING"))))
        }
        _ => Err(ApiError::invalid("A search has at most one sort.")),
    }
}

impl Filter {
    fn read(filter: &Value) -> Result<Filter, ApiError> {
        let property = inputs::text(filter, "propertyName")?.ok_or_else(|| wrong("propertyName"))?;
        let value = || inputs::text(filter, "value")?.ok_or_else(|| wrong("value"));
        let values = || {
            let values = inputs::texts(filter, "values")?;
            if values.is_empty() { Err(wrong("values")) } else { Ok(values) }
        };
        let test = match inputs::text(filter, "operator")?.unwrap_or_default().as_str() {
            "EQ" => Test::Is(value()?),
            "NEQ" => Test::IsNot(value()?),
            "LT" => Test::Less(value()?),
            "LTE" => Test::AtMost(value()?),
            "GT" => Test::More(value()?),
            "GTE" => Test::AtLeast(value()?),
            "BETWEEN" => Test::Between(value()?, inputs::text(filter, "highValue")?.ok_or_else(|| wrong("highValue"))?),
            "IN" => Test::In(values()?),
            "NOT_IN" => Test::NotIn(values()?),
            "HAS_PROPERTY" => Test::Known,
            "NOT_HAS_PROPERTY" => Test::Unknown,
            "CONTAINS_TOKEN" => Test::HasToken(value()?),
            "NOT_CONTAINS_TOKEN" => Test::HasNoToken(value()?),
            operator => {
                return Err(ApiError::invalid(format!("Invalid input JSON: there is no operator '{operator}'.")));
            }
        };
        Ok(Filter { property, test })
    }

    fn meets(&self, record: &Record) -> bool {
        let value = value(record, &self.property);
        let is = |wanted: &String| value.as_ref().is_some_and(|value| compare(value, wanted) == Ordering::Equal);
        let order = |wanted: &String| value.as_ref().map(|value| compare(value, wanted));
        match &self.test {
            Test::Is(wanted) => is(wanted),
            Test::IsNot(wanted) => !is(wanted),
            Test::Less(wanted) => order(wanted).is_some_and(Ordering::is_lt),
            Test::AtMost(wanted) => order(wanted).is_some_and(Ordering::is_le),
            Test::More(wanted) => order(wanted).is_some_and(Ordering::is_gt),
            Test::AtLeast(wanted) => order(wanted).is_some_and(Ordering::is_ge),
            Test::Between(low, high) => {
                order(low).is_some_and(Ordering::is_ge) && order(high).is_some_and(Ordering::is_le)
            }
            Test::In(wanted) => wanted.iter().any(is),
            Test::NotIn(wanted) => !wanted.iter().any(is),
            Test::Known => value.is_some(),
            Test::Unknown => value.is_none(),
            Test::HasToken(token) => has_token(value.as_deref(), token),
            Test::HasNoToken(token) => !has_token(value.as_deref(), token),
        }
    }
}

/// A value that can be searched for; none if it is empty.
fn value(record: &Record, property: &str) -> Option<String> {
    let system = record.system_values().into_iter().find(|(name, _)| *name == property).map(|(_, value)| value);
    system.or_else(|| record.value(property).map(str::to_owned)).filter(|value| !value.is_empty())
}

/// Numbers by their size, times by their order however they are written, the rest as text of any case.
fn compare(one: &str, other: &str) -> Ordering {
    if let (Ok(one), Ok(other)) = (one.parse::<f64>(), other.parse::<f64>()) {
        return one.total_cmp(&other);
    }
    if let (Some(one), Some(other)) = (clock::read(one), clock::read(other)) {
        return one.cmp(&other);
    }
    one.to_lowercase().cmp(&other.to_lowercase())
}

/// Whether one of the words of a value is the token; `*` at its ends stands for anything.
fn has_token(value: Option<&str>, token: &str) -> bool {
    let Some(value) = value else { return false };
    let (value, token) = (value.to_lowercase(), token.to_lowercase());
    let core = token.trim_matches('*');
    let words = value.split(|one: char| !one.is_alphanumeric() && !"@._-".contains(one));
    words.chain([value.as_str()]).any(|word| match (token.starts_with('*'), token.ends_with('*')) {
        (true, true) => word.contains(core),
        (true, false) => word.ends_with(core),
        (false, true) => word.starts_with(core),
        (false, false) => word == core,
    })
}
