//! Backup codes: created, shown for five minutes, saved, counted (decision 0033).

use crate::{Fault, Recorder, Services, activity, hashing::Share, letter, sessions};
use countersign_core::{
    Timestamp,
    ambient::random,
    authority::CredentialAuthority,
    event::{Detail, EventKind, Origin},
    ids::{BackupCodeId, BackupCodeSetId, SessionId, UserId},
    message::Notice,
    session::OwnSession,
};
use countersign_otp::BackupCode;
pub use countersign_store::backup_codes::{Reveal, SetStatus};
use countersign_store::{
    StoreResult, Tx, apps,
    backup_codes::{self, NewCode},
    users,
};
use std::time::Duration;
use zeroize::Zeroizing;

/// How many there are in a set.
pub const SET: usize = 10;

/// For how long the session that generated them can see them.
const REVEAL: Duration = Duration::from_secs(5 * 60);

/// Ten new codes, hashed and not yet stored.
pub(crate) struct Fresh {
    set: BackupCodeSetId,
    shown: Vec<String>,
    stored: Vec<NewCode>,
}

impl Fresh {
    /// Draws ten codes and hashes them: ten hashes in one turn on the pool, outside any transaction.
    pub(crate) async fn draw(s: &Services, user: UserId) -> Result<Self, Fault> {
        let (now, entropy) = (s.now(), &*s.entropy);
        let mut codes: Vec<BackupCode> = Vec::with_capacity(SET);
        while codes.len() < SET {
            let code = BackupCode::from_entropy(&random(entropy));
            // The selector finds the row, so no two codes of a set may share one.
            if codes.iter().all(|other| other.selector() != code.selector()) {
                codes.push(code);
            }
        }
        let salts: Vec<[u8; 16]> = codes.iter().map(|_| random(entropy)).collect();
        let inputs = codes
            .iter()
            .zip(&salts)
            .map(|(code, salt)| (Zeroizing::new(code.secret().to_owned()), salt.to_vec()))
            .collect();
        let hashes = s.hashing.derive(Share::account(user), inputs).await?;
        let stored = codes
            .iter()
            .zip(salts)
            .zip(hashes)
            .map(|((code, salt), hash)| NewCode {
                id: BackupCodeId::generate(now, entropy),
                selector: code.selector().to_owned(),
                salt,
                hash,
            })
            .collect();
        let shown = codes.iter().map(ToString::to_string).collect();
        Ok(Self { set: BackupCodeSetId::generate(now, entropy), shown, stored })
    }

    /// Replaces whatever codes there were, and keeps a copy of the new ones for the page that shows them.
    pub(crate) fn store(
        &self,
        tx: &mut Tx<'_>,
        authority: &CredentialAuthority,
        origin: &Origin,
        now: Timestamp,
    ) -> StoreResult<()> {
        backup_codes::replace(tx, authority, self.set, &self.stored, now)?;
        backup_codes::put_reveal(tx, authority, &self.shown, now.plus(REVEAL))?;
        let (user, kind) = (authority.user(), EventKind::BackupCodesMade);
        activity::record(tx, user, kind, Detail::default(), origin.clone(), now)
    }
}

/// Ten new codes; all older ones are worthless. `false` where the account has no app, for which they could stand in, or
/// the session has ended meanwhile.
pub async fn reset(s: &Services, authority: CredentialAuthority, origin: &Origin) -> Result<bool, Fault> {
    reset_recorded(s, authority, origin, Recorder::unkept()).await
}

/// The same, with its response stored in the same write.
pub(crate) async fn reset_recorded<A: Send + 'static>(
    s: &Services,
    authority: CredentialAuthority,
    origin: &Origin,
    recorder: Recorder<bool, A>,
) -> Result<A, Fault> {
    let user = authority.user();
    if s.store.read(move |tx| apps::list(tx, user)).await?.is_empty() {
        return recorder.refuse(s, false).await;
    }
    let fresh = Fresh::draw(s, user).await?;
    let (now, origin) = (s.now(), origin.clone());
    let done = recorder
        .write(s, move |tx| {
            users::take_turn(tx, authority.user())?;
            if !sessions::still_lives(tx, &authority, now)? {
                return Ok(false);
            }
            fresh.store(tx, &authority, &origin, now)?;
            letter::tell(tx, authority.user(), Notice::BackupCodesReset, &origin, now)?;
            Ok(true)
        })
        .await?;
    s.ring();
    Ok(done)
}

/// The account's set, and the codes themselves while this session may see them: it generated them less than five minutes
/// ago. `None` where there is no set.
pub async fn current(
    s: &Services,
    session: &OwnSession,
) -> Result<Option<(SetStatus, Option<Reveal>)>, Fault> {
    let (now, id, user) = (s.now(), session.id(), session.user());
    s.store
        .read(move |tx| {
            let Some(status) = backup_codes::status(tx, user)? else { return Ok(None) };
            Ok(Some((status, backup_codes::reveal(tx, id, user, now)?)))
        })
        .await
        .map_err(Into::into)
}

/// The account holder says that they keep the codes of this set; `false` if newer ones have replaced it, or there is no set.
pub async fn saved(s: &Services, session: &OwnSession, set: BackupCodeSetId) -> Result<bool, Fault> {
    let (now, user) = (s.now(), session.user());
    s.store.write(move |tx| backup_codes::mark_saved(tx, user, set, now)).await.map_err(Into::into)
}

/// The codes for a file, which counts as saving them; `None` if this session can't see them any more.
pub async fn download(s: &Services, session: &OwnSession) -> Result<Option<(SetStatus, Reveal)>, Fault> {
    let (now, id, user) = (s.now(), session.id(), session.user());
    s.store
        .write(move |tx| {
            users::take_turn(tx, user)?;
            let Some(reveal) = backup_codes::reveal(tx, id, user, now)? else { return Ok(None) };
            let Some(status) = backup_codes::status(tx, user)? else { return Ok(None) };
            backup_codes::mark_saved(tx, user, status.set, now)?;
            Ok(Some((status, reveal)))
        })
        .await
        .map_err(Into::into)
}

/// Hands new codes to an application's program, once. What its user does with them is the application's to ask.
pub(crate) fn deliver(
    tx: &mut Tx<'_>,
    session: SessionId,
    user: UserId,
    now: Timestamp,
) -> StoreResult<Option<Vec<String>>> {
    let Some(reveal) = backup_codes::take_reveal(tx, session, user, now)? else { return Ok(None) };
    mark_current_saved(tx, user, now)?;
    Ok(Some(reveal.codes))
}

/// Marks whatever set the account has as saved.
pub(crate) fn mark_current_saved(tx: &mut Tx<'_>, user: UserId, now: Timestamp) -> StoreResult<()> {
    if let Some(set) = backup_codes::set_of(tx, user)? {
        backup_codes::mark_saved(tx, user, set, now)?;
    }
    Ok(())
}
