-- What such a database also holds. A row's id says what is wrong with it.
SET search_path = public;
ALTER TABLE experience_slots DROP CONSTRAINT slots_experience;
ALTER TABLE bookings DROP CONSTRAINT bookings_status, DROP CONSTRAINT bookings_slot_id_fkey;
ALTER TABLE payments DROP CONSTRAINT payments_booking, DROP CONSTRAINT payments_refund;

INSERT INTO experiences (id, title, price, duration_minutes, timezone, created_at)
VALUES ('e1000000-0000-0000-0000-000000000001', 'Sail', 49.00, 120, NULL, '2029-01-01'),
       ('e1000000-0000-0000-0000-000000000002', 'Sail', 49.00, 120, NULL, '2029-01-02'),
       ('e1000000-0000-0000-0000-000000000003', 'Without a price', NULL, NULL, 'Mars/Base', '2029-01-03'),
       ('e1000000-0000-0000-0000-000000000004', NULL, -5, NULL, NULL, '2029-01-04');

INSERT INTO experience_slots (id, experience_id, slot_date, slot_time, total_capacity, available_count, price_override_amount, is_blocked, created_at)
VALUES ('51000000-0000-0000-0000-000000000001', 'e1000000-0000-0000-0000-000000000001', '2030-03-01', '10:00', 2, 0, NULL, false, '2029-01-01'),
       ('51000000-0000-0000-0000-000000000002', 'e1000000-0000-0000-0000-000000000001', '2030-03-02', '10:00', 20, 2, NULL, false, '2029-01-02'),
       ('51000000-0000-0000-0000-000000000003', 'e1000000-0000-0000-0000-000000000003', '2030-03-03', '10:00', 10, 10, NULL, false, '2029-01-03'),
       -- Of an experience that no row describes.
       ('51000000-0000-0000-0000-000000000004', 'e1000000-0000-0000-0000-000000000009', '2030-03-04', '10:00', 10, 10, 1500, true, '2029-01-04'),
       -- At a time that the clocks skip.
       ('51000000-0000-0000-0000-000000000006', 'e1000000-0000-0000-0000-000000000001', '2030-03-10', '02:30', 10, 10, NULL, false, '2029-01-06');

INSERT INTO trips (id, user_id, status, created_at)
SELECT ('71000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
       CASE WHEN n <> 12 THEN ('c1000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid END, 'booked', '2029-06-01'
FROM generate_series(1, 18) n;
-- Trip 18 is only planned.
UPDATE trips SET status = 'planning' WHERE id::text LIKE '71%18';

INSERT INTO bookings (id, trip_id, reference, status, booked_at, slot_id, guest_count, experience_id, booking_date, booking_time)
SELECT ('b1000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, ('71000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
       'PL-A00000' || lpad(n::text, 2, '0'), status, '2029-06-02'::timestamptz - n * interval '1 hour',
       ('51000000-0000-0000-0000-' || lpad(slot::text, 12, '0'))::uuid, guests, 'e1000000-0000-0000-0000-000000000001', '2030-03-02', '10:00'
FROM (VALUES
    -- Two bookings for the last two seats; the later one has the smaller number.
    (1, 'confirmed', 1, 2), (2, 'confirmed', 1, 2),
    -- Without a slot: one whose date and time name it, one of a day that has none.
    (3, 'confirmed', NULL, 1), (4, 'confirmed', NULL, 1),
    -- What never came to be, and what was paid all the same.
    (5, 'payment_failed', 2, 1), (6, 'pending', 2, 1), (7, 'pending', 2, 1),
    -- The reference of 2, again.
    (8, 'confirmed', 2, 1),
    (9, 'confirmed', 2, -2), (10, 'confirmed', 2, 0),
    -- Confirmed, and its money went back.
    (11, 'confirmed', 2, 1),
    -- Of a trip of nobody; of a slot that is not there; of one that was not taken.
    (12, 'confirmed', 2, 1), (13, 'confirmed', 99, 1),
    -- Confirmed before its money came; cancelled because none came.
    (14, 'confirmed', 2, 1), (15, 'cancelled', 2, 1),
    -- Of unknown price.
    (16, 'confirmed', 3, 1),
    (17, 'weird', 2, 1)
) AS b (n, status, slot, guests);
UPDATE bookings SET booking_date = '2030-04-01' WHERE id::text LIKE 'b1%04';
UPDATE bookings SET reference = 'PL-A0000002', booked_at = '2029-06-03' WHERE id::text LIKE 'b1%08';

INSERT INTO payments (id, booking_id, stripe_payment_intent_id, stripe_checkout_session_id, amount, platform_fee, vendor_payout,
    status, refund_amount, refund_id, created_at)
SELECT ('a1000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, ('b1000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
       'pi_awkward_' || n, 'cs_awkward_' || n, 9800, 1470, 8330, status, refund, 're_awkward_' || n, '2029-06-02'
FROM (VALUES (1, 'succeeded', 0), (2, 'succeeded', 0), (6, 'succeeded', 0), (9, 'succeeded', 0),
    -- More went back than came.
    (11, 'refunded', 99999),
    (14, 'pending', 0), (15, 'failed', 0),
    -- Of a booking that is not there.
    (20, 'succeeded', 0)) AS p (n, status, refund);

INSERT INTO audit_logs (event_type, entity_type, entity_id) VALUES ('booking.confirmed', 'booking', gen_random_uuid());
