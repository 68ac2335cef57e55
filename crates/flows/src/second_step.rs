//! The second step, wherever it is asked for: at sign-in, at a step-up, and to prove a new phone or mailbox.
//!
//! `guess` is the one way in. It reads the code, charges the account's counter **before** the code is compared (in a
//! write of its own), compares, and hands out a `Claim`. The claim is spent in the write that it pays for.
//!
//! ```text
//!   raw text ─(not a code)─────────────► refusal that names the typing error; costs nothing
//!      │
//!      ▼
//!   charge ─(closed)───────────────────► Closed { retry_after }; which counter, and what stays open for the owner: `budget`
//!      │
//!      ▼
//!   compare ─(wrong)───────────────────► the charge stays; the authenticator's own row of failures grows
//!      │    └(right, but spent)────────► AlreadyUsed; no guess, so the charge is taken back
//!      ▼
//!   Claim ── spend(tx) ─(changed a row)► Evidence; the counter forgets this and what came before
//!                       └(lost a race)─► None: AlreadyUsed
//! ```

mod app;
mod backup_code;
mod budget;
mod claim;
mod sent_code;
mod view;

pub(crate) use budget::{counter, lift};
pub(crate) use claim::Claim;
pub(crate) use sent_code::{Target, send, send_recorded};
pub use view::{SentView, StepView};
pub(crate) use view::{permitted, usable, view};

use crate::{
    Fault, Services, activity,
    hashing::Share,
    letter,
    security_log::{Entry, Event},
    sending::Limit,
};
use budget::{Charge, Guesser};
use countersign_core::{
    Timestamp,
    event::{Detail, EventKind, Origin},
    ids::UserId,
    message::Notice,
    second_step::Method,
    secret::StoredHandle,
    throttle::{BeforePause, Verdict},
};
use countersign_otp::{BackupCodeError, CodeError};
pub use countersign_store::sent_codes::Purpose;
use countersign_store::{StoreResult, Tx, backup_codes as codes, failures, second_steps, users};
use std::time::Duration;
use tracing::Instrument as _;
use zeroize::Zeroizing;

/// Why a code is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRefusal {
    /// Nothing was typed.
    Empty,
    /// Not only digits.
    NotDigits,
    /// Too few or too many characters.
    WrongLength {
        /// How many there should be.
        expected: usize,
        /// How many there were.
        found: usize,
    },
    /// A backup code whose check character does not fit: a typing error, which costs nothing.
    Mistyped,
    /// Not the code.
    Wrong,
    /// Not the code, and few attempts are left before a pause.
    WrongNearPause {
        /// How many; 0 if the pause has begun.
        left: u32,
        /// How long the pause is, or how much of it is left.
        pause: Duration,
    },
    /// The code was right, and has been used.
    AlreadyUsed,
    /// No code of this kind has been sent.
    NotSent,
    /// The code that was sent is too old.
    Expired,
    /// The account has no working second step of this kind.
    NotAvailable,
    /// Too many wrong codes.
    Closed {
        /// When to come back.
        retry_after: Duration,
    },
}

impl CodeRefusal {
    /// The word under which it is counted.
    fn word(&self) -> &'static str {
        match self {
            Self::Wrong | Self::WrongNearPause { .. } => "wrong",
            Self::AlreadyUsed => "already-used",
            Self::Closed { .. } => "closed",
            Self::NotSent | Self::Expired => "not-sent",
            Self::NotAvailable => "not-available",
            Self::Empty | Self::NotDigits | Self::WrongLength { .. } | Self::Mistyped => "malformed",
        }
    }
}

impl CodeRefusal {
    /// The word for the security log.
    fn logged(&self) -> &'static str {
        match self {
            Self::Wrong | Self::WrongNearPause { .. } => "wrong_code",
            Self::AlreadyUsed => "reused_code",
            Self::Closed { .. } => "locked",
            Self::NotSent => "not_sent",
            Self::Expired => "expired",
            Self::NotAvailable => "not_available",
            Self::Empty | Self::NotDigits | Self::WrongLength { .. } | Self::Mistyped => "malformed",
        }
    }
}

/// What became of a request to send a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// It is on its way.
    Sent,
    /// The last one was sent a moment ago.
    TooSoon {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The account has no working second step of this kind.
    NotAvailable,
    /// Too many codes have been sent without one of them being used, or too many wrong ones were typed.
    Closed {
        /// When to come back.
        retry_after: Duration,
    },
    /// A budget of messages is used up.
    Limited(Limit),
}

/// What asks for the code, and so what a sent code is bound to.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// What for.
    pub(crate) purpose: Purpose,
    /// The challenge's or session's id.
    pub(crate) owner: String,
    /// The known-browser handle of the browser, where there is one: a known browser has a budget of its own.
    pub(crate) browser: Option<StoredHandle>,
}

/// What a comparison found.
enum Found {
    Claim(claim::Spendable),
    Spent,
    Wrong,
}

/// A code that has been read, and what it will be compared with.
enum Typed {
    App(countersign_otp::Code),
    Sent(sent_code::Typed),
    BackupCode(backup_code::Typed),
}

/// Reads, charges and compares one code. See the module's drawing.
///
/// It runs to its end though the browser hangs up: a wrong code that was charged is also recorded and told.
pub(crate) async fn guess(
    s: &Services,
    user: UserId,
    asked: Asked,
    method: Method,
    raw: &str,
    origin: &Origin,
) -> Result<Result<Claim, CodeRefusal>, Fault> {
    let (s, raw, origin) = (s.clone(), Zeroizing::new(raw.to_owned()), origin.clone());
    let guessed = async move {
        let purpose = asked.purpose.as_str();
        let guessed = guess_to_the_end(&s, user, asked, method, &raw, &origin).await;
        // A right one is counted where it is spent.
        if let Ok(Err(refusal)) = &guessed {
            count(method, refusal.word());
            let entry = Entry::new(Event::SecondStep, refusal.logged());
            entry.account(user).method(method).purpose(purpose).log();
        }
        guessed
    };
    tokio::spawn(guessed.in_current_span()).await.map_err(|e| Fault::Internal(e.to_string()))?
}

/// Counts a second step that was tried, wherever that was.
fn count(method: Method, outcome: &'static str) {
    let labels = [("method", method.as_str()), ("outcome", outcome)];
    metrics::counter!("countersign_second_steps_total", &labels).increment(1);
}

async fn guess_to_the_end(
    s: &Services,
    user: UserId,
    asked: Asked,
    method: Method,
    raw: &str,
    origin: &Origin,
) -> Result<Result<Claim, CodeRefusal>, Fault> {
    if matches!(asked.purpose, Purpose::SignIn | Purpose::ConfirmIdentity)
        && !usable(s, user).await?.contains(&method)
    {
        return Ok(Err(CodeRefusal::NotAvailable));
    }
    let guesser = Guesser { user, browser: asked.browser };
    let typed = match read(s, user, asked, method, raw).await? {
        Ok(typed) => typed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (now, services) = (s.now(), s.clone());
    let charged = s.store.write(move |tx| budget::charge(tx, guesser, &services.rules, now)).await?;
    let charge = match charged {
        Ok(charge) => charge,
        Err(closed) => return Ok(Err(CodeRefusal::Closed { retry_after: closed.until.since(now) })),
    };
    // A backup code costs a hash. Its turn on the pool comes after the charge, so of many at once the counter refuses most
    // and the pool sees no more than the counter admits.
    let compared = match typed {
        Typed::App(code) => app::compare(s, user, code).await,
        Typed::Sent(typed) => sent_code::compare(s, typed).await,
        Typed::BackupCode(typed) => backup_code::compare(s, Share::new(user, origin.address), typed).await,
    };
    let (found, authenticators) = match compared {
        Err(Fault::Busy) => {
            // The pool was full: nothing was compared.
            s.store.write(move |tx| charge.settle(tx, Verdict::NotAGuess)).await?;
            return Err(Fault::Busy);
        }
        compared => compared?,
    };
    match found {
        Found::Claim(spendable) => Ok(Ok(Claim::new(user, method, authenticators, charge, spendable))),
        Found::Spent => {
            replayed(s, user, method, charge, origin).await?;
            Ok(Err(CodeRefusal::AlreadyUsed))
        }
        Found::Wrong => {
            let before_pause = charge.before_pause();
            wrong(s, user, method, authenticators, charge, origin).await?;
            Ok(Err(wrong_code(s, guesser, before_pause).await?))
        }
    }
}

/// Parses the code and finds what it can be compared with; whatever is refused here costs nothing.
async fn read(
    s: &Services,
    user: UserId,
    asked: Asked,
    method: Method,
    raw: &str,
) -> Result<Result<Typed, CodeRefusal>, Fault> {
    match method {
        Method::App => Ok(six_digits(raw).map(Typed::App)),
        Method::Sms | Method::Email => Ok(sent_code::read(s, asked, method, raw).await?.map(Typed::Sent)),
        Method::BackupCode => Ok(backup_code::read(s, user, raw).await?.map(Typed::BackupCode)),
    }
}

fn six_digits(raw: &str) -> Result<countersign_otp::Code, CodeRefusal> {
    countersign_otp::Code::parse(raw, countersign_otp::Digits::SIX).map_err(CodeRefusal::from)
}

/// A wrong code: counted against each authenticator that it was compared with, recorded, and told where it matters.
async fn wrong(
    s: &Services,
    user: UserId,
    method: Method,
    authenticators: Vec<String>,
    charge: Charge,
    origin: &Origin,
) -> Result<(), Fault> {
    let (now, limit, origin) = (s.now(), s.rules.disable_after, origin.clone());
    s.store
        .write(move |tx| {
            let mut disabled = false;
            for authenticator in &authenticators {
                disabled |= failures::record(tx, user, method, authenticator, limit, now)?;
            }
            record(tx, user, EventKind::CodeWrong, method, &origin, now)?;
            if let Some(until) = charge.closes_until() {
                record(tx, user, EventKind::SecondStepPaused, method, &origin, now)?;
                let minutes = until.since(now).as_secs().div_ceil(60);
                letter::tell(tx, user, Notice::SecondStepPaused { minutes }, &origin, now)?;
            }
            if disabled {
                record(tx, user, EventKind::SecondStepDisabled, method, &origin, now)?;
                letter::tell(
                    tx,
                    user,
                    Notice::SecondStepDisabled { method: method.as_str().to_owned() },
                    &origin,
                    now,
                )?;
            }
            Ok(())
        })
        .await?;
    s.ring();
    Ok(())
}

/// How a wrong code is refused: with what is left of the budget that it was charged to, where that is little.
async fn wrong_code(s: &Services, guesser: Guesser, before_pause: BeforePause) -> Result<CodeRefusal, Fault> {
    let BeforePause { left, pause } = before_pause;
    if !before_pause.is_near() {
        return Ok(CodeRefusal::Wrong);
    }
    if left > 0 {
        return Ok(CodeRefusal::WrongNearPause { left, pause });
    }
    // The account's pause does not stop an owner who has a budget of their own.
    let (now, services) = (s.now(), s.clone());
    let next = s.store.read(move |tx| budget::peek(tx, guesser, &services.rules, now)).await?;
    Ok(match next {
        Ok(()) => CodeRefusal::Wrong,
        Err(closed) => CodeRefusal::WrongNearPause { left, pause: closed.until.since(now) },
    })
}

/// A code that was right and is spent: recorded, and no guess.
async fn replayed(
    s: &Services,
    user: UserId,
    method: Method,
    charge: Charge,
    origin: &Origin,
) -> Result<(), Fault> {
    let (now, origin) = (s.now(), origin.clone());
    s.store
        .write(move |tx| {
            charge.settle(tx, Verdict::NotAGuess)?;
            record(tx, user, EventKind::CodeReplayed, method, &origin, now)
        })
        .await
        .map_err(Into::into)
}

fn record(
    tx: &mut Tx<'_>,
    user: UserId,
    kind: EventKind,
    method: Method,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<()> {
    let detail = Detail { method: Some(method.as_str().to_owned()), ..Detail::default() };
    activity::record(tx, user, kind, detail, origin.clone(), now)
}

/// A backup code was spent: recorded, and its account holder is told how many are left, which is the answer.
pub(crate) fn backup_code_used(
    tx: &mut Tx<'_>,
    user: UserId,
    origin: &Origin,
    now: Timestamp,
) -> StoreResult<u32> {
    let left = codes::left(tx, user)?.unwrap_or(0);
    let detail = Detail { count: Some(left.into()), ..Detail::default() };
    activity::record(tx, user, EventKind::BackupCodeUsed, detail, origin.clone(), now)?;
    letter::tell(tx, user, Notice::BackupCodeUsed { left }, origin, now)?;
    Ok(left)
}

impl From<CodeError> for CodeRefusal {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Empty => Self::Empty,
            CodeError::NotDigits => Self::NotDigits,
            CodeError::WrongLength { expected, found } => {
                Self::WrongLength { expected: expected.into(), found }
            }
        }
    }
}

impl From<BackupCodeError> for CodeRefusal {
    fn from(error: BackupCodeError) -> Self {
        match error {
            BackupCodeError::Empty => Self::Empty,
            BackupCodeError::WrongLength { expected, found } => Self::WrongLength { expected, found },
            BackupCodeError::UnknownCharacter(_) | BackupCodeError::Mistyped => Self::Mistyped,
        }
    }
}

/// What an account has of each kind, for the rules.
pub(crate) fn facts(
    tx: &mut Tx<'_>,
    user: UserId,
) -> StoreResult<countersign_core::second_step::SecondSteps> {
    match users::by_id(tx, user)? {
        Some(user) => second_steps::of(tx, &user),
        None => Ok(countersign_core::second_step::SecondSteps::default()),
    }
}
