-- Notes that callers add to the audit log. A note may be about anything, also what is none of our rows: as the journal's
-- entity it is a note, with the id of whatever it is about, and what it says stands in `after`. So no reader of the
-- journal takes it for a change of a row.
ALTER TABLE journal
    DROP CONSTRAINT journal_entity,
    ADD CONSTRAINT journal_entity
        CHECK (entity IN ('booking', 'slot', 'contact', 'trip', 'payment', 'refund', 'offering', 'note'));

CREATE OR REPLACE VIEW drop_in.audit_logs AS
SELECT j.org_id,
       j.id,
       CASE j.event WHEN 'note.added' THEN j.after ->> 'event_type' ELSE j.event END AS event_type,
       CASE j.event WHEN 'note.added' THEN j.after ->> 'entity_type' ELSE j.entity END AS entity_type,
       j.entity_id,
       CASE WHEN j.event = 'note.added' THEN (j.after ->> 'actor_id')::uuid
            WHEN coalesce(j.on_behalf_of, j.principal) ~ '^(student|user):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                THEN split_part(coalesce(j.on_behalf_of, j.principal), ':', 2)::uuid END AS actor_id,
       CASE WHEN j.event = 'note.added' THEN coalesce(j.after ->> 'actor_type', 'system')
            WHEN j.stripe_event_id IS NOT NULL THEN 'stripe'
            WHEN coalesce(j.on_behalf_of, j.principal) ~ '^(student|user):' THEN 'user'
            ELSE 'system' END AS actor_type,
       CASE j.event WHEN 'note.added' THEN coalesce(j.after -> 'metadata', '{}') ELSE coalesce(j.after, '{}') END::jsonb AS metadata,
       CASE j.event WHEN 'note.added' THEN j.after ->> 'stripe_event_id' ELSE j.stripe_event_id END AS stripe_event_id,
       j.at AS created_at
FROM journal j
WHERE j.event <> 'request.unchanged';
