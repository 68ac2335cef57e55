//! A right code, on its way to be spent.

use super::budget::Charge;
use crate::security_log::{Entry, Event};
use countersign_core::{
    Timestamp,
    ids::{AuthenticatorId, BackupCodeId, UserId},
    second_step::{Evidence, Method},
    throttle::Verdict,
};
use countersign_otp::TimeStep;
use countersign_store::{
    StoreResult, Tx, application_users, apps, backup_codes, failures, sent_codes, throttles,
};

/// What one conditional write will spend.
pub(super) enum Spendable {
    /// A time step of an app.
    Step(AuthenticatorId, TimeStep),
    /// A code that was sent.
    Sent(sent_codes::SentCode),
    /// A backup code.
    BackupCode(BackupCodeId),
}

/// A code that was right when it was compared. Worth nothing until [`Claim::spend`] has changed a row.
pub(crate) struct Claim {
    user: UserId,
    method: Method,
    authenticators: Vec<String>,
    charge: Charge,
    spendable: Spendable,
}

impl Claim {
    pub(super) fn new(
        user: UserId,
        method: Method,
        authenticators: Vec<String>,
        charge: Charge,
        spendable: Spendable,
    ) -> Self {
        Self { user, method, authenticators, charge, spendable }
    }

    /// The mailbox or phone to which the code was sent, if it was sent at all.
    pub(crate) fn sent_to(&self) -> Option<&str> {
        match &self.spendable {
            Spendable::Sent(code) => Some(&code.target),
            Spendable::Step(..) | Spendable::BackupCode(_) => None,
        }
    }

    /// Spends the code and settles the account's counter, in the caller's write. `None`: somebody was faster.
    pub(crate) fn spend(&self, tx: &mut Tx<'_>, now: Timestamp) -> StoreResult<Option<Evidence>> {
        let evidence = match &self.spendable {
            Spendable::Step(app, step) => apps::claim_step(tx, self.user, *app, *step, now)?,
            Spendable::Sent(code) => sent_codes::claim(tx, code, now)?,
            Spendable::BackupCode(code) => backup_codes::claim(tx, self.user, *code, now)?,
        };
        let verdict = if evidence.is_some() { Verdict::Right } else { Verdict::NotAGuess };
        if evidence.is_some() {
            // The row of failures is broken, for what the right code belongs to (NIST SP 800-63B-4 §3.2.2).
            let own = match &self.spendable {
                Spendable::Step(app, _) => vec![app.to_string()],
                Spendable::Sent(_) | Spendable::BackupCode(_) => self.authenticators.clone(),
            };
            for authenticator in own {
                failures::clear(tx, self.user, self.method, &authenticator)?;
            }
            if let Spendable::Sent(_) = &self.spendable {
                throttles::forget(tx, &super::sent_code::sends(self.user))?;
                if self.method == Method::Email {
                    application_users::prove_email(tx, self.user, now)?;
                }
            }
        }
        self.charge.settle(tx, verdict)?;
        let outcome = if evidence.is_some() { "success" } else { "reused_code" };
        let entry = Entry::new(Event::SecondStep, outcome).account(self.user).method(self.method);
        tx.after_commit(move || entry.log());
        super::count(self.method, if evidence.is_some() { "right" } else { "already-used" });
        Ok(evidence)
    }
}
