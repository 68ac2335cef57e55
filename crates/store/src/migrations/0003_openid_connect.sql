-- Signing people in to applications by OpenID Connect.

-- When the second step of the session was shown; NULL in sessions that began before this column, and without one.
ALTER TABLE sessions ADD COLUMN second_step_at {int};

-- Keys that sign ID tokens. The private one is sealed. When a key signs and is published follows from signs_from and
-- withdrawn_at of all keys of its algorithm: see core's signing.
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256')),
    private_key {bytes} NOT NULL,
    key_id TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    created_at {int} NOT NULL,
    signs_from {int} NOT NULL,
    withdrawn_at {int}
){strict};

-- What an application was granted at one sign-in. It ends with the session (session_id), or, with offline_access, by
-- itself; sid is the session's id in either case. actor_id: an administrator was in the account by "login as".
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    application_id TEXT NOT NULL REFERENCES applications (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE,
    sid TEXT NOT NULL,
    actor_id TEXT REFERENCES users (id),
    organization_id TEXT REFERENCES organizations (id),
    scope TEXT NOT NULL,
    claims TEXT NOT NULL,
    second_step TEXT,
    auth_time {int} NOT NULL,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    ended_at {int},
    CHECK ((actor_id IS NULL) = (organization_id IS NULL)
        AND (actor_id IS NULL OR (session_id IS NOT NULL AND actor_id <> user_id)))
){strict};
CREATE INDEX grants_of_session ON grants (session_id);
CREATE INDEX grants_of_user ON grants (user_id, application_id);

CREATE TABLE authorization_codes (
    handle {bytes} PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    code_challenge {bytes} NOT NULL,
    nonce TEXT,
    expires_at {int} NOT NULL,
    used_at {int}
){strict};
CREATE INDEX authorization_codes_of_grant ON authorization_codes (grant_id);

-- Used ones stay as long as they would have been good: one that is shown again ends its grant.
CREATE TABLE refresh_tokens (
    handle {bytes} PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    expires_at {int} NOT NULL,
    used_at {int}
){strict};
CREATE INDEX refresh_tokens_of_grant ON refresh_tokens (grant_id);

CREATE TABLE access_tokens (
    handle {bytes} PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    issued_at {int} NOT NULL,
    expires_at {int} NOT NULL
){strict};
CREATE INDEX access_tokens_of_grant ON access_tokens (grant_id);

-- What people have agreed that an application may learn.
CREATE TABLE consents (
    user_id TEXT NOT NULL REFERENCES users (id),
    application_id TEXT NOT NULL REFERENCES applications (id),
    scope TEXT NOT NULL,
    at {int} NOT NULL,
    PRIMARY KEY (user_id, application_id)
){strict};

-- Signed assertions of clients that were accepted: each is good once.
CREATE TABLE client_assertions (
    application_id TEXT NOT NULL REFERENCES applications (id),
    jti {bytes} NOT NULL,
    expires_at {int} NOT NULL,
    PRIMARY KEY (application_id, jti)
){strict};
