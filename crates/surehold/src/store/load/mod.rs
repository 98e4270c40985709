//! Flight 1 of a transaction: lock, then read. One round trip.
//!
//! The locks come first, and what decisions count on is read by *later statements*: one statement that
//! locks and counts keeps the snapshot from before its wait, and oversells. Everybody locks in one
//! order: slots, then contacts, each by organisation and id. A contact's balances and bookings are protected
//! by the contact's lock, a slot's seats by the slot's.
//!
//! A statement reads for all organisations of a batch at once: each element of its lists is a pair of an
//! organisation and a key, and a row is found only under both.

mod plan;
mod statements;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use deadpool_postgres::Object;
use jiff::{Timestamp, civil};
use surehold_core::Ledger;
use surehold_core::rows::{BookingStatus, OrgRules, Remembered};
use tokio_postgres::Row;
use uuid::Uuid;

use super::flight::{Flight, Landed, Place};
use super::{StoreError, rows, trip_rows};
pub use plan::{Plan, resolve};
use plan::{of_org, pairs};
pub use statements::key_reads;
use statements::*;

/// Whether to take the locks that a decision with effects needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// Begin a transaction and lock.
    Take,
    /// Plain reads, for answers that change nothing. Balances are not among them.
    Without,
}

/// What was loaded for one organisation.
pub struct Loaded {
    /// Whose.
    pub org_id: Uuid,
    /// Its rows.
    pub ledger: Ledger,
    /// The database's clock after its locks.
    pub now: Timestamp,
    /// Payments whose holds on the locked slots have come to their end.
    pub due: Vec<Uuid>,
}

/// The ledgers of some plans, one for each organisation, in one round trip. Plans are sorted by organisation.
/// With [`Locks::Take`] the connection is in a transaction afterwards, also on an error.
pub async fn load(client: &Object, plans: &[(Uuid, Plan)], locks: Locks) -> Result<Vec<Loaded>, StoreError> {
    let begin = (locks == Locks::Take).then_some("BEGIN");
    let keys = Keys::of(plans);
    let mut flight = Flight::default();
    let reads = keys.push_reads(&mut flight, locks);
    let landed = flight.read(client, begin).await.map_err(|(failed, error)| match failed {
        Some(place) if reads.contacts == place && error.is_lock_timeout() => StoreError::ContactLocked,
        _ => error,
    })?;
    reads.decode(&keys.org_ids, &landed)
}

/// Keys of one sort, each with its organisation: two lists of one length.
type Ids = (Vec<Uuid>, Vec<Uuid>);

/// Names of one sort, each with its organisation.
type Named<'p> = (Vec<Uuid>, Vec<&'p str>);

/// Plans as lists of keys, which the statements take.
struct Keys<'p> {
    org_ids: Vec<Uuid>,
    slots: Ids,
    contacts: Ids,
    bookings: Ids,
    offerings: Ids,
    offerings_to_lock: Ids,
    offering_names: Named<'p>,
    slots_to_see: Ids,
    payments: Ids,
    trips: Ids,
    travellers: Ids,
    references: Named<'p>,
    remembered: RememberedKeys<'p>,
    identities: Identities<'p>,
    starts: Starts,
}

/// Lists of one length.
#[derive(Default)]
struct RememberedKeys<'p> {
    org_ids: Vec<Uuid>,
    keys: Vec<&'p str>,
    principals: Vec<&'p str>,
}

/// Lists of one length.
#[derive(Default)]
struct Identities<'p> {
    org_ids: Vec<Uuid>,
    student_ids: Vec<Option<&'p str>>,
    emails: Vec<Option<&'p str>>,
    of_contacts: Vec<Option<Uuid>>,
}

/// Lists of one length.
#[derive(Default)]
struct Starts {
    org_ids: Vec<Uuid>,
    offering_ids: Vec<Uuid>,
    dates: Vec<civil::Date>,
    times: Vec<civil::Time>,
}

/// Where each sort of rows will be.
struct Reads {
    slots: Place,
    contacts: Place,
    orgs: Place,
    offerings: Place,
    slots_offerings: Place,
    balances: Place,
    bookings: Place,
    named: Place,
    seen: Place,
    identities: Place,
    remembered: Place,
    offerings_locked: Place,
    offering_names: Place,
    named_payments: Place,
    slots_starting: Place,
    money: Money,
}

/// Where the rows of trips and money will be.
struct Money {
    trips: [Place; 2],
    payments: [Place; 3],
    bookings: Place,
    refunds: Place,
    due: Place,
}

impl<'p> Keys<'p> {
    fn of(plans: &'p [(Uuid, Plan)]) -> Keys<'p> {
        let (mut remembered, mut identities) = (RememberedKeys::default(), Identities::default());
        let mut starts = Starts::default();
        for (org_id, plan) in plans {
            for (key, principal) in &plan.keys {
                remembered.org_ids.push(*org_id);
                remembered.keys.push(key);
                remembered.principals.push(principal);
            }
            for wanted in &plan.identities {
                identities.org_ids.push(*org_id);
                identities.student_ids.push(wanted.student_id.as_deref());
                identities.emails.push(wanted.email.as_deref());
                identities.of_contacts.push(wanted.of_contact);
            }
            for wanted in &plan.starts {
                starts.org_ids.push(*org_id);
                starts.offering_ids.push(wanted.offering_id);
                starts.dates.push(wanted.local_date);
                starts.times.push(wanted.local_start);
            }
        }
        Keys {
            org_ids: plans.iter().map(|(org_id, _)| *org_id).collect(),
            slots: pairs(plans, |plan| &plan.slots),
            contacts: pairs(plans, |plan| &plan.contacts),
            bookings: pairs(plans, |plan| &plan.bookings),
            offerings: pairs(plans, |plan| &plan.offerings),
            offerings_to_lock: pairs(plans, |plan| &plan.offerings_to_lock),
            offering_names: named(plans, |plan| &plan.offering_names),
            slots_to_see: pairs(plans, |plan| &plan.slots_to_see),
            payments: pairs(plans, |plan| &plan.payments),
            trips: pairs(plans, |plan| &plan.trips),
            travellers: pairs(plans, |plan| &plan.travellers),
            references: named(plans, |plan| &plan.references),
            remembered,
            identities,
            starts,
        }
    }

    /// Adds the statements: locks first, then what is read under them.
    fn push_reads<'a>(&'a self, flight: &mut Flight<'a>, locks: Locks) -> Reads {
        let (slots_sql, contacts_sql) = match locks {
            Locks::Take => (&*SLOTS_LOCKED, &*CONTACTS_LOCKED),
            Locks::Without => (&*SLOTS, &*CONTACTS),
        };
        let mut by_id = |(org_ids, ids): &'a Ids, sql: &'a str| {
            flight.push_if(!ids.is_empty(), sql, || vec![Box::new(org_ids), Box::new(ids)])
        };
        let offerings_locked = by_id(&self.offerings_to_lock, &OFFERINGS_LOCKED);
        let slots = by_id(&self.slots, slots_sql);
        let contacts = by_id(&self.contacts, contacts_sql);
        // From here on everything is read after the locks.
        let offerings = by_id(&self.offerings, &OFFERINGS);
        let slots_offerings = by_id(&self.slots, &OFFERINGS_OF_SLOTS);
        let named = by_id(&self.bookings, &BOOKINGS_BY_ID);
        let seen = by_id(&self.slots_to_see, &SLOTS_SEEN);
        let money = Money {
            trips: [by_id(&self.trips, &TRIPS), by_id(&self.travellers, &TRIPS_OF_TRAVELLERS)],
            payments: [
                by_id(&self.payments, &PAYMENTS),
                by_id(&self.trips, &PAYMENTS_OF_TRIPS),
                by_id(&self.travellers, &PAYMENTS_OF_TRAVELLERS),
            ],
            bookings: by_id(&self.payments, &BOOKINGS_OF_PAYMENTS),
            refunds: by_id(&self.payments, &REFUNDS),
            due: by_id(&self.slots, &DUE_HOLDS),
        };
        let mut by_name = |(org_ids, names): &'a Named<'p>, sql: &'a str| {
            flight.push_if(!names.is_empty(), sql, || vec![Box::new(org_ids), Box::new(names)])
        };
        let offering_names = by_name(&self.offering_names, &OFFERINGS_NAMED);
        let named_payments = by_name(&self.references, &PAYMENTS_NAMED);
        let (contacts_orgs, contact_ids) = &self.contacts;
        // An answer that changes nothing needs no balance.
        let balances = flight.push_if(locks == Locks::Take && !contact_ids.is_empty(), &BALANCES, || {
            vec![Box::new(contacts_orgs), Box::new(contact_ids)]
        });
        let slot_ids = &self.slots.1;
        let of_both = !slot_ids.is_empty() && !contact_ids.is_empty();
        let bookings = flight.push_if(of_both, &BOOKINGS_OF_CONTACTS, || {
            vec![Box::new(contacts_orgs), Box::new(contact_ids), Box::new(slot_ids)]
        });
        let orgs = flight.push(ORGS_AND_CLOCK, vec![Box::new(&self.org_ids)]);
        let Identities { org_ids, student_ids, emails, of_contacts } = &self.identities;
        let identities = flight.push_if(!org_ids.is_empty(), &IDENTITIES, || {
            vec![Box::new(org_ids), Box::new(student_ids), Box::new(emails), Box::new(of_contacts)]
        });
        let Starts { org_ids, offering_ids, dates, times } = &self.starts;
        let slots_starting = flight.push_if(!org_ids.is_empty(), &SLOTS_STARTING, || {
            vec![Box::new(org_ids), Box::new(offering_ids), Box::new(dates), Box::new(times)]
        });
        // Last: what a concurrent command has written before this is read must not look like somebody else's work.
        let RememberedKeys { org_ids, keys, principals } = &self.remembered;
        let remembered = flight
            .push_if(!keys.is_empty(), &REMEMBERED, || vec![Box::new(org_ids), Box::new(keys), Box::new(principals)]);
        Reads {
            slots,
            contacts,
            orgs,
            offerings,
            slots_offerings,
            balances,
            bookings,
            named,
            seen,
            identities,
            remembered,
            offerings_locked,
            offering_names,
            named_payments,
            slots_starting,
            money,
        }
    }
}

fn named<'p>(plans: &'p [(Uuid, Plan)], list: impl Fn(&'p Plan) -> &'p BTreeSet<String>) -> Named<'p> {
    plans.iter().flat_map(|(org_id, plan)| list(plan).iter().map(|name| (*org_id, name.as_str()))).unzip()
}

impl Reads {
    fn decode(&self, org_ids: &[Uuid], landed: &Landed) -> Result<Vec<Loaded>, StoreError> {
        // One instant for all: each row's clock was read after all locks.
        let now: Option<Timestamp> = landed.rows(self.orgs).first().map(|row| row.try_get(0)).transpose()?;
        let mut ledgers = Vec::with_capacity(org_ids.len());
        for row in landed.rows(self.orgs) {
            ledgers.push((row.try_get(5)?, Ledger::new(org_rules(row)?)));
        }
        ledgers.sort_by_key(|(org_id, _)| *org_id);
        if let Some(missing) = org_ids.iter().find(|id| of_org(&mut ledgers, **id).is_err()) {
            return Err(StoreError::Corrupt(format!("there is no organisation {missing}")));
        }
        self.fill(&mut ledgers, landed)?;
        let now = now.unwrap_or_default();
        let mut due = self.due(landed)?;
        let loaded = |(org_id, ledger)| Loaded { org_id, ledger, now, due: due.remove(&org_id).unwrap_or_default() };
        Ok(ledgers.into_iter().map(loaded).collect())
    }

    fn due(&self, landed: &Landed) -> Result<HashMap<Uuid, Vec<Uuid>>, StoreError> {
        let mut due: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for row in landed.rows(self.money.due) {
            let (payment_id, org_id): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
            let of_org = due.entry(org_id).or_default();
            // A trip may hold seats on several of the slots.
            if !of_org.contains(&payment_id) {
                of_org.push(payment_id);
            }
        }
        Ok(due)
    }

    fn fill_money(&self, ledgers: &mut [(Uuid, Ledger)], landed: &Landed) -> Result<(), StoreError> {
        for row in self.money.trips.iter().flat_map(|place| landed.rows(*place)) {
            ledger_of(ledgers, row)?.load_trip(trip_rows::trip(row)?);
        }
        let named = landed.rows(self.named_payments);
        for row in self.money.payments.iter().flat_map(|place| landed.rows(*place)).chain(named) {
            ledger_of(ledgers, row)?.load_payment(trip_rows::payment(row)?);
        }
        for row in landed.rows(self.money.refunds) {
            ledger_of(ledgers, row)?.load_refund(trip_rows::refund(row)?);
        }
        Ok(())
    }

    /// Each row into the ledger of its organisation.
    fn fill(&self, ledgers: &mut [(Uuid, Ledger)], landed: &Landed) -> Result<(), StoreError> {
        for row in landed.rows(self.slots) {
            ledger_of(ledgers, row)?.load_slot(rows::slot(row)?);
        }
        for row in landed.rows(self.slots_starting) {
            ledger_of(ledgers, row)?.load_unlocked_slot(rows::slot(row)?);
        }
        for row in landed.rows(self.contacts) {
            ledger_of(ledgers, row)?.load_contact(rows::contact(row)?);
        }
        for row in landed.rows(self.offering_names) {
            ledger_of(ledgers, row)?.load_offering_name(row.try_get(0)?, row.try_get(1)?);
        }
        let offerings = [self.offerings, self.slots_offerings, self.offerings_locked];
        for row in offerings.iter().flat_map(|place| landed.rows(*place)) {
            ledger_of(ledgers, row)?.load_offering(Arc::new(rows::offering(row)?));
        }
        for row in landed.rows(self.balances) {
            ledger_of(ledgers, row)?.load_balance(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        }
        for row in [self.bookings, self.named, self.money.bookings].iter().flat_map(|place| landed.rows(*place)) {
            ledger_of(ledgers, row)?.load_booking(rows::booking(row)?);
        }
        self.fill_money(ledgers, landed)?;
        for row in landed.rows(self.remembered) {
            let principal = Arc::from(row.try_get::<_, &str>(0)?);
            ledger_of(ledgers, row)?.load_remembered(principal, row.try_get(1)?, remembered_row(row)?);
        }
        for row in landed.rows(self.seen) {
            ledger_of(ledgers, row)?.load_slot_seen(row.try_get(0)?);
        }
        for row in landed.rows(self.identities) {
            ledger_of(ledgers, row)?.load_identity(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        }
        Ok(())
    }
}

/// The ledger that a row belongs to: its last column says whose it is.
fn ledger_of<'l>(ledgers: &'l mut [(Uuid, Ledger)], row: &Row) -> Result<&'l mut Ledger, StoreError> {
    of_org(ledgers, row.try_get(row.len() - 1)?)
}

fn org_rules(row: &Row) -> Result<OrgRules, StoreError> {
    let (kinds, labels): (Vec<&str>, Vec<String>) = (row.try_get(2)?, row.try_get(3)?);
    Ok(OrgRules {
        slot_capacity_max: row.try_get(1)?,
        credit_kinds: kinds.into_iter().map(Arc::from).zip(labels).collect(),
        currency: row.try_get(4)?,
    })
}

fn remembered_row(row: &Row) -> Result<Remembered, StoreError> {
    let fingerprint: &[u8] = row.try_get(3)?;
    let status: Option<&str> = row.try_get(5)?;
    let answer: tokio_postgres::types::Json<surehold_core::Answer> =
        row.try_get(4).map_err(|e| StoreError::Corrupt(format!("journal answer: {e}")))?;
    Ok(Remembered {
        command_id: row.try_get(2)?,
        fingerprint: fingerprint.try_into().map_err(|_| StoreError::Corrupt("journal fingerprint".to_owned()))?,
        answer: answer.0,
        booking_status: status.map(|text| rows::parsed(text, BookingStatus::parse)).transpose()?,
    })
}
