-- The second step that was shown in a challenge before the first app is set up in it.
ALTER TABLE application_challenges ADD COLUMN shown TEXT;
CREATE INDEX application_challenges_of_subject ON application_challenges (subject_id);
CREATE INDEX site_tickets_of_session ON site_tickets (session_id);
-- Set where a code has shown that the account holder reads the mailbox of an application's user; with another one, again not.
ALTER TABLE users ADD COLUMN contact_proven_at {int};
