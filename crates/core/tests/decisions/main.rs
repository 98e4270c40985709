//! The decisions of Surehold, tested without a database: tables of refusals in their order of
//! precedence, stories of the exam school's rules, and random histories against a tiny model.
//!
//! Tests named `a8_NN_…` pin a defect of the originals (`reference/exam-app.md`, A8).

mod bookings;
mod cancelling;
mod contacts;
mod database;
mod histories;
mod keys;
mod model;
mod moving;
mod precedence;
mod requests;
mod sessions;
mod world;
