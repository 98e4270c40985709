//! What came of a storm, for a person to read.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

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
    checks: Vec<(&'static str, bool, String)>,
}

impl Verdict {
    pub fn new(seats: u32, shots: Vec<Shot>) -> Verdict {
        let mut verdict = Verdict { checks: Vec::new(), shots };
        let clients = verdict.shots.len();
        let expected = clients.min(seats as usize);
        let booked = verdict.booked();
        let seats = super::super::output::count(seats, "seat");
        verdict.check("seats", booked == expected, format!("{booked} booked of {seats}, {expected} expected"));
        let full = verdict.shots.iter().filter(|shot| shot.full()).count();
        let refused = clients - expected;
        verdict.check("refusals", full == refused, format!("{full} refused with EXAM_FULL, {refused} expected"));
        verdict
    }

    /// Adds a check.
    pub fn check(&mut self, what: &'static str, right: bool, found: String) {
        self.checks.push((what, right, found));
    }

    pub fn passed(&self) -> bool {
        self.checks.iter().all(|(_, right, _)| *right)
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
        let mut took: Vec<Duration> = self.shots.iter().map(|shot| shot.took).collect();
        took.sort();
        writeln!(f)?;
        for (answer, n) in self.answers() {
            writeln!(f, "  {n:>6} x {answer}")?;
        }
        if let (Some(min), Some(max)) = (took.first(), took.last()) {
            let ms = |d: &Duration| d.as_secs_f64() * 1000.0;
            let median = &took[took.len() / 2];
            writeln!(f, "  latency {:.1} ms min, {:.1} ms median, {:.1} ms max\n", ms(min), ms(median), ms(max))?;
        }
        for (what, right, found) in &self.checks {
            writeln!(f, "  {} {what}: {found}", if *right { "ok  " } else { "BAD " })?;
        }
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
        Verdict::new(seats, statuses.iter().enumerate().map(|(n, (status, code))| shot(n, *status, code)).collect())
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
