//! Functions that return a row of a view: of the first name in a list that finds one, by any of its names.

use uuid::Uuid;

use super::call::{Call, Returned};
use crate::http::error::ApiError;
use crate::http::rest::{errors, filter, select};
use crate::store::drop_in::catalogue::View;
use crate::store::drop_in::query::{Condition, Operator, Query, Term};
use crate::store::drop_in::rows;

/// `get_contact_credits`: by UUID, by HubSpot's number, then by ID and email, or the one of them that is given.
pub async fn contact_credits(call: &Call<'_>) -> Result<Returned, ApiError> {
    let arguments = &call.arguments;
    let view = view("hubspot_contact_credits")?;
    let identity = [("student_id", arguments.text("p_student_id")?), ("email", arguments.text("p_email")?)];
    let mut by_identity = Vec::new();
    for (name, value) in identity {
        by_identity.extend(value.map(|value| is(view, name, value)).transpose()?);
    }
    let by_id = arguments.uuid("p_id")?.map(|id| is_id(view, id)).transpose()?;
    let by_number = arguments.text("p_hubspot_id")?.map(|number| is(view, "hubspot_id", number)).transpose()?;
    returned(call, view, vec![by_id.into_iter().collect(), by_number.into_iter().collect(), by_identity]).await
}

/// `get_booking`: by UUID, by HubSpot's number, then by booking ID, which repeats: the active one is meant, else the newest.
pub async fn booking(call: &Call<'_>) -> Result<Returned, ApiError> {
    let arguments = &call.arguments;
    let view = view("hubspot_bookings")?;
    let by_id = arguments.uuid("p_id")?.map(|id| is_id(view, id)).transpose()?;
    let by_number = arguments.text("p_hubspot_id")?.map(|number| is(view, "hubspot_id", number)).transpose()?;
    let mut wanted = vec![by_id.into_iter().collect(), by_number.into_iter().collect()];
    if let Some(code) = arguments.text("p_booking_id")? {
        wanted.push(vec![is(view, "booking_id", code.clone())?, is(view, "is_active", "Active".to_owned())?]);
        wanted.push(vec![is(view, "booking_id", code)?]);
    }
    returned(call, view, wanted).await
}

/// The row that is found first, or one of NULLs.
async fn returned(call: &Call<'_>, view: &'static View, wanted: Vec<Vec<Condition>>) -> Result<Returned, ApiError> {
    let select = call.select.as_deref().unwrap_or("*");
    let found = first(call, view, select, wanted).await?;
    let value = match found {
        Some(row) => row,
        None => {
            let selected = select::parse(call.caller.profile.schema, view, select)?;
            let nulls = selected.into_iter().map(|selected| {
                let name = selected.alias.unwrap_or_else(|| selected.column.name.to_owned());
                (name, serde_json::Value::Null)
            });
            serde_json::Value::Object(nulls.collect()).to_string()
        }
    };
    Ok(Returned { value, is_replayed: false })
}

/// The newest row that fulfils the first of these that any row fulfils, as a JSON object. No conditions are fulfilled by
/// none.
pub async fn first(
    call: &Call<'_>,
    view: &'static View,
    select: &str,
    wanted: Vec<Vec<Condition>>,
) -> Result<Option<String>, ApiError> {
    let newest = Term { column: filter::column(view, "created_at")?, is_descending: true, nulls: None };
    let mut query = Query {
        view,
        select: select::parse(call.caller.profile.schema, view, select)?,
        conditions: Vec::new(),
        order: vec![newest],
        offset: 0,
        limit: 1,
        is_counted: false,
        is_read: true,
    };
    let client = call.app.store.caller().await?;
    for conditions in wanted.into_iter().filter(|conditions| !conditions.is_empty()) {
        query.conditions = conditions;
        let page = rows::read(&client, call.caller.access.org.id, &query).await;
        let page = page.map_err(|error| errors::of_store(&error))?;
        if let Some(row) = page.only_row() {
            return Ok(Some(row.to_owned()));
        }
    }
    Ok(None)
}

/// A view of the catalogue's.
pub fn view(name: &str) -> Result<&'static View, ApiError> {
    View::named(name).ok_or_else(|| ApiError::internal(format!("there is no view {name}")))
}

fn is(view: &View, name: &str, value: String) -> Result<Condition, ApiError> {
    Ok(Condition::Compare(filter::column(view, name)?, Operator::Eq, value))
}

fn is_id(view: &View, id: Uuid) -> Result<Condition, ApiError> {
    is(view, "id", id.to_string())
}
