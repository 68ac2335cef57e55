//! The authenticators of somebody whom an application knows: listed with the key alone, changed with the account-holder
//! token beside it.

use super::{Caller, users::known};
use crate::{
    Fault, Recorder, Services, backup_codes,
    enrolment::{self, ConfirmOutcome, Entered, PendingView, Removed},
    step_up,
};
use countersign_core::{
    Timestamp,
    application::ExternalId,
    event::Origin,
    ids::{AuthenticatorId, EnrolmentId},
    phone,
    second_step::{Method, Standing},
    session::{HolderSession, ProofTooOld},
    text::TextError,
};
use countersign_otp::CodeError;
use countersign_store::{StoreError, apps, backup_codes as codes, phones, second_steps, users};
use zeroize::Zeroizing;

/// An authenticator, without its secret.
#[derive(Clone, Debug)]
pub struct AuthenticatorView {
    /// Its id.
    pub id: AuthenticatorId,
    /// Its kind: an app, or a phone for text messages.
    pub method: Method,
    /// What its holder calls the app; the masked number of a phone.
    pub name: String,
    /// Since when it has been active.
    pub created_at: Timestamp,
    /// When a code of the app was last spent.
    pub last_used_at: Option<Timestamp>,
    /// Too many wrong codes in a row have switched it off.
    pub disabled: bool,
}

/// A pending enrolment, with the secret for the one page that shows it.
pub struct PendingApp {
    /// Its id.
    pub id: EnrolmentId,
    /// The `otpauth:` address, for the QR code.
    pub uri: Zeroizing<String>,
    /// The key, for typing.
    pub key: Zeroizing<String>,
    /// When it ends unconfirmed.
    pub expires_at: Timestamp,
}

/// What became of a confirming code.
#[derive(Debug)]
pub enum ConfirmApp {
    /// The app is active.
    Added {
        /// The app.
        app: AuthenticatorView,
        /// With the first app: ten backup codes, shown once.
        backup_codes: Option<Vec<String>>,
    },
    /// There is no such enrolment under this token, or it is over.
    NotPending,
    /// Not a code.
    Code(CodeError),
    /// Not the code.
    Wrong {
        /// It would be right on a clock that is off by this many seconds (positive: the phone is ahead).
        phone_off_by_seconds: Option<i64>,
    },
    /// Not a name.
    Name(TextError),
}

/// The authenticators of somebody whom the application knows; `None` if it knows nobody with this id.
pub async fn list(
    s: &Services,
    caller: &Caller,
    user: &ExternalId,
) -> Result<Option<Vec<AuthenticatorView>>, Fault> {
    let (application, external) = (caller.application.id, user.clone());
    s.store
        .read(move |tx| {
            let Some(known) = known(tx, application, &external)? else { return Ok(None) };
            let mut all: Vec<AuthenticatorView> = apps::list(tx, known.id)?.into_iter().map(app).collect();
            if let Some(found) = phones::of_user(tx, known.id)? {
                let user = users::by_id(tx, known.id)?.ok_or(StoreError::Corrupt("a user"))?;
                all.push(AuthenticatorView {
                    id: found.id,
                    method: Method::Sms,
                    name: phone::mask(&found.number),
                    created_at: found.confirmed_at,
                    last_used_at: None,
                    disabled: second_steps::of(tx, &user)?.sms == Standing::Disabled,
                });
            }
            Ok(Some(all))
        })
        .await
        .map_err(Into::into)
}

fn app(found: apps::AppSummary) -> AuthenticatorView {
    AuthenticatorView {
        id: found.id,
        method: Method::App,
        name: found.name,
        created_at: found.created_at,
        last_used_at: found.last_used_at,
        disabled: found.disabled,
    }
}

/// Begins to set up an app; `None` if the token's proof of identity is too old, or it has ended meanwhile.
pub async fn begin_app<A: Send + 'static>(
    s: &Services,
    holder: &HolderSession,
    recorder: Recorder<Option<PendingApp>, A>,
) -> Result<A, Fault> {
    let Ok(authority) = step_up::authority(s, holder.own()) else { return recorder.refuse(s, None).await };
    let shown = |pending: PendingView| PendingApp {
        id: pending.id,
        uri: Zeroizing::new(pending.uri),
        key: Zeroizing::new(pending.key_plain),
        expires_at: pending.expires_at,
    };
    let recorder = recorder.after(move |_, pending: Option<PendingView>| Ok(pending.map(shown)));
    enrolment::begin_recorded(s, authority, recorder).await
}

/// Makes a pending app active, if the code is right.
pub async fn confirm_app<A: Send + 'static>(
    s: &Services,
    holder: &HolderSession,
    id: EnrolmentId,
    code: &str,
    name: &str,
    origin: &Origin,
    recorder: Recorder<ConfirmApp, A>,
) -> Result<A, Fault> {
    let own = holder.own();
    if enrolment::pending(s, own).await?.is_none_or(|pending| pending.id != id) {
        return recorder.refuse(s, ConfirmApp::NotPending).await;
    }
    let (now, user, session) = (s.now(), own.user(), own.id());
    let recorder = recorder.after(move |tx, outcome| {
        Ok(match outcome {
            ConfirmOutcome::NotPending | ConfirmOutcome::Cancelled | ConfirmOutcome::Replaced => {
                ConfirmApp::NotPending
            }
            ConfirmOutcome::Code(error) => ConfirmApp::Code(error),
            ConfirmOutcome::Wrong { phone_off_by_seconds } => ConfirmApp::Wrong { phone_off_by_seconds },
            ConfirmOutcome::Name(error) => ConfirmApp::Name(error),
            ConfirmOutcome::Added { app: id, .. } => {
                let added = apps::list(tx, user)?.into_iter().find(|found| found.id == id);
                let added = added.ok_or(StoreError::Corrupt("an app that was just added"))?;
                ConfirmApp::Added {
                    app: app(added),
                    backup_codes: backup_codes::deliver(tx, session, user, now)?,
                }
            }
        })
    });
    let entered = Entered { shown: Some(id), code, name };
    enrolment::confirm_with(s, own, entered, origin, |_, _| Ok(true), recorder).await
}

/// Removes an app; `Ok(None)` if there is none such, `Err` if the token's proof of identity is too old.
pub async fn remove_app(
    s: &Services,
    holder: &HolderSession,
    id: AuthenticatorId,
    origin: &Origin,
) -> Result<Result<Option<Removed>, ProofTooOld>, Fault> {
    match step_up::authority(s, holder.own()) {
        Ok(authority) => enrolment::remove(s, authority, id, origin).await.map(Ok),
        Err(too_old) => Ok(Err(too_old)),
    }
}

/// Ten new backup codes; all older ones no longer work. `Ok(None)` where no app is set up, for which they could stand in.
pub async fn make_backup_codes<A: Send + 'static>(
    s: &Services,
    holder: &HolderSession,
    origin: &Origin,
    recorder: Recorder<Result<Option<Vec<String>>, ProofTooOld>, A>,
) -> Result<A, Fault> {
    let authority = match step_up::authority(s, holder.own()) {
        Ok(authority) => authority,
        Err(too_old) => return recorder.refuse(s, Err(too_old)).await,
    };
    let (now, user, session) = (s.now(), holder.own().user(), holder.own().id());
    let recorder = recorder.after(move |tx, made: bool| {
        Ok(Ok(if made { backup_codes::deliver(tx, session, user, now)? } else { None }))
    });
    backup_codes::reset_recorded(s, authority, origin, recorder).await
}

/// How many backup codes are left: the outer `None` if the application knows nobody with this id, the inner one where
/// there were never any.
pub async fn backup_codes_left(
    s: &Services,
    caller: &Caller,
    user: &ExternalId,
) -> Result<Option<Option<u32>>, Fault> {
    let (application, external) = (caller.application.id, user.clone());
    s.store
        .read(move |tx| match known(tx, application, &external)? {
            None => Ok(None),
            Some(known) => codes::left(tx, known.id).map(Some),
        })
        .await
        .map_err(Into::into)
}
