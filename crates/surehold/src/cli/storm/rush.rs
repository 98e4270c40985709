//! Everybody at the same moment: many clients, one session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::sync::Barrier;

use super::super::output::count;
use super::api::{Api, Reply};
use super::check::Check;
use super::plan::Rush;
use super::rush_verdict::{Shot, Verdict};
use super::stage::{AT_ONCE, KIND_OF_CREDIT, Session, Stage, Student};
use super::there::check_laws;

/// Storms, and judges.
pub async fn storm(rush: Rush, ours: &Api, service: &Api, tell: impl Fn(String)) -> anyhow::Result<Verdict> {
    let stage = Stage::set(ours, &[rush.seats], rush.clients, 1).await?;
    let session = stage.sessions.first().context("a stage without a session")?;
    tell(format!(
        "{} students with 1 credit each book a session with {} at the same moment, at {} …",
        rush.clients,
        count(rush.seats, "seat"),
        service.url()
    ));
    let shots = fire(service, &stage.students, session).await?;
    let mut verdict = Verdict::new(service.url(), rush, shots);
    verdict.add(check_credits(ours, &stage.students, &verdict).await?);
    verdict.add(check_session(service, session, rush).await?);
    verdict.add(check_laws(ours).await?);
    Ok(verdict)
}

/// All requests are built and connected as far as can be, then let go together.
async fn fire(service: &Api, students: &[Student], session: &Session) -> anyhow::Result<Vec<Shot>> {
    let start = Arc::new(Barrier::new(students.len()));
    let shots = students.iter().enumerate().map(|(number, student)| {
        let (service, start) = (service.clone(), Arc::clone(&start));
        let body = session.booking_by(student);
        tokio::spawn(async move {
            start.wait().await;
            let begin = Instant::now();
            let reply = service.post("/api/bookings/create", &body).await;
            shot(number, reply, begin.elapsed())
        })
    });
    let mut results = Vec::with_capacity(students.len());
    for shot in shots.collect::<Vec<_>>() {
        results.push(shot.await?);
    }
    Ok(results)
}

fn shot(number: usize, reply: anyhow::Result<Reply>, took: Duration) -> Shot {
    match reply {
        Ok(reply) => Shot { number, status: Some(reply.status), code: reply.code().to_owned(), took },
        Err(error) => Shot { number, status: None, code: format!("{error:#}"), took },
    }
}

/// A student who booked has no credit left, everybody else has theirs.
async fn check_credits(ours: &Api, students: &[Student], verdict: &Verdict) -> anyhow::Result<Check> {
    let balances: Vec<i64> = stream::iter(students)
        .map(async |student| {
            let reply = ours.get(&format!("/api/admin/contacts/{}", student.contact_id)).await?;
            let reply = reply.expect(200, "read a student's credits")?;
            let credits = reply.data().get("credits").unwrap_or(reply.data());
            let balance = credits.get(KIND_OF_CREDIT).and_then(Value::as_i64);
            balance.with_context(|| format!("the server's answer has no {KIND_OF_CREDIT}"))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let wrong = verdict.shots.iter().filter(|shot| {
        let expected = if shot.booked() { 0 } else { 1 };
        balances[shot.number] != expected
    });
    let wrong = wrong.count();
    let found = match wrong {
        0 => "who booked has 0 left, who did not has 1".to_owned(),
        n => format!("{n} students have a wrong balance"),
    };
    Ok(Check::new("credits", wrong == 0, found))
}

async fn check_session(service: &Api, session: &Session, rush: Rush) -> anyhow::Result<Check> {
    let path = format!("/api/mock-exams/{}/capacity", session.id);
    let reply = service.get(&path).await?.expect(200, "read the session")?;
    let number = |name: &str| reply.data().get(name).and_then(Value::as_i64);
    let (capacity, available) = (number("capacity"), number("available_slots"));
    let left = i64::from(rush.seats.saturating_sub(rush.clients));
    let right = (capacity, available) == (Some(i64::from(rush.seats)), Some(left));
    let shown = |n: Option<i64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    Ok(Check::new("session", right, format!("{} of {} seats left", shown(available), shown(capacity))))
}
