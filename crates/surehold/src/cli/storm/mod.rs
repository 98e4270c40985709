//! `surehold storm`: many bookings, few seats, all at once, over HTTP. It knows nothing of the server but its
//! address and an admin key, so it judges any deployment from outside.

mod api;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::ToSpan;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use self::api::{Api, Reply};
use self::verdict::{Shot, Verdict};
use super::demo::EnvFile;
use super::output::{hint_at, say};
use crate::config::{DATA_DIR, check_folder};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Works in a test organisation of its own: hidden everywhere, closed afterwards. Exit code 0: exactly as many \
bookings as seats, everybody else refused with EXAM_FULL, credits right, laws hold. 1: anything else.

Server and key come from the flags, else SUREHOLD_URL and SUREHOLD_ADMIN_KEY, else demo.env in --data-dir.

  surehold storm --seats 7 --clients 200
  surehold storm --seats 1 --clients 10 --url https://book.acme.example --admin-key surehold_admin_…")]
pub struct StormArgs {
    /// Seats of the session.
    #[arg(long, env = "SUREHOLD_SEATS", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    seats: u32,
    /// Students who book at the same moment, one seat each.
    #[arg(long, env = "SUREHOLD_CLIENTS", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// The server.
    #[arg(long, env = "SUREHOLD_URL", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    url: Option<String>,
    /// An admin key of any organisation there.
    #[arg(long, env = "SUREHOLD_ADMIN_KEY", hide_env_values = true, value_name = "KEY")]
    admin_key: Option<SecretString>,
    /// Folder of the demo, for its demo.env.
    #[arg(long, env = "SUREHOLD_DATA_DIR", default_value = DATA_DIR, value_name = "DIR")]
    data_dir: PathBuf,
}

/// Requests in flight while the stage is set; the storm itself has no such limit.
const SETTING_UP_AT_ONCE: usize = 16;

pub async fn run(args: StormArgs) -> anyhow::Result<ExitCode> {
    check_folder(&args.data_dir)?;
    let (admin, key_file) = target(&args)?;
    let reply = admin.post("/api/admin/test-orgs", &json!({})).await?;
    let refused = matches!(reply.status.as_u16(), 401 | 403);
    let reply = reply.expect(201, "make a test organisation").map_err(|error| match key_file {
        Some(path) if refused => anyhow::anyhow!(
            "{error}. The key came from {}; starting `{}` again makes new ones there",
            path.display(),
            hint_at(&args.data_dir, "demo")
        ),
        _ => error,
    })?;
    let org_id = reply.text("org_id")?;
    let verdict = storm(&args, &admin, &reply).await;
    // Whatever came of it, nothing stays open.
    let closed = admin.delete(&format!("/api/admin/test-orgs/{org_id}")).await;
    if let Err(error) = closed.and_then(|reply| reply.expect(200, "close the test organisation")) {
        eprintln!("surehold: {error:#}");
    }
    let verdict = verdict?;
    say(verdict.to_string());
    Ok(if verdict.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The server, and the file that the key came from, if it did.
fn target(args: &StormArgs) -> anyhow::Result<(Api, Option<PathBuf>)> {
    let path = EnvFile::path(&args.data_dir);
    let file = EnvFile::read(&path).unwrap_or_default();
    let url = args.url.clone().or(file.url).unwrap_or_else(|| "http://127.0.0.1:8787".to_owned());
    let key = args.admin_key.clone().or(file.admin_key).with_context(|| {
        format!(
            "no admin key: give one with --admin-key or SUREHOLD_ADMIN_KEY (`{}` makes one), or start `{}`, which \
             writes {}",
            hint_at(&args.data_dir, "key create --role admin --name storm"),
            hint_at(&args.data_dir, "demo"),
            path.display()
        )
    })?;
    Ok((Api::new(&url, key)?, args.admin_key.is_none().then_some(path)))
}

struct Student {
    contact_id: String,
    student_id: String,
    email: String,
}

async fn storm(args: &StormArgs, admin: &Api, org: &Reply) -> anyhow::Result<Verdict> {
    let ours = admin.with_key(SecretString::from(org.text("admin_key")?));
    let service = admin.with_key(SecretString::from(org.text("service_key")?));
    let (session_id, date) = open_session(&ours, args.seats).await?;
    let students: Vec<Student> = stream::iter(0..args.clients)
        .map(|number| add_student(&ours, number))
        .buffered(SETTING_UP_AT_ONCE)
        .try_collect()
        .await?;
    say(format!(
        "{} students with 1 credit each book a session with {} at the same moment, at {} …",
        args.clients,
        super::output::count(args.seats, "seat"),
        admin.url()
    ));
    let shots = fire(&service, &students, &session_id, &date).await?;

    let mut verdict = Verdict::new(args.seats, shots);
    check_credits(&ours, &students, &mut verdict).await?;
    check_session(&service, &session_id, args, &mut verdict).await?;
    check_laws(&ours, &mut verdict).await?;
    Ok(verdict)
}

async fn open_session(ours: &Api, seats: u32) -> anyhow::Result<(String, String)> {
    let date = jiff::Zoned::now().date().checked_add(30.days())?.to_string();
    let body = json!({
        "mock_type": "Situational Judgment", "exam_date": date, "start_time": "09:00", "end_time": "12:00",
        "location": "Mississauga", "capacity": seats, "name": "Storm", "is_active": true,
    });
    let reply = ours.post("/api/admin/mock-exams", &body).await?;
    let reply = reply.expect(201, &format!("open a session with {seats} seats"))?;
    Ok((reply.text("id")?, date))
}

async fn add_student(ours: &Api, number: u32) -> anyhow::Result<Student> {
    let (student_id, email) = (format!("STORM{number:05}"), format!("storm{number:05}@example.org"));
    let body = json!({
        "student_id": student_id, "email": email, "first_name": "Student", "last_name": number.to_string(),
        "credits": { "sj_credits": 1 },
    });
    let reply = ours.post("/api/admin/contacts", &body).await?.expect(201, "add a student")?;
    Ok(Student { contact_id: reply.text("id")?, student_id, email })
}

/// All requests are built and connected as far as can be, then let go together.
async fn fire(service: &Api, students: &[Student], session_id: &str, date: &str) -> anyhow::Result<Vec<Shot>> {
    let start = Arc::new(Barrier::new(students.len()));
    let shots = students.iter().enumerate().map(|(number, student)| {
        let (service, start) = (service.clone(), Arc::clone(&start));
        let body = json!({
            "student_id": student.student_id, "email": student.email, "mock_exam_id": session_id,
            "mock_type": "Situational Judgment", "exam_date": date, "attending_location": "mississauga",
        });
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
async fn check_credits(ours: &Api, students: &[Student], verdict: &mut Verdict) -> anyhow::Result<()> {
    let balances: Vec<i64> = stream::iter(students)
        .map(async |student| {
            let reply = ours.get(&format!("/api/admin/contacts/{}", student.contact_id)).await?;
            let reply = reply.expect(200, "read a student's credits")?;
            let credits = reply.data().get("credits").unwrap_or(reply.data());
            credits.get("sj_credits").and_then(Value::as_i64).context("the server's answer has no sj_credits")
        })
        .buffered(SETTING_UP_AT_ONCE)
        .try_collect()
        .await?;
    let wrong = verdict.shots.iter().filter(|shot| {
        let expected = if shot.booked() { 0 } else { 1 };
        balances[shot.number] != expected
    });
    let wrong = wrong.count();
    verdict.check(
        "credits",
        wrong == 0,
        match wrong {
            0 => "who booked has 0 left, who did not has 1".to_owned(),
            n => format!("{n} students have a wrong balance"),
        },
    );
    Ok(())
}

async fn check_session(service: &Api, id: &str, args: &StormArgs, verdict: &mut Verdict) -> anyhow::Result<()> {
    let reply = service.get(&format!("/api/mock-exams/{id}/capacity")).await?.expect(200, "read the session")?;
    let number = |name: &str| reply.data().get(name).and_then(Value::as_i64);
    let (capacity, available) = (number("capacity"), number("available_slots"));
    let left = i64::from(args.seats.saturating_sub(args.clients));
    let right = (capacity, available) == (Some(i64::from(args.seats)), Some(left));
    let shown = |n: Option<i64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    verdict.check("session", right, format!("{} of {} seats left", shown(available), shown(capacity)));
    Ok(())
}

async fn check_laws(ours: &Api, verdict: &mut Verdict) -> anyhow::Result<()> {
    let reply = ours.get("/api/admin/laws").await?.expect(200, "check the laws")?;
    let laws = reply.data().get("laws").and_then(Value::as_array).cloned().unwrap_or_default();
    let broken: Vec<String> = laws
        .iter()
        .filter(|law| law.get("violations").and_then(Value::as_array).is_none_or(|rows| !rows.is_empty()))
        .map(|law| law.get("law").map_or_else(|| "?".to_owned(), Value::to_string))
        .collect();
    let all_hold = reply.data().get("all_hold").and_then(Value::as_bool).unwrap_or(false);
    verdict.check(
        "laws",
        all_hold && broken.is_empty(),
        match broken.len() {
            0 => format!("all {} hold", laws.len()),
            _ => format!("broken: {}", broken.join(", ")),
        },
    );
    Ok(())
}
