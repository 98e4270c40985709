-- Fills a marketplace, with the functions of school.sql beside these: rows as if the API had made them.

-- An experience that is sold for money.
CREATE FUNCTION pg_temp.fill_experience(p_org uuid, p_id uuid, p_name text, p_price bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO offerings (org_id, id, family, name, price_minor) VALUES (p_org, p_id, 'experience', p_name, p_price);

    INSERT INTO journal (org_id, id, at, command_id, principal, event, entity, entity_id, after, key, fingerprint, answer)
    VALUES (p_org, p_id, now(), p_id, 'system:bench', 'offering.added', 'offering', p_id,
            json_build_object('name', p_name, 'price_minor', p_price, 'version', 1),
            'made_' || replace(p_id::text, '-', ''), sha256(uuid_send(p_id)),
            json_build_object('offering_saved', json_build_object('offering_id', p_id, 'version', 1, 'changed', true)));
$$;

-- What the journal says of recorded money.
CREATE FUNCTION pg_temp.payment_facts(p_number bigint, p_amount bigint, p_trip uuid, p_version bigint)
RETURNS json LANGUAGE sql AS $$
    SELECT json_strip_nulls(json_build_object('contact_id', pg_temp.row_id(1, p_number), 'trip_id', p_trip,
        'source', 'recorded', 'status', 'succeeded', 'amount_minor', p_amount, 'currency', 'usd',
        'received_minor', p_amount, 'received_currency', 'usd', 'refunded_minor', 0, 'reference', 'R-' || p_number,
        'version', p_version))
$$;

-- Travellers p_first .. p_first + p_count - 1, each with recorded money: p_amount in US cents.
CREATE FUNCTION pg_temp.fill_travellers(p_org uuid, p_first bigint, p_count bigint, p_amount bigint)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO contacts (org_id, id, student_id, email, created_at, updated_at)
    SELECT p_org, pg_temp.row_id(1, n), upper(pg_temp.row_id(1, n)::text), '', now(), now()
    FROM generate_series(p_first, p_first + p_count - 1) AS n;

    INSERT INTO credit_balances (org_id, contact_id, kind, amount)
    SELECT p_org, pg_temp.row_id(1, n), k.kind, 0
    FROM generate_series(p_first, p_first + p_count - 1) AS n, credit_kinds k WHERE k.org_id = p_org;

    INSERT INTO payments (org_id, id, contact_id, source, status, amount_minor, currency, received_minor,
        received_currency, reference, created_at, updated_at)
    SELECT p_org, pg_temp.row_id(20, n), pg_temp.row_id(1, n), 'recorded', 'succeeded', p_amount, 'usd', p_amount, 'usd',
           'R-' || n, now(), now()
    FROM generate_series(p_first, p_first + p_count - 1) AS n;

    -- One command put the traveller on the books and recorded the money.
    INSERT INTO journal (org_id, id, at, command_id, principal, event, entity, entity_id, after, key, fingerprint, answer)
    SELECT p_org, pg_temp.row_id(2, n), now(), pg_temp.row_id(3, n), 'system:bench', 'contact.added', 'contact',
           pg_temp.row_id(1, n), json_build_object('contact', json_build_object(
               'student_id', upper(pg_temp.row_id(1, n)::text), 'version', 1)),
           'made_' || replace(pg_temp.row_id(3, n)::text, '-', ''), sha256(int8send(n)),
           json_build_object('payment_saved', json_build_object('payment_id', pg_temp.row_id(20, n),
               'status', 'succeeded', 'changed', true))
    FROM generate_series(p_first, p_first + p_count - 1) AS n;
    INSERT INTO journal (org_id, id, at, command_id, principal, event, entity, entity_id, after)
    SELECT p_org, pg_temp.row_id(21, n), now(), pg_temp.row_id(3, n), 'system:bench', 'payment.recorded', 'payment',
           pg_temp.row_id(20, n), pg_temp.payment_facts(n, p_amount, NULL, 1)
    FROM generate_series(p_first, p_first + p_count - 1) AS n;
$$;

-- The trips of those travellers, on all of p_slots, paid by their recorded money.
CREATE FUNCTION pg_temp.fill_trips(p_org uuid, p_first bigint, p_count bigint, p_amount bigint, p_slots uuid[])
RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO trips (org_id, id, contact_id, status, version, created_at, updated_at)
    SELECT p_org, pg_temp.row_id(22, n), pg_temp.row_id(1, n), 'booked', 2, now(), now()
    FROM generate_series(p_first, p_first + p_count - 1) AS n;
    UPDATE payments p SET trip_id = pg_temp.row_id(22, n), version = 2
    FROM generate_series(p_first, p_first + p_count - 1) AS n
    WHERE p.org_id = p_org AND p.id = pg_temp.row_id(20, n);

    CREATE TEMP TABLE filling AS
    SELECT n, k, pg_temp.row_id(4, n * cardinality(p_slots) + k) AS id, s.id AS slot_id, s.offering_id,
           'PL-' || upper(lpad(to_hex(n * cardinality(p_slots) + k), 8, '0')) AS code, o.price_minor
    FROM generate_series(p_first, p_first + p_count - 1) AS n, unnest(p_slots) WITH ORDINALITY AS u (slot_id, k)
    JOIN slots s ON s.org_id = p_org AND s.id = u.slot_id
    JOIN offerings o ON o.org_id = s.org_id AND o.id = s.offering_id;
    INSERT INTO bookings (org_id, id, contact_id, slot_id, offering_id, booked_slot_id, status, guests, code, paid_by,
        trip_id, payment_id, price_minor, created_at, updated_at)
    SELECT p_org, id, pg_temp.row_id(1, n), slot_id, offering_id, slot_id, 'confirmed', 1, code, 'payment',
           pg_temp.row_id(22, n), pg_temp.row_id(20, n), price_minor, now(), now()
    FROM filling;

    INSERT INTO journal (org_id, id, at, command_id, principal, on_behalf_of, event, entity, entity_id, after, key,
        fingerprint, answer)
    SELECT p_org, pg_temp.row_id(23, n), now(), pg_temp.row_id(7, n), 'system:bench', 'user:' || pg_temp.row_id(1, n),
           'trip.added', 'trip', pg_temp.row_id(22, n),
           json_build_object('contact_id', pg_temp.row_id(1, n), 'status', 'planning', 'version', 1),
           'made_' || replace(pg_temp.row_id(7, n)::text, '-', ''), sha256(int8send(n)),
           json_build_object('trip_booked', json_build_object('trip_id', pg_temp.row_id(22, n),
               'payment_id', pg_temp.row_id(20, n), 'bookings',
               (SELECT json_agg(json_build_object('id', f.id, 'reference', f.code, 'offering_id', f.offering_id,
                    'slot_id', f.slot_id, 'guests', 1, 'status', 'confirmed') ORDER BY f.k))))
    FROM filling f GROUP BY n;
    INSERT INTO journal (org_id, id, at, command_id, principal, on_behalf_of, event, entity, entity_id, after)
    SELECT p_org, pg_temp.row_id(24, n), now(), pg_temp.row_id(7, n), 'system:bench', 'user:' || pg_temp.row_id(1, n),
           'trip.booked', 'trip', pg_temp.row_id(22, n),
           json_build_object('contact_id', pg_temp.row_id(1, n), 'status', 'booked', 'version', 2)
    FROM generate_series(p_first, p_first + p_count - 1) AS n
    UNION ALL
    SELECT p_org, pg_temp.row_id(25, n), now(), pg_temp.row_id(7, n), 'system:bench', 'user:' || pg_temp.row_id(1, n),
           'payment.used', 'payment', pg_temp.row_id(20, n),
           pg_temp.payment_facts(n, p_amount, pg_temp.row_id(22, n), 2)
    FROM generate_series(p_first, p_first + p_count - 1) AS n
    UNION ALL
    SELECT p_org, pg_temp.row_id(6, n * cardinality(p_slots) + k), now(), pg_temp.row_id(7, n), 'system:bench',
           'user:' || pg_temp.row_id(1, n), 'booking.confirmed', 'booking', id,
           json_build_object('code', code, 'status', 'confirmed', 'contact_id', pg_temp.row_id(1, n),
               'slot_id', slot_id, 'guests', 1, 'payment_id', pg_temp.row_id(20, n), 'price_minor', price_minor,
               'version', 1)
    FROM filling;
    DROP TABLE filling;
END $$;
