-- Forms that wait until the account holder has confirmed who they are. Sealed: they may hold a new password.
CREATE TABLE pending_forms (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id),
    path TEXT NOT NULL,
    fields {bytes} NOT NULL,
    key_id TEXT NOT NULL,
    expires_at {int} NOT NULL
){strict};
CREATE INDEX pending_forms_of_session ON pending_forms (session_id);
