//! Where travellers and their office ask the server; every answer is counted, and those that must not be are kept.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use super::super::api::{Api, Reply};

/// Tries while the server or Stripe is too busy.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(100);

/// What is asked for, and the refusals that are in order there.
#[derive(Debug, Clone, Copy)]
pub struct Errand {
    pub name: &'static str,
    pub refusals: &'static [&'static str],
}

/// A checkout.
pub const CHECKOUT: Errand = Errand {
    name: "checkout",
    refusals: &["INSUFFICIENT_AVAILABILITY", "TRIP_ALREADY_BOOKED", "PAYMENT_PROCESSING", "CHECKOUT_ENDED"],
};
/// The success page.
pub const PAGE: Errand = Errand { name: "success page", refusals: &[] };
/// A traveller gives a booking up.
pub const CANCEL: Errand = Errand { name: "cancel", refusals: &["BOOKING_NOT_ACTIVE"] };
/// The office gives a payment up.
pub const RELEASE: Errand = Errand { name: "release", refusals: &["PAYMENT_SUCCEEDED"] };
/// A booking with money that was taken elsewhere.
pub const BOOK: Errand = Errand { name: "create-booking", refusals: &["INSUFFICIENT_AVAILABILITY"] };

/// Counts what the server answers.
#[derive(Debug, Default)]
pub struct Counter {
    counted: Mutex<Counted>,
}

/// What was counted.
#[derive(Debug, Default, Clone)]
pub struct Counted {
    /// How often each answer was given, such as `checkout 201`.
    pub answers: BTreeMap<String, usize>,
    /// Answers that nobody should get.
    pub faults: Vec<String>,
    /// 503: come again.
    pub overloaded: usize,
    /// Of checkouts, each until its whole answer.
    pub took: Vec<Duration>,
}

impl Counter {
    /// Asks until there is an answer other than 503. `None`: there is none.
    pub async fn ask(
        &self,
        api: &Api,
        errand: Errand,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Option<Reply> {
        let key = Uuid::now_v7().to_string();
        for attempt in 1..=TRIES {
            let begin = Instant::now();
            let reply = match body {
                Some(body) => api.under_key(method.clone(), path, body, &key).await,
                None => api.get(path).await,
            };
            let is_busy = self.count(errand, &reply, begin.elapsed());
            if !is_busy || attempt == TRIES {
                return reply.ok();
            }
            tokio::time::sleep(PAUSE * attempt).await;
        }
        None
    }

    /// Counts an answer; says whether it was 503.
    pub fn count(&self, errand: Errand, reply: &anyhow::Result<Reply>, took: Duration) -> bool {
        let mut counted = self.lock();
        if errand.name == CHECKOUT.name {
            counted.took.push(took);
        }
        let name = match reply {
            Ok(reply) => format!("{} {} {}", errand.name, reply.status.as_u16(), reply.code()).trim_end().to_owned(),
            Err(error) => format!("{} without an answer: {error:#}", errand.name),
        };
        let is_busy = reply.as_ref().is_ok_and(|reply| reply.status.as_u16() == 503);
        let is_fault = match reply {
            Err(_) => true,
            Ok(reply) if reply.body().to_string().to_ascii_lowercase().contains("deadlock") => true,
            Ok(reply) => !reply.status.is_success() && !is_busy && !errand.refusals.contains(&reply.code()),
        };
        if is_fault {
            let said = reply.as_ref().map(|reply| reply.sentence().to_owned()).unwrap_or_default();
            counted.faults.push(format!("{name} {said}").trim_end().to_owned());
        }
        counted.overloaded += usize::from(is_busy);
        *counted.answers.entry(name).or_default() += 1;
        is_busy
    }

    /// What was counted so far.
    pub fn counted(&self) -> Counted {
        self.lock().clone()
    }

    /// Nothing that holds the lock can leave it half-changed.
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
