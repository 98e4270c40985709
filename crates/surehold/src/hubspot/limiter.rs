//! How fast we call: never faster than HubSpot allows, whatever the network does on the way.
//!
//! HubSpot counts the calls that arrive in any window of ten seconds; we only know when we sent one, and when its
//! answer came. So a call takes one of N places, and gives it back a whole window after its answer came. Between two
//! arrivals that used the same place lies more than a window, so no window sees more than N. That is N calls per window
//! and latency, hardly less than what is allowed. A call that was given up may still be on its way: its place rests for
//! longer.
//!
//! What is not known here: calls of other programs with the same token, and of this one before it was started again.
//!
//! Limits that HubSpot announces in spite of that (somebody else uses the same token, the day's calls are used up)
//! close a gate for everybody for as long as they say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::error::{HubSpotError, Policy};
use super::quota::RateLimits;

/// How fast a portal may be called. The defaults are those of its smallest plan.
#[derive(Debug, Clone)]
pub struct LimiterOptions {
    /// Calls per [`Self::interval`]: 100 for Free and Starter, 190 for Professional and Enterprise, 250 with the
    /// add-on; 110 for apps of the marketplace.
    pub calls: usize,
    /// Calls about associations per [`Self::interval`], which count apart: 100, or 150 for Professional and Enterprise.
    pub associations: usize,
    /// The window in which these count.
    pub interval: Duration,
    /// Searches per [`Self::search_interval`], of all programs of the account together.
    pub searches: usize,
    /// The window in which searches count, in addition.
    pub search_interval: Duration,
    /// How long after it was given up a call may still arrive.
    pub straggling: Duration,
    /// A gate that is closed for longer is not waited for: callers are told at once.
    pub patience: Duration,
}

impl Default for LimiterOptions {
    fn default() -> LimiterOptions {
        LimiterOptions {
            calls: 100,
            associations: 100,
            interval: Duration::from_secs(10),
            searches: 5,
            search_interval: Duration::from_secs(1),
            straggling: Duration::from_secs(5),
            patience: Duration::from_secs(30),
        }
    }
}

/// Who waits; the first goes before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// A person, such as one who logs in.
    Person,
    /// The mirror.
    Sync,
}

impl Priority {
    fn as_str(self) -> &'static str {
        match self {
            Priority::Person => "person",
            Priority::Sync => "sync",
        }
    }
}

/// What a call counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// The calls of the app.
    App,
    /// The calls of the app, and the searches.
    Search,
    /// The calls about associations.
    Associations,
}

const APP: usize = 0;
const SEARCH: usize = 1;
const ASSOCIATIONS: usize = 2;

impl Quota {
    /// Every bucket in which the call needs a place.
    fn buckets(self) -> &'static [usize] {
        match self {
            Quota::App => &[APP],
            Quota::Search => &[APP, SEARCH],
            Quota::Associations => &[ASSOCIATIONS],
        }
    }

    /// The bucket of its day's calls.
    fn day(self) -> usize {
        self.buckets()[0]
    }

    /// The bucket that a limit is about.
    fn limited_by(self, policy: Policy) -> usize {
        match (self, policy) {
            (Quota::Search, Policy::Secondly) => SEARCH,
            _ => self.day(),
        }
    }
}

/// The limiter of one portal. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Limiter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    straggling: Duration,
    patience: Duration,
}

impl Limiter {
    /// A limiter with all its places free.
    pub fn new(options: &LimiterOptions) -> Limiter {
        let buckets = [
            Bucket::new(options.calls, options.interval),
            Bucket::new(options.searches, options.search_interval),
            Bucket::new(options.associations, options.interval),
        ];
        let state = State { buckets, waiting: BTreeMap::new(), next_number: 0, seen: RateLimits::default() };
        let (straggling, patience) = (options.straggling, options.patience);
        Limiter(Arc::new(Inner { state: Mutex::new(state), straggling, patience }))
    }

    /// Waits until a call may be made. The call is over when the permit is dropped.
    ///
    /// # Errors
    ///
    /// [`HubSpotError::NotNow`] at once, if the gate is closed for longer than the patience, or if the mirror asks and
    /// the day's calls are used up.
    pub async fn enter(&self, quota: Quota, priority: Priority) -> Result<Permit, HubSpotError> {
        let since = Instant::now();
        let waiting = Waiting::new(self, quota, priority);
        loop {
            let now = Instant::now();
            let step = self.state().step(waiting.ticket, now, self.0.patience);
            match step {
                Step::Go => {
                    let waited = now.saturating_duration_since(since).as_secs_f64();
                    metrics::histogram!("surehold_hubspot_wait_seconds", "priority" => priority.as_str())
                        .record(waited);
                    return Ok(Permit { limiter: self.clone(), quota, sent_at: now, is_answered: false });
                }
                Step::Closed(after, policy) => {
                    return Err(HubSpotError::NotNow {
                        after,
                        policy,
                        message: "not sent: the limit was met".to_owned(),
                    });
                }
                // A wake that comes between the look and here is kept.
                Step::Wait(None) => waiting.woken.notified().await,
                Step::Wait(Some(until)) => tokio::select! {
                    () = waiting.woken.notified() => {}
                    () = sleep_until(until) => {}
                },
            }
        }
    }

    /// Calls that the account has left until midnight in its time zone, as HubSpot said last; all its apps share them.
    pub fn calls_left_today(&self) -> Option<u64> {
        self.rate_limits().daily_left
    }

    /// The limits, as HubSpot said last.
    pub fn rate_limits(&self) -> RateLimits {
        self.state().seen
    }

    /// Whether this is the same limiter.
    #[cfg(test)]
    pub(super) fn is(&self, other: &Limiter) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to make one call; it takes its places until a window after it is dropped, and for longer if no answer
/// came.
#[derive(Debug)]
pub struct Permit {
    limiter: Limiter,
    quota: Quota,
    sent_at: Instant,
    is_answered: bool,
}

impl Permit {
    /// That an answer came, or its beginning: the call has arrived.
    pub fn answered(&mut self) {
        self.is_answered = true;
    }

    /// What an answer's headers said. If the day has calls left again, the mirror may go on.
    pub fn saw(&self, limits: RateLimits) {
        // Of associations we do not know whose day their headers are about.
        if self.quota == Quota::Associations {
            return;
        }
        let mut state = self.limiter.state();
        state.seen.update(limits);
        let day = &mut state.buckets[APP].day;
        let is_over = |day: &Day| self.sent_at > day.since && limits.daily_left.is_some_and(|left| left > 0);
        if day.as_ref().is_some_and(is_over) {
            *day = None;
            state.wake();
        }
    }

    /// That HubSpot said "not now": closes the gate of that limit for everybody.
    pub fn not_now(&self, policy: Policy, after: Duration) {
        let now = Instant::now();
        let mut state = self.limiter.state();
        if policy == Policy::Daily {
            state.buckets[self.quota.day()].day = Some(Day { since: now, until: now + after });
            if self.quota != Quota::Associations {
                state.seen.daily_left = Some(0);
            }
        } else {
            let gate = &mut state.buckets[self.quota.limited_by(policy)].gate;
            if gate.is_none_or(|(until, _)| until < now + after) {
                *gate = Some((now + after, policy));
            }
        }
        state.wake();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.give_back(self.quota, if self.is_answered { Duration::ZERO } else { self.limiter.0.straggling });
        state.wake();
    }
}

/// Persons first, then who came first.
type Ticket = (Priority, u64);

/// A place in the queue, until it is dropped.
struct Waiting<'a> {
    limiter: &'a Limiter,
    ticket: Ticket,
    woken: Arc<Notify>,
}

impl Waiting<'_> {
    fn new(limiter: &Limiter, quota: Quota, priority: Priority) -> Waiting<'_> {
        let mut state = limiter.state();
        let ticket = (priority, state.next_number);
        state.next_number += 1;
        let woken = Arc::new(Notify::new());
        state.waiting.insert(ticket, (quota, woken.clone()));
        Waiting { limiter, ticket, woken }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // Who went has left the queue already; who gave up lets those behind go.
        let mut state = self.limiter.state();
        if state.waiting.remove(&self.ticket).is_some() {
            state.wake();
        }
    }
}

#[derive(Debug)]
struct State {
    buckets: [Bucket; 3],
    waiting: BTreeMap<Ticket, (Quota, Arc<Notify>)>,
    next_number: u64,
    seen: RateLimits,
}

/// What one who waits does next.
enum Step {
    /// Call: the places are taken.
    Go,
    /// Give up: the gate is closed for so long.
    Closed(Duration, Policy),
    /// Look again when something has changed, or at this instant.
    Wait(Option<Instant>),
}

impl State {
    fn step(&mut self, ticket: Ticket, now: Instant, patience: Duration) -> Step {
        self.buckets.iter_mut().for_each(|bucket| bucket.tidy(now));
        let quota = self.waiting[&ticket].0;
        if let Some((until, policy)) = self.closed_for_long(quota, ticket.0, now + patience) {
            return Step::Closed(until - now, policy);
        }
        if self.first(quota).is_some_and(|(first, _)| *first != ticket) {
            return Step::Wait(None);
        }
        if self.is_next(ticket, quota.buckets()) {
            quota.buckets().iter().for_each(|bucket| self.buckets[*bucket].in_use += 1);
            self.waiting.remove(&ticket);
            self.wake();
            return Step::Go;
        }
        Step::Wait(quota.buckets().iter().filter_map(|bucket| self.buckets[*bucket].next_change()).min())
    }

    /// Who waits first for a quota. Nobody behind can go before, so only the first keeps the time; and whoever leaves
    /// the queue wakes the next one.
    fn first(&self, quota: Quota) -> Option<(&Ticket, &Notify)> {
        let first = self.waiting.iter().find(|(_, (other, _))| *other == quota);
        first.map(|(ticket, (_, woken))| (ticket, &**woken))
    }

    /// Something happened that may let somebody go, or that changes how long to wait.
    fn wake(&self) {
        for quota in [Quota::App, Quota::Search, Quota::Associations] {
            if let Some((_, woken)) = self.first(quota) {
                woken.notify_one();
            }
        }
    }

    /// The gate that is not worth waiting for. Persons are let through on a day whose calls are used up: theirs are
    /// few, and HubSpot may count otherwise than we do.
    fn closed_for_long(&self, quota: Quota, priority: Priority, latest: Instant) -> Option<(Instant, Policy)> {
        let day = self.buckets[quota.day()].day.as_ref().filter(|_| priority == Priority::Sync);
        let gates = quota.buckets().iter().filter_map(|bucket| self.buckets[*bucket].gate);
        day.map(|day| (day.until, Policy::Daily))
            .or_else(|| gates.filter(|(until, _)| *until > latest).max_by_key(|g| g.0))
    }

    /// Whether there is a place for this one when all before it who can go have gone.
    fn is_next(&self, ticket: Ticket, needs: &[usize]) -> bool {
        let mut free = self.buckets.each_ref().map(Bucket::free);
        let has_places = |free: &[usize; 3], needs: &[usize]| needs.iter().all(|bucket| free[*bucket] > 0);
        for (before, (quota, _)) in self.waiting.range(..ticket) {
            if !has_places(&free, needs) {
                return false;
            }
            let is_over = before.0 == Priority::Sync && self.buckets[quota.day()].day.is_some();
            if !is_over && has_places(&free, quota.buckets()) {
                quota.buckets().iter().for_each(|bucket| free[*bucket] -= 1);
            }
        }
        has_places(&free, needs)
    }

    fn give_back(&mut self, quota: Quota, longer: Duration) {
        let now = Instant::now();
        for bucket in quota.buckets() {
            let bucket = &mut self.buckets[*bucket];
            bucket.in_use -= 1;
            let free_at = now + bucket.interval + longer;
            let place = bucket.resting.partition_point(|earlier| *earlier <= free_at);
            bucket.resting.insert(place, free_at);
        }
    }
}

/// Places, and the gate before them.
#[derive(Debug)]
struct Bucket {
    places: usize,
    interval: Duration,
    /// Places of calls without an answer.
    in_use: usize,
    /// When each place is free again whose call is over; the earliest first.
    resting: VecDeque<Instant>,
    /// Closed for everybody until then.
    gate: Option<(Instant, Policy)>,
    /// The day's calls are used up.
    day: Option<Day>,
}

#[derive(Debug)]
struct Day {
    /// When HubSpot said so: what it says of a call that was sent before does not open it.
    since: Instant,
    /// When to look again.
    until: Instant,
}

impl Bucket {
    fn new(places: usize, interval: Duration) -> Bucket {
        Bucket { places: places.max(1), interval, in_use: 0, resting: VecDeque::new(), gate: None, day: None }
    }

    /// Lets go what is over.
    fn tidy(&mut self, now: Instant) {
        while self.resting.pop_front_if(|free_at| *free_at <= now).is_some() {}
        self.gate.take_if(|(until, _)| *until <= now);
        self.day.take_if(|day| day.until <= now);
    }

    fn free(&self) -> usize {
        if self.gate.is_some() { 0 } else { self.places - self.in_use - self.resting.len() }
    }

    /// The next instant at which there may be a place, if nothing else happens.
    fn next_change(&self) -> Option<Instant> {
        self.gate.map(|(until, _)| until).or_else(|| self.resting.front().copied())
    }
}

#[cfg(test)]
#[path = "limiter_tests.rs"]
mod tests;
