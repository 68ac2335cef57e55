//! A forgotten password: a link to the account's mailbox, and a new password by it.
//!
//! ```text
//!   ask ──► link (one live one an account, an hour, single use) ──► new password; every session and waiting sign-in ends
//!    └────► nothing, for an address that nobody has: the same answer, for the same work
//! ```
//!
//! A reset sets a password and nothing else. Authenticator apps, the phone and backup codes stay as they are, and the next
//! sign-in asks for one of them (ASVS 5.0 V6.4.3). What it does take back are wrong codes *by e-mail*: whoever holds the
//! link has just proven the mailbox anew, which is all that enrolling it again would be (NIST SP 800-63B-4 §3.2.2).

use crate::{
    Fault, Services, activity,
    hashing::Share,
    letter,
    password_change::chosen,
    sign_in::{by_network, confirm_browser},
};
use countersign_core::{
    email::{EmailAddress, EmailError},
    event::{Detail, EventKind, Origin},
    message::{Content, Notice, Recipient},
    password::PasswordError,
    second_step::Method,
    secret::{PlainHandle, StoredHandle},
};
use countersign_store::{
    challenges, failures, known_browsers,
    members::{self, Membership},
    password_resets, sessions, throttles,
    users::{self, User},
};
use std::time::Duration;

/// What became of a request for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// If there is such an account, a link is on its way.
    Done,
    /// Not an address.
    Invalid(EmailError),
    /// Too many links have been asked for, for this address or from this network.
    Closed {
        /// When to come back.
        retry_after: Duration,
    },
}

/// What became of a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The new password counts. Nobody is signed in.
    Done,
    /// The link is spent, too old, replaced by a newer one, or was never one.
    Gone,
    /// The password cannot be chosen; the link can still be used.
    Password(PasswordError),
}

/// Links asked for one address, whether anybody has it or not.
fn asks(email: &EmailAddress) -> String {
    format!("reset:{email}")
}

/// Sends a link to choose a new password, if an active account has this address. The answer is the same for everyone.
pub async fn ask(s: &Services, email: &str, origin: &Origin) -> Result<Asked, Fault> {
    let email = match email.parse::<EmailAddress>() {
        Ok(email) => email,
        Err(error) => return Ok(Asked::Invalid(error)),
    };
    let mut counters = by_network("reset-net", origin.address, s.rules.sends);
    counters.push((asks(&email), s.rules.sends));
    let (now, lifetime, origin) = (s.now(), s.rules.reset_lifetime, origin.clone());
    let link = PlainHandle::generate(&*s.entropy);
    let (stored, expires_at) = (link.stored(), now.plus(lifetime));
    let content = Content::ResetPassword {
        link: format!("{}/reset-password/{}", s.rules.public_url, link.to_text()),
        minutes: (lifetime.as_secs() / 60).max(1),
    };
    let charged = s
        .store
        .write(move |tx| {
            let counters = counters.iter().map(|(key, limits)| (key.as_str(), limits));
            if let Err(closed) = throttles::charge_all(tx, counters, now)? {
                return Ok(Err(closed));
            }
            let Some(account) = users::by_email(tx, &email)?.filter(|account| account.active) else {
                return Ok(Ok(()));
            };
            password_resets::end_of_user(tx, account.id)?;
            password_resets::insert(tx, &stored, account.id, expires_at)?;
            let kind = EventKind::PasswordResetAsked;
            activity::record(tx, account.id, kind, Detail::default(), origin, now)?;
            let mailbox = Recipient::Email(account.email.clone());
            letter::send(tx, &account, &mailbox, content, now)?;
            Ok(Ok(()))
        })
        .await?;
    s.ring();
    Ok(match charged {
        Ok(()) => Asked::Done,
        Err(closed) => Asked::Closed { retry_after: closed.until.since(now) },
    })
}

/// The address of the account for which this link can be used now. Looking spends nothing.
pub async fn account_of(s: &Services, token: &str) -> Result<Option<String>, Fault> {
    let Some(link) = PlainHandle::parse(token) else { return Ok(None) };
    Ok(peek(s, link.stored()).await?.map(|(account, _)| account.email.to_string()))
}

async fn peek(s: &Services, link: StoredHandle) -> Result<Option<(User, Vec<Membership>)>, Fault> {
    let now = s.now();
    s.store
        .read(move |tx| {
            let Some(user) = password_resets::peek(tx, &link, now)? else { return Ok(None) };
            let account = users::by_id(tx, user)?.filter(|account| account.active);
            let memberships = members::of_user(tx, user)?;
            Ok(account.map(|account| (account, memberships)))
        })
        .await
        .map_err(Into::into)
}

/// Sets a new password. The link is looked at before the password is hashed, so that a made-up one costs no hash; the
/// write that spends it decides.
pub async fn reset(s: &Services, token: &str, password: &str, origin: &Origin) -> Result<Reset, Fault> {
    let Some(link) = PlainHandle::parse(token).map(|link| link.stored()) else { return Ok(Reset::Gone) };
    let Some((account, memberships)) = peek(s, link).await? else { return Ok(Reset::Gone) };
    let password = match chosen(s, password, &account, &memberships) {
        Ok(password) => password,
        Err(error) => return Ok(Reset::Password(error)),
    };
    let hash = s.hashing.hash(Share::new(account.id, origin.address), password).await?;
    let holder = account.id;
    let (now, origin) = (s.now(), origin.clone());
    let outcome = s
        .store
        .write(move |tx| {
            users::take_turn(tx, holder)?;
            let Some(authority) = password_resets::spend(tx, &link, now)? else { return Ok(Reset::Gone) };
            let user = authority.user();
            let Some(account) = users::by_id(tx, user)?.filter(|account| account.active) else {
                return Ok(Reset::Gone);
            };
            challenges::end_of_user(tx, user)?;
            let ended = sessions::end_all(tx, user)?;
            users::set_password_by_recovery(tx, &authority, &hash, now)?;
            known_browsers::forget_all(tx, user)?;
            failures::clear_method(tx, user, Method::Email)?;
            throttles::forget(tx, &asks(&account.email))?;
            confirm_browser::forget(tx, &account)?;
            let detail = Detail { count: Some(ended.into()), ..Detail::default() };
            activity::record(tx, user, EventKind::PasswordReset, detail, origin, now)?;
            letter::tell(tx, user, Notice::PasswordChanged, now)?;
            Ok(Reset::Done)
        })
        .await?;
    s.ring();
    Ok(outcome)
}
