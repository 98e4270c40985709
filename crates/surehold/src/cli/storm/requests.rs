//! How the requests of a storm are asked, and what is kept of their answers.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::api::{Api, Reply};
use super::mix::Kind;
use super::record::{Answer, Entry};
use super::stage::Stage;

/// Sessions that a list asks for: a page as a browser shows it.
const PAGE: usize = 20;

/// Sends what an entry says, and notes the answer in it.
pub async fn send(service: &Api, stage: &Stage, entry: &mut Entry) {
    let reply = ask(service, stage, entry).await;
    if let (Kind::List, Ok(reply)) = (entry.kind, &reply) {
        match entry.student {
            Some(_) => entry.listed = bookings_in(reply),
            None => entry.wrong = wrong_seats(reply, stage),
        }
    }
    entry.answer = answer_of(reply);
}

/// Asks the same under the same key again.
pub async fn send_again(service: &Api, stage: &Stage, entry: &Entry) -> Answer {
    answer_of(ask(service, stage, entry).await)
}

async fn ask(service: &Api, stage: &Stage, entry: &Entry) -> anyhow::Result<Reply> {
    let student = entry.student.map(|student| &stage.students[student]);
    match (entry.kind, student) {
        (Kind::List, None) => service.get(&format!("/api/mock-exams/available?limit={PAGE}")).await,
        (Kind::List, Some(student)) => {
            let (id, email) = (&student.student_id, &student.email);
            service.get(&format!("/api/bookings/list?student_id={id}&email={email}")).await
        }
        (Kind::Cancel, Some(student)) => {
            let id = entry.about.map(|earlier| earlier.booking_id).unwrap_or_default();
            let body = json!({ "student_id": student.student_id, "email": student.email });
            service.under_key(Method::DELETE, &format!("/api/bookings/{id}"), &body, &entry.key()).await
        }
        (Kind::Book | Kind::Replay, Some(student)) => {
            let session = &stage.sessions[entry.session.unwrap_or_default()];
            let body = session.booking_by(student);
            service.under_key(Method::POST, "/api/bookings/create", &body, &entry.key()).await
        }
        (kind, None) => anyhow::bail!("a {} request without a student", kind.name()),
    }
}

fn answer_of(reply: anyhow::Result<Reply>) -> Answer {
    match reply {
        Err(error) => Answer { status: None, code: format!("{error:#}"), booking_id: None },
        Ok(reply) => Answer {
            status: Some(reply.status.as_u16()),
            code: reply.code().to_owned(),
            booking_id: reply.data().get("id").and_then(uuid),
        },
    }
}

fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}

/// The bookings that a student's list shows.
fn bookings_in(reply: &Reply) -> Vec<Uuid> {
    let rows = reply.data().get("bookings").and_then(Value::as_array);
    rows.into_iter().flatten().filter_map(|row| row.get("id").and_then(uuid)).collect()
}

/// What is wrong with the seats that a list of sessions shows.
fn wrong_seats(reply: &Reply, stage: &Stage) -> Option<String> {
    let rows = reply.data().as_array()?;
    rows.iter().find_map(|row| {
        let id = row.get("id").and_then(uuid);
        let Some(session) = stage.sessions.iter().find(|session| Some(session.id) == id) else {
            return Some(format!("it shows a session that is not of this storm: {}", row.get("id")?));
        };
        let number = |name: &str| row.get(name).and_then(Value::as_i64);
        let (all, left) = (number("capacity"), number("available_slots"));
        let right =
            all == Some(i64::from(session.seats)) && left.is_some_and(|n| (0..=session.seats.into()).contains(&n));
        (!right).then(|| format!("it shows {left:?} of {all:?} seats for session {}", session.id))
    })
}
