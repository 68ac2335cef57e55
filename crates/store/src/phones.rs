//! Confirmed phones, one a user at most.

use crate::{Tx, error::StoreResult, failures};
use countersign_core::{
    Timestamp,
    authority::{CredentialAuthority, OperatorAuthority},
    ids::{AuthenticatorId, UserId},
    second_step::Method,
};

sql! {
    OF_USER = "SELECT id, number, confirmed_at FROM phones WHERE user_id = $1";
    SET = "INSERT INTO phones (id, user_id, number, confirmed_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, number = excluded.number, \
        confirmed_at = excluded.confirmed_at";
    REMOVE = "DELETE FROM phones WHERE user_id = $1";
}

/// A confirmed phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Its id; another number is another phone.
    pub id: AuthenticatorId,
    /// Its number, in E.164 form.
    pub number: String,
    /// When its holder typed the code that was sent to it.
    pub confirmed_at: Timestamp,
}

/// The user's phone.
pub fn of_user(tx: &mut Tx<'_>, user: UserId) -> StoreResult<Option<Phone>> {
    let Some(mut row) = tx.row(OF_USER, values![user])? else { return Ok(None) };
    Ok(Some(Phone { id: row.parsed()?, number: row.text()?, confirmed_at: row.time()? }))
}

/// Sets the confirmed phone in place of an earlier one, without failures.
pub fn set(
    tx: &mut Tx<'_>,
    authority: &CredentialAuthority,
    id: AuthenticatorId,
    number: &str,
    now: Timestamp,
) -> StoreResult<()> {
    tx.execute(SET, values![id, authority.user(), number, now])?;
    failures::clear_method(tx, authority.user(), Method::Sms)
}

/// Sets the phone of an account that the operator makes, as [`set`] does for its holder.
pub fn set_by_operator(
    tx: &mut Tx<'_>,
    _: &OperatorAuthority,
    user: UserId,
    id: AuthenticatorId,
    number: &str,
    now: Timestamp,
) -> StoreResult<()> {
    tx.execute(SET, values![id, user, number, now])?;
    failures::clear_method(tx, user, Method::Sms)
}

/// Removes the phone and its failures; `false` if there was none.
pub fn remove(tx: &mut Tx<'_>, authority: &CredentialAuthority) -> StoreResult<bool> {
    failures::clear_method(tx, authority.user(), Method::Sms)?;
    tx.changes_one(REMOVE, values![authority.user()])
}

/// Removes the phone of an account, for the operator, as [`remove`] does for its holder.
pub fn remove_by_operator(tx: &mut Tx<'_>, _: &OperatorAuthority, user: UserId) -> StoreResult<bool> {
    failures::clear_method(tx, user, Method::Sms)?;
    tx.changes_one(REMOVE, values![user])
}
