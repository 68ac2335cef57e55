-- Times are milliseconds since the Unix epoch. Ids are UUIDs in text. Handles are SHA-256 of what a browser holds.

CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at {int} NOT NULL
){strict};

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    password_changed_at {int},
    -- Set where a link to the mailbox set the password, until another second step than e-mail has been used.
    password_by_link_at {int},
    disabled_at {int},
    created_at {int} NOT NULL
){strict};

CREATE TABLE memberships (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
    created_at {int} NOT NULL,
    PRIMARY KEY (organization_id, user_id)
){strict};
CREATE INDEX memberships_of_user ON memberships (user_id);

-- An own session, or (actor_id set) an impersonated one. Ended sessions are deleted.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    handle {bytes} NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id),
    created_at {int} NOT NULL,
    last_seen_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    proven_at {int} NOT NULL,
    second_step TEXT,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    actor_id TEXT REFERENCES users (id),
    actor_session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE,
    organization_id TEXT REFERENCES organizations (id),
    reason TEXT,
    CHECK ((actor_id IS NULL) = (actor_session_id IS NULL)
        AND (actor_id IS NULL) = (organization_id IS NULL)
        AND (actor_id IS NULL) = (reason IS NULL)
        AND (actor_id IS NULL OR actor_id <> user_id))
){strict};
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_of_actor ON sessions (actor_session_id);

-- Sign-ins that have passed the password and wait for the second step.
CREATE TABLE challenges (
    id TEXT PRIMARY KEY,
    handle {bytes} NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id),
    return_to TEXT,
    created_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    completed_at {int}
){strict};
CREATE INDEX challenges_of_user ON challenges (user_id);

-- Active authenticator apps. last_step is the newest RFC 6238 time step that has been spent.
CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    secret {bytes} NOT NULL,
    key_id TEXT NOT NULL,
    last_step {int} NOT NULL,
    created_at {int} NOT NULL,
    last_used_at {int}
){strict};
CREATE INDEX apps_of_user ON apps (user_id);

-- Pending enrolments, one a session at most, which ends with it.
CREATE TABLE enrolments (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE REFERENCES sessions (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id),
    secret {bytes} NOT NULL,
    key_id TEXT NOT NULL,
    expires_at {int} NOT NULL
){strict};

CREATE TABLE phones (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE REFERENCES users (id),
    number TEXT NOT NULL,
    confirmed_at {int} NOT NULL
){strict};

-- One set a user at most. The selector is not secret; the verifier is a keyed hash over a salted Argon2id.
CREATE TABLE backup_codes (
    id TEXT PRIMARY KEY,
    set_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    selector TEXT NOT NULL,
    salt {bytes} NOT NULL,
    verifier {bytes} NOT NULL,
    key_id TEXT NOT NULL,
    created_at {int} NOT NULL,
    used_at {int},
    UNIQUE (user_id, selector)
){strict};

-- Ten codes on their way to the page that shows them, once.
CREATE TABLE backup_code_reveals (
    session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id),
    codes {bytes} NOT NULL,
    key_id TEXT NOT NULL,
    expires_at {int} NOT NULL
){strict};

-- Codes sent by e-mail or SMS: one live code for each thing that asked for one.
CREATE TABLE sent_codes (
    purpose TEXT NOT NULL CHECK (purpose IN ('sign-in', 'confirm-identity', 'confirm-phone', 'confirm-email')),
    owner_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id),
    method TEXT NOT NULL,
    target TEXT NOT NULL,
    authenticator TEXT NOT NULL,
    mac {bytes} NOT NULL,
    key_id TEXT NOT NULL,
    sent_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    used_at {int},
    PRIMARY KEY (purpose, owner_id)
){strict};

-- Attempts in a row: one row a counter, see core's throttle. forgotten_at is NULL where only a right answer forgets them.
CREATE TABLE throttles (
    key TEXT PRIMARY KEY,
    failures {int} NOT NULL,
    closed_until {int},
    charged_at {int},
    forgotten_at {int}
){strict};

-- Wrong codes in a row against one authenticator, and since when it is off.
CREATE TABLE failures (
    user_id TEXT NOT NULL REFERENCES users (id),
    method TEXT NOT NULL,
    authenticator TEXT NOT NULL,
    failures {int} NOT NULL,
    disabled_at {int},
    PRIMARY KEY (user_id, method, authenticator)
){strict};

-- Browsers in which an account has finished a sign-in.
CREATE TABLE known_browsers (
    handle {bytes} NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    last_seen_at {int} NOT NULL,
    PRIMARY KEY (handle, user_id)
){strict};

CREATE TABLE password_resets (
    handle {bytes} PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    expires_at {int} NOT NULL,
    used_at {int}
){strict};
CREATE INDEX password_resets_of_user ON password_resets (user_id);

CREATE TABLE events (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    actor_id TEXT REFERENCES users (id),
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    at {int} NOT NULL
){strict};
CREATE INDEX events_of_user ON events (user_id, at);

-- Messages on their way. The content is sealed, and erased when the message is gone.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    channel TEXT NOT NULL CHECK (channel IN ('email', 'sms')),
    recipient TEXT NOT NULL,
    content {bytes} NOT NULL,
    key_id TEXT NOT NULL,
    queued_at {int} NOT NULL,
    due_at {int} NOT NULL,
    attempts {int} NOT NULL,
    finished_at {int},
    last_error TEXT
){strict};
CREATE INDEX outbox_due ON outbox (finished_at, due_at);

-- One MAC for each key that this database was written with: whether a key file is the right one.
CREATE TABLE key_checks (
    key_id TEXT PRIMARY KEY,
    mac {bytes} NOT NULL
){strict};
