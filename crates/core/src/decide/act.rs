//! What every decision does alike: read rows or refuse, journal, remember the answer under its key.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::command::{Key, Request};
use crate::decide::{Fresh, Stop};
use crate::ledger::Ledger;
use crate::outcome::{Answer, Outcome};
use crate::refusal::Refusal;
use crate::rows::{
    Booking, BookingStatus, Contact, CreditEntry, CreditKind, Entity, EntryReason, IdempotencyRecord, JournalRow,
    Offering, Remembered, Slot,
};

/// The event of a journal row that records an answer, but no change.
const UNCHANGED: &str = "request.unchanged";

/// One command being decided.
pub(crate) struct Act<'a> {
    pub ledger: &'a mut Ledger,
    pub request: &'a Request,
    pub now: Timestamp,
    fingerprint: [u8; 32],
    fresh_id: &'a mut dyn FnMut() -> Uuid,
    rows: Vec<JournalRow>,
}

impl<'a> Act<'a> {
    pub fn new(
        ledger: &'a mut Ledger,
        request: &'a Request,
        fingerprint: [u8; 32],
        fresh: &'a mut Fresh<'_>,
    ) -> Act<'a> {
        Act { ledger, request, now: fresh.now, fingerprint, fresh_id: &mut *fresh.id, rows: Vec::with_capacity(1) }
    }

    pub fn fresh_id(&mut self) -> Uuid {
        (self.fresh_id)()
    }

    pub fn slot(&self, id: Uuid) -> Result<Slot, Refusal> {
        self.ledger.slot(id).cloned().ok_or(Refusal::SlotNotFound)
    }

    pub fn offering(&self, id: Uuid) -> Result<Arc<Offering>, Refusal> {
        self.ledger.offering(id).cloned().ok_or(Refusal::OfferingNotFound)
    }

    pub fn contact(&self, id: Uuid) -> Result<Contact, Refusal> {
        self.ledger.contact(id).cloned().ok_or(Refusal::ContactNotFound)
    }

    /// A booking whose slot and contact are locked.
    pub fn booking(&self, id: Uuid) -> Result<Booking, Stop> {
        let booking = self.ledger.booking(id).ok_or(Refusal::BookingNotFound)?;
        if self.ledger.slot(booking.slot_id).is_none() || self.ledger.contact(booking.contact_id).is_none() {
            return Err(Stop::ResolveAgain);
        }
        Ok(booking.clone())
    }

    /// Gives the seats of a live booking back to its slot.
    pub fn give_seats_back(&mut self, booking: &Booking) {
        if booking.status.is_taken() {
            self.ledger.take_seats(booking.slot_id, -booking.guests);
        } else {
            self.ledger.hold_seats(booking.slot_id, -booking.guests);
        }
    }

    /// Gives the credit of a booking back, as `kind`, and marks the booking. Returns the new balance.
    pub fn return_credit(&mut self, booking: &mut Booking, kind: CreditKind) -> i64 {
        booking.credit_returned_at = Some(self.now);
        booking.returned_kind = Some(kind.clone());
        self.enter_credit(booking.contact_id, kind, i64::from(booking.guests), EntryReason::Return, Some(booking.id))
    }

    pub fn enter_credit(
        &mut self,
        contact_id: Uuid,
        kind: CreditKind,
        delta: i64,
        reason: EntryReason,
        booking_id: Option<Uuid>,
    ) -> i64 {
        let id = self.fresh_id();
        self.ledger.enter_credit(CreditEntry {
            id,
            contact_id,
            kind,
            delta,
            balance: 0, // set by the ledger
            reason,
            booking_id,
        })
    }

    /// Replaces a booking by its changed self: a new version, with its journal row.
    pub fn change_booking(&mut self, event: &'static str, before: &Booking, after: &mut Booking) {
        self.change_booking_because(event, before, after, None);
    }

    /// The same, with the reason that the caller gave.
    pub fn change_booking_because(
        &mut self,
        event: &'static str,
        before: &Booking,
        after: &mut Booking,
        reason: Option<&str>,
    ) {
        after.version = before.version + 1;
        self.journal_booking(event, Some(before), after, reason);
        self.ledger.edit_booking(after.clone());
    }

    /// Adds a new booking, with its journal row.
    pub fn make_booking(&mut self, event: &'static str, booking: Booking) {
        self.journal_booking(event, None, &booking, None);
        self.ledger.insert_booking(booking);
    }

    fn journal_booking(
        &mut self,
        event: &'static str,
        before: Option<&Booking>,
        after: &Booking,
        reason: Option<&str>,
    ) {
        let before = before.map(|booking| text(&BookingFacts::of(booking, None)));
        self.journal(event, Entity::Booking, after.id, before, Some(text(&BookingFacts::of(after, reason))));
    }

    /// Adds a journal row about a slot, with what an operator may change before and after.
    pub fn journal_slot(&mut self, event: &'static str, before: Option<&Slot>, after: &Slot, reason: Option<&str>) {
        let before = before.map(|slot| text(&slot_facts(slot, None)));
        self.journal(event, Entity::Slot, after.id, before, Some(text(&slot_facts(after, reason))));
    }

    /// Adds a journal row; its id.
    pub fn journal(
        &mut self,
        event: &'static str,
        entity: Entity,
        entity_id: Uuid,
        before: Option<String>,
        after: Option<String>,
    ) -> Uuid {
        let id = self.fresh_id();
        self.rows.push(JournalRow {
            id,
            command_id: self.request.command_id,
            principal: self.request.principal.clone(),
            on_behalf_of: self.request.on_behalf_of.clone(),
            stripe_event_id: self.request.stripe_event.as_ref().map(|event| event.id.clone()),
            event,
            entity,
            entity_id,
            before,
            after,
            idempotency: None,
        });
        id
    }

    /// The command had effects: its journal rows are written, and its answer is remembered.
    pub fn done(&mut self, answer: Answer, booking_status: Option<BookingStatus>) -> Result<Outcome, Stop> {
        self.done_as(self.request.key.text().to_owned(), answer, booking_status)
    }

    /// Nothing was to be changed. If the caller gave a key, the answer is remembered all the same: the
    /// repeat of a request that changed nothing must not change something later.
    pub fn unchanged(
        &mut self,
        entity: Entity,
        entity_id: Uuid,
        answer: Answer,
        booking_status: Option<BookingStatus>,
    ) -> Result<Outcome, Stop> {
        match &self.request.key {
            Key::Made(_) => Ok(Outcome { answer, replayed: false, booking_status }),
            Key::Given(_) => {
                self.journal(UNCHANGED, entity, entity_id, None, None);
                self.done(answer, booking_status)
            }
        }
    }

    /// The same as [`Act::done`], under a key that the decision derived.
    pub fn done_as(
        &mut self,
        key: String,
        answer: Answer,
        booking_status: Option<BookingStatus>,
    ) -> Result<Outcome, Stop> {
        let mut rows = std::mem::take(&mut self.rows);
        let first = rows.first_mut().expect("every change has its journal row");
        first.idempotency =
            Some(IdempotencyRecord { key: key.clone(), fingerprint: self.fingerprint, answer: text(&answer) });
        self.ledger.journal(rows);
        if let Some(event) = &self.request.stripe_event {
            self.ledger.keep_stripe_event(event.clone());
        }
        self.ledger.load_remembered(
            self.request.principal.clone(),
            key,
            Remembered {
                command_id: self.request.command_id,
                fingerprint: self.fingerprint,
                answer: answer.clone(),
                booking_status,
            },
        );
        Ok(Outcome { answer, replayed: false, booking_status })
    }
}

/// JSON of a value that is always JSON.
pub(crate) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data is always JSON")
}

/// What the journal says of a booking.
#[derive(Serialize)]
struct BookingFacts<'b> {
    code: &'b str,
    status: BookingStatus,
    contact_id: Uuid,
    slot_id: Uuid,
    guests: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_used: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attendance: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_by: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    returned_kind: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded_by: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'b str>,
    version: i64,
}

impl<'b> BookingFacts<'b> {
    fn of(booking: &'b Booking, reason: Option<&'b str>) -> BookingFacts<'b> {
        BookingFacts {
            code: &booking.code,
            status: booking.status,
            contact_id: booking.contact_id,
            slot_id: booking.slot_id,
            guests: booking.guests,
            token_used: booking.token_used.as_deref(),
            attendance: booking.attendance.map(|a| a.as_str()),
            cancelled_by: booking.cancelled_by.as_deref(),
            returned_kind: booking.returned_kind.as_deref(),
            refunded_by: booking.refunded_by.as_deref(),
            payment_id: booking.purchase.map(|purchase| purchase.payment_id),
            price_minor: booking.purchase.map(|purchase| purchase.price_minor),
            expires_at: booking.expires_at,
            reason,
            version: booking.version,
        }
    }
}

fn slot_facts(slot: &Slot, reason: Option<&str>) -> serde_json::Value {
    json!({
        "name": slot.name, "starts_at": slot.starts_at, "ends_at": slot.ends_at, "time_zone": slot.time_zone,
        "location": slot.location, "mock_set": slot.mock_set, "capacity": slot.capacity, "taken": slot.taken,
        "held": slot.held, "withheld": slot.withheld, "status": slot.status, "activates_at": slot.activates_at,
        "is_blocked": slot.is_blocked, "blocked_reason": slot.blocked_reason, "prerequisites": slot.prerequisites,
        "price_minor": slot.price_minor, "reason": reason,
    })
}
