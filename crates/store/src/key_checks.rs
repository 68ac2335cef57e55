//! Which keys this database was written with, so that a lost or exchanged key file is noticed at the start and not by the
//! first person whose code is refused.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
};

sql! {
    ALL = "SELECT key_id, mac FROM key_checks";
    INSERT = "INSERT INTO key_checks (key_id, mac) VALUES ($1, $2) ON CONFLICT (key_id) DO NOTHING";
}

/// What is authenticated; its MAC tells one key from another and nothing else.
const PARTS: [&[u8]; 1] = [b"key-check"];

/// Refuses a key file of which no key is known here, or one whose key has the name of another; and a new database for keys that
/// belong to an old one, or the other way round. Remembers the current key.
pub(crate) fn run(tx: &mut Tx<'_>) -> StoreResult<()> {
    let mut known = 0;
    let mut recognised = false;
    for mut row in tx.rows(ALL, &[])? {
        known += 1;
        let (key_id, mac) = (row.text()?, row.bytes()?);
        match tx.keyring.mac_matches(&key_id, &PARTS, &mac) {
            Ok(true) => recognised = true,
            Ok(false) => return Err(StoreError::WrongKeys),
            // A key that has been taken out of the file.
            Err(_) => {}
        }
    }
    if known > 0 && !recognised {
        return Err(StoreError::WrongKeys);
    }
    // Every database that has been opened once has a row here.
    if known == 0 && !tx.keyring.may_be_new() {
        return Err(StoreError::Missing);
    }
    if known > 0 && !tx.keyring.may_be_there() {
        return Err(StoreError::AlreadyThere);
    }
    let (mac, key_id) = tx.keyring.mac(&PARTS);
    tx.execute(INSERT, values![key_id, &mac]).map(drop)
}
