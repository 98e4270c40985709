//! Seats at every moment of the storm, from the times of requests and answers alone.
//!
//! Nobody outside knows when exactly a seat was taken, but there are bounds: certainly from the answer to
//! the booking until the cancellation was sent; possibly from the request until the cancellation was answered.

use std::collections::HashMap;
use std::time::Duration;

use super::check::Check;
use super::mix::Kind;
use super::record::{Entry, Meaning};
use super::stage::Stage;

/// One seat taken (+1) or given up (-1).
type Event = (Duration, i64);

/// Never were more bookings acknowledged than there are seats, and nobody was refused before a session can
/// have been full.
pub fn check(stage: &Stage, entries: &[Entry]) -> Check {
    let mut cancels: HashMap<usize, &Entry> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Cancel && entry.sent.is_some()) {
        if let Some(earlier) = entry.about {
            cancels.insert(earlier.request, entry);
        }
    }
    let mut of_session: Vec<Vec<&Entry>> = vec![Vec::new(); stage.sessions.len()];
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Book && entry.sent.is_some()) {
        if let Some(session) = entry.session {
            of_session[session].push(entry);
        }
    }
    let faults = stage.sessions.iter().zip(&of_session).filter_map(|(session, books)| {
        let seats = i64::from(session.seats);
        let certain = peak(certainly(books, &cancels));
        if certain > seats {
            return Some(format!("oversold: session {} had {certain} bookings at once for {seats} seats", session.id));
        }
        let full_at = first_full(possibly(books, &cancels), seats);
        let early = books.iter().find(|entry| is_full(entry) && full_at.is_none_or(|at| entry.ended < Some(at)));
        early.map(|entry| format!("{}: session {} cannot have been full by then", entry.name(), session.id))
    });
    let faults = faults.collect();
    Check::no_faults(
        "moments",
        "no session ever had more bookings than seats, nor refused before it was full".to_owned(),
        faults,
    )
}

fn is_full(entry: &Entry) -> bool {
    entry.answer.code == "EXAM_FULL"
}

fn certainly(books: &[&Entry], cancels: &HashMap<usize, &Entry>) -> Vec<Event> {
    let acknowledged = books.iter().filter(|entry| entry.answer.status == Some(201));
    acknowledged
        .flat_map(|entry| {
            let given_up = cancels.get(&entry.request).and_then(|cancel| cancel.sent);
            [entry.ended.map(|at| (at, 1)), given_up.map(|at| (at, -1))]
        })
        .flatten()
        .collect()
}

fn possibly(books: &[&Entry], cancels: &HashMap<usize, &Entry>) -> Vec<Event> {
    let perhaps = books
        .iter()
        .filter(|entry| entry.meaning() == Some(Meaning::Done) || entry.answer.meaning() == Meaning::Unknown);
    perhaps
        .flat_map(|entry| {
            let cancel = cancels.get(&entry.request).filter(|cancel| cancel.answer.meaning() == Meaning::Done);
            [entry.sent.map(|at| (at, 1)), cancel.and_then(|cancel| cancel.ended).map(|at| (at, -1))]
        })
        .flatten()
        .collect()
}

/// The most seats that are taken at once.
fn peak(mut events: Vec<Event>) -> i64 {
    events.sort(); // at one moment, first what is given up
    let mut taken = 0;
    events
        .into_iter()
        .map(|(_, change)| {
            taken += change;
            taken
        })
        .max()
        .unwrap_or(0)
}

/// When so many seats are taken for the first time.
fn first_full(mut events: Vec<Event>, seats: i64) -> Option<Duration> {
    events.sort_by_key(|(at, change)| (*at, -change)); // at one moment, first what is taken
    let mut taken = 0;
    events
        .into_iter()
        .find(|(_, change)| {
            taken += change;
            taken >= seats
        })
        .map(|(at, _)| at)
}
