-- The seed's way of booking a trip (create_booking_atomic of 004): one call for all items, each of whose slots is locked,
-- checked and written in the order in which the caller names them. Two trips that name two slots in opposite
-- orders therefore deadlock, as with the seed; PostgreSQL then ends one of them.
--
-- Where the seed is wrong or has nothing, this does what the product does: the payment has to be there and pays
-- once, the trip is written, prices are the slots', and the audit is in the same transaction (the seed writes it
-- afterwards). It writes the same rows as Surehold under the same constraints. Refusals are raised as P0001: the
-- message is the code, the detail is JSON.
--
-- As with create_booking: rows are found by key, ids and references come from the caller, nothing catches
-- exceptions; and what needs no slot is written before the first one is locked.

CREATE FUNCTION create_booking_atomic(
    p_org_id         uuid,
    -- Who asks, and under which key the answer is remembered.
    p_principal      text,
    p_key            text,
    p_fingerprint    bytea,
    p_payment_id     uuid,
    p_trip_id        uuid,
    p_user_id        uuid,
    -- The items, as lists of one length.
    p_slot_ids       uuid[],
    p_experience_ids uuid[],
    p_guests         integer[],
    p_dates          date[],
    p_times          time[],
    -- Fresh ids and references of their bookings.
    p_booking_ids    uuid[],
    p_references     text[],
    -- Fresh ids: three rows of the journal, then one for each item.
    p_journal_ids    uuid[],
    p_command_id     uuid
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    v_now          timestamptz := clock_timestamp();
    v_on_behalf_of text := 'user:' || p_user_id;
    v_payment      payments%ROWTYPE;
    v_trip         trips%ROWTYPE;
    v_slot         slots%ROWTYPE;
    v_offering     offerings%ROWTYPE;
    v_currency     text;
    v_used_before  json;
    v_answer       json;
    v_bookings     json;
    v_same         boolean;
    v_available    integer;
    v_price        bigint;
    v_total        bigint := 0;
BEGIN
    -- Whoever books with the same money waits here.
    SELECT * INTO v_payment FROM payments p WHERE p.org_id = p_org_id AND p.id = p_payment_id FOR UPDATE;
    IF NOT FOUND OR v_payment.contact_id <> p_user_id THEN
        RAISE EXCEPTION 'PAYMENT_NOT_FOUND';
    END IF;
    IF v_payment.status NOT IN ('succeeded', 'partially_refunded') THEN
        RAISE EXCEPTION 'PAYMENT_NOT_SUCCEEDED' USING DETAIL = json_build_object('status', v_payment.status);
    END IF;
    IF v_payment.trip_id IS NOT NULL THEN
        -- The same payment again: the same bookings.
        SELECT json_agg(json_build_object('id', b.id, 'reference', b.code, 'offering_id', b.offering_id,
                   'slot_id', b.slot_id, 'guests', b.guests, 'status', b.status) ORDER BY b.id),
               array_agg(ROW(b.slot_id, b.guests) ORDER BY b.slot_id, b.guests)
                   = (SELECT array_agg(ROW(u.slot_id, u.guests) ORDER BY u.slot_id, u.guests)
                      FROM unnest(p_slot_ids, p_guests) AS u (slot_id, guests))
        INTO v_bookings, v_same
        FROM bookings b WHERE b.org_id = p_org_id AND b.payment_id = p_payment_id;
        IF v_payment.trip_id <> p_trip_id OR v_same IS NOT TRUE THEN
            RAISE EXCEPTION 'PAYMENT_USED';
        END IF;
        RETURN json_build_object('trip_booked', json_build_object(
            'trip_id', p_trip_id, 'payment_id', p_payment_id, 'bookings', v_bookings));
    END IF;
    SELECT * INTO v_trip FROM trips t WHERE t.org_id = p_org_id AND t.id = p_trip_id FOR UPDATE;
    IF FOUND THEN
        -- The benchmark's trips are new; the product takes a planned one, too.
        RAISE EXCEPTION 'TRIP_NOT_FOUND';
    END IF;

    SELECT json_agg(json_build_object('id', u.id, 'reference', u.reference, 'offering_id', u.experience_id,
               'slot_id', u.slot_id, 'guests', u.guests, 'status', 'confirmed') ORDER BY u.place)
    INTO v_bookings
    FROM unnest(p_booking_ids, p_references, p_experience_ids, p_slot_ids, p_guests)
        WITH ORDINALITY AS u (id, reference, experience_id, slot_id, guests, place);
    v_answer := json_build_object('trip_booked', json_build_object(
        'trip_id', p_trip_id, 'payment_id', p_payment_id, 'bookings', v_bookings));
    v_used_before := json_strip_nulls(json_build_object(
        'contact_id', v_payment.contact_id, 'source', v_payment.source, 'status', v_payment.status,
        'amount_minor', v_payment.amount_minor, 'currency', v_payment.currency,
        'received_minor', v_payment.received_minor, 'received_currency', v_payment.received_currency,
        'refunded_minor', v_payment.refunded_minor, 'reference', v_payment.reference,
        'stripe_payment_intent', v_payment.stripe_payment_intent, 'version', v_payment.version));

    INSERT INTO trips (org_id, id, contact_id, status, version, created_at, updated_at)
    VALUES (p_org_id, p_trip_id, p_user_id, 'booked', 2, v_now, v_now);
    UPDATE payments SET trip_id = p_trip_id, version = version + 1, updated_at = v_now
    WHERE org_id = p_org_id AND id = p_payment_id;
    INSERT INTO journal (org_id, id, at, command_id, principal, on_behalf_of, event, entity, entity_id, before, after,
        key, fingerprint, answer)
    VALUES
        (p_org_id, p_journal_ids[1], v_now, p_command_id, p_principal, v_on_behalf_of, 'trip.added', 'trip', p_trip_id,
         NULL, json_build_object('contact_id', p_user_id, 'status', 'planning', 'version', 1),
         p_key, p_fingerprint, v_answer),
        (p_org_id, p_journal_ids[2], v_now, p_command_id, p_principal, v_on_behalf_of, 'trip.booked', 'trip', p_trip_id,
         json_build_object('contact_id', p_user_id, 'status', 'planning', 'version', 1),
         json_build_object('contact_id', p_user_id, 'status', 'booked', 'version', 2), NULL, NULL, NULL),
        (p_org_id, p_journal_ids[3], v_now, p_command_id, p_principal, v_on_behalf_of, 'payment.used', 'payment',
         p_payment_id, v_used_before, json_strip_nulls(json_build_object(
             'contact_id', v_payment.contact_id, 'trip_id', p_trip_id, 'source', v_payment.source,
             'status', v_payment.status, 'amount_minor', v_payment.amount_minor, 'currency', v_payment.currency,
             'received_minor', v_payment.received_minor, 'received_currency', v_payment.received_currency,
             'refunded_minor', v_payment.refunded_minor, 'reference', v_payment.reference,
             'stripe_payment_intent', v_payment.stripe_payment_intent, 'version', v_payment.version + 1)),
         NULL, NULL, NULL);

    FOR i IN 1 .. cardinality(p_slot_ids) LOOP
        -- Whoever books this slot waits here. What is checked below was read after the wait.
        SELECT * INTO v_slot FROM slots s WHERE s.org_id = p_org_id AND s.id = p_slot_ids[i] FOR UPDATE;
        IF NOT FOUND OR v_slot.offering_id <> p_experience_ids[i] THEN
            RAISE EXCEPTION 'EXAM_NOT_FOUND';
        END IF;
        SELECT * INTO v_offering FROM offerings o
        WHERE o.org_id = p_org_id AND o.id = v_slot.offering_id AND o.family = 'experience';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'EXAM_NOT_FOUND';
        END IF;
        IF p_dates[i] <> v_slot.local_date OR p_times[i] <> v_slot.local_start
            OR p_guests[i] NOT BETWEEN 1 AND v_offering.guests_max THEN
            RAISE EXCEPTION 'VALIDATION_ERROR' USING DETAIL = json_build_object(
                'tripItems', format('item %s is not as the slot is', i));
        END IF;
        IF NOT v_offering.is_active
            OR NOT (v_slot.status = 'active' OR v_slot.status = 'scheduled' AND v_slot.activates_at <= v_now) THEN
            RAISE EXCEPTION 'EXAM_NOT_ACTIVE' USING DETAIL = json_build_object(
                'activates_at', CASE WHEN v_slot.status = 'scheduled' THEN v_slot.activates_at END);
        END IF;
        IF v_slot.starts_at <= v_now THEN
            RAISE EXCEPTION 'EXAM_PAST';
        END IF;
        IF v_slot.is_blocked THEN
            RAISE EXCEPTION 'SLOT_BLOCKED';
        END IF;
        v_available := v_slot.capacity - v_slot.taken - v_slot.held - v_slot.withheld;
        IF v_available < p_guests[i] THEN
            RAISE EXCEPTION 'INSUFFICIENT_AVAILABILITY' USING DETAIL = json_build_object(
                'slot_id', v_slot.id, 'requested', p_guests[i], 'available', v_available);
        END IF;
        v_price := coalesce(v_slot.price_minor, v_offering.price_minor) * p_guests[i];
        v_total := v_total + v_price;

        UPDATE slots SET taken = taken + p_guests[i], version = version + 1, updated_at = v_now
        WHERE org_id = p_org_id AND id = v_slot.id;
        INSERT INTO bookings (org_id, id, contact_id, slot_id, offering_id, booked_slot_id, status, guests, code,
            paid_by, trip_id, payment_id, price_minor, created_at, updated_at)
        VALUES (p_org_id, p_booking_ids[i], p_user_id, v_slot.id, v_slot.offering_id, v_slot.id, 'confirmed',
            p_guests[i], p_references[i], 'payment', p_trip_id, p_payment_id, v_price, v_now, v_now);
        INSERT INTO journal (org_id, id, at, command_id, principal, on_behalf_of, event, entity, entity_id, after)
        VALUES (p_org_id, p_journal_ids[3 + i], v_now, p_command_id, p_principal, v_on_behalf_of, 'booking.confirmed',
            'booking', p_booking_ids[i], json_build_object(
                'code', p_references[i], 'status', 'confirmed', 'contact_id', p_user_id, 'slot_id', v_slot.id,
                'guests', p_guests[i], 'payment_id', p_payment_id, 'price_minor', v_price, 'version', 1));
    END LOOP;

    SELECT o.currency INTO STRICT v_currency FROM orgs o WHERE o.id = p_org_id;
    IF v_total IS NULL OR v_payment.received_minor < v_total OR v_payment.currency <> v_currency THEN
        RAISE EXCEPTION 'AMOUNT_MISMATCH' USING DETAIL = json_build_object(
            'paid_minor', v_payment.received_minor, 'paid_currency', v_payment.currency,
            'needed_minor', v_total, 'needed_currency', v_currency);
    END IF;
    RETURN v_answer;
END
$$;
