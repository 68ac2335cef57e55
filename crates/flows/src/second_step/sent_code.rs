//! Codes that are sent by e-mail or SMS: made, sent, compared. Six digits, short-lived, bound to what asked for them
//! (NIST SP 800-63B-4 §3.1.3; ASVS 5.0 V6.6).

use super::{
    Asked, CodeRefusal, Found, SendOutcome,
    budget::{self, Guesser},
    claim::Spendable,
    six_digits, usable,
};
use crate::{Fault, Recorder, Services, activity, letter};
use countersign_core::{
    Entropy,
    ambient::random,
    event::{Detail, EventKind, Origin},
    ids::{SentCodeId, UserId},
    message::{Content, Recipient},
    second_step::Method,
    secret::PlainHandle,
    throttle::Verdict,
};
use countersign_otp::Code;
use countersign_store::{
    StoreResult, Tx, application_users, phones, sent_codes, throttles,
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

/// What counts codes that are sent to `to` without one of them being used: the account, and for somebody whom an application
/// knows, the mailbox as well, until a code has shown that they read it. An application makes users freely, and strangers
/// by its sign-up: counted by account alone, one mailbox could be filled through many of them. Who has used a code from
/// it is counted alone, or those strangers could stop theirs.
pub(super) fn sends(tx: &mut Tx<'_>, account: &User, to: &str) -> StoreResult<Vec<String>> {
    let mut counters = vec![format!("sends:{}", account.id)];
    if let Some(application) = account.application
        && !application_users::has_proven_email(tx, account.id)?
    {
        counters.push(format!("sends:{application}:{to}"));
    }
    Ok(counters)
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

/// Makes a code, replaces the one before it, and queues it.
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
    let (now, entropy) = (s.now(), s.entropy.clone());
    let (lifetime, cool_down, limits) = (s.rules.code_lifetime, s.rules.resend_after, s.rules.sends);
    let withheld = matches!(target, Target::Withheld(_));
    let code =
        if withheld { PlainHandle::generate(&*entropy).to_text() } else { six_random_digits(&*entropy) };
    let (origin, services) = (origin.clone(), s.clone());
    let outcome = recorder
        .write(s, move |tx| {
            users::take_turn(tx, user)?;
            let Some(account) = users::by_id(tx, user)? else { return Ok(SendOutcome::NotAvailable) };
            let Some((recipient, authenticator)) = recipient(tx, target, method, &account)? else {
                return Ok(SendOutcome::NotAvailable);
            };
            // A code that could not be typed is not worth sending.
            let guesser = Guesser { user, browser: asked.browser };
            if let Err(closed) = budget::peek(tx, guesser, &services.rules, now)? {
                return Ok(SendOutcome::Closed { retry_after: closed.until.since(now) });
            }
            let counters = sends(tx, &account, recipient.as_str())?;
            let charged = counters.iter().map(|key| (key.as_str(), &limits));
            let tickets = match throttles::charge_all(tx, charged, now)? {
                Ok(tickets) => tickets,
                Err(closed) => return Ok(SendOutcome::Closed { retry_after: closed.until.since(now) }),
            };
            let new = sent_codes::NewSentCode {
                purpose: asked.purpose,
                owner: asked.owner,
                id: SentCodeId::generate(now, &*entropy),
                user,
                method,
                target: recipient.as_str().to_owned(),
                authenticator,
                code: &code,
                now,
                expires_at: now.plus(lifetime),
            };
            if let Err(again_at) = sent_codes::put(tx, &new, cool_down)? {
                for (key, ticket) in counters.iter().zip(tickets) {
                    throttles::settle(tx, key, ticket, Verdict::NotAGuess)?;
                }
                return Ok(SendOutcome::TooSoon { retry_after: again_at.since(now) });
            }
            if !withheld {
                let content = content(code.clone(), (lifetime.as_secs() / 60).max(1));
                letter::send(tx, &account, &recipient, content, now)?;
            }
            let detail = Detail { method: Some(method.as_str().to_owned()), ..Detail::default() };
            activity::record(tx, user, EventKind::CodeSent, detail, origin, now)?;
            Ok(SendOutcome::Sent)
        })
        .await?;
    s.ring();
    Ok(outcome)
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
