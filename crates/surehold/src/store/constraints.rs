//! What a violated constraint means. Decisions check every rule on locked rows first, so most
//! violations are bugs; a few can be caused by a race on rows that no lock covers yet.

use tokio_postgres::error::{Severity, SqlState};

use super::error::is_about_a_value;

/// What to do about a failed statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Another transaction got in between (a deadlock, or a unique key that we could not see yet): the
    /// same commands, decided again, will see its rows.
    RunAgain,
    /// A row stayed locked by somebody else for longer than `lock_timeout`.
    LockTimeout,
    /// The same, and it was a contact's row.
    ContactLocked,
    /// The HubSpot id belongs to another row.
    HubspotIdTaken,
    /// A bug, a damaged database or a full disk: the command at fault must not take others with it.
    Isolate,
    /// The server cannot write at all: its disk is full, it takes no more connections, it is read-only.
    Unavailable,
    /// The connection or the server went away.
    ConnectionLost,
}

/// Classifies the error of a statement.
pub fn classify(error: &tokio_postgres::Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        return if is_about_a_value(error) { Failure::Isolate } else { Failure::ConnectionLost };
    };
    // FATAL and PANIC end the session, whatever their code.
    if db.parsed_severity() != Some(Severity::Error) {
        return Failure::ConnectionLost;
    }
    match db.code() {
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => Failure::RunAgain,
        &SqlState::LOCK_NOT_AVAILABLE => Failure::LockTimeout,
        &SqlState::UNIQUE_VIOLATION => match db.constraint() {
            // The same key in two batches at once; a contact added twice at once; a booking made by a
            // transaction that we waited for.
            // What an import brings with its id, brought twice at once.
            // A traveller or a trip put on the books twice at once; a reference that another booking has; money
            // recorded twice at once; an event that two servers received.
            Some(
                "journal_key"
                | "contacts_identity"
                | "bookings_one_per_day"
                | "credit_entries_one_return"
                | "contacts_pkey"
                | "slots_pkey"
                | "bookings_pkey"
                | "trips_pkey"
                | "payments_pkey"
                | "offerings_pkey"
                | "payments_one_live"
                | "payments_reference"
                | "bookings_reference"
                | "offerings_name_unique"
                | "stripe_events_pkey",
            ) => Failure::RunAgain,
            Some("hubspot_links_hubspot_id") => Failure::HubspotIdTaken,
            _ => Failure::Isolate,
        },
        &SqlState::READ_ONLY_SQL_TRANSACTION => Failure::Unavailable,
        code if code.code().starts_with("53") => Failure::Unavailable,
        _ => Failure::Isolate,
    }
}
