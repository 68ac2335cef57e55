//! Changing the address under which one signs in: a code to the new mailbox, and notices to both.
//!
//! Whether somebody else has an address is told to nobody but the holder of its mailbox (ASVS 5.0 V6.3.8): for a taken
//! address everything happens as for a free one, and no message leaves.

use crate::{
    Fault, Services, activity, enrolment, letter,
    profile::{self, Unproven},
    second_step::{self, CodeRefusal, Purpose, SendOutcome, Target},
    sending::Limit,
    sessions,
};
use countersign_core::{
    authority::CredentialAuthority,
    email::{EmailAddress, EmailError},
    event::{Detail, EventKind, Origin},
    message::{Content, Notice, Recipient},
    second_step::Method,
    session::{EndReason, OwnSession},
};
use countersign_store::{
    StoreError, browser_links, confirmed_browsers, ended_sessions, password_resets, sent_codes, users,
};
use std::time::Duration;

/// What became of a request to send a code to a new address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// It is on its way, unless another account has the address.
    CodeSent,
    /// Not an address.
    Invalid(EmailError),
    /// The account has this address already.
    Same,
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
    /// The account has the new address.
    Changed {
        /// How many other sessions were ended.
        ended: u32,
    },
    /// Not the code, and why; `NotAvailable` where another account has taken the address in the meantime.
    Code(CodeRefusal),
}

/// Sends a code to the new address. Until it is typed, the old address goes on working.
pub async fn begin(
    s: &Services,
    authority: CredentialAuthority,
    email: &str,
    origin: &Origin,
) -> Result<Begin, Fault> {
    let new = match email.parse::<EmailAddress>() {
        Ok(new) => new,
        Err(error) => return Ok(Begin::Invalid(error)),
    };
    let (user, wanted) = (authority.user(), new.clone());
    let holder = s.store.read(move |tx| users::by_email(tx, &wanted)).await?.map(|holder| holder.id);
    if holder == Some(user) {
        return Ok(Begin::Same);
    }
    let asked = profile::asked(Purpose::ConfirmEmail, authority.session());
    let content = |code, minutes| Content::ConfirmEmailCode { code, minutes };
    let new = Recipient::Email(new);
    let target = if holder.is_some() { Target::Withheld(new) } else { Target::Address(new) };
    let outcome = second_step::send(s, user, asked, Method::Email, target, content, origin).await?;
    Ok(match outcome {
        SendOutcome::Sent => Begin::CodeSent,
        SendOutcome::TooSoon { retry_after } => Begin::TooSoon { retry_after },
        SendOutcome::Closed { retry_after } => Begin::Closed { retry_after },
        SendOutcome::Limited(limit) => Begin::Limited(limit),
        SendOutcome::NotAvailable => return Err(Fault::Internal("a session's account is missing".into())),
    })
}

/// The address to which this session has had a code sent that can still be used.
pub async fn pending(s: &Services, session: &OwnSession) -> Result<Option<Unproven>, Fault> {
    profile::unproven(s, session, Purpose::ConfirmEmail).await
}

/// Makes the address the account's, if the code is right. The account's other sessions, waiting sign-ins and reset links
/// end: they may have come through the old mailbox.
pub async fn confirm(
    s: &Services,
    authority: CredentialAuthority,
    code: &str,
    origin: &Origin,
) -> Result<Confirm, Fault> {
    let (user, asked) = (authority.user(), profile::asked(Purpose::ConfirmEmail, authority.session()));
    let claim = match second_step::guess(s, user, asked, Method::Email, code, origin).await? {
        Ok(claim) => claim,
        Err(refusal) => return Ok(Confirm::Code(refusal)),
    };
    let (now, origin) = (s.now(), origin.clone());
    let outcome = s
        .store
        .write(move |tx| {
            users::take_turn(tx, user)?;
            let Some(proven) = profile::prove(tx, &claim, now)? else {
                return Ok(Confirm::Code(CodeRefusal::AlreadyUsed));
            };
            let new = proven.parse::<EmailAddress>().map_err(|_| StoreError::Corrupt("sent_codes.target"))?;
            let before = users::by_id(tx, user)?.ok_or(StoreError::Corrupt("a session's user"))?;
            if !sessions::still_lives(tx, &authority, now)? || !users::set_email(tx, &authority, &new)? {
                return Ok(Confirm::Code(CodeRefusal::NotAvailable));
            }
            password_resets::end_of_user(tx, user)?;
            browser_links::end_of_user(tx, user)?;
            confirmed_browsers::forget_all(tx, user)?;
            sent_codes::end_of_user(tx, user)?;
            let (holder, keep) = (authority.user(), authority.session());
            ended_sessions::note_others(tx, holder, keep, EndReason::Email, now)?;
            let ended = enrolment::end_the_rest(tx, &authority)?;
            let to = new.masked();
            let detail = Detail { text: Some(to.clone()), count: Some(ended.into()), ..Detail::default() };
            activity::record(tx, user, EventKind::EmailChanged, detail, origin.clone(), now)?;
            // The owner of the old mailbox is the only one who can know that this was someone else.
            let mailboxes = [(before.email.clone(), true), (new, true)];
            letter::notify(tx, &before, &mailboxes, Notice::EmailChanged { to }, &origin, now)?;
            Ok(Confirm::Changed { ended })
        })
        .await?;
    s.ring();
    Ok(outcome)
}
