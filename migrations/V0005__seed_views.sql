-- The names under which the seeds' callers read: views over our tables, for the REST routes (schema drop_in: every
-- organisation, org_id first) and for SQL readers (schemas hubspot_sync and marketplace: one's own organisation).
--
-- `public` cannot hold the marketplace's names: bookings, trips and payments are our own tables there.

-- Which login sees which organisation's rows (`surehold reader`). Who is not listed sees none: roles belong to the
-- whole server, and another database's readers must see nothing here.
CREATE TABLE sql_readers (
    org_id   uuid NOT NULL REFERENCES orgs (id),
    -- A role of the server, as current_user says it.
    role     text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, role)
);

-- What imports of the seeds' databases remember of rows.
ALTER TABLE import_rows
    DROP CONSTRAINT import_rows_source,
    ADD CONSTRAINT import_rows_source CHECK (source IN ('contacts', 'sessions', 'bookings', 'experiences', 'slots'));

-- Callers look contacts up by address alone. Not a column that changes with credits or bookings.
CREATE INDEX contacts_by_email ON contacts (org_id, email);

CREATE SCHEMA drop_in;

-- The credits of students. Travellers have no address and are not among them.
CREATE VIEW drop_in.hubspot_contact_credits AS
SELECT c.org_id,
       c.id,
       l.hubspot_id,
       c.student_id,
       c.email,
       c.first_name AS firstname,
       c.last_name AS lastname,
       btrim(c.first_name || ' ' || c.last_name) AS student_name,
       (SELECT b.amount FROM credit_balances b WHERE b.org_id = c.org_id AND b.contact_id = c.id AND b.kind = 'sj_credits')::int AS sj_credits,
       (SELECT b.amount FROM credit_balances b WHERE b.org_id = c.org_id AND b.contact_id = c.id AND b.kind = 'cs_credits')::int AS cs_credits,
       (SELECT b.amount FROM credit_balances b WHERE b.org_id = c.org_id AND b.contact_id = c.id AND b.kind = 'sjmini_credits')::int AS sjmini_credits,
       (SELECT b.amount FROM credit_balances b WHERE b.org_id = c.org_id AND b.contact_id = c.id AND b.kind = 'mock_discussion_token')::int AS mock_discussion_token,
       (SELECT b.amount FROM credit_balances b WHERE b.org_id = c.org_id AND b.contact_id = c.id AND b.kind = 'shared_mock_credits')::int AS shared_mock_credits,
       c.ndecc_exam_date::text AS ndecc_exam_date,
       c.created_at,
       c.updated_at,
       c.updated_at AS synced_at,
       l.pushed_at AS hubspot_last_sync_at
FROM contacts c
LEFT JOIN hubspot_links l ON l.org_id = c.org_id AND l.entity = 'contact' AND l.entity_id = c.id
WHERE c.email <> '';

-- Sessions. total_bookings is what is not for sale any more: booked, held, or withheld for bookings elsewhere.
CREATE VIEW drop_in.hubspot_mock_exams AS
SELECT s.org_id,
       s.id,
       -- Never NULL at the seed, whose sessions are made at HubSpot: ours have their own id until HubSpot has one.
       coalesce(l.hubspot_id, s.id::text) AS hubspot_id,
       s.name AS mock_exam_name,
       o.name AS mock_type,
       s.mock_set,
       s.local_date AS exam_date,
       to_char(s.local_start, 'HH24:MI') AS start_time,
       to_char(s.local_end, 'HH24:MI') AS end_time,
       s.location,
       s.capacity,
       s.taken + s.held + s.withheld AS total_bookings,
       CASE WHEN s.is_blocked OR s.status IN ('inactive', 'cancelled') THEN 'false'
            WHEN s.status = 'scheduled' AND s.activates_at > now() THEN 'scheduled'
            ELSE 'true' END AS is_active,
       s.activates_at AS scheduled_activation_datetime,
       ARRAY(SELECT coalesce(p.hubspot_id, u.id::text)
             FROM unnest(s.prerequisites) WITH ORDINALITY AS u (id, place)
             LEFT JOIN hubspot_links p ON p.org_id = s.org_id AND p.entity = 'slot' AND p.entity_id = u.id
             ORDER BY u.place) AS prerequisite_exam_ids,
       s.created_at,
       s.updated_at,
       s.updated_at AS synced_at,
       l.pushed_at AS hubspot_last_sync_at
FROM slots s
JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id
LEFT JOIN hubspot_links l ON l.org_id = s.org_id AND l.entity = 'slot' AND l.entity_id = s.id
WHERE o.family <> 'experience';

-- Bookings of sessions. The last columns are the names of the seed's documents for live columns.
CREATE VIEW drop_in.hubspot_bookings AS
SELECT b.org_id,
       b.id,
       l.hubspot_id,
       b.code AS booking_id,
       coalesce(ls.hubspot_id, b.slot_id::text) AS associated_mock_exam,
       lc.hubspot_id AS associated_contact_id,
       c.student_id,
       btrim(c.first_name || ' ' || c.last_name) AS name,
       c.email AS student_email,
       CASE WHEN b.status IN ('cancelled', 'expired') THEN 'Cancelled'
            WHEN b.status IN ('completed', 'no_show') THEN 'Completed'
            ELSE 'Active' END AS is_active,
       b.attendance,
       b.attending_location,
       s.local_date::timestamp AS exam_date,
       CASE b.dominant_hand WHEN 'right' THEN 'true' WHEN 'left' THEN 'false' END AS dominant_hand,
       b.token_used,
       CASE WHEN b.credit_returned_at IS NOT NULL THEN 'true' END AS token_refunded,
       b.credit_returned_at AS token_refunded_at,
       b.refunded_by AS token_refund_admin,
       o.name AS mock_type,
       s.mock_set,
       to_char(s.local_start, 'HH24:MI') AS start_time,
       to_char(s.local_end, 'HH24:MI') AS end_time,
       c.ndecc_exam_date::text AS ndecc_exam_date,
       (SELECT j.key FROM journal j
        WHERE j.org_id = b.org_id AND j.entity_id = b.id AND j.entity = 'booking' AND NOT starts_with(j.key, 'made_')
          AND j.event IN ('booking.confirmed', 'booking.imported')
        ORDER BY j.id LIMIT 1) AS idempotency_key,
       b.created_at,
       b.updated_at,
       b.updated_at AS synced_at,
       l.pushed_at AS hubspot_last_sync_at,
       btrim(c.first_name || ' ' || c.last_name) AS student_name,
       coalesce(ls.hubspot_id, b.slot_id::text) AS mock_exam_id,
       lc.hubspot_id AS contact_id,
       -- For conditions by key; no caller sees them.
       b.slot_id AS key_slot,
       b.contact_id AS key_contact
FROM bookings b
JOIN contacts c ON c.org_id = b.org_id AND c.id = b.contact_id
JOIN slots s ON s.org_id = b.org_id AND s.id = b.slot_id
JOIN offerings o ON o.org_id = b.org_id AND o.id = b.offering_id
LEFT JOIN hubspot_links l ON l.org_id = b.org_id AND l.entity = 'booking' AND l.entity_id = b.id
LEFT JOIN hubspot_links ls ON ls.org_id = b.org_id AND ls.entity = 'slot' AND ls.entity_id = b.slot_id
LEFT JOIN hubspot_links lc ON lc.org_id = b.org_id AND lc.entity = 'contact' AND lc.entity_id = b.contact_id
WHERE o.family <> 'experience';

CREATE VIEW drop_in.experience_slots AS
SELECT s.org_id,
       s.id,
       s.offering_id AS experience_id,
       s.local_date AS slot_date,
       s.local_start AS slot_time,
       s.capacity AS total_capacity,
       s.capacity - s.taken - s.held - s.withheld AS available_count,
       s.price_minor::int AS price_override_amount,
       s.is_blocked OR NOT (s.status = 'active' OR s.status = 'scheduled' AND s.activates_at <= now()) AS is_blocked,
       s.created_at,
       s.updated_at
FROM slots s
JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id
WHERE o.family = 'experience';

CREATE VIEW drop_in.bookings AS
SELECT b.org_id,
       b.id,
       b.trip_id,
       b.contact_id AS user_id,
       b.offering_id AS experience_id,
       b.payment_id,
       b.slot_id,
       b.code AS reference,
       b.guests AS guest_count,
       s.local_date AS booking_date,
       s.local_start AS booking_time,
       -- The seed's CHECK knows no holds: those that wait are pending, those that ended are cancelled.
       CASE b.status WHEN 'pending_payment' THEN 'pending' WHEN 'processing' THEN 'pending' WHEN 'expired' THEN 'cancelled'
            ELSE b.status END AS status,
       b.created_at AS booked_at,
       b.attendance AS check_in_status,
       NULL::timestamptz AS checked_in_at,
       NULL::uuid AS trip_item_id,
       r.reason AS refunded_by,
       r.created_at AS refunded_at,
       NULL::boolean AS email_sent,
       NULL::timestamptz AS email_sent_at,
       b.created_at,
       b.updated_at
FROM bookings b
JOIN slots s ON s.org_id = b.org_id AND s.id = b.slot_id
JOIN offerings o ON o.org_id = b.org_id AND o.id = b.offering_id
LEFT JOIN LATERAL (
    SELECT f.reason, f.created_at FROM refunds f
    WHERE f.org_id = b.org_id AND f.payment_id = b.payment_id AND f.booking_id = b.id AND f.status <> 'failed'
    ORDER BY f.id LIMIT 1
) r ON true
WHERE o.family = 'experience';

CREATE VIEW drop_in.trips AS
SELECT t.org_id,
       t.id,
       t.contact_id AS user_id,
       t.status,
       -- What its live bookings cost, in major units as the seed has it (currencies with two decimals).
       (SELECT round(coalesce(sum(b.price_minor), 0) / 100.0, 2) FROM payments p
        JOIN bookings b ON b.org_id = p.org_id AND b.payment_id = p.id
        WHERE p.org_id = t.org_id AND p.trip_id = t.id AND b.status NOT IN ('cancelled', 'expired')) AS total,
       t.created_at,
       t.updated_at
FROM trips t;

CREATE VIEW drop_in.payments AS
SELECT p.org_id,
       p.id,
       -- One payment pays for a whole trip here: the first of its bookings.
       (SELECT b.id FROM bookings b WHERE b.org_id = p.org_id AND b.payment_id = p.id ORDER BY b.id LIMIT 1) AS booking_id,
       p.trip_id,
       p.stripe_payment_intent AS stripe_payment_intent_id,
       p.stripe_session_id AS stripe_checkout_session_id,
       -- Bounded where it is asked for; what went back is Stripe's number.
       p.amount_minor::int AS amount,
       p.currency,
       -- The marketplace's own share is not kept here.
       NULL::int AS platform_fee,
       NULL::int AS vendor_payout,
       CASE p.status WHEN 'processing' THEN 'pending' WHEN 'refunding' THEN 'succeeded' ELSE p.status END AS status,
       p.refunded_minor AS refund_amount,
       r.stripe_refund_id AS refund_id,
       r.created_at AS refunded_at,
       p.created_at,
       p.updated_at
FROM payments p
LEFT JOIN LATERAL (
    SELECT f.stripe_refund_id, f.created_at FROM refunds f
    WHERE f.org_id = p.org_id AND f.payment_id = p.id AND f.status <> 'failed' ORDER BY f.id DESC LIMIT 1
) r ON true;

-- The journal, as an audit log. A note that a caller added says itself what it is about.
CREATE VIEW drop_in.audit_logs AS
SELECT j.org_id,
       j.id,
       CASE j.event WHEN 'note.added' THEN j.after ->> 'event_type' ELSE j.event END AS event_type,
       j.entity AS entity_type,
       j.entity_id,
       CASE WHEN j.event = 'note.added' THEN (j.after ->> 'actor_id')::uuid
            WHEN coalesce(j.on_behalf_of, j.principal) ~ '^(student|user):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                THEN split_part(coalesce(j.on_behalf_of, j.principal), ':', 2)::uuid END AS actor_id,
       CASE WHEN j.event = 'note.added' THEN coalesce(j.after ->> 'actor_type', 'system')
            WHEN j.stripe_event_id IS NOT NULL THEN 'stripe'
            WHEN coalesce(j.on_behalf_of, j.principal) ~ '^(student|user):' THEN 'user'
            ELSE 'system' END AS actor_type,
       CASE j.event WHEN 'note.added' THEN coalesce(j.after -> 'metadata', '{}') ELSE coalesce(j.after, '{}') END::jsonb AS metadata,
       j.stripe_event_id,
       j.at AS created_at
FROM journal j
WHERE j.event <> 'request.unchanged';

-- For SQL readers: the organisations that the reader's role is listed for. In a view, current_user is who asks.
CREATE VIEW drop_in.readable_orgs AS
SELECT r.org_id FROM sql_readers r WHERE r.role = current_user;

CREATE SCHEMA hubspot_sync;
CREATE SCHEMA marketplace;

-- security_barrier: a reader's own functions see no other organisation's rows.
CREATE VIEW hubspot_sync.hubspot_contact_credits WITH (security_barrier) AS
SELECT id, hubspot_id, student_id, email, firstname, lastname, student_name, sj_credits, cs_credits, sjmini_credits,
       mock_discussion_token, shared_mock_credits, ndecc_exam_date, created_at, updated_at, synced_at, hubspot_last_sync_at
FROM drop_in.hubspot_contact_credits WHERE org_id IN (SELECT org_id FROM drop_in.readable_orgs);

CREATE VIEW hubspot_sync.hubspot_mock_exams WITH (security_barrier) AS
SELECT id, hubspot_id, mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time, location, capacity, total_bookings,
       is_active, scheduled_activation_datetime, prerequisite_exam_ids, created_at, updated_at, synced_at, hubspot_last_sync_at
FROM drop_in.hubspot_mock_exams WHERE org_id IN (SELECT org_id FROM drop_in.readable_orgs);

CREATE VIEW hubspot_sync.hubspot_bookings WITH (security_barrier) AS
SELECT id, hubspot_id, booking_id, associated_mock_exam, associated_contact_id, student_id, name, student_email, is_active,
       attendance, attending_location, exam_date, dominant_hand, token_used, token_refunded, token_refunded_at,
       token_refund_admin, mock_type, mock_set, start_time, end_time, ndecc_exam_date, idempotency_key, created_at, updated_at,
       synced_at, hubspot_last_sync_at, student_name, mock_exam_id, contact_id
FROM drop_in.hubspot_bookings WHERE org_id IN (SELECT org_id FROM drop_in.readable_orgs);

CREATE VIEW marketplace.experience_slots WITH (security_barrier) AS
SELECT id, experience_id, slot_date, slot_time, total_capacity, available_count, price_override_amount, is_blocked,
       created_at, updated_at
FROM drop_in.experience_slots WHERE org_id IN (SELECT org_id FROM drop_in.readable_orgs);

CREATE VIEW marketplace.bookings WITH (security_barrier) AS
SELECT id, trip_id, user_id, experience_id, payment_id, slot_id, reference, guest_count, booking_date, booking_time, status,
       booked_at, check_in_status, checked_in_at, trip_item_id, refunded_by, refunded_at, email_sent, email_sent_at,
       created_at, updated_at
FROM drop_in.bookings WHERE org_id IN (SELECT org_id FROM drop_in.readable_orgs);

CREATE VIEW marketplace.trips WITH (security_barrier) AS
SELECT id, user_id, status, total, created_at, updated_at
FROM drop_in.trips WHERE org_id IN (SELECT org_id FROM drop_in.readable_orgs);

CREATE VIEW marketplace.payments WITH (security_barrier) AS
SELECT id, booking_id, trip_id, stripe_payment_intent_id, stripe_checkout_session_id, amount, currency, platform_fee,
       vendor_payout, status, refund_amount, refund_id, refunded_at, created_at, updated_at
FROM drop_in.payments WHERE org_id IN (SELECT org_id FROM drop_in.readable_orgs);

CREATE VIEW marketplace.audit_logs WITH (security_barrier) AS
SELECT id, event_type, entity_type, entity_id, actor_id, actor_type, metadata, stripe_event_id, created_at
FROM drop_in.audit_logs WHERE org_id IN (SELECT org_id FROM drop_in.readable_orgs);

ALTER TABLE sql_readers ALTER COLUMN org_id SET (n_distinct = 1);
