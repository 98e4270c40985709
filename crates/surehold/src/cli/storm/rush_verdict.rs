//! What came of everybody at the same moment, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::super::output::count;
use super::check::Check;
use super::plan::Rush;

/// One booking that was tried.
#[derive(Debug)]
pub struct Shot {
    /// Whose.
    pub number: usize,
    /// The answer's status; `None`: there was no answer.
    pub status: Option<StatusCode>,
    /// The refusal's code, or why there was no answer.
    pub code: String,
    /// Until the whole answer was here.
    pub took: Duration,
}

impl Shot {
    pub fn booked(&self) -> bool {
        self.status == Some(StatusCode::CREATED)
    }

    fn full(&self) -> bool {
        self.status == Some(StatusCode::CONFLICT) && self.code == "EXAM_FULL"
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Verdict {
    /// All bookings that were tried.
    pub shots: Vec<Shot>,
    url: String,
    rush: Rush,
    checks: Vec<Check>,
}

impl Verdict {
    pub fn new(url: &str, rush: Rush, shots: Vec<Shot>) -> Verdict {
        let mut verdict = Verdict { checks: Vec::new(), url: url.to_owned(), rush, shots };
        let clients = verdict.shots.len();
        let expected = clients.min(rush.seats as usize);
        let booked = verdict.booked();
        let seats = count(rush.seats, "seat");
        verdict.add(Check::new(
            "seats",
            booked == expected,
            format!("{booked} booked of {seats}, {expected} expected"),
        ));
        let full = verdict.shots.iter().filter(|shot| shot.full()).count();
        let refused = clients - expected;
        let found = format!("{full} refused with EXAM_FULL, {refused} expected");
        verdict.add(Check::new("refusals", full == refused, found));
        verdict
    }

    /// Adds a check.
    pub fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }

    fn booked(&self) -> usize {
        self.shots.iter().filter(|shot| shot.booked()).count()
    }

    /// How often each answer was given.
    fn answers(&self) -> BTreeMap<String, usize> {
        let mut answers = BTreeMap::new();
        for shot in &self.shots {
            let name = match shot.status {
                Some(status) => format!("{} {}", status.as_u16(), shot.code).trim_end().to_owned(),
                None => format!("no answer: {}", shot.code),
            };
            *answers.entry(name).or_default() += 1;
        }
        answers
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let answers: Vec<Value> =
            self.answers().iter().map(|(answer, count)| json!({ "answer": answer, "count": count })).collect();
        let latency = self.latency().map(|[min, median, max]| json!({ "min": min, "p50": median, "max": max }));
        json!({
            "mode": "at_once", "url": self.url, "passed": self.passed(), "seats": self.rush.seats,
            "clients": self.rush.clients, "booked": self.booked(), "answers": answers, "latency_ms": latency,
            "checks": self.checks,
        })
    }

    /// Least, median and most, in milliseconds.
    fn latency(&self) -> Option<[f64; 3]> {
        let mut took: Vec<Duration> = self.shots.iter().map(|shot| shot.took).collect();
        took.sort();
        let ms = |d: &Duration| d.as_secs_f64() * 1000.0;
        Some([ms(took.first()?), ms(&took[took.len() / 2]), ms(took.last()?)])
    }

    /// `1 booked, 9 refused: EXAM_FULL`
    fn in_short(&self) -> String {
        let mut others: BTreeMap<&str, usize> = BTreeMap::new();
        for shot in self.shots.iter().filter(|shot| !shot.booked()) {
            *others.entry(if shot.status.is_none() { "no answer" } else { &shot.code }).or_default() += 1;
        }
        let others: Vec<String> = others.iter().map(|(code, n)| format!("{n} refused: {code}")).collect();
        std::iter::once(format!("{} booked", self.booked())).chain(others).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for (answer, n) in self.answers() {
            writeln!(f, "  {n:>6} x {answer}")?;
        }
        if let Some([min, median, max]) = self.latency() {
            writeln!(f, "  latency {min:.1} ms min, {median:.1} ms median, {max:.1} ms max\n")?;
        }
        self.checks.iter().try_for_each(|check| writeln!(f, "{check}"))?;
        write!(f, "\n{} … {}", self.in_short(), if self.passed() { "PASS" } else { "FAIL" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shot(number: usize, status: u16, code: &str) -> Shot {
        let took = Duration::from_millis(10 + number as u64);
        Shot { number, status: StatusCode::from_u16(status).ok(), code: code.to_owned(), took }
    }

    fn storm(seats: u32, statuses: &[(u16, &str)]) -> Verdict {
        let shots: Vec<Shot> = statuses.iter().enumerate().map(|(n, (status, code))| shot(n, *status, code)).collect();
        let clients = u32::try_from(shots.len()).expect("a few");
        Verdict::new("http://127.0.0.1", Rush { seats, clients }, shots)
    }

    #[test]
    fn one_for_one_seat_passes_and_reads_well() {
        let mut answers = vec![(409, "EXAM_FULL"); 9];
        answers.insert(4, (201, ""));
        let verdict = storm(1, &answers);
        assert!(verdict.passed());
        let text = verdict.to_string();
        assert!(text.ends_with("1 booked, 9 refused: EXAM_FULL … PASS"), "{text}");
        assert!(text.contains("10.0 ms min, 15.0 ms median, 19.0 ms max"), "{text}");
    }

    #[test]
    fn two_for_one_seat_fails_and_so_does_any_other_refusal() {
        assert!(!storm(1, &[(201, ""), (201, ""), (409, "EXAM_FULL")]).passed());
        assert!(!storm(1, &[(201, ""), (429, "RATE_LIMITED")]).passed());
        assert!(!storm(1, &[(409, "EXAM_FULL"), (409, "EXAM_FULL")]).passed());
        assert!(!storm(1, &[(200, ""), (409, "EXAM_FULL")]).passed());
        assert!(storm(5, &[(201, ""), (201, "")]).passed());
    }
}
