//! The first step: the password.
//!
//! Unknown, disabled and passwordless accounts cost the same time and get the same answer. Wrong passwords slow down the
//! account *from that network*, and the network; a browser in which the account has finished a sign-in before has a
//! counter of its own, so that strangers cannot lock the owner out (OWASP, "device cookies").

use super::{SignedIn, finish::Finish, network};
use crate::{Fault, Services, activity, hashing::Share};
use countersign_core::{
    email::{EmailAddress, EmailError},
    event::{Detail, EventKind, Origin},
    ids::{ChallengeId, UserId},
    password::{PasswordError, PlainPassword},
    secret::{PlainHandle, StoredHandle},
    sign_in::{Next, PasswordVerified},
    throttle::{Closed, Limits, Ticket, Verdict},
};
use countersign_store::{
    StoreResult, Tx, challenges, known_browsers, second_steps, sessions, throttles,
    users::{self, User},
};
use std::time::Duration;

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
    /// The session or sign-in that this browser had before: it ends.
    pub replaces: Option<StoredHandle>,
}

/// What became of it.
#[derive(Debug)]
pub enum PasswordOutcome {
    /// Right; the second step is due.
    Challenged {
        /// The handle for the cookie.
        handle: PlainHandle,
    },
    /// Right, and nothing more is due.
    SignedIn(SignedIn),
    /// Not this address with this password.
    Wrong,
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

/// Checks a password and begins a sign-in.
pub async fn password(s: &Services, attempt: Attempt<'_>) -> Result<PasswordOutcome, Fault> {
    let outcome = check(s, attempt).await?;
    let word = match outcome {
        PasswordOutcome::Challenged { .. } => "second-step",
        PasswordOutcome::SignedIn(_) => "signed-in",
        PasswordOutcome::Wrong => "wrong",
        PasswordOutcome::BadEmail(_) | PasswordOutcome::BadPassword(_) => "malformed",
        PasswordOutcome::Closed { .. } => "closed",
    };
    metrics::counter!("countersign_sign_ins_total", "outcome" => word).increment(1);
    Ok(outcome)
}

async fn check(s: &Services, attempt: Attempt<'_>) -> Result<PasswordOutcome, Fault> {
    let email = match attempt.email.parse::<EmailAddress>() {
        Ok(email) => email,
        Err(error) => return Ok(PasswordOutcome::BadEmail(error)),
    };
    let password = match PlainPassword::typed(attempt.password) {
        Ok(password) => password,
        Err(error) => return Ok(PasswordOutcome::BadPassword(error)),
    };
    let (user, known) = look_up(s, email.clone(), attempt.browser).await?;
    let counters =
        counters(s, &email, user.as_ref(), known.then_some(attempt.browser).flatten(), attempt.origin);
    if let Some(closed) = peek(s, counters.clone()).await? {
        return Ok(closed_outcome(s, closed));
    }
    // The charge comes when it is this attempt's turn to be hashed: at most as many are in flight as there are threads.
    let share = share(&email, user.as_ref(), known.then_some(attempt.browser).flatten(), attempt.origin);
    let turn = s.hashing.turn(share.clone()).await?;
    let tickets = match charge(s, counters.clone()).await? {
        Ok(tickets) => tickets,
        Err(closed) => return Ok(closed_outcome(s, closed)),
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
) -> Result<(Option<User>, bool), Fault> {
    s.store
        .read(move |tx| {
            let user = users::by_email(tx, &email)?;
            let known = match (&user, browser) {
                (Some(user), Some(browser)) => known_browsers::is_known(tx, &browser, user.id)?,
                _ => false,
            };
            Ok((user, known))
        })
        .await
        .map_err(Into::into)
}

/// Whose places on the pool it takes: those of the address that was entered. A known browser has a share of its own, so
/// strangers who try the address don't make its owner wait.
fn share(email: &EmailAddress, user: Option<&User>, known: Option<StoredHandle>, origin: &Origin) -> Share {
    match (user, known) {
        (Some(user), Some(browser)) => Share::account(format!("{}:{}", user.id, hex(&browser))),
        _ => Share::new(email, origin.address),
    }
}

fn hex(browser: &StoredHandle) -> String {
    browser.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn counters(
    s: &Services,
    email: &EmailAddress,
    user: Option<&User>,
    known: Option<StoredHandle>,
    origin: &Origin,
) -> Vec<Counted> {
    let counted = |key, limits, on_success| Counted { key, limits, on_success };
    if let (Some(user), Some(browser)) = (user, known) {
        let key = format!("password-known:{}:{}", user.id, hex(&browser));
        return vec![counted(key, s.rules.password_pair, Verdict::Right)];
    }
    let network = network(origin.address);
    vec![
        counted(format!("password:{email}:{network}"), s.rules.password_pair, Verdict::Right),
        // A right password takes back its own charge only: whoever has one account must not be able to wipe a network's.
        counted(format!("password-network:{network}"), s.rules.password_network, Verdict::NotAGuess),
    ]
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

fn closed_outcome(s: &Services, closed: Closed) -> PasswordOutcome {
    PasswordOutcome::Closed { retry_after: closed.until.since(s.now()) }
}

/// Recorded on the account, if there is one, after the answer: an address that nobody has must not answer sooner.
fn wrong(s: &Services, user: Option<UserId>, origin: &Origin) {
    let Some(user) = user else { return };
    let (now, origin, store) = (s.now(), origin.clone(), s.store.clone());
    tokio::spawn(async move {
        let kind = EventKind::PasswordWrong;
        let record = move |tx: &mut Tx<'_>| activity::record(tx, user, kind, Detail::default(), origin, now);
        if let Err(error) = store.write(record).await {
            tracing::warn!(%error, "a wrong password was not recorded");
        }
    });
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
    let (return_to, replaces) = (attempt.return_to.clone(), attempt.replaces);
    let signed_in = s
        .store
        .write(move |tx| {
            users::take_turn(tx, user.id)?;
            let unchanged = |now: &User| now.active && now.password_hash == user.password_hash;
            if !users::by_id(tx, user.id)?.as_ref().is_some_and(unchanged) {
                return Ok(None);
            }
            if let Some(old) = replaces {
                replace(tx, &old)?;
            }
            for (counter, ticket) in charged {
                throttles::settle(tx, &counter.key, ticket, counter.on_success)?;
            }
            if let Some((old, new)) = rehash {
                users::rehash(tx, &verified, &old, &new)?;
            }
            match verified.next(&second_steps::of(tx, &user)?, &permitted) {
                Next::Complete(authenticated) => finish.write(tx, authenticated).map(|()| Some(true)),
                Next::SecondStep(verified) => {
                    let return_to = return_to.as_deref();
                    challenges::insert(tx, &verified, challenge, &finish.session, return_to, expires_at)?;
                    Ok(Some(false))
                }
            }
        })
        .await?;
    let return_to = attempt.return_to;
    Ok(signed_in.map(|signed_in| match signed_in {
        false => PasswordOutcome::Challenged { handle: given.session },
        true => {
            let backup_codes_left = None;
            PasswordOutcome::SignedIn(SignedIn {
                session: given.session,
                browser: given.browser,
                return_to,
                backup_codes_left,
            })
        }
    }))
}

/// What this browser had before ends: nobody could reach it any more.
fn replace(tx: &mut Tx<'_>, old: &StoredHandle) -> StoreResult<()> {
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
