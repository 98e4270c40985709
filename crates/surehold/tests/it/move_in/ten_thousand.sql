-- A school's years: 2,000 students, 200 sessions, 10,000 bookings. A third of the students and half of the bookings have
-- no record at HubSpot.
SET search_path = hubspot_sync;

INSERT INTO hubspot_contact_credits (id, hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits,
    sjmini_credits, mock_discussion_token, shared_mock_credits, ndecc_exam_date, created_at)
SELECT ('c0000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, CASE WHEN n % 3 > 0 THEN (700000 + n)::text END,
       (1500000 + n)::text, 'student' || n || '@example.org', 'Given', 'Family ' || n, n % 4, n % 3, n % 2, n % 5, n % 7,
       '2027-06-01', '2025-01-01'::timestamptz + n * interval '1 hour'
FROM generate_series(0, 1999) n;

INSERT INTO hubspot_mock_exams (id, hubspot_id, mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time,
    location, capacity, total_bookings, is_active, created_at)
SELECT ('e0000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, (80000 + n)::text, 'Session ' || n,
       (ARRAY['Situational Judgment', 'Clinical Skills', 'Mini-mock', 'Mock Discussion'])[n % 4 + 1],
       CASE WHEN n % 4 <> 2 THEN chr(65 + n % 8) END, '2026-10-01'::date + n / 4, '09:00', '12:30', 'Calgary', 60, 45,
       CASE WHEN n % 9 = 0 THEN 'false' ELSE 'true' END, '2025-01-01'
FROM generate_series(0, 199) n;

INSERT INTO hubspot_bookings (id, hubspot_id, booking_id, associated_mock_exam, associated_contact_id, student_id, name,
    student_email, is_active, attendance, attending_location, exam_date, dominant_hand, token_used, token_refunded,
    token_refunded_at, mock_type, idempotency_key, created_at, updated_at)
SELECT ('b0000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, CASE WHEN n % 2 = 0 THEN (900000 + n)::text END,
       e.mock_type || '-' || c.student_id || '-' || to_char(e.exam_date, 'FMMonth FMDD, YYYY'), e.hubspot_id, c.hubspot_id,
       c.student_id, c.firstname || ' ' || c.lastname, c.email,
       CASE n % 10 WHEN 0 THEN 'Cancelled' WHEN 1 THEN 'Completed' WHEN 2 THEN 'Completed' ELSE 'Active' END,
       CASE n % 10 WHEN 1 THEN 'Yes' WHEN 2 THEN 'No' END, 'calgary', e.exam_date,
       CASE WHEN n % 2 = 0 THEN 'true' ELSE 'false' END,
       CASE WHEN n % 100 = 7 THEN 'Admin Override' WHEN n % 25 = 3 AND e.mock_type LIKE '%S%' THEN 'Shared Token'
            ELSE e.mock_type || ' Token' END,
       CASE WHEN n % 10 = 0 THEN 'true' END, CASE WHEN n % 10 = 0 THEN '2026-09-01'::timestamptz END, e.mock_type,
       CASE WHEN n % 3 > 0 THEN 'idem_' || md5(n::text) END, '2026-01-01'::timestamptz + n * interval '1 minute',
       '2026-09-02'
FROM generate_series(0, 9999) n
JOIN hubspot_mock_exams e ON e.hubspot_id = (80000 + n / 50)::text
JOIN hubspot_contact_credits c ON c.student_id = (1500000 + n % 2000)::text;
