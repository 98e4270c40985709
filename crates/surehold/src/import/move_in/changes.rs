//! A booking that was brought over before: what changed of it there since.
//!
//! Compared are what it is there now, what the last import saw (the journal says it: an import's own changes are what it
//! saw), and what is here. Only what changed *there* is changed here, so an import never undoes what was done here.
//!
//! A credit that came back there is in the contact's balance there, and comes with it. So before a booking is cancelled
//! here and gives its credit back, that credit is taken out again: under a key, so that a repeat takes it once. If it has
//! been spent here meanwhile, it does not come back a second time.

use std::collections::BTreeMap;

use serde_json::Value;
use surehold_core::Answer;
use surehold_core::command::{AdjustCredits, Cancel, Command, ImportBooking, MarkAttendance, Move};
use surehold_core::rows::{Attendance, BookingStatus, CreditKind, EntryReason};
use uuid::Uuid;

use crate::import::importer::{Done, Importer, RowResult, Stop};
use crate::import::table::Problem;
use crate::store::import_rows::link;
use crate::store::move_in::KnownBooking;

/// What is to be done about a booking.
pub struct Change {
    booking_id: Uuid,
    /// What people know it as.
    pub code: String,
    contact_id: Uuid,
    /// HubSpot has a record of it by now.
    link: Option<String>,
    /// What changes it, one after the other.
    pub commands: Vec<Command>,
    /// The credits that came back there, when it was cancelled.
    returned: Option<(CreditKind, i64)>,
    /// What somebody may want to know.
    pub notes: Vec<Problem>,
}

/// A booking as it is there.
pub struct There {
    /// Of which slot.
    pub slot_id: Uuid,
    /// Where it stands.
    pub status: BookingStatus,
    /// What HubSpot knows it as.
    pub hubspot_id: Option<String>,
    /// Its credit came back, and is in the contact's balance already.
    pub credit_returned: bool,
}

impl From<&ImportBooking> for There {
    fn from(booking: &ImportBooking) -> There {
        There {
            slot_id: booking.slot_id,
            status: booking.status,
            hubspot_id: booking.hubspot_id.clone(),
            credit_returned: booking.credit_returned.is_some(),
        }
    }
}

impl Change {
    /// Compares a booking with itself.
    pub fn of(known: &KnownBooking, there: &There) -> Change {
        let here = &known.booking;
        let mut change = Change {
            booking_id: here.id,
            code: here.code.clone(),
            contact_id: here.contact_id,
            link: there.hubspot_id.clone().filter(|_| known.hubspot_id.is_none()),
            commands: Vec::new(),
            returned: None,
            notes: Vec::new(),
        };
        // Not brought over by an import: what is here counts.
        let Some(seen) = &known.seen else { return change };
        let text = |name: &str| seen.get(name).and_then(Value::as_str).unwrap_or_default();
        let seen_slot: Option<Uuid> = text("slot_id").parse().ok();
        let is_moved = seen_slot != Some(there.slot_id) && here.slot_id != there.slot_id;
        if is_moved && there.status.is_live() && here.status == BookingStatus::Confirmed {
            change.commands.push(Command::Move(Move { booking_id: here.id, to_slot_id: there.slot_id }));
        }
        if text("status") == there.status.as_str() || here.status == there.status {
            return change;
        }
        match (here.status.is_live(), there.status) {
            (true, BookingStatus::Cancelled) => {
                let came_back = there.credit_returned && here.credit_returned_at.is_none();
                change.returned = here.credit_kind.clone().filter(|_| came_back).map(|k| (k, i64::from(here.guests)));
                change.commands.push(cancel(here.id, change.returned.is_some()));
            }
            (true, status) => {
                let attendance = match status {
                    BookingStatus::Completed => Some(Attendance::Yes),
                    BookingStatus::NoShow => Some(Attendance::No),
                    _ => None,
                };
                change.commands.push(Command::MarkAttendance(MarkAttendance { booking_id: here.id, attendance }));
            }
            (false, _) => {
                let reason = format!("is {} there by now, but was cancelled here: it stays so", there.status);
                change.notes.push(Problem { column: "is_active", value: String::new(), reason });
            }
        }
        change
    }
}

fn cancel(booking_id: Uuid, return_credit: bool) -> Command {
    let reason = Some("cancelled in the database that it was imported from".to_owned());
    Command::Cancel(Cancel { booking_id, by_student: false, return_credit, reason })
}

/// Does it.
pub async fn carry_out(importer: &Importer, change: &Change) -> RowResult {
    let done = if change.commands.is_empty() { Done::Unchanged } else { Done::Changed };
    if importer.dry_run {
        return Ok((done, change.notes.clone()));
    }
    if let Some(record) = &change.link {
        let client = importer.read().await?;
        // The mirror may have given it another meanwhile; that one counts.
        link(&client, importer.org.id, "booking", change.booking_id, record).await?;
    }
    for command in &change.commands {
        let command = match (command, &change.returned) {
            (Command::Cancel(_), Some((kind, credits))) => {
                cancel(change.booking_id, take_out(importer, change, kind, *credits).await?)
            }
            (command, _) => command.clone(),
        };
        if let Err(refusal) = importer.submit(command, None).await? {
            return Err(Stop::by_rule(&refusal));
        }
    }
    Ok((done, change.notes.clone()))
}

/// Takes credits that came back there out of the balance that came with them. Whether they were still there.
async fn take_out(importer: &Importer, change: &Change, kind: &CreditKind, credits: i64) -> Result<bool, Stop> {
    let command = Command::AdjustCredits(AdjustCredits {
        contact_id: change.contact_id,
        deltas: BTreeMap::from([(kind.clone(), -credits)]),
        reason: EntryReason::Import,
        stop_at_zero: true,
        note: Some(format!("import: comes back with the cancelled booking {}", change.booking_id)),
    });
    let key = format!("import:supabase:booking:{}:returned", change.booking_id);
    match importer.submit(command, Some(key)).await? {
        Ok(Answer::CreditsAdjusted(adjusted)) => Ok(adjusted.applied.get(kind) == Some(&-credits)),
        Ok(_) => Err(Stop::Again),
        Err(refusal) => Err(Stop::by_rule(&refusal)),
    }
}
