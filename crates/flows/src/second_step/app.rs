//! Codes of authenticator apps (RFC 6238).

use super::{Found, claim::Spendable};
use crate::{Fault, Services};
use countersign_core::ids::UserId;
use countersign_otp::{Code, Secret, Totp, Window};
use countersign_store::{StoreError, apps};

/// Compares with every working app of the account; all of them, whichever matches.
pub(super) async fn compare(s: &Services, user: UserId, code: Code) -> Result<(Found, Vec<String>), Fault> {
    let now = s.now().unix_seconds();
    s.store
        .read(move |tx| {
            let apps = apps::open_all(tx, user)?;
            let mut found = Found::Wrong;
            for app in &apps {
                let secret =
                    Secret::from_bytes(&app.secret).map_err(|_| StoreError::Corrupt("apps.secret"))?;
                // RFC 6238 §5.2: one step either side for transmission delay and drift.
                match Totp::standard(secret).verify(&code, now, Window::ONE_EITHER_SIDE) {
                    Some(step) if step > app.last_step => found = Found::Claim(Spendable::Step(app.id, step)),
                    // Right, and spent: this step or a later one has been accepted (RFC 6238 §5.2, last paragraph).
                    Some(_) if matches!(found, Found::Wrong) => found = Found::Spent,
                    _ => {}
                }
            }
            Ok((found, apps.iter().map(|app| app.id.to_string()).collect()))
        })
        .await
        .map_err(Into::into)
}
