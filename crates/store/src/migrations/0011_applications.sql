-- "Login as" enters an application only if its registration says so.
ALTER TABLE applications ADD COLUMN accepts_login_as {int} NOT NULL DEFAULT 0;

-- The browser that a hosted set-up belongs to (SHA-256 of its handle), from the first right code on; whether the key that
-- asked may vouch for a first enrolment; and whether a code to the mailbox was entered before the set-up, where no second step
-- was due.
ALTER TABLE application_challenges ADD COLUMN browser {bytes};
ALTER TABLE application_challenges ADD COLUMN vouched {int} NOT NULL DEFAULT 0;
ALTER TABLE application_challenges ADD COLUMN mailbox_confirmed {int} NOT NULL DEFAULT 0;
