-- Trips and money: several slots, one payment, all or nothing.
--
-- A trip, its payments and their refunds belong to one contact, whose row is their lock as it is that of the
-- contact's bookings (docs/decisions/0001-contact-row-is-the-lock.md).

-- Money is in minor units (cents) of an ISO 4217 currency, written as Stripe does: lower case.
ALTER TABLE orgs ADD COLUMN currency text NOT NULL DEFAULT 'usd' CONSTRAINT orgs_currency CHECK (currency ~ '^[a-z]{3}$');

ALTER TABLE offerings
    -- Per guest; NULL is not sold for money.
    ADD COLUMN price_minor            bigint CONSTRAINT offerings_price CHECK (price_minor >= 0),
    -- Guests of one booking.
    ADD COLUMN guests_max             integer NOT NULL DEFAULT 10 CONSTRAINT offerings_guests_max CHECK (guests_max > 0),
    -- A checkout ends so many minutes before the start.
    ADD COLUMN booking_cutoff_minutes integer NOT NULL DEFAULT 120 CONSTRAINT offerings_booking_cutoff CHECK (booking_cutoff_minutes >= 0),
    -- A traveller who cancels so many minutes before the start gets everything back; later, a part.
    ADD COLUMN free_cancel_minutes    integer NOT NULL DEFAULT 1440 CONSTRAINT offerings_free_cancel CHECK (free_cancel_minutes >= 0),
    ADD COLUMN late_refund_percent    integer NOT NULL DEFAULT 0 CONSTRAINT offerings_late_refund CHECK (late_refund_percent BETWEEN 0 AND 100),
    ADD COLUMN is_active              boolean NOT NULL DEFAULT true,
    -- Grows with every edit by an operator.
    ADD COLUMN version                bigint NOT NULL DEFAULT 1;

-- What a guest of this slot pays instead of the offering's price.
ALTER TABLE slots ADD COLUMN price_minor bigint CONSTRAINT slots_price CHECK (price_minor >= 0);
-- An experience's slots by date and start: each start once, which the lock of the offering's row sees to (slots of
-- exams may begin together). No column of it changes with a booking.
CREATE INDEX slots_by_offering ON slots (org_id, offering_id, local_date, local_start);

-- The bookings that are paid together.
CREATE TABLE trips (
    org_id     uuid NOT NULL,
    -- The caller's own id of the trip, if it names one.
    id         uuid NOT NULL,
    contact_id uuid NOT NULL,
    status     text NOT NULL CONSTRAINT trips_status CHECK (status IN ('planning', 'booked', 'cancelled')),
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    CONSTRAINT trips_contact FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id)
);

-- One attempt to pay for a trip, or money that was taken elsewhere and recorded here.
CREATE TABLE payments (
    org_id                uuid NOT NULL,
    id                    uuid NOT NULL,
    contact_id            uuid NOT NULL,
    -- Recorded money may come before its trip.
    trip_id               uuid,
    source                text NOT NULL CONSTRAINT payments_source CHECK (source IN ('checkout', 'recorded')),
    -- pending: may be paid. processing: checkout done, money on its way (or flagged: an operator has to look).
    -- refunding: money came for seats that were gone, and all of it goes back.
    status                text NOT NULL CONSTRAINT payments_status CHECK (status IN
                              ('pending', 'processing', 'succeeded', 'failed', 'refunding', 'partially_refunded', 'refunded')),
    -- What was asked for.
    amount_minor          bigint NOT NULL CONSTRAINT payments_amount CHECK (amount_minor > 0),
    currency              text NOT NULL CONSTRAINT payments_currency CHECK (currency ~ '^[a-z]{3}$'),
    -- What came, and what of it has gone back, as Stripe says.
    received_minor        bigint CONSTRAINT payments_received CHECK (received_minor >= 0),
    received_currency     text,
    refunded_minor        bigint NOT NULL DEFAULT 0 CONSTRAINT payments_refunded CHECK (refunded_minor >= 0),
    -- The name of recorded money where it was taken.
    reference             text,
    -- What Stripe is asked for, as JSON. The request is made of this alone, so that a retry sends the same bytes.
    checkout              text,
    stripe_session_id     text,
    checkout_url          text,
    stripe_payment_intent text,
    -- The session cannot be paid after pay_until; the seats are held until expires_at, which is later.
    pay_until             timestamptz,
    expires_at            timestamptz,
    processing_since      timestamptz,
    -- Why it failed, or why its money goes back.
    reason                text,
    -- Something for an operator to look at.
    flag                  text,
    stripe_dispute_id     text,
    version               bigint NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    CONSTRAINT payments_contact FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id),
    CONSTRAINT payments_trip FOREIGN KEY (org_id, trip_id) REFERENCES trips (org_id, id),
    CONSTRAINT payments_checkout_complete CHECK (source <> 'checkout'
        OR (trip_id IS NOT NULL AND checkout IS NOT NULL AND pay_until IS NOT NULL AND expires_at > pay_until)),
    CONSTRAINT payments_reference_complete CHECK ((source = 'recorded') = (reference IS NOT NULL))
) WITH (fillfactor = 80);
-- A trip has at most one payment that may still be paid.
CREATE UNIQUE INDEX payments_one_live ON payments (org_id, trip_id) WHERE status IN ('pending', 'processing');
-- Recorded money is recorded once.
CREATE UNIQUE INDEX payments_reference ON payments (org_id, reference) WHERE reference IS NOT NULL;
CREATE UNIQUE INDEX payments_stripe_session ON payments (org_id, stripe_session_id) WHERE stripe_session_id IS NOT NULL;
CREATE INDEX payments_by_intent ON payments (org_id, stripe_payment_intent) WHERE stripe_payment_intent IS NOT NULL;
CREATE INDEX payments_by_trip ON payments (org_id, trip_id);
CREATE INDEX payments_by_contact ON payments (org_id, contact_id, id);
-- A traveller's open checkouts; and, few as they are, what workers look through.
CREATE INDEX payments_open ON payments (org_id, contact_id, pay_until) WHERE status IN ('pending', 'processing');
CREATE INDEX payments_flagged ON payments (org_id, id) WHERE flag IS NOT NULL;

-- Money on its way back. A request of ours, or one made in Stripe's dashboard.
CREATE TABLE refunds (
    org_id           uuid NOT NULL,
    id               uuid NOT NULL,
    payment_id       uuid NOT NULL,
    -- The booking it is for; NULL: for the payment as a whole.
    booking_id       uuid,
    amount_minor     bigint NOT NULL CONSTRAINT refunds_amount CHECK (amount_minor > 0),
    -- requested: Stripe has not answered yet. pending: Stripe has it.
    status           text NOT NULL CONSTRAINT refunds_status CHECK (status IN ('requested', 'pending', 'succeeded', 'failed')),
    reason           text NOT NULL,
    stripe_refund_id text,
    -- What Stripe said when it refused.
    problem          text,
    version          bigint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    CONSTRAINT refunds_payment FOREIGN KEY (org_id, payment_id) REFERENCES payments (org_id, id)
);
CREATE INDEX refunds_by_payment ON refunds (org_id, payment_id);
CREATE UNIQUE INDEX refunds_stripe_refund ON refunds (org_id, stripe_refund_id) WHERE stripe_refund_id IS NOT NULL;
-- What the worker has to send or to ask about.
CREATE INDEX refunds_open ON refunds (org_id, id) WHERE status IN ('requested', 'pending');

-- A webhook's event, stored with its effect in one transaction. One event, one effect.
CREATE TABLE stripe_events (
    org_id      uuid NOT NULL REFERENCES orgs (id),
    id          text NOT NULL,
    type        text NOT NULL,
    -- Stripe's own time of it.
    created_at  timestamptz NOT NULL,
    payload     text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);

ALTER TABLE bookings
    ADD COLUMN trip_id     uuid,
    ADD COLUMN payment_id  uuid,
    -- What all guests of it pay together.
    ADD COLUMN price_minor bigint CONSTRAINT bookings_price CHECK (price_minor >= 0),
    -- A hold's end; NULL while money is on its way.
    ADD COLUMN expires_at  timestamptz,
    DROP CONSTRAINT bookings_paid_by,
    ADD CONSTRAINT bookings_paid_by CHECK (paid_by IN ('credit', 'override', 'payment')),
    ADD CONSTRAINT bookings_payment CHECK ((paid_by = 'payment') = (payment_id IS NOT NULL)
        AND (payment_id IS NULL) = (trip_id IS NULL) AND (payment_id IS NULL) = (price_minor IS NULL)),
    ADD CONSTRAINT bookings_hold CHECK (status <> 'pending_payment' OR expires_at IS NOT NULL),
    ADD CONSTRAINT bookings_payment_row FOREIGN KEY (org_id, payment_id) REFERENCES payments (org_id, id);
CREATE INDEX bookings_by_payment ON bookings (org_id, payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX bookings_holds ON bookings (org_id, slot_id, expires_at) WHERE status = 'pending_payment';
-- References of trips are unique; exam codes repeat after cancel and rebook.
CREATE UNIQUE INDEX bookings_reference ON bookings (org_id, code) WHERE paid_by = 'payment';

ALTER TABLE journal
    -- The event of Stripe's that caused it.
    ADD COLUMN stripe_event_id text,
    DROP CONSTRAINT journal_entity,
    ADD CONSTRAINT journal_entity CHECK (entity IN ('booking', 'slot', 'contact', 'trip', 'payment', 'refund', 'offering'));

ALTER TABLE trips         ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE payments      ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE refunds       ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE stripe_events ALTER COLUMN org_id SET (n_distinct = 1);
