-- No foreign keys on the tables that every booking writes to. (docs/decisions/0005-no-foreign-keys-on-hot-tables.md)
--
-- Each costs a look-up and a row lock for every row inserted, for something that cannot happen: the rows they
-- point to are read and locked in the same transaction, and nobody may delete one (the server's role has no
-- DELETE on any table). What is left of the rule is checked by `surehold doctor`.
ALTER TABLE bookings       DROP CONSTRAINT bookings_slot;
ALTER TABLE bookings       DROP CONSTRAINT bookings_contact;
ALTER TABLE credit_entries DROP CONSTRAINT credit_entries_balance_row;
ALTER TABLE journal        DROP CONSTRAINT journal_org_id_fkey;
