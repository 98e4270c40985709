//! What callers see: stories told over HTTP.

/// Compares the body of an answer with its snapshot.
macro_rules! assert_body {
    ($name:literal, $answer:expr) => {
        insta::assert_json_snapshot!($name, $answer.masked())
    };
}

mod audit;
mod browsers;
mod cancelled_sessions;
mod day;
mod defects;
mod document;
mod idempotency;
mod office;
mod orgs;
mod outages;
mod privacy;
mod races;
mod refusals;
mod requests;
mod rules;
mod sessions;
mod slots;
mod trips;
