//! Searching records. What was written a moment ago may not be found yet, so a search never decides whether a record
//! exists.

use serde::{Deserialize, Serialize};

use super::client::HubSpot;
use super::error::HubSpotError;
use super::record::Record;
use super::wire::{Paging, or_default};

/// Records of one page, at most.
pub const PAGE_MAX: u16 = 200;
/// Records that can be reached page by page; a search that finds more has to be narrowed.
pub const REACH_MAX: u64 = 10_000;
/// Filters of one search: groups, in each of them, and in all.
const GROUPS_MAX: usize = 5;
const FILTERS_PER_GROUP_MAX: usize = 6;
const FILTERS_MAX: usize = 18;
/// Length of a search's body, in characters.
const BODY_MAX: usize = 3_000;

/// A search.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    /// A record is found if all filters of any group fit; without a group, every record.
    pub filter_groups: Vec<FilterGroup>,
    /// Properties to read.
    pub properties: Vec<String>,
    /// HubSpot takes one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sorts: Vec<Sort>,
    /// Records of a page: 1 to [`PAGE_MAX`].
    pub limit: u16,
    /// Where the page begins: [`SearchPage::after`] of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Filters that have to fit together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FilterGroup {
    /// At most six.
    pub filters: Vec<Filter>,
}

/// A condition on a property.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    property_name: String,
    operator: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sort {
    /// The property to sort by.
    pub property_name: String,
    /// Up or down.
    pub direction: Direction,
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Direction {
    /// The smallest first.
    Ascending,
    /// The greatest first.
    Descending,
}

impl Filter {
    fn new(property: &str, operator: &'static str) -> Filter {
        Filter { property_name: property.to_owned(), operator, value: None, high_value: None, values: None }
    }

    /// Equal.
    pub fn eq(property: &str, value: impl Into<String>) -> Filter {
        Filter { value: Some(value.into()), ..Filter::new(property, "EQ") }
    }

    /// Not equal.
    pub fn neq(property: &str, value: impl Into<String>) -> Filter {
        Filter { value: Some(value.into()), ..Filter::new(property, "NEQ") }
    }

    /// At least. An instant is written in milliseconds since 1970.
    pub fn gte(property: &str, value: impl Into<String>) -> Filter {
        Filter { value: Some(value.into()), ..Filter::new(property, "GTE") }
    }

    /// More.
    pub fn gt(property: &str, value: impl Into<String>) -> Filter {
        Filter { value: Some(value.into()), ..Filter::new(property, "GT") }
    }

    /// At most.
    pub fn lte(property: &str, value: impl Into<String>) -> Filter {
        Filter { value: Some(value.into()), ..Filter::new(property, "LTE") }
    }

    /// Less.
    pub fn lt(property: &str, value: impl Into<String>) -> Filter {
        Filter { value: Some(value.into()), ..Filter::new(property, "LT") }
    }

    /// Within two values, both included.
    pub fn between(property: &str, low: impl Into<String>, high: impl Into<String>) -> Filter {
        Filter { value: Some(low.into()), high_value: Some(high.into()), ..Filter::new(property, "BETWEEN") }
    }

    /// One of some.
    pub fn one_of(property: &str, values: Vec<String>) -> Filter {
        Filter { values: Some(values), ..Filter::new(property, "IN") }
    }

    /// Any value.
    pub fn has(property: &str) -> Filter {
        Filter::new(property, "HAS_PROPERTY")
    }

    /// No value.
    pub fn has_not(property: &str) -> Filter {
        Filter::new(property, "NOT_HAS_PROPERTY")
    }
}

impl Search {
    /// A search for records that fit all these filters, a full page of them.
    pub fn all_of(filters: Vec<Filter>, properties: &[&str]) -> Search {
        Search {
            filter_groups: vec![FilterGroup { filters }],
            properties: properties.iter().copied().map(str::to_owned).collect(),
            limit: PAGE_MAX,
            ..Search::default()
        }
    }

    /// Refuses what HubSpot would refuse: a mistake of ours.
    fn check(&self) -> Result<(), HubSpotError> {
        let filters = self.filter_groups.iter().map(|group| group.filters.len());
        let after: u64 = self.after.as_deref().map_or(Ok(0), str::parse).unwrap_or(u64::MAX);
        let wrong = if filters.len() > GROUPS_MAX {
            "too many groups of filters"
        } else if filters.clone().any(|length| length > FILTERS_PER_GROUP_MAX) || filters.sum::<usize>() > FILTERS_MAX {
            "too many filters"
        } else if self.sorts.len() > 1 {
            "more than one order"
        } else if !(1..=PAGE_MAX).contains(&self.limit) {
            "a page of no record, or of more than 200"
        } else if after.saturating_add(u64::from(self.limit)) > REACH_MAX {
            "a page beyond the first 10,000 records"
        } else if serde_json::to_string(self).map_or(0, |body| body.chars().count()) > BODY_MAX {
            "more than 3,000 characters"
        } else {
            return Ok(());
        };
        Err(HubSpotError::not_made(format!("the search has {wrong}")))
    }
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPage {
    /// How many records there are in all.
    pub total: u64,
    /// Those of this page.
    pub records: Vec<Record>,
    /// Where the next page begins; none after the last.
    pub after: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, deserialize_with = "or_default")]
    total: u64,
    results: Vec<Record>,
    #[serde(default, deserialize_with = "or_default")]
    paging: Paging,
}

impl HubSpot {
    /// Searches records of a type that are not in the bin. Five searches a second are allowed, of all programs.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`]. A search that HubSpot would refuse is not sent.
    pub async fn search(&self, object_type: &str, search: &Search) -> Result<SearchPage, HubSpotError> {
        search.check()?;
        let page = self.post::<Page>(self.on_search(object_type)?, search).await?.body;
        Ok(SearchPage { total: page.total, records: page.results, after: page.paging.after() })
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
