//! The account-holder token: what an application needs, beside its key, to change somebody's second step.
//!
//! It stands for the account holder's own presence, proven a moment ago, and never for an operator who is impersonating
//! them. It is a short session of theirs that the application holds: see
//! [`HolderSession`].

use super::{Caller, users::in_turn};
use crate::{Fault, Recorder, Services, activity};
use countersign_core::{
    Timestamp,
    application::{ExternalId, Scope},
    authority::HolderGrant,
    event::{Detail, EventKind, Origin},
    ids::{ApplicationChallengeId, SessionId},
    secret::PlainHandle,
    session::HolderSession,
};
use countersign_store::{
    StoreError, application_challenges, application_users, second_steps, sessions, users,
};
use zeroize::Zeroizing;

/// What every token begins with.
const PREFIX: &str = "cst_";

/// What a token is asked for on the strength of.
#[derive(Clone, Copy, Debug)]
pub enum Basis {
    /// A challenge that the account holder has just answered. It is used up.
    Challenge(ApplicationChallengeId),
    /// The application's word that this is a first enrolment, by the account holder's own session with it. The key needs a
    /// scope for that ([`Scope::FirstEnrolments`]): it is all that stands behind it.
    FirstEnrolment,
}

/// What became of it.
#[derive(Debug)]
pub enum TokenOutcome {
    /// Here it is.
    Issued {
        /// The token.
        token: Zeroizing<String>,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// The application knows nobody with this id.
    UnknownUser,
    /// The challenge is not answered, was answered too long ago, has bought a token already, is another user's, or was
    /// answered by an actor.
    Challenge,
    /// An app is set up already: a challenge is needed.
    NotFirst,
    /// The key may not give its word for a first enrolment.
    Scope,
    /// The account is switched off.
    Inactive,
}

/// Issues a token, as long-lived as a fresh proof of identity is on the pages.
pub async fn token<A: Send + 'static>(
    s: &Services,
    caller: &Caller,
    user: &ExternalId,
    basis: Basis,
    origin: &Origin,
    recorder: Recorder<TokenOutcome, A>,
) -> Result<A, Fault> {
    if matches!(basis, Basis::FirstEnrolment) && !caller.allows(Scope::FirstEnrolments) {
        return recorder.refuse(s, TokenOutcome::Scope).await;
    }
    let (now, max_age, origin) = (s.now(), s.rules.step_up_max_age, origin.clone());
    let (application, external) = (caller.application.clone(), user.clone());
    let handle = PlainHandle::generate(&*s.entropy);
    let (id, stored) = (SessionId::generate(now, &*s.entropy), handle.stored());
    let token = Zeroizing::new(format!("{PREFIX}{}", handle.to_text()));
    recorder
        .write(s, move |tx| {
            let Some(known) = in_turn(tx, application.id, &external)? else {
                return Ok(TokenOutcome::UnknownUser);
            };
            if !known.active {
                return Ok(TokenOutcome::Inactive);
            }
            let grant = match basis {
                Basis::Challenge(challenge) => {
                    let since = now.minus(max_age);
                    let taken = application_challenges::take_token(
                        tx,
                        application.id,
                        known.id,
                        challenge,
                        since,
                        now,
                    )?;
                    match taken {
                        Some(grant) => grant,
                        None => return Ok(TokenOutcome::Challenge),
                    }
                }
                Basis::FirstEnrolment => {
                    let user = users::by_id(tx, known.id)?.ok_or(StoreError::Corrupt("a user"))?;
                    let steps = second_steps::of(tx, &user)?;
                    match HolderGrant::first_enrolment(known.id, application.id, &steps, now) {
                        Some(grant) => grant,
                        None => return Ok(TokenOutcome::NotFirst),
                    }
                }
            };
            let expires_at = grant.proven_at().plus(max_age);
            sessions::insert_held(tx, grant, id, &stored, &origin, now, expires_at)?;
            let detail = Detail { text: Some(application.name), ..Detail::default() };
            activity::record(tx, known.id, EventKind::TokenForApplication, detail, origin, now)?;
            Ok(TokenOutcome::Issued { token, expires_at })
        })
        .await
}

/// The live session of a token, if it is one of this application and this user, who is not switched off.
pub async fn holder(
    s: &Services,
    caller: &Caller,
    user: &ExternalId,
    token: &str,
) -> Result<Option<HolderSession>, Fault> {
    let Some(handle) = token.strip_prefix(PREFIX).and_then(PlainHandle::parse) else { return Ok(None) };
    let (now, application, external) = (s.now(), caller.application.id, user.clone());
    let stored = handle.stored();
    let record = s
        .store
        .read(move |tx| {
            let Some(record) = sessions::by_handle(tx, &stored)? else { return Ok(None) };
            let known = application_users::by_id(tx, application, record.user)?;
            let fits = known.is_some_and(|known| known.active && known.external == external);
            Ok(fits.then_some(record))
        })
        .await?;
    Ok(record.and_then(|record| HolderSession::restore(record, application, now)))
}
