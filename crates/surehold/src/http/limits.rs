//! Rate limits of students' routes: per address (a classroom behind one router has one), and per student.
//! Service and admin keys are not limited.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::error::ApiError;
use super::options::HttpOptions;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// How often the addresses and students that have been quiet are forgotten.
const SWEEP_SECONDS: u64 = 30;

/// The rate limits.
pub struct Limits {
    address: Option<Limit<IpAddr>>,
    student: Option<Limit<u64>>,
    hasher: RandomState,
    trusted_proxy_hops: usize,
    started: Instant,
    swept_at: AtomicU64,
}

struct Limit<K: Eq + Hash + Clone> {
    name: &'static str,
    per_minute: NonZeroU32,
    limiter: DefaultKeyedRateLimiter<K>,
}

impl<K: Eq + Hash + Clone> Limit<K> {
    fn new(name: &'static str, per_minute: u32) -> Option<Limit<K>> {
        let per_minute = NonZeroU32::new(per_minute)?;
        Some(Limit { name, per_minute, limiter: RateLimiter::keyed(Quota::per_minute(per_minute)) })
    }

    fn check(&self, key: &K) -> Result<(), ApiError> {
        let Err(until) = self.limiter.check_key(key) else { return Ok(()) };
        let wait = until.wait_time_from(DefaultClock::default().now());
        // Rounded up: who comes back when told is let in.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let sentence = format!("Too many requests. Please wait {seconds} {unit} before the next one.");
        let header = |text: String| HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", sentence)
            .with_details(
                serde_json::json!({ "retry_after": seconds, "limit": self.name, "per_minute": self.per_minute }),
            )
            .with_retry_after(seconds)
            .with_header(RATE_LIMIT_POLICY, header(format!("\"{}\";q={};w=60", self.name, self.per_minute)))
            .with_header(RATE_LIMIT, header(format!("\"{}\";r=0;t={seconds}", self.name))))
    }
}

impl Limits {
    /// The limits of some settings.
    pub fn new(options: &HttpOptions) -> Limits {
        Limits {
            address: Limit::new("address", options.address_calls_per_minute),
            student: Limit::new("student", options.student_calls_per_minute),
            hasher: RandomState::new(),
            trusted_proxy_hops: options.trusted_proxy_hops,
            started: Instant::now(),
            swept_at: AtomicU64::new(0),
        }
    }

    /// Counts a call from an address.
    pub fn count_address(&self, parts: &Parts) -> Result<(), ApiError> {
        self.sweep();
        match &self.address {
            Some(limit) => limit.check(&network(client_address(parts, self.trusted_proxy_hops))),
            None => Ok(()),
        }
    }

    /// Counts a call for a student, named by whatever is hashable. Only its hash is kept: a stranger's
    /// long inventions cost no memory.
    pub fn count_student(&self, student: impl Hash) -> Result<(), ApiError> {
        match &self.student {
            Some(limit) => limit.check(&self.hasher.hash_one(student)),
            None => Ok(()),
        }
    }

    /// Forgets those whose limit is full again, now and then.
    fn sweep(&self) {
        let now = self.started.elapsed().as_secs();
        let last = self.swept_at.load(Ordering::Relaxed);
        if now >= last + SWEEP_SECONDS
            && self.swept_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            if let Some(limit) = &self.address {
                limit.limiter.retain_recent();
            }
            if let Some(limit) = &self.student {
                limit.limiter.retain_recent();
            }
        }
    }
}

/// The caller's address: the peer's, or what the outermost of our own proxies wrote into X-Forwarded-For.
/// Entries further left are the caller's own words.
fn client_address(parts: &Parts, trusted_proxy_hops: usize) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let Some(hops_behind) = trusted_proxy_hops.checked_sub(1) else { return peer };
    let lines = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let entries: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let entry = entries.iter().rev().nth(hops_behind).or(entries.first());
    entry.and_then(|text| parse_address(text)).unwrap_or(peer)
}

/// An address with or without a port and brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok();
    address
        .or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.trim_matches(['[', ']']).parse().ok())
}

/// What counts as one address: of IPv6, the /64 that one customer has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn address(forwarded: &[&str], hops: usize) -> String {
        let mut request = Request::builder();
        for line in forwarded {
            request = request.header("x-forwarded-for", *line);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::from(([9, 9, 9, 9], 1))));
        client_address(&parts, hops).to_string()
    }

    #[test]
    fn the_forwarded_header_is_believed_as_far_as_our_own_proxies_wrote_it() {
        assert_eq!(address(&["1.1.1.1, 2.2.2.2"], 0), "9.9.9.9");
        assert_eq!(address(&["1.1.1.1, 2.2.2.2"], 1), "2.2.2.2");
        assert_eq!(address(&["6.6.6.6", "1.1.1.1, 2.2.2.2:80"], 2), "1.1.1.1");
        assert_eq!(address(&["[2001:db8::1]:80"], 1), "2001:db8::1");
        assert_eq!(address(&["rubbish"], 1), "9.9.9.9");
        assert_eq!(address(&[], 1), "9.9.9.9");
    }

    #[test]
    fn one_ipv6_customer_is_one_address() {
        let net = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(net("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(net("::ffff:1.2.3.4"), "1.2.3.4");
    }

    #[test]
    fn the_limit_answers_429_with_the_time_to_wait() {
        let options = HttpOptions { student_calls_per_minute: 2, ..HttpOptions::default() };
        let limits = Limits::new(&options);
        assert!(limits.count_student("A").is_ok() && limits.count_student("A").is_ok());
        assert!(limits.count_student("B").is_ok());
        let error = limits.count_student("A").expect_err("the third call");
        assert_eq!(error.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(error.headers.iter().any(|(name, value)| name == "retry-after" && value == "30"));
        assert!(error.sentence.contains("wait 30 seconds"), "{}", error.sentence);

        let quick = Limits::new(&HttpOptions { student_calls_per_minute: 60, ..HttpOptions::default() });
        let error = (0..200).find_map(|_| quick.count_student("A").err()).expect("more than sixty calls");
        assert!(error.sentence.contains("wait 1 second before"), "{}", error.sentence);
    }
}
