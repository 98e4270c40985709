//! What tests share: a database of their own, and a school to tell stories about.

pub mod answer;
pub mod api;
pub mod cluster;
pub mod contract;
pub mod cut;
pub mod market;
pub mod marketplace;
pub mod school;

pub use api::Api;
pub use cluster::TestDatabase;
pub use marketplace::Marketplace;
pub use school::School;
