-- Why a session ended, for the browser that still holds its handle. It says nothing about whose session it was, and is kept for a week.
CREATE TABLE ended_sessions (
    handle {bytes} PRIMARY KEY,
    reason TEXT NOT NULL,
    expires_at {int} NOT NULL
){strict};
CREATE INDEX ended_sessions_expire ON ended_sessions (expires_at);

-- The handle that the browser had when it sent the password. A form that is sent twice, or again from another tab, continues the same
-- sign-in under a new handle, so its code is sent once.
ALTER TABLE challenges ADD COLUMN began_from {bytes};
CREATE INDEX challenges_began_from ON challenges (began_from);

-- The browser that caused the link, and where it wanted to go: only that browser goes on to there.
ALTER TABLE browser_links ADD COLUMN browser {bytes};
ALTER TABLE browser_links ADD COLUMN return_to TEXT;
