//! Runs the statements.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::query::{Claim, Query};
use super::statement::{Parameter, Statement};
use crate::store::StoreError;

/// Statements that a connection keeps. Callers have a few shapes that they send all the time, and nobody knows which; who
/// sends more of them than this makes all be planned anew now and then.
const KEPT_MAX: usize = 64;

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

impl Page {
    /// The row, if there is one and no other. Not parsed: a number would lose its digits. An array of one row is the row in
    /// brackets.
    pub fn only_row(&self) -> Option<&str> {
        (self.count == 1).then(|| self.rows.trim_start_matches('[').trim_end_matches(']'))
    }
}

/// Reads a page of an organisation's rows.
///
/// Planning a view of seven tables takes longer than reading a row of it, so statements are prepared and kept. Their text
/// says only which columns are compared and how; values are none of it.
pub async fn read(client: &ClientWrapper, org_id: Uuid, query: &Query) -> Result<Page, StoreError> {
    let rows = run(client, &Statement::of(org_id, query)).await?;
    let row = rows.first().ok_or_else(|| StoreError::Corrupt("a page without a row of its own".to_owned()))?;
    Ok(Page { rows: row.try_get(0)?, count: row.try_get(1)?, total: row.try_get(2)? })
}

/// A row that a claim is about.
#[derive(Debug)]
pub struct Claimed {
    /// Primary key.
    pub id: Uuid,
    /// Whether it is what the caller says, column by column.
    pub is_same: Vec<bool>,
}

/// Holds a claim against an organisation's rows.
pub async fn compare(client: &ClientWrapper, org_id: Uuid, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
    let rows = run(client, &Statement::of_claim(org_id, claim)).await?;
    rows.iter().map(|row| Ok(Claimed { id: row.try_get(0)?, is_same: row.try_get(1)? })).collect()
}

async fn run(client: &ClientWrapper, statement: &Statement) -> Result<Vec<Row>, StoreError> {
    let (values, types): (Vec<_>, Vec<_>) = statement.values.iter().map(Parameter::typed).unzip();
    if client.statement_cache.size() >= KEPT_MAX {
        client.statement_cache.clear();
    }
    let prepared = client.prepare_typed_cached(&statement.text, &types).await?;
    Ok(client.query(&prepared, &values).await?)
}
