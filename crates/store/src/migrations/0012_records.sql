-- Codes that were sent before have a MAC that covers less, and would not match any more. They live for minutes; someone who has
-- one is asked to request another, and nothing is charged.
DELETE FROM sent_codes;

-- Attempts of the same kind on an account (wrong passwords, codes that were sent …) are one row an hour, named by run: how many
-- times, the first at first_at and the last at "at". In every other row first_at and run are NULL.
ALTER TABLE events ADD COLUMN times {int} NOT NULL DEFAULT 1;
ALTER TABLE events ADD COLUMN first_at {int};
ALTER TABLE events ADD COLUMN run TEXT;
CREATE UNIQUE INDEX events_run ON events (run);
CREATE INDEX events_of_kind ON events (kind, at);
