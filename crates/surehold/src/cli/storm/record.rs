//! What was asked and answered, request by request.

use std::io::Write;
use std::time::Duration;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::mix::Kind;

/// An answer, or that there was none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Answer {
    /// HTTP status; `None`: there was no answer.
    pub status: Option<u16>,
    /// The code of a failure, or why there was no answer; empty for a success.
    pub code: String,
    /// The booking that it names.
    pub booking_id: Option<Uuid>,
}

/// What an answer means for the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It was done.
    Done,
    /// It was not done, by a rule.
    Refused,
    /// It was not done, and may be tried again later.
    Unavailable,
    /// Nobody said whether it was done.
    Unknown,
}

/// A booking that was acknowledged, for requests about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Earlier {
    /// The number of the request that made it.
    pub request: usize,
    /// Its UUID, as acknowledged.
    pub booking_id: Uuid,
    /// Index of the student.
    pub student: usize,
    /// Index of the session.
    pub session: usize,
}

/// One request of the schedule.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its number, from 0, in the order of intended times.
    pub request: usize,
    /// Index of its step.
    pub step: usize,
    /// What it asked for.
    pub kind: Kind,
    /// What the mix had wanted, but there was no booking for it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Kind>,
    /// When it was to be sent, from the start of the storm.
    #[serde(rename = "intended_us", serialize_with = "microseconds")]
    pub intended: Duration,
    /// When it was sent; `None`: it was not, because too many were in flight.
    #[serde(rename = "sent_us", serialize_with = "microseconds_if")]
    pub sent: Option<Duration>,
    /// When its whole answer was here, or it was clear that none comes.
    #[serde(rename = "ended_us", serialize_with = "microseconds_if")]
    pub ended: Option<Duration>,
    /// Its answer.
    #[serde(flatten)]
    pub answer: Answer,
    /// Index of the student.
    pub student: Option<usize>,
    /// Index of the session.
    pub session: Option<usize>,
    /// The booking that it is about, for cancel and replay.
    #[serde(serialize_with = "booking_of")]
    pub about: Option<Earlier>,
    /// The bookings that a list showed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<Uuid>,
    /// What is wrong with the answer on its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
    /// The answer to the same request under the same key, asked again because the first one was unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_again: Option<Answer>,
}

impl Answer {
    /// What it means for the data.
    pub fn meaning(&self) -> Meaning {
        match (self.status, self.code.as_str()) {
            (None, _) => Meaning::Unknown,
            (Some(200..=299), _) => Meaning::Done,
            (Some(408 | 429), _) | (Some(503), "OVERLOADED" | "DATABASE_UNAVAILABLE" | "CRM_UNAVAILABLE") => {
                Meaning::Unavailable
            }
            (Some(500..), _) => Meaning::Unknown,
            _ => Meaning::Refused,
        }
    }

    /// `409 EXAM_FULL`, `201`, `no answer`.
    pub fn name(&self) -> String {
        match self.status {
            Some(status) => format!("{status} {}", self.code).trim_end().to_owned(),
            None => "no answer".to_owned(),
        }
    }
}

impl Entry {
    /// What is known about it in the end.
    pub fn last_answer(&self) -> &Answer {
        self.asked_again.as_ref().unwrap_or(&self.answer)
    }

    /// What that means; `None`: it was not sent.
    pub fn meaning(&self) -> Option<Meaning> {
        self.sent.map(|_| match (&self.asked_again, self.last_answer().meaning()) {
            // What was not done this time may have been done the first time.
            (Some(_), Meaning::Unavailable) => Meaning::Unknown,
            (_, meaning) => meaning,
        })
    }

    /// Whether it changes something, and so has to be known.
    pub fn is_write(&self) -> bool {
        matches!(self.kind, Kind::Book | Kind::Cancel)
    }

    /// The key that it was sent under. A replay has that of the booking it repeats.
    pub fn key(&self) -> String {
        match (self.kind, &self.about) {
            (Kind::Replay, Some(earlier)) => key_of(earlier.request),
            _ => key_of(self.request),
        }
    }

    /// `request 12 (book: 409 EXAM_FULL)`
    pub fn name(&self) -> String {
        let again = match &self.asked_again {
            Some(answer) => format!(", asked again: {}", answer.name()),
            None => String::new(),
        };
        format!("request {} ({}: {}{again})", self.request, self.kind.name(), self.answer.name())
    }

    /// From the intended time until it ended.
    pub fn latency(&self) -> Option<Duration> {
        self.ended.map(|ended| ended.saturating_sub(self.intended))
    }

    /// How late it was sent.
    pub fn lateness(&self) -> Option<Duration> {
        self.sent.map(|sent| sent.saturating_sub(self.intended))
    }
}

/// The key of the request of this number: the organisation is new, so numbers are enough.
pub fn key_of(request: usize) -> String {
    format!("storm-{request}")
}

/// Writes the record, an object per line.
pub fn write(entries: &[Entry], to: impl Write) -> std::io::Result<()> {
    let mut to = std::io::BufWriter::new(to);
    for entry in entries {
        serde_json::to_writer(&mut to, entry)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

fn microseconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u128(time.as_micros())
}

fn microseconds_if<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_micros()).serialize(to)
}

fn booking_of<S: Serializer>(about: &Option<Earlier>, to: S) -> Result<S::Ok, S::Error> {
    about.map(|earlier| earlier.booking_id).serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_was_not_done() {
        let meaning = |status: u16, code: &str| {
            Answer { status: Some(status), code: code.to_owned(), booking_id: None }.meaning()
        };
        assert_eq!(meaning(201, ""), Meaning::Done);
        assert_eq!(meaning(409, "EXAM_FULL"), Meaning::Refused);
        assert_eq!(meaning(503, "OVERLOADED"), Meaning::Unavailable);
        assert_eq!(meaning(503, "OUTCOME_UNKNOWN"), Meaning::Unknown);
        assert_eq!(meaning(503, ""), Meaning::Unknown);
        assert_eq!(meaning(500, "INTERNAL_ERROR"), Meaning::Unknown);
        assert_eq!(meaning(502, ""), Meaning::Unknown);
        assert_eq!(Answer::default().meaning(), Meaning::Unknown);
    }
}
