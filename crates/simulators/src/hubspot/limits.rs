//! How many calls there may be (developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines).
//!
//! Windows roll: of any interval, however it lies, at most so many calls are let through.

use std::collections::VecDeque;
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::answer::Answer;
use super::clock;
use super::ids;

const DAY_MS: i64 = 86_400_000;

/// The limits of an account and its app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Calls of the app within an interval.
    pub calls: u32,
    /// The interval, in milliseconds: HubSpot's ten seconds, less for tests. Callers are told.
    pub interval_ms: u64,
    /// Calls of the account within a day; none for apps that do not count (and are told nothing of it).
    pub daily: Option<u32>,
    /// Searches of the account within a second.
    pub searches: u32,
    /// That second, in milliseconds.
    pub search_interval_ms: u64,
    /// Calls for associations within an interval. They do not count as calls of the app.
    pub association_calls: u32,
    /// Calls for associations within a day.
    pub association_daily: u32,
}

impl Limits {
    fn of(calls: u32, daily: Option<u32>, association_calls: u32, association_daily: u32) -> Limits {
        Limits {
            calls,
            interval_ms: 10_000,
            daily,
            searches: 5,
            search_interval_ms: 1_000,
            association_calls,
            association_daily,
        }
    }

    /// A privately distributed app in a free account or one of the edition Starter.
    pub fn starter() -> Limits {
        Limits::of(100, Some(250_000), 100, 500_000)
    }

    /// The same in the edition Professional.
    pub fn professional() -> Limits {
        Limits::of(190, Some(650_000), 150, 500_000)
    }

    /// The same in the edition Enterprise.
    pub fn enterprise() -> Limits {
        Limits::of(190, Some(1_000_000), 150, 500_000)
    }

    /// The same with the add-on for limits.
    pub fn with_add_on() -> Limits {
        Limits::of(250, Some(2_000_000), 150, 1_000_000)
    }

    /// An app of the marketplace.
    pub fn marketplace() -> Limits {
        Limits::of(110, None, 150, 500_000)
    }

    /// No limits to speak of, for tests of other things.
    pub fn none() -> Limits {
        let most = u32::MAX;
        Limits { searches: most, ..Limits::of(most, Some(most), most, most) }
    }

    /// The same with intervals that are so many times shorter.
    pub fn faster(self, times: u64) -> Limits {
        Limits {
            interval_ms: self.interval_ms / times.max(1),
            search_interval_ms: self.search_interval_ms / times.max(1),
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::starter()
    }
}

/// Which limit a call counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quota {
    Calls,
    Search,
    Associations,
}

/// A limit, as errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Policy {
    /// Of a day.
    Daily,
    /// Of ten seconds.
    TenSecondlyRolling,
    /// Of a second.
    Secondly,
}

impl Policy {
    /// The answer to a call that is one too many.
    pub(super) fn answer(self) -> Answer {
        let message = match self {
            Policy::Daily => "You have reached your daily limit.",
            Policy::TenSecondlyRolling => "You have reached your ten_secondly_rolling limit.",
            Policy::Secondly => "You have reached your secondly limit.",
        };
        let body = json!({
            "status": "error",
            "message": message,
            "errorType": "RATE_LIMIT",
            "correlationId": ids::correlation(),
            "policyName": self,
            "requestId": ids::correlation(),
        });
        Answer::json(StatusCode::TOO_MANY_REQUESTS, body)
    }
}

/// A rolling window, and what was seen of it.
#[derive(Debug, Default)]
struct Window {
    admitted: VecDeque<Instant>,
    arrived: VecDeque<Instant>,
    peak: usize,
    total: u64,
    refused: u64,
}

impl Window {
    /// A call arrives; says whether it is let through.
    fn arrive(&mut self, now: Instant, max: u32, interval: Duration) -> bool {
        for times in [&mut self.admitted, &mut self.arrived] {
            while times.pop_front_if(|time| *time + interval <= now).is_some() {}
        }
        self.arrived.push_back(now);
        self.peak = self.peak.max(self.arrived.len());
        self.total += 1;
        let admitted = self.admitted.len() < max as usize;
        if admitted {
            self.admitted.push_back(now);
        } else {
            self.refused += 1;
        }
        admitted
    }

    fn remaining(&self, max: u32) -> u64 {
        u64::from(max).saturating_sub(self.admitted.len() as u64)
    }

    fn report(&self) -> WindowReport {
        WindowReport { peak: self.peak, total: self.total, refused: self.refused }
    }
}

/// What was seen of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowReport {
    /// The most calls that arrived within any one interval, whether they were let through or not.
    pub peak: usize,
    /// All calls that arrived.
    pub total: u64,
    /// Those that were one too many.
    pub refused: u64,
}

/// What was seen of all limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LimitReport {
    /// The limits.
    pub limits: Limits,
    /// Calls of the app.
    pub calls: WindowReport,
    /// Searches.
    pub searches: WindowReport,
    /// Calls for associations.
    pub associations: WindowReport,
    /// What is used up of the day's calls.
    pub daily_used: u32,
}

/// Counts calls.
#[derive(Debug)]
pub(super) struct Limiter {
    pub(super) limits: Limits,
    calls: Window,
    searches: Window,
    associations: Window,
    day: i64,
    daily_used: u32,
    daily_associations: u32,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Limiter {
        Limiter {
            limits,
            calls: Window::default(),
            searches: Window::default(),
            associations: Window::default(),
            day: 0,
            daily_used: 0,
            daily_associations: 0,
        }
    }

    /// Forgets all calls.
    pub(super) fn reset(&mut self) {
        *self = Limiter::new(self.limits);
    }

    /// A call arrives: the headers of its answer, or the limit that it is beyond.
    pub(super) fn arrive(&mut self, quota: Quota, now: Instant) -> (Vec<(&'static str, u64)>, Option<Policy>) {
        let day = clock::now() / DAY_MS;
        if day != self.day {
            (self.day, self.daily_used, self.daily_associations) = (day, 0, 0);
        }
        let limits = self.limits;
        let interval = Duration::from_millis(limits.interval_ms);
        let (window, max, interval, used, daily, policy) = match quota {
            Quota::Calls => (
                &mut self.calls,
                limits.calls,
                interval,
                &mut self.daily_used,
                limits.daily,
                Policy::TenSecondlyRolling,
            ),
            Quota::Search => {
                let second = Duration::from_millis(limits.search_interval_ms);
                (&mut self.searches, limits.searches, second, &mut self.daily_used, limits.daily, Policy::Secondly)
            }
            Quota::Associations => {
                let (used, daily) = (&mut self.daily_associations, Some(limits.association_daily));
                (&mut self.associations, limits.association_calls, interval, used, daily, Policy::TenSecondlyRolling)
            }
        };
        let refused = if !window.arrive(now, max, interval) {
            Some(policy)
        } else if daily.is_some_and(|daily| *used >= daily) {
            window.refused += 1;
            Some(Policy::Daily)
        } else {
            *used += 1;
            None
        };
        let mut headers = Vec::new();
        if quota != Quota::Search {
            if let Some(daily) = daily {
                headers.push(("x-hubspot-ratelimit-daily", daily.into()));
                headers.push(("x-hubspot-ratelimit-daily-remaining", daily.saturating_sub(*used).into()));
            }
            headers.push(("x-hubspot-ratelimit-interval-milliseconds", limits.interval_ms));
            headers.push(("x-hubspot-ratelimit-max", max.into()));
            headers.push(("x-hubspot-ratelimit-remaining", window.remaining(max)));
        }
        (headers, refused)
    }

    pub(super) fn report(&self) -> LimitReport {
        LimitReport {
            limits: self.limits,
            calls: self.calls.report(),
            searches: self.searches.report(),
            associations: self.associations.report(),
            daily_used: self.daily_used,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_interval_however_it_lies_has_too_many() {
        let limits = Limits { calls: 3, ..Limits::starter() };
        let mut limiter = Limiter::new(limits);
        let start = Instant::now();
        let mut at = |ms: u64| limiter.arrive(Quota::Calls, start + Duration::from_millis(ms)).1;
        let too_many = Some(Policy::TenSecondlyRolling);
        assert_eq!([at(0), at(9_000), at(9_500), at(9_999)], [None, None, None, too_many]);
        // The first is out of the window; a fixed one would have let three through.
        assert_eq!([at(10_000), at(10_001), at(18_999), at(19_000)], [None, too_many, too_many, None]);
        let report = limiter.report();
        assert_eq!((report.calls.peak, report.calls.total, report.calls.refused), (6, 8, 3));
    }
}
