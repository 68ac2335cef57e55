//! Backup codes at a second step. The selector finds the row, so that an attempt costs one hash and not ten.

use super::{CodeRefusal, Found, claim::Spendable};
use crate::{Fault, Services, hashing::Share};
use countersign_core::ids::UserId;
use countersign_otp::BackupCode;
use countersign_store::backup_codes::{self, Stored};
use zeroize::Zeroizing;

/// A code that is well formed, and the row that its selector finds.
pub(super) struct Typed {
    code: BackupCode,
    stored: Option<Stored>,
    set: Option<String>,
}

/// Parses; a check character that does not fit is a typing error.
pub(super) async fn read(s: &Services, user: UserId, raw: &str) -> Result<Result<Typed, CodeRefusal>, Fault> {
    let code = match BackupCode::parse(raw) {
        Ok(code) => code,
        Err(error) => return Ok(Err(error.into())),
    };
    let selector = code.selector().to_owned();
    let (stored, set) = s
        .store
        .read(move |tx| {
            Ok((backup_codes::by_selector(tx, user, &selector)?, backup_codes::set_of(tx, user)?))
        })
        .await?;
    Ok(Ok(Typed { code, stored, set: set.map(|set| set.to_string()) }))
}

/// One hash, one comparison.
pub(super) async fn compare(s: &Services, share: Share, typed: Typed) -> Result<(Found, Vec<String>), Fault> {
    let authenticators: Vec<String> = typed.set.into_iter().collect();
    let Some(stored) = typed.stored else { return Ok((Found::Wrong, authenticators)) };
    let secret = Zeroizing::new(typed.code.secret().to_owned());
    let hashes = s.hashing.derive(share, vec![(secret, stored.salt.clone())]).await?;
    let Some(hash) = hashes.into_iter().next() else { return Ok((Found::Wrong, authenticators)) };
    let (id, used) = (stored.id, stored.used);
    let matched = s.store.read(move |tx| backup_codes::matches(tx, &stored, &hash)).await?;
    let found = match (matched, used) {
        (true, false) => Found::Claim(Spendable::BackupCode(id)),
        (true, true) => Found::Spent,
        (false, _) => Found::Wrong,
    };
    Ok((found, authenticators))
}
