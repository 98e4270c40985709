//! `bookings` of trips: with their references, and the money that pays for them.

use std::collections::{HashMap, HashSet};

use surehold_core::command::{Command, ImportTripBooking};
use surehold_core::rows::{Attendance, Booking, BookingStatus};
use uuid::Uuid;

use super::facts::{BookingFacts, Finder};
use super::money::{Money, Paid};
use super::payments::State;
use super::step::{Step, by_rule, carry_out};
use crate::import::importer::Importer;
use crate::import::move_in::cells::{Cells, problem};
use crate::import::move_in::changes::{self, Change, There};
use crate::import::move_in::plan::Plan;
use crate::import::move_in::record::{Record, instant};
use crate::import::move_in::tables::TableReport;
use crate::import::table::{Lines, Problem};
use crate::import::values;
use crate::store::move_in::KnownBooking;

const REFERENCE: &str = "reference";
const REFERENCE_MAX: usize = 200;
const GUESTS_MAX: i64 = 1_000_000;

/// What bookings are about.
pub struct World<'a> {
    pub importer: &'a Importer,
    pub finder: &'a Finder<'a>,
    pub money: &'a Money,
    /// Whose each trip is, there.
    pub users: &'a HashMap<Uuid, Uuid>,
    /// Bookings that are here.
    pub here: &'a [KnownBooking],
}

/// A booking that can be brought over.
struct Wanted {
    booking: ImportTripBooking,
    notes: Vec<Problem>,
}

impl World<'_> {
    /// Brings the bookings over. Those that are here first: a seat that became free there is free before somebody
    /// takes it.
    pub async fn bring(&self, records: &[Record], plan: &mut Plan, into: &mut TableReport) -> anyhow::Result<()> {
        let known: HashMap<Uuid, &KnownBooking> = self.here.iter().map(|known| (known.booking.id, known)).collect();
        let (mut changes, mut imports) = (Vec::new(), Vec::new());
        for (line, wanted) in self.read_all(records, into) {
            match known.get(&wanted.booking.id) {
                Some(known) => changes.push((line, change(known, &wanted))),
                None => {
                    let name = wanted.booking.code.clone().unwrap_or_default();
                    let money = stranded(self.money.paid(wanted.booking.id));
                    let command = Command::ImportTripBooking(wanted.booking);
                    imports.push((line, Step::add(command, REFERENCE, name, wanted.notes).or(money)));
                }
            }
        }
        let changes = into.agreed(changes, |change: &Change| {
            let decided = change.commands.iter().try_for_each(|command| plan.decide(command.clone()));
            decided.map_err(|refusal| by_rule(REFERENCE, &change.code, &refusal))
        });
        let importer = self.importer;
        into.run(importer, changes, async |change: &Change| changes::carry_out(importer, change).await).await?;
        carry_out(importer, plan, imports, into).await
    }

    /// The bookings that can be understood; the others are in the report.
    fn read_all(&self, records: &[Record], into: &mut TableReport) -> Lines<Wanted> {
        let codes = self.here.iter().map(|known| (known.booking.code.clone(), known.booking.id));
        let mut codes: HashMap<String, Uuid> = codes.collect();
        let known: HashSet<Uuid> = self.here.iter().map(|known| known.booking.id).collect();
        let mut ids = HashSet::new();
        let mut left = self.money_left();
        let mut rows = Vec::new();
        for (line, record) in (1..).zip(records) {
            let mut wanted = match self.read(record) {
                Ok(wanted) if !ids.insert(wanted.booking.id) => {
                    let id = wanted.booking.id.to_string();
                    into.tally.refused += 1;
                    into.report.refuse(line, [problem("id", &id, "is the id of another booking, too")]);
                    continue;
                }
                Ok(wanted) => wanted,
                Err(problems) => {
                    into.tally.refused += 1;
                    into.report.refuse(line, problems);
                    continue;
                }
            };
            let booking = &mut wanted.booking;
            // People know a booking by it, so two cannot have one.
            let code = booking.code.take_if(|code| *codes.entry(code.clone()).or_insert(booking.id) != booking.id);
            wanted.notes.extend(code.map(|code| {
                problem(REFERENCE, &code, "is the reference of another booking, too: it comes with a new one")
            }));
            let is_new = !known.contains(&booking.id);
            if let Some(left) = booking.payment_id.filter(|_| is_new).and_then(|id| left.get_mut(&id)) {
                booking.price_minor = booking.price_minor.min(*left);
                *left -= booking.price_minor;
            }
            rows.push((line, wanted));
        }
        rows
    }

    /// What is left of payments that pay for bookings which are here.
    fn money_left(&self) -> HashMap<Uuid, i64> {
        let mut left: HashMap<Uuid, i64> = HashMap::new();
        for purchase in self.here.iter().filter_map(|known| known.booking.purchase) {
            if let Some(amount) = self.money.amount(purchase.payment_id) {
                *left.entry(purchase.payment_id).or_insert(amount) -= purchase.price_minor;
            }
        }
        left
    }

    fn read(&self, record: &Record) -> Result<Wanted, Vec<Problem>> {
        let facts = self.finder.facts(record);
        let facts = facts.ok_or_else(|| vec![problem("id", &record.text(&["id"]), "is missing, or not a UUID")])?;
        let paid = self.money.paid(facts.id);
        let mut cells = Cells::of(record);
        let trip = cells.value("trip_id", &["trip_id"], |text| {
            let trip_id = values::id(text)?.ok_or_else(|| "is missing".to_owned())?;
            let user = self.users.get(&trip_id).copied();
            user.map(|user| (trip_id, user)).ok_or_else(|| "is no trip of a user that could be taken".to_owned())
        });
        let slot_id = slot(&facts, &mut cells);
        let guests = guests(&facts, &mut cells);
        let code = cells.value(REFERENCE, &[REFERENCE], |text| values::text(text, REFERENCE_MAX));
        let created_at = cells.or_left_out("booked_at", instant).or_else(|| cells.or_left_out("created_at", instant));
        let changed_at = cells.or_left_out("refunded_at", instant).or_else(|| cells.or_left_out("updated_at", instant));
        let (status, attendance) = status(&mut cells, paid);
        let Cells { mut problems, mut notes, .. } = cells;
        if !problems.is_empty()
            && let Some(reason) = stranded(paid)
        {
            problems.push(problem("payment_id", &record.text(&["payment_id"]), &reason));
        }
        let booking = (|| {
            let ((trip_id, contact_id), status) = (trip?, status?);
            // An attempt that failed pays for nothing that took place.
            let paid = paid.filter(|paid| paid.state.has_money() || status == BookingStatus::Cancelled);
            Some(ImportTripBooking {
                id: facts.id,
                contact_id,
                trip_id,
                slot_id: slot_id?,
                payment_id: paid.map(|paid| paid.payment_id),
                price_minor: paid.map_or(facts.price_minor.unwrap_or(0), |paid| paid.share_minor),
                guests: guests?,
                status,
                code: code.filter(|code| !code.is_empty()),
                attendance,
                created_at,
                cancelled_at: changed_at.filter(|_| status == BookingStatus::Cancelled),
            })
        })();
        let booking = booking.filter(|_| problems.is_empty()).ok_or(problems)?;
        notes.extend(without_money(&booking));
        Ok(Wanted { booking, notes })
    }
}

fn slot(facts: &BookingFacts, cells: &mut Cells<'_>) -> Option<Uuid> {
    // The older way is to say it in the trip's item. Without one, somebody lost the slot.
    let lacks_it = cells.record.has("slot_id") && !facts.has_item;
    match (facts.slot_id, facts.named_slot.as_str()) {
        (Some(_), "") if lacks_it => {
            let reason = "is missing: the slot is that of its experience, date and time";
            cells.notes.push(problem("slot_id", "", reason));
        }
        (Some(_), _) => {}
        (None, "") => {
            let reason = "is missing, and there is no slot here of its experience, date and time";
            cells.problems.push(problem("slot_id", "", reason));
        }
        (None, named) => {
            let reason = "is no slot here: there is none, or it could not be taken";
            cells.problems.push(problem("slot_id", named, reason));
        }
    }
    facts.slot_id
}

fn guests(facts: &BookingFacts, cells: &mut Cells<'_>) -> Option<i32> {
    let parsed = match facts.guests.as_str() {
        "" => Err("is not known: neither the booking nor its item of the trip says it".to_owned()),
        text => values::whole(text, 1, GUESTS_MAX),
    };
    let guests = parsed.map_err(|reason| cells.problems.push(problem("guest_count", &facts.guests, &reason))).ok()?;
    i32::try_from(guests).ok()
}

/// Where it stands, and whether the traveller came. Money decides about what is pending, and about what was given back.
fn status(cells: &mut Cells<'_>, paid: Option<Paid>) -> (Option<BookingStatus>, Option<Attendance>) {
    let came = cells.or_left_out("check_in_status", |text| match text.to_lowercase().as_str() {
        "" | "pending" | "not_checked_in" => Ok(None),
        "yes" | "true" | "checked_in" => Ok(Some(Attendance::Yes)),
        "no" | "false" | "no_show" => Ok(Some(Attendance::No)),
        _ => Err("does not say whether the traveller came".to_owned()),
    });
    let state = paid.map(|paid| paid.state);
    let mut note = None;
    let written = cells.value("status", &["status"], |text| match text.to_lowercase().as_str() {
        "confirmed" if state == Some(State::PaidBack) => {
            note = Some("all of its money went back: it comes cancelled");
            Ok(BookingStatus::Cancelled)
        }
        "confirmed" => Ok(match came {
            Some(Attendance::Yes) => BookingStatus::Completed,
            Some(Attendance::No) => BookingStatus::NoShow,
            None => BookingStatus::Confirmed,
        }),
        "completed" | "checked_in" => Ok(BookingStatus::Completed),
        "no_show" => Ok(BookingStatus::NoShow),
        "cancelled" | "canceled" | "refunded" => Ok(BookingStatus::Cancelled),
        "pending" | "pending_payment" if state == Some(State::Paid) => {
            note = Some("its payment succeeded: it comes confirmed");
            Ok(BookingStatus::Confirmed)
        }
        "pending" | "pending_payment" | "payment_failed" => {
            Err("is no booking yet, or never came to be: no money came for it".to_owned())
        }
        "" => Err("is missing".to_owned()),
        _ => Err("is no status of a booking".to_owned()),
    });
    if let Some(reason) = note {
        cells.notes.push(problem("status", &cells.record.text(&["status"]), reason));
    }
    let attendance = match written {
        Some(BookingStatus::Completed) => Some(Attendance::Yes),
        Some(BookingStatus::NoShow) => Some(Attendance::No),
        _ => None,
    };
    (written, attendance)
}

/// What becomes of the money of a booking that is not taken.
fn stranded(paid: Option<Paid>) -> Option<String> {
    let paid = paid.filter(|paid| paid.state == State::Paid)?;
    Some(format!("its money is payment {}: give it back, or book another slot with it", paid.payment_id))
}

/// What somebody may want to know of a booking that nobody is known to have paid.
fn without_money(booking: &ImportTripBooking) -> Option<Problem> {
    let reason = match (booking.payment_id, booking.price_minor) {
        (Some(_), _) => return None,
        (None, 0) => "has no payment, and nobody knows its price: it comes as one that cost nothing, without its trip",
        (None, _) if booking.status == BookingStatus::Cancelled => return None,
        (None, _) => "has no payment with money: it brings along what it cost, which cannot go back by Stripe",
    };
    Some(problem("payment_id", "", reason))
}

fn change(known: &KnownBooking, wanted: &Wanted) -> Change {
    let there = &wanted.booking;
    let is_over = there.status == BookingStatus::Cancelled && known.booking.status == BookingStatus::Expired;
    let there = There {
        slot_id: there.slot_id,
        // What was cancelled without money is here as one that expired.
        status: if is_over { BookingStatus::Expired } else { there.status },
        hubspot_id: None,
        credit_returned: false,
    };
    let mut change = Change::of(known, &there);
    if known.booking.guests != wanted.booking.guests && known.booking.status.is_live() {
        let reason = format!("is otherwise there by now: {} stay here", known.booking.guests);
        change.notes.push(problem("guest_count", &wanted.booking.guests.to_string(), &reason));
    }
    change
}

/// Bookings that are here, by id.
pub fn by_id(here: &[KnownBooking]) -> HashMap<Uuid, &Booking> {
    here.iter().map(|known| (known.booking.id, &known.booking)).collect()
}
