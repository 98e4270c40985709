-- The journal's documents as json: they are written with every booking and looked into hardly ever, and taking
-- them apart for jsonb cost more than any index of the table (docs/bench/notes.md). PostgreSQL still refuses what is
-- not JSON. The table is rewritten once.
ALTER TABLE journal
    ALTER COLUMN before TYPE json,
    ALTER COLUMN after  TYPE json,
    ALTER COLUMN answer TYPE json;
