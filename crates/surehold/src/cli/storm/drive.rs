//! The driver: sends each request at its intended time, whether or not earlier ones were answered, and
//! records what came of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::api::Api;
use super::mix::Kind;
use super::plan::Plan;
use super::record::{Answer, Earlier, Entry};
use super::requests;
use super::stage::Stage;
use crate::cli::progress;

/// Between setting up and the first request, so that the first ones are not late.
const LEAD: Duration = Duration::from_millis(20);

/// The bookings that were acknowledged so far.
#[derive(Debug, Default)]
struct Bookings {
    /// All of them: any can be replayed.
    all: Vec<Earlier>,
    /// Those that no cancellation was sent for.
    open: Vec<Earlier>,
}

/// What the next request is about.
struct Next<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
    bookings: Arc<Mutex<Bookings>>,
    booked: usize,
    listed: usize,
}

/// Sends all requests of the plan, and waits for their answers.
pub async fn drive(service: &Api, stage: &Arc<Stage>, plan: &Plan) -> anyhow::Result<Vec<Entry>> {
    let bookings = Arc::new(Mutex::new(Bookings::default()));
    let mut next = Next { plan, stage, bookings: Arc::clone(&bookings), booked: 0, listed: 0 };
    let mut in_flight: JoinSet<Entry> = JoinSet::new();
    let mut entries = Vec::with_capacity(plan.schedule.requests());
    let bar = progress::bar(plan.schedule.requests(), "requests");
    let start = Instant::now() + LEAD;
    for (request, ((step, intended), kind)) in plan.schedule.times().zip(plan.mix.sequence()).enumerate() {
        sleep_until(start + intended).await;
        while let Some(done) = in_flight.try_join_next() {
            entries.push(done?);
        }
        let mut entry = next.entry(kind, request, step, intended);
        if in_flight.len() >= plan.in_flight_max {
            entries.push(entry);
            continue;
        }
        let (service, stage, bookings) = (service.clone(), Arc::clone(stage), Arc::clone(&bookings));
        in_flight.spawn(async move {
            entry.sent = Some(start.elapsed());
            requests::send(&service, &stage, &mut entry).await;
            entry.ended = Some(start.elapsed());
            lock(&bookings).note(&entry);
            entry
        });
        bar.set_position(entries.len() as u64);
    }
    while let Some(done) = in_flight.join_next().await {
        entries.push(done?);
        bar.set_position(entries.len() as u64);
    }
    bar.finish_and_clear();
    entries.sort_by_key(|entry| entry.request);
    Ok(entries)
}

impl Next<'_> {
    /// The request that is due, not sent yet.
    fn entry(&mut self, kind: Kind, request: usize, step: usize, intended: Duration) -> Entry {
        let about = match kind {
            Kind::Cancel => lock(&self.bookings).take_open(),
            Kind::Replay => lock(&self.bookings).any(),
            Kind::Book | Kind::List => None,
        };
        let in_vain = matches!(kind, Kind::Cancel | Kind::Replay) && about.is_none();
        let (instead_of, kind) = if in_vain { (Some(kind), Kind::List) } else { (None, kind) };
        let (student, session) = match (kind, about) {
            (Kind::Book, _) => {
                let (student, session) = self.plan.booking(self.booked);
                self.booked += 1;
                (Some(student), Some(session))
            }
            (_, Some(earlier)) => (Some(earlier.student), Some(earlier.session)),
            (_, None) => (self.list_of(), None),
        };
        let (answer, listed) = (Answer::default(), Vec::new());
        let (sent, ended, wrong, asked_again) = (None, None, None, None);
        Entry {
            request,
            step,
            kind,
            instead_of,
            intended,
            sent,
            ended,
            answer,
            student,
            session,
            about,
            listed,
            wrong,
            asked_again,
        }
    }

    /// Whose bookings are listed; `None`: the sessions on sale are. In turns.
    fn list_of(&mut self) -> Option<usize> {
        self.listed += 1;
        (!self.listed.is_multiple_of(2)).then(|| rand::rng().random_range(0..self.stage.students.len()))
    }
}

impl Bookings {
    /// Notes what a request has made.
    fn note(&mut self, entry: &Entry) {
        let Entry { kind: Kind::Book, request, student: Some(student), session: Some(session), .. } = *entry else {
            return;
        };
        if let (Some(201), Some(booking_id)) = (entry.answer.status, entry.answer.booking_id) {
            let earlier = Earlier { request, booking_id, student, session };
            self.all.push(earlier);
            self.open.push(earlier);
        }
    }

    fn take_open(&mut self) -> Option<Earlier> {
        let at = (!self.open.is_empty()).then(|| rand::rng().random_range(0..self.open.len()))?;
        Some(self.open.swap_remove(at))
    }

    fn any(&self) -> Option<Earlier> {
        let at = (!self.all.is_empty()).then(|| rand::rng().random_range(0..self.all.len()))?;
        Some(self.all[at])
    }
}

/// Nothing that holds the lock can leave it half-changed.
fn lock(bookings: &Mutex<Bookings>) -> MutexGuard<'_, Bookings> {
    bookings.lock().unwrap_or_else(PoisonError::into_inner)
}
