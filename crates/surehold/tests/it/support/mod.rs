//! What tests share: a database of their own, and a school to tell stories about.

pub mod cluster;
pub mod cut;
pub mod school;

pub use cluster::TestDatabase;
pub use school::School;
