//! The views under the seeds' names (schema `drop_in`), as callers of the REST routes read them.
//!
//! A caller says which columns, conditions and order it wants ([`query`]); [`statement`] makes SQL of that. Names in
//! the SQL come from the [`catalogue`] alone, and whatever a caller wrote is a parameter.

pub mod catalogue;
pub mod query;
pub mod rows;
pub mod statement;
