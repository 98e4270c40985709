-- The engine and the exam school.
--
-- Conventions: `org_id` leads every primary key, unique key and foreign key (one organisation never
-- sees another, and the tables can be distributed by it); ids are UUIDv7 made by the server; instants
-- are timestamptz; status columns are text with a CHECK; every constraint has a name, because the
-- server maps names to meanings (crates/surehold/src/store/constraints.rs).

CREATE TABLE orgs (
    id                  uuid PRIMARY KEY,
    slug                text NOT NULL CONSTRAINT orgs_slug_unique UNIQUE,
    name                text NOT NULL,
    time_zone           text NOT NULL,
    -- Host names whose requests belong to this organisation when no key or token says so.
    hosts               text[] NOT NULL DEFAULT '{}',
    -- Location name -> IANA time zone, for sessions that are not in the organisation's own zone.
    location_time_zones jsonb NOT NULL DEFAULT '{}',
    -- The largest capacity that a slot may have.
    slot_capacity_max   integer NOT NULL DEFAULT 100 CONSTRAINT orgs_slot_capacity_max_positive CHECK (slot_capacity_max > 0),
    -- Signs the short-lived bearer tokens of this organisation's students.
    token_secret        bytea NOT NULL,
    -- A test organisation (the storm driver's): hidden everywhere, never mirrored.
    is_test             boolean NOT NULL DEFAULT false,
    closed_at           timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    org_id      uuid NOT NULL REFERENCES orgs (id),
    id          uuid NOT NULL,
    name        text NOT NULL,
    role        text NOT NULL CONSTRAINT api_keys_role CHECK (role IN ('admin', 'service')),
    -- SHA-256 of the key's secret part (256 random bits, so no slow hash is needed).
    secret_hash bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz,
    PRIMARY KEY (org_id, id)
);
-- A request brings a key before we know its organisation; not unique, so it needs no org_id in front.
CREATE INDEX api_keys_by_id ON api_keys (id);

-- The kinds of prepaid credit that an organisation sells.
CREATE TABLE credit_kinds (
    org_id      uuid NOT NULL REFERENCES orgs (id),
    kind        text NOT NULL,
    -- What a booking shows in token_used when this kind paid.
    token_label text NOT NULL,
    position    integer NOT NULL,
    PRIMARY KEY (org_id, kind)
);

-- What is on sale: a mock-exam type, a mock discussion. The rules of a type are data.
CREATE TABLE offerings (
    org_id                    uuid NOT NULL REFERENCES orgs (id),
    id                        uuid NOT NULL,
    family                    text NOT NULL CONSTRAINT offerings_family CHECK (family IN ('mock_exam', 'mock_discussion', 'experience')),
    name                      text NOT NULL,
    -- Kinds of credit that pay for it, in the order in which they are drawn.
    credit_policy             text[] NOT NULL DEFAULT '{}',
    one_per_day               boolean NOT NULL DEFAULT false,
    needs_dominant_hand       boolean NOT NULL DEFAULT false,
    needs_attending_location  boolean NOT NULL DEFAULT false,
    code_style                text NOT NULL DEFAULT 'bk' CONSTRAINT offerings_code_style CHECK (code_style IN ('type_student_date', 'bk')),
    -- A student may cancel until so many minutes before the start.
    cancel_cutoff_minutes     integer NOT NULL DEFAULT 0 CONSTRAINT offerings_cancel_cutoff CHECK (cancel_cutoff_minutes >= 0),
    created_at                timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    CONSTRAINT offerings_name_unique UNIQUE (org_id, name)
);

-- One dated occurrence of an offering. The row is hot: its seats change with every batch of bookings.
-- So no index covers a changing column and half of each page stays free, and every update is HOT.
CREATE TABLE slots (
    org_id          uuid NOT NULL,
    id              uuid NOT NULL,
    offering_id     uuid NOT NULL,
    name            text NOT NULL,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    -- The same instants as the people in the room see them.
    local_date      date NOT NULL,
    local_start     time NOT NULL,
    local_end       time NOT NULL,
    time_zone       text NOT NULL,
    location        text,
    mock_set        text,
    capacity        integer NOT NULL,
    taken           integer NOT NULL DEFAULT 0,
    held            integer NOT NULL DEFAULT 0,
    withheld        integer NOT NULL DEFAULT 0,
    status          text NOT NULL CONSTRAINT slots_status CHECK (status IN ('active', 'inactive', 'scheduled', 'cancelled')),
    -- A scheduled slot becomes bookable at this instant because that is derived, not because a timer writes it.
    activates_at    timestamptz,
    is_blocked      boolean NOT NULL DEFAULT false,
    blocked_reason  text,
    -- Slots in each of which a booking must be active or completed.
    prerequisites   uuid[] NOT NULL DEFAULT '{}',
    -- Grows with every change, seats included.
    version         bigint NOT NULL DEFAULT 1,
    -- Grows with an operator's edits only, so that an edit form does not conflict with every booking.
    edit_version    bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    CONSTRAINT slots_offering FOREIGN KEY (org_id, offering_id) REFERENCES offerings (org_id, id),
    -- Law 1.
    CONSTRAINT slots_seats CHECK (taken >= 0 AND held >= 0 AND withheld >= 0 AND taken + held + withheld <= capacity),
    CONSTRAINT slots_capacity_positive CHECK (capacity > 0),
    CONSTRAINT slots_times CHECK (ends_at > starts_at),
    CONSTRAINT slots_scheduled_has_time CHECK (status <> 'scheduled' OR activates_at IS NOT NULL)
) WITH (fillfactor = 50);
CREATE INDEX slots_by_start ON slots (org_id, starts_at, id);
-- Sessions can be named by their name.
CREATE INDEX slots_by_name ON slots (org_id, name);

-- A person. The contact row is also the lock of everything that belongs to the contact: its balances
-- and its bookings are changed only by who holds it (docs/decisions/0001-contact-row-is-the-lock.md).
CREATE TABLE contacts (
    org_id          uuid NOT NULL REFERENCES orgs (id),
    id              uuid NOT NULL,
    -- Upper case.
    student_id      text NOT NULL,
    -- Lower case, trimmed.
    email           text NOT NULL,
    first_name      text NOT NULL DEFAULT '',
    last_name       text NOT NULL DEFAULT '',
    ndecc_exam_date date,
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    -- The pair is the identity; one student ID may occur with two addresses.
    CONSTRAINT contacts_identity UNIQUE (org_id, student_id, email)
) WITH (fillfactor = 80);

-- Every contact has a row per kind from its creation on: a missing row cannot be locked or updated.
CREATE TABLE credit_balances (
    org_id     uuid NOT NULL,
    contact_id uuid NOT NULL,
    kind       text NOT NULL,
    amount     bigint NOT NULL CONSTRAINT credit_balances_not_negative CHECK (amount >= 0),
    PRIMARY KEY (org_id, contact_id, kind),
    CONSTRAINT credit_balances_contact FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id),
    CONSTRAINT credit_balances_kind FOREIGN KEY (org_id, kind) REFERENCES credit_kinds (org_id, kind)
) WITH (fillfactor = 80);

-- One party's claim on one slot.
CREATE TABLE bookings (
    org_id              uuid NOT NULL,
    id                  uuid NOT NULL,
    contact_id          uuid NOT NULL,
    slot_id             uuid NOT NULL,
    offering_id         uuid NOT NULL,
    -- The slot it was made for; differs from slot_id after a move. Keys for callers without one count by it.
    booked_slot_id      uuid NOT NULL,
    status              text NOT NULL CONSTRAINT bookings_status CHECK (status IN
                            ('pending_payment', 'processing', 'confirmed', 'cancelled', 'expired', 'completed', 'no_show')),
    guests              integer NOT NULL CONSTRAINT bookings_guests_positive CHECK (guests > 0),
    -- The human booking ID. It repeats after cancel and rebook, so it is not unique.
    code                text NOT NULL,
    -- The day on which this booking excludes others of its offering; NULL where the offering allows several.
    exclusive_date      date,
    paid_by             text NOT NULL CONSTRAINT bookings_paid_by CHECK (paid_by IN ('credit', 'override')),
    -- The kind of credit that paid.
    credit_kind         text,
    token_used          text,
    attending_location  text,
    dominant_hand       text CONSTRAINT bookings_dominant_hand CHECK (dominant_hand IN ('left', 'right')),
    attendance          text CONSTRAINT bookings_attendance CHECK (attendance IN ('Yes', 'No')),
    cancelled_at        timestamptz,
    cancelled_by        text,
    -- When, as which kind and by whom the credit came back.
    credit_returned_at  timestamptz,
    returned_kind       text,
    refunded_by         text,
    version             bigint NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    CONSTRAINT bookings_slot FOREIGN KEY (org_id, slot_id) REFERENCES slots (org_id, id),
    CONSTRAINT bookings_contact FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id),
    CONSTRAINT bookings_credit_kind CHECK ((paid_by = 'credit') = (credit_kind IS NOT NULL)),
    CONSTRAINT bookings_cancelled_at CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CONSTRAINT bookings_credit_returned CHECK ((credit_returned_at IS NULL) = (returned_kind IS NULL))
) WITH (fillfactor = 90);
-- One active booking per contact, exam date and mock type.
CREATE UNIQUE INDEX bookings_one_per_day ON bookings (org_id, contact_id, offering_id, exclusive_date)
    WHERE exclusive_date IS NOT NULL AND status IN ('pending_payment', 'processing', 'confirmed', 'completed', 'no_show');
CREATE INDEX bookings_by_contact ON bookings (org_id, contact_id, slot_id);
CREATE INDEX bookings_by_slot ON bookings (org_id, slot_id);
CREATE INDEX bookings_by_code ON bookings (org_id, code);

-- Signed, immutable changes of balances. Append-only by privileges: the server may only SELECT and INSERT.
CREATE TABLE credit_entries (
    org_id     uuid NOT NULL,
    id         uuid NOT NULL,
    contact_id uuid NOT NULL,
    kind       text NOT NULL,
    delta      bigint NOT NULL CONSTRAINT credit_entries_delta_not_zero CHECK (delta <> 0),
    -- The balance that this entry led to.
    balance    bigint NOT NULL CONSTRAINT credit_entries_balance_not_negative CHECK (balance >= 0),
    reason     text NOT NULL CONSTRAINT credit_entries_reason CHECK (reason IN ('opening', 'grant', 'import', 'booking', 'return')),
    booking_id uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    CONSTRAINT credit_entries_balance_row FOREIGN KEY (org_id, contact_id, kind) REFERENCES credit_balances (org_id, contact_id, kind),
    CONSTRAINT credit_entries_booking CHECK ((reason IN ('booking', 'return')) = (booking_id IS NOT NULL)),
    CONSTRAINT credit_entries_sign CHECK ((reason <> 'booking' OR delta < 0) AND (reason <> 'return' OR delta > 0))
);
-- A booking's credit comes back at most once, however cancel, refund and session cancellation are combined.
CREATE UNIQUE INDEX credit_entries_one_return ON credit_entries (org_id, booking_id) WHERE reason = 'return';

-- One row per state change, written in its transaction. Audit log, idempotency record and change feed in one.
-- Append-only by privileges.
CREATE TABLE journal (
    org_id       uuid NOT NULL REFERENCES orgs (id),
    id           uuid NOT NULL,
    at           timestamptz NOT NULL,
    -- All rows of one command share it.
    command_id   uuid NOT NULL,
    -- Who asked: 'student:<contact id>', 'key:<api key id>', 'system:<part>'.
    principal    text NOT NULL,
    -- The person an API key acted for, as the caller named them (an admin's address, say).
    on_behalf_of text,
    event        text NOT NULL,
    entity       text NOT NULL CONSTRAINT journal_entity CHECK (entity IN ('booking', 'slot', 'contact')),
    entity_id    uuid NOT NULL,
    before       jsonb,
    after        jsonb,
    -- On the first row of a command only: its key, the fingerprint of the parsed request and the answer.
    key          text,
    fingerprint  bytea,
    answer       jsonb,
    PRIMARY KEY (org_id, id),
    CONSTRAINT journal_key_complete CHECK ((key IS NULL) = (fingerprint IS NULL) AND (key IS NULL) = (answer IS NULL))
);
-- Law 4: one key, one effect, per (org, principal, key).
CREATE UNIQUE INDEX journal_key ON journal (org_id, key, principal) WHERE key IS NOT NULL;
CREATE INDEX journal_by_entity ON journal (org_id, entity_id, id);

-- What HubSpot knows a row as. Kept off the rows themselves, which are hot.
CREATE TABLE hubspot_links (
    org_id     uuid NOT NULL REFERENCES orgs (id),
    entity     text NOT NULL CONSTRAINT hubspot_links_entity CHECK (entity IN ('booking', 'slot', 'contact')),
    entity_id  uuid NOT NULL,
    hubspot_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, entity, entity_id),
    CONSTRAINT hubspot_links_hubspot_id UNIQUE (org_id, entity, hubspot_id)
);

-- What the last import of a file's row saw, so that a number in a file counts as its difference from then.
CREATE TABLE import_rows (
    org_id      uuid NOT NULL REFERENCES orgs (id),
    source      text NOT NULL CONSTRAINT import_rows_source CHECK (source IN ('contacts', 'sessions')),
    row_key     text NOT NULL,
    entity_id   uuid NOT NULL,
    seen        jsonb NOT NULL,
    -- Counts the imports that changed `seen`; part of the key of the command that follows a change.
    revision    bigint NOT NULL DEFAULT 1,
    imported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, source, row_key)
);

-- Nearly every index begins with org_id, and nearly every row of a database may belong to one organisation.
-- Statistics of a table with a handful of rows say the opposite (each organisation has one row), and the
-- planner then takes org_id alone for selective while the table grows. So it is told the pessimistic truth.
-- (docs/decisions/0002-plans-without-statistics.md)
ALTER TABLE offerings       ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE slots           ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE contacts        ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE credit_balances ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE bookings        ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE credit_entries  ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE journal         ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE hubspot_links   ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE import_rows     ALTER COLUMN org_id SET (n_distinct = 1);
