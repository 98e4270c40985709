//! Laws: what `surehold doctor` checks, for the key's own organisation.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::access::Admin;
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::reply::{Reply, Success};
use crate::store::laws;

/// Whether the laws hold.
#[derive(Serialize, ToSchema)]
pub struct LawsChecked {
    /// Whether none is broken.
    pub all_hold: bool,
    /// Each law: its number, name and rule, how many rows were checked, and the rows at fault.
    #[schema(value_type = Vec<Object>, example = json!([{
        "law": 1, "name": "seats", "rule": "0 <= taken + held + withheld <= capacity", "checked": 120, "violations": [],
    }]))]
    pub laws: Vec<Value>,
}

/// Check the laws.
///
/// Reads all rows of your organisation in one snapshot and checks that seats, credits, keys and the journal
/// agree with each other.
#[utoipa::path(
    get, path = "/api/admin/laws", tag = "admin", security(("api_key" = [])),
    responses((status = 200, description = "The laws and the rows at fault", body = Success<LawsChecked>))
)]
pub async fn check_laws(State(app): State<Arc<App>>, Admin(acting): Admin) -> Result<Reply<LawsChecked>, ApiError> {
    let client = app.store.report().await?;
    let reports = laws::check(&client, Some(acting.org.id)).await?;
    let all_hold = reports.iter().all(laws::LawReport::holds);
    let laws = reports.iter().map(serde_json::to_value).collect::<Result<_, _>>();
    Ok(Reply::ok(LawsChecked { all_hold, laws: laws.map_err(|e| ApiError::internal(e.to_string()))? }))
}
