//! PostgREST's routes, for callers that come with supabase-js: the same paths, statuses, headers and errors, so that
//! they change a URL and a key. What is there to read stands in [`crate::store::drop_in`].

pub mod read;
pub mod rpc;
pub mod write;

mod answer;
pub(super) mod errors;
mod filter;
mod json;
mod logic;
mod nearest;
mod order;
mod query;
mod range;
mod request;
mod scanner;
mod select;

#[cfg(test)]
mod query_tests;
