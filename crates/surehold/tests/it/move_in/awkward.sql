-- What such a database also holds, after years without constraints. A row's id says what is wrong with it.
SET search_path = hubspot_sync;

INSERT INTO hubspot_contact_credits (id, hubspot_id, student_id, email, firstname, lastname, student_name, sj_credits,
    cs_credits, ndecc_exam_date, created_at)
VALUES ('c1000000-0000-0000-0000-000000000001', '71001', 'ANN1', 'ann@example.org', 'Ann', 'Lee', NULL, 2, 1, '2027-02-01', '2025-01-01'),
       ('c1000000-0000-0000-0000-000000000002', NULL, 'ben2', ' Ben@Example.org', NULL, NULL, 'Ben van Dyk', 0, -3, 'in spring', '2025-01-02'),
       ('c1000000-0000-0000-0000-000000000003', '71003', 'CAT3', '', 'Cat', 'Noaddress', NULL, 5, 0, NULL, '2025-01-03'),
       ('c1000000-0000-0000-0000-000000000004', '71004', 'ann1', 'ANN@example.org', 'Ann', 'Again', NULL, 9, 9, NULL, '2025-01-04'),
       ('c1000000-0000-0000-0000-000000000005', '71005', 'DAN5', 'dan@example.org', 'Dan', 'Null', NULL, NULL, 0, NULL, '2025-01-05'),
       ('c1000000-0000-0000-0000-000000000006', '71006', 'EVE6', 'eve@example.org', 'Eve', 'Rich', NULL, 0, 2000000, NULL, '2025-01-06');

INSERT INTO hubspot_mock_exams (id, hubspot_id, mock_exam_name, mock_type, exam_date, start_time, end_time, location,
    capacity, total_bookings, is_active, prerequisite_exam_ids, created_at)
VALUES ('e1000000-0000-0000-0000-000000000001', '81001', 'One seat', 'Clinical Skills', '2030-03-01', '09:00', '12:00', 'Calgary', 1, 2, 'true', NULL, '2025-01-01'),
       ('e1000000-0000-0000-0000-000000000002', '81002', 'Roomy', 'Situational Judgment', '2030-03-02', '9:00 AM', '1:00 PM', 'Vancouver', 20, 7, 'active', NULL, '2025-01-01'),
       ('e1000000-0000-0000-0000-000000000003', '81003', 'Nowhere', 'Clinical Skills', '2030-03-03', '09:00', '12:00', 'Calgary', NULL, 0, 'true', NULL, '2025-01-01'),
       ('e1000000-0000-0000-0000-000000000004', '81004', 'Some day', 'Mini-mock', '2030-03-04', '09:00', '12:00', 'Calgary', 10, 0, 'scheduled', NULL, '2025-01-01'),
       ('e1000000-0000-0000-0000-000000000005', '81005', 'Of no type', 'Yoga', '2030-03-05', '09:00', '12:00', 'Calgary', 10, 0, 'true', NULL, '2025-01-01'),
       ('e1000000-0000-0000-0000-000000000006', '81006', 'After two', 'Mock Discussion', '2030-03-06', '09:00', '12:00', 'Online', 10, 0, 'true', '{81001,81002,89999}', '2025-01-01'),
       ('e1000000-0000-0000-0000-000000000007', '81007', 'Backwards', 'Mini-mock', '2030-03-07', '12:00', '09:00', 'Calgary', 10, 0, 'true', NULL, '2025-01-01');

INSERT INTO hubspot_bookings (id, hubspot_id, booking_id, associated_mock_exam, associated_contact_id, student_id,
    student_email, is_active, attendance, dominant_hand, exam_date, token_used, token_refunded, mock_type, created_at, updated_at)
VALUES
    -- The last seat, twice; the later booking has the smaller id.
    ('b1000000-0000-0000-0000-000000000002', '91002', 'Clinical Skills-ANN1-March 1, 2030', '81001', '71001', 'ANN1', 'ann@example.org', 'Active', NULL, 'true', '2030-03-01', 'Clinical Skills Token', NULL, 'Clinical Skills', '2026-01-01', '2026-01-01'),
    ('b1000000-0000-0000-0000-000000000001', NULL, 'Clinical Skills-BEN2-March 1, 2030', '81001', NULL, 'BEN2', 'ben@example.org', 'Active', NULL, 'true', '2030-03-01', 'Clinical Skills Token', NULL, 'Clinical Skills', '2026-01-02', '2026-01-02'),
    -- Cancelled, and booked again under the same booking ID; the contact is known by the address only.
    ('b1000000-0000-0000-0000-000000000003', NULL, 'Situational Judgment-BEN2-March 2, 2030', '81002', NULL, 'ben2', 'BEN@example.org', 'cancelled', NULL, NULL, '2030-03-02', 'Shared Token', NULL, 'Situational Judgment', '2026-01-03', '2026-01-04'),
    ('b1000000-0000-0000-0000-000000000004', NULL, 'Situational Judgment-BEN2-March 2, 2030', NULL, NULL, 'ben2', NULL, 'Active', NULL, NULL, '2030-03-02', 'Golden Token', NULL, 'Situational Judgment', '2026-01-05', '2026-01-05'),
    -- The same day again.
    ('b1000000-0000-0000-0000-000000000005', NULL, 'another', '81002', NULL, 'BEN2', 'ben@example.org', 'Active', NULL, NULL, '2030-03-02', 'Shared Token', NULL, 'Situational Judgment', '2026-01-06', '2026-01-06'),
    -- Of nobody, of a contact that stays behind, of a session that stays behind.
    ('b1000000-0000-0000-0000-000000000006', NULL, 'x', '81002', NULL, 'ZOE9', 'zoe@example.org', 'Active', NULL, NULL, '2030-03-02', 'Shared Token', NULL, 'Situational Judgment', '2026-01-07', '2026-01-07'),
    ('b1000000-0000-0000-0000-000000000007', '91007', 'x', '81002', '71003', 'CAT3', '', 'Active', NULL, NULL, '2030-03-02', 'Shared Token', NULL, 'Situational Judgment', '2026-01-08', '2026-01-08'),
    ('b1000000-0000-0000-0000-000000000008', '91008', 'x', '81003', '71001', 'ANN1', 'ann@example.org', 'Active', NULL, 'left', '2030-03-03', 'Clinical Skills Token', NULL, 'Clinical Skills', '2026-01-09', '2026-01-09'),
    -- What is no booking, and what nobody can say.
    ('b1000000-0000-0000-0000-000000000009', NULL, 'x', '81002', '71001', 'ANN1', 'ann@example.org', 'Failed', NULL, NULL, '2030-03-02', NULL, NULL, 'Situational Judgment', '2026-01-10', '2026-01-10'),
    ('b1000000-0000-0000-0000-000000000010', NULL, 'x', '81002', '71001', 'ANN1', 'ann@example.org', NULL, NULL, NULL, '2030-03-02', NULL, NULL, 'Situational Judgment', NULL, NULL),
    -- Active although the contact came, with a hand that is none, and its credit back; no dates, no booking ID.
    ('b1000000-0000-0000-0000-000000000011', '91011', NULL, '81002', '71001', 'ANN1', 'ann@example.org', 'Active', 'Yes', 'both', '2030-03-02', 'sj_credits', 'true', 'Situational Judgment', NULL, NULL),
    -- Active although its credit came back.
    ('b1000000-0000-0000-0000-000000000012', '91012', 'y', '81004', '71005', 'DAN5', 'dan@example.org', 'Active', NULL, NULL, '2030-03-04', 'Mini-mock Token', 'true', 'Mini-mock', '2026-01-12', '2026-01-12');
