//! The decisions of Surehold, tested without a database: tables of refusals in their order of
//! precedence, stories of the exam school's rules, and random histories against a tiny model.
//!
//! Tests named `a8_NN_…` and `b3_N_…` pin a defect of the originals (`reference/exam-app.md`, A8; `trips-app.md`, B3).

mod bookings;
mod cancelling;
mod contacts;
mod credit_history;
mod database;
mod histories;
mod imported_bookings;
mod keys;
mod marketplace;
mod model;
mod moving;
mod notes;
mod precedence;
mod requests;
mod sessions;
mod trip_laws;
mod trips;
mod world;
