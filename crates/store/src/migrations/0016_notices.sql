-- When the account first finished a sign-in: before that there is no browser that a new one could differ from.
ALTER TABLE users ADD COLUMN first_sign_in_at {int};
UPDATE users SET first_sign_in_at = created_at
    WHERE id IN (SELECT user_id FROM known_browsers)
    OR id IN (SELECT user_id FROM sessions)
    OR id IN (SELECT user_id FROM events WHERE kind = 'signed-in');

-- When the account first finished a sign-in in this browser, and from where: several tabs of one new browser are one browser.
ALTER TABLE known_browsers ADD COLUMN first_seen_at {int} NOT NULL DEFAULT 0;
ALTER TABLE known_browsers ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE known_browsers ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
CREATE INDEX known_browsers_of_user ON known_browsers (user_id);
