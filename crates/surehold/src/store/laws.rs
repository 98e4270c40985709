//! The laws, checked on a live database (`surehold doctor`, `GET /api/admin/laws`).
//!
//! One statement asks for everything, so all of it is one snapshot: bookings that commit meanwhile cannot
//! make a sound database look broken. Each check below yields the rows at fault, and none when all is well.

use serde::Serialize;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::StoreError;

/// So many violations of a law are listed; all are counted.
const LISTED_MAX: i64 = 100;

/// What became of one law.
#[derive(Debug, Clone, Serialize)]
pub struct LawReport {
    /// Its number in the design.
    pub law: u8,
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub rule: &'static str,
    /// Rows that were looked at.
    pub checked: i64,
    /// Violations in all.
    pub violated: i64,
    /// The first of them: 100 at most.
    pub violations: Vec<Violation>,
}

/// A row at fault.
#[derive(Debug, Clone, Serialize)]
pub struct Violation {
    /// Whose row.
    pub org_id: Uuid,
    /// The table.
    pub table: &'static str,
    /// The row: its id, or for a balance its contact's.
    pub id: Uuid,
    /// What is wrong with it.
    pub problem: String,
}

struct Law {
    law: u8,
    name: &'static str,
    rule: &'static str,
    /// Tables whose rows it is about.
    about: &'static [&'static str],
    checks: &'static [Check],
}

/// `sql` yields `org_id, id, problem`; `$org` stands for the condition on a row's org_id.
struct Check {
    table: &'static str,
    sql: &'static str,
}

const fn found_by(table: &'static str, sql: &'static str) -> Check {
    Check { table, sql }
}

/// A row whose journal has not one row for each of its versions.
macro_rules! versions {
    ($table:literal, $entity:literal) => {
        concat!(
            "SELECT t.org_id, t.id, format('is ' || t.status || ' at version %s; the journal has %s rows of it', t.version, count(j.id))
             FROM ", $table, " t LEFT JOIN journal j ON j.org_id = t.org_id AND j.entity_id = t.id AND j.entity = '", $entity, "'
                  AND j.event <> 'request.unchanged'
             WHERE t.$org GROUP BY t.org_id, t.id
             HAVING count(j.id) <> t.version OR count(j.id) FILTER (WHERE
                    j.after ->> 'version' = t.version::text AND j.after ->> 'status' = t.status) <> 1"
        )
    };
}

const LAWS: &[Law] = &[
    Law {
        law: 1,
        name: "Seats",
        rule: "taken, held and withheld seats are never negative, and together never more than the capacity",
        about: &["slots"],
        checks: &[found_by(
            "slots",
            "SELECT org_id, id, format('%s taken + %s held + %s withheld of %s seats', taken, held, withheld, capacity)
             FROM slots WHERE $org AND (taken < 0 OR held < 0 OR withheld < 0 OR taken + held + withheld > capacity)",
        )],
    },
    Law {
        law: 2,
        name: "Bookings",
        rule: "taken and held seats are those of the session's bookings",
        about: &["slots", "bookings"],
        checks: &[found_by(
            "slots",
            "SELECT s.org_id, s.id, format('taken %s, but its bookings take %s; held %s, but its bookings hold %s',
                                           s.taken, coalesce(b.taken, 0), s.held, coalesce(b.held, 0))
             FROM slots s LEFT JOIN (
                 SELECT org_id, slot_id,
                        sum(guests) FILTER (WHERE status IN ('confirmed', 'completed', 'no_show')) AS taken,
                        sum(guests) FILTER (WHERE status IN ('pending_payment', 'processing')) AS held
                 FROM bookings WHERE $org GROUP BY org_id, slot_id
             ) b ON b.org_id = s.org_id AND b.slot_id = s.id
             WHERE s.$org AND (s.taken <> coalesce(b.taken, 0) OR s.held <> coalesce(b.held, 0))",
        )],
    },
    Law {
        law: 3,
        name: "Credits",
        rule: "each balance is at least 0 and the sum of its entries; each contact has one of each kind",
        about: &["credit_balances", "credit_entries"],
        checks: &[
            found_by(
                "credit_balances",
                "SELECT b.org_id, b.contact_id, format('%s is %s, but its entries sum up to %s', b.kind, b.amount, coalesce(e.total, 0))
                 FROM credit_balances b LEFT JOIN (
                     SELECT org_id, contact_id, kind, sum(delta) AS total FROM credit_entries WHERE $org
                     GROUP BY org_id, contact_id, kind
                 ) e ON e.org_id = b.org_id AND e.contact_id = b.contact_id AND e.kind = b.kind
                 WHERE b.$org AND (b.amount < 0 OR b.amount <> coalesce(e.total, 0))",
            ),
            found_by(
                "contacts",
                "SELECT c.org_id, c.id, format('has no balance of %s', k.kind)
                 FROM contacts c JOIN credit_kinds k ON k.org_id = c.org_id
                 LEFT JOIN credit_balances b ON b.org_id = c.org_id AND b.contact_id = c.id AND b.kind = k.kind
                 WHERE c.$org AND b.contact_id IS NULL",
            ),
            // Entries of one balance form a chain from 0 to their sum: each starts where another ended.
            // Counted without relying on their order, because ids of several servers do not sort by commit.
            found_by(
                "credit_entries",
                "SELECT org_id, contact_id, format('entries of %s do not follow from each other at %s', kind, amount)
                 FROM (
                     SELECT org_id, contact_id, kind, balance AS amount, 1 AS step FROM credit_entries WHERE $org
                     UNION ALL SELECT org_id, contact_id, kind, balance - delta, -1 FROM credit_entries WHERE $org
                     UNION ALL SELECT org_id, contact_id, kind, 0, 1 FROM credit_entries WHERE $org
                         GROUP BY org_id, contact_id, kind
                     UNION ALL SELECT org_id, contact_id, kind, sum(delta)::bigint, -1 FROM credit_entries WHERE $org
                         GROUP BY org_id, contact_id, kind
                 ) chain
                 GROUP BY org_id, contact_id, kind, amount HAVING sum(step) <> 0",
            ),
        ],
    },
    Law {
        law: 4,
        name: "Keys",
        rule: "one key has one effect, and each command is remembered with its key, fingerprint and answer, once",
        about: &["journal"],
        checks: &[
            found_by(
                "journal",
                "SELECT org_id, min(id::text)::uuid, format('key %s of %s was used %s times', key, principal, count(*))
                 FROM journal WHERE $org AND key IS NOT NULL GROUP BY org_id, principal, key HAVING count(*) > 1",
            ),
            found_by(
                "journal",
                "SELECT org_id, min(id::text)::uuid, format('command %s has %s rows with a key, not 1', command_id, count(key))
                 FROM journal WHERE $org GROUP BY org_id, command_id HAVING count(key) <> 1",
            ),
            found_by(
                "journal",
                "SELECT org_id, id, 'its key has no fingerprint or no answer' FROM journal
                 WHERE $org AND key IS NOT NULL
                   AND (fingerprint IS NULL OR length(fingerprint) <> 32 OR answer IS NULL OR json_typeof(answer) <> 'object')",
            ),
        ],
    },
    Law {
        law: 5,
        name: "Journal",
        rule: "each change has its journal row: a booking one for each of its versions, the last with its status",
        about: &["bookings", "slots", "contacts", "trips", "payments", "refunds"],
        checks: &[
            found_by("trips", versions!("trips", "trip")),
            found_by("payments", versions!("payments", "payment")),
            found_by("refunds", versions!("refunds", "refund")),
            found_by(
                "bookings",
                "SELECT b.org_id, b.id, format('is %s at version %s; the journal has %s rows, of which %s say so',
                                               b.status, b.version, count(j.id), count(j.id) FILTER (WHERE
                                               j.after ->> 'version' = b.version::text AND j.after ->> 'status' = b.status))
                 FROM bookings b LEFT JOIN journal j ON j.org_id = b.org_id AND j.entity_id = b.id AND j.entity = 'booking'
                      AND j.event <> 'request.unchanged'
                 WHERE b.$org GROUP BY b.org_id, b.id
                 HAVING count(j.id) <> b.version OR count(DISTINCT j.after ->> 'version') <> b.version OR count(j.id) FILTER (WHERE
                        j.after ->> 'version' = b.version::text AND j.after ->> 'status' = b.status) <> 1",
            ),
            found_by(
                "slots",
                "SELECT s.org_id, s.id, format('was edited to version %s; the journal has %s rows that say so',
                                               s.edit_version, count(j.id))
                 FROM slots s LEFT JOIN journal j ON j.org_id = s.org_id AND j.entity_id = s.id AND j.entity = 'slot'
                      AND j.event IN ('slot.opened', 'slot.changed', 'slot.blocked', 'slot.unblocked', 'slot.cancelled')
                 WHERE s.$org GROUP BY s.org_id, s.id HAVING count(j.id) <> s.edit_version",
            ),
            found_by(
                "contacts",
                "SELECT c.org_id, c.id, format('is at version %s; the journal has %s rows that say so', c.version, count(j.id))
                 FROM contacts c LEFT JOIN journal j ON j.org_id = c.org_id AND j.entity_id = c.id
                      AND j.entity = 'contact' AND j.event IN ('contact.added', 'contact.changed')
                 WHERE c.$org GROUP BY c.org_id, c.id HAVING count(j.id) <> c.version",
            ),
        ],
    },
    Law {
        law: 6,
        name: "Answers",
        rule: "what was acknowledged is there: whatever the journal is about exists",
        about: &["journal"],
        checks: &[
            // Callers' notes may be about what is none of our rows.
            found_by(
                "journal",
                "SELECT j.org_id, j.id, format('is about the %s %s, which does not exist', j.entity, j.entity_id)
                 FROM journal j
                 LEFT JOIN bookings b ON b.org_id = j.org_id AND b.id = j.entity_id AND j.entity = 'booking'
                 LEFT JOIN slots s ON s.org_id = j.org_id AND s.id = j.entity_id AND j.entity = 'slot'
                 LEFT JOIN contacts c ON c.org_id = j.org_id AND c.id = j.entity_id AND j.entity = 'contact'
                 LEFT JOIN trips t ON t.org_id = j.org_id AND t.id = j.entity_id AND j.entity = 'trip'
                 LEFT JOIN payments p ON p.org_id = j.org_id AND p.id = j.entity_id AND j.entity = 'payment'
                 LEFT JOIN refunds r ON r.org_id = j.org_id AND r.id = j.entity_id AND j.entity = 'refund'
                 LEFT JOIN offerings o ON o.org_id = j.org_id AND o.id = j.entity_id AND j.entity = 'offering'
                 WHERE j.$org AND j.entity <> 'note' AND coalesce(b.id, s.id, c.id, t.id, p.id, r.id, o.id) IS NULL",
            ),
            found_by(
                "journal",
                "SELECT j.org_id, j.id, format('answered booking %s, which does not exist', j.booking_id)
                 FROM (
                     SELECT org_id, id, jsonb_path_query_first(answer::jsonb, '$.*.booking_id') #>> '{}' AS booking_id
                     FROM journal WHERE $org AND answer IS NOT NULL
                 ) j LEFT JOIN bookings b ON b.org_id = j.org_id AND b.id::text = j.booking_id
                 WHERE j.booking_id IS NOT NULL AND b.id IS NULL",
            ),
        ],
    },
    Law {
        law: 7,
        name: "Payment",
        rule: "a booking cost its credits once, or its payment has the money; what does not pay for bookings goes back, once",
        about: &["bookings", "credit_entries", "payments", "refunds"],
        checks: &[
            found_by(
                "bookings",
                "SELECT b.org_id, b.id, format('is %s, but its payment %s is %s', b.status, p.id, p.status)
                 FROM bookings b JOIN payments p ON p.org_id = b.org_id AND p.id = b.payment_id
                 WHERE b.$org AND CASE b.status
                     WHEN 'pending_payment' THEN p.status <> 'pending'
                     WHEN 'processing' THEN p.status <> 'processing'
                     WHEN 'confirmed' THEN p.status NOT IN ('succeeded', 'partially_refunded')
                     WHEN 'expired' THEN p.status IN ('pending', 'processing', 'succeeded', 'partially_refunded')
                     WHEN 'cancelled' THEN p.status NOT IN ('succeeded', 'partially_refunded', 'refunded')
                     ELSE p.status NOT IN ('succeeded', 'partially_refunded', 'refunded') END",
            ),
            found_by(
                "payments",
                "SELECT p.org_id, p.id, format('is %s of %s %s, received %s; its bookings cost %s', p.status, p.amount_minor,
                                               p.currency, coalesce(p.received_minor, 0), coalesce(b.total, 0))
                 FROM payments p LEFT JOIN (
                     SELECT org_id, payment_id, sum(price_minor) AS total FROM bookings WHERE $org GROUP BY org_id, payment_id
                 ) b ON b.org_id = p.org_id AND b.payment_id = p.id
                 WHERE p.$org AND CASE p.source
                     WHEN 'checkout' THEN p.amount_minor IS DISTINCT FROM b.total
                         OR (p.status IN ('succeeded', 'partially_refunded')
                             AND (p.received_minor IS DISTINCT FROM p.amount_minor OR p.received_currency IS DISTINCT FROM p.currency))
                     ELSE coalesce(b.total, 0) > p.amount_minor END",
            ),
            found_by(
                "payments",
                "SELECT p.org_id, p.id, format('is %s and received %s; refunds that were not refused: %s', p.status,
                                               coalesce(p.received_minor, 0), coalesce(r.total, 0))
                 FROM payments p LEFT JOIN (
                     SELECT org_id, payment_id, sum(amount_minor) FILTER (WHERE status <> 'failed') AS total,
                            bool_or(status = 'failed') AS any_failed
                     FROM refunds WHERE $org GROUP BY org_id, payment_id
                 ) r ON r.org_id = p.org_id AND r.payment_id = p.id
                 WHERE p.$org AND (coalesce(r.total, 0) > coalesce(p.received_minor, 0)
                     OR (p.status IN ('pending', 'failed') AND coalesce(p.received_minor, 0) > 0)
                     OR (p.status IN ('refunding', 'refunded') AND coalesce(r.total, 0) < p.received_minor
                         AND (p.flag IS NULL OR NOT coalesce(r.any_failed, false))))",
            ),
            found_by(
                "bookings",
                "SELECT b.org_id, b.id, format('entries that took credits: %s, in all %s %s; expected: %s', coalesce(e.n, 0),
                                               coalesce(-e.total, 0), e.kind, CASE b.paid_by WHEN 'credit'
                                               THEN format('1 of %s %s', b.guests, b.credit_kind) ELSE 'none' END)
                 FROM bookings b LEFT JOIN (
                     SELECT org_id, booking_id, count(*) AS n, sum(delta) AS total, min(kind) AS kind,
                            min(contact_id::text) AS contact_id
                     FROM credit_entries WHERE $org AND reason = 'booking' GROUP BY org_id, booking_id
                 ) e ON e.org_id = b.org_id AND e.booking_id = b.id
                 WHERE b.$org AND CASE b.paid_by
                     WHEN 'credit' THEN e.n IS DISTINCT FROM 1 OR -e.total <> b.guests OR e.kind <> b.credit_kind
                                        OR e.contact_id <> b.contact_id::text
                     ELSE e.n IS NOT NULL END",
            ),
            found_by(
                "bookings",
                "SELECT b.org_id, b.id, format('entries that gave credits back: %s, in all %s %s; expected: %s', coalesce(e.n, 0),
                                               coalesce(e.total, 0), e.kind, CASE
                                               WHEN b.credit_returned_at IS NULL OR b.paid_by <> 'credit' THEN 'none'
                                               ELSE format('1 of %s %s', b.guests, b.returned_kind) END)
                 FROM bookings b LEFT JOIN (
                     SELECT org_id, booking_id, count(*) AS n, sum(delta) AS total, min(kind) AS kind,
                            min(contact_id::text) AS contact_id
                     FROM credit_entries WHERE $org AND reason = 'return' GROUP BY org_id, booking_id
                 ) e ON e.org_id = b.org_id AND e.booking_id = b.id
                 WHERE b.$org AND CASE WHEN b.credit_returned_at IS NULL THEN e.n IS NOT NULL
                     ELSE e.n IS DISTINCT FROM 1 OR e.total <> b.guests OR e.kind <> b.returned_kind
                          OR e.contact_id <> b.contact_id::text OR b.paid_by <> 'credit' END",
            ),
            found_by(
                "credit_entries",
                "SELECT e.org_id, e.id, format('is about booking %s, which does not exist', e.booking_id)
                 FROM credit_entries e LEFT JOIN bookings b ON b.org_id = e.org_id AND b.id = e.booking_id
                 WHERE e.$org AND e.booking_id IS NOT NULL AND b.id IS NULL",
            ),
        ],
    },
    Law {
        law: 8,
        name: "Holds",
        rule: "a hold's seats are free within 5 s of its end, which lies after the last moment at which it can be paid",
        about: &["bookings"],
        checks: &[found_by(
            "bookings",
            "SELECT b.org_id, b.id, format('is held until %s, payable until %s; it is %s now', b.expires_at, p.pay_until,
                                           statement_timestamp())
             FROM bookings b LEFT JOIN payments p ON p.org_id = b.org_id AND p.id = b.payment_id
             WHERE b.$org AND b.status = 'pending_payment'
               AND (b.expires_at < statement_timestamp() - interval '5 s' OR b.expires_at IS NULL
                    OR p.expires_at IS DISTINCT FROM b.expires_at OR p.pay_until >= b.expires_at)",
        )],
    },
    // As far as the database can tell; whether both sides agree is what `surehold sync --check` asks HubSpot.
    Law {
        law: 9,
        name: "Mirror",
        rule: "a mirrored row has one record at HubSpot, which is no other row's; a change of credits there counts once",
        about: &["hubspot_links", "hubspot_credit_changes"],
        checks: &[
            found_by(
                "hubspot_links",
                "SELECT l.org_id, min(l.entity_id::text)::uuid, format('its record %s is that of %s rows of kind %s', l.hubspot_id,
                                                                       count(*), l.entity)
                 FROM hubspot_links l WHERE l.$org AND l.hubspot_id IS NOT NULL
                 GROUP BY l.org_id, l.entity, l.hubspot_id HAVING count(*) > 1",
            ),
            found_by(
                "hubspot_links",
                "SELECT l.org_id, l.entity_id, format('is linked as a %s to the record %s, but does not exist', l.entity,
                                                      coalesce(l.hubspot_id, '(none yet)'))
                 FROM hubspot_links l
                 LEFT JOIN bookings b ON b.org_id = l.org_id AND b.id = l.entity_id AND l.entity = 'booking'
                 LEFT JOIN slots s ON s.org_id = l.org_id AND s.id = l.entity_id AND l.entity = 'slot'
                 LEFT JOIN contacts c ON c.org_id = l.org_id AND c.id = l.entity_id AND l.entity = 'contact'
                 WHERE l.$org AND coalesce(b.id, s.id, c.id) IS NULL",
            ),
            found_by(
                "hubspot_links",
                "SELECT l.org_id, l.entity_id, format('HubSpot is said to have version %s, but the %s is at version %s',
                                                      l.pushed_version, l.entity, coalesce(b.version, s.version, c.version))
                 FROM hubspot_links l
                 LEFT JOIN bookings b ON b.org_id = l.org_id AND b.id = l.entity_id AND l.entity = 'booking'
                 LEFT JOIN slots s ON s.org_id = l.org_id AND s.id = l.entity_id AND l.entity = 'slot'
                 LEFT JOIN (
                     SELECT c.org_id, c.id, c.version + coalesce(sum(v.version), 0) AS version
                     FROM contacts c LEFT JOIN credit_balances v ON v.org_id = c.org_id AND v.contact_id = c.id
                     WHERE c.$org GROUP BY c.org_id, c.id
                 ) c ON c.org_id = l.org_id AND c.id = l.entity_id AND l.entity = 'contact'
                 WHERE l.$org AND l.pushed_version > coalesce(b.version, s.version, c.version)",
            ),
            // A change is noted after its entry, so an entry may be ahead of its change for a moment; never the other way.
            found_by(
                "hubspot_credit_changes",
                "SELECT h.org_id, h.contact_id, format('%s changes of %s at HubSpot were counted, but its entries are %s', h.n, h.kind,
                                                       coalesce(e.n, 0))
                 FROM (
                     SELECT org_id, contact_id, kind, count(*) AS n FROM hubspot_credit_changes
                     WHERE $org AND applied <> 0 GROUP BY org_id, contact_id, kind
                 ) h LEFT JOIN (
                     SELECT org_id, contact_id, kind, count(*) AS n FROM credit_entries
                     WHERE $org AND reason = 'hubspot' GROUP BY org_id, contact_id, kind
                 ) e ON e.org_id = h.org_id AND e.contact_id = h.contact_id AND e.kind = h.kind
                 WHERE h.n > coalesce(e.n, 0)",
            ),
        ],
    },
];

/// What a check sets before it asks. Its joins are of whole tables: with statistics from a table's first rows the
/// planner would loop over one for each row of another, which takes minutes on a few thousand rows. (Not in a
/// transaction of its own: a caller that hangs up would leave it open.)
pub const SETTING: &str = "SET enable_nestloop = off";

/// Checks every law, for one organisation or for all, test organisations included.
///
/// # Errors
///
/// [`StoreError::Query`] when the database cannot answer; a broken law is no error.
pub async fn check(client: &Client, org_id: Option<Uuid>) -> Result<Vec<LawReport>, StoreError> {
    let sql = statement(org_id.is_some());
    let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] = match &org_id {
        Some(org_id) => &[org_id],
        None => &[],
    };
    client.batch_execute(SETTING).await?;
    let rows = client.query(&sql, parameters).await;
    client.batch_execute("RESET enable_nestloop").await?;
    let mut reports: Vec<LawReport> = LAWS.iter().map(LawReport::new).collect();
    for row in rows? {
        let number: i32 = row.try_get("check_number")?;
        let (law, check) = find(number).ok_or_else(|| StoreError::Corrupt(format!("check {number}")))?;
        reports[law].add(&row, check)?;
    }
    Ok(reports)
}

impl LawReport {
    fn new(law: &Law) -> LawReport {
        LawReport { law: law.law, name: law.name, rule: law.rule, checked: 0, violated: 0, violations: Vec::new() }
    }

    fn add(&mut self, row: &Row, check: Option<&Check>) -> Result<(), StoreError> {
        let amount: i64 = row.try_get("amount")?;
        let Some(check) = check else {
            self.checked = amount;
            return Ok(());
        };
        self.violated = amount;
        self.violations.push(Violation {
            org_id: row.try_get("org_id")?,
            table: check.table,
            id: row.try_get("id")?,
            problem: row.try_get("problem")?,
        });
        Ok(())
    }

    /// Whether the law holds.
    pub fn holds(&self) -> bool {
        self.violated == 0
    }
}

/// The law and the check of a number; a law's own number stands for the count of its rows.
fn find(number: i32) -> Option<(usize, Option<&'static Check>)> {
    let (law, check) = (usize::try_from(number / 100).ok()?, usize::try_from(number % 100).ok()?);
    let checks = LAWS.get(law)?.checks;
    match check {
        0 => Some((law, None)),
        n => checks.get(n - 1).map(|check| (law, Some(check))),
    }
}

/// All checks as one statement: `check_number, org_id, id, problem, amount`, where amount is the number of
/// the law's violations, or of the rows looked at.
pub fn statement(one_org: bool) -> String {
    let condition = if one_org { "org_id = $1" } else { "org_id IS NOT NULL" };
    let (mut faults, mut counts) = (Vec::new(), Vec::new());
    for (number, law) in LAWS.iter().enumerate() {
        for (place, check) in law.checks.iter().enumerate() {
            let sql = check.sql.replace("$org", condition);
            faults.push(format!(
                "SELECT {}, {number}, f.org_id, f.id, f.problem FROM ({sql}) AS f (org_id, id, problem)",
                number * 100 + place + 1
            ));
        }
        let rows: Vec<String> =
            law.about.iter().map(|table| format!("(SELECT count(*) FROM {table} WHERE {condition})")).collect();
        counts.push(format!("SELECT {}, NULL::uuid, NULL::uuid, NULL::text, {}", number * 100, rows.join(" + ")));
    }
    format!(
        "WITH faults (check_number, law, org_id, id, problem) AS (\n{}\n)
         SELECT check_number, org_id, id, problem, amount FROM (
             SELECT *, count(*) OVER (PARTITION BY law) AS amount,
                    row_number() OVER (PARTITION BY law ORDER BY check_number, org_id, id, problem) AS place FROM faults
         ) numbered WHERE place <= {LISTED_MAX}
         UNION ALL {}
         ORDER BY 1, 2, 3, 4",
        faults.join("\nUNION ALL\n"),
        counts.join("\nUNION ALL ")
    )
}
