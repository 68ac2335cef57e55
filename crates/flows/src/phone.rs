//! Adding, replacing and removing the phone to which codes are sent.

use crate::{
    Fault, Services, activity, letter,
    profile::{self, Unproven},
    second_step::{self, CodeRefusal, Purpose, SendOutcome, Target},
    sending::Limit,
    sessions,
};
use countersign_core::{
    authority::CredentialAuthority,
    event::{Detail, EventKind, Origin},
    ids::AuthenticatorId,
    message::{Content, Notice, Recipient},
    phone::{self, PhoneError, PhoneNumber},
    second_step::Method,
    session::OwnSession,
};
use countersign_store::{challenges, phones, sent_codes, users};
use std::time::Duration;

/// What became of a request to send a code to a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// It is on its way.
    CodeSent,
    /// Not a number that can be used.
    Invalid(PhoneError),
    /// A number of a country to which this server sends nothing.
    Country,
    /// This server sends no text messages, or they are not permitted as a second step.
    SmsOff,
    /// The last code was sent a moment ago.
    TooSoon {
        /// When to ask again.
        retry_after: Duration,
    },
    /// Too many codes have been sent without one of them being used, or too many wrong ones were typed.
    Closed {
        /// When to come back.
        retry_after: Duration,
    },
    /// A budget of messages is used up.
    Limited(Limit),
}

/// What became of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// The number is the account's phone, in place of an earlier one.
    Added,
    /// Not the code, and why.
    Code(CodeRefusal),
}

/// Sends a code to a new number. Until it is typed, an earlier phone goes on working.
pub async fn begin(
    s: &Services,
    authority: CredentialAuthority,
    number: &str,
    origin: &Origin,
) -> Result<Begin, Fault> {
    let Some(countries) = s.rules.sms_countries.as_ref().filter(|_| permitted(s)) else {
        return Ok(Begin::SmsOff);
    };
    let number = match number.parse::<PhoneNumber>() {
        Ok(number) => number,
        Err(error) => return Ok(Begin::Invalid(error)),
    };
    if !number.is_in(countries) {
        return Ok(Begin::Country);
    }
    let asked = profile::asked(Purpose::ConfirmPhone, authority.session());
    let target = Target::Address(Recipient::Phone(number.as_str().to_owned()));
    let content = |code, minutes| Content::ConfirmPhoneCode { code, minutes };
    Ok(match second_step::send(s, authority.user(), asked, Method::Sms, target, content, origin).await? {
        SendOutcome::Sent => Begin::CodeSent,
        SendOutcome::TooSoon { retry_after } => Begin::TooSoon { retry_after },
        SendOutcome::Closed { retry_after } => Begin::Closed { retry_after },
        SendOutcome::Limited(limit) => Begin::Limited(limit),
        SendOutcome::NotAvailable => Begin::SmsOff,
    })
}

/// The number to which this session has had a code sent that can still be used. In full, and only for this session: it was
/// entered in it.
pub async fn pending(s: &Services, session: &OwnSession) -> Result<Option<Unproven>, Fault> {
    profile::unproven(s, session, Purpose::ConfirmPhone).await
}

/// Makes the number the account's phone, if the code is right. Sign-ins that wait for their second step end: a code that
/// went to the phone before must not let anybody in.
pub async fn confirm(
    s: &Services,
    authority: CredentialAuthority,
    code: &str,
    origin: &Origin,
) -> Result<Confirm, Fault> {
    if !permitted(s) {
        return Ok(Confirm::Code(CodeRefusal::NotAvailable));
    }
    let (user, asked) = (authority.user(), profile::asked(Purpose::ConfirmPhone, authority.session()));
    let claim = match second_step::guess(s, user, asked, Method::Sms, code, origin).await? {
        Ok(claim) => claim,
        Err(refusal) => return Ok(Confirm::Code(refusal)),
    };
    let (now, origin) = (s.now(), origin.clone());
    let id = AuthenticatorId::generate(now, &*s.entropy);
    let outcome = s
        .store
        .write(move |tx| {
            users::take_turn(tx, user)?;
            let Some(number) = profile::prove(tx, &claim, now)? else {
                return Ok(Confirm::Code(CodeRefusal::AlreadyUsed));
            };
            if !sessions::still_lives(tx, &authority, now)? {
                return Ok(Confirm::Code(CodeRefusal::NotAvailable));
            }
            phones::set(tx, &authority, id, &number, now)?;
            challenges::end_of_user(tx, user)?;
            sent_codes::end_of_user(tx, user)?;
            let to = phone::mask(&number);
            let detail = Detail { text: Some(to.clone()), ..Detail::default() };
            activity::record(tx, user, EventKind::PhoneChanged, detail, origin.clone(), now)?;
            letter::tell(tx, user, Notice::PhoneChanged { to }, &origin, now)?;
            Ok(Confirm::Added)
        })
        .await?;
    s.ring();
    Ok(outcome)
}

/// Removes the phone; `false` if there is none. Sign-ins that wait for their second step end, as above.
pub async fn remove(s: &Services, authority: CredentialAuthority, origin: &Origin) -> Result<bool, Fault> {
    let (now, user, origin) = (s.now(), authority.user(), origin.clone());
    let removed = s
        .store
        .write(move |tx| {
            users::take_turn(tx, user)?;
            if !sessions::still_lives(tx, &authority, now)? || !phones::remove(tx, &authority)? {
                return Ok(false);
            }
            challenges::end_of_user(tx, user)?;
            sent_codes::end_of_user(tx, user)?;
            activity::record(tx, user, EventKind::PhoneRemoved, Detail::default(), origin.clone(), now)?;
            letter::tell(tx, user, Notice::PhoneRemoved, &origin, now)?;
            Ok(true)
        })
        .await?;
    s.ring();
    Ok(removed)
}

fn permitted(s: &Services) -> bool {
    second_step::permitted(s).contains(&Method::Sms)
}
