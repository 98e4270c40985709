//! What is there after the storm, read through the API.

use std::collections::HashMap;

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use uuid::Uuid;

use super::api::Api;
use super::check::Check;
use super::stage::{AT_ONCE, KIND_OF_CREDIT, STUDENT_PREFIX, Session, Stage};

/// All that the storm can have changed.
#[derive(Debug, Clone)]
pub struct There {
    /// In the order of the stage's sessions.
    pub sessions: Vec<SessionThere>,
    /// Credits, by the contact's UUID.
    pub credits: HashMap<Uuid, i64>,
}

/// A session.
#[derive(Debug, Clone)]
pub struct SessionThere {
    /// What operators see: seats in all, and seats that bookings take.
    pub capacity: i64,
    pub taken: i64,
    /// What students see: seats that can be booked.
    pub available: i64,
    /// All bookings of it, cancelled ones too.
    pub bookings: Vec<BookingThere>,
}

/// A booking.
#[derive(Debug, Clone)]
pub struct BookingThere {
    pub id: Uuid,
    pub contact_id: Uuid,
    /// Whether it takes a seat.
    pub active: bool,
}

impl There {
    /// Reads it.
    pub async fn read(ours: &Api, service: &Api, stage: &Stage) -> anyhow::Result<There> {
        let sessions = stream::iter(&stage.sessions)
            .map(|session| read_session(ours, service, session))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(There { sessions, credits: read_credits(ours).await? })
    }
}

async fn read_session(ours: &Api, service: &Api, session: &Session) -> anyhow::Result<SessionThere> {
    let id = session.id;
    let seen = service.read(&format!("/api/mock-exams/{id}/capacity"), "count a session's seats").await?;
    let office = ours.read(&format!("/api/admin/mock-exams/{id}"), "read a session").await?;
    let what = "list a session's bookings";
    let rows = ours.pages(&format!("/api/admin/mock-exams/{id}/bookings?limit=500"), what).await?;
    Ok(SessionThere {
        capacity: number(office.data(), "capacity")?,
        taken: number(office.data(), "taken")? + number(office.data(), "held")?,
        available: number(seen.data(), "available_slots")?,
        bookings: rows.iter().map(booking).collect::<anyhow::Result<_>>()?,
    })
}

fn booking(row: &Value) -> anyhow::Result<BookingThere> {
    let is_active = member(row, "is_active")?.as_str();
    Ok(BookingThere { id: uuid(row, "id")?, contact_id: uuid(row, "contact_id")?, active: is_active == Some("Active") })
}

async fn read_credits(ours: &Api) -> anyhow::Result<HashMap<Uuid, i64>> {
    let path = format!("/api/admin/contacts?search={STUDENT_PREFIX}&limit=500");
    let rows = ours.pages(&path, "read the students' credits").await?;
    let balance = |row: &Value| Ok((uuid(row, "id")?, number(member(row, "credits")?, KIND_OF_CREDIT)?));
    rows.iter().map(balance).collect()
}

/// The laws, as the server itself checks them.
pub async fn check_laws(ours: &Api) -> anyhow::Result<Check> {
    let reply = ours.read("/api/admin/laws", "check the laws").await?;
    let laws = reply.data().get("laws").and_then(Value::as_array).cloned().unwrap_or_default();
    let broken: Vec<String> = laws
        .iter()
        .filter(|law| law.get("violations").and_then(Value::as_array).is_none_or(|rows| !rows.is_empty()))
        .map(|law| law.get("law").map_or_else(|| "?".to_owned(), Value::to_string))
        .collect();
    let all_hold = reply.data().get("all_hold").and_then(Value::as_bool).unwrap_or(false);
    let found = match broken.len() {
        0 => format!("all {} hold", laws.len()),
        _ => format!("broken: {}", broken.join(", ")),
    };
    Ok(Check::new("laws", all_hold && broken.is_empty(), found))
}

fn member<'v>(value: &'v Value, name: &str) -> anyhow::Result<&'v Value> {
    value.get(name).with_context(|| format!("the server's answer has no {name}; is it a Surehold server?"))
}

fn number(value: &Value, name: &str) -> anyhow::Result<i64> {
    member(value, name)?.as_i64().with_context(|| format!("the server's answer has a {name} that is no number"))
}

fn uuid(value: &Value, name: &str) -> anyhow::Result<Uuid> {
    let id = member(value, name)?.as_str().and_then(|id| id.parse().ok());
    id.with_context(|| format!("the server's answer has a {name} that is no UUID"))
}
