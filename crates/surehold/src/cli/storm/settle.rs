//! Unknown outcomes: who got no answer asks again under the same key, until there is one.

use std::time::Duration;

use futures::{StreamExt, stream};
use serde::Serialize;

use super::api::Api;
use super::record::{Answer, Entry, Meaning};
use super::requests;
use super::stage::{AT_ONCE, Stage};
use crate::cli::progress;

/// The pauses between them add up to about half a minute: a server may be restarting.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How many requests nobody had answered, and what became of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Unknowns {
    /// Bookings and cancellations without a definite answer.
    pub unknown: usize,
    /// Done, then or when asked again.
    pub done: usize,
    /// Not done.
    pub not_done: usize,
    /// Nobody knows even now: either is right.
    pub still_unknown: usize,
}

/// Asks again whatever changes something and has no definite answer.
pub async fn settle(service: &Api, stage: &Stage, entries: &mut [Entry]) -> Unknowns {
    let mut open: Vec<&mut Entry> = entries.iter_mut().filter(|entry| is_open(entry)).collect();
    let mut unknowns = Unknowns { unknown: open.len(), ..Unknowns::default() };
    let bar = progress::bar(open.len(), "unknown outcomes asked again");
    let answers = stream::iter(open.iter().map(|entry| &**entry))
        .map(async |entry| {
            let answer = until_known(service, stage, entry).await;
            bar.inc(1);
            answer
        })
        .buffered(AT_ONCE);
    let answers: Vec<Answer> = answers.collect().await;
    bar.finish_and_clear();
    for (entry, answer) in open.iter_mut().zip(answers) {
        match answer.meaning() {
            Meaning::Done => unknowns.done += 1,
            Meaning::Refused => unknowns.not_done += 1,
            // The first request may still be on its way.
            Meaning::Unavailable | Meaning::Unknown => unknowns.still_unknown += 1,
        }
        entry.asked_again = Some(answer);
    }
    unknowns
}

fn is_open(entry: &Entry) -> bool {
    entry.is_write() && entry.meaning() == Some(Meaning::Unknown)
}

async fn until_known(service: &Api, stage: &Stage, entry: &Entry) -> Answer {
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        let answer = requests::send_again(service, stage, entry).await;
        if !matches!(answer.meaning(), Meaning::Unavailable | Meaning::Unknown) {
            return answer;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    requests::send_again(service, stage, entry).await
}
