//! What came of an open-loop storm, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::super::output::{count, grouped, table};
use super::check::Check;
use super::figures::{Driver, Figures};
use super::latency::{Percentiles, drawing};
use super::mix::Kind;
use super::plan::Plan;
use super::settle::Unknowns;

/// What came of an open-loop storm. As JSON: the fields are the members.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Always `open_loop`.
    pub mode: &'static str,
    pub url: String,
    /// The verdict.
    pub passed: bool,
    /// What was asked for.
    pub asked: Asked,
    #[serde(flatten)]
    pub figures: Figures,
    /// Bookings and cancellations without a definite answer.
    pub unknown_outcomes: Unknowns,
    pub checks: Vec<Check>,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub struct Asked {
    pub seconds: f64,
    pub mix: String,
    pub sessions: usize,
    pub seats: u64,
    pub students: u32,
    pub expect_refusals_percent: Option<u32>,
    pub p99_max_ms: u128,
    pub in_flight_max: usize,
}

impl From<&Plan> for Asked {
    fn from(plan: &Plan) -> Asked {
        Asked {
            seconds: plan.schedule.length().as_secs_f64(),
            mix: plan.mix.to_string(),
            sessions: plan.seats.len(),
            seats: plan.seats.iter().copied().map(u64::from).sum(),
            students: plan.students,
            expect_refusals_percent: plan.expect_refusals,
            p99_max_ms: plan.p99_max.as_millis(),
            in_flight_max: plan.in_flight_max,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n", self.answers())?;
        writeln!(f, "{}\n", self.latencies())?;
        writeln!(f, "{}\n", drawing(&self.figures.histogram))?;
        if self.figures.steps.len() > 1 {
            writeln!(f, "{}\n", self.steps())?;
        }
        let (asked, answered) = (self.figures.rate_asked, self.figures.rate_answered);
        writeln!(f, "  {asked:.1} requests per second asked, {answered:.1} answered; {}", self.held())?;
        writeln!(f, "  {}", self.figures.driver)?;
        writeln!(f, "  {}\n", self.unknown_outcomes)?;
        self.checks.iter().try_for_each(|check| writeln!(f, "{check}"))?;
        write!(f, "\n{} … {}", self.in_short(), if self.passed { "PASS" } else { "FAIL" })
    }
}

impl Report {
    fn answers(&self) -> String {
        let row = |a: &super::figures::Answers| {
            let status = a.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let answer = format!("{status} {}", a.code).trim_end().to_owned();
            vec![a.kind.name().to_owned(), number(a.count), answer]
        };
        let rows: Vec<_> = self.figures.answers.iter().map(row).collect();
        indented(&table(&["KIND", "REQUESTS", "ANSWER"], &rows))
    }

    /// The kinds in their order, and all together.
    fn latencies(&self) -> String {
        let names = Kind::ALL.map(Kind::name).into_iter().chain(["all"]);
        let row = |name: &'static str| {
            let p: &Percentiles = self.figures.latency_ms.get(name)?;
            let shown = [p.p50, p.p90, p.p99, p.p99_9, p.max].map(ms);
            Some([name.to_owned()].into_iter().chain(shown).collect())
        };
        let rows: Vec<Vec<String>> = names.filter_map(row).collect();
        let text = table(&["LATENCY", "P50", "P90", "P99", "P99.9", "MAX"], &rows);
        indented(&format!("{text}\nfrom the intended time to the whole answer"))
    }

    fn steps(&self) -> String {
        let or_none = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), ms);
        let row = |step: &super::figures::StepFigures| {
            let held = if step.held { "held" } else { "not held" };
            let answered = format!("{:.1}", step.rate_answered);
            vec![step.rate_asked.to_string(), answered, or_none(step.p50_ms), or_none(step.p99_ms), held.to_owned()]
        };
        let rows: Vec<_> = self.figures.steps.iter().map(row).collect();
        indented(&table(&["ASKED/S", "ANSWERED/S", "P50", "P99", ""], &rows))
    }

    fn held(&self) -> String {
        let limit = self.asked.p99_max_ms;
        let meaning = format!("95 % answered, p99 at most {limit} ms");
        match (self.figures.highest_rate_held, self.figures.steps.len()) {
            (Some(_), 1) => format!("held ({meaning})"),
            (Some(rate), _) => format!("the highest rate held is {rate} per second ({meaning})"),
            (None, 1) => format!("not held ({meaning})"),
            (None, _) => format!("no rate was held ({meaning})"),
        }
    }

    /// `612 booked, 88 refused: EXAM_FULL`
    fn in_short(&self) -> String {
        let books = self.figures.answers.iter().filter(|a| a.kind == Kind::Book);
        let (mut booked, mut others) = (0, Vec::new());
        for answer in books {
            match answer.status {
                Some(200 | 201) => booked += answer.count,
                Some(_) => others.push(format!("{} refused: {}", number(answer.count), answer.code)),
                None => others.push(format!("{} without an answer", number(answer.count))),
            }
        }
        let broken: Vec<&str> = self.checks.iter().filter(|check| !check.passed).map(|check| check.check).collect();
        let broken = (!broken.is_empty()).then(|| format!("wrong: {}", broken.join(", ")));
        let parts = [format!("{} booked", number(booked))].into_iter().chain(others).chain(broken);
        parts.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.late_ms {
            Some(p) => {
                write!(f, "the driver sent 99 % within {} of their time, the latest {} late", ms(p.p99), ms(p.max))?
            }
            None => f.write_str("the driver sent nothing")?,
        }
        if !self.on_time {
            f.write_str(
                ": TOO LATE. Latencies have its own delay in them; ask for a lower rate, or use a faster machine",
            )?;
        }
        if self.dropped > 0 {
            let requests = count(i64::try_from(self.dropped).unwrap_or(i64::MAX), "request");
            write!(
                f,
                "\n  {requests} NOT SENT: as many as --in-flight-max allows were in flight. They count as not \
                 answered, and latencies lack them"
            )?;
        }
        match self.replaced {
            0 => Ok(()),
            n => write!(f, "\n  {} sent as a list, because there was no booking to cancel or to replay", number(n)),
        }
    }
}

impl fmt::Display for Unknowns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unknown {
            0 => f.write_str("no outcome was unknown"),
            n => write!(
                f,
                "{} unknown, asked again under the same key: {} done, {} not done, {} still unknown",
                count(i64::try_from(n).unwrap_or(i64::MAX), "outcome"),
                self.done,
                self.not_done,
                self.still_unknown
            ),
        }
    }
}

fn number(n: usize) -> String {
    grouped(i64::try_from(n).unwrap_or(i64::MAX))
}

fn ms(time: f64) -> String {
    if time < 100.0 { format!("{time:.1} ms") } else { format!("{time:.0} ms") }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
