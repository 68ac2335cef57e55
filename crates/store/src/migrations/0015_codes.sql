-- When the account holder said, or showed, that they keep the codes of this set: the same in each of its rows. Codes from before
-- this column count as saved, because nothing is known of them.
ALTER TABLE backup_codes ADD COLUMN saved_at {int};
UPDATE backup_codes SET saved_at = created_at;

-- The app that this one replaces, and when the set-up was cancelled. A cancelled one has no secret any more.
ALTER TABLE enrolments ADD COLUMN replaces TEXT;
ALTER TABLE enrolments ADD COLUMN cancelled_at {int};
