//! What a storm measured: answers, rates, latencies.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::latency::{Bar, Latencies, Percentiles};
use super::mix::Kind;
use super::plan::Plan;
use super::record::Entry;

/// A rate is held if at least this share of its requests was answered.
const HELD_SHARE: f64 = 0.95;
/// The driver was on time if 99 % of the requests were sent within this of their intended times.
const LATE: Duration = Duration::from_millis(10);

/// What a storm measured.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Requests per second over the whole time: asked for, and answered.
    pub rate_asked: f64,
    pub rate_answered: f64,
    /// The driver itself.
    pub driver: Driver,
    /// How often each kind got each answer.
    pub answers: Vec<Answers>,
    /// Milliseconds from the intended time to the whole answer, of each kind and of all.
    pub latency_ms: BTreeMap<&'static str, Percentiles>,
    /// The same as a histogram, of all.
    pub histogram: Vec<Bar>,
    /// Each step of the rate.
    pub steps: Vec<StepFigures>,
    /// The highest rate that was held, in requests per second.
    pub highest_rate_held: Option<u32>,
}

/// Whether the driver kept its schedule.
#[derive(Debug, Serialize)]
pub struct Driver {
    /// Requests that were to be sent.
    pub scheduled: usize,
    /// Not sent, because too many were in flight.
    pub dropped: usize,
    /// Sent as a list, because there was no booking to cancel or to replay yet.
    pub replaced: usize,
    /// How late requests were sent, in milliseconds.
    pub late_ms: Option<Percentiles>,
    /// 99 % of what was sent was sent within 10 ms of its intended time.
    pub on_time: bool,
}

/// How often a kind got an answer.
#[derive(Debug, Serialize)]
pub struct Answers {
    pub kind: Kind,
    pub status: Option<u16>,
    /// The code of a failure, or why there was no answer.
    pub code: String,
    pub count: usize,
}

/// A step of the rate.
#[derive(Debug, Serialize)]
pub struct StepFigures {
    /// Requests per second.
    pub rate_asked: u32,
    pub rate_answered: f64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub held: bool,
}

impl Figures {
    pub fn of(plan: &Plan, entries: &[Entry]) -> anyhow::Result<Figures> {
        let seconds = plan.schedule.length().as_secs_f64();
        let steps = steps(plan, entries)?;
        let mut latency_ms = BTreeMap::new();
        for kind in Kind::ALL {
            let of_kind = entries.iter().filter(|entry| entry.kind == kind).filter_map(Entry::latency);
            latency_ms.extend(Latencies::of(of_kind)?.percentiles().map(|p| (kind.name(), p)));
        }
        let all = Latencies::of(entries.iter().filter_map(Entry::latency))?;
        latency_ms.extend(all.percentiles().map(|p| ("all", p)));
        Ok(Figures {
            rate_asked: entries.len() as f64 / seconds,
            rate_answered: entries.iter().filter(|entry| is_answered(entry)).count() as f64 / seconds,
            driver: driver(entries)?,
            answers: answers(entries),
            latency_ms,
            histogram: all.bars(),
            highest_rate_held: steps.iter().filter(|step| step.held).map(|step| step.rate_asked).max(),
            steps,
        })
    }
}

/// Whether somebody got what they can use: a success, or a refusal by a rule.
fn is_answered(entry: &Entry) -> bool {
    entry.answer.status.is_some_and(|status| status < 500 && status != 429)
}

fn steps(plan: &Plan, entries: &[Entry]) -> anyhow::Result<Vec<StepFigures>> {
    let mut of_step: Vec<Vec<&Entry>> = vec![Vec::new(); plan.schedule.steps().len()];
    entries.iter().for_each(|entry| of_step[entry.step].push(entry));
    let figures = plan.schedule.steps().iter().zip(of_step).map(|(step, entries)| {
        let answered = entries.iter().filter(|entry| is_answered(entry)).count() as f64;
        let latencies = Latencies::of(entries.iter().filter_map(|entry| entry.latency()))?.percentiles();
        let fast = latencies.is_some_and(|p| p.p99 <= plan.p99_max.as_secs_f64() * 1000.0);
        Ok(StepFigures {
            rate_asked: step.rate,
            rate_answered: answered / step.length.as_secs_f64(),
            p50_ms: latencies.map(|p| p.p50),
            p99_ms: latencies.map(|p| p.p99),
            held: fast && answered >= HELD_SHARE * entries.len() as f64,
        })
    });
    figures.collect()
}

fn driver(entries: &[Entry]) -> anyhow::Result<Driver> {
    let late = Latencies::of(entries.iter().filter_map(Entry::lateness))?;
    Ok(Driver {
        scheduled: entries.len(),
        dropped: entries.iter().filter(|entry| entry.sent.is_none()).count(),
        replaced: entries.iter().filter(|entry| entry.instead_of.is_some()).count(),
        late_ms: late.percentiles(),
        on_time: late.longer_than(LATE) * 100 <= late.count(),
    })
}

fn answers(entries: &[Entry]) -> Vec<Answers> {
    let mut counts: BTreeMap<(Kind, Option<u16>, &str), usize> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.sent.is_some()) {
        *counts.entry((entry.kind, entry.answer.status, &entry.answer.code)).or_default() += 1;
    }
    let answers = counts.into_iter();
    answers.map(|((kind, status, code), count)| Answers { kind, status, code: code.to_owned(), count }).collect()
}
