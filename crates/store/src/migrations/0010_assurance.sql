-- Whether the password was set by a link to the mailbox when it was last entered in the session, with nothing but the mailbox
-- to vouch for the account holder; and the same for what was granted in it. Of a grant in a "login as" it is the
-- administrator's.
ALTER TABLE sessions ADD COLUMN password_by_link {int} NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN password_by_link {int} NOT NULL DEFAULT 0;
UPDATE sessions SET password_by_link = 1
    WHERE user_id IN (SELECT id FROM users WHERE password_by_link_at IS NOT NULL);
UPDATE grants SET password_by_link = 1
    WHERE COALESCE(actor_id, user_id) IN (SELECT id FROM users WHERE password_by_link_at IS NOT NULL);
