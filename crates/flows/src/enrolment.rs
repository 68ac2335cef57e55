//! Setting up an authenticator app: begin, look, confirm, remove.

use crate::{Fault, Recorder, Services, activity, backup_codes::Fresh, letter};
use countersign_core::{
    Timestamp,
    ambient::random,
    authority::CredentialAuthority,
    enrolment::{EnrolmentRecord, Pending},
    event::{Detail, EventKind, Origin},
    ids::{AuthenticatorId, EnrolmentId},
    message::Notice,
    session::{EndReason, OwnSession},
    text::{TextError, short_text},
};
use countersign_otp::{Code, CodeError, Digits, OtpauthUri, Secret, TimeStep, Totp, Window};
use countersign_store::{
    StoreError, StoreResult, Tx, application_challenges, apps, backup_codes, challenges, ended_sessions,
    enrolments, sessions,
    users::{self, User},
};
use zeroize::Zeroizing;

/// An app's name has at most this many characters.
pub const NAME_LENGTH: usize = 40;

/// How far off a phone's clock may be for us to say by how much, in seconds.
const CLOCK_REACH: u64 = 3600;

/// What the set-up page shows.
pub struct PendingView {
    /// Its id.
    pub id: EnrolmentId,
    /// The `otpauth:` address, for the QR code and for a tap.
    pub uri: String,
    /// The key in groups of four.
    pub key_grouped: String,
    /// The key as it is copied.
    pub key_plain: String,
    /// The account's name in the app.
    pub account: String,
    /// When it ends unconfirmed.
    pub expires_at: Timestamp,
    /// The app that it replaces, if it does.
    pub replaces: Option<AuthenticatorId>,
}

/// What a person enters to confirm an app.
#[derive(Clone, Copy)]
pub struct Entered<'a> {
    /// The enrolment whose key the page showed, where the form says so.
    pub shown: Option<EnrolmentId>,
    /// The code from the app.
    pub code: &'a str,
    /// The name for the app.
    pub name: &'a str,
}

/// What became of a confirming code.
#[derive(Debug)]
pub enum ConfirmOutcome {
    /// The app is active.
    Added {
        /// The app.
        app: AuthenticatorId,
        /// How many other sessions were ended.
        ended: u32,
        /// It is the account's first: ten backup codes were created.
        first: bool,
        /// It replaced this app, which is removed: ten new backup codes were created.
        replaced: Option<String>,
    },
    /// There is nothing to confirm: never begun here, or over.
    NotPending,
    /// This session has cancelled the set-up.
    Cancelled,
    /// The page showed a key that another one has replaced in this session.
    Replaced,
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

/// An app was removed.
#[derive(Debug)]
pub struct Removed {
    /// How many other sessions were ended.
    pub ended: u32,
    /// It was the last one: the backup codes are worthless now.
    pub last: bool,
}

/// Begins an enrolment for this session, or returns to the one that it has pending for the same purpose: a second tab shows
/// the same key, for as long as a new one would live. `replaces` is the app that is removed when the new one is confirmed;
/// everything that works keeps working until then. `false`, and nothing begins, if the account has no such app or the
/// session has ended.
pub async fn begin(
    s: &Services,
    authority: CredentialAuthority,
    replaces: Option<AuthenticatorId>,
) -> Result<bool, Fault> {
    let (now, fresh) = (s.now(), New::generate(s));
    s.store
        .write(move |tx| {
            users::take_turn(tx, authority.user())?;
            if !crate::sessions::still_lives(tx, &authority, now)? {
                return Ok(false);
            }
            if let Some(old) = replaces
                && !apps::list(tx, authority.user())?.iter().any(|app| app.id == old)
            {
                return Ok(false);
            }
            let found = enrolments::of_session(tx, authority.session())?;
            match found.filter(|(found, _)| found.is_pending(now) && found.replaces == replaces) {
                Some((pending, _)) => {
                    enrolments::extend(tx, &authority, pending.id, fresh.expires_at)?;
                }
                None => fresh.store(tx, &authority, replaces)?,
            }
            sessions::keep_held(tx, &authority, fresh.expires_at)?;
            Ok(true)
        })
        .await
        .map_err(Into::into)
}

/// Begins an enrolment for an application's program: always a new one, whose key the answer holds. `None` where nothing
/// began.
pub(crate) async fn begin_recorded<A: Send + 'static>(
    s: &Services,
    authority: CredentialAuthority,
    recorder: Recorder<Option<PendingView>, A>,
) -> Result<A, Fault> {
    let (now, fresh) = (s.now(), New::generate(s));
    let service_name = s.rules.service_name.clone();
    recorder
        .write(s, move |tx| {
            users::take_turn(tx, authority.user())?;
            if !crate::sessions::still_lives(tx, &authority, now)? {
                return Ok(None);
            }
            fresh.store(tx, &authority, None)?;
            sessions::keep_held(tx, &authority, fresh.expires_at)?;
            let Some(account) = users::by_id(tx, authority.user())? else { return Ok(None) };
            let issuer = letter::application_name(tx, &account)?.unwrap_or(service_name);
            view(fresh.id, fresh.secret.as_slice(), fresh.expires_at, None, &account, &issuer).map(Some)
        })
        .await
}

/// An enrolment that is about to begin: 160 random bits (RFC 4226 §4, R6).
struct New {
    id: EnrolmentId,
    secret: Zeroizing<[u8; Secret::RECOMMENDED_BYTES]>,
    expires_at: Timestamp,
}

impl New {
    fn generate(s: &Services) -> Self {
        let now = s.now();
        Self {
            id: EnrolmentId::generate(now, &*s.entropy),
            secret: Zeroizing::new(random(&*s.entropy)),
            expires_at: now.plus(s.rules.enrolment_lifetime),
        }
    }

    fn store(
        &self,
        tx: &mut Tx<'_>,
        authority: &CredentialAuthority,
        replaces: Option<AuthenticatorId>,
    ) -> StoreResult<()> {
        enrolments::begin(tx, authority, self.id, self.secret.as_slice(), self.expires_at, replaces)
    }
}

/// The pending enrolment of this session, if there is one.
pub async fn pending(s: &Services, session: &OwnSession) -> Result<Option<PendingView>, Fault> {
    let (now, id, user) = (s.now(), session.id(), session.user());
    let found = s
        .store
        .read(move |tx| {
            let Some(account) = users::by_id(tx, user)? else { return Ok(None) };
            let Some(pending) = enrolments::of_session(tx, id)? else { return Ok(None) };
            let application = letter::application_name(tx, &account)?;
            Ok(Some((pending, account, application)))
        })
        .await?;
    let Some(((record, secret), account, application)) = found else { return Ok(None) };
    let Some(pending) = Pending::restore(record, session, now) else { return Ok(None) };
    let EnrolmentRecord { id, expires_at, replaces, .. } = *pending.record();
    // People know the application and not this server: its name stands in their app.
    let issuer = application.unwrap_or_else(|| s.rules.service_name.clone());
    Ok(Some(view(id, &secret, expires_at, replaces, &account, &issuer)?))
}

fn view(
    id: EnrolmentId,
    secret: &[u8],
    expires_at: Timestamp,
    replaces: Option<AuthenticatorId>,
    account: &User,
    issuer: &str,
) -> StoreResult<PendingView> {
    let secret = secret_of(secret)?;
    let (key_grouped, key_plain) = (secret.grouped(), secret.to_base32());
    // An issuer has no colon.
    let uri = OtpauthUri::new(&issuer.replace(':', " "), account.email.as_str(), Totp::standard(secret))
        .map_err(|e| StoreError::Refused(e.to_string()))?
        .to_string();
    Ok(PendingView {
        id,
        uri,
        key_grouped,
        key_plain,
        account: account.email.to_string(),
        expires_at,
        replaces,
    })
}

/// Why this session has nothing pending: whether it has cancelled its last enrolment, and not begun again.
pub async fn was_cancelled(s: &Services, session: &OwnSession) -> Result<bool, Fault> {
    let (id, user) = (session.id(), session.user());
    let found = s.store.read(move |tx| enrolments::of_session(tx, id)).await?;
    Ok(found.is_some_and(|(record, _)| record.cancelled && record.user == user))
}

/// Cancels this session's pending enrolment; only that one whose key the page showed, where the form says which.
pub async fn cancel(s: &Services, session: &OwnSession, shown: Option<EnrolmentId>) -> Result<(), Fault> {
    let (now, id) = (s.now(), session.id());
    s.store
        .write(move |tx| match enrolments::of_session(tx, id)? {
            Some((record, _)) if shown.is_none_or(|shown| shown == record.id) => {
                enrolments::cancel(tx, id, record.id, now)
            }
            _ => Ok(()),
        })
        .await
        .map_err(Into::into)
}

/// Makes the pending enrolment an active app, if the code is right. Its time step is spent immediately, the app that it
/// replaces is removed, the account's other sessions and waiting sign-ins end, and the first app, as well as one that
/// replaces another, brings ten backup codes.
pub async fn confirm(
    s: &Services,
    session: &OwnSession,
    entered: Entered<'_>,
    origin: &Origin,
) -> Result<ConfirmOutcome, Fault> {
    confirm_with(s, session, entered, origin, |_, _| Ok(true), Recorder::unkept()).await
}

/// The same, and `answers` in the same write: what the set-up is also the answer to. Where that says `false`, there is
/// nothing left to answer, and nothing was set up.
pub(crate) async fn confirm_with<A: Send + 'static>(
    s: &Services,
    session: &OwnSession,
    entered: Entered<'_>,
    origin: &Origin,
    answers: impl FnOnce(&mut Tx<'_>, Timestamp) -> StoreResult<bool> + Send + 'static,
    recorder: Recorder<ConfirmOutcome, A>,
) -> Result<A, Fault> {
    let (now, id, user) = (s.now(), session.id(), session.user());
    let (found, before) =
        s.store.read(move |tx| Ok((enrolments::of_session(tx, id)?, apps::list(tx, user)?))).await?;
    let checked = match found {
        None => Err(ConfirmOutcome::NotPending),
        Some((record, secret)) => check(record, &secret, session, entered, now)?,
    };
    let confirmed = match checked {
        Ok(confirmed) => confirmed,
        Err(refusal) => return recorder.refuse(s, refusal).await,
    };
    let first = before.is_empty();
    let new_codes = first || confirmed.pending.record().replaces.is_some();
    let fresh = if new_codes { Some(Fresh::draw(s, user).await?) } else { None };
    let origin = origin.clone();
    let outcome = recorder
        .write(s, move |tx| {
            users::take_turn(tx, user)?;
            let authority = confirmed.pending.authority();
            if !enrolments::take(tx, &authority, confirmed.pending.record().id)? || !answers(tx, now)? {
                return Ok(ConfirmOutcome::NotPending);
            }
            confirmed.activate(tx, &authority, fresh.as_ref(), first, &origin, now)
        })
        .await?;
    s.ring();
    Ok(outcome)
}

/// An enrolment whose code was right.
struct Confirmed {
    pending: Pending,
    secret: Zeroizing<Vec<u8>>,
    name: String,
    step: TimeStep,
}

/// Whether what was entered confirms the enrolment of this session.
fn check(
    record: EnrolmentRecord,
    secret: &[u8],
    session: &OwnSession,
    entered: Entered<'_>,
    now: Timestamp,
) -> Result<Result<Confirmed, ConfirmOutcome>, Fault> {
    // A page from before may say that it adds an app where this one replaces one, so its code counts for nothing.
    let earlier = entered.shown.is_some_and(|shown| shown != record.id);
    if record.cancelled && !earlier && record.user == session.user() {
        return Ok(Err(ConfirmOutcome::Cancelled));
    }
    let Some(pending) = Pending::restore(record, session, now) else {
        return Ok(Err(ConfirmOutcome::NotPending));
    };
    if earlier {
        return Ok(Err(ConfirmOutcome::Replaced));
    }
    let name = match short_text(entered.name, NAME_LENGTH) {
        Ok(name) => name,
        Err(error) => return Ok(Err(ConfirmOutcome::Name(error))),
    };
    let code = match Code::parse(entered.code, Digits::SIX) {
        Ok(code) => code,
        Err(error) => return Ok(Err(ConfirmOutcome::Code(error))),
    };
    let totp = Totp::standard(secret_of(secret)?);
    Ok(match totp.verify(&code, now.unix_seconds(), Window::ONE_EITHER_SIDE) {
        Some(step) => Ok(Confirmed { pending, secret: Zeroizing::new(secret.to_vec()), name, step }),
        None => {
            let offset = totp.search_offset(&code, now.unix_seconds(), CLOCK_REACH);
            Err(ConfirmOutcome::Wrong { phone_off_by_seconds: offset.map(|offset| offset.seconds()) })
        }
    })
}

impl Confirmed {
    /// Makes the app active and removes the one that it replaces, with what belongs to that, in the caller's transaction.
    fn activate(
        self,
        tx: &mut Tx<'_>,
        authority: &CredentialAuthority,
        fresh: Option<&Fresh>,
        first: bool,
        origin: &Origin,
        now: Timestamp,
    ) -> StoreResult<ConfirmOutcome> {
        let (user, name) = (authority.user(), self.name);
        let app = AuthenticatorId::from(self.pending.record().id);
        apps::insert(tx, authority, app, &self.secret, &name, self.step, now)?;
        // If it was removed since this began, this is an app like any other that is added.
        let replaced = match self.pending.record().replaces {
            None => None,
            Some(old) => apps::remove(tx, authority, old)?,
        };
        if let Some(fresh) = fresh.filter(|_| first || replaced.is_some()) {
            fresh.store(tx, authority, origin, now)?;
        }
        ended_sessions::note_others(tx, user, authority.session(), EndReason::SecondStep, now)?;
        let ended = end_the_rest(tx, authority)?;
        let detail = |text: &str, count| Detail { text: Some(text.to_owned()), count, ..Detail::default() };
        if let Some(old) = &replaced {
            activity::record(tx, user, EventKind::AppRemoved, detail(old, None), origin.clone(), now)?;
        }
        let added = detail(&name, Some(ended.into()));
        activity::record(tx, user, EventKind::AppAdded, added, origin.clone(), now)?;
        let notice = match replaced.clone() {
            None => Notice::AppAdded { app: name },
            Some(old) => Notice::AppReplaced { old, app: name },
        };
        letter::tell(tx, user, notice, origin, now)?;
        Ok(ConfirmOutcome::Added { app, ended, first, replaced })
    }
}

/// Removes an app of this account. Removing the last one makes the backup codes worthless.
pub async fn remove(
    s: &Services,
    authority: CredentialAuthority,
    app: AuthenticatorId,
    origin: &Origin,
) -> Result<Option<Removed>, Fault> {
    let (now, user, origin) = (s.now(), authority.user(), origin.clone());
    let removed = s
        .store
        .write(move |tx| {
            users::take_turn(tx, user)?;
            if !crate::sessions::still_lives(tx, &authority, now)? {
                return Ok(None);
            }
            let Some(name) = apps::remove(tx, &authority, app)? else { return Ok(None) };
            let last = apps::list(tx, user)?.is_empty();
            if last {
                backup_codes::remove_all(tx, &authority)?;
            }
            let (holder, keep) = (authority.user(), authority.session());
            ended_sessions::note_others(tx, holder, keep, EndReason::SecondStep, now)?;
            let ended = end_the_rest(tx, &authority)?;
            let detail = Detail { text: Some(name.clone()), count: Some(ended.into()), ..Detail::default() };
            activity::record(tx, user, EventKind::AppRemoved, detail, origin.clone(), now)?;
            letter::tell(tx, user, Notice::AppRemoved { app: name, last }, &origin, now)?;
            Ok(Some(Removed { ended, last }))
        })
        .await?;
    s.ring();
    Ok(removed)
}

/// Whoever else is in the account, or half in, is out.
pub(crate) fn end_the_rest(tx: &mut Tx<'_>, authority: &CredentialAuthority) -> StoreResult<u32> {
    challenges::end_of_user(tx, authority.user())?;
    application_challenges::end_others(tx, authority.user(), authority.session())?;
    sessions::end_others(tx, authority.user(), authority.session())
}

fn secret_of(bytes: &[u8]) -> StoreResult<Secret> {
    Secret::from_bytes(bytes).map_err(|_| StoreError::Corrupt("enrolments.secret"))
}
