//! A type for every identifier, so that a session's id cannot be passed where a user's is asked for.
//!
//! All are UUIDs version 7 (RFC 9562 §5.7): sortable by time of creation, unguessable enough to be named in a URL, and
//! never a secret: every look-up by id is also bounded by the account that may see it.

use crate::ambient::{Entropy, Timestamp, random};
use std::{fmt, str::FromStr};

/// A text that is not an identifier.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an identifier")]
pub struct NotAnId;

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new identifier, made at `now`.
            pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Self {
                let millis = u64::try_from(now.millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random(entropy)).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            /// Reads the one form that [`Display`](fmt::Display) writes: lower case, hyphenated.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let id = Self(uuid::Uuid::try_parse(text).map_err(|_| NotAnId)?);
                if id.to_string() == text { Ok(id) } else { Err(NotAnId) }
            }
        }
    )*};
}

typed_ids! {
    /// An account holder.
    UserId;
    /// A customer of the application: a team with members.
    OrganizationId;
    /// A registered app, phone or other authenticator of one user.
    AuthenticatorId;
    /// A pending enrolment of an authenticator app.
    EnrolmentId;
    /// One set of ten backup codes.
    BackupCodeSetId;
    /// One backup code.
    BackupCodeId;
    /// A form that waits until the account holder has confirmed who they are.
    PendingFormId;
    /// A session, as it is named to people; its handle is something else, and secret.
    SessionId;
    /// A sign-in that has passed the password and waits for the second step.
    ChallengeId;
    /// One code sent by e-mail or SMS.
    SentCodeId;
    /// An entry of an account's activity.
    EventId;
    /// A message waiting to be delivered.
    MessageId;
    /// An application that uses this server. As an OpenID Connect client it is its `client_id`.
    ApplicationId;
    /// An API key, as it is named to people; the key itself is something else, and secret.
    ApiKeyId;
    /// A second step that an application has asked for.
    ApplicationChallengeId;
    /// What an application was granted at one sign-in of one person.
    GrantId;
}

impl From<EnrolmentId> for AuthenticatorId {
    /// An app keeps the name under which its enrolment was pending: whoever has noted that one can go on with it.
    fn from(enrolment: EnrolmentId) -> Self {
        Self(enrolment.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::testing::Fill;

    #[test]
    fn an_id_reads_back_in_its_one_form_only() {
        let id = UserId::generate(Timestamp::from_millis(1_700_000_000_000), &Fill(7));
        let text = id.to_string();
        assert_eq!(text.parse::<UserId>(), Ok(id));
        assert_eq!(text.to_uppercase().parse::<UserId>(), Err(NotAnId));
        assert_eq!(text.replace('-', "").parse::<UserId>(), Err(NotAnId));
        assert_eq!("".parse::<UserId>(), Err(NotAnId));
    }
}
