//! Flight 1 of a transaction: lock, then read. One round trip.
//!
//! The locks come first, and what decisions count on is read by *later statements*: one statement that
//! locks and counts keeps the snapshot from before its wait, and oversells. Everybody locks in one
//! order: slots, then contacts, each by organisation and id. A contact's balances and bookings are protected
//! by the contact's lock, a slot's seats by the slot's.
//!
//! A statement reads for all organisations of a batch at once: each element of its lists is a pair of an
//! organisation and a key, and a row is found only under both.

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
}

/// Adds the slot and the contact of each booking that is named, by a plain read before the locks. Decisions
/// notice if a booking has moved since.
pub async fn resolve(client: &Object, plans: &mut [(Uuid, Plan)]) -> Result<(), StoreError> {
    let (org_ids, ids) = pairs(plans, |plan| &plan.bookings);
    if ids.is_empty() {
        return Ok(());
    }
    let statement = client.prepare_cached(&PLACES).await?;
    for row in client.query(&statement, &[&org_ids, &ids]).await? {
        let plan = of_org(plans, row.try_get(2)?)?;
        plan.slots.insert(row.try_get(0)?);
        plan.contacts.insert(row.try_get(1)?);
    }
    Ok(())
}

/// The elements of some lists, each with its organisation.
fn pairs<'p, T: Copy + 'p>(
    plans: &'p [(Uuid, Plan)],
    list: impl Fn(&'p Plan) -> &'p BTreeSet<T>,
) -> (Vec<Uuid>, Vec<T>) {
    plans.iter().flat_map(|(org_id, plan)| list(plan).iter().map(|element| (*org_id, *element))).unzip()
}

/// What belongs to one organisation, of a list that is sorted by organisation.
fn of_org<T>(sorted: &mut [(Uuid, T)], org_id: Uuid) -> Result<&mut T, StoreError> {
    match sorted.binary_search_by_key(&org_id, |(id, _)| *id) {
        Ok(index) => Ok(&mut sorted[index].1),
        Err(_) => Err(StoreError::Corrupt(format!("a row of organisation {org_id}, which was not asked about"))),
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
// never analysed the planner takes the organisation alone for selective, reads all of it, and keeps that plan
// while the table grows. The last column says whose the row is.

fn probe(columns: &str, table: &str, lists: &str, keys: &str, suffix: &str) -> String {
    format!(
        "SELECT t.*, k.org_id FROM unnest($1::uuid[], {lists}) CROSS JOIN LATERAL
         (SELECT {columns} FROM {table} t WHERE t.org_id = k.org_id AND {keys} OFFSET 0 {suffix}) t"
    )
}

const ONE_ID: &str = "$2::uuid[]) AS k(org_id, id";
const BY_ID: &str = "t.id = k.id";
const LOCK: &str = "FOR NO KEY UPDATE";

static SLOTS: LazyLock<String> = LazyLock::new(|| probe(rows::SLOT, "slots", ONE_ID, BY_ID, ""));
static SLOTS_LOCKED: LazyLock<String> = LazyLock::new(|| probe(rows::SLOT, "slots", ONE_ID, BY_ID, LOCK));
static CONTACTS: LazyLock<String> = LazyLock::new(|| probe(rows::CONTACT, "contacts", ONE_ID, BY_ID, ""));
static CONTACTS_LOCKED: LazyLock<String> = LazyLock::new(|| probe(rows::CONTACT, "contacts", ONE_ID, BY_ID, LOCK));
const ORGS_AND_CLOCK: &str = "SELECT clock_timestamp(), o.slot_capacity_max,
        ARRAY(SELECT kind FROM credit_kinds k WHERE k.org_id = o.id ORDER BY position),
        ARRAY(SELECT token_label FROM credit_kinds k WHERE k.org_id = o.id ORDER BY position), o.id
    FROM orgs o WHERE o.id = ANY($1)";
static OFFERINGS: LazyLock<String> = LazyLock::new(|| probe(rows::OFFERING, "offerings", ONE_ID, BY_ID, ""));
static OFFERINGS_OF_SLOTS: LazyLock<String> = LazyLock::new(|| {
    let wanted = "(SELECT s.offering_id FROM slots s WHERE s.org_id = k.org_id AND s.id = k.id)";
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
        (SELECT b.status FROM bookings b WHERE b.org_id = k.org_id AND b.id = t.entity_id)";
    probe(columns, "journal", "$2::text[], $3::text[]) AS k(org_id, key, principal", KEY, "")
});
static SLOTS_SEEN: LazyLock<String> = LazyLock::new(|| probe("id", "slots", ONE_ID, BY_ID, ""));
static IDENTITIES: LazyLock<String> = LazyLock::new(|| {
    let own = |column| format!("(SELECT c.{column} FROM contacts c WHERE c.org_id = k.org_id AND c.id = k.contact_id)");
    let keys = format!(
        "t.student_id = COALESCE(k.student_id, {}) AND t.email = COALESCE(k.email, {})",
        own("student_id"),
        own("email")
    );
    let lists = "$2::text[], $3::text[], $4::uuid[]) AS k(org_id, student_id, email, contact_id";
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

/// The ledgers of some plans, one for each organisation, in one round trip. Plans are sorted by organisation.
/// With [`Locks::Take`] the connection is in a transaction afterwards, also on an error.
pub async fn load(client: &Object, plans: &[(Uuid, Plan)], locks: Locks) -> Result<Vec<Loaded>, StoreError> {
    let begin = (locks == Locks::Take).then_some("BEGIN");
    let keys = Keys::of(plans);
    let mut flight = Flight::default();
    let reads = keys.push_reads(&mut flight, locks);
    let landed = flight.read(client, begin).await.map_err(|(failed, error)| match failed {
        Some(place) if reads.contacts == place && is_lock_timeout(&error) => StoreError::ContactLocked,
        _ => error,
    })?;
    reads.decode(&keys.org_ids, &landed)
}

/// Keys of one sort, each with its organisation: two lists of one length.
type Ids = (Vec<Uuid>, Vec<Uuid>);

/// Plans as lists of keys, which the statements take.
struct Keys<'p> {
    org_ids: Vec<Uuid>,
    slots: Ids,
    contacts: Ids,
    bookings: Ids,
    offerings: Ids,
    slots_to_see: Ids,
    remembered: RememberedKeys<'p>,
    identities: Identities<'p>,
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
}

impl<'p> Keys<'p> {
    fn of(plans: &'p [(Uuid, Plan)]) -> Keys<'p> {
        let (mut remembered, mut identities) = (RememberedKeys::default(), Identities::default());
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
        }
        Keys {
            org_ids: plans.iter().map(|(org_id, _)| *org_id).collect(),
            slots: pairs(plans, |plan| &plan.slots),
            contacts: pairs(plans, |plan| &plan.contacts),
            bookings: pairs(plans, |plan| &plan.bookings),
            offerings: pairs(plans, |plan| &plan.offerings),
            slots_to_see: pairs(plans, |plan| &plan.slots_to_see),
            remembered,
            identities,
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
        let slots = by_id(&self.slots, slots_sql);
        let contacts = by_id(&self.contacts, contacts_sql);
        // From here on everything is read after the locks.
        let offerings = by_id(&self.offerings, &OFFERINGS);
        let slots_offerings = by_id(&self.slots, &OFFERINGS_OF_SLOTS);
        let named = by_id(&self.bookings, &BOOKINGS_BY_ID);
        let seen = by_id(&self.slots_to_see, &SLOTS_SEEN);
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
        }
    }
}

impl Reads {
    fn decode(&self, org_ids: &[Uuid], landed: &Landed) -> Result<Vec<Loaded>, StoreError> {
        // One instant for all: each row's clock was read after all locks.
        let now: Option<Timestamp> = landed.rows(self.orgs).first().map(|row| row.try_get(0)).transpose()?;
        let mut ledgers = Vec::with_capacity(org_ids.len());
        for row in landed.rows(self.orgs) {
            ledgers.push((row.try_get(4)?, Ledger::new(org_rules(row)?)));
        }
        ledgers.sort_by_key(|(org_id, _)| *org_id);
        if let Some(missing) = org_ids.iter().find(|id| of_org(&mut ledgers, **id).is_err()) {
            return Err(StoreError::Corrupt(format!("there is no organisation {missing}")));
        }
        self.fill(&mut ledgers, landed)?;
        let now = now.unwrap_or_default();
        Ok(ledgers.into_iter().map(|(org_id, ledger)| Loaded { org_id, ledger, now }).collect())
    }

    /// Each row into the ledger of its organisation.
    fn fill(&self, ledgers: &mut [(Uuid, Ledger)], landed: &Landed) -> Result<(), StoreError> {
        for row in landed.rows(self.slots) {
            ledger_of(ledgers, row)?.load_slot(rows::slot(row)?);
        }
        for row in landed.rows(self.contacts) {
            ledger_of(ledgers, row)?.load_contact(rows::contact(row)?);
        }
        for row in landed.rows(self.offerings).iter().chain(landed.rows(self.slots_offerings)) {
            ledger_of(ledgers, row)?.load_offering(Arc::new(rows::offering(row)?));
        }
        for row in landed.rows(self.balances) {
            ledger_of(ledgers, row)?.load_balance(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        }
        for row in landed.rows(self.bookings).iter().chain(landed.rows(self.named)) {
            ledger_of(ledgers, row)?.load_booking(rows::booking(row)?);
        }
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
