//! Signed assertions by which clients have shown who they are: each counts once (RFC 7523 §3, item 7).

use crate::{Tx, error::StoreResult};
use countersign_core::{Timestamp, ids::ApplicationId};

sql! {
    CLAIM = "INSERT INTO client_assertions (application_id, jti, expires_at) VALUES ($1, $2, $3) \
        ON CONFLICT (application_id, jti) DO NOTHING";
}

/// Spends the assertion with this `jti` (its SHA-256), once; `false` if it was shown before.
pub fn claim(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    jti: &[u8; 32],
    expires_at: Timestamp,
) -> StoreResult<bool> {
    tx.changes_one(CLAIM, values![application, jti, expires_at])
}
