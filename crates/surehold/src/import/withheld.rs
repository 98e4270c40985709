//! "Total Bookings": seats that the file says are booked and that we have no booking for are withheld.
//!
//! The file's number counts as its difference from the last import's. When it grew, the seats that are not
//! yet covered by our bookings and withheld seats are withheld, at most as many as it grew by; when it
//! shrank, as many of the seats that imports withheld come back, at most those that our bookings and withheld
//! seats cover beyond it. An unchanged number changes nothing: our own new bookings say nothing of those
//! elsewhere.
//!
//! So an export of what the mirror wrote changes nothing here, whether our bookings became more or fewer since
//! the last one: it counts just what is covered. Only an export that is older than a cancellation here counts a
//! booking too many, and withholds a seat for it. That is the safe side: the report says so, and an operator can
//! release it.

use surehold_core::command::{Command, Withhold};
use surehold_core::{Answer, Refusal};
use uuid::Uuid;

use super::importer::{Importer, Stop};
use super::sessions::{SeenSession, TOTAL_BOOKINGS};
use super::table::Problem;
use crate::store::import_rows::{KnownSession, Seats, effect_of};

/// What imports have done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Bookings by the file's last count.
    pub total: i32,
    /// Seats that imports withheld and have not released.
    pub withheld: i32,
}

impl Before {
    pub fn of(session: &KnownSession, seen: Option<&SeenSession>) -> Before {
        match (seen, session.opened_withheld) {
            (Some(seen), _) => Before { total: seen.total_bookings, withheld: seen.withheld },
            // Opened by an import that was stopped before it could remember it.
            (None, Some(withheld)) => Before { total: withheld, withheld },
            (None, None) => Before { total: 0, withheld: 0 },
        }
    }
}

/// What to do about the seats of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Seats to withhold; negative: to release.
    pub seats: i32,
    /// Bookings of the file that find no seat.
    pub short: i32,
    /// Bookings by the file's count, to be remembered.
    pub total: i32,
    /// Seats that imports have withheld then, to be remembered.
    pub withheld: i32,
}

/// Decides it. `total` is `None` where the file has no such column.
pub fn plan(total: Option<i32>, before: Before, seats_now: Seats, capacity: i32) -> Plan {
    let total = total.unwrap_or(before.total);
    let grown = total.saturating_sub(before.total);
    let (mut seats, mut short) = (0, 0);
    let covered = seats_now.booked + seats_now.withheld;
    if grown > 0 {
        let wanted = total.saturating_sub(covered).clamp(0, grown);
        seats = wanted.min((capacity - covered).max(0));
        short = wanted - seats;
    } else if grown < 0 {
        // What is only held is no booking yet, in no file either.
        let beyond = (covered - seats_now.held - total).max(0);
        let back = grown.saturating_neg().min(before.withheld).min(seats_now.withheld).min(beyond).max(0);
        seats = -back;
    }
    Plan { seats, short, total, withheld: before.withheld + seats }
}

impl Plan {
    /// What the report says of it.
    pub fn note(&self) -> Option<Problem> {
        if self.seats < 0 {
            let seats = -self.seats;
            return Some(problem(
                self.total,
                format!("fewer bookings than before: {seats} withheld seats are on sale again"),
            ));
        }
        note(self.total, self.seats, self.short)
    }
}

/// What the report says of seats that are withheld for bookings that are not here.
pub fn note(total: i32, seats: i32, short: i32) -> Option<Problem> {
    match (seats, short) {
        (0, 0) => None,
        (_, 0) => Some(problem(total, format!("bookings that are not here: {seats} seats withheld"))),
        _ => {
            let reason =
                format!("bookings that are not here: {seats} seats withheld, and {short} bookings have no seat left");
            Some(problem(total, reason))
        }
    }
}

fn problem(total: i32, reason: String) -> Problem {
    Problem { column: TOTAL_BOOKINGS, value: total.to_string(), reason }
}

/// What an earlier, interrupted import has done under the same key.
pub struct DoneBefore {
    /// Seats that it withheld, or released.
    pub seats: i32,
    /// The total that it saw.
    pub total: i32,
}

const REASON: &str = "import: Total Bookings is ";

/// Withholds or releases. The inner error: an interrupted import has used this key already.
pub async fn carry_out(
    importer: &Importer,
    slot_id: Uuid,
    plan: &Plan,
    revision: i64,
) -> Result<Result<(), DoneBefore>, Stop> {
    let key = format!("import:sessions:{slot_id}:{}", revision + 1);
    let client = importer.read().await?;
    if let Some(effect) = effect_of(&client, importer.org.id, &key).await? {
        let number = |value: &serde_json::Value| value.get("withheld").and_then(serde_json::Value::as_i64);
        let total = effect.after.get("reason").and_then(|reason| reason.as_str()?.strip_prefix(REASON)?.parse().ok());
        let (Some(before), Some(after), Some(total)) = (number(&effect.before), number(&effect.after), total) else {
            return Err(Stop::Fatal(anyhow::anyhow!("unreadable journal row under {key}")));
        };
        let seats = i32::try_from(after - before).map_err(|error| Stop::Fatal(error.into()))?;
        return Ok(Err(DoneBefore { seats, total }));
    }
    drop(client);
    let reason = Some(format!("{REASON}{}", plan.total));
    let command = Command::Withhold(Withhold { slot_id, seats: plan.seats, reason, on_sale_only: false });
    match importer.submit(command, Some(key)).await? {
        Ok(Answer::SlotChanged(_)) => Ok(Ok(())),
        // Somebody booked, or released, meanwhile.
        Ok(_) | Err(Refusal::IdempotencyMismatch | Refusal::Full { .. } | Refusal::ReleaseExceedsWithheld { .. }) => {
            Err(Stop::Again)
        }
        Err(refusal) => Err(Stop::by_rule(&refusal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use jiff::civil::{date, time};
    use surehold_core::rows::SlotStatus;

    fn session(capacity: i32, booked: i32, withheld: i32) -> KnownSession {
        KnownSession {
            id: Uuid::nil(),
            offering_id: Uuid::nil(),
            name: String::new(),
            starts_at: Timestamp::UNIX_EPOCH,
            ends_at: Timestamp::UNIX_EPOCH,
            local_date: date(2027, 1, 9),
            local_start: time(9, 0, 0, 0),
            local_end: time(12, 0, 0, 0),
            time_zone: "UTC".to_owned(),
            location: None,
            mock_set: None,
            capacity,
            booked,
            held: 0,
            withheld,
            status: SlotStatus::Active,
            activates_at: None,
            price_minor: None,
            is_blocked: false,
            hubspot_id: None,
            seen: None,
            opened_withheld: None,
        }
    }

    /// (file's total, before: (total, withheld), session: (capacity, booked, withheld)) -> (seats, short)
    #[test]
    fn bookings_elsewhere_become_withheld_seats() {
        for (total, (seen, ours), (capacity, booked, withheld), expected) in [
            (5, (0, 0), (20, 0, 0), (5, 0)),
            // Unchanged in the file: our own two bookings say nothing of those elsewhere.
            (5, (5, 5), (20, 2, 5), (0, 0)),
            // Grown by our own two bookings, which the file counts by now.
            (7, (5, 5), (20, 2, 5), (0, 0)),
            // Grown by two of ours and one elsewhere.
            (8, (5, 5), (20, 2, 5), (1, 0)),
            // Never more than it grew by: an operator released seats on purpose.
            (6, (5, 5), (20, 0, 0), (1, 0)),
            // Fewer elsewhere.
            (3, (5, 5), (20, 0, 5), (-2, 0)),
            (0, (5, 5), (20, 0, 1), (-1, 0)),
            (0, (5, 0), (20, 5, 3), (0, 0)),
            // One of our three was cancelled: the five elsewhere are still there.
            (7, (8, 5), (20, 2, 5), (0, 0)),
            // The same, and one elsewhere.
            (6, (8, 5), (20, 2, 5), (-1, 0)),
            // More than there are seats.
            (30, (0, 0), (20, 15, 0), (5, 10)),
            (i32::MAX, (0, 0), (20, 20, 0), (0, i32::MAX - 20)),
        ] {
            let before = Before { total: seen, withheld: ours };
            let plan = plan(Some(total), before, session(capacity, booked, withheld).seats(), capacity);
            assert_eq!((plan.seats, plan.short), expected, "{total} {before:?} {booked} {withheld}");
            assert_eq!((plan.total, plan.withheld), (total, ours + plan.seats));
        }
    }

    #[test]
    fn who_only_holds_a_seat_frees_none() {
        let before = Before { total: 8, withheld: 5 };
        let held = KnownSession { held: 1, ..session(20, 3, 5) };
        assert_eq!(plan(Some(7), before, held.seats(), 20).seats, 0);
    }

    #[test]
    fn a_file_without_the_column_changes_nothing() {
        let before = Before { total: 5, withheld: 5 };
        let plan = plan(None, before, session(20, 0, 5).seats(), 20);
        assert_eq!(plan, Plan { seats: 0, short: 0, total: 5, withheld: 5 });
        assert!(plan.note().is_none());
    }

    #[test]
    fn an_interrupted_first_import_knows_what_it_withheld() {
        let opened = KnownSession { opened_withheld: Some(5), ..session(20, 1, 5) };
        assert_eq!(plan(Some(5), Before::of(&opened, None), opened.seats(), 20).seats, 0);
        // Put on the calendar by an operator.
        assert_eq!(plan(Some(5), Before::of(&session(20, 1, 0), None), session(20, 1, 0).seats(), 20).seats, 4);
    }
}
