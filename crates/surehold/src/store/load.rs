//! Flight 1 of a transaction: lock, then read. One round trip.
//!
//! The locks come first, and what decisions count on is read by *later statements*: one statement that
//! locks and counts keeps the snapshot from before its wait, and oversells. Everybody locks in one
//! order: slots, then contacts, each by id. A contact's balances and bookings are protected by the
//! contact's lock, a slot's seats by the slot's.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use deadpool_postgres::Object;
use jiff::Timestamp;
use surehold_core::Ledger;
use surehold_core::command::{Key, Request, WantedIdentity};
use surehold_core::rows::{BookingStatus, OrgRules, Remembered};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::flight::{Flight, Landed, Place};
use super::{StoreError, rows};

/// The rows that a batch of requests needs, sorted and without repeats.
#[derive(Debug, Default)]
pub struct Plan {
    slots: BTreeSet<Uuid>,
    contacts: BTreeSet<Uuid>,
    bookings: BTreeSet<Uuid>,
    offerings: BTreeSet<Uuid>,
    slots_to_see: BTreeSet<Uuid>,
    identities: BTreeSet<WantedIdentity>,
    keys: BTreeSet<(String, Arc<str>)>,
}

impl Plan {
    /// What these requests need. `earlier_key` is the key that an earlier attempt of the same request
    /// wrote under, if that attempt's answer was lost.
    pub fn of<'r>(requests: impl Iterator<Item = (&'r Request, Option<&'r str>)>) -> Plan {
        let mut plan = Plan::default();
        for (request, earlier_key) in requests {
            let needs = request.command.needs();
            plan.slots.extend(needs.slots);
            plan.contacts.extend(needs.contacts);
            plan.bookings.extend(needs.bookings);
            plan.offerings.extend(needs.offerings);
            plan.slots_to_see.extend(needs.slots_to_see);
            plan.identities.extend(needs.identities);
            if let Key::Given(key) = &request.key {
                plan.keys.insert((key.clone(), request.principal.clone()));
            }
            plan.keys.extend(earlier_key.map(|key| (key.to_owned(), request.principal.clone())));
        }
        plan
    }

    /// Adds the slot and the contact of each booking that is named, by a plain read before the locks.
    /// Decisions notice if a booking has moved since.
    pub async fn resolve(&mut self, client: &Object, org_id: Uuid) -> Result<(), StoreError> {
        if self.bookings.is_empty() {
            return Ok(());
        }
        let statement = client.prepare_cached(&PLACES).await?;
        let ids: Vec<Uuid> = self.bookings.iter().copied().collect();
        for row in client.query(&statement, &[&org_id, &ids]).await? {
            self.slots.insert(row.try_get(0)?);
            self.contacts.insert(row.try_get(1)?);
        }
        Ok(())
    }
}

/// Whether to take the locks that a decision with effects needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// Begin a transaction and lock.
    Take,
    /// Plain reads, for answers that change nothing. Balances are not among them.
    Without,
}

// Each list of keys drives a LATERAL subquery that OFFSET 0 keeps from being merged: one probe of the full
// key per element, whatever the statistics say. `id = ANY(...)` would be shorter, but on a table that was
// never analysed the planner takes `org_id = $1` alone for selective, reads the whole organisation, and
// keeps that plan while the table grows.

fn probe(columns: &str, table: &str, lists: &str, keys: &str, suffix: &str) -> String {
    format!(
        "SELECT t.* FROM unnest({lists}) CROSS JOIN LATERAL
         (SELECT {columns} FROM {table} t WHERE t.org_id = $1 AND {keys} OFFSET 0 {suffix}) t"
    )
}

const ONE_ID: &str = "$2::uuid[]) AS k(id";
const BY_ID: &str = "t.id = k.id";
const LOCK: &str = "FOR NO KEY UPDATE";

static SLOTS: LazyLock<String> = LazyLock::new(|| probe(rows::SLOT, "slots", ONE_ID, BY_ID, ""));
static SLOTS_LOCKED: LazyLock<String> = LazyLock::new(|| probe(rows::SLOT, "slots", ONE_ID, BY_ID, LOCK));
static CONTACTS: LazyLock<String> = LazyLock::new(|| probe(rows::CONTACT, "contacts", ONE_ID, BY_ID, ""));
static CONTACTS_LOCKED: LazyLock<String> = LazyLock::new(|| probe(rows::CONTACT, "contacts", ONE_ID, BY_ID, LOCK));
const ORG_AND_CLOCK: &str = "SELECT clock_timestamp(), o.slot_capacity_max,
        ARRAY(SELECT kind FROM credit_kinds k WHERE k.org_id = $1 ORDER BY position),
        ARRAY(SELECT token_label FROM credit_kinds k WHERE k.org_id = $1 ORDER BY position)
    FROM orgs o WHERE o.id = $1";
static OFFERINGS: LazyLock<String> = LazyLock::new(|| probe(rows::OFFERING, "offerings", ONE_ID, BY_ID, ""));
static OFFERINGS_OF_SLOTS: LazyLock<String> = LazyLock::new(|| {
    let wanted = "(SELECT s.offering_id FROM slots s WHERE s.org_id = $1 AND s.id = k.id)";
    probe(rows::OFFERING, "offerings", ONE_ID, &format!("t.id = {wanted}"), "")
});
static BALANCES: LazyLock<String> =
    LazyLock::new(|| probe("contact_id, kind, amount", "credit_balances", ONE_ID, "t.contact_id = k.id", ""));
static BOOKINGS_OF_CONTACTS: LazyLock<String> = LazyLock::new(|| {
    let of_interest = "t.contact_id = k.id AND (t.status <> ALL('{cancelled,expired}') \
        OR t.slot_id = ANY($3::uuid[]) OR t.booked_slot_id = ANY($3::uuid[]))";
    probe(rows::BOOKING, "bookings", ONE_ID, of_interest, "")
});
static PLACES: LazyLock<String> = LazyLock::new(|| probe("slot_id, contact_id", "bookings", ONE_ID, BY_ID, ""));
static BOOKINGS_BY_ID: LazyLock<String> = LazyLock::new(|| probe(rows::BOOKING, "bookings", ONE_ID, BY_ID, ""));
const KEY: &str = "t.key = k.key AND t.principal = k.principal";
static REMEMBERED: LazyLock<String> = LazyLock::new(|| {
    let columns = "principal, key, command_id, fingerprint, answer, \
        (SELECT b.status FROM bookings b WHERE b.org_id = $1 AND b.id = t.entity_id)";
    probe(columns, "journal", "$2::text[], $3::text[]) AS k(key, principal", KEY, "")
});
static SLOTS_SEEN: LazyLock<String> = LazyLock::new(|| probe("id", "slots", ONE_ID, BY_ID, ""));
static IDENTITIES: LazyLock<String> = LazyLock::new(|| {
    let own = |column| format!("(SELECT c.{column} FROM contacts c WHERE c.org_id = $1 AND c.id = k.contact_id)");
    let keys = format!(
        "t.student_id = COALESCE(k.student_id, {}) AND t.email = COALESCE(k.email, {})",
        own("student_id"),
        own("email")
    );
    let lists = "$2::text[], $3::text[], $4::uuid[]) AS k(student_id, email, contact_id";
    probe("student_id, email, id", "contacts", lists, &keys, "")
});

/// The reads by key, for the test that looks at their plans.
pub fn key_reads() -> [&'static str; 13] {
    [
        &SLOTS,
        &SLOTS_LOCKED,
        &CONTACTS,
        &CONTACTS_LOCKED,
        &OFFERINGS,
        &OFFERINGS_OF_SLOTS,
        &BALANCES,
        &BOOKINGS_OF_CONTACTS,
        &PLACES,
        &BOOKINGS_BY_ID,
        &REMEMBERED,
        &SLOTS_SEEN,
        &IDENTITIES,
    ]
}

/// What was loaded for one organisation.
pub struct Loaded {
    /// Whose.
    pub org_id: Uuid,
    /// Its rows.
    pub ledger: Ledger,
    /// The database's clock after its locks.
    pub now: Timestamp,
}

/// The ledgers of some plans, one for each organisation, in one round trip. With [`Locks::Take`] the
/// connection is in a transaction afterwards, also on an error. Everybody names organisations in order of
/// their ids: that is the beginning of the one lock order.
pub async fn load(client: &Object, plans: &[(Uuid, Plan)], locks: Locks) -> Result<Vec<Loaded>, StoreError> {
    let begin = (locks == Locks::Take).then_some("BEGIN");
    let keys: Vec<Keys<'_>> = plans.iter().map(|(org_id, plan)| Keys::of(*org_id, plan)).collect();
    let mut flight = Flight::default();
    let reads: Vec<Reads> = keys.iter().map(|keys| keys.push_reads(&mut flight, locks)).collect();
    let landed = flight.read(client, begin).await.map_err(|(failed, error)| match failed {
        Some(place) if reads.iter().any(|reads| reads.contacts == place) && is_lock_timeout(&error) => {
            StoreError::ContactLocked
        }
        _ => error,
    })?;
    keys.iter().zip(&reads).map(|(keys, reads)| reads.decode(keys.org_id, &landed)).collect()
}

/// A plan as lists of keys, which the statements take.
struct Keys<'p> {
    org_id: Uuid,
    slots: Vec<Uuid>,
    contacts: Vec<Uuid>,
    bookings: Vec<Uuid>,
    offerings: Vec<Uuid>,
    slots_to_see: Vec<Uuid>,
    keys: Vec<&'p str>,
    principals: Vec<&'p str>,
    student_ids: Vec<Option<&'p str>>,
    emails: Vec<Option<&'p str>>,
    of_contacts: Vec<Option<Uuid>>,
}

/// Where each sort of rows will be.
struct Reads {
    slots: Place,
    contacts: Place,
    org: Place,
    offerings: Place,
    slots_offerings: Place,
    balances: Place,
    bookings: Place,
    named: Place,
    seen: Place,
    identities: Place,
    remembered: Place,
}

impl<'p> Keys<'p> {
    fn of(org_id: Uuid, plan: &'p Plan) -> Keys<'p> {
        let ids = |set: &BTreeSet<Uuid>| set.iter().copied().collect();
        let (keys, principals) = plan.keys.iter().map(|(key, principal)| (key.as_str(), &**principal)).unzip();
        let identities = || plan.identities.iter();
        Keys {
            org_id,
            slots: ids(&plan.slots),
            contacts: ids(&plan.contacts),
            bookings: ids(&plan.bookings),
            offerings: ids(&plan.offerings),
            slots_to_see: ids(&plan.slots_to_see),
            keys,
            principals,
            student_ids: identities().map(|wanted| wanted.student_id.as_deref()).collect(),
            emails: identities().map(|wanted| wanted.email.as_deref()).collect(),
            of_contacts: identities().map(|wanted| wanted.of_contact).collect(),
        }
    }

    /// Adds the statements: locks first, then what is read under them.
    fn push_reads<'a>(&'a self, flight: &mut Flight<'a>, locks: Locks) -> Reads {
        let (slots_sql, contacts_sql) = match locks {
            Locks::Take => (&*SLOTS_LOCKED, &*CONTACTS_LOCKED),
            Locks::Without => (&*SLOTS, &*CONTACTS),
        };
        let org_id = self.org_id;
        let mut by_id = |ids: &'a Vec<Uuid>, sql: &'a str| {
            flight.push_if(!ids.is_empty(), sql, || vec![Box::new(org_id), Box::new(ids)])
        };
        let slots = by_id(&self.slots, slots_sql);
        let contacts = by_id(&self.contacts, contacts_sql);
        // From here on everything is read after the locks.
        let offerings = by_id(&self.offerings, &OFFERINGS);
        let slots_offerings = by_id(&self.slots, &OFFERINGS_OF_SLOTS);
        let named = by_id(&self.bookings, &BOOKINGS_BY_ID);
        let seen = by_id(&self.slots_to_see, &SLOTS_SEEN);
        // An answer that changes nothing needs no balance.
        let balances = flight.push_if(locks == Locks::Take && !self.contacts.is_empty(), &BALANCES, || {
            vec![Box::new(org_id), Box::new(&self.contacts)]
        });
        let bookings =
            flight.push_if(!self.slots.is_empty() && !self.contacts.is_empty(), &BOOKINGS_OF_CONTACTS, || {
                vec![Box::new(org_id), Box::new(&self.contacts), Box::new(&self.slots)]
            });
        let org = flight.push(ORG_AND_CLOCK, vec![Box::new(org_id)]);
        let identities = flight.push_if(!self.student_ids.is_empty(), &IDENTITIES, || {
            vec![Box::new(org_id), Box::new(&self.student_ids), Box::new(&self.emails), Box::new(&self.of_contacts)]
        });
        // Last: what a concurrent command has written before this is read must not look like somebody else's work.
        let remembered = flight.push_if(!self.keys.is_empty(), &REMEMBERED, || {
            vec![Box::new(org_id), Box::new(&self.keys), Box::new(&self.principals)]
        });
        Reads {
            slots,
            contacts,
            org,
            offerings,
            slots_offerings,
            balances,
            bookings,
            named,
            seen,
            identities,
            remembered,
        }
    }
}

impl Reads {
    fn decode(&self, org_id: Uuid, landed: &Landed) -> Result<Loaded, StoreError> {
        let org = landed.rows(self.org).first();
        let org = org.ok_or_else(|| StoreError::Corrupt(format!("there is no organisation {org_id}")))?;
        let now: Timestamp = org.try_get(0)?;
        let mut ledger = Ledger::new(org_rules(org)?);
        for row in landed.rows(self.slots) {
            ledger.load_slot(rows::slot(row)?);
        }
        for row in landed.rows(self.contacts) {
            ledger.load_contact(rows::contact(row)?);
        }
        for row in landed.rows(self.offerings).iter().chain(landed.rows(self.slots_offerings)) {
            ledger.load_offering(Arc::new(rows::offering(row)?));
        }
        for row in landed.rows(self.balances) {
            ledger.load_balance(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        }
        for row in landed.rows(self.bookings).iter().chain(landed.rows(self.named)) {
            ledger.load_booking(rows::booking(row)?);
        }
        for row in landed.rows(self.remembered) {
            ledger.load_remembered(Arc::from(row.try_get::<_, &str>(0)?), row.try_get(1)?, remembered_row(row)?);
        }
        for row in landed.rows(self.seen) {
            ledger.load_slot_seen(row.try_get(0)?);
        }
        for row in landed.rows(self.identities) {
            ledger.load_identity(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        }
        Ok(Loaded { org_id, ledger, now })
    }
}

fn org_rules(row: &Row) -> Result<OrgRules, StoreError> {
    let (kinds, labels): (Vec<&str>, Vec<String>) = (row.try_get(2)?, row.try_get(3)?);
    Ok(OrgRules {
        slot_capacity_max: row.try_get(1)?,
        credit_kinds: kinds.into_iter().map(Arc::from).zip(labels).collect(),
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

fn is_lock_timeout(error: &StoreError) -> bool {
    matches!(error, StoreError::Query(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
}
