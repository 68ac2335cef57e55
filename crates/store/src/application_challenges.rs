//! Second steps that applications have asked for.

use crate::{Tx, error::StoreResult, sql::Row};
use countersign_core::{
    Timestamp,
    application::ReturnAddress,
    application_challenge::{Answered, ApplicationChallengeRecord},
    authority::HolderGrant,
    ids::{ApplicationChallengeId, ApplicationId, SessionId, UserId},
    second_step::Method,
    secret::StoredHandle,
};

sql! {
    INSERT = "INSERT INTO application_challenges (id, application_id, user_id, subject_id, handle, return_to, state, \
        set_up, created_at, expires_at, enrolled) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)";
    BY_ID = "SELECT id, application_id, user_id, subject_id, return_to, state, set_up, session_id, expires_at, \
        verified_at, method, enrolled, result_expires_at FROM application_challenges WHERE id = $1";
    BY_HANDLE = "SELECT id, application_id, user_id, subject_id, return_to, state, set_up, session_id, expires_at, \
        verified_at, method, enrolled, result_expires_at FROM application_challenges WHERE handle = $1";
    SET_UP_IN = "UPDATE application_challenges SET session_id = $1 \
        WHERE id = $2 AND user_id = $3 AND verified_at IS NULL AND expires_at > $4 AND subject_id IS NULL \
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
        RETURNING method, verified_at";
    END_OF_USER = "DELETE FROM application_challenges WHERE user_id = $1 AND verified_at IS NULL";
}

/// A challenge that is about to be stored.
#[derive(Clone, Debug)]
pub struct NewChallenge {
    /// Its id.
    pub id: ApplicationChallengeId,
    /// Who asks.
    pub application: ApplicationId,
    /// Who has to show the second step.
    pub user: UserId,
    /// With an actor: whose account the person is looking at.
    pub subject: Option<UserId>,
    /// In a hosted challenge: what its address holds, and the way back.
    pub hosted: Option<(StoredHandle, ReturnAddress)>,
    /// What the application wants to find again on the way back.
    pub state: Option<String>,
    /// Whoever has no app sets one up.
    pub set_up: bool,
    /// When it ends unanswered.
    pub expires_at: Timestamp,
}

fn read(mut row: Row) -> StoreResult<ApplicationChallengeRecord> {
    let (id, application, user, subject) = (row.parsed()?, row.parsed()?, row.parsed()?, row.maybe_parsed()?);
    let (return_to, state, set_up) = (row.maybe_parsed()?, row.maybe_text()?, row.flag()?);
    let (session, expires_at) = (row.maybe_parsed()?, row.time()?);
    let verified = row.maybe_time()?.zip(row.maybe_parsed()?);
    let (enrolled, has_result) = (row.flag()?, row.maybe_time()?.is_some());
    Ok(ApplicationChallengeRecord {
        id,
        application,
        user,
        subject,
        return_to,
        state,
        set_up,
        session,
        expires_at,
        verified,
        enrolled,
        has_result,
    })
}

/// Stores a challenge.
pub fn insert(tx: &mut Tx<'_>, new: &NewChallenge, now: Timestamp) -> StoreResult<()> {
    let params = values![
        new.id,
        new.application,
        new.user,
        new.subject,
        new.hosted.as_ref().map(|(handle, _)| handle),
        new.hosted.as_ref().map(|(_, address)| address.as_str()),
        new.state.as_ref(),
        new.set_up,
        now,
        new.expires_at,
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

/// Names the session in which this challenge's app is being set up; `false` if the challenge is answered or over.
pub fn set_up_in(
    tx: &mut Tx<'_>,
    challenge: ApplicationChallengeId,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> StoreResult<bool> {
    tx.changes_one(SET_UP_IN, values![session, challenge, user, now])
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
/// `since`; a hosted one once its result was redeemed. `None` otherwise.
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
    Ok(Some(HolderGrant::of_spent_challenge(user, application, row.parsed()?, row.time()?)))
}

/// Ends the user's unanswered challenges: how many.
pub fn end_of_user(tx: &mut Tx<'_>, user: UserId) -> StoreResult<u32> {
    tx.counts(END_OF_USER, values![user])
}
