//! A forgotten password: a link to the account's mailbox, and a new password by it.
//!
//! ```text
//!   ask ──► Admitted ──► the same answer for every address
//!              └──(afterwards)──► an account has it: a link (an hour, single use); none has: nothing
//!   reset ──► new password; every session, waiting sign-in and other link ends
//! ```
//!
//! **Links that others request.** A new link leaves the older ones as they are: each of them works for its hour, until
//! one is used. At most three are sent to an address in any hour ([`Scope::ResetLink`]); beyond that, nothing is sent and
//! the answer stays the same. So whoever requests links for someone else can take nothing from them: while no more are
//! sent, at least one that works is in the mailbox, unless one was used in this hour. A browser in which the account has
//! signed in before has three of its own, which nothing that others do uses up.
//!
//! Links may use only half of the server's and of the organizations' budgets, because anyone can request them. The answer
//! does not wait for what is done for an account, so that its time says nothing about there being one.
//!
//! A reset sets a password and nothing else. Authenticator apps, the phone and backup codes stay as they are, and the next
//! sign-in asks for one of them (ASVS 5.0 V6.4.3). What it does take back are wrong codes *by e-mail*: whoever holds the
//! link has just proven the mailbox anew, which is all that enrolling it again would be (NIST SP 800-63B-4 §3.2.2).

use crate::{
    Fault, Services, activity,
    hashing::Share,
    letter,
    password_change::chosen,
    security_log::{Entry, Event, email_digest},
    sending,
    sign_in::{by_network, confirm_browser, hex},
};
use countersign_core::{
    budget::Scope,
    email::{EmailAddress, EmailError},
    event::{Detail, EventKind, Origin},
    message::{Content, Notice, Recipient},
    password::PasswordError,
    second_step::Method,
    secret::{PlainHandle, StoredHandle},
    session::EndReason,
};
use countersign_store::{
    StoreResult, Tx,
    budgets::{self, Charge},
    challenges, ended_sessions, failures, known_browsers,
    members::{self, Membership},
    password_resets, sessions, throttles,
    users::{self, User},
};
use std::time::Duration;
use tracing::Instrument as _;

/// What became of a request for a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// If there is such an account, a link is sent to it by [`Request::send`]. The person is answered without waiting
    /// for that.
    Admitted(Request),
    /// Not an address.
    Invalid(EmailError),
    /// Too many links have been asked for from this network, or too many emails have left this server: for whichever
    /// address.
    Closed {
        /// When to come back.
        retry_after: Duration,
    },
}

/// An admitted request for a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    email: EmailAddress,
    origin: Origin,
    browser: Option<StoredHandle>,
}

/// What became of a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The new password counts. Nobody is signed in.
    Done,
    /// The link is used, expired, or was never one; or another link of the account was used.
    Gone,
    /// The password cannot be chosen; the link can still be used.
    Password(PasswordError),
}

/// Admits a request for a link to choose a new password, for whichever address: nothing here depends on there being an
/// account. `browser` is the known-browser cookie, if there is one.
pub async fn ask(
    s: &Services,
    email: &str,
    origin: &Origin,
    browser: Option<StoredHandle>,
) -> Result<Asked, Fault> {
    let email = match email.parse::<EmailAddress>() {
        Ok(email) => email,
        Err(error) => return Ok(Asked::Invalid(error)),
    };
    let counters = by_network("reset-net", origin.address, s.rules.sends);
    let now = s.now();
    let closed = s
        .store
        .write(move |tx| {
            if let Err(exhausted) = budgets::peek(tx, &sending::server_from_anyone(), now)? {
                return Ok(Some(exhausted.until));
            }
            let counters = counters.iter().map(|(key, limits)| (key.as_str(), limits));
            Ok(throttles::charge_all(tx, counters, now)?.err().map(|closed| closed.until))
        })
        .await?;
    Ok(match closed {
        None => Asked::Admitted(Request { email, origin: origin.clone(), browser }),
        Some(until) => Asked::Closed { retry_after: until.since(now) },
    })
}

impl Request {
    /// [`Request::send`], after the answer.
    pub fn send_later(self, s: &Services) {
        let s = s.clone();
        let sent = async move {
            if let Err(fault) = self.send(&s).await {
                tracing::error!(%fault, "a link to choose a new password was not sent");
            }
        };
        tokio::spawn(sent.in_current_span());
    }

    /// Sends a link, if an active account has this address and its budgets allow it. Otherwise nothing changes: links
    /// that were sent before go on working.
    pub async fn send(self, s: &Services) -> Result<(), Fault> {
        let email = self.email.clone();
        let account = s.store.read(move |tx| users::by_email(tx, &email)).await?;
        let Some(User { id, .. }) = account.filter(|account| account.active) else {
            let digest = Some(email_digest(s, &self.email));
            Entry::new(Event::PasswordReset, "unknown_account").email_digest(digest).log();
            return Ok(());
        };
        let (now, lifetime) = (s.now(), s.rules.reset_lifetime);
        let (link, operator) = (PlainHandle::generate(&*s.entropy), s.rules.operator.clone());
        let (stored, expires_at) = (link.stored(), now.plus(lifetime));
        let content = Content::ResetPassword {
            link: format!("{}/reset-password/{}", s.rules.public_url, link.to_text()),
            minutes: (lifetime.as_secs() / 60).max(1),
        };
        s.store
            .write(move |tx| {
                users::take_turn(tx, id)?;
                let account = users::by_id(tx, id)?.filter(|account| account.active);
                let Some(account) = account.filter(|account| account.email == self.email) else {
                    return Ok(());
                };
                let charges = self.charges(tx, &account)?;
                if sending::admit(tx, charges, operator.as_ref(), now)?.is_err() {
                    return Ok(());
                }
                password_resets::insert(tx, &stored, id, expires_at)?;
                let kind = EventKind::PasswordResetAsked;
                activity::record(tx, id, kind, Detail::default(), self.origin.clone(), now)?;
                let mailbox = Recipient::Email(account.email.clone());
                letter::send(tx, &account, &mailbox, content, &self.origin, now)
            })
            .await?;
        s.ring();
        Ok(())
    }

    fn charges(&self, tx: &mut Tx<'_>, account: &User) -> StoreResult<Vec<Charge>> {
        let known = match self.browser {
            Some(browser) => known_browsers::is_known(tx, &browser, account.id)?.then_some(browser),
            None => None,
        };
        let links = match known {
            Some(browser) => {
                format!("{} {}", account.id, hex(&browser))
            }
            None => account.email.to_string(),
        };
        let mut charges = sending::from_anyone(tx, account)?;
        charges.push(Charge::new(Scope::ResetLink, links));
        Ok(charges)
    }
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
            password_resets::end_of_user(tx, user)?;
            challenges::end_of_user(tx, user)?;
            ended_sessions::note_all(tx, user, EndReason::Password, now)?;
            let ended = sessions::end_all(tx, user)?;
            users::set_password_by_recovery(tx, &authority, &hash, now)?;
            known_browsers::forget_all(tx, user)?;
            failures::clear_method(tx, user, Method::Email)?;
            confirm_browser::forget(tx, &account)?;
            let detail = Detail { count: Some(ended.into()), ..Detail::default() };
            activity::record(tx, user, EventKind::PasswordReset, detail, origin.clone(), now)?;
            letter::tell(tx, user, Notice::PasswordChanged, &origin, now)?;
            Ok(Reset::Done)
        })
        .await?;
    s.ring();
    Ok(outcome)
}
