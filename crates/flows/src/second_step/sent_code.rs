//! Codes that are sent by e-mail or SMS: made, sent, compared. Six digits, short-lived, bound to what asked for them
//! (NIST SP 800-63B-4 §3.1.3; ASVS 5.0 V6.6).

use super::{
    Asked, CodeRefusal, Found, SendOutcome,
    budget::{self, Guesser},
    claim::Spendable,
    six_digits, usable,
};
use crate::{
    Fault, Recorder, Services, activity, letter,
    security_log::{Entry, Event},
    sending::{self, Sending},
};
use countersign_core::{
    Entropy, Timestamp,
    ambient::random,
    event::{Detail, EventKind, Origin},
    ids::{SentCodeId, UserId},
    message::{Content, Recipient},
    second_step::Method,
    secret::PlainHandle,
};
use countersign_otp::Code;
use countersign_store::{
    StoreResult, Tx, phones, sent_codes, throttles,
    users::{self, User},
};
use std::time::Duration;

/// A code that is well formed, and the live one that it will be compared with.
pub(super) struct Typed {
    code: Code,
    live: sent_codes::SentCode,
}

/// Where a code goes.
pub(crate) enum Target {
    /// To the account's own mailbox or phone.
    Own,
    /// To the account's own mailbox, whether or not codes by email are a second step here.
    Mailbox,
    /// To a mailbox or phone that is to be proven.
    Address(Recipient),
    /// Nowhere, though everything else happens: the address is another account's, which is nobody's business. The code
    /// is one that cannot be typed.
    Withheld(Recipient),
}

/// The counter of codes that were sent without one of them being used. It paces those who ask again and again, and a right
/// code clears it; what no code clears are the budgets ([`crate::sending`]).
pub(super) fn sends(user: UserId) -> String {
    format!("sends:{user}")
}

/// Finds the live code. Where there is none there is nothing to guess, and so nothing is charged.
pub(super) async fn read(
    s: &Services,
    asked: Asked,
    method: Method,
    raw: &str,
) -> Result<Result<Typed, CodeRefusal>, Fault> {
    let now = s.now();
    let code = match six_digits(raw) {
        Ok(code) => code,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let live = s.store.read(move |tx| sent_codes::of(tx, asked.purpose, &asked.owner)).await?;
    Ok(match live.filter(|live| live.method == method) {
        None => Err(CodeRefusal::NotSent),
        Some(live) if now >= live.expires_at => Err(CodeRefusal::Expired),
        Some(live) => Ok(Typed { code, live }),
    })
}

/// Compares under the key, in constant time.
pub(super) async fn compare(s: &Services, typed: Typed) -> Result<(Found, Vec<String>), Fault> {
    let Typed { code, live } = typed;
    let authenticators = vec![live.authenticator.clone()];
    let (matched, live) =
        s.store.read(move |tx| Ok((sent_codes::matches(tx, &live, &code.to_string())?, live))).await?;
    let found = match (matched, live.used) {
        (true, false) => Found::Claim(Spendable::Sent(live)),
        (true, true) => Found::Spent,
        (false, _) => Found::Wrong,
    };
    Ok((found, authenticators))
}

/// Makes a code, replaces the one before it, and queues it. A code that is refused leaves the one before it as it is.
pub(crate) async fn send(
    s: &Services,
    user: UserId,
    asked: Asked,
    method: Method,
    target: Target,
    content: fn(String, u64) -> Content,
    origin: &Origin,
) -> Result<SendOutcome, Fault> {
    send_recorded(s, user, asked, method, target, content, origin, Recorder::unkept()).await
}

/// The same, with its response stored in the same write.
#[expect(clippy::too_many_arguments, reason = "`send` with a recorder; each of them is needed once")]
pub(crate) async fn send_recorded<A: Send + 'static>(
    s: &Services,
    user: UserId,
    asked: Asked,
    method: Method,
    target: Target,
    content: fn(String, u64) -> Content,
    origin: &Origin,
    recorder: Recorder<SendOutcome, A>,
) -> Result<A, Fault> {
    if matches!(target, Target::Own) && (!method.is_sent() || !usable(s, user).await?.contains(&method)) {
        return recorder.refuse(s, SendOutcome::NotAvailable).await;
    }
    let (now, lifetime) = (s.now(), s.rules.code_lifetime);
    // One that is withheld cannot be typed.
    let code = match target {
        Target::Withheld(_) => PlainHandle::generate(&*s.entropy).to_text(),
        Target::Own | Target::Mailbox | Target::Address(_) => six_random_digits(&*s.entropy),
    };
    let content = content(code.clone(), (lifetime.as_secs() / 60).max(1));
    let draft = Draft { asked, method, target, code, content, origin: origin.clone() };
    let services = s.clone();
    let outcome = recorder
        .write(s, move |tx| {
            users::take_turn(tx, user)?;
            let Some(account) = users::by_id(tx, user)? else { return Ok(SendOutcome::NotAvailable) };
            let outcome = draft.send(tx, &services, &account, now)?;
            if matches!(outcome, SendOutcome::Closed { .. } | SendOutcome::Limited(_)) {
                let entry = Entry::new(Event::Code, "limited").account(user).method(method);
                tx.after_commit(move || entry.log());
            }
            Ok(outcome)
        })
        .await?;
    s.ring();
    Ok(outcome)
}

/// A code that is about to be sent.
struct Draft {
    asked: Asked,
    method: Method,
    target: Target,
    code: String,
    content: Content,
    origin: Origin,
}

impl Draft {
    /// In the account's turn.
    fn send(self, tx: &mut Tx<'_>, s: &Services, account: &User, now: Timestamp) -> StoreResult<SendOutcome> {
        let Self { asked, method, target, code, content, origin } = self;
        let own = matches!(target, Target::Own | Target::Mailbox);
        let withheld = matches!(target, Target::Withheld(_));
        let Some((recipient, authenticator)) = recipient(tx, target, method, account)? else {
            return Ok(SendOutcome::NotAvailable);
        };
        if let Some(wait) = waits(tx, s, account.id, &asked, now)? {
            return Ok(wait);
        }
        // What is typed on an application's own page was asked for by its server, whose network is no one person's.
        let by_program = matches!(content, Content::SignInCodeElsewhere { .. });
        let sending = Sending { account, to: &recipient, own, origin: (!by_program).then_some(&origin) };
        let charges = sending.charges(tx)?;
        if let Err(limit) = sending::admit(tx, charges, s.rules.operator.as_ref(), now)? {
            return Ok(SendOutcome::Limited(limit));
        }
        if let Err(closed) = throttles::charge(tx, &sends(account.id), now, &s.rules.sends)? {
            return Ok(SendOutcome::Closed { retry_after: closed.until.since(now) });
        }
        let new = sent_codes::NewSentCode {
            purpose: asked.purpose,
            owner: asked.owner,
            id: SentCodeId::generate(now, &*s.entropy),
            user: account.id,
            method,
            target: recipient.as_str().to_owned(),
            authenticator,
            code: &code,
            now,
            expires_at: now.plus(s.rules.code_lifetime),
        };
        if let Err(again_at) = sent_codes::put(tx, &new, s.rules.resend_after)? {
            return Ok(SendOutcome::TooSoon { retry_after: again_at.since(now) });
        }
        if !withheld {
            letter::send(tx, account, &recipient, content, &origin, now)?;
        }
        let detail = Detail { method: Some(method.as_str().to_owned()), ..Detail::default() };
        activity::record(tx, account.id, EventKind::CodeSent, detail, origin, now)?;
        Ok(SendOutcome::Sent)
    }
}

/// Why no code is sent yet, before anything is charged; `None` where nothing speaks against it. What is charged and
/// conditional afterwards decides; in the account's turn it finds what is found here.
fn waits(
    tx: &mut Tx<'_>,
    s: &Services,
    user: UserId,
    asked: &Asked,
    now: Timestamp,
) -> StoreResult<Option<SendOutcome>> {
    // A code that could not be typed is not worth sending.
    let guesser = Guesser { user, browser: asked.browser };
    let guesses = budget::peek(tx, guesser, &s.rules, now)?;
    if let Err(closed) = guesses.and(throttles::peek(tx, &sends(user), now)?) {
        return Ok(Some(SendOutcome::Closed { retry_after: closed.until.since(now) }));
    }
    let before = sent_codes::of(tx, asked.purpose, &asked.owner)?;
    let again_at = before.map(|before| before.sent_at.plus(s.rules.resend_after)).filter(|at| now < *at);
    Ok(again_at.map(|at| SendOutcome::TooSoon { retry_after: at.since(now) }))
}

/// Where a code goes, and what it belongs to, for the row of failures; `None` for a phone that is not there any more.
fn recipient(
    tx: &mut Tx<'_>,
    target: Target,
    method: Method,
    account: &User,
) -> StoreResult<Option<(Recipient, String)>> {
    Ok(match (target, method) {
        (Target::Address(recipient) | Target::Withheld(recipient), _) => {
            let authenticator = recipient.as_str().to_owned();
            Some((recipient, authenticator))
        }
        (Target::Own, Method::Sms) => phones::of_user(tx, account.id)?
            .map(|phone| (Recipient::Phone(phone.number), phone.id.to_string())),
        (Target::Own | Target::Mailbox, _) => {
            Some((Recipient::Email(account.email.clone()), account.email.to_string()))
        }
    })
}

/// Uniform over 000000 to 999999: draws again instead of folding the surplus of 2^32 back onto the low numbers.
fn six_random_digits(entropy: &dyn Entropy) -> String {
    const CODES: u32 = 1_000_000;
    loop {
        let drawn = u32::from_be_bytes(random(entropy));
        if drawn < u32::MAX - u32::MAX % CODES {
            return format!("{:06}", drawn % CODES);
        }
    }
}

/// How long until a code may be sent again.
pub(super) fn resend_in(live: &sent_codes::SentCode, s: &Services) -> Duration {
    live.sent_at.plus(s.rules.resend_after).since(s.now())
}
