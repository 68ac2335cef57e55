-- API keys and client secrets on their way to the page that shows them, once, to the session that made them. secret_of is the
-- API key's id, or 'client-secret'.
CREATE TABLE application_reveals (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    application_id TEXT NOT NULL REFERENCES applications (id),
    secret_of TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    secret {bytes} NOT NULL,
    key_id TEXT NOT NULL,
    expires_at {int} NOT NULL,
    PRIMARY KEY (session_id, application_id, secret_of)
){strict};
CREATE INDEX application_reveals_of_application ON application_reveals (application_id);
