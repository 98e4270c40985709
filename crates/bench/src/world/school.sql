-- Fills a migrated database: functions for this session only, each of which writes rows as if the API had made
-- them, so that every law holds. Ids are made of a table's number and a row's, and sort by it.

CREATE FUNCTION pg_temp.row_id(p_table integer, p_number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    -- A UUIDv7 of the millisecond p_number of 2026.
    SELECT (lpad(to_hex(1767225600000 + p_number), 12, '0') || '7' || lpad(to_hex(p_table), 3, '0')
            || '8' || left(md5(p_table || ':' || p_number), 15))::uuid
$$;

CREATE FUNCTION pg_temp.student_id(p_number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'S' || lpad(p_number::text, 7, '0')
$$;

-- Students p_first .. p_first + p_count - 1, each with p_credits of both kinds that exams cost. p_spent of the
-- Situational Judgment credits have paid for bookings, which fill_bookings makes.
CREATE FUNCTION pg_temp.fill_contacts(p_org uuid, p_first bigint, p_count bigint, p_credits bigint, p_spent bigint)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO contacts (org_id, id, student_id, email, first_name, last_name, created_at, updated_at)
    SELECT p_org, pg_temp.row_id(1, n), pg_temp.student_id(n), lower(pg_temp.student_id(n)) || '@example.org',
           'Olivia', 'Park', now(), now()
    FROM generate_series(p_first, p_first + p_count - 1) AS n;

    INSERT INTO credit_balances (org_id, contact_id, kind, amount)
    SELECT p_org, pg_temp.row_id(1, n), k.kind, CASE k.kind
               WHEN 'sj_credits' THEN p_credits - p_spent WHEN 'cs_credits' THEN p_credits ELSE 0 END
    FROM generate_series(p_first, p_first + p_count - 1) AS n, credit_kinds k WHERE k.org_id = p_org;

    INSERT INTO credit_entries (org_id, id, contact_id, kind, delta, balance, reason, created_at)
    SELECT p_org, pg_temp.row_id(10 + k.position, n), pg_temp.row_id(1, n), k.kind, p_credits, p_credits, 'opening', now()
    FROM generate_series(p_first, p_first + p_count - 1) AS n, credit_kinds k
    WHERE k.org_id = p_org AND k.kind IN ('sj_credits', 'cs_credits');

    INSERT INTO journal (org_id, id, at, command_id, principal, event, entity, entity_id, after, key, fingerprint, answer)
    SELECT p_org, pg_temp.row_id(2, n), now(), pg_temp.row_id(3, n), 'system:bench', 'contact.added', 'contact',
           pg_temp.row_id(1, n), json_build_object('student_id', pg_temp.student_id(n), 'version', 1),
           'made_' || replace(pg_temp.row_id(3, n)::text, '-', ''), sha256(int8send(n)),
           json_build_object('contact_added', json_build_object('contact_id', pg_temp.row_id(1, n), 'balances',
               json_build_object('sj_credits', p_credits, 'cs_credits', p_credits)))
    FROM generate_series(p_first, p_first + p_count - 1) AS n;
$$;

-- Sessions of one type, p_per_day of them on each day from p_first_date on.
CREATE FUNCTION pg_temp.fill_sessions(
    p_org uuid, p_ids uuid[], p_type text, p_capacity integer, p_taken integer, p_first_date date, p_per_day bigint)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO slots (org_id, id, offering_id, name, starts_at, ends_at, local_date, local_start, local_end, time_zone,
        location, capacity, taken, status, version, created_at, updated_at)
    SELECT p_org, s.id, o.id, o.name || ' ' || s.n, (s.day + time '09:00') AT TIME ZONE 'America/Toronto',
           (s.day + time '12:00') AT TIME ZONE 'America/Toronto', s.day, '09:00', '12:00', 'America/Toronto',
           'Mississauga', p_capacity, p_taken, 'active', 1 + p_taken, now(), now()
    FROM (SELECT id, n, p_first_date + ((n - 1) / p_per_day)::integer AS day
          FROM unnest(p_ids) WITH ORDINALITY AS u (id, n)) s
    JOIN offerings o ON o.org_id = p_org AND o.name = p_type;

    INSERT INTO journal (org_id, id, at, command_id, principal, event, entity, entity_id, after, key, fingerprint, answer)
    SELECT p_org, s.id, now(), s.id, 'system:bench', 'slot.opened', 'slot', s.id,
           json_build_object('name', p_type || ' ' || s.n, 'capacity', p_capacity),
           'made_' || replace(s.id::text, '-', ''), sha256(uuid_send(s.id)),
           json_build_object('slot_opened', json_build_object('slot_id', s.id, 'version', 1, 'withheld', 0,
               'available', p_capacity, 'changed', true))
    FROM unnest(p_ids) WITH ORDINALITY AS s (id, n);
$$;

-- A booking of each of those students on each of p_slots, paid by the Situational Judgment credits that
-- fill_contacts counted as spent. Sessions of one type are to be on different days.
CREATE FUNCTION pg_temp.fill_bookings(p_org uuid, p_first bigint, p_count bigint, p_credits bigint, p_slots uuid[])
RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    CREATE TEMP TABLE filling AS
    SELECT n, k, n * cardinality(p_slots) + k AS number, s.id AS slot_id, s.offering_id, s.local_date,
           o.name || '-' || pg_temp.student_id(n) || '-' || to_char(s.local_date, 'FMMonth FMDD, YYYY') AS code
    FROM generate_series(p_first, p_first + p_count - 1) AS n, unnest(p_slots) WITH ORDINALITY AS u (slot_id, k)
    JOIN slots s ON s.org_id = p_org AND s.id = u.slot_id
    JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id;

    INSERT INTO bookings (org_id, id, contact_id, slot_id, offering_id, booked_slot_id, status, guests, code,
        exclusive_date, paid_by, credit_kind, token_used, attending_location, created_at, updated_at)
    SELECT p_org, pg_temp.row_id(4, number), pg_temp.row_id(1, n), slot_id, offering_id, slot_id, 'confirmed', 1, code,
           local_date, 'credit', 'sj_credits', 'Situational Judgment Token', 'mississauga', now(), now()
    FROM filling;

    INSERT INTO credit_entries (org_id, id, contact_id, kind, delta, balance, reason, booking_id, created_at)
    SELECT p_org, pg_temp.row_id(5, number), pg_temp.row_id(1, n), 'sj_credits', -1, p_credits - k, 'booking',
           pg_temp.row_id(4, number), now()
    FROM filling;

    INSERT INTO journal (org_id, id, at, command_id, principal, on_behalf_of, event, entity, entity_id, after, key,
        fingerprint, answer)
    SELECT p_org, pg_temp.row_id(6, number), now(), pg_temp.row_id(7, number), 'system:bench',
           'student:' || pg_temp.row_id(1, n), 'booking.confirmed', 'booking', pg_temp.row_id(4, number),
           json_build_object('code', code, 'status', 'confirmed', 'contact_id', pg_temp.row_id(1, n),
               'slot_id', slot_id, 'guests', 1, 'token_used', 'Situational Judgment Token', 'version', 1),
           'idem_' || md5(number::text), sha256(int8send(number)),
           json_build_object('booked', json_build_object('booking_id', pg_temp.row_id(4, number), 'code', code,
               'contact_id', pg_temp.row_id(1, n), 'slot_id', slot_id, 'offering', 'Situational Judgment',
               'local_date', local_date, 'local_start', '09:00:00', 'local_end', '12:00:00',
               'location', 'Mississauga', 'guests', 1, 'credit_kind', 'sj_credits',
               'token_used', 'Situational Judgment Token', 'balance', p_credits - k,
               'attending_location', 'mississauga'))
    FROM filling;
    DROP TABLE filling;
END $$;
