//! The second step: which kinds there are, which an account has, and which it may use.

use crate::assurance::{PasswordOrigin, assurance};
use crate::ids::UserId;
use crate::site_access::Level;
use std::{fmt, str::FromStr};

/// A kind of second step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A code from an authenticator app (TOTP, RFC 6238).
    App,
    /// A code sent by SMS.
    Sms,
    /// A code sent by e-mail.
    Email,
    /// One of the ten backup codes.
    BackupCode,
}

impl Method {
    /// All kinds, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::App, Self::Sms, Self::Email, Self::BackupCode];

    /// The word for forms, addresses, the configuration and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::BackupCode => "backup-code",
        }
    }

    /// Whether a code of this kind has to be sent before it can be typed.
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Sms | Self::Email)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether so few backup codes are left that their holder is told to make new ones: before they are gone, and not at every
/// use.
pub fn few_backup_codes(left: u32) -> bool {
    left <= 3
}

/// A text that names no kind of second step.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of second step")]
pub struct NotAMethod;

impl FromStr for Method {
    type Err = NotAMethod;

    fn from_str(text: &str) -> Result<Self, NotAMethod> {
        Self::ALL.into_iter().find(|m| m.as_str() == text).ok_or(NotAMethod)
    }
}

/// What an account has of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    #[default]
    Absent,
    /// Something that works.
    Ready,
    /// Only what too many wrong codes in a row have disabled until it is enrolled again
    /// (NIST SP 800-63B-4 §3.2.2: no more than 100 consecutive failed attempts).
    Disabled,
}

/// What an account has of every kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecondSteps {
    /// Authenticator apps.
    pub app: Standing,
    /// A confirmed phone.
    pub sms: Standing,
    /// The e-mail address.
    pub email: Standing,
    /// Unused backup codes.
    pub backup_code: Standing,
    /// The password was last set by a link to the mailbox, and nothing but the mailbox has vouched for the account holder
    /// since.
    pub password_by_link: bool,
}

impl SecondSteps {
    /// What the account has of `method`. Backup codes stand in for an app: without one they are worthless.
    pub fn standing(&self, method: Method) -> Standing {
        match method {
            Method::App => self.app,
            Method::Sms => self.sms,
            Method::Email => self.email,
            Method::BackupCode if self.app == Standing::Absent => Standing::Absent,
            Method::BackupCode => self.backup_code,
        }
    }

    /// The kinds that may be used now, the one to offer first in front: those that the account has, that work, and that
    /// the policy (`allowed`) permits.
    ///
    /// A link to the mailbox that set the password and a code to the same mailbox are one factor, not two. So after such
    /// a reset e-mail is off where the account has another way that works, until that one has been used.
    pub fn usable(&self, allowed: &[Method]) -> Vec<Method> {
        let works = |m: &Method| allowed.contains(m) && self.standing(*m) == Standing::Ready;
        let mut usable: Vec<Method> = Method::ALL.into_iter().filter(works).collect();
        if self.password_by_link && usable.len() > 1 {
            usable.retain(|m| *m != Method::Email);
        }
        usable
    }

    /// Whether a second step is due at all. It is, as soon as the account has one of any permitted kind, *even if it
    /// no longer works*: a disabled authenticator must never let a password suffice.
    pub fn is_due(&self, allowed: &[Method]) -> bool {
        Method::ALL.into_iter().any(|m| allowed.contains(&m) && self.standing(m) != Standing::Absent)
    }

    /// The kinds that a step-up takes: those that a sign-in would take, and of these only the ones that reach `wanted`,
    /// where the account has any. (A demand that none can reach is refused before; what is offered then is for others.)
    pub fn usable_for(&self, allowed: &[Method], wanted: Level) -> Vec<Method> {
        let usable = self.usable(allowed);
        let reaching: Vec<Method> =
            usable.iter().copied().filter(|m| self.level_with(*m) >= wanted).collect();
        if reaching.is_empty() { usable } else { reaching }
    }

    /// Whether some kind that may be used now reaches `wanted`, together with the password.
    pub fn can_reach(&self, allowed: &[Method], wanted: Level) -> bool {
        self.usable(allowed).into_iter().any(|method| self.level_with(method) >= wanted)
    }

    /// How the password was set.
    pub fn password(&self) -> PasswordOrigin {
        PasswordOrigin::from_flag(self.password_by_link)
    }

    fn level_with(&self, method: Method) -> Level {
        assurance(self.password(), Some(method)).level()
    }
}

/// Evidence that a code of one account was right *and has been spent by this very transaction*: made by the store's
/// claims, consumed by the step that it buys. Not `Clone`: one code is worth one thing.
#[derive(Debug)]
pub struct Evidence {
    user: UserId,
    method: Method,
}

impl Evidence {
    /// For the store alone, after its conditional write changed exactly one row.
    pub fn of_claim(user: UserId, method: Method) -> Self {
        Self { user, method }
    }

    /// Whose code it was.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Which kind of code it was.
    pub fn method(&self) -> Method {
        self.method
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::{Absent, Disabled, Ready};

    #[test]
    fn the_app_comes_first_where_it_is_set_up() {
        let steps =
            SecondSteps { app: Ready, sms: Ready, email: Ready, backup_code: Ready, password_by_link: false };
        assert_eq!(steps.usable(&Method::ALL), Method::ALL);
        assert_eq!(steps.usable(&[Method::Email]), [Method::Email]);
    }

    #[test]
    fn one_mailbox_is_not_two_factors() {
        let reset =
            SecondSteps { app: Ready, email: Ready, password_by_link: true, ..SecondSteps::default() };
        assert_eq!(reset.usable(&Method::ALL), [Method::App]);
        // Where there is no other way that works, or none is permitted, the mailbox is all there is.
        assert_eq!(SecondSteps { app: Disabled, ..reset }.usable(&Method::ALL), [Method::Email]);
        assert_eq!(reset.usable(&[Method::Email]), [Method::Email]);
    }

    #[test]
    fn backup_codes_are_worthless_without_an_app() {
        let steps = SecondSteps { email: Ready, backup_code: Ready, ..SecondSteps::default() };
        assert_eq!(steps.usable(&Method::ALL), [Method::Email]);
    }

    #[test]
    fn a_disabled_authenticator_still_demands_a_second_step() {
        let steps = SecondSteps { app: Disabled, email: Ready, ..SecondSteps::default() };
        assert_eq!(steps.usable(&[Method::App]), []);
        assert!(steps.is_due(&[Method::App]));
        assert!(!SecondSteps { app: Absent, email: Ready, ..SecondSteps::default() }.is_due(&[Method::App]));
    }

    #[test]
    fn a_step_up_takes_what_a_sign_in_would_and_only_what_is_enough() {
        let all =
            SecondSteps { app: Ready, sms: Ready, email: Ready, backup_code: Ready, password_by_link: false };
        assert_eq!(all.usable_for(&Method::ALL, Level::OneStep), Method::ALL);
        assert_eq!(all.usable_for(&Method::ALL, Level::TwoSteps), Method::ALL);
        let factors = [Method::App, Method::Sms, Method::BackupCode];
        assert_eq!(all.usable_for(&Method::ALL, Level::TwoFactor), factors);
        assert!(all.can_reach(&Method::ALL, Level::TwoFactor));
        let mail = SecondSteps { email: Ready, ..SecondSteps::default() };
        assert!(mail.can_reach(&Method::ALL, Level::TwoSteps));
        assert!(!mail.can_reach(&Method::ALL, Level::TwoFactor));
        let reset = SecondSteps { password_by_link: true, ..mail };
        assert!(!reset.can_reach(&Method::ALL, Level::TwoSteps), "one mailbox is one step");
        assert!(reset.can_reach(&Method::ALL, Level::OneStep));
        assert_eq!(reset.usable_for(&Method::ALL, Level::TwoSteps), [Method::Email]);
    }

    #[test]
    fn words_read_back() {
        for method in Method::ALL {
            assert_eq!(method.as_str().parse(), Ok(method));
        }
        assert_eq!("App".parse::<Method>(), Err(NotAMethod));
    }
}
