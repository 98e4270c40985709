//! Keeps the counters of all organisations that have a Redis.

use std::collections::HashMap;
use std::time::Instant;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use uuid::Uuid;

use super::{CounterError, CounterOptions, Redis, Redises, Written};
use crate::store::{Store, StoreError, counters, orgs};

const WRITTEN: &str = "surehold_counters_written_total";
const CORRECTED: &str = "surehold_counters_corrected_total";
const NEWER: &str = "surehold_counters_newer_total";
const LAG: &str = "surehold_counters_lag_seconds";

/// What was changed in this time is looked at by every sweep: callers may have counted it, too.
const LOOKED_AT_AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// How much is read again of what a sweep had seen: a transaction that was in flight may have ended after it.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);

/// Keeps the counters of all organisations that have a Redis.
pub struct Keeper {
    store: Store,
    redises: Redises,
    options: CounterOptions,
    kept: HashMap<Uuid, Kept>,
}

/// The counters of one organisation.
struct Kept {
    slug: String,
    redis: Redis,
    /// Redis could not be written the last time.
    is_away: bool,
    /// When the last sweep came to its end.
    swept_at: Instant,
}

impl Keeper {
    /// A keeper that has not looked yet.
    pub fn new(store: Store, redises: Redises, options: CounterOptions) -> Keeper {
        describe_counter!(WRITTEN, "Counters in Redis that got a newer number");
        describe_counter!(CORRECTED, "Counters in Redis that somebody else had changed");
        // A few where several servers write. Many, all the time: the database was restored to an earlier moment.
        describe_counter!(NEWER, "Counters in Redis that were left alone because a newer number was there");
        describe_gauge!(LAG, "For how long the counters in Redis have not been looked at as a whole");
        Keeper { store, redises, options, kept: HashMap::new() }
    }

    /// Sets the counters of slots that were just changed, by organisation. Where Redis is away the next sweep does.
    pub async fn follow(&mut self, changed: &HashMap<Uuid, Vec<Uuid>>) {
        let store = &self.store;
        let there = self.kept.iter_mut().filter(|(_, kept)| !kept.is_away);
        let news = there.filter_map(|(org_id, kept)| Some((*org_id, changed.get(org_id)?, kept)));
        join_all(news.map(|(org_id, ids, kept)| async move {
            let result = kept.follow(store, org_id, ids).await;
            kept.note(result);
        }))
        .await;
    }

    /// Looks at the counters of all organisations that may be wrong, and sets them.
    ///
    /// # Errors
    ///
    /// Only if the organisations cannot be listed, or cannot be told apart in Redis.
    pub async fn sweep(&mut self) -> Result<(), SweepError> {
        self.find_orgs().await?;
        let store = &self.store;
        join_all(self.kept.iter_mut().map(|(org_id, kept)| async move {
            let result = kept.sweep(store, *org_id).await;
            if result.is_ok() {
                kept.swept_at = Instant::now();
            }
            kept.note(result);
            gauge!(LAG, "org" => kept.slug.clone()).set(kept.swept_at.elapsed().as_secs_f64());
        }))
        .await;
        Ok(())
    }

    /// Organisations come and go while the server runs.
    async fn find_orgs(&mut self) -> Result<(), SweepError> {
        let mut open = orgs::open(&*self.store.read().await?).await?;
        open.retain(|org| !org.is_test);
        let slugs: Vec<&str> = open.iter().map(|org| org.slug.as_str()).collect();
        self.redises.check_orgs(&slugs).map_err(|error| SweepError::Settings(error.to_string()))?;
        self.kept.retain(|id, _| open.iter().any(|org| org.id == *id));
        for org in open {
            if let Some(client) = self.redises.of(&org.slug) {
                self.kept.entry(org.id).or_insert_with(|| Kept {
                    slug: org.slug,
                    redis: Redis::new(client, self.options.answer_time_max),
                    is_away: false,
                    swept_at: Instant::now(),
                });
            }
        }
        Ok(())
    }
}

impl Kept {
    async fn follow(&mut self, store: &Store, org_id: Uuid, ids: &[Uuid]) -> Result<Written, CounterError> {
        // Nothing of the database is held while Redis is asked.
        let counts = counters::by_id(&*store.read().await?, org_id, ids).await?;
        Ok(self.redis.set(&counts).await?)
    }

    async fn sweep(&mut self, store: &Store, org_id: Uuid) -> Result<Written, CounterError> {
        let right_up_to = match self.redis.is_right_up_to(org_id).await? {
            Some(at) => at,
            None => {
                self.redis.begins_anew(org_id).await?;
                Timestamp::UNIX_EPOCH
            }
        };
        let (now, counts) = {
            let client = store.read().await?;
            let now = counters::now(&client).await?;
            let since = (now - LOOKED_AT_AGAIN).min(right_up_to - OVERLAP);
            (now, counters::changed_since(&client, org_id, since).await?)
        };
        let written = self.redis.set(&counts).await?;
        self.redis.was_right_at(org_id, now).await?;
        Ok(written)
    }

    /// Counts what was done. That Redis went away, or came back, is said once.
    fn note(&mut self, result: Result<Written, CounterError>) {
        let slug = &self.slug;
        match result {
            Ok(written) => {
                if std::mem::take(&mut self.is_away) {
                    tracing::info!(org = slug, "Redis can be written again: its counters are kept");
                }
                counter!(WRITTEN, "org" => slug.clone()).increment(written.news);
                counter!(CORRECTED, "org" => slug.clone()).increment(written.corrected);
                counter!(NEWER, "org" => slug.clone()).increment(written.newer);
            }
            Err(CounterError::Redis(error)) => {
                if !std::mem::replace(&mut self.is_away, true) {
                    tracing::warn!(org = slug, %error, "Redis cannot be written: its counters have to wait");
                }
            }
            Err(CounterError::Store(error)) => tracing::warn!(org = slug, %error, "counters have to wait"),
        }
    }
}

/// Why no counter was looked at.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Which Redis is whose.
    #[error("{0}")]
    Settings(String),
}
