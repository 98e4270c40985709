//! Flight 2 of a transaction: write what was decided, and COMMIT. One round trip.
//!
//! COMMIT is sent without waiting for the statements before it, so every one of them must raise an
//! error when it cannot do its work (no `ON CONFLICT DO NOTHING`): a transaction with a failed
//! statement answers COMMIT with ROLLBACK, and without an error of its own. The driver does not show
//! that tag, so every statement's result is looked at; an acknowledged COMMIT after nothing but
//! successes is a commit.

use deadpool_postgres::Object;
use jiff::Timestamp;
use surehold_core::Ledger;
use surehold_core::ledger::RowWrite;
use surehold_core::rows::{Booking, Contact, CreditEntry, Entity, JournalRow, Offering, Slot};
use tokio_postgres::error::Severity;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

mod trips;

use super::StoreError;
use super::error::is_about_a_value;
use super::flight::{Flight, Params};
use super::load::Loaded;

/// The statements of flight 2, for the test that prepares each.
pub fn statements() -> Vec<&'static str> {
    [OWN.as_slice(), &trips::STATEMENTS].concat()
}

const OWN: [&str; 14] = [
    UPDATE_SEATS,
    UPDATE_SLOT,
    INSERT_SLOT,
    INSERT_CONTACT,
    UPDATE_CONTACT,
    INSERT_BALANCES,
    UPDATE_BALANCES,
    INSERT_BOOKINGS,
    UPDATE_BOOKINGS,
    INSERT_ENTRIES,
    INSERT_HUBSPOT_LINKS,
    INSERT_JOURNAL,
    INSERT_OFFERING,
    UPDATE_OFFERING,
];

/// How flight 2 ended, if not well.
#[derive(Debug)]
pub enum CommitError {
    /// A statement failed, so the transaction was rolled back.
    RolledBack(tokio_postgres::Error),
    /// The connection was lost before anything was sent.
    NotSent(StoreError),
    /// The connection was lost after COMMIT was sent: it may or may not have been committed.
    Unknown(tokio_postgres::Error),
}

/// Sends all writes of some ledgers and COMMIT, and waits for every answer.
pub async fn commit(client: &Object, decided: &[Loaded]) -> Result<(), CommitError> {
    let mut flight = Flight::default();
    push_writes(&mut flight, decided);
    let statements = flight.prepare(client).await.map_err(CommitError::NotSent)?;
    let results = flight.commit(client, &statements).await;

    let mut lost = None;
    for result in results {
        match result {
            Ok(()) => {}
            // PostgreSQL itself said no to a statement: what follows in the transaction is void.
            Err(error) if is_verdict(&error) => return Err(CommitError::RolledBack(error)),
            Err(error) => lost = lost.or(Some(error)),
        }
    }
    lost.map_or(Ok(()), |error| Err(CommitError::Unknown(error)))
}

/// Whether an error is PostgreSQL's verdict on a statement (ERROR), rather than the end of the session
/// (FATAL, PANIC, a broken connection), which leaves the outcome of COMMIT open.
fn is_verdict(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(db) => db.parsed_severity() == Some(Severity::Error),
        // A parameter that could not be encoded: that statement never left, and ROLLBACK followed.
        None => is_about_a_value(error),
    }
}

/// A row with the organisation that it belongs to.
type Of<'a, R> = (Uuid, &'a R);

/// Updates before inserts: a batch may cancel one booking and make another that it had excluded.
fn push_writes<'a>(flight: &mut Flight<'a>, decided: &'a [Loaded]) {
    let changed: Vec<&Loaded> = decided.iter().filter(|loaded| !loaded.ledger.writes().is_empty()).collect();
    let Some(now) = changed.first().map(|loaded| loaded.now) else { return };
    let slots = |kind: RowWrite| -> Vec<Of<'a, Slot>> {
        of_each(&changed, |ledger| {
            let wanted = ledger.writes().slots.iter().filter(move |(_, write)| **write == kind);
            wanted.filter_map(|(id, _)| ledger.slot(*id))
        })
    };
    for (org_id, ledger) in changed.iter().map(|loaded| (loaded.org_id, &loaded.ledger)) {
        for (id, write) in &ledger.writes().offerings {
            let offering = ledger.offering(*id).expect("a written offering is in the ledger");
            let sql = if *write == RowWrite::Insert { INSERT_OFFERING } else { UPDATE_OFFERING };
            flight.push(sql, offering_params(org_id, offering));
        }
    }
    let seats = slots(RowWrite::Seats);
    flight.push_if(!seats.is_empty(), UPDATE_SEATS, || seats_params(&seats, now));
    for (org_id, slot) in slots(RowWrite::Update) {
        flight.push(UPDATE_SLOT, slot_params(org_id, slot, now));
    }
    for (org_id, slot) in slots(RowWrite::Insert) {
        flight.push(INSERT_SLOT, slot_params(org_id, slot, now));
    }

    let (mut new_balances, mut changed_balances) = (Balances::default(), Balances::default());
    for Loaded { org_id, ledger, .. } in &changed {
        let writes = ledger.writes();
        for (id, write) in &writes.contacts {
            let contact = ledger.contact(*id).expect("a written contact is in the ledger");
            let sql = match write {
                RowWrite::Insert => INSERT_CONTACT,
                _ => UPDATE_CONTACT,
            };
            flight.push(sql, contact_params(*org_id, contact, now));
            if *write == RowWrite::Insert {
                for (kind, amount) in ledger.balances(*id).into_iter().flatten() {
                    new_balances.add(*org_id, *id, kind, *amount);
                }
            }
        }
        for (contact_id, kind) in &writes.balances {
            changed_balances.add(*org_id, *contact_id, kind, ledger.balance(*contact_id, kind));
        }
    }
    new_balances.push(flight, INSERT_BALANCES);
    changed_balances.push(flight, UPDATE_BALANCES);
    trips::push_payments(flight, &changed, now);

    let bookings = |insert: bool, live: bool| -> Vec<Of<'a, Booking>> {
        of_each(&changed, |ledger| {
            let wanted =
                ledger.writes().bookings.iter().filter(move |(_, write)| (**write == RowWrite::Insert) == insert);
            wanted.filter_map(|(id, _)| ledger.booking(*id)).filter(move |booking| booking.status.is_live() == live)
        })
    };
    // Those that give a day up before those that take one: the day is unique.
    for (sql, rows) in [
        (UPDATE_BOOKINGS, bookings(false, false)),
        (UPDATE_BOOKINGS, bookings(false, true)),
        (INSERT_BOOKINGS, bookings(true, false)),
        (INSERT_BOOKINGS, bookings(true, true)),
    ] {
        flight.push_if(!rows.is_empty(), sql, || booking_params(&rows, now));
    }
    let entries = of_each(&changed, |ledger| ledger.writes().entries.iter());
    flight.push_if(!entries.is_empty(), INSERT_ENTRIES, || entry_params(&entries, now));
    trips::push_refunds(flight, &changed, now);
    // The journal before the links: of two attempts of one command the second then fails at its own key.
    flight.push(INSERT_JOURNAL, journal_params(of_each(&changed, |ledger| ledger.writes().journal.iter()), now));
    let links = of_each(&changed, |ledger| ledger.writes().hubspot_links.iter());
    flight.push_if(!links.is_empty(), INSERT_HUBSPOT_LINKS, || link_params(&links));
}

/// The rows of one sort, of all organisations.
fn of_each<'a, R: 'a, I: Iterator<Item = &'a R>>(
    changed: &[&'a Loaded],
    rows: impl Fn(&'a Ledger) -> I,
) -> Vec<Of<'a, R>> {
    changed.iter().flat_map(|loaded| rows(&loaded.ledger).map(|row| (loaded.org_id, row))).collect()
}

/// The organisations of some rows, as an array.
fn orgs<'a, R>(rows: &[Of<'a, R>]) -> Box<dyn ToSql + Sync + Send + 'a> {
    Box::new(rows.iter().map(|(org_id, _)| *org_id).collect::<Vec<Uuid>>())
}

/// One value of each row, as an array.
fn column<'a, R, T>(rows: &[Of<'a, R>], value: impl Fn(&'a R) -> T) -> Box<dyn ToSql + Sync + Send + 'a>
where
    T: ToSql + Sync + Send + 'a,
{
    Box::new(rows.iter().map(|(_, row)| value(row)).collect::<Vec<T>>())
}

/// Seats of slots that are locked: the update that stays on its page.
pub const UPDATE_SEATS: &str = "UPDATE slots AS s
    SET taken = u.taken, held = u.held, withheld = u.withheld, version = u.version, updated_at = $7
    FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::int4[], $5::int4[], $6::int8[])
        AS u(org_id, id, taken, held, withheld, version)
    WHERE s.org_id = u.org_id AND s.id = u.id";

fn seats_params<'a>(slots: &[Of<'a, Slot>], now: Timestamp) -> Params<'a> {
    vec![
        orgs(slots),
        column(slots, |s| s.id),
        column(slots, |s| s.taken),
        column(slots, |s| s.held),
        column(slots, |s| s.withheld),
        column(slots, |s| s.version),
        Box::new(now),
    ]
}

// What an experience has; the rules of exam types come with their organisation (provision.rs).
const INSERT_OFFERING: &str = "INSERT INTO offerings (org_id, id, name, family, price_minor, guests_max,
        booking_cutoff_minutes, free_cancel_minutes, late_refund_percent, is_active, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const UPDATE_OFFERING: &str = "UPDATE offerings SET name = $3, family = $4, price_minor = $5, guests_max = $6,
        booking_cutoff_minutes = $7, free_cancel_minutes = $8, late_refund_percent = $9, is_active = $10, version = $11
    WHERE org_id = $1 AND id = $2";

fn offering_params(org_id: Uuid, offering: &Offering) -> Params<'_> {
    vec![
        Box::new(org_id),
        Box::new(offering.id),
        Box::new(&offering.name),
        Box::new(offering.family.as_str()),
        Box::new(offering.price_minor),
        Box::new(offering.guests_max),
        Box::new(offering.booking_cutoff_minutes),
        Box::new(offering.free_cancel_minutes),
        Box::new(offering.late_refund_percent),
        Box::new(offering.is_active),
        Box::new(offering.version),
    ]
}

const UPDATE_SLOT: &str = "UPDATE slots SET offering_id = $3, name = $4, starts_at = $5, ends_at = $6,
        local_date = $7, local_start = $8, local_end = $9, time_zone = $10, location = $11, mock_set = $12,
        capacity = $13, taken = $14, held = $15, withheld = $16, status = $17, activates_at = $18,
        is_blocked = $19, blocked_reason = $20, prerequisites = $21, price_minor = $22, version = $23,
        edit_version = $24, updated_at = $25
    WHERE org_id = $1 AND id = $2";

const INSERT_SLOT: &str = "INSERT INTO slots (org_id, id, offering_id, name, starts_at, ends_at, local_date,
        local_start, local_end, time_zone, location, mock_set, capacity, taken, held, withheld, status, activates_at,
        is_blocked, blocked_reason, prerequisites, price_minor, version, edit_version, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
        $24, $25, $25)";

fn slot_params(org_id: Uuid, slot: &Slot, now: Timestamp) -> Params<'_> {
    vec![
        Box::new(org_id),
        Box::new(slot.id),
        Box::new(slot.offering_id),
        Box::new(&slot.name),
        Box::new(slot.starts_at),
        Box::new(slot.ends_at),
        Box::new(slot.local_date),
        Box::new(slot.local_start),
        Box::new(slot.local_end),
        Box::new(&slot.time_zone),
        Box::new(&slot.location),
        Box::new(&slot.mock_set),
        Box::new(slot.capacity),
        Box::new(slot.taken),
        Box::new(slot.held),
        Box::new(slot.withheld),
        Box::new(slot.status.as_str()),
        Box::new(slot.activates_at),
        Box::new(slot.is_blocked),
        Box::new(&slot.blocked_reason),
        Box::new(&slot.prerequisites),
        Box::new(slot.price_minor),
        Box::new(slot.version),
        Box::new(slot.edit_version),
        Box::new(now),
    ]
}

const INSERT_CONTACT: &str = "INSERT INTO contacts (org_id, id, student_id, email, first_name, last_name,
        ndecc_exam_date, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";

const UPDATE_CONTACT: &str = "UPDATE contacts SET student_id = $3, email = $4, first_name = $5, last_name = $6,
        ndecc_exam_date = $7, version = $8, updated_at = $9 WHERE org_id = $1 AND id = $2";

fn contact_params(org_id: Uuid, contact: &Contact, now: Timestamp) -> Params<'_> {
    vec![
        Box::new(org_id),
        Box::new(contact.id),
        Box::new(&contact.student_id),
        Box::new(&contact.email),
        Box::new(&contact.first_name),
        Box::new(&contact.last_name),
        Box::new(contact.ndecc_exam_date),
        Box::new(contact.version),
        Box::new(now),
    ]
}

const INSERT_BALANCES: &str = "INSERT INTO credit_balances (org_id, contact_id, kind, amount)
    SELECT u.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int8[]) AS u";

// The rows exist and are locked, so this always updates. It is an INSERT because that probes the full key
// for each row; a join with the lists may read a whole organisation on a table without statistics.
const UPDATE_BALANCES: &str = "INSERT INTO credit_balances AS b (org_id, contact_id, kind, amount)
    SELECT u.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int8[]) AS u
    ON CONFLICT (org_id, contact_id, kind) DO UPDATE SET amount = EXCLUDED.amount, version = b.version + 1";

#[derive(Default)]
struct Balances<'a> {
    orgs: Vec<Uuid>,
    contacts: Vec<Uuid>,
    kinds: Vec<&'a str>,
    amounts: Vec<i64>,
}

impl<'a> Balances<'a> {
    fn add(&mut self, org_id: Uuid, contact_id: Uuid, kind: &'a str, amount: i64) {
        self.orgs.push(org_id);
        self.contacts.push(contact_id);
        self.kinds.push(kind);
        self.amounts.push(amount);
    }

    fn push(self, flight: &mut Flight<'a>, sql: &'static str) {
        flight.push_if(!self.orgs.is_empty(), sql, || {
            vec![Box::new(self.orgs), Box::new(self.contacts), Box::new(self.kinds), Box::new(self.amounts)]
        });
    }
}

macro_rules! insert_bookings {
    () => {
        "INSERT INTO bookings (org_id, id, contact_id, slot_id, offering_id, booked_slot_id,
        status, guests, code, exclusive_date, paid_by, credit_kind, token_used, attending_location, dominant_hand,
        attendance, cancelled_at, cancelled_by, credit_returned_at, returned_kind, refunded_by, trip_id, payment_id,
        price_minor, expires_at, version, created_at, updated_at)
    SELECT u.*, $28 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[],
        $8::int4[], $9::text[], $10::date[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::timestamptz[], $18::text[], $19::timestamptz[], $20::text[], $21::text[], $22::uuid[],
        $23::uuid[], $24::int8[], $25::timestamptz[], $26::int8[], $27::timestamptz[]) AS u"
    };
}
const INSERT_BOOKINGS: &str = insert_bookings!();
// As with balances: the rows exist and are locked, so this always updates.
const UPDATE_BOOKINGS: &str = concat!(
    insert_bookings!(),
    " ON CONFLICT (org_id, id) DO UPDATE SET slot_id = EXCLUDED.slot_id, status = EXCLUDED.status,
        code = EXCLUDED.code, exclusive_date = EXCLUDED.exclusive_date, attendance = EXCLUDED.attendance,
        cancelled_at = EXCLUDED.cancelled_at, cancelled_by = EXCLUDED.cancelled_by,
        credit_returned_at = EXCLUDED.credit_returned_at, returned_kind = EXCLUDED.returned_kind,
        refunded_by = EXCLUDED.refunded_by, expires_at = EXCLUDED.expires_at, version = EXCLUDED.version, updated_at = EXCLUDED.updated_at"
);

fn booking_params<'a>(bookings: &[Of<'a, Booking>], now: Timestamp) -> Params<'a> {
    vec![
        orgs(bookings),
        column(bookings, |b| b.id),
        column(bookings, |b| b.contact_id),
        column(bookings, |b| b.slot_id),
        column(bookings, |b| b.offering_id),
        column(bookings, |b| b.booked_slot_id),
        column(bookings, |b| b.status.as_str()),
        column(bookings, |b| b.guests),
        column(bookings, |b| b.code.as_str()),
        column(bookings, |b| b.exclusive_date),
        column(bookings, |b| b.paid_by.as_str()),
        column(bookings, |b| b.credit_kind.as_deref()),
        column(bookings, |b| b.token_used.as_deref()),
        column(bookings, |b| b.attending_location.as_deref()),
        column(bookings, |b| b.dominant_hand.map(|hand| hand.as_str())),
        column(bookings, |b| b.attendance.map(|attendance| attendance.as_str())),
        column(bookings, |b| b.cancelled_at),
        column(bookings, |b| b.cancelled_by.as_deref()),
        column(bookings, |b| b.credit_returned_at),
        column(bookings, |b| b.returned_kind.as_deref()),
        column(bookings, |b| b.refunded_by.as_deref()),
        column(bookings, |b| b.purchase.map(|purchase| purchase.trip_id)),
        column(bookings, |b| b.purchase.map(|purchase| purchase.payment_id)),
        column(bookings, |b| b.purchase.map(|purchase| purchase.price_minor)),
        column(bookings, |b| b.expires_at),
        column(bookings, |b| b.version),
        column(bookings, |b| b.created_at),
        Box::new(now),
    ]
}

const INSERT_ENTRIES: &str = "INSERT INTO credit_entries (org_id, id, contact_id, kind, delta, balance, reason,
        booking_id, created_at)
    SELECT u.*, $9 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::int8[], $6::int8[], $7::text[],
        $8::uuid[]) AS u";

fn entry_params<'a>(entries: &[Of<'a, CreditEntry>], now: Timestamp) -> Params<'a> {
    vec![
        orgs(entries),
        column(entries, |e| e.id),
        column(entries, |e| e.contact_id),
        column(entries, |e| &*e.kind),
        column(entries, |e| e.delta),
        column(entries, |e| e.balance),
        column(entries, |e| e.reason.as_str()),
        column(entries, |e| e.booking_id),
        Box::new(now),
    ]
}

const INSERT_HUBSPOT_LINKS: &str = "INSERT INTO hubspot_links (org_id, entity, entity_id, hubspot_id)
    SELECT u.* FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[]) AS u";

fn link_params<'a>(links: &[Of<'a, (Entity, Uuid, String)>]) -> Params<'a> {
    vec![
        orgs(links),
        column(links, |(entity, _, _)| entity.as_str()),
        column(links, |(_, id, _)| *id),
        column(links, |(_, _, hubspot_id)| hubspot_id.as_str()),
    ]
}

const INSERT_JOURNAL: &str = "INSERT INTO journal (org_id, id, command_id, principal, on_behalf_of, event, entity,
        entity_id, before, after, key, fingerprint, answer, stripe_event_id, at)
    SELECT u.org_id, u.id, u.command_id, u.principal, u.on_behalf_of, u.event, u.entity, u.entity_id, u.before::json,
        u.after::json, u.key, u.fingerprint, u.answer::json, u.stripe_event_id, $15
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[],
        $9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::text[]) AS u(org_id, id, command_id,
        principal, on_behalf_of, event, entity, entity_id, before, after, key, fingerprint, answer, stripe_event_id)";

fn journal_params<'a>(mut rows: Vec<Of<'a, JournalRow>>, now: Timestamp) -> Params<'a> {
    // Two batches that use some of the same keys insert them in one order, so neither waits for the other
    // while it is waited for.
    rows.sort_by_key(|(org_id, row)| (*org_id, row.idempotency.as_ref().map(|record| record.key.as_str())));
    vec![
        orgs(&rows),
        column(&rows, |r| r.id),
        column(&rows, |r| r.command_id),
        column(&rows, |r| &*r.principal),
        column(&rows, |r| r.on_behalf_of.as_deref()),
        column(&rows, |r| r.event),
        column(&rows, |r| r.entity.as_str()),
        column(&rows, |r| r.entity_id),
        column(&rows, |r| r.before.as_deref()),
        column(&rows, |r| r.after.as_deref()),
        column(&rows, |r| r.idempotency.as_ref().map(|record| record.key.as_str())),
        column(&rows, |r| r.idempotency.as_ref().map(|record| record.fingerprint.as_slice())),
        column(&rows, |r| r.idempotency.as_ref().map(|record| record.answer.as_str())),
        column(&rows, |r| r.stripe_event_id.as_deref()),
        Box::new(now),
    ]
}
