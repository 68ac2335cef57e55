//! What a page needs to offer a second step.

use super::{Asked, facts, sent_code};
use crate::{Fault, Services};
use countersign_core::{ids::UserId, phone, second_step::Method};
use countersign_store::{phones, sent_codes, users};
use std::time::Duration;

/// The methods of an account, and what has been sent.
#[derive(Clone, Debug)]
pub struct StepView {
    /// What may be used now; the first is the one to offer.
    pub methods: Vec<Method>,
    /// Whether a second step is due at all.
    pub due: bool,
    /// The mailbox to which a code would go, masked.
    pub email_masked: String,
    /// The phone to which a code would go, masked.
    pub phone_masked: Option<String>,
    /// The live code of this sign-in or step-up.
    pub sent: Option<SentView>,
}

/// A code that was sent.
#[derive(Clone, Copy, Debug)]
pub struct SentView {
    /// By which way.
    pub method: Method,
    /// How long until another can be asked for.
    pub resend_in: Duration,
    /// How long a code can be used.
    pub minutes: u64,
}

/// The kinds that the operator's settings permit and this server can send.
pub(crate) fn permitted(s: &Services) -> Vec<Method> {
    let sms = s.rules.sms_countries.is_some();
    s.rules.methods.iter().copied().filter(|m| *m != Method::Sms || sms).collect()
}

/// The kinds that this account may use now.
pub(crate) async fn usable(s: &Services, user: UserId) -> Result<Vec<Method>, Fault> {
    let steps = s.store.read(move |tx| facts(tx, user)).await?;
    Ok(steps.usable(&permitted(s)))
}

/// Everything for the page.
pub(crate) async fn view(s: &Services, user: UserId, asked: Asked) -> Result<StepView, Fault> {
    let now = s.now();
    let (purpose, owner) = (asked.purpose, asked.owner);
    let (steps, email, phone, live) = s
        .store
        .read(move |tx| {
            let email = users::by_id(tx, user)?.map(|user| user.email.masked()).unwrap_or_default();
            let phone = phones::of_user(tx, user)?.map(|phone| phone::mask(&phone.number));
            Ok((facts(tx, user)?, email, phone, sent_codes::of(tx, purpose, &owner)?))
        })
        .await?;
    let permitted = permitted(s);
    let due = steps.is_due(&permitted);
    let live = live.filter(|live| !live.used && now < live.expires_at);
    Ok(StepView {
        methods: if due { steps.usable(&permitted) } else { Vec::new() },
        due,
        email_masked: email,
        phone_masked: phone,
        sent: live.map(|live| SentView {
            method: live.method,
            resend_in: sent_code::resend_in(&live, s),
            minutes: s.rules.code_lifetime.as_secs() / 60,
        }),
    })
}
