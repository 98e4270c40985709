//! The committed rows between batches: loads what the store would load for a batch, writes what the
//! ledger says, and holds the constraints and laws of the real tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use surehold_core::command::Key;
use surehold_core::ledger::RowWrite;
use surehold_core::rows::*;
use surehold_core::{Ledger, Request};
use uuid::Uuid;

use crate::world::{offerings, org};

#[derive(Default)]
pub struct Database {
    pub slots: BTreeMap<Uuid, Slot>,
    pub contacts: BTreeMap<Uuid, Contact>,
    pub balances: BTreeMap<(Uuid, CreditKind), i64>,
    pub bookings: BTreeMap<Uuid, Booking>,
    pub entries: Vec<CreditEntry>,
    pub journal: Vec<JournalRow>,
}

impl Database {
    /// Locks and reads what these requests need, and no more.
    pub fn load(&self, requests: &[Request]) -> Ledger {
        let mut ledger = Ledger::new(org());
        for offering in offerings() {
            ledger.load_offering(Arc::new(offering));
        }
        let (mut slots, mut contacts, mut named) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for request in requests {
            let needs = request.command.needs();
            slots.extend(needs.slots);
            contacts.extend(needs.contacts);
            for booking in needs.bookings.iter().filter_map(|id| self.bookings.get(id)) {
                slots.insert(booking.slot_id);
                contacts.insert(booking.contact_id);
                named.insert(booking.id);
            }
            for wanted in needs.identities {
                let own = wanted.of_contact.and_then(|id| self.contacts.get(&id));
                let student_id = wanted.student_id.or(own.map(|c| c.student_id.clone()));
                let email = wanted.email.or(own.map(|c| c.email.clone()));
                let same =
                    |c: &&Contact| Some(&c.student_id) == student_id.as_ref() && Some(&c.email) == email.as_ref();
                for contact in self.contacts.values().filter(same) {
                    ledger.load_identity(contact.student_id.clone(), contact.email.clone(), contact.id);
                }
            }
            needs.slots_to_see.into_iter().filter(|id| self.slots.contains_key(id)).for_each(|id| {
                ledger.load_slot_seen(id);
            });
            for row in &self.journal {
                let Some(record) = &row.idempotency else { continue };
                let same_key = matches!(&request.key, Key::Given(key) if *key == record.key);
                if row.command_id == request.command_id || same_key && row.principal == request.principal {
                    ledger.load_remembered(row.principal.clone(), record.key.clone(), self.remembered(row, record));
                }
            }
        }
        for slot in slots.iter().filter_map(|id| self.slots.get(id)) {
            ledger.load_slot(slot.clone());
        }
        for contact in contacts.iter().filter_map(|id| self.contacts.get(id)) {
            ledger.load_contact(contact.clone());
        }
        for ((contact_id, kind), amount) in self.balances.iter().filter(|((id, _), _)| contacts.contains(id)) {
            ledger.load_balance(*contact_id, kind, *amount);
        }
        let wanted = |b: &Booking| {
            b.status.is_live()
                || slots.contains(&b.slot_id)
                || slots.contains(&b.booked_slot_id)
                || named.contains(&b.id)
        };
        for booking in self.bookings.values().filter(|b| contacts.contains(&b.contact_id) && wanted(b)) {
            ledger.load_booking(booking.clone());
        }
        ledger
    }

    fn remembered(&self, row: &JournalRow, record: &IdempotencyRecord) -> Remembered {
        Remembered {
            command_id: row.command_id,
            fingerprint: record.fingerprint,
            answer: serde_json::from_str(&record.answer).expect("an answer is read as it was written"),
            booking_status: self.bookings.get(&row.entity_id).map(|booking| booking.status),
        }
    }

    /// Writes what the ledger says has to be written: a row that it forgets is lost here, as it would be.
    pub fn commit(&mut self, ledger: &Ledger) {
        let writes = ledger.writes();
        for (id, write) in &writes.slots {
            let row = ledger.slot(*id).expect("a written slot").clone();
            match write {
                RowWrite::Insert => assert_eq!(self.slots.insert(*id, row), None),
                RowWrite::Update => drop(self.slots.insert(*id, row).expect("a row to update")),
                RowWrite::Seats => {
                    let old = self.slots.get_mut(id).expect("a row to update");
                    (old.taken, old.held, old.withheld, old.version) = (row.taken, row.held, row.withheld, row.version);
                    assert_eq!(*old, row, "more than the seats changed");
                }
            }
        }
        for (id, write) in &writes.contacts {
            let known = self.contacts.insert(*id, ledger.contact(*id).expect("a written contact").clone());
            assert_eq!(known.is_none(), *write == RowWrite::Insert);
            if *write == RowWrite::Insert {
                let balances = ledger.balances(*id).expect("a new contact's balances");
                self.balances.extend(balances.iter().map(|(kind, amount)| ((*id, kind.clone()), *amount)));
            }
        }
        for (contact_id, kind) in &writes.balances {
            let balance = self.balances.get_mut(&(*contact_id, kind.clone())).expect("a row to update");
            *balance = ledger.balance(*contact_id, kind);
        }
        for (id, write) in &writes.bookings {
            let known = self.bookings.insert(*id, ledger.booking(*id).expect("a written booking").clone());
            assert_eq!(known.is_none(), *write == RowWrite::Insert);
        }
        self.entries.extend(writes.entries.iter().cloned());
        self.journal.extend(writes.journal.iter().cloned());
        self.check_constraints();
        self.check_laws();
    }

    fn check_constraints(&self) {
        let rows = self.journal.iter();
        unique("journal key", rows.filter_map(|row| Some((&row.principal, &row.idempotency.as_ref()?.key))));
        let live = || self.bookings.values().filter(|b| b.status.is_live());
        unique("live booking per slot", live().map(|b| (b.contact_id, b.slot_id)));
        let dated = live().filter_map(|b| Some((b.contact_id, b.offering_id, b.exclusive_date?)));
        unique("live booking per day and type", dated);
        let returns = self.entries.iter().filter(|entry| entry.reason == EntryReason::Return);
        unique("return per booking", returns.map(|entry| entry.booking_id));
        unique("identity", self.contacts.values().map(|c| (&c.student_id, &c.email)));
        let ids = self.journal.iter().map(|row| row.id).chain(self.entries.iter().map(|entry| entry.id));
        unique("primary key", ids);
    }

    fn check_laws(&self) {
        for slot in self.slots.values() {
            assert!(
                slot.taken >= 0 && slot.held >= 0 && slot.withheld >= 0 && slot.available() >= 0,
                "law 1: {slot:?}"
            );
            let seats = |counts: fn(&Booking) -> bool| -> i32 {
                self.bookings.values().filter(|b| b.slot_id == slot.id && counts(b)).map(|b| b.guests).sum()
            };
            let taken = seats(|b| b.status.is_taken());
            let held = seats(|b| b.status.is_live() && !b.status.is_taken());
            assert_eq!((slot.taken, slot.held), (taken, held), "law 2: {slot:?}");
        }
        for ((contact_id, kind), balance) in &self.balances {
            let entries = || self.entries.iter().filter(|e| e.contact_id == *contact_id && e.kind == *kind);
            assert!(*balance >= 0, "law 3");
            assert_eq!(*balance, entries().map(|e| e.delta).sum::<i64>(), "law 3: {contact_id} {kind}");
            assert_eq!(*balance, entries().next_back().map_or(0, |e| e.balance), "the last entry names the balance");
        }
        for booking in self.bookings.values() {
            let rows = self
                .journal
                .iter()
                .filter(|row| row.entity_id == booking.id && row.event != "request.unchanged")
                .count();
            assert_eq!(i64::try_from(rows), Ok(booking.version), "law 5: {booking:?}");
        }
    }
}

fn unique<T: Ord + std::fmt::Debug>(what: &str, rows: impl Iterator<Item = T>) {
    let mut seen = BTreeSet::new();
    for row in rows {
        assert!(!seen.contains(&row), "a second {what}: {row:?}");
        seen.insert(row);
    }
}
