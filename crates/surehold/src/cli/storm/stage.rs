//! What a storm needs before it begins: sessions and students.

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::ToSpan;
use serde_json::{Value, json};
use uuid::Uuid;

use super::api::{Api, Reply};
use crate::cli::progress;

/// Requests in flight while the stage is set, and while the verdict reads; the storm itself has no such limit.
pub const AT_ONCE: usize = 32;
/// The type of the sessions; one `KIND_OF_CREDIT` pays for one.
const TYPE: &str = "Situational Judgment";
/// What pays for a session.
pub const KIND_OF_CREDIT: &str = "sj_credits";
/// How the ID of each student begins.
pub const STUDENT_PREFIX: &str = "STORM";

/// A session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its UUID.
    pub id: Uuid,
    /// The date it is on, there.
    pub date: String,
    /// Its capacity.
    pub seats: u32,
}

/// A student.
#[derive(Debug, Clone)]
pub struct Student {
    /// The contact's UUID.
    pub contact_id: Uuid,
    pub student_id: String,
    pub email: String,
}

/// Who is there, and what can be booked.
#[derive(Debug)]
pub struct Stage {
    pub sessions: Vec<Session>,
    pub students: Vec<Student>,
    /// What each student has at first.
    pub credits: u32,
}

impl Stage {
    /// Opens a session for each number of seats, and adds the students.
    pub async fn set(ours: &Api, seats: &[u32], students: u32, credits: u32) -> anyhow::Result<Stage> {
        let sessions = stream::iter(seats.iter().enumerate())
            .map(|(number, seats)| open_session(ours, number, *seats))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let bar = progress::bar(students as usize, "students");
        let students = stream::iter(0..students)
            .map(|number| add_student(ours, number, credits))
            .buffered(AT_ONCE)
            .inspect(|_| bar.inc(1))
            .try_collect()
            .await;
        bar.finish_and_clear();
        Ok(Stage { sessions, students: students?, credits })
    }
}

impl Session {
    /// The body of a student's booking of it.
    pub fn booking_by(&self, student: &Student) -> Value {
        json!({
            "student_id": student.student_id, "email": student.email, "mock_exam_id": self.id,
            "mock_type": TYPE, "exam_date": self.date, "attending_location": "mississauga",
        })
    }
}

/// Sessions are a day apart: a student may book one of a type a day.
async fn open_session(ours: &Api, number: usize, seats: u32) -> anyhow::Result<Session> {
    let days = i64::try_from(number)?.saturating_add(30);
    let date = jiff::Zoned::now().date().checked_add(days.days())?.to_string();
    let body = json!({
        "mock_type": TYPE, "exam_date": date, "start_time": "09:00", "end_time": "12:00",
        "location": "Mississauga", "capacity": seats, "name": session_name(number), "is_active": true,
    });
    let reply = ours.post("/api/admin/mock-exams", &body).await?;
    let too_many = reply.code() == "VALIDATION_ERROR";
    let reply = reply.expect(201, &format!("open a session with {seats} seats")).map_err(|error| match too_many {
        true => anyhow::anyhow!("{error}. Give fewer --seats, or more --sessions"),
        false => error,
    })?;
    Ok(Session { id: id_of(&reply)?, date, seats })
}

fn session_name(number: usize) -> String {
    if number == 0 { "Storm".to_owned() } else { format!("Storm {}", number + 1) }
}

async fn add_student(ours: &Api, number: u32, credits: u32) -> anyhow::Result<Student> {
    let student_id = format!("{STUDENT_PREFIX}{number:05}");
    let email = format!("{}@example.org", student_id.to_lowercase());
    let body = json!({
        "student_id": student_id, "email": email, "first_name": "Student", "last_name": number.to_string(),
        "credits": { KIND_OF_CREDIT: credits },
    });
    let reply = ours.post("/api/admin/contacts", &body).await?.expect(201, "add a student")?;
    Ok(Student { contact_id: id_of(&reply)?, student_id, email })
}

fn id_of(reply: &Reply) -> anyhow::Result<Uuid> {
    let id = reply.text("id")?;
    id.parse().with_context(|| format!("the server's answer has no UUID as id, but {id:?}"))
}
