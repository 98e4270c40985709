-- The tables of the marketplace's own database, with the columns that its migrations and its documents name.
SET search_path = public;

CREATE TABLE experiences (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title            text,
    price            numeric(10, 2),
    duration_minutes integer,
    cutoff_hours     integer,
    timezone         text,
    is_active        boolean DEFAULT true,
    created_at       timestamptz DEFAULT now()
);

CREATE TABLE experience_slots (
    id                    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    experience_id         uuid NOT NULL CONSTRAINT slots_experience REFERENCES experiences (id) ON DELETE CASCADE,
    slot_date             date NOT NULL,
    slot_time             time NOT NULL,
    total_capacity        integer NOT NULL CHECK (total_capacity > 0),
    available_count       integer NOT NULL CHECK (available_count BETWEEN 0 AND total_capacity),
    price_override_amount integer,
    is_blocked            boolean NOT NULL DEFAULT false,
    created_at            timestamptz DEFAULT now(),
    updated_at            timestamptz DEFAULT now(),
    UNIQUE (experience_id, slot_date, slot_time)
);

CREATE TABLE trips (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid,
    status     text NOT NULL DEFAULT 'planning',
    total      numeric(10, 2),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE trip_items (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    trip_id            uuid REFERENCES trips (id),
    experience_id      text,
    guests             integer,
    total_price        numeric(10, 2),
    date               date,
    time               text,
    modification_count integer DEFAULT 0
);

CREATE TABLE bookings (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    trip_id         uuid REFERENCES trips (id),
    reference       text,
    status          text CONSTRAINT bookings_status CHECK (status IN ('confirmed', 'pending', 'cancelled', 'completed', 'checked_in', 'no_show')),
    booked_at       timestamptz DEFAULT now(),
    check_in_status text,
    checked_in_at   timestamptz,
    trip_item_id    uuid REFERENCES trip_items (id),
    refunded_by     uuid,
    refunded_at     timestamptz,
    email_sent      boolean,
    email_sent_at   timestamptz,
    user_id         uuid,
    experience_id   uuid,
    guest_count     integer,
    created_at      timestamptz DEFAULT now(),
    updated_at      timestamptz DEFAULT now()
);

CREATE TABLE payments (
    id                         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    booking_id                 uuid NOT NULL CONSTRAINT payments_booking REFERENCES bookings (id),
    stripe_payment_intent_id   text UNIQUE NOT NULL,
    stripe_checkout_session_id text,
    amount                     integer NOT NULL CHECK (amount > 0),
    currency                   text NOT NULL DEFAULT 'usd',
    platform_fee               integer NOT NULL,
    vendor_payout              integer NOT NULL,
    status                     text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed', 'refunded', 'partially_refunded')),
    refund_amount              integer DEFAULT 0 CONSTRAINT payments_refund CHECK (refund_amount BETWEEN 0 AND amount),
    refund_id                  text,
    refunded_at                timestamptz,
    created_at                 timestamptz DEFAULT now(),
    updated_at                 timestamptz DEFAULT now(),
    CHECK (platform_fee + vendor_payout = amount)
);

CREATE TABLE audit_logs (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    event_type  text,
    entity_type text,
    entity_id   uuid NOT NULL,
    created_at  timestamptz DEFAULT now()
);

ALTER TABLE bookings ADD COLUMN IF NOT EXISTS slot_id UUID REFERENCES experience_slots (id);
ALTER TABLE bookings ADD COLUMN IF NOT EXISTS payment_id UUID REFERENCES payments (id);
ALTER TABLE bookings ADD COLUMN IF NOT EXISTS booking_date DATE;
ALTER TABLE bookings ADD COLUMN IF NOT EXISTS booking_time TIME;
