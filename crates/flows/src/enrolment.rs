//! Setting up an authenticator app: begin, look, confirm, remove.

use crate::{Fault, Recorder, Services, activity, backup_codes::Fresh, letter};
use countersign_core::{
    Timestamp,
    ambient::random,
    authority::CredentialAuthority,
    enrolment::Pending,
    event::{Detail, EventKind, Origin},
    ids::{AuthenticatorId, EnrolmentId},
    message::Notice,
    session::OwnSession,
    text::{TextError, short_text},
};
use countersign_otp::{Code, CodeError, Digits, OtpauthUri, Secret, Totp, Window};
use countersign_store::{
    StoreError, StoreResult, Tx, application_challenges, apps, backup_codes, challenges, enrolments,
    sessions,
    users::{self, User},
};

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
        /// It is the account's first: ten backup codes were made.
        first: bool,
    },
    /// There is nothing to confirm: never begun here, or over.
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

/// An app was removed.
#[derive(Debug)]
pub struct Removed {
    /// How many other sessions were ended.
    pub ended: u32,
    /// It was the last one: the backup codes are worthless now.
    pub last: bool,
}

/// Begins an enrolment for this session: 160 random bits (RFC 4226 §4, R6). What works goes on working. In a session that
/// has ended meanwhile nothing begins.
pub async fn begin(s: &Services, authority: CredentialAuthority) -> Result<(), Fault> {
    begin_recorded(s, authority, Recorder::unkept()).await.map(drop)
}

/// The same, with what the set-up page shows; `None` where nothing began.
pub(crate) async fn begin_recorded<A: Send + 'static>(
    s: &Services,
    authority: CredentialAuthority,
    recorder: Recorder<Option<PendingView>, A>,
) -> Result<A, Fault> {
    let now = s.now();
    let secret = zeroize::Zeroizing::new(random::<{ Secret::RECOMMENDED_BYTES }>(&*s.entropy));
    let id = EnrolmentId::generate(now, &*s.entropy);
    let expires_at = now.plus(s.rules.enrolment_lifetime);
    let service_name = s.rules.service_name.clone();
    recorder
        .write(s, move |tx| {
            users::take_turn(tx, authority.user())?;
            if !crate::sessions::still_lives(tx, &authority, now)? {
                return Ok(None);
            }
            enrolments::begin(tx, &authority, id, secret.as_slice(), expires_at)?;
            sessions::keep_held(tx, &authority, expires_at)?;
            let Some(account) = users::by_id(tx, authority.user())? else { return Ok(None) };
            let issuer = letter::application_name(tx, &account)?.unwrap_or(service_name);
            view(id, secret.as_slice(), expires_at, &account, &issuer).map(Some)
        })
        .await
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
    let (id, expires_at) = (pending.record().id, pending.record().expires_at);
    // People know the application and not this server: its name stands in their app.
    let issuer = application.unwrap_or_else(|| s.rules.service_name.clone());
    Ok(Some(view(id, &secret, expires_at, &account, &issuer)?))
}

fn view(
    id: EnrolmentId,
    secret: &[u8],
    expires_at: Timestamp,
    account: &User,
    issuer: &str,
) -> StoreResult<PendingView> {
    let secret = secret_of(secret)?;
    let (key_grouped, key_plain) = (secret.grouped(), secret.to_base32());
    // An issuer has no colon.
    let uri = OtpauthUri::new(&issuer.replace(':', " "), account.email.as_str(), Totp::standard(secret))
        .map_err(|e| StoreError::Refused(e.to_string()))?
        .to_string();
    Ok(PendingView { id, uri, key_grouped, key_plain, account: account.email.to_string(), expires_at })
}

/// Forgets this session's pending enrolment.
pub async fn cancel(s: &Services, session: &OwnSession) -> Result<(), Fault> {
    let id = session.id();
    s.store.write(move |tx| enrolments::cancel(tx, id)).await.map_err(Into::into)
}

/// Makes the pending enrolment an active app, if the code is right. Its time step is spent at once, the account's other
/// sessions and waiting sign-ins end, and the first app brings ten backup codes.
pub async fn confirm(
    s: &Services,
    session: &OwnSession,
    code: &str,
    name: &str,
    origin: &Origin,
) -> Result<ConfirmOutcome, Fault> {
    confirm_with(s, session, code, name, origin, |_, _| Ok(true), Recorder::unkept()).await
}

/// The same, and `answers` in the same write: what the set-up is also the answer to. Where that says `false`, there is
/// nothing left to answer, and nothing was set up.
pub(crate) async fn confirm_with<A: Send + 'static>(
    s: &Services,
    session: &OwnSession,
    code: &str,
    name: &str,
    origin: &Origin,
    answers: impl FnOnce(&mut Tx<'_>, Timestamp) -> StoreResult<bool> + Send + 'static,
    recorder: Recorder<ConfirmOutcome, A>,
) -> Result<A, Fault> {
    let (now, id, user) = (s.now(), session.id(), session.user());
    let (found, before) =
        s.store.read(move |tx| Ok((enrolments::of_session(tx, id)?, apps::list(tx, user)?))).await?;
    let found = found.and_then(|(record, secret)| Some((Pending::restore(record, session, now)?, secret)));
    let Some((pending, secret)) = found else { return recorder.refuse(s, ConfirmOutcome::NotPending).await };
    let name = match short_text(name, NAME_LENGTH) {
        Ok(name) => name,
        Err(error) => return recorder.refuse(s, ConfirmOutcome::Name(error)).await,
    };
    let code = match Code::parse(code, Digits::SIX) {
        Ok(code) => code,
        Err(error) => return recorder.refuse(s, ConfirmOutcome::Code(error)).await,
    };
    let totp = Totp::standard(secret_of(&secret)?);
    let Some(step) = totp.verify(&code, now.unix_seconds(), Window::ONE_EITHER_SIDE) else {
        let offset = totp.search_offset(&code, now.unix_seconds(), CLOCK_REACH);
        let phone_off_by_seconds = offset.map(|offset| offset.seconds());
        return recorder.refuse(s, ConfirmOutcome::Wrong { phone_off_by_seconds }).await;
    };
    let first = before.is_empty();
    let fresh = if first { Some(Fresh::draw(s, user).await?) } else { None };
    let enrolment = pending.record().id;
    let app = AuthenticatorId::from(enrolment);
    let authority = pending.authority();
    let origin = origin.clone();
    let outcome = recorder
        .write(s, move |tx| {
            users::take_turn(tx, user)?;
            if !enrolments::take(tx, &authority, enrolment)? || !answers(tx, now)? {
                return Ok(ConfirmOutcome::NotPending);
            }
            apps::insert(tx, &authority, app, &secret, &name, step, now)?;
            if let Some(fresh) = fresh {
                fresh.store(tx, &authority, &origin, now)?;
            }
            let ended = end_the_rest(tx, &authority)?;
            let detail = Detail { text: Some(name.clone()), count: Some(ended.into()), ..Detail::default() };
            activity::record(tx, user, EventKind::AppAdded, detail, origin.clone(), now)?;
            letter::tell(tx, user, Notice::AppAdded { app: name }, &origin, now)?;
            Ok(ConfirmOutcome::Added { app, ended, first })
        })
        .await?;
    s.ring();
    Ok(outcome)
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
