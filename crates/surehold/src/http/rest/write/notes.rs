//! Notes for `audit_logs`, as the marketplace's programs write them beside a change.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use surehold_core::command::{AddNotes, Command, Key, Note};
use surehold_core::rows::ActorType;

use super::records::Record;
use super::written::Write;
use crate::http::app::expect_answer;
use crate::http::error::ApiError;
use crate::http::reply::replay_header;
use crate::http::rest::errors;
use crate::http::rest::rpc::arguments::Arguments;

/// The longest text.
const TEXT_MAX: usize = 200;
/// The longest metadata, in bytes of JSON.
const METADATA_MAX: usize = 16 * 1024;

/// Adds notes: all of them or none. What is asked of the answer is checked before, as nothing can be taken back after.
pub async fn add(write: &Write<'_>, rows: Vec<Record>, key: Key) -> Result<Response, ApiError> {
    write.check_count(rows.len())?;
    let notes: Vec<Note> = rows.into_iter().map(note).collect::<Result<_, _>>()?;
    if notes.is_empty() {
        return write.inserted(StatusCode::CREATED, 0, &[]);
    }
    let key_text = key.text().to_owned();
    let command = Command::AddNotes(AddNotes { notes });
    let outcome = write.app.submit(&write.caller.acting, None, key, command).await?;
    let is_replayed = outcome.replayed;
    let added = expect_answer!(outcome, NotesAdded)?;
    let shown = write.rows(&added.ids).await.map_err(|error| ApiError::after_commit(error, &key_text))?;
    let response = write.inserted(StatusCode::CREATED, added.ids.len(), &shown)?;
    Ok((replay_header(is_replayed), response).into_response())
}

/// The note of a row, by the types and rules of the marketplace's own table.
fn note(row: Record) -> Result<Note, ApiError> {
    // Ids of the journal are in the order of time, which others rely on; and when it was written is not for callers to say.
    if let Some(name) = ["id", "created_at"].into_iter().find(|name| row.get(*name).is_some_and(|v| !v.is_null())) {
        let message = format!("cannot insert a non-DEFAULT value into column \"{name}\"");
        return Err(wrong("428C9", message).with_hint("Leave it out: the server gives every note an id and its time."));
    }
    let metadata = row.get("metadata").filter(|value| !value.is_null()).cloned().map(metadata).transpose()?;
    let columns = Arguments::of(row);
    let text = |name: &'static str| columns.text(name)?.map(|text| bounded(name, text)).transpose();
    Ok(Note {
        event_type: text("event_type")?.ok_or_else(|| missing("event_type"))?,
        entity_type: text("entity_type")?.ok_or_else(|| missing("entity_type"))?,
        entity_id: columns.uuid("entity_id")?.ok_or_else(|| missing("entity_id"))?,
        actor_id: columns.uuid("actor_id")?,
        actor_type: columns.text("actor_type")?.map(|text| actor_type(&text)).transpose()?,
        metadata,
        stripe_event_id: text("stripe_event_id")?,
    })
}

fn actor_type(text: &str) -> Result<ActorType, ApiError> {
    ActorType::parse(text).ok_or_else(|| {
        let constraint =
            "new row for relation \"audit_logs\" violates check constraint \"audit_logs_actor_type_check\"";
        let words = ActorType::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ");
        wrong("23514", constraint.to_owned()).with_details(Value::String(format!("It is one of {words}.")))
    })
}

fn metadata(value: Value) -> Result<Value, ApiError> {
    if has_nul(&value) {
        return Err(errors::nul());
    }
    if value.to_string().len() > METADATA_MAX {
        return Err(too_long("metadata", format!("at most {METADATA_MAX} bytes of JSON")));
    }
    Ok(value)
}

/// PostgreSQL reads metadata as `jsonb`, whose texts hold no NUL.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn bounded(name: &str, text: String) -> Result<String, ApiError> {
    match text.chars().count() {
        0..=TEXT_MAX => Ok(text),
        _ => Err(too_long(name, format!("at most {TEXT_MAX} characters"))),
    }
}

fn missing(name: &str) -> ApiError {
    let message = format!("null value in column \"{name}\" of relation \"audit_logs\" violates not-null constraint");
    wrong("23502", message)
}

fn too_long(name: &str, limit: String) -> ApiError {
    wrong("22001", format!("value too long for column \"{name}\" of audit_logs: {limit}"))
}

fn wrong(code: &'static str, message: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, code, message)
}
