//! The open-loop storm from its stage to its verdict.

use std::fs::File;
use std::sync::Arc;

use anyhow::Context;

use super::api::Api;
use super::figures::Figures;
use super::judge::Case;
use super::plan::Plan;
use super::report::{Asked, Report};
use super::stage::Stage;
use super::there::{There, check_laws};
use super::{drive, record, settle};

/// Storms, and judges.
pub async fn storm(plan: &Plan, ours: &Api, service: &Api, tell: impl Fn(String)) -> anyhow::Result<Report> {
    // First, so that a storm whose record cannot be written does not begin.
    let record = plan.record.as_ref().map(|path| {
        let unwritable = || format!("cannot write to {}; give another file with --record", path.display());
        File::create(path).with_context(unwritable)
    });
    let record = record.transpose()?;
    let stage = Arc::new(Stage::set(ours, &plan.seats, plan.students, plan.credits).await?);
    tell(opening(plan, service.url()));
    let mut entries = drive::drive(service, &stage, plan).await?;
    let figures = Figures::of(plan, &entries)?;
    let unknown_outcomes = settle::settle(service, &stage, &mut entries).await;
    if let Some(file) = record {
        record::write(&entries, file).context("cannot write the record")?;
    }
    let there = There::read(ours, service, &stage).await?;
    let mut checks = Case::new(&stage, &entries, &there).judge(plan);
    checks.push(check_laws(ours).await?);
    let passed = checks.iter().all(|check| check.passed);
    let (mode, url) = ("open_loop", service.url().to_owned());
    Ok(Report { mode, url, passed, asked: Asked::from(plan), figures, unknown_outcomes, checks })
}

/// `500 requests per second for 10 s (book=70,…): 700 students, 7 sessions, 700 seats, at http://…`
fn opening(plan: &Plan, url: &str) -> String {
    use super::super::output::{count, grouped};

    let steps = plan.schedule.steps();
    let rate = match (steps.first(), steps.last()) {
        (Some(first), Some(last)) if steps.len() > 1 => format!("{} to {}", first.rate, last.rate),
        (first, _) => first.map_or(0, |step| step.rate).to_string(),
    };
    let seats: i64 = plan.seats.iter().copied().map(i64::from).sum();
    format!(
        "{rate} requests per second for {} s ({}), at {url}: {}, {} with {} in all …",
        plan.schedule.length().as_secs(),
        plan.mix,
        count(plan.students, "student"),
        count(i64::try_from(plan.seats.len()).unwrap_or(i64::MAX), "session"),
        if seats == 1 { "1 seat".to_owned() } else { format!("{} seats", grouped(seats)) },
    )
}
