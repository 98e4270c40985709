//! `hubspot_bookings`: bookings, with the credits that they cost.

use std::collections::{HashMap, HashSet};

use surehold_core::command::{Command, CreditReturned, ImportBooking};
use surehold_core::rows::{Attendance, BookingStatus, CreditKind};
use surehold_core::{Answer, Refusal};
use uuid::Uuid;

use super::calendar::Calendar;
use super::cells::{Cells, problem};
use super::changes::{self, Change, There};
use super::plan::Plan;
use super::record::{Record, day, instant};
use super::roll::Roll;
use super::tables::TableReport;
use crate::import::importer::{Done, Importer, RowResult, Stop};
use crate::import::table::{Lines, Problem};
use crate::import::values;
use crate::store::move_in::{Here, KnownBooking};

/// What of a booking without a credit is shown.
const OVERRIDE: &str = "Admin Override";
const KEY_LENGTH_MAX: usize = 255;

/// What bookings are about.
pub struct World<'a> {
    pub importer: &'a Importer,
    pub here: &'a Here,
    pub roll: &'a Roll,
    pub calendar: &'a Calendar,
}

/// A booking that can be brought over.
struct Wanted {
    booking: ImportBooking,
    /// Its own idempotency key, by which callers look for it.
    key: Option<String>,
    notes: Vec<Problem>,
}

impl Wanted {
    fn code(&self) -> &str {
        self.booking.code.as_deref().unwrap_or_default()
    }
}

impl World<'_> {
    /// Brings the bookings over; counts those that hold a seat there, by session.
    pub async fn bring(
        &self,
        records: &[Record],
        into: &mut TableReport,
        found: &mut HashMap<Uuid, i64>,
    ) -> anyhow::Result<()> {
        let wanted = self.read_all(records, into);
        for (_, wanted) in wanted.iter().filter(|(_, wanted)| wanted.booking.status.is_live()) {
            *found.entry(wanted.booking.slot_id).or_default() += 1;
        }
        let known: HashMap<Uuid, &KnownBooking> =
            self.here.bookings.iter().map(|known| (known.booking.id, known)).collect();
        let mut plan = Plan::of(self.importer, self.here, self.roll, self.calendar);
        let (mut changes, mut imports) = (Vec::new(), Vec::new());
        for (line, wanted) in wanted {
            match known.get(&wanted.booking.id) {
                Some(known) => changes.push((line, Change::of(known, &There::from(&wanted.booking)))),
                None => imports.push((line, wanted)),
            }
        }
        // A seat that became free there is free before somebody takes it.
        let changes = into.agreed(changes, |change| {
            let decided = change.commands.iter().try_for_each(|command| plan.decide(command.clone()));
            decided.map_err(|refusal| by_rule(&change.code, &refusal))
        });
        let imports = into.agreed(imports, |wanted| {
            let decided = plan.decide(Command::ImportBooking(wanted.booking.clone()));
            decided.map_err(|refusal| by_rule(wanted.code(), &refusal))
        });

        let importer = self.importer;
        let work = async |change: &Change| changes::carry_out(importer, change).await;
        into.run(importer, changes, work).await?;
        into.run(importer, imports, async |wanted: &Wanted| import(importer, wanted).await).await
    }

    /// The bookings that can be understood; the others are in the report.
    fn read_all(&self, records: &[Record], into: &mut TableReport) -> Lines<Wanted> {
        let linked = self.here.bookings.iter().filter_map(|known| Some((known.hubspot_id.clone()?, known.booking.id)));
        let mut links: HashMap<String, Uuid> = linked.collect();
        let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
        let mut rows = Vec::new();
        for (line, record) in (1..).zip(records) {
            let mut wanted = match self.read(record) {
                Ok(wanted) => wanted,
                Err(problems) => {
                    into.tally.refused += 1;
                    into.report.refuse(line, problems);
                    continue;
                }
            };
            let booking = &mut wanted.booking;
            if !ids.insert(booking.id) {
                into.tally.refused += 1;
                into.report.refuse(line, [problem("id", &booking.id.to_string(), "is the id of another booking, too")]);
                continue;
            }
            // A second record of the same booking would be worse than none for a while.
            if let Some(link) = &booking.hubspot_id
                && *links.entry(link.clone()).or_insert(booking.id) != booking.id
            {
                wanted.notes.push(problem("hubspot_id", link, "is the record of another booking, too; left out"));
                booking.hubspot_id = None;
            }
            wanted.key = wanted.key.filter(|key| keys.insert(key.clone()));
            rows.push((line, wanted));
        }
        rows
    }

    fn read(&self, record: &Record) -> Result<Wanted, Vec<Problem>> {
        let mut cells = Cells::of(record);
        let id = cells.value("id", &["id"], |text| values::id(text)?.ok_or_else(|| "is missing".to_owned()));
        let contact_id = self.contact(&mut cells);
        let slot_id = self.slot(&mut cells);
        let code = cells.value("booking_id", &["booking_id"], |text| values::text(text, 200));
        let hubspot_id = cells.value("hubspot_id", &["hubspot_id"], values::record_id);
        let (status, attendance) = status(&mut cells);
        let location = cells.value("attending_location", &["attending_location"], |text| values::text(text, 200));
        let token = cells.value("token_used", &["token_used"], |text| values::text(text, 200));
        let created_at = cells.value("created_at", &["created_at"], instant);
        let changed_at = cells.value("updated_at", &["updated_at"], instant);
        let refunded_at = cells.value("token_refunded_at", &["token_refunded_at"], instant);
        let dominant_hand = cells.or_left_out("dominant_hand", values::hand);
        let kind = self.kind(&mut cells, token.as_deref());
        let Cells { problems, mut notes, .. } = cells;
        let booking = (|| {
            let (status, changed_at, refunded_at) = (status?, changed_at?, refunded_at?);
            let is_cancelled = status == BookingStatus::Cancelled;
            let ended_at = refunded_at.or(changed_at);
            let returned = returned(record, status).map(|by| CreditReturned { at: ended_at, by });
            Some(ImportBooking {
                id: id?,
                contact_id: contact_id?,
                slot_id: slot_id?,
                guests: 1,
                status,
                code: code.filter(|code| !code.is_empty()),
                credit_returned: returned.filter(|_| kind.is_some()),
                credit_kind: kind,
                token_used: token.filter(|token| !token.is_empty()),
                attending_location: location.filter(|location| !location.is_empty()),
                dominant_hand,
                attendance,
                created_at: created_at?,
                cancelled_at: ended_at.filter(|_| is_cancelled),
                hubspot_id: hubspot_id?,
            })
        })();
        let booking = booking.filter(|_| problems.is_empty()).ok_or(problems)?;
        if booking.credit_returned.is_some() && booking.status == BookingStatus::Confirmed {
            let reason = "is set although the booking is active: its credit will not come back again";
            notes.push(problem("token_refunded", "true", reason));
        }
        Ok(Wanted { booking, key: own_key(record), notes })
    }

    fn contact(&self, cells: &mut Cells<'_>) -> Option<Uuid> {
        let text = |columns: &[&str]| cells.record.text(columns);
        let link = text(&["associated_contact_id", "contact_id"]);
        let found = self.roll.find(&link, &text(&["student_id"]), &text(&["student_email", "email"]));
        found.map_err(|problem| cells.problems.push(problem)).ok()
    }

    fn slot(&self, cells: &mut Cells<'_>) -> Option<Uuid> {
        let text = |columns: &[&str]| cells.record.text(columns);
        let offering = self.importer.catalogue.offering(&text(&["mock_type"])).map(|offering| offering.id);
        let date = values::date(day(&text(&["exam_date"]))).ok();
        let found = self.calendar.find_for(&text(&["associated_mock_exam", "mock_exam_id"]), offering, date);
        found.map_err(|problem| cells.problems.push(problem)).ok()
    }

    /// The kind of credit that paid.
    fn kind(&self, cells: &mut Cells<'_>, token: Option<&str>) -> Option<CreditKind> {
        let token = token?;
        let kind = self.importer.catalogue.credit_kind(token).cloned();
        if kind.is_none() && !token.eq_ignore_ascii_case(OVERRIDE) {
            let reason = "is no kind of credit here: it stays as a text, and no credit comes back for it";
            cells.notes.push(problem("token_used", token, reason));
        }
        kind
    }
}

/// Where it stands, and whether the contact came: who came or did not come no longer has an active booking.
fn status(cells: &mut Cells<'_>) -> (Option<BookingStatus>, Option<Attendance>) {
    let attendance = cells.or_left_out("attendance", |text| match text.to_lowercase().as_str() {
        "" => Ok(None),
        "yes" | "true" => Ok(Some(Attendance::Yes)),
        "no" | "false" => Ok(Some(Attendance::No)),
        _ => Err("is neither Yes nor No".to_owned()),
    });
    let attended = |otherwise| match attendance {
        Some(Attendance::No) => BookingStatus::NoShow,
        Some(Attendance::Yes) => BookingStatus::Completed,
        None => otherwise,
    };
    let parse = |text: &str| match text.to_lowercase().as_str() {
        "active" | "confirmed" | "true" => Ok(attended(BookingStatus::Confirmed)),
        "completed" => Ok(attended(BookingStatus::Completed)),
        "cancelled" | "canceled" => Ok(BookingStatus::Cancelled),
        "failed" => Err("is no booking: it never came to be".to_owned()),
        "" => Err("is missing".to_owned()),
        _ => Err("is neither Active, Cancelled nor Completed".to_owned()),
    };
    (cells.value("is_active", &["is_active", "booking_status"], parse), attendance)
}

/// Whether its credit came back, and by whom. A booking that is cancelled gave it back there, whether it says so or not;
/// if it did not, an operator can grant one, which is the lesser mistake than to give it back twice.
fn returned(record: &Record, status: BookingStatus) -> Option<Option<String>> {
    let says_so = matches!(record.text(&["token_refunded"]).to_lowercase().as_str(), "true" | "yes" | "1");
    let by = || Some(record.text(&["token_refund_admin"])).filter(|by| !by.is_empty());
    (says_so || status == BookingStatus::Cancelled).then(by)
}

/// Its idempotency key, if it can be one here. Keys that begin as ours do are ours.
fn own_key(record: &Record) -> Option<String> {
    let key = record.text(&["idempotency_key"]);
    let fits = (1..=KEY_LENGTH_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && !key.starts_with("import:")).then_some(key)
}

/// What a rule says of a booking, which people know by its code.
fn by_rule(code: &str, refusal: &Refusal) -> Problem {
    let reason = match refusal {
        Refusal::DuplicateBooking { code: other, .. } => format!("{refusal} ({}: {other})", refusal.code()),
        _ => format!("{refusal} ({})", refusal.code()),
    };
    problem("booking_id", code, &reason)
}

async fn import(importer: &Importer, wanted: &Wanted) -> RowResult {
    if importer.dry_run {
        return Ok((Done::Added, wanted.notes.clone()));
    }
    let command = || Command::ImportBooking(wanted.booking.clone());
    let own = || format!("import:supabase:booking:{}", wanted.booking.id);
    let answer = match &wanted.key {
        None => importer.submit(command(), Some(own())).await?,
        Some(key) => match importer.submit(command(), Some(key.clone())).await? {
            // Another booking was brought over under it.
            Err(Refusal::IdempotencyMismatch) => importer.submit(command(), Some(own())).await?,
            answer => answer,
        },
    };
    match answer {
        Ok(Answer::Booked(_)) => Ok((Done::Added, wanted.notes.clone())),
        Ok(_) => Err(Stop::Again),
        Err(refusal) => Err(Stop::Refused(by_rule(wanted.code(), &refusal))),
    }
}
