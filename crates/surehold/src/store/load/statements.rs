//! The statements of flight 1.

use std::sync::LazyLock;

use crate::store::{rows, trip_rows};

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

pub(super) static SLOTS: LazyLock<String> = LazyLock::new(|| probe(rows::SLOT, "slots", ONE_ID, BY_ID, ""));
pub(super) static SLOTS_LOCKED: LazyLock<String> = LazyLock::new(|| probe(rows::SLOT, "slots", ONE_ID, BY_ID, LOCK));
pub(super) static CONTACTS: LazyLock<String> = LazyLock::new(|| probe(rows::CONTACT, "contacts", ONE_ID, BY_ID, ""));
pub(super) static CONTACTS_LOCKED: LazyLock<String> =
    LazyLock::new(|| probe(rows::CONTACT, "contacts", ONE_ID, BY_ID, LOCK));
pub(super) const ORGS_AND_CLOCK: &str = "SELECT clock_timestamp(), o.slot_capacity_max,
        ARRAY(SELECT kind FROM credit_kinds k WHERE k.org_id = o.id ORDER BY position),
        ARRAY(SELECT token_label FROM credit_kinds k WHERE k.org_id = o.id ORDER BY position), o.currency, o.id
    FROM orgs o WHERE o.id = ANY($1)";
pub(super) static OFFERINGS: LazyLock<String> = LazyLock::new(|| probe(rows::OFFERING, "offerings", ONE_ID, BY_ID, ""));
pub(super) static OFFERINGS_OF_SLOTS: LazyLock<String> = LazyLock::new(|| {
    let wanted = "(SELECT s.offering_id FROM slots s WHERE s.org_id = k.org_id AND s.id = k.id)";
    probe(rows::OFFERING, "offerings", ONE_ID, &format!("t.id = {wanted}"), "")
});
pub(super) static BALANCES: LazyLock<String> =
    LazyLock::new(|| probe("contact_id, kind, amount", "credit_balances", ONE_ID, "t.contact_id = k.id", ""));
pub(super) static BOOKINGS_OF_CONTACTS: LazyLock<String> = LazyLock::new(|| {
    let of_interest = "t.contact_id = k.id AND (t.status <> ALL('{cancelled,expired}') \
        OR t.slot_id = ANY($3::uuid[]) OR t.booked_slot_id = ANY($3::uuid[]))";
    probe(rows::BOOKING, "bookings", ONE_ID, of_interest, "")
});
pub(super) static PLACES: LazyLock<String> =
    LazyLock::new(|| probe("slot_id, contact_id, payment_id", "bookings", ONE_ID, BY_ID, ""));
pub(super) static BOOKINGS_BY_ID: LazyLock<String> =
    LazyLock::new(|| probe(rows::BOOKING, "bookings", ONE_ID, BY_ID, ""));
const KEY: &str = "t.key = k.key AND t.principal = k.principal";
pub(super) static REMEMBERED: LazyLock<String> = LazyLock::new(|| {
    let columns = "principal, key, command_id, fingerprint, answer, \
        (SELECT b.status FROM bookings b WHERE b.org_id = k.org_id AND b.id = t.entity_id)";
    probe(columns, "journal", "$2::text[], $3::text[]) AS k(org_id, key, principal", KEY, "")
});
pub(super) static SLOTS_SEEN: LazyLock<String> = LazyLock::new(|| probe("id", "slots", ONE_ID, BY_ID, ""));
pub(super) static IDENTITIES: LazyLock<String> = LazyLock::new(|| {
    let own = |column| format!("(SELECT c.{column} FROM contacts c WHERE c.org_id = k.org_id AND c.id = k.contact_id)");
    let keys = format!(
        "t.student_id = COALESCE(k.student_id, {}) AND t.email = COALESCE(k.email, {})",
        own("student_id"),
        own("email")
    );
    let lists = "$2::text[], $3::text[], $4::uuid[]) AS k(org_id, student_id, email, contact_id";
    probe("student_id, email, id", "contacts", lists, &keys, "")
});

// Trips and money.

const BY_TRIP: &str = "t.trip_id = k.id";
const BY_PAYMENT: &str = "t.payment_id = k.id";

pub(super) static OFFERINGS_LOCKED: LazyLock<String> =
    LazyLock::new(|| probe(rows::OFFERING, "offerings", ONE_ID, BY_ID, LOCK));
pub(super) static OFFERINGS_NAMED: LazyLock<String> =
    LazyLock::new(|| probe("name, id", "offerings", "$2::text[]) AS k(org_id, name", "t.name = k.name", ""));
/// The slots of an offering that begin at a local date and time. Not locked: the offering is.
pub(super) static SLOTS_STARTING: LazyLock<String> = LazyLock::new(|| {
    let lists = "$2::uuid[], $3::date[], $4::time[]) AS k(org_id, offering_id, local_date, local_start";
    let keys = "t.offering_id = k.offering_id AND t.local_date = k.local_date AND t.local_start = k.local_start";
    probe(rows::SLOT, "slots", lists, &format!("{keys} AND t.status <> 'cancelled'"), "")
});
pub(super) static PAYMENT_PLACES: LazyLock<String> = LazyLock::new(|| {
    let slots = "ARRAY(SELECT b.slot_id FROM bookings b WHERE b.org_id = k.org_id AND b.payment_id = k.id)";
    probe(&format!("contact_id, trip_id, {slots}"), "payments", ONE_ID, BY_ID, "")
});
pub(super) static TRIPS: LazyLock<String> = LazyLock::new(|| probe(trip_rows::TRIP, "trips", ONE_ID, BY_ID, ""));
pub(super) static TRIPS_OF_TRAVELLERS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT t.*, k.org_id FROM unnest($1::uuid[], {ONE_ID}) CROSS JOIN LATERAL
         (SELECT p.trip_id FROM payments p WHERE p.org_id = k.org_id AND p.contact_id = k.id \
            AND p.status IN ('pending', 'processing') OFFSET 0) p CROSS JOIN LATERAL
         (SELECT {} FROM trips t WHERE t.org_id = k.org_id AND t.id = p.trip_id OFFSET 0) t",
        trip_rows::TRIP
    )
});
pub(super) static PAYMENTS: LazyLock<String> =
    LazyLock::new(|| probe(trip_rows::PAYMENT, "payments", ONE_ID, BY_ID, ""));
pub(super) static PAYMENTS_OF_TRIPS: LazyLock<String> =
    LazyLock::new(|| probe(trip_rows::PAYMENT, "payments", ONE_ID, BY_TRIP, ""));
pub(super) static PAYMENTS_OF_TRAVELLERS: LazyLock<String> = LazyLock::new(|| {
    let open = "t.contact_id = k.id AND t.status IN ('pending', 'processing')";
    probe(trip_rows::PAYMENT, "payments", ONE_ID, open, "")
});
pub(super) static PAYMENTS_NAMED: LazyLock<String> = LazyLock::new(|| {
    probe(trip_rows::PAYMENT, "payments", "$2::text[]) AS k(org_id, reference", "t.reference = k.reference", "")
});
pub(super) static BOOKINGS_OF_PAYMENTS: LazyLock<String> =
    LazyLock::new(|| probe(rows::BOOKING, "bookings", ONE_ID, BY_PAYMENT, ""));
pub(super) static REFUNDS: LazyLock<String> =
    LazyLock::new(|| probe(trip_rows::REFUND, "refunds", ONE_ID, BY_PAYMENT, ""));
/// Payments whose holds on these slots have come to their end. A slot without holds costs one probe of its own row.
pub(super) static DUE_HOLDS: LazyLock<String> = LazyLock::new(|| {
    let due = "t.slot_id = k.id AND t.status = 'pending_payment' AND t.expires_at <= clock_timestamp() \
        AND (SELECT s.held > 0 FROM slots s WHERE s.org_id = k.org_id AND s.id = k.id)";
    probe("payment_id", "bookings", ONE_ID, due, "")
});

/// The reads by key, for the test that looks at their plans.
pub fn key_reads() -> Vec<&'static str> {
    vec![
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
        &OFFERINGS_LOCKED,
        &OFFERINGS_NAMED,
        &SLOTS_STARTING,
        &PAYMENT_PLACES,
        &TRIPS,
        &TRIPS_OF_TRAVELLERS,
        &PAYMENTS,
        &PAYMENTS_OF_TRIPS,
        &PAYMENTS_OF_TRAVELLERS,
        &PAYMENTS_NAMED,
        &BOOKINGS_OF_PAYMENTS,
        &REFUNDS,
        &DUE_HOLDS,
    ]
}
