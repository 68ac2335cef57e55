//! What an account has of every kind of second step.

use crate::{Tx, apps, backup_codes, error::StoreResult, failures, phones, users::User};
use countersign_core::second_step::{Method, SecondSteps, Standing};

/// What the account has, and what of it works. Every account has its e-mail address.
pub fn of(tx: &mut Tx<'_>, user: &User) -> StoreResult<SecondSteps> {
    let disabled = failures::disabled(tx, user.id)?;
    let standing = |method: Method, authenticator: &str| {
        if disabled.iter().any(|(m, name)| *m == method && name == authenticator) {
            Standing::Disabled
        } else {
            Standing::Ready
        }
    };
    let apps = apps::list(tx, user.id)?;
    let app = match apps.as_slice() {
        [] => Standing::Absent,
        some if some.iter().all(|app| app.disabled) => Standing::Disabled,
        _ => Standing::Ready,
    };
    let phone = phones::of_user(tx, user.id)?;
    let sms = phone.map_or(Standing::Absent, |phone| standing(Method::Sms, &phone.id.to_string()));
    let unspent = backup_codes::left(tx, user.id)?.is_some_and(|left| left > 0);
    let set = backup_codes::set_of(tx, user.id)?.filter(|_| unspent);
    let backup_code = set.map_or(Standing::Absent, |set| standing(Method::BackupCode, &set.to_string()));
    let email = standing(Method::Email, user.email.as_str());
    Ok(SecondSteps { app, sms, email, backup_code, password_by_link: user.password_by_link_at.is_some() })
}
