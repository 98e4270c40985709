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

#[cfg(test)]
mod tests {
    use super::super::judge::tests::entry;
    use super::super::plan::tests::plan_of;
    use super::super::record::Answer;
    use super::*;

    /// Of each step's requests, `intended` at equal distances, this is when they were sent and ended.
    fn figures(flags: &str, times: impl Fn(usize, &mut Entry)) -> Figures {
        let plan = plan_of(flags);
        let entries = plan.schedule.times().enumerate().map(|(request, (step, intended))| {
            let mut entry = Entry { step, intended, ..entry(request, Kind::Book, 0, 201, "", None) };
            (entry.sent, entry.ended) = (Some(intended), Some(intended + Duration::from_millis(5)));
            times(request, &mut entry);
            entry
        });
        Figures::of(&plan, &entries.collect::<Vec<_>>()).expect("figures")
    }

    #[test]
    fn latency_counts_from_the_intended_time() {
        // The server stalls for the first half second, and the driver is kept waiting, too.
        let stall = Duration::from_millis(500);
        let figures = figures("--rate 100 --seconds 1", |_, entry| {
            entry.sent = entry.sent.max(Some(stall));
            entry.ended = entry.sent.map(|sent| sent + Duration::from_millis(5));
        });
        let all = figures.latency_ms["all"];
        assert!((all.max - 505.0).abs() < 1.0 && all.p90 > 400.0 && (all.p50 - 5.0).abs() < 10.0, "{all:?}");
        assert!(!figures.driver.on_time, "{:?}", figures.driver);
        assert!(figures.driver.to_string().contains("TOO LATE"), "{}", figures.driver);
    }

    #[test]
    fn what_was_not_sent_is_counted_and_said() {
        let figures = figures("--rate 100 --seconds 1", |request, entry| {
            if request >= 90 {
                (entry.sent, entry.ended, entry.answer) = (None, None, Answer::default());
            }
        });
        assert_eq!((figures.driver.dropped, figures.driver.on_time, figures.rate_answered), (10, true, 90.0));
        assert_eq!(figures.highest_rate_held, None, "a tenth was not answered");
        assert!(figures.driver.to_string().contains("10 requests NOT SENT"), "{}", figures.driver);
    }

    #[test]
    fn a_rate_is_held_if_nearly_all_were_answered_in_time() {
        let held = |slow: bool, status: u16, some: usize| {
            let figures = figures("--ramp 100..300 --steps 3 --seconds 3", |request, entry| {
                // Only of the last step, which has 300 requests.
                if request >= 300 && request < 300 + some {
                    entry.answer.status = Some(status);
                    entry.ended = entry.ended.map(|ended| ended + Duration::from_millis(if slow { 300 } else { 0 }));
                }
            });
            figures.highest_rate_held
        };
        assert_eq!(held(false, 201, 0), Some(300));
        assert_eq!(held(false, 503, 14), Some(300));
        assert_eq!(held(false, 503, 16), Some(200));
        assert_eq!(held(false, 409, 300), Some(300), "a refusal is an answer");
        assert_eq!(held(true, 201, 2), Some(300));
        assert_eq!(held(true, 201, 9), Some(200));
    }
}
