//! Deletes what has ended.

use crate::{Tx, ended_sessions, error::StoreResult, idempotency_keys};
use countersign_core::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

sql! {
    SESSIONS_TOO_OLD = "DELETE FROM sessions WHERE expires_at <= $1 AND actor_id IS NULL";
    SESSIONS_IDLE = "DELETE FROM sessions WHERE last_seen_at <= $1 AND application_id IS NULL AND actor_id IS NULL";
    LOGIN_AS = "DELETE FROM sessions WHERE expires_at <= $1 AND actor_id IS NOT NULL";
    CHALLENGES = "DELETE FROM challenges WHERE expires_at <= $1";
    ENROLMENTS = "DELETE FROM enrolments WHERE expires_at <= $1";
    REVEALS = "DELETE FROM backup_code_reveals WHERE expires_at <= $1";
    APPLICATION_REVEALS = "DELETE FROM application_reveals WHERE expires_at <= $1";
    PENDING_FORMS = "DELETE FROM pending_forms WHERE expires_at <= $1";
    SENT_CODES = "DELETE FROM sent_codes WHERE expires_at <= $1";
    PASSWORD_RESETS = "DELETE FROM password_resets WHERE expires_at <= $1";
    BROWSER_LINKS = "DELETE FROM browser_links WHERE expires_at <= $1";
    CONFIRMED_BROWSERS = "DELETE FROM confirmed_browsers WHERE expires_at <= $1";
    OUTBOX = "DELETE FROM outbox WHERE finished_at <= $1";
    BUDGETS = "DELETE FROM budgets WHERE ends_at <= $1";
    THROTTLES_AT_REST = "DELETE FROM throttles WHERE failures = 0 AND charged_at <= $1";
    THROTTLES_FORGOTTEN = "DELETE FROM throttles WHERE forgotten_at <= $1 \
        AND (closed_until IS NULL OR closed_until <= $1)";
    APPLICATION_CHALLENGES = "DELETE FROM application_challenges WHERE expires_at <= $1";
    IDEMPOTENCY_KEYS = "DELETE FROM idempotency_keys WHERE created_at <= $1";
    SITE_TICKETS = "DELETE FROM site_tickets WHERE expires_at <= $1";
    GRANTS = "DELETE FROM grants WHERE expires_at <= $1";
    GRANTS_ENDED = "DELETE FROM grants WHERE ended_at <= $1";
    GRANTS_WITHOUT_TOKENS = "DELETE FROM grants WHERE created_at <= $1 \
        AND NOT EXISTS (SELECT 1 FROM authorization_codes AS c WHERE c.grant_id = grants.id) \
        AND NOT EXISTS (SELECT 1 FROM refresh_tokens AS r WHERE r.grant_id = grants.id) \
        AND NOT EXISTS (SELECT 1 FROM access_tokens AS a WHERE a.grant_id = grants.id)";
    AUTHORIZATION_CODES = "DELETE FROM authorization_codes WHERE expires_at <= $1";
    REFRESH_TOKENS = "DELETE FROM refresh_tokens WHERE expires_at <= $1";
    ACCESS_TOKENS = "DELETE FROM access_tokens WHERE expires_at <= $1";
    CLIENT_ASSERTIONS = "DELETE FROM client_assertions WHERE expires_at <= $1";
    KNOWN_BROWSERS = "DELETE FROM known_browsers WHERE last_seen_at <= $1";
}

/// Deletes what has ended by `now`, `idle` being how long a session lives without a request. How many rows.
///
/// A session that an application holds is short anyway, and nobody looks in on it. A "login as" that
/// has ended stays for a day at most, so that the administrator can go back to their own session, with which it is deleted.
/// Challenges and sent codes stay for a day, so that whoever comes late is told that it is too late. A counter that only
/// a right answer resets is never deleted while it counts something.
pub fn sweep(tx: &mut Tx<'_>, now: Timestamp, idle: Duration) -> StoreResult<u32> {
    ended_sessions::note_over(tx, now, idle)?;
    let forgotten = ended_sessions::delete_expired(tx, now)?;
    let ended = [
        (SESSIONS_TOO_OLD, now),
        (SESSIONS_IDLE, now.minus(idle)),
        (LOGIN_AS, now.minus(DAY)),
        (CHALLENGES, now.minus(DAY)),
        (ENROLMENTS, now),
        (REVEALS, now),
        (APPLICATION_REVEALS, now),
        (PENDING_FORMS, now),
        (SENT_CODES, now.minus(DAY)),
        (PASSWORD_RESETS, now),
        (BROWSER_LINKS, now),
        (CONFIRMED_BROWSERS, now),
        (OUTBOX, now.minus(7 * DAY)),
        // For a day longer, so that every node sees that nothing counts any more, and shows it.
        (BUDGETS, now.minus(DAY)),
        (THROTTLES_AT_REST, now.minus(30 * DAY)),
        (THROTTLES_FORGOTTEN, now),
        (APPLICATION_CHALLENGES, now.minus(DAY)),
        (IDEMPOTENCY_KEYS, now.minus(idempotency_keys::KEPT)),
        (SITE_TICKETS, now),
        (GRANTS, now),
        (GRANTS_ENDED, now.minus(DAY)),
        // Before what stands for them, because whoever spends that holds the grant first: a grant whose last token goes now
        // goes with the next sweep.
        (GRANTS_WITHOUT_TOKENS, now.minus(DAY)),
        // For a day, a code that is shown again still ends what it bought.
        (AUTHORIZATION_CODES, now.minus(DAY)),
        (REFRESH_TOKENS, now),
        (ACCESS_TOKENS, now),
        (CLIENT_ASSERTIONS, now),
        (KNOWN_BROWSERS, now.minus(365 * DAY)),
    ];
    ended
        .into_iter()
        .try_fold(forgotten, |rows, (sql, before)| Ok(rows.saturating_add(tx.counts(sql, values![before])?)))
}
