//! Authorization codes: good once, for a minute.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
    grants::Spent,
};
use countersign_core::{Timestamp, ids::GrantId, oauth::CodeChallenge, secret::StoredHandle};

sql! {
    INSERT = "INSERT INTO authorization_codes (handle, grant_id, redirect_uri, code_challenge, nonce, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    FIND = "SELECT grant_id, redirect_uri, code_challenge, nonce, used_at FROM authorization_codes WHERE handle = $1";
    CLAIM = "UPDATE authorization_codes SET used_at = $1 \
        WHERE handle = $2 AND used_at IS NULL AND expires_at > $1 RETURNING grant_id";
}

/// A code as it is stored.
#[derive(Clone, Debug)]
pub struct AuthorizationCode {
    /// What it buys.
    pub grant: GrantId,
    /// The address to which it was sent.
    pub redirect_uri: String,
    /// The PKCE challenge.
    pub challenge: CodeChallenge,
    /// The `nonce` for the ID token.
    pub nonce: Option<String>,
}

/// Stores a code.
pub fn insert(
    tx: &mut Tx<'_>,
    handle: &StoredHandle,
    code: &AuthorizationCode,
    expires_at: Timestamp,
) -> StoreResult<()> {
    let params = values![
        handle,
        code.grant,
        &code.redirect_uri,
        code.challenge.as_bytes(),
        code.nonce.as_ref(),
        expires_at,
    ];
    tx.execute(INSERT, params).map(drop)
}

/// The code of a handle, and whether it is used already.
pub fn find(tx: &mut Tx<'_>, handle: &StoredHandle) -> StoreResult<Option<(AuthorizationCode, bool)>> {
    let Some(mut row) = tx.row(FIND, values![handle])? else { return Ok(None) };
    let (grant, redirect_uri, challenge) = (row.parsed()?, row.text()?, row.bytes()?);
    let challenge: [u8; 32] =
        challenge.try_into().map_err(|_| StoreError::Corrupt("authorization_codes.code_challenge"))?;
    let challenge = CodeChallenge::from_bytes(challenge);
    let code = AuthorizationCode { grant, redirect_uri, challenge, nonce: row.maybe_text()? };
    Ok(Some((code, row.maybe_time()?.is_some())))
}

/// Spends a code, once; `None` if it is used or too old.
pub fn claim(tx: &mut Tx<'_>, handle: &StoredHandle, now: Timestamp) -> StoreResult<Option<Spent>> {
    let grant = tx.row(CLAIM, values![now, handle])?.map(|mut row| row.parsed()).transpose()?;
    Ok(grant.map(Spent::of))
}
