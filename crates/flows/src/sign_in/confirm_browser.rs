//! A browser that an account doesn't know, after too many wrong passwords: it is confirmed through the mailbox first.
//!
//! ```text
//!   100 wrong passwords in a row ──► a browser that is not known: nothing is compared, the same page for everyone,
//!        ▲                           and a link to the mailbox, if there is such an account
//!        │                               │
//!        │                               ▼  (a button on the link's page; looking changes nothing)
//!        │                           this browser may try five passwords, for an hour ──(a right one)──► sign-in
//!        └──(forgotten by a finished sign-in, or a new password)◄──────────────────────────────────────────┘
//! ```
//!
//! The link isn't bound to the browser that caused it, because that may be an attacker's. It confirms the browser in which
//! the person presses the button, and only for their own account. So a link that a stranger caused serves the owner. Where the
//! sign-in wanted to go is kept with the link, and counts only in the browser that caused it: a stranger chooses no page for the
//! owner.

use super::network::hex;
use crate::{Fault, Services, activity, letter, sending};
use countersign_core::{
    email::EmailAddress,
    event::{Detail, EventKind, Origin},
    ids::UserId,
    message::{Content, Recipient},
    secret::{PlainHandle, StoredHandle},
    throttle::{Limits, Pace},
};
use countersign_store::{
    StoreResult, Tx,
    browser_links::{self, Cause},
    confirmed_browsers, throttles,
    users::{self, User},
};
use std::time::Duration;
use tracing::Instrument as _;

const HOUR: Duration = Duration::from_secs(3600);

/// How long a link can be used: as long as the longest pause between two of them, so the mailbox always has a valid one.
const LINK: Duration = HOUR.saturating_mul(6);

/// How long a confirmed browser may try passwords.
const CONFIRMED: Duration = HOUR;

/// The links that are sent to one account: three, then one after an hour, doubling to one every six hours. Anyone can
/// cause them, so nothing but time clears the count.
const LINKS: Limits = Limits {
    allowed: 3,
    first_pause: HOUR,
    longest_pause: LINK,
    pace: Pace::Slowing,
    forgotten_after: Some(HOUR.saturating_mul(24)),
};

/// The passwords that a confirmed browser may try. They are counted under the browser's own key, and stop there.
pub(super) const ATTEMPTS: Limits = Limits {
    allowed: 5,
    first_pause: CONFIRMED,
    longest_pause: CONFIRMED,
    pace: Pace::Stopping,
    forgotten_after: Some(HOUR.saturating_mul(24)),
};

/// Wrong passwords in a row for an address, over all networks, whether or not it has an account.
pub(crate) fn counter(email: &EmailAddress) -> String {
    format!("password-account:{email}")
}

/// Wrong passwords of a confirmed browser.
pub(super) fn attempts(user: UserId, browser: &StoredHandle) -> String {
    format!("password-confirmed:{user}:{}", hex(browser))
}

/// The account holder has shown who they are: the run of wrong passwords is broken (NIST SP 800-63B-4 §3.2.2), and what
/// was sent and confirmed because of it ends.
pub(crate) fn forget(tx: &mut Tx<'_>, account: &User) -> StoreResult<()> {
    throttles::forget(tx, &counter(&account.email))?;
    browser_links::end_of_user(tx, account.id)?;
    confirmed_browsers::forget_all(tx, account.id)
}

/// Sends a link, if an active account has this address and its mailbox hasn't had enough of them. In the background: the
/// answer is the same for every address, and takes the same time.
pub(super) fn send_link(s: &Services, email: EmailAddress, cause: Cause, origin: &Origin) {
    let (s, origin) = (s.clone(), origin.clone());
    let sent = async move {
        if let Err(error) = try_to_send(&s, email, cause, origin).await {
            tracing::warn!(%error, "a link to confirm a browser was not sent");
        }
    };
    tokio::spawn(sent.in_current_span());
}

async fn try_to_send(s: &Services, email: EmailAddress, cause: Cause, origin: Origin) -> Result<(), Fault> {
    let now = s.now();
    let links = |user: UserId| format!("browser-links:{user}");
    let account = s
        .store
        .read(move |tx| {
            let account = users::by_email(tx, &email)?;
            let Some(account) = account.filter(|account| account.active && account.password_hash.is_some())
            else {
                return Ok(None);
            };
            let open = throttles::peek(tx, &links(account.id), now)?.is_ok();
            Ok(open.then_some(account))
        })
        .await?;
    let Some(account) = account else { return Ok(()) };
    let (link, operator) = (PlainHandle::generate(&*s.entropy), s.rules.operator.clone());
    let (stored, expires_at) = (link.stored(), now.plus(LINK));
    let content = Content::ConfirmBrowser {
        link: format!("{}/sign-in/confirm-browser/{}", s.rules.public_url, link.to_text()),
        minutes: LINK.as_secs() / 60,
    };
    s.store
        .write(move |tx| {
            let charges = sending::from_anyone(tx, &account)?;
            if sending::admit(tx, charges, operator.as_ref(), now)?.is_err() {
                return Ok(());
            }
            if throttles::charge(tx, &links(account.id), now, &LINKS)?.is_err() {
                return Ok(());
            }
            browser_links::insert(tx, &stored, account.id, expires_at, &cause)?;
            activity::record(
                tx,
                account.id,
                EventKind::BrowserLinkSent,
                Detail::default(),
                origin.clone(),
                now,
            )?;
            let mailbox = Recipient::Email(account.email.clone());
            letter::send(tx, &account, &mailbox, content, &origin, now)
        })
        .await?;
    s.ring();
    Ok(())
}

/// A browser that was confirmed.
#[derive(Debug)]
pub struct Confirmed {
    /// A handle for the known-browser cookie, where the browser has none yet.
    pub browser: Option<PlainHandle>,
    /// Where the sign-in wanted to go that caused the link, if it was in this very browser: someone else may have caused it.
    pub return_to: Option<String>,
}

/// The address of the account whose link this is, while it can be used. Looking changes nothing.
pub async fn account_of(s: &Services, token: &str) -> Result<Option<String>, Fault> {
    let Some(link) = PlainHandle::parse(token) else { return Ok(None) };
    Ok(peek(s, link.stored()).await?.map(|account| account.email.to_string()))
}

async fn peek(s: &Services, link: StoredHandle) -> Result<Option<User>, Fault> {
    let now = s.now();
    let read = move |tx: &mut Tx<'_>| {
        let user = browser_links::peek(tx, &link, now)?;
        active(tx, user)
    };
    s.store.read(read).await.map_err(Into::into)
}

fn active(tx: &mut Tx<'_>, user: Option<UserId>) -> StoreResult<Option<User>> {
    let Some(user) = user else { return Ok(None) };
    Ok(users::by_id(tx, user)?.filter(|account| account.active))
}

/// Redeems a link for this browser, once. `browser` is its known-browser cookie, and `handle` the one that it has now. `None` where
/// the link is used, expired or unknown.
pub async fn confirm(
    s: &Services,
    token: &str,
    browser: Option<StoredHandle>,
    handle: Option<StoredHandle>,
    origin: &Origin,
) -> Result<Option<Confirmed>, Fault> {
    let Some(link) = PlainHandle::parse(token).map(|link| link.stored()) else { return Ok(None) };
    let Some(account) = peek(s, link).await? else { return Ok(None) };
    let new = browser.is_none().then(|| PlainHandle::generate(&*s.entropy));
    let Some(browser) = browser.or_else(|| new.as_ref().map(PlainHandle::stored)) else { return Ok(None) };
    let (now, origin) = (s.now(), origin.clone());
    let confirmed = s
        .store
        .write(move |tx| {
            users::take_turn(tx, account.id)?;
            let Some((user, cause)) = browser_links::redeem(tx, &link, now)? else { return Ok(None) };
            let Some(account) = active(tx, Some(user))? else { return Ok(None) };
            throttles::forget(tx, &attempts(account.id, &browser))?;
            confirmed_browsers::confirm(tx, &browser, account.id, now.plus(CONFIRMED))?;
            activity::record(tx, account.id, EventKind::BrowserConfirmed, Detail::default(), origin, now)?;
            Ok(Some(cause))
        })
        .await?;
    Ok(confirmed.map(|cause| {
        let same = cause.browser.is_some() && cause.browser == handle;
        Confirmed { browser: new, return_to: cause.return_to.filter(|_| same) }
    }))
}
