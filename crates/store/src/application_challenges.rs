//! Second steps that applications have asked for.

use crate::{Tx, error::StoreResult, sql::Row};
use countersign_core::{
    Timestamp,
    application::ReturnAddress,
    application_challenge::{Answered, ApplicationChallengeRecord, MailboxConfirmed, Shown},
    authority::HolderGrant,
    ids::{ApplicationChallengeId, ApplicationId, SessionId, UserId},
    second_step::Method,
    secret::StoredHandle,
};

sql! {
    INSERT = "INSERT INTO application_challenges (id, application_id, user_id, subject_id, handle, return_to, state, \
        set_up, created_at, expires_at, enrolled, vouched) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11)";
    BY_ID = "SELECT id, application_id, user_id, subject_id, return_to, state, set_up, shown, session_id, \
        expires_at, verified_at, method, enrolled, result_expires_at, vouched, mailbox_confirmed, browser FROM application_challenges WHERE id = $1";
    BY_HANDLE = "SELECT id, application_id, user_id, subject_id, return_to, state, set_up, shown, session_id, \
        expires_at, verified_at, method, enrolled, result_expires_at, vouched, mailbox_confirmed, browser FROM application_challenges WHERE handle = $1";
    SET_UP_IN = "UPDATE application_challenges SET session_id = $1, browser = $5 \
        WHERE id = $2 AND user_id = $3 AND verified_at IS NULL AND expires_at > $4 AND subject_id IS NULL \
        AND set_up = 1 AND (browser IS NULL OR browser = $5)";
    SHOWN = "UPDATE application_challenges SET shown = $1, browser = $5, session_id = NULL \
        WHERE id = $2 AND user_id = $3 AND verified_at IS NULL AND expires_at > $4 AND subject_id IS NULL \
        AND set_up = 1";
    MAILBOX_CONFIRMED = "UPDATE application_challenges SET mailbox_confirmed = 1, browser = $4, session_id = NULL \
        WHERE id = $1 AND user_id = $2 AND verified_at IS NULL AND expires_at > $3 AND subject_id IS NULL \
        AND set_up = 1";
    ANSWER = "UPDATE application_challenges SET verified_at = $1, method = $2 \
        WHERE id = $3 AND user_id = $4 AND verified_at IS NULL AND expires_at > $1";
    ENROLLED = "UPDATE application_challenges SET verified_at = $1, method = $2, enrolled = 1 \
        WHERE id = $3 AND session_id = $4 AND verified_at IS NULL AND expires_at > $1";
    PUT_RESULT = "UPDATE application_challenges SET result = $1, result_expires_at = $2 \
        WHERE id = $3 AND verified_at IS NOT NULL AND result IS NULL AND handle IS NOT NULL";
    REDEEM = "UPDATE application_challenges SET redeemed_at = $1 \
        WHERE result = $2 AND application_id = $3 AND redeemed_at IS NULL AND result_expires_at > $1 \
        RETURNING id";
    TAKE_TOKEN = "UPDATE application_challenges SET token_taken_at = $1 \
        WHERE id = $2 AND application_id = $3 AND user_id = $4 AND subject_id IS NULL AND verified_at >= $5 \
        AND token_taken_at IS NULL AND (handle IS NULL OR redeemed_at IS NOT NULL) \
        RETURNING CASE WHEN enrolled = 1 THEN shown ELSE method END, verified_at";
    END_OTHERS = "DELETE FROM application_challenges WHERE user_id = $1 AND (session_id IS NULL OR session_id <> $2)";
    END_ALL = "DELETE FROM application_challenges WHERE user_id = $1 OR subject_id = $1";
}

fn read(mut row: Row) -> StoreResult<ApplicationChallengeRecord> {
    let (id, application, user, subject) = (row.parsed()?, row.parsed()?, row.parsed()?, row.maybe_parsed()?);
    let (return_to, state, set_up) = (row.maybe_parsed()?, row.maybe_text()?, row.flag()?);
    let (shown, session, expires_at) = (row.maybe_parsed()?, row.maybe_parsed()?, row.time()?);
    let verified = row.maybe_time()?.zip(row.maybe_parsed()?);
    let (enrolled, has_result) = (row.flag()?, row.maybe_time()?.is_some());
    let (vouched, mailbox_confirmed, browser) = (row.flag()?, row.flag()?, row.maybe_handle()?);
    Ok(ApplicationChallengeRecord {
        id,
        application,
        user,
        subject,
        return_to,
        state,
        set_up,
        vouched,
        shown,
        mailbox_confirmed,
        browser,
        session,
        expires_at,
        verified,
        enrolled,
        has_result,
    })
}

/// Stores a challenge that nobody has answered yet; a hosted one with the handle in its address.
pub fn insert(
    tx: &mut Tx<'_>,
    new: &ApplicationChallengeRecord,
    handle: Option<&StoredHandle>,
    now: Timestamp,
) -> StoreResult<()> {
    let params = values![
        new.id,
        new.application,
        new.user,
        new.subject,
        handle,
        new.return_to.as_ref().map(ReturnAddress::as_str),
        new.state.as_ref(),
        new.set_up,
        now,
        new.expires_at,
        new.vouched,
    ];
    tx.execute(INSERT, params).map(drop)
}

/// The challenge of an id, over or not.
pub fn by_id(tx: &mut Tx<'_>, id: ApplicationChallengeId) -> StoreResult<Option<ApplicationChallengeRecord>> {
    tx.row(BY_ID, values![id])?.map(read).transpose()
}

/// The hosted challenge of the handle in its address, over or not.
pub fn by_handle(tx: &mut Tx<'_>, handle: &StoredHandle) -> StoreResult<Option<ApplicationChallengeRecord>> {
    tx.row(BY_HANDLE, values![handle])?.map(read).transpose()
}

/// Names the session in which this challenge's app is being set up, and the browser that it belongs to: the first one, or the
/// one that it belonged to before. `false` if the challenge is answered or over, or belongs to another browser.
pub fn set_up_in(
    tx: &mut Tx<'_>,
    challenge: ApplicationChallengeId,
    user: UserId,
    session: SessionId,
    browser: &StoredHandle,
    now: Timestamp,
) -> StoreResult<bool> {
    tx.changes_one(SET_UP_IN, values![session, challenge, user, now, browser])
}

/// Writes down that the second step which is due before the set-up was shown, in this browser. The set-up belongs to it from
/// now on; one that was begun in another browser is no longer this challenge's. `false` if the challenge is answered or over.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what was shown is worth one challenge and is used up by it"
)]
pub fn shown(tx: &mut Tx<'_>, shown: Shown, browser: &StoredHandle, now: Timestamp) -> StoreResult<bool> {
    tx.changes_one(SHOWN, values![shown.method(), shown.challenge(), shown.user(), now, browser])
}

/// The same of a code to the account's mailbox, which is no second step.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what was confirmed is worth one challenge and is used up by it"
)]
pub fn mailbox_confirmed(
    tx: &mut Tx<'_>,
    confirmed: MailboxConfirmed,
    browser: &StoredHandle,
    now: Timestamp,
) -> StoreResult<bool> {
    tx.changes_one(MAILBOX_CONFIRMED, values![confirmed.challenge(), confirmed.user(), now, browser])
}

/// Writes an answer down, once; `false` if it was answered before or is over.
#[expect(clippy::needless_pass_by_value, reason = "an answer is worth one challenge and is used up by it")]
pub fn answer(tx: &mut Tx<'_>, answered: Answered, now: Timestamp) -> StoreResult<bool> {
    tx.changes_one(ANSWER, values![now, answered.method(), answered.challenge(), answered.user()])
}

/// Writes down that the set-up in `session` has answered it; `false` as above, or if that is not its session.
pub fn enrolled(
    tx: &mut Tx<'_>,
    challenge: ApplicationChallengeId,
    session: SessionId,
    now: Timestamp,
) -> StoreResult<bool> {
    tx.changes_one(ENROLLED, values![now, Method::App, challenge, session])
}

/// Makes the one result of a hosted challenge that is answered; `false` if there is one already.
pub fn put_result(
    tx: &mut Tx<'_>,
    challenge: ApplicationChallengeId,
    result: &StoredHandle,
    expires_at: Timestamp,
) -> StoreResult<bool> {
    tx.changes_one(PUT_RESULT, values![result, expires_at, challenge])
}

/// Redeems a result, once, for the application that asked; `None` for whatever cannot be redeemed, for whatever reason.
pub fn redeem(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    result: &StoredHandle,
    now: Timestamp,
) -> StoreResult<Option<ApplicationChallengeId>> {
    tx.row(REDEEM, values![now, result, application])?.map(|mut row| row.parsed()).transpose()
}

/// Uses an answered challenge up for an account-holder token, once: one that the account holder themself answered after
/// `since`; a hosted one once its result was redeemed. `None` otherwise. One that was answered by setting up an app stands
/// for the second step before that, if there was one.
pub fn take_token(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    user: UserId,
    challenge: ApplicationChallengeId,
    since: Timestamp,
    now: Timestamp,
) -> StoreResult<Option<HolderGrant>> {
    let Some(mut row) = tx.row(TAKE_TOKEN, values![now, challenge, application, user, since])? else {
        return Ok(None);
    };
    Ok(Some(HolderGrant::of_spent_challenge(user, application, row.maybe_parsed()?, row.time()?)))
}

/// Ends whatever the user was asked in, answered or not, but the one whose set-up is in `keep`: how many. What was answered
/// before a credential changed buys nothing after it.
pub fn end_others(tx: &mut Tx<'_>, user: UserId, keep: SessionId) -> StoreResult<u32> {
    tx.counts(END_OTHERS, values![user, keep])
}

/// Ends whatever the user was asked in, or an actor on their account, answered or not: how many.
pub fn end_all(tx: &mut Tx<'_>, user: UserId) -> StoreResult<u32> {
    tx.counts(END_ALL, values![user])
}
