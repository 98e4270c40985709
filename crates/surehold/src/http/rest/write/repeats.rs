//! Writes that repeat what is stored. The exam school's programs copy every change to these tables a second time
//! (`sync…ToSupabase`, `update…InSupabase`); here the change itself has done so, and the copy has nothing left to do. A
//! copy that says something else would be a change past all rules, and is refused.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;
use uuid::Uuid;

use super::read_only;
use super::records::{ROWS_MAX, Record};
use super::written::Write;
use crate::http::error::ApiError;
use crate::http::kinds;
use crate::http::rest::request::prefers;
use crate::http::rest::rpc::generations;
use crate::http::rest::{errors, filter};
use crate::store::drop_in::catalogue::{Column, Kind, View};
use crate::store::drop_in::query::{Claim, Condition, Said};
use crate::store::drop_in::rows::{self, Claimed};

/// When a row was written, by the caller's clock: never the same as by ours, and nobody's business but ours.
const NOT_COMPARED: [&str; 4] = ["created_at", "updated_at", "synced_at", "hubspot_last_sync_at"];
/// Rows that may have one unique name: a key of several principals', a booking ID that repeats.
const NAMESAKES_MAX: i64 = 100;

/// Answers an insert or an upsert of rows that are stored just so.
pub async fn insert(
    write: &Write<'_>,
    rows: Vec<Record>,
    on_conflict: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let target = on_conflict.map(|columns| unique_key(write.view, columns)).transpose()?;
    let is_ignored = prefers(headers, "resolution=ignore-duplicates");
    let mut ids = Vec::new();
    for row in &rows {
        let named = by_name(write.view, row, target)?.ok_or_else(|| refused(write.view, NO_NAME))?;
        let values = if is_ignored { Vec::new() } else { values(write.view, row)? };
        ids.push(repeated(write, named, values).await?);
    }
    if is_ignored {
        // Rows that are there are left alone, whatever was sent, and are none of the answer.
        write.check_count(0)?;
        return write.inserted(StatusCode::CREATED, 0, &[]);
    }
    write.check_count(ids.len())?;
    let shown = write.rows(&ids).await?;
    // As PostgREST from 12 on: 201 means that a row is new.
    let is_merged = prefers(headers, "resolution=merge-duplicates") && !ids.is_empty();
    write.inserted(if is_merged { StatusCode::OK } else { StatusCode::CREATED }, ids.len(), &shown)
}

/// Answers an update of rows that are just so already. No rows are, too.
pub async fn update(write: &Write<'_>, row: Record, conditions: Vec<Condition>) -> Result<Response, ApiError> {
    if row.is_empty() {
        write.check_count(0)?;
        return write.updated(0, &[]);
    }
    let values = values(write.view, &row)?;
    let limit = i64::try_from(ROWS_MAX).unwrap_or(i64::MAX);
    let claim = Claim { view: write.view, conditions, values, limit: limit + 1 };
    let found = compare(write, &claim).await?;
    if found.len() > ROWS_MAX {
        return Err(refused(write.view, &format!("These are more than {ROWS_MAX} rows.")));
    }
    let different: Vec<&str> = claim
        .values
        .iter()
        .enumerate()
        .filter(|(place, _)| found.iter().any(|row| !row.is_same[*place]))
        .map(|(_, (column, _))| column.name)
        .collect();
    if !different.is_empty() {
        return Err(would_change(write.view, &different));
    }
    write.check_count(found.len())?;
    let ids: Vec<Uuid> = found.iter().map(|row| row.id).collect();
    let shown = write.rows(&ids).await?;
    write.updated(found.len(), &shown)
}

/// The row of this name that is just so.
async fn repeated(
    write: &Write<'_>,
    named: Vec<Condition>,
    values: Vec<(&'static Column, Said)>,
) -> Result<Uuid, ApiError> {
    let claim = Claim { view: write.view, conditions: named, values, limit: NAMESAKES_MAX };
    let found = compare(write, &claim).await?;
    let differences = |row: &Claimed| row.is_same.iter().filter(|is_same| !**is_same).count();
    let Some(nearest) = found.iter().min_by_key(|row| differences(row)) else {
        return Err(refused(write.view, "There is no such row."));
    };
    let claimed = claim.values.iter().zip(&nearest.is_same);
    let different: Vec<&str> = claimed.filter(|(_, is_same)| !**is_same).map(|((column, _), _)| column.name).collect();
    if different.is_empty() { Ok(nearest.id) } else { Err(would_change(write.view, &different)) }
}

async fn compare(write: &Write<'_>, claim: &Claim) -> Result<Vec<Claimed>, ApiError> {
    let client = write.app.store.caller().await?;
    let found = rows::compare(&client, write.caller.access.org.id, claim).await;
    found.map_err(|error| errors::of_store(&error))
}

/// The unique keys of the seeds' tables, the best first.
fn unique_keys(view: &View) -> &'static [&'static [&'static str]] {
    match view.name {
        "hubspot_contact_credits" => &[&["id"], &["hubspot_id"], &["student_id", "email"]],
        "hubspot_bookings" => &[&["id"], &["hubspot_id"], &["idempotency_key"]],
        _ => &[&["id"], &["hubspot_id"]],
    }
}

/// The unique key that an upsert names.
fn unique_key(view: &View, columns: &str) -> Result<&'static [&'static str], ApiError> {
    let mut named: Vec<&str> = columns.split(',').map(|name| name.trim().trim_matches('"')).collect();
    for name in &named {
        filter::column(view, name)?;
    }
    named.sort_unstable();
    let is_meant = |key: &&&[&str]| {
        let mut key = key.to_vec();
        key.sort_unstable();
        key == named
    };
    unique_keys(view).iter().find(is_meant).copied().ok_or_else(|| {
        let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
        ApiError::new(StatusCode::BAD_REQUEST, "42P10", message)
    })
}

const NO_NAME: &str = "It has no value of a unique column, by which the row could be found.";

/// What finds the row: the key that is named, else the first that has a value in each column. A booking has its booking ID
/// besides, which is not unique.
fn by_name(
    view: &View,
    row: &Record,
    target: Option<&'static [&'static str]>,
) -> Result<Option<Vec<Condition>>, ApiError> {
    let code: &[&[&str]] = if view.name == "hubspot_bookings" { &[&["booking_id"]] } else { &[] };
    for key in target.iter().chain(unique_keys(view)).chain(code) {
        let mut conditions = Vec::new();
        for name in *key {
            let column = filter::column(view, name)?;
            match said(column, row.get(*name).unwrap_or(&Value::Null))? {
                Said::Text(text) => conditions.push(Condition::In(column, vec![text])),
                Said::Texts(texts) => conditions.push(Condition::In(column, texts)),
                Said::Nothing => break,
            }
        }
        if conditions.len() == key.len() {
            return Ok(Some(conditions));
        }
    }
    Ok(None)
}

/// What is compared of a row.
fn values(view: &View, row: &Record) -> Result<Vec<(&'static Column, Said)>, ApiError> {
    let compared = row.iter().filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str()));
    compared
        .map(|(name, value)| {
            let column = filter::column(view, name)?;
            Ok((column, said(column, value)?))
        })
        .collect()
}

/// A value as JSON has it, in the spelling in which it would have been stored.
fn said(column: &Column, value: &Value) -> Result<Said, ApiError> {
    let said = match value {
        Value::Null => Said::Nothing,
        Value::Array(members) if column.kind == Kind::Texts => Said::Texts(members.iter().map(plain).collect()),
        value => Said::Text(as_stored(column.name, value)),
    };
    Ok(match said {
        Said::Text(text) if text.contains('\0') => return Err(errors::nul()),
        Said::Texts(texts) if texts.iter().any(|text| text.contains('\0')) => return Err(errors::nul()),
        Said::Text(text) if text.is_empty() && column.kind == Kind::Text => Said::Nothing,
        // A key that books anew is continued, and its caller does not know.
        Said::Text(key) if column.name == "idempotency_key" => Said::Texts(generations::all(&key)),
        said => said,
    })
}

/// What callers spell in several ways is stored in one.
fn as_stored(name: &str, value: &Value) -> String {
    let known = match name {
        "attending_location" => kinds::known_location(value).map(str::to_owned).ok(),
        "dominant_hand" => kinds::hand(value).map(|hand| (hand == surehold_core::rows::Hand::Right).to_string()).ok(),
        "start_time" | "end_time" => kinds::time(value).map(|time| time.strftime("%H:%M").to_string()).ok(),
        "ndecc_exam_date" => kinds::date(value).map(|date| date.to_string()).ok(),
        _ => None,
    };
    known.unwrap_or_else(|| plain(value))
}

/// JSON as PostgreSQL makes text of it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn refused(view: &View, why: &str) -> ApiError {
    let details = format!("{why} A write that repeats what is stored is answered; nothing else is.");
    read_only(view).with_details(Value::String(details))
}

fn would_change(view: &View, columns: &[&str]) -> ApiError {
    refused(view, &format!("It would change {}.", columns.join(", ")))
}
