//! The benchmark: Surehold against the usual way of booking, one function call per request.
//!
//! ```text
//! run -> for each workload, round and contestant: round (copy the database, start the server, load, laws)
//!     -> limit, statements -> results -> report (terminal, results.json, results.svg)
//! ```
//!
//! What is compared and what is to be reached stands in [`workload`]; the other contestant in [`seed`].

pub mod backlog;
pub mod cli;
pub mod cluster;
pub mod contestant;
pub mod hubspot;
pub mod limit;
pub mod load;
pub mod machine;
pub mod measure;
pub mod proc;
pub mod report;
pub mod requests;
pub mod results;
pub mod round;
pub mod run;
pub mod scrape;
pub mod seed;
pub mod snapshot;
pub mod statements;
pub mod trips;
pub mod workload;
pub mod world;
