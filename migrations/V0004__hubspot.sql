-- The mirror at HubSpot: what of a row HubSpot has, what waits, what was refused.

-- A change of a balance does not touch the contact's row; what is mirrored of a contact has the sum as its version.
ALTER TABLE credit_balances ADD COLUMN version bigint NOT NULL DEFAULT 0;

ALTER TABLE hubspot_links
    -- NULL: HubSpot does not have it yet, as far as we know.
    ALTER COLUMN hubspot_id DROP NOT NULL,
    -- The newest version that was noticed, and the one that HubSpot has. Versions only grow, so whoever notices a row
    -- twice changes nothing, and a change during a push is pushed again. 0: it has to be pushed in any case.
    ADD COLUMN seen_version        bigint NOT NULL DEFAULT 1,
    ADD COLUMN pushed_version      bigint NOT NULL DEFAULT 0,
    -- Since when it waits.
    ADD COLUMN changed_at          timestamptz NOT NULL DEFAULT now(),
    -- When the row was read that was pushed last.
    ADD COLUMN pushed_at           timestamptz,
    -- What HubSpot refused: how often since the last success, when it is tried again, what was said. A parked row is
    -- not tried again by itself.
    ADD COLUMN failures            integer NOT NULL DEFAULT 0,
    ADD COLUMN retry_at            timestamptz,
    ADD COLUMN parked_at           timestamptz,
    ADD COLUMN problem             text,
    ADD COLUMN correlation_id      text,
    -- Of a booking: the records at HubSpot that it was associated with, and the version that was looked at for it.
    ADD COLUMN associated_contact  text,
    ADD COLUMN associated_session  text,
    ADD COLUMN associated_version  bigint NOT NULL DEFAULT 0,
    -- Of a contact: somebody said that its credits were changed at HubSpot.
    ADD COLUMN pull_wanted_at      timestamptz,
    ADD CONSTRAINT hubspot_links_failures CHECK (failures >= 0),
    ADD CONSTRAINT hubspot_links_parked CHECK (parked_at IS NULL OR problem IS NOT NULL);
-- What a run looks for. Few rows are in any of these at a time.
CREATE INDEX hubspot_links_pending ON hubspot_links (org_id, entity, entity_id)
    WHERE pushed_version < seen_version AND parked_at IS NULL;
CREATE INDEX hubspot_links_loose ON hubspot_links (org_id, entity_id)
    WHERE entity = 'booking' AND hubspot_id IS NOT NULL AND associated_version < pushed_version AND parked_at IS NULL;
CREATE INDEX hubspot_links_parked ON hubspot_links (org_id, entity, entity_id) WHERE parked_at IS NOT NULL;
CREATE INDEX hubspot_links_pulls ON hubspot_links (org_id, entity_id) WHERE pull_wanted_at IS NOT NULL;

-- How far the mirror of an organisation is. Who holds the lease calls HubSpot for it, and nobody else.
CREATE TABLE hubspot_syncs (
    org_id             uuid PRIMARY KEY REFERENCES orgs (id),
    lease_holder       uuid,
    lease_until        timestamptz,
    -- The journal is noticed up to here; NULL: every row is still to be looked at.
    journal_cursor     uuid,
    -- Changes of contacts at HubSpot are pulled up to here, by HubSpot's clock.
    contacts_pulled_to timestamptz,
    -- The last run: when, and what became of it, as JSON.
    started_at         timestamptz,
    ended_at           timestamptz,
    report             text
);

-- Up to which moment of HubSpot's history of a credit everything is counted. By HubSpot's id of the contact: what a
-- contact begins with is read before the contact is there.
CREATE TABLE hubspot_credits (
    org_id     uuid NOT NULL REFERENCES orgs (id),
    hubspot_id text NOT NULL,
    kind       text NOT NULL,
    -- Milliseconds since 1970, by HubSpot's clock.
    counted_to bigint NOT NULL,
    PRIMARY KEY (org_id, hubspot_id, kind)
);

-- Credits that were bought or cut at HubSpot, each counted once. `applied` differs from `delta` where a balance stopped
-- at zero: the rest is a shortfall that somebody has to look at.
CREATE TABLE hubspot_credit_changes (
    org_id     uuid NOT NULL,
    contact_id uuid NOT NULL,
    kind       text NOT NULL,
    -- Milliseconds since 1970, by HubSpot's clock.
    at         bigint NOT NULL,
    delta      bigint NOT NULL CONSTRAINT hubspot_credit_changes_delta CHECK (delta <> 0),
    applied    bigint NOT NULL,
    -- When somebody said that the shortfall is dealt with.
    settled_at timestamptz,
    counted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, contact_id, kind, at),
    CONSTRAINT hubspot_credit_changes_contact FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id)
);
CREATE INDEX hubspot_credit_changes_short ON hubspot_credit_changes (org_id, contact_id)
    WHERE applied <> delta AND settled_at IS NULL;

ALTER TABLE credit_entries
    DROP CONSTRAINT credit_entries_reason,
    ADD CONSTRAINT credit_entries_reason CHECK (reason IN ('opening', 'grant', 'import', 'booking', 'return', 'hubspot'));

ALTER TABLE hubspot_credits        ALTER COLUMN org_id SET (n_distinct = 1);
ALTER TABLE hubspot_credit_changes ALTER COLUMN org_id SET (n_distinct = 1);
