//! The loaded rows that a batch of commands is decided on, and the writes that come of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil;
use uuid::Uuid;

use crate::rows::{
    Balances, Booking, BookingStatus, Contact, CreditEntry, CreditKind, Entity, JournalRow, Offering, OrgRules,
    Payment, Refund, Remembered, Slot, SlotStatus, StripeEvent, Trip,
};

/// What is remembered under one key, by whose it is: each principal has keys of its own.
type ByPrincipal = Vec<(Arc<str>, Arc<Remembered>)>;

/// The rows of one organisation that a batch needs, as they are after the commands decided so far.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The organisation's settings.
    pub org: OrgRules,
    slots: HashMap<Uuid, Slot>,
    unlocked_slots: HashMap<Uuid, Slot>,
    offerings: HashMap<Uuid, Arc<Offering>>,
    contacts: HashMap<Uuid, Contact>,
    identities: HashMap<(String, String), Uuid>,
    balances: HashMap<Uuid, Balances>,
    bookings: HashMap<Uuid, Booking>,
    bookings_of: HashMap<Uuid, Vec<Uuid>>,
    paid_by: HashMap<Uuid, Vec<Uuid>>,
    trips: HashMap<Uuid, Trip>,
    payments: BTreeMap<Uuid, Payment>,
    refunds: BTreeMap<Uuid, Refund>,
    offering_names: HashMap<String, Uuid>,
    remembered: HashMap<String, ByPrincipal>,
    carried_out: HashMap<Uuid, Arc<Remembered>>,
    slots_seen: BTreeSet<Uuid>,
    writes: Writes,
}

/// How a row that was loaded or made has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowWrite {
    /// It is new.
    Insert,
    /// Only a slot's seats changed: the update that stays on its page.
    Seats,
    /// Any column may have changed.
    Update,
}

/// What has to be written, by row; the rows themselves are in the [`Ledger`].
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Writes {
    /// Slots, sorted by id.
    pub slots: BTreeMap<Uuid, RowWrite>,
    /// Contacts, sorted by id. A new contact's balances are new, too.
    pub contacts: BTreeMap<Uuid, RowWrite>,
    /// Balances of known contacts.
    pub balances: BTreeSet<(Uuid, CreditKind)>,
    /// Bookings, sorted by id.
    pub bookings: BTreeMap<Uuid, RowWrite>,
    /// Credit entries to add.
    pub entries: Vec<CreditEntry>,
    /// Journal rows to add.
    pub journal: Vec<JournalRow>,
    /// HubSpot ids to record.
    pub hubspot_links: Vec<(Entity, Uuid, String)>,
    /// Offerings, sorted by id.
    pub offerings: BTreeMap<Uuid, RowWrite>,
    /// Trips, sorted by id.
    pub trips: BTreeMap<Uuid, RowWrite>,
    /// Payments, sorted by id.
    pub payments: BTreeMap<Uuid, RowWrite>,
    /// Refunds, sorted by id.
    pub refunds: BTreeMap<Uuid, RowWrite>,
    /// Events of Stripe's to keep.
    pub stripe_events: Vec<Arc<StripeEvent>>,
}

impl Writes {
    /// Whether nothing has to be written. Every change has its journal row (law 5).
    pub fn is_empty(&self) -> bool {
        self.journal.is_empty()
    }
}

impl Ledger {
    /// A ledger without rows.
    pub fn new(org: OrgRules) -> Ledger {
        Ledger {
            org,
            slots: HashMap::new(),
            unlocked_slots: HashMap::new(),
            offerings: HashMap::new(),
            contacts: HashMap::new(),
            identities: HashMap::new(),
            balances: HashMap::new(),
            bookings: HashMap::new(),
            bookings_of: HashMap::new(),
            paid_by: HashMap::new(),
            trips: HashMap::new(),
            payments: BTreeMap::new(),
            refunds: BTreeMap::new(),
            offering_names: HashMap::new(),
            remembered: HashMap::new(),
            carried_out: HashMap::new(),
            slots_seen: BTreeSet::new(),
            writes: Writes::default(),
        }
    }

    // Loading.

    /// Adds a slot that was locked.
    pub fn load_slot(&mut self, slot: Slot) {
        self.slots_seen.insert(slot.id);
        self.slots.insert(slot.id, slot);
    }

    /// Adds a slot without its lock, for [`Ledger::slot_starting`]: nothing is decided on its seats.
    pub fn load_unlocked_slot(&mut self, slot: Slot) {
        self.unlocked_slots.insert(slot.id, slot);
    }

    /// Notes that a slot exists, without its lock.
    pub fn load_slot_seen(&mut self, id: Uuid) {
        self.slots_seen.insert(id);
    }

    /// Adds an offering.
    pub fn load_offering(&mut self, offering: Arc<Offering>) {
        self.offerings.insert(offering.id, offering);
    }

    /// Adds a contact that was locked.
    pub fn load_contact(&mut self, contact: Contact) {
        self.identities.insert((contact.student_id.clone(), contact.email.clone()), contact.id);
        self.contacts.insert(contact.id, contact);
    }

    /// Notes whose an identity is, without the contact's lock.
    pub fn load_identity(&mut self, student_id: String, email: String, contact_id: Uuid) {
        self.identities.insert((student_id, email), contact_id);
    }

    /// Adds a balance, read after its contact was locked.
    pub fn load_balance(&mut self, contact_id: Uuid, kind: &str, amount: i64) {
        // The organisation's own copy of the name, if it still sells this kind.
        let known = self.org.credit_kinds.iter().find(|(known, _)| &**known == kind);
        let kind = known.map_or_else(|| CreditKind::from(kind), |(known, _)| known.clone());
        self.balances.entry(contact_id).or_default().insert(kind, amount);
    }

    /// Adds a booking, read after its contact was locked. Twice is once.
    pub fn load_booking(&mut self, booking: Booking) {
        if let Some(known) = self.bookings.insert(booking.id, booking.clone()) {
            debug_assert_eq!(known.contact_id, booking.contact_id);
        } else {
            self.bookings_of.entry(booking.contact_id).or_default().push(booking.id);
            if let Some(purchase) = booking.purchase {
                self.paid_by.entry(purchase.payment_id).or_default().push(booking.id);
            }
        }
    }

    /// Adds a trip.
    pub fn load_trip(&mut self, trip: Trip) {
        self.trips.insert(trip.id, trip);
    }

    /// Adds a payment.
    pub fn load_payment(&mut self, payment: Payment) {
        self.payments.insert(payment.id, payment);
    }

    /// Adds a refund.
    pub fn load_refund(&mut self, refund: Refund) {
        self.refunds.insert(refund.id, refund);
    }

    /// Notes which offering has a name.
    pub fn load_offering_name(&mut self, name: String, id: Uuid) {
        self.offering_names.insert(name, id);
    }

    /// Adds what is remembered under a key, by an earlier batch or by this one.
    pub fn load_remembered(&mut self, principal: Arc<str>, key: String, remembered: Remembered) {
        let remembered = Arc::new(remembered);
        self.carried_out.insert(remembered.command_id, remembered.clone());
        self.remembered.entry(key).or_default().push((principal, remembered));
    }

    // Reading.

    /// A locked slot.
    pub fn slot(&self, id: Uuid) -> Option<&Slot> {
        self.slots.get(&id)
    }

    /// The slot of an offering that begins at a local date and time and is not cancelled, locked or not.
    pub fn slot_starting(&self, offering_id: Uuid, date: civil::Date, start: civil::Time) -> Option<&Slot> {
        // What was changed in this batch is among the locked ones.
        let unlocked = self.unlocked_slots.values().filter(|slot| !self.slots.contains_key(&slot.id));
        self.slots.values().chain(unlocked).find(|slot| {
            (slot.offering_id, slot.local_date, slot.local_start) == (offering_id, date, start)
                && slot.status != SlotStatus::Cancelled
        })
    }

    /// Whether a slot exists, locked or not.
    pub fn has_slot(&self, id: Uuid) -> bool {
        self.slots_seen.contains(&id)
    }

    /// An offering.
    pub fn offering(&self, id: Uuid) -> Option<&Arc<Offering>> {
        self.offerings.get(&id)
    }

    /// A locked contact.
    pub fn contact(&self, id: Uuid) -> Option<&Contact> {
        self.contacts.get(&id)
    }

    /// Whose an identity is.
    pub fn identity(&self, student_id: &str, email: &str) -> Option<Uuid> {
        self.identities.get(&(student_id.to_owned(), email.to_owned())).copied()
    }

    /// A contact's balances.
    pub fn balances(&self, contact_id: Uuid) -> Option<&Balances> {
        self.balances.get(&contact_id)
    }

    /// One balance; none is none.
    pub fn balance(&self, contact_id: Uuid, kind: &str) -> i64 {
        self.balances.get(&contact_id).and_then(|balances| balances.get(kind)).copied().unwrap_or(0)
    }

    /// A booking.
    pub fn booking(&self, id: Uuid) -> Option<&Booking> {
        self.bookings.get(&id)
    }

    /// The loaded bookings of a contact: all live ones, and the ended ones of the slots in question.
    pub fn bookings_of(&self, contact_id: Uuid) -> impl Iterator<Item = &Booking> {
        self.bookings_of.get(&contact_id).into_iter().flatten().filter_map(|id| self.bookings.get(id))
    }

    /// A trip.
    pub fn trip(&self, id: Uuid) -> Option<&Trip> {
        self.trips.get(&id)
    }

    /// A payment.
    pub fn payment(&self, id: Uuid) -> Option<&Payment> {
        self.payments.get(&id)
    }

    /// The loaded payments, oldest first: those that are named, those of named trips, and the open ones of travellers.
    pub fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments.values()
    }

    /// A refund.
    pub fn refund(&self, id: Uuid) -> Option<&Refund> {
        self.refunds.get(&id)
    }

    /// The refunds of a payment, oldest first.
    pub fn refunds_of(&self, payment_id: Uuid) -> impl Iterator<Item = &Refund> {
        self.refunds.values().filter(move |refund| refund.payment_id == payment_id)
    }

    /// The loaded bookings of a payment, oldest first.
    pub fn bookings_of_payment(&self, payment_id: Uuid) -> Vec<&Booking> {
        let ids = self.paid_by.get(&payment_id).into_iter().flatten();
        let mut bookings: Vec<&Booking> = ids.filter_map(|id| self.bookings.get(id)).collect();
        bookings.sort_by_key(|booking| booking.id);
        bookings
    }

    /// Which offering has a name.
    pub fn offering_named(&self, name: &str) -> Option<Uuid> {
        self.offering_names.get(name).copied()
    }

    /// What is remembered under a principal's key.
    pub fn remembered(&self, principal: &str, key: &str) -> Option<&Remembered> {
        self.remembered.get(key)?.iter().find(|(owner, _)| &**owner == principal).map(|(_, remembered)| &**remembered)
    }

    /// What is remembered of a command itself: it was carried out by an attempt whose answer was lost.
    pub fn own_work(&self, command_id: Uuid) -> Option<&Remembered> {
        self.carried_out.get(&command_id).map(|remembered| &**remembered)
    }

    /// Where a booking stands after the commands decided so far.
    pub fn present_status(&self, remembered: &Remembered) -> Option<BookingStatus> {
        let id = match &remembered.answer {
            crate::Answer::Booked(a) => a.booking_id,
            crate::Answer::Cancelled(a) => a.booking_id,
            crate::Answer::Moved(a) => a.booking_id,
            crate::Answer::AttendanceMarked(a) => a.booking_id,
            crate::Answer::Refunded(a) => a.booking_id,
            _ => return None,
        };
        self.bookings.get(&id).map(|booking| booking.status).or(remembered.booking_status)
    }

    // Writing. A decision calls these only after its last check, so a refusal leaves no trace.

    /// Takes seats off sale for a booking that counts as taken; negative gives them back.
    pub(crate) fn take_seats(&mut self, slot_id: Uuid, seats: i32) {
        self.change_seats(slot_id, |slot| slot.taken += seats);
    }

    /// Takes seats off sale for a hold; negative gives them back.
    pub(crate) fn hold_seats(&mut self, slot_id: Uuid, seats: i32) {
        self.change_seats(slot_id, |slot| slot.held += seats);
    }

    /// Takes seats off sale without a booking; negative gives them back.
    pub(crate) fn withhold_seats(&mut self, slot_id: Uuid, seats: i32) {
        self.change_seats(slot_id, |slot| slot.withheld += seats);
    }

    fn change_seats(&mut self, slot_id: Uuid, change: impl FnOnce(&mut Slot)) {
        let slot = self.slots.get_mut(&slot_id).expect("the decision has read this slot");
        change(slot);
        slot.version += 1;
        debug_assert!(slot.available() >= 0 && slot.taken >= 0 && slot.held >= 0 && slot.withheld >= 0);
        self.writes.slots.entry(slot_id).or_insert(RowWrite::Seats);
    }

    /// Replaces a slot by its edited self.
    pub(crate) fn edit_slot(&mut self, mut slot: Slot) {
        slot.version += 1;
        slot.edit_version += 1;
        match self.writes.slots.get(&slot.id) {
            Some(RowWrite::Insert) => {}
            _ => {
                self.writes.slots.insert(slot.id, RowWrite::Update);
            }
        }
        self.slots.insert(slot.id, slot);
    }

    /// Adds a new slot.
    pub(crate) fn insert_slot(&mut self, slot: Slot) {
        self.writes.slots.insert(slot.id, RowWrite::Insert);
        self.load_slot(slot);
    }

    /// Adds a new contact with its opening balances, a row for each kind.
    pub(crate) fn insert_contact(&mut self, contact: Contact, balances: Balances) {
        self.writes.contacts.insert(contact.id, RowWrite::Insert);
        self.balances.insert(contact.id, balances);
        self.load_contact(contact);
    }

    /// Replaces a contact by its edited self.
    pub(crate) fn edit_contact(&mut self, mut contact: Contact) {
        contact.version += 1;
        self.writes.contacts.entry(contact.id).or_insert(RowWrite::Update);
        if let Some(old) = self.contacts.get(&contact.id) {
            self.identities.remove(&(old.student_id.clone(), old.email.clone()));
        }
        self.load_contact(contact);
    }

    /// Adds a credit entry; the balance follows. Returns the new balance.
    pub(crate) fn enter_credit(&mut self, mut entry: CreditEntry) -> i64 {
        let balance = self.balances.entry(entry.contact_id).or_default().entry(entry.kind.clone()).or_insert(0);
        *balance += entry.delta;
        debug_assert!(*balance >= 0);
        entry.balance = *balance;
        if self.writes.contacts.get(&entry.contact_id) != Some(&RowWrite::Insert) {
            self.writes.balances.insert((entry.contact_id, entry.kind.clone()));
        }
        let balance = entry.balance;
        self.writes.entries.push(entry);
        balance
    }

    /// Adds a new booking.
    pub(crate) fn insert_booking(&mut self, booking: Booking) {
        self.writes.bookings.insert(booking.id, RowWrite::Insert);
        self.load_booking(booking);
    }

    /// Replaces a booking by its changed self.
    pub(crate) fn edit_booking(&mut self, booking: Booking) {
        self.writes.bookings.entry(booking.id).or_insert(RowWrite::Update);
        self.bookings.insert(booking.id, booking);
    }

    /// Adds a new trip, or replaces one by its changed self.
    pub(crate) fn write_trip(&mut self, trip: Trip) {
        write(&mut self.writes.trips, trip.id, trip.version);
        self.trips.insert(trip.id, trip);
    }

    /// Adds a new payment, or replaces one by its changed self.
    pub(crate) fn write_payment(&mut self, payment: Payment) {
        write(&mut self.writes.payments, payment.id, payment.version);
        self.payments.insert(payment.id, payment);
    }

    /// Adds a new refund, or replaces one by its changed self.
    pub(crate) fn write_refund(&mut self, refund: Refund) {
        write(&mut self.writes.refunds, refund.id, refund.version);
        self.refunds.insert(refund.id, refund);
    }

    /// Adds a new offering, or replaces one by its changed self.
    pub(crate) fn write_offering(&mut self, offering: Offering) {
        write(&mut self.writes.offerings, offering.id, offering.version);
        self.offering_names.retain(|_, id| *id != offering.id);
        self.offering_names.insert(offering.name.clone(), offering.id);
        self.offerings.insert(offering.id, Arc::new(offering));
    }

    /// Keeps an event of Stripe's, once.
    pub(crate) fn keep_stripe_event(&mut self, event: Arc<StripeEvent>) {
        if !self.writes.stripe_events.iter().any(|known| known.id == event.id) {
            self.writes.stripe_events.push(event);
        }
    }

    /// Records what HubSpot knows a row as.
    pub(crate) fn link_hubspot(&mut self, entity: Entity, id: Uuid, hubspot_id: String) {
        self.writes.hubspot_links.push((entity, id, hubspot_id));
    }

    /// Adds the journal rows of a command.
    pub(crate) fn journal(&mut self, rows: Vec<JournalRow>) {
        self.writes.journal.extend(rows);
    }

    /// What has to be written.
    pub fn writes(&self) -> &Writes {
        &self.writes
    }
}

/// Notes how a row has to be written: its first version is new.
fn write(writes: &mut BTreeMap<Uuid, RowWrite>, id: Uuid, version: i64) {
    writes.entry(id).or_insert(if version == 1 { RowWrite::Insert } else { RowWrite::Update });
}
