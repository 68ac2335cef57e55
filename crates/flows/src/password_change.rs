//! Changing one's own password: the session's identity proof, and the current password once more (ASVS 5.0 V6.2.3).

use crate::{
    Fault, Services, activity, enrolment,
    hashing::Share,
    letter, second_step, sessions,
    sign_in::confirm_browser,
    step_up::{self, OwnPassword},
};
use countersign_core::{
    authority::CredentialAuthority,
    event::{Detail, EventKind, Origin},
    message::Notice,
    password::{PasswordError, PlainPassword},
    second_step::Method,
    session::EndReason,
};
use countersign_store::{
    ended_sessions, known_browsers,
    members::{self, Membership},
    password_resets, sessions as stored_sessions,
    users::{self, User},
};
use std::time::Duration;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordChange {
    /// The new password counts.
    Changed {
        /// How many other sessions were ended.
        ended: u32,
    },
    /// Not the current password.
    WrongCurrent,
    /// The new one cannot be chosen.
    New(PasswordError),
    /// Too many wrong passwords.
    Closed {
        /// When to come back.
        retry_after: Duration,
    },
}

/// Changes the password. The account's other sessions, waiting sign-ins and reset links end, and no browser counts as
/// known any more. Where the session has shown a second step as freshly as the password, a pause of the second step ends:
/// someone with the old password had caused it. What is wrong with the new password is said first, because it costs nothing.
pub async fn change(
    s: &Services,
    authority: CredentialAuthority,
    current: &str,
    new: &str,
    origin: &Origin,
) -> Result<PasswordChange, Fault> {
    let user = authority.user();
    let (account, memberships) =
        s.store.read(move |tx| Ok((users::by_id(tx, user)?, members::of_user(tx, user)?))).await?;
    let account = account.ok_or_else(|| Fault::Internal("a session's account is missing".into()))?;
    let new = match chosen(s, new, &account, &memberships) {
        Ok(new) => new,
        Err(error) => return Ok(PasswordChange::New(error)),
    };
    // Without a password there is no current one; the first is set by a link to the mailbox.
    let (Ok(typed), Some(old)) = (PlainPassword::typed(current), account.password_hash.clone()) else {
        return Ok(PasswordChange::WrongCurrent);
    };
    let verified = match step_up::own_password(s, user, typed).await? {
        OwnPassword::Right(verified) => verified,
        OwnPassword::Wrong => return Ok(PasswordChange::WrongCurrent),
        OwnPassword::Closed { retry_after } => return Ok(PasswordChange::Closed { retry_after }),
    };
    let hash = s.hashing.hash(Share::account(user), new).await?;
    let (now, max_age, origin) = (s.now(), s.rules.step_up_max_age, origin.clone());
    let only_email = second_step::permitted(s).iter().all(|method| *method == Method::Email);
    let outcome = s
        .store
        .write(move |tx| {
            users::take_turn(tx, user)?;
            // Only in place of the very password that was checked: a reset in the meantime has the last word.
            if !sessions::still_lives(tx, &authority, now)? || !users::rehash(tx, &verified, &old, &hash)? {
                return Ok(PasswordChange::WrongCurrent);
            }
            users::set_password(tx, &authority, &hash, now)?;
            if only_email {
                users::forget_reset_link(tx, &authority)?;
            }
            password_resets::end_of_user(tx, user)?;
            known_browsers::forget_all(tx, user)?;
            let (holder, keep) = (authority.user(), authority.session());
            ended_sessions::note_others(tx, holder, keep, EndReason::Password, now)?;
            let ended = enrolment::end_the_rest(tx, &authority)?;
            confirm_browser::forget(tx, &account)?;
            // Whoever closed the second step knew the old password. The new one was set by someone who has both.
            let session = stored_sessions::by_id(tx, authority.session())?;
            if session.is_some_and(|session| session.proofs().second_step_within(now, max_age)) {
                second_step::lift(tx, user)?;
            }
            let detail = Detail { count: Some(ended.into()), ..Detail::default() };
            activity::record(tx, user, EventKind::PasswordChanged, detail, origin.clone(), now)?;
            letter::tell(tx, user, Notice::PasswordChanged, &origin, now)?;
            Ok(PasswordChange::Changed { ended })
        })
        .await?;
    s.ring();
    Ok(outcome)
}

/// A new password, held against what somebody who knows this account would try first: name, address, organizations,
/// and the service itself.
pub(crate) fn chosen(
    s: &Services,
    raw: &str,
    account: &User,
    memberships: &[Membership],
) -> Result<PlainPassword, PasswordError> {
    let mut context = vec![account.email.as_str(), &account.name, &s.rules.service_name];
    context.extend(memberships.iter().map(|membership| membership.organization_name.as_str()));
    PlainPassword::chosen(raw, &context)
}
