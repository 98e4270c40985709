//! Runs the statements.

use tokio_postgres::Client;
use uuid::Uuid;

use super::query::Query;
use super::statement::{Parameter, Statement};
use crate::store::StoreError;

/// What a query found.
#[derive(Debug)]
pub struct Page {
    /// The rows, as a JSON array; empty if only their number mattered.
    pub rows: String,
    /// How many they are.
    pub count: i64,
    /// How many there are without the page's borders, if that was asked.
    pub total: Option<i64>,
}

/// Reads a page of an organisation's rows.
///
/// The statement is sent, planned and run in one round trip, and not kept: there are as many shapes as callers think of,
/// and a plan for these very values is better than a general one for views of seven tables.
pub async fn read(client: &Client, org_id: Uuid, query: &Query) -> Result<Page, StoreError> {
    let statement = Statement::of(org_id, query);
    let values: Vec<_> = statement.values.iter().map(Parameter::typed).collect();
    let rows = client.query_typed(&statement.text, &values).await?;
    let row = rows.first().ok_or_else(|| StoreError::Corrupt("an aggregate without a row".to_owned()))?;
    Ok(Page { rows: row.try_get(0)?, count: row.try_get(1)?, total: row.try_get(2)? })
}
