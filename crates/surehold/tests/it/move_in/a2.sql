-- The tables of the exam application's own database, with the columns that its live databases have.
CREATE SCHEMA hubspot_sync;
SET search_path = hubspot_sync;

CREATE TABLE hubspot_contact_credits (
    id                    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    hubspot_id            text UNIQUE,
    student_id            text NOT NULL,
    email                 text NOT NULL,
    firstname             text,
    lastname              text,
    student_name          text,
    sj_credits            integer DEFAULT 0,
    cs_credits            integer DEFAULT 0,
    sjmini_credits        integer DEFAULT 0,
    mock_discussion_token integer DEFAULT 0,
    shared_mock_credits   integer DEFAULT 0,
    ndecc_exam_date       text,
    created_at            timestamptz DEFAULT now(),
    updated_at            timestamptz DEFAULT now(),
    synced_at             timestamptz DEFAULT now(),
    hubspot_last_sync_at  timestamptz,
    CONSTRAINT unique_student_email UNIQUE (student_id, email)
);

CREATE TABLE hubspot_mock_exams (
    id                            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    hubspot_id                    text UNIQUE NOT NULL,
    mock_exam_name                text,
    mock_type                     text,
    mock_set                      text,
    exam_date                     date,
    start_time                    text,
    end_time                      text,
    location                      text,
    capacity                      integer,
    total_bookings                integer DEFAULT 0,
    is_active                     text,
    scheduled_activation_datetime timestamptz,
    prerequisite_exam_ids         text[],
    created_at                    timestamptz DEFAULT now(),
    updated_at                    timestamptz DEFAULT now(),
    synced_at                     timestamptz DEFAULT now(),
    hubspot_last_sync_at          timestamptz
);

CREATE TABLE hubspot_bookings (
    id                    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    hubspot_id            text UNIQUE,
    booking_id            text,
    associated_mock_exam  text,
    associated_contact_id text,
    student_id            text,
    name                  text,
    student_email         text,
    is_active             text,
    attendance            text,
    attending_location    text,
    exam_date             timestamp,
    dominant_hand         text,
    token_used            text,
    token_refunded        text,
    token_refunded_at     timestamptz,
    token_refund_admin    text,
    mock_type             text,
    mock_set              text,
    start_time            text,
    end_time              text,
    ndecc_exam_date       text,
    idempotency_key       text UNIQUE,
    created_at            timestamptz DEFAULT now(),
    updated_at            timestamptz DEFAULT now(),
    synced_at             timestamptz DEFAULT now(),
    hubspot_last_sync_at  timestamptz
);
