-- Sites behind a reverse proxy that asks this server who may see them.

-- On the way from this server's own host to the site's: spent there, once.
CREATE TABLE site_tickets (
    handle {bytes} PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    site TEXT NOT NULL,
    nonce {bytes} NOT NULL,
    expires_at {int} NOT NULL,
    used_at {int}
){strict};

-- What the cookie of one site stands for. It ends with the session.
CREATE TABLE site_sessions (
    handle {bytes} PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    site TEXT NOT NULL,
    created_at {int} NOT NULL
){strict};
CREATE INDEX site_sessions_of_session ON site_sessions (session_id);
