-- A marketplace's years: 20 experiences, 400 slots, 3,000 trips of 1,000 travellers, 4,500 bookings. A third of the trips
-- was booked by the newer function, which writes slot, guests and payment onto the booking; of the others only the item of
-- the trip says what they are for. Every 25th trip has no payment at all.
SET search_path = public;

INSERT INTO experiences (id, title, price, duration_minutes, cutoff_hours, timezone, created_at)
SELECT ('e0000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'Experience ' || n, 20 + n + 0.5, 90, 3,
       CASE WHEN n % 2 = 0 THEN 'Asia/Makassar' END, '2029-01-01'
FROM generate_series(0, 19) n;

INSERT INTO experience_slots (id, experience_id, slot_date, slot_time, total_capacity, available_count, price_override_amount,
    is_blocked, created_at)
SELECT ('50000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, e.id, '2030-01-01'::date + n / 20, '10:00', 60, 60,
       CASE WHEN n % 7 = 0 THEN 9900 END, n % 11 = 0, '2029-01-01'
FROM generate_series(0, 399) n JOIN experiences e ON e.id = ('e0000000-0000-0000-0000-' || lpad((n % 20)::text, 12, '0'))::uuid;

INSERT INTO trips (id, user_id, status, created_at)
SELECT ('70000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, ('c0000000-0000-0000-0000-' || lpad((n % 1000)::text, 12, '0'))::uuid,
       CASE WHEN n % 10 = 0 THEN 'cancelled' ELSE 'booked' END, '2029-06-01'::timestamptz + n * interval '1 minute'
FROM generate_series(0, 2999) n;

-- Trip n has one item, or two.
INSERT INTO trip_items (id, trip_id, experience_id, guests, total_price, date, time)
SELECT ('10000000-0000-0000-0000-' || lpad((n * 2 + k)::text, 12, '0'))::uuid, ('70000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
       s.experience_id::text, 1 + n % 3, (1 + n % 3) * e.price, s.slot_date, '10:00 AM'
FROM generate_series(0, 2999) n, generate_series(0, 1) k, experience_slots s JOIN experiences e ON e.id = s.experience_id
WHERE k <= n % 2 AND s.id = ('50000000-0000-0000-0000-' || lpad(((n * 7 + k * 13) % 400)::text, 12, '0'))::uuid;

INSERT INTO bookings (id, trip_id, reference, status, booked_at, trip_item_id, refunded_at, check_in_status)
SELECT ('b' || substr(i.id::text, 2))::uuid, i.trip_id, 'PL-' || upper(substr(md5(i.id::text), 1, 8)),
       (ARRAY['cancelled', 'completed', 'no_show', 'checked_in', 'confirmed', 'confirmed', 'confirmed', 'confirmed', 'confirmed', 'confirmed'])[t.n % 10 + 1],
       t.created_at, i.id, CASE WHEN t.n % 10 = 0 THEN '2029-07-01'::timestamptz END, NULL
FROM trip_items i JOIN (SELECT *, right(id::text, 12)::int AS n FROM trips) t ON t.id = i.trip_id;

-- One payment for a checkout, with a fee on top; its first booking has it.
INSERT INTO payments (id, booking_id, stripe_payment_intent_id, stripe_checkout_session_id, amount, currency, platform_fee,
    vendor_payout, status, refund_amount, refund_id, refunded_at, created_at)
SELECT ('a0000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, ('b0000000-0000-0000-0000-' || lpad((n * 2)::text, 12, '0'))::uuid,
       'pi_' || n, 'cs_' || n, amount, 'usd', 0, amount,
       CASE n % 10 WHEN 0 THEN 'refunded' WHEN 4 THEN 'partially_refunded' ELSE 'succeeded' END,
       CASE n % 10 WHEN 0 THEN amount WHEN 4 THEN amount / 3 ELSE 0 END, CASE WHEN n % 10 IN (0, 4) THEN 're_' || n END,
       CASE WHEN n % 10 IN (0, 4) THEN '2029-07-01'::timestamptz END, created_at
FROM (SELECT right(t.id::text, 12)::int AS n, t.created_at, 100 + (100 * sum(i.total_price))::int AS amount
      FROM trips t JOIN trip_items i ON i.trip_id = t.id GROUP BY t.id) trip
WHERE n % 25 <> 5;

UPDATE bookings b SET slot_id = s.id, payment_id = p.id, user_id = t.user_id, experience_id = s.experience_id,
    guest_count = i.guests, booking_date = i.date, booking_time = '10:00', trip_item_id = NULL
FROM trip_items i JOIN trips t ON t.id = i.trip_id
JOIN experience_slots s ON s.experience_id::text = i.experience_id AND s.slot_date = i.date
LEFT JOIN payments p ON right(p.id::text, 12) = right(t.id::text, 12)
WHERE b.trip_item_id = i.id AND right(t.id::text, 12)::int % 3 = 0;

-- Every fiftieth slot lost two seats to nobody: reserved, and never released.
UPDATE experience_slots s SET available_count = total_capacity - CASE WHEN right(s.id::text, 12)::int % 50 = 0 THEN 2 ELSE 0 END
    - coalesce((SELECT sum(i.guests) FROM trip_items i JOIN bookings b ON 'b' || substr(i.id::text, 2) = b.id::text
                WHERE i.experience_id = s.experience_id::text AND i.date = s.slot_date AND b.status <> 'cancelled'), 0);
