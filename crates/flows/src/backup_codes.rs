//! Backup codes: made, shown once, counted.

use crate::{Fault, Recorder, Services, activity, hashing::Share, letter, sessions};
use countersign_core::{
    Timestamp,
    ambient::random,
    authority::CredentialAuthority,
    event::{Detail, EventKind, Origin},
    ids::{BackupCodeId, BackupCodeSetId, UserId},
    message::Notice,
    session::OwnSession,
};
use countersign_otp::BackupCode;
use countersign_store::{
    StoreResult, Tx, apps,
    backup_codes::{self, NewCode},
    users,
};
use std::time::Duration;
use zeroize::Zeroizing;

/// How many there are in a set.
pub const SET: usize = 10;

/// How long the page that shows them may take to be opened.
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

    /// Replaces whatever codes there were, and puts the new ones where their page finds them, once.
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

/// The ten codes, the first time this is asked after they were made, by the session that made them.
pub async fn reveal(s: &Services, session: &OwnSession) -> Result<Option<Vec<String>>, Fault> {
    let (now, id, user) = (s.now(), session.id(), session.user());
    s.store.write(move |tx| backup_codes::take_reveal(tx, id, user, now)).await.map_err(Into::into)
}

/// How many are left; `None` where there were never any.
pub async fn left(s: &Services, session: &OwnSession) -> Result<Option<u32>, Fault> {
    let user = session.user();
    s.store.read(move |tx| backup_codes::left(tx, user)).await.map_err(Into::into)
}
