//! Noticing what changed: by the journal, from where the last run stopped; or by a look at every row.
//!
//! Noticing compares versions, so a row may be noticed any number of times. That is needed: ids of the journal are in
//! the order in which they were made, not in that of their commits, so its end is read again each time.

use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use crate::store::StoreError;

/// Journal rows that are looked through at once.
const CHUNK: i64 = 20_000;
/// Rows of a table that are looked at at once, when all are.
const SWEEP_CHUNK: i64 = 10_000;
/// How much of the journal's end is read again, in milliseconds. A transaction ends within ten seconds; the rest is for
/// servers whose clocks differ.
const OVERLAP_MS: u64 = 60_000;

// What becomes of a link that is noticed with a newer version. A parked row gets another chance.
macro_rules! notice {
    ($select:literal) => {
        concat!(
            "INSERT INTO hubspot_links AS l (org_id, entity, entity_id, seen_version) ",
            $select,
            " ON CONFLICT (org_id, entity, entity_id) DO UPDATE SET seen_version = EXCLUDED.seen_version, \
             changed_at = CASE WHEN l.pushed_version < l.seen_version THEN l.changed_at ELSE now() END, \
             failures = 0, retry_at = NULL, parked_at = NULL WHERE l.seen_version < EXCLUDED.seen_version"
        )
    };
}

// Holds are nobody's bookings yet; those that end as such are never mirrored. Of what a contact has, credits have
// versions of their own.
const BOOKINGS: &str = notice!(
    "SELECT b.org_id, 'booking', b.id, b.version FROM bookings b WHERE b.org_id = $1 AND b.id IN (
        SELECT j.entity_id FROM journal j WHERE j.org_id = $1 AND j.id > $2 AND j.id <= $3 AND j.entity = 'booking')
     AND b.status NOT IN ('pending_payment', 'processing', 'expired')"
);
const CONTACTS: &str = notice!(
    "SELECT c.org_id, 'contact', c.id, c.version + (SELECT COALESCE(sum(v.version), 0)::int8 FROM credit_balances v
        WHERE v.org_id = c.org_id AND v.contact_id = c.id)
     FROM contacts c WHERE c.org_id = $1 AND c.id IN (
        SELECT j.entity_id FROM journal j WHERE j.org_id = $1 AND j.id > $2 AND j.id <= $3 AND j.entity = 'contact'
        UNION SELECT b.contact_id FROM journal j JOIN bookings b ON b.org_id = j.org_id AND b.id = j.entity_id
        WHERE j.org_id = $1 AND j.id > $2 AND j.id <= $3 AND j.entity = 'booking')"
);
// Seats change with bookings; a move gives one up at the slot from which it came.
const SLOTS: &str = notice!(
    "SELECT s.org_id, 'slot', s.id, s.version FROM slots s WHERE s.org_id = $1 AND s.id IN (
        SELECT j.entity_id FROM journal j WHERE j.org_id = $1 AND j.id > $2 AND j.id <= $3 AND j.entity = 'slot'
        UNION SELECT b.slot_id FROM journal j JOIN bookings b ON b.org_id = j.org_id AND b.id = j.entity_id
        WHERE j.org_id = $1 AND j.id > $2 AND j.id <= $3 AND j.entity = 'booking'
        UNION SELECT (j.before ->> 'slot_id')::uuid FROM journal j
        WHERE j.org_id = $1 AND j.id > $2 AND j.id <= $3 AND j.event = 'booking.moved')"
);
// A booking shows its contact's name and address.
const NAMES: &str = "UPDATE hubspot_links l SET pushed_version = 0, failures = 0, retry_at = NULL, parked_at = NULL,
        changed_at = CASE WHEN l.pushed_version < l.seen_version THEN l.changed_at ELSE now() END
    FROM journal j JOIN bookings b ON b.org_id = j.org_id AND b.contact_id = j.entity_id
    WHERE j.org_id = $1 AND j.id > $2 AND j.id <= $3 AND j.event = 'contact.changed'
      AND l.org_id = j.org_id AND l.entity = 'booking' AND l.entity_id = b.id AND l.pushed_at < j.at + interval '10 s'";
const CHUNK_END: &str = "SELECT id FROM journal WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT 1 OFFSET $3";
const LAST: &str = "SELECT id FROM journal WHERE org_id = $1 AND id > $2 ORDER BY id DESC LIMIT 1";
// A scheduled session goes on sale without anybody changing it.
const ACTIVATED: &str = "UPDATE hubspot_links l SET pushed_version = 0, changed_at = s.activates_at FROM slots s
    WHERE s.org_id = $1 AND s.status = 'scheduled' AND s.activates_at <= now()
      AND l.org_id = s.org_id AND l.entity = 'slot' AND l.entity_id = s.id AND l.pushed_version > 0
      AND l.pushed_at < s.activates_at";
const BEGAN: &str = "SELECT (SELECT journal_cursor FROM hubspot_syncs WHERE org_id = $1),
    (extract(epoch FROM clock_timestamp()) * 1000)::int8";
const CURSOR: &str = "UPDATE hubspot_syncs SET journal_cursor = $2 WHERE org_id = $1";

const SWEEP_CONTACTS: &str = notice!(
    "SELECT c.org_id, 'contact', c.id, c.version + (SELECT COALESCE(sum(v.version), 0)::int8 FROM credit_balances v
        WHERE v.org_id = c.org_id AND v.contact_id = c.id)
     FROM contacts c WHERE c.org_id = $1 AND c.id > $2 AND c.id <= $3"
);
const SWEEP_SLOTS: &str =
    notice!("SELECT s.org_id, 'slot', s.id, s.version FROM slots s WHERE s.org_id = $1 AND s.id > $2 AND s.id <= $3");
const SWEEP_BOOKINGS: &str = notice!(
    "SELECT b.org_id, 'booking', b.id, b.version FROM bookings b WHERE b.org_id = $1 AND b.id > $2 AND b.id <= $3
     AND b.status NOT IN ('pending_payment', 'processing', 'expired')"
);
const ENDS: [&str; 3] = [
    "SELECT id FROM (SELECT id FROM contacts WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT $3) t ORDER BY id DESC LIMIT 1",
    "SELECT id FROM (SELECT id FROM slots WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT $3) t ORDER BY id DESC LIMIT 1",
    "SELECT id FROM (SELECT id FROM bookings WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT $3) t ORDER BY id DESC LIMIT 1",
];

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    BOOKINGS,
    CONTACTS,
    SLOTS,
    NAMES,
    CHUNK_END,
    LAST,
    ACTIVATED,
    BEGAN,
    CURSOR,
    SWEEP_CONTACTS,
    SWEEP_SLOTS,
    SWEEP_BOOKINGS,
    ENDS[0],
    ENDS[1],
    ENDS[2],
];

/// Notices everything that the journal tells since the last time; without a last time, every row. Says how many links
/// were changed.
pub async fn notice(client: &ClientWrapper, org_id: Uuid) -> Result<u64, StoreError> {
    let began = client.query_one(BEGAN, &[&org_id]).await?;
    let (cursor, now): (Option<Uuid>, i64) = (began.try_get(0)?, began.try_get(1)?);
    // A row that was written by a clock ahead of the database's is read again until its time has come: with the cursor
    // there, nothing that others write until then would be noticed.
    let now = first_of(u64::try_from(now).unwrap_or_default());
    let mut noticed = client.execute(ACTIVATED, &[&org_id]).await?;
    let Some(cursor) = cursor else {
        // What is written while this goes on is noticed by the journal, from here on.
        let last = client.query_opt(LAST, &[&org_id, &Uuid::nil()]).await?;
        noticed += sweep(client, org_id).await?;
        let last = last.map_or(Ok(Uuid::nil()), |row| row.try_get(0))?;
        client.execute(CURSOR, &[&org_id, &now.min(last)]).await?;
        return Ok(noticed);
    };
    let mut from = before(cursor);
    loop {
        let end = match client.query_opt(CHUNK_END, &[&org_id, &from, &(CHUNK - 1)]).await? {
            Some(row) => Some(row.try_get::<_, Uuid>(0)?),
            None => client.query_opt(LAST, &[&org_id, &from]).await?.map(|row| row.try_get(0)).transpose()?,
        };
        let Some(end) = end else { return Ok(noticed) };
        for sql in [CONTACTS, SLOTS, BOOKINGS, NAMES] {
            noticed += client.execute(sql, &[&org_id, &from, &end]).await?;
        }
        if now.min(end) > cursor {
            client.execute(CURSOR, &[&org_id, &now.min(end)]).await?;
        }
        from = end;
    }
}

/// Notices every row that is newer than what was seen of it.
pub async fn sweep(client: &ClientWrapper, org_id: Uuid) -> Result<u64, StoreError> {
    let mut noticed = 0;
    for (ends, sql) in ENDS.into_iter().zip([SWEEP_CONTACTS, SWEEP_SLOTS, SWEEP_BOOKINGS]) {
        let mut from = Uuid::nil();
        while let Some(end) = client.query_opt(ends, &[&org_id, &from, &SWEEP_CHUNK]).await? {
            let end: Uuid = end.try_get(0)?;
            noticed += client.execute(sql, &[&org_id, &from, &end]).await?;
            from = end;
        }
    }
    Ok(noticed)
}

/// The smallest id of a moment before that of another id: the first six bytes of a UUIDv7 are milliseconds.
fn before(id: Uuid) -> Uuid {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&id.as_bytes()[..6]);
    first_of(u64::from_be_bytes(bytes).saturating_sub(OVERLAP_MS))
}

/// The smallest id of a moment, in milliseconds since 1970.
fn first_of(ms: u64) -> Uuid {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    Uuid::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_journal_is_read_again() {
        let now = Uuid::now_v7();
        let earlier = before(now);
        let millis = |id: Uuid| id.as_u128() >> 80;
        assert_eq!(millis(now) - millis(earlier), u128::from(OVERLAP_MS));
        assert_eq!(before(Uuid::nil()), Uuid::nil());
    }
}
