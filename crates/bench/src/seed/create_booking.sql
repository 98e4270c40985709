-- The seed's way of booking: one function call per request, which locks the session's row and then checks and
-- writes everything in one transaction. It writes the same rows as Surehold, under the same constraints, and
-- refuses in the same order. Refusals are raised as P0001: the message is the code, the detail is JSON.
--
-- It is written to be fast: every statement finds its rows by key, ids come from the caller (UUIDv7, so
-- indexes grow at their end), and nothing catches exceptions, which would cost a subtransaction each.

CREATE FUNCTION create_booking(
    p_org_id             uuid,
    -- Who asks, and the caller's Idempotency-Key, if there is one.
    p_principal          text,
    p_key                text,
    p_fingerprint        bytea,
    p_student_id         text,
    p_email              text,
    p_slot_id            uuid,
    p_family             text,
    p_attending_location text,
    p_dominant_hand      text,
    -- Fresh ids of what may be written.
    p_booking_id         uuid,
    p_entry_id           uuid,
    p_journal_id         uuid,
    p_command_id         uuid,
    OUT o_answer         json,
    OUT o_status         text,
    OUT o_replayed       boolean
) LANGUAGE plpgsql AS $$
DECLARE
    v_now              timestamptz;
    v_fingerprint      bytea;
    v_contact_id       uuid;
    v_slot             slots%ROWTYPE;
    v_offering         offerings%ROWTYPE;
    v_booking          bookings%ROWTYPE;
    v_bookings_before  bigint;
    v_has_booking_here boolean;
    v_has_booking_then boolean;
    v_exclusive_date   date;
    v_missing          uuid[];
    v_kind             text;
    v_balance          bigint;
    v_best_balance     bigint := 0;
    v_token_used       text;
    v_code             text;
    v_key              text;
BEGIN
    o_replayed := false;

    -- A repeat under the same key is answered from the journal.
    IF p_key IS NOT NULL THEN
        SELECT j.fingerprint, j.answer, b.status INTO v_fingerprint, o_answer, o_status
        FROM journal j LEFT JOIN bookings b ON b.org_id = j.org_id AND b.id = j.entity_id
        WHERE j.org_id = p_org_id AND j.key = p_key AND j.principal = p_principal;
        IF FOUND THEN
            IF v_fingerprint <> p_fingerprint THEN
                RAISE EXCEPTION 'IDEMPOTENCY_MISMATCH';
            END IF;
            o_replayed := true;
            RETURN;
        END IF;
    END IF;

    SELECT c.id INTO v_contact_id FROM contacts c
    WHERE c.org_id = p_org_id AND c.student_id = p_student_id AND c.email = p_email;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'CONTACT_NOT_FOUND';
    END IF;

    -- Whoever books this session waits here. Everything below is read after the wait.
    SELECT * INTO v_slot FROM slots s WHERE s.org_id = p_org_id AND s.id = p_slot_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'EXAM_NOT_FOUND';
    END IF;
    v_now := clock_timestamp();
    SELECT * INTO STRICT v_offering FROM offerings o WHERE o.org_id = p_org_id AND o.id = v_slot.offering_id;

    -- What the request says wrongly.
    IF v_offering.family <> p_family THEN
        RAISE EXCEPTION 'INVALID_EXAM_TYPE' USING DETAIL = jsonb_build_object('actual', v_offering.name);
    END IF;
    IF v_offering.needs_dominant_hand AND p_dominant_hand IS NULL THEN
        RAISE EXCEPTION 'VALIDATION_ERROR' USING DETAIL = jsonb_build_object(
            'dominant_hand', format('is required for %s: right or left', v_offering.name));
    END IF;
    IF v_offering.needs_attending_location AND p_attending_location IS NULL THEN
        RAISE EXCEPTION 'VALIDATION_ERROR' USING DETAIL = jsonb_build_object(
            'attending_location', format('is required for %s', v_offering.name));
    END IF;

    -- The student's other bookings: on this session, and of this type on this day.
    IF v_offering.one_per_day THEN
        v_exclusive_date := v_slot.local_date;
    END IF;
    SELECT count(*) FILTER (WHERE b.booked_slot_id = p_slot_id),
           coalesce(bool_or(b.slot_id = p_slot_id AND b.status NOT IN ('cancelled', 'expired')), false),
           coalesce(bool_or(b.offering_id = v_offering.id AND b.exclusive_date = v_exclusive_date
                            AND b.status NOT IN ('cancelled', 'expired')), false)
    INTO v_bookings_before, v_has_booking_here, v_has_booking_then
    FROM bookings b WHERE b.org_id = p_org_id AND b.contact_id = v_contact_id;
    IF v_has_booking_here THEN
        SELECT * INTO STRICT v_booking FROM bookings b
        WHERE b.org_id = p_org_id AND b.contact_id = v_contact_id AND b.slot_id = p_slot_id
          AND b.status NOT IN ('cancelled', 'expired');
        IF p_key IS NOT NULL THEN
            RAISE EXCEPTION 'DUPLICATE_BOOKING' USING DETAIL = jsonb_build_object(
                'booking_id', v_booking.id, 'code', v_booking.code);
        END IF;
        -- Without a key, the booking that is there is the answer.
        SELECT j.answer INTO STRICT o_answer FROM journal j
        WHERE j.org_id = p_org_id AND j.entity_id = v_booking.id AND j.event = 'booking.confirmed';
        o_status := v_booking.status;
        o_replayed := true;
        RETURN;
    END IF;

    -- The state of the session.
    IF NOT (v_slot.status = 'active' OR v_slot.status = 'scheduled' AND v_slot.activates_at <= v_now) THEN
        RAISE EXCEPTION 'EXAM_NOT_ACTIVE' USING DETAIL = jsonb_build_object(
            'activates_at', CASE WHEN v_slot.status = 'scheduled' THEN v_slot.activates_at END);
    END IF;
    IF v_slot.starts_at <= v_now THEN
        RAISE EXCEPTION 'EXAM_PAST';
    END IF;
    IF v_slot.is_blocked THEN
        RAISE EXCEPTION 'SLOT_BLOCKED';
    END IF;
    IF v_has_booking_then THEN
        SELECT * INTO STRICT v_booking FROM bookings b
        WHERE b.org_id = p_org_id AND b.contact_id = v_contact_id AND b.offering_id = v_offering.id
          AND b.exclusive_date = v_exclusive_date AND b.status NOT IN ('cancelled', 'expired');
        RAISE EXCEPTION 'DUPLICATE_BOOKING' USING DETAIL = jsonb_build_object(
            'booking_id', v_booking.id, 'code', v_booking.code);
    END IF;
    IF cardinality(v_slot.prerequisites) > 0 THEN
        SELECT array_agg(p.id) INTO v_missing FROM unnest(v_slot.prerequisites) AS p (id)
        WHERE NOT EXISTS (SELECT FROM bookings b
                          WHERE b.org_id = p_org_id AND b.contact_id = v_contact_id AND b.slot_id = p.id
                            AND b.status IN ('confirmed', 'completed'));
        IF v_missing IS NOT NULL THEN
            RAISE EXCEPTION 'PREREQUISITE_NOT_MET' USING DETAIL = jsonb_build_object(
                'missing', v_missing, 'required', cardinality(v_slot.prerequisites));
        END IF;
    END IF;

    IF v_slot.capacity - v_slot.taken - v_slot.held - v_slot.withheld < 1 THEN
        RAISE EXCEPTION 'EXAM_FULL' USING DETAIL = jsonb_build_object(
            'requested', 1, 'available', v_slot.capacity - v_slot.taken - v_slot.held - v_slot.withheld);
    END IF;

    -- The first kind of credit of the policy that the student has pays.
    FOREACH v_kind IN ARRAY v_offering.credit_policy LOOP
        SELECT b.amount INTO v_balance FROM credit_balances b
        WHERE b.org_id = p_org_id AND b.contact_id = v_contact_id AND b.kind = v_kind FOR UPDATE;
        EXIT WHEN v_balance >= 1;
        v_best_balance := greatest(v_best_balance, v_balance);
    END LOOP;
    IF v_balance IS NULL OR v_balance < 1 THEN
        RAISE EXCEPTION 'INSUFFICIENT_CREDITS' USING DETAIL = jsonb_build_object(
            'needed', 1, 'available', v_best_balance, 'kinds', v_offering.credit_policy);
    END IF;
    SELECT k.token_label INTO STRICT v_token_used FROM credit_kinds k WHERE k.org_id = p_org_id AND k.kind = v_kind;

    v_code := CASE v_offering.code_style
        WHEN 'bk' THEN format('BK-%s-%s', to_char(v_slot.local_date, 'YYYYMMDD'), upper(right(p_booking_id::text, 6)))
        ELSE format('%s-%s-%s', v_offering.name, p_student_id, to_char(v_slot.local_date, 'FMMonth FMDD, YYYY')) END;
    v_key := coalesce(p_key, 'idem_' || left(encode(sha256(
        uuid_send(v_contact_id) || uuid_send(p_slot_id) || int8send(v_bookings_before)), 'hex'), 32));
    v_balance := v_balance - 1;
    o_status := 'confirmed';
    o_answer := json_build_object('booked', json_strip_nulls(json_build_object(
        'booking_id', p_booking_id, 'code', v_code, 'contact_id', v_contact_id, 'slot_id', p_slot_id,
        'offering', v_offering.name, 'local_date', v_slot.local_date, 'local_start', v_slot.local_start,
        'local_end', v_slot.local_end, 'location', v_slot.location, 'guests', 1, 'credit_kind', v_kind,
        'token_used', v_token_used, 'balance', v_balance, 'attending_location', p_attending_location,
        'dominant_hand', p_dominant_hand)));

    UPDATE slots SET taken = taken + 1, version = version + 1, updated_at = v_now
    WHERE org_id = p_org_id AND id = p_slot_id;
    UPDATE credit_balances SET amount = v_balance, version = version + 1
    WHERE org_id = p_org_id AND contact_id = v_contact_id AND kind = v_kind;
    INSERT INTO bookings (org_id, id, contact_id, slot_id, offering_id, booked_slot_id, status, guests, code,
        exclusive_date, paid_by, credit_kind, token_used, attending_location, dominant_hand, created_at, updated_at)
    VALUES (p_org_id, p_booking_id, v_contact_id, p_slot_id, v_offering.id, p_slot_id, o_status, 1, v_code,
        v_exclusive_date, 'credit', v_kind, v_token_used, p_attending_location, p_dominant_hand, v_now, v_now);
    INSERT INTO credit_entries (org_id, id, contact_id, kind, delta, balance, reason, booking_id, created_at)
    VALUES (p_org_id, p_entry_id, v_contact_id, v_kind, -1, v_balance, 'booking', p_booking_id, v_now);
    INSERT INTO journal (org_id, id, at, command_id, principal, on_behalf_of, event, entity, entity_id, after,
        key, fingerprint, answer)
    VALUES (p_org_id, p_journal_id, v_now, p_command_id, p_principal, 'student:' || v_contact_id,
        'booking.confirmed', 'booking', p_booking_id,
        json_build_object('code', v_code, 'status', o_status, 'contact_id', v_contact_id, 'slot_id', p_slot_id,
                          'guests', 1, 'token_used', v_token_used, 'version', 1),
        v_key, p_fingerprint, o_answer);
END
$$;
