//! What tests share: a database of their own, and a school to tell stories about.

pub mod answer;
pub mod api;
pub mod cluster;
pub mod contract;
pub mod cut;
pub mod experiences;
pub mod gate;
pub mod marketplace;
pub mod marketplace_api;
pub mod node;

pub mod portal;
pub mod redis_server;
pub mod scene;
pub mod school;
pub mod stripe_client;

pub use api::Api;
pub use cluster::TestDatabase;
pub use marketplace::Marketplace;
pub use marketplace_api::MarketplaceApi;
pub use portal::MirroredSchool;
pub use school::School;
