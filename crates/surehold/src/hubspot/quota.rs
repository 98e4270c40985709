//! What HubSpot says about its limits in the headers of an answer.

use reqwest::header::HeaderMap;

/// Limits, as the headers `X-HubSpot-RateLimit-…` say them. Searches have none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Calls per day, of all apps of the account together.
    pub daily_max: Option<u64>,
    /// How many of those are left. They are all there again at midnight in the account's time zone.
    pub daily_left: Option<u64>,
    /// The window of the next two, in milliseconds: 10,000.
    pub interval_milliseconds: Option<u64>,
    /// Calls per window.
    pub interval_max: Option<u64>,
    /// How many of those are left.
    pub interval_left: Option<u64>,
}

impl RateLimits {
    pub(super) fn of(headers: &HeaderMap) -> RateLimits {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
        RateLimits {
            daily_max: number("x-hubspot-ratelimit-daily"),
            daily_left: number("x-hubspot-ratelimit-daily-remaining"),
            interval_milliseconds: number("x-hubspot-ratelimit-interval-milliseconds"),
            interval_max: number("x-hubspot-ratelimit-max"),
            interval_left: number("x-hubspot-ratelimit-remaining"),
        }
    }

    /// Takes what is new, and keeps the rest.
    pub(super) fn update(&mut self, newer: RateLimits) {
        *self = RateLimits {
            daily_max: newer.daily_max.or(self.daily_max),
            daily_left: newer.daily_left.or(self.daily_left),
            interval_milliseconds: newer.interval_milliseconds.or(self.interval_milliseconds),
            interval_max: newer.interval_max.or(self.interval_max),
            interval_left: newer.interval_left.or(self.interval_left),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_what_is_missing_stays() {
        let headers = [
            ("x-hubspot-ratelimit-daily", "650000"),
            ("x-hubspot-ratelimit-daily-remaining", "649999"),
            ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
            ("x-hubspot-ratelimit-max", "190"),
            ("x-hubspot-ratelimit-remaining", "many"),
        ];
        let headers = headers.map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        let mut seen = RateLimits::of(&HeaderMap::from_iter(headers));
        let expected = RateLimits {
            daily_max: Some(650_000),
            daily_left: Some(649_999),
            interval_milliseconds: Some(10_000),
            interval_max: Some(190),
            interval_left: None,
        };
        assert_eq!(seen, expected);
        seen.update(RateLimits { daily_left: Some(7), ..RateLimits::default() });
        assert_eq!(seen, RateLimits { daily_left: Some(7), ..expected });
        seen.update(RateLimits { interval_left: Some(3), ..RateLimits::default() });
        assert_eq!(seen, RateLimits { daily_left: Some(7), interval_left: Some(3), ..expected });
    }
}
