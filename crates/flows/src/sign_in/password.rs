//! The first step: the password.
//!
//! Unknown, disabled and passwordless accounts cost the same time and get the same answer. Wrong passwords slow down the
//! account *from that network*, and the network; after 100 in a row over all networks nothing more is compared in a browser
//! that the account doesn't know ([`confirm_browser`]). A browser in which the account has finished a sign-in before has a
//! counter of its own, so strangers can't lock the owner out (OWASP, "device cookies").

use super::{
    SignedIn, by_network,
    confirm_browser::{self, attempts},
    finish::Finish,
    hex,
    verify::send_code,
};
use crate::{
    Fault, Services, activity,
    hashing::Share,
    identity,
    second_step::SendOutcome,
    security_log::{Entry, Event, email_digest},
};
use countersign_core::{
    email::{EmailAddress, EmailError},
    event::{Detail, EventKind, Origin},
    ids::{ChallengeId, UserId},
    password::{PasswordError, PlainPassword},
    second_step::Method,
    secret::{PlainHandle, StoredHandle},
    sign_in::{Next, PasswordVerified},
    throttle::{Closed, Limits, Ticket, Verdict},
};
use countersign_store::{
    StoreResult, Tx,
    browser_links::Cause,
    challenges, confirmed_browsers, known_browsers, second_steps, sessions, throttles,
    users::{self, User},
};
use std::time::Duration;
use tracing::Instrument as _;

/// What somebody typed, and from where.
pub struct Attempt<'a> {
    /// The address.
    pub email: &'a str,
    /// The password.
    pub password: &'a str,
    /// Where they wanted to go: a path on this server.
    pub return_to: Option<String>,
    /// From where.
    pub origin: &'a Origin,
    /// The known-browser cookie, if there is one.
    pub browser: Option<StoredHandle>,
    /// The handle that this browser had before. The session that it stands for ends, and so does the sign-in, unless it is of
    /// the same account: then it goes on.
    pub replaces: Option<StoredHandle>,
}

/// What became of it.
#[derive(Debug)]
pub enum PasswordOutcome {
    /// Right; the second step is due.
    Challenged {
        /// The handle for the cookie.
        handle: PlainHandle,
        /// Why the code was not sent, where codes by email are the only second step and none may be sent now.
        not_sent: Option<SendOutcome>,
    },
    /// Right, and nothing more is due.
    SignedIn(SignedIn),
    /// Not this address with this password.
    Wrong,
    /// Too many wrong passwords for this address: this browser has to be confirmed through the mailbox first. The same
    /// for an address that has no account, and whether or not the password was right.
    ConfirmBrowser,
    /// Not an address.
    BadEmail(EmailError),
    /// Not a password.
    BadPassword(PasswordError),
    /// Too many wrong ones.
    Closed {
        /// When to come back.
        retry_after: Duration,
    },
}

/// One counter, its limits, and what a right password takes back from it.
#[derive(Clone)]
struct Counted {
    key: String,
    limits: Limits,
    on_success: Verdict,
}

/// What a browser is to the account.
#[derive(Clone, Copy)]
enum Standing {
    /// The account has finished a sign-in in it.
    Known(StoredHandle),
    /// Someone used a link from the account's mailbox in it.
    Confirmed(StoredHandle),
    /// Neither, or there is no such account.
    Unknown,
}

/// Checks a password and begins a sign-in.
pub async fn password(s: &Services, attempt: Attempt<'_>) -> Result<PasswordOutcome, Fault> {
    let (mut account, email) = (None, attempt.email.parse::<EmailAddress>());
    let outcome = check(s, attempt, &mut account).await?;
    log(s, &outcome, account, email.ok().as_ref());
    let word = match outcome {
        PasswordOutcome::Challenged { .. } => "second-step",
        PasswordOutcome::SignedIn(_) => "signed-in",
        PasswordOutcome::Wrong => "wrong",
        PasswordOutcome::BadEmail(_) | PasswordOutcome::BadPassword(_) => "malformed",
        PasswordOutcome::Closed { .. } => "closed",
        PasswordOutcome::ConfirmBrowser => "confirm-browser",
    };
    metrics::counter!("countersign_sign_ins_total", "outcome" => word).increment(1);
    Ok(outcome)
}

/// In the security log. A finished sign-in is there as the activity of its account.
fn log(s: &Services, outcome: &PasswordOutcome, account: Option<UserId>, email: Option<&EmailAddress>) {
    let word = match outcome {
        PasswordOutcome::SignedIn(_) => return,
        PasswordOutcome::Challenged { .. } => "second_step_due",
        PasswordOutcome::Wrong if account.is_none() => "unknown_account",
        PasswordOutcome::Wrong => "wrong_password",
        PasswordOutcome::BadEmail(_) | PasswordOutcome::BadPassword(_) => "malformed",
        PasswordOutcome::Closed { .. } => "locked",
        PasswordOutcome::ConfirmBrowser => "confirm_browser",
    };
    // Computed for every address, so that its time says nothing about there being an account.
    let digest = email.map(|email| email_digest(s, email)).filter(|_| account.is_none());
    Entry::new(Event::SignIn, word).account(account).email_digest(digest).log();
}

/// `account` is whose address it is, once that is known.
async fn check(
    s: &Services,
    attempt: Attempt<'_>,
    account: &mut Option<UserId>,
) -> Result<PasswordOutcome, Fault> {
    let email = match attempt.email.parse::<EmailAddress>() {
        Ok(email) => email,
        Err(error) => return Ok(PasswordOutcome::BadEmail(error)),
    };
    let password = match PlainPassword::typed(attempt.password) {
        Ok(password) => password,
        Err(error) => return Ok(PasswordOutcome::BadPassword(error)),
    };
    let (user, standing) = look_up(s, email.clone(), attempt.browser).await?;
    *account = user.as_ref().map(|user| user.id);
    let counters = counters(s, &email, user.as_ref(), standing, attempt.origin);
    if let Some(closed) = peek(s, counters.clone()).await? {
        return Ok(refused(s, closed, email, &attempt));
    }
    // The charge comes when it is this attempt's turn to be hashed: at most as many are in flight as there are threads.
    let share = share(&email, user.as_ref(), standing, attempt.origin);
    let turn = s.hashing.turn(share.clone()).await?;
    let tickets = match charge(s, counters.clone()).await? {
        Ok(tickets) => tickets,
        Err(closed) => return Ok(refused(s, closed, email, &attempt)),
    };
    let stored = user.as_ref().and_then(|user| user.password_hash.clone());
    let checked = turn.verify(password, stored.clone()).await?;
    let id = user.as_ref().map(|user| user.id);
    let verified = user
        .as_ref()
        .and_then(|user| PasswordVerified::check(user.id, checked.matched, user.active, s.now()));
    let (Some(verified), Some(user)) = (verified, user) else {
        wrong(s, id, attempt.origin);
        return Ok(PasswordOutcome::Wrong);
    };
    let rehash = if checked.outdated { rehashed(s, share, attempt.password, stored).await? } else { None };
    let origin = attempt.origin;
    let begun =
        begin(s, verified, user, attempt, counters.into_iter().zip(tickets).collect(), rehash).await?;
    Ok(begun.unwrap_or_else(|| {
        wrong(s, id, origin);
        PasswordOutcome::Wrong
    }))
}

async fn look_up(
    s: &Services,
    email: EmailAddress,
    browser: Option<StoredHandle>,
) -> Result<(Option<User>, Standing), Fault> {
    let now = s.now();
    s.store
        .read(move |tx| {
            let user = users::by_email(tx, &email)?;
            let standing = match (&user, browser) {
                (Some(user), Some(browser)) if known_browsers::is_known(tx, &browser, user.id)? => {
                    Standing::Known(browser)
                }
                (Some(user), Some(browser))
                    if confirmed_browsers::is_confirmed(tx, &browser, user.id, now)? =>
                {
                    Standing::Confirmed(browser)
                }
                _ => Standing::Unknown,
            };
            Ok((user, standing))
        })
        .await
        .map_err(Into::into)
}

/// Whose places on the pool it takes: those of the address that was entered. A browser that the account has to do with has
/// a share of its own, so strangers who try the address don't make its owner wait.
fn share(email: &EmailAddress, user: Option<&User>, standing: Standing, origin: &Origin) -> Share {
    match (user, standing) {
        (Some(user), Standing::Known(browser) | Standing::Confirmed(browser)) => {
            Share::account(format!("{}:{}", user.id, hex(&browser)))
        }
        _ => Share::new(email, origin.address),
    }
}

fn counters(
    s: &Services,
    email: &EmailAddress,
    user: Option<&User>,
    standing: Standing,
    origin: &Origin,
) -> Vec<Counted> {
    let counted = |(key, limits), on_success| Counted { key, limits, on_success };
    match (user, standing) {
        (Some(user), Standing::Known(browser)) => {
            let key = format!("password-known:{}:{}", user.id, hex(&browser));
            vec![counted((key, s.rules.password_pair), Verdict::Right)]
        }
        (Some(user), Standing::Confirmed(browser)) => {
            let key = attempts(user.id, &browser);
            vec![counted((key, confirm_browser::ATTEMPTS), Verdict::NotAGuess)]
        }
        _ => {
            let address = origin.address;
            let pair = by_network(&format!("password:{email}"), address, s.rules.password_pair);
            let networks = by_network("password-network", address, s.rules.password_network);
            let account = (confirm_browser::counter(email), s.rules.password_account);
            // A right password takes back only its own charge on a network, or anyone who has an account could clear the
            // network's count; and on the account, whose run is broken by a *finished* sign-in.
            let pair = pair.into_iter().map(|counter| counted(counter, Verdict::Right));
            let wider = networks.into_iter().chain([account]);
            pair.chain(wider.map(|counter| counted(counter, Verdict::NotAGuess))).collect()
        }
    }
}

async fn peek(s: &Services, counters: Vec<Counted>) -> Result<Option<Closed>, Fault> {
    let now = s.now();
    s.store
        .read(move |tx| {
            for counter in counters {
                if let Err(closed) = throttles::peek(tx, &counter.key, now)? {
                    return Ok(Some(closed));
                }
            }
            Ok(None)
        })
        .await
        .map_err(Into::into)
}

/// Charges all, or none.
async fn charge(s: &Services, counters: Vec<Counted>) -> Result<Result<Vec<Ticket>, Closed>, Fault> {
    let now = s.now();
    s.store
        .write(move |tx| {
            let keys = counters.iter().map(|counter| (counter.key.as_str(), &counter.limits));
            throttles::charge_all(tx, keys, now)
        })
        .await
        .map_err(Into::into)
}

/// A counter is closed: for a while, or until the mailbox is asked.
fn refused(s: &Services, closed: Closed, email: EmailAddress, attempt: &Attempt<'_>) -> PasswordOutcome {
    if closed.is_for_good() {
        let cause = Cause { browser: attempt.replaces, return_to: attempt.return_to.clone() };
        confirm_browser::send_link(s, email, cause, attempt.origin);
        return PasswordOutcome::ConfirmBrowser;
    }
    PasswordOutcome::Closed { retry_after: closed.until.since(s.now()) }
}

/// Recorded on the account, if there is one, after the answer: an address that nobody has must not answer sooner.
fn wrong(s: &Services, user: Option<UserId>, origin: &Origin) {
    let Some(user) = user else { return };
    let (now, origin, store) = (s.now(), origin.clone(), s.store.clone());
    let recorded = async move {
        let kind = EventKind::PasswordWrong;
        let record = move |tx: &mut Tx<'_>| activity::record(tx, user, kind, Detail::default(), origin, now);
        if let Err(error) = store.write(record).await {
            tracing::warn!(%error, "a wrong password was not recorded");
        }
    };
    tokio::spawn(recorded.in_current_span());
}

/// The old hash and a new one, where the parameters have changed since the old one was made. A full pool is no reason to
/// refuse anybody: next time will do.
async fn rehashed(
    s: &Services,
    share: Share,
    typed: &str,
    old: Option<String>,
) -> Result<Option<(String, String)>, Fault> {
    let (Ok(password), Some(old)) = (PlainPassword::typed(typed), old) else { return Ok(None) };
    match s.hashing.hash(share, password).await {
        Ok(new) => Ok(Some((old, new))),
        Err(Fault::Busy) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The password was right: one write gives the charges back and stores the challenge, or the session. `None` if the
/// password was changed, or the account switched off, while it was being checked.
async fn begin(
    s: &Services,
    verified: PasswordVerified,
    user: User,
    attempt: Attempt<'_>,
    charged: Vec<(Counted, Ticket)>,
    rehash: Option<(String, String)>,
) -> Result<Option<PasswordOutcome>, Fault> {
    let (finish, given) = Finish::prepare(s, attempt.origin, attempt.browser);
    let now = finish.now;
    let challenge = ChallengeId::generate(now, &*s.entropy);
    let expires_at = now.plus(s.rules.challenge_lifetime);
    let permitted = crate::second_step::permitted(s);
    let (return_to, before) = (attempt.return_to.clone(), attempt.replaces);
    let begun = s
        .store
        .write(move |tx| {
            users::take_turn(tx, user.id)?;
            let unchanged = |now: &User| now.active && now.password_hash == user.password_hash;
            if !users::by_id(tx, user.id)?.as_ref().is_some_and(unchanged) {
                return Ok(None);
            }
            for (counter, ticket) in charged {
                throttles::settle(tx, &counter.key, ticket, counter.on_success)?;
            }
            if let Some((old, new)) = rehash {
                users::rehash(tx, &verified, &old, &new)?;
            }
            let steps = second_steps::of(tx, &user)?;
            let only_email = steps.usable(&permitted) == [Method::Email];
            match verified.next(&steps, &permitted) {
                Next::Complete(authenticated) => {
                    end_before(tx, before.as_ref())?;
                    let unsaved = finish.write(tx, authenticated)?;
                    Ok(Some(Begun::SignedIn { unsaved }))
                }
                Next::SecondStep(verified) => {
                    let (handle, to) = (&finish.session, return_to.as_deref());
                    let again = match &before {
                        Some(b) => challenges::begin_again(tx, &verified, b, handle, to, expires_at)?,
                        None => false,
                    };
                    end_before(tx, before.as_ref())?;
                    if !again {
                        let before = before.as_ref();
                        challenges::insert(tx, &verified, challenge, handle, to, expires_at, before)?;
                    }
                    Ok(Some(Begun::Challenged { only_email }))
                }
            }
        })
        .await?;
    s.ring();
    Ok(match begun {
        None => None,
        Some(Begun::Challenged { only_email }) => {
            let not_sent = if only_email { send_at_once(s, &given.session, &attempt).await } else { None };
            Some(PasswordOutcome::Challenged { handle: given.session, not_sent })
        }
        Some(Begun::SignedIn { unsaved }) => Some(PasswordOutcome::SignedIn(SignedIn {
            session: given.session,
            browser: given.browser,
            return_to: attempt.return_to,
            backup_codes_left: None,
            backup_codes_unsaved: unsaved,
        })),
    })
}

enum Begun {
    Challenged { only_email: bool },
    SignedIn { unsaved: bool },
}

/// Sends the code of a sign-in for which there is only one way: no one has to request it. It is charged as if they had. The
/// page of the second step offers to send one where this could not; what stands against it is returned.
async fn send_at_once(s: &Services, handle: &PlainHandle, attempt: &Attempt<'_>) -> Option<SendOutcome> {
    let sent = async {
        let Some(challenge) = identity::waiting(s, handle).await? else { return Ok(SendOutcome::Sent) };
        send_code(s, &challenge, Method::Email, attempt.origin, attempt.browser).await
    };
    match sent.await {
        // Sent by this very sign-in a moment ago: the form came twice.
        Ok(SendOutcome::Sent | SendOutcome::TooSoon { .. }) => None,
        Ok(refused) => Some(refused),
        Err(fault) => {
            let fault: Fault = fault;
            tracing::warn!(%fault, "the code of a sign-in was not sent");
            None
        }
    }
}

/// What this browser had before ends: nobody could reach it any more.
fn end_before(tx: &mut Tx<'_>, old: Option<&StoredHandle>) -> StoreResult<()> {
    let Some(old) = old else { return Ok(()) };
    if let Some(challenge) = challenges::by_handle(tx, old)? {
        challenges::end(tx, challenge.id)?;
    }
    if let Some(session) = sessions::by_handle(tx, old)? {
        sessions::end(tx, session.id)?;
        if let Some(login_as) = session.login_as {
            sessions::end(tx, login_as.actor_session)?;
        }
    }
    Ok(())
}
