-- Applications, their keys, the people whom they know, and the second steps that they ask for.

-- first_party, for_everyone: the operator's word alone. client_auth is NULL where the application does not sign people in
-- by OpenID Connect.
CREATE TABLE applications (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    first_party {int} NOT NULL,
    for_everyone {int} NOT NULL,
    app_required {int} NOT NULL,
    client_auth TEXT CHECK (client_auth IN ('none', 'client-secret', 'private-key-jwt')),
    client_secret {bytes},
    client_keys TEXT,
    id_token_alg TEXT NOT NULL,
    created_at {int} NOT NULL,
    disabled_at {int}
){strict};
CREATE INDEX applications_of_organization ON applications (organization_id);

-- Where people may be sent back to: compared as text, byte by byte.
CREATE TABLE application_addresses (
    application_id TEXT NOT NULL REFERENCES applications (id),
    kind TEXT NOT NULL CHECK (kind IN ('second-step', 'redirect', 'post-logout')),
    address TEXT NOT NULL,
    PRIMARY KEY (application_id, kind, address)
){strict};

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    application_id TEXT NOT NULL REFERENCES applications (id),
    handle {bytes} NOT NULL UNIQUE,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    hint TEXT NOT NULL,
    created_by TEXT REFERENCES users (id),
    created_at {int} NOT NULL,
    expires_at {int},
    last_used_at {int},
    revoked_at {int}
){strict};
CREATE INDEX api_keys_of_application ON api_keys (application_id);

-- People whom an application knows by an id of its own. They have no password here, and users.email holds a name that no
-- mailbox has, because the same address may be known to several applications and to this server's own sign-in.
ALTER TABLE users ADD COLUMN application_id TEXT REFERENCES applications (id);
ALTER TABLE users ADD COLUMN external_id TEXT;
ALTER TABLE users ADD COLUMN contact_email TEXT;
CREATE UNIQUE INDEX users_of_application ON users (application_id, external_id);

-- Set in the short session that an application holds for its user (the account-holder token), and in the one in which a
-- hosted set-up runs. No browser's cookie opens such a session.
ALTER TABLE sessions ADD COLUMN application_id TEXT REFERENCES applications (id);

-- The second step, asked for by an application. user_id is who has to show it; subject_id, in a "login as" of the
-- application's own, is whose account the person at the keyboard is looking at.
CREATE TABLE application_challenges (
    id TEXT PRIMARY KEY,
    application_id TEXT NOT NULL REFERENCES applications (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    subject_id TEXT REFERENCES users (id),
    handle {bytes} UNIQUE,
    return_to TEXT,
    state TEXT,
    set_up {int} NOT NULL,
    session_id TEXT REFERENCES sessions (id) ON DELETE SET NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    verified_at {int},
    method TEXT,
    enrolled {int} NOT NULL,
    result {bytes} UNIQUE,
    result_expires_at {int},
    redeemed_at {int},
    token_taken_at {int},
    CHECK ((handle IS NULL) = (return_to IS NULL)
        AND (verified_at IS NULL) = (method IS NULL)
        AND (result IS NULL) = (result_expires_at IS NULL)
        AND (subject_id IS NULL OR subject_id <> user_id))
){strict};
CREATE INDEX application_challenges_of_user ON application_challenges (user_id);

-- Answers to POST requests that were sent with an Idempotency-Key. The answer may hold what is shown once, so it is sealed.
CREATE TABLE idempotency_keys (
    application_id TEXT NOT NULL REFERENCES applications (id),
    handle {bytes} NOT NULL,
    request {bytes} NOT NULL,
    status {int},
    answer {bytes},
    key_id TEXT,
    created_at {int} NOT NULL,
    PRIMARY KEY (application_id, handle)
){strict};
