-- Links by which a browser may try the password of an account that has had too many wrong ones, and the browsers in which
-- such a link was used.

CREATE TABLE browser_links (
    handle {bytes} PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    expires_at {int} NOT NULL,
    used_at {int}
){strict};
CREATE INDEX browser_links_of_user ON browser_links (user_id);

CREATE TABLE confirmed_browsers (
    handle {bytes} NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    expires_at {int} NOT NULL,
    PRIMARY KEY (handle, user_id)
){strict};
CREATE INDEX confirmed_browsers_of_user ON confirmed_browsers (user_id);
