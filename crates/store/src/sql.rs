//! SQL texts, values and rows: the little that both engines have in common.

use crate::error::{StoreError, StoreResult};
use countersign_core::{
    Timestamp,
    application::{AddressKind, ClientAuth, Scopes, SigningAlgorithm},
    budget::Scope,
    email::EmailAddress,
    event::EventKind,
    ids::{
        ApiKeyId, ApplicationChallengeId, ApplicationId, AuthenticatorId, BackupCodeId, BackupCodeSetId,
        ChallengeId, EnrolmentId, EventId, GrantId, MessageId, OrganizationId, SentCodeId, SessionId, UserId,
    },
    message::Channel,
    role::Role,
    second_step::Method,
    secret::StoredHandle,
};
use countersign_otp::TimeStep;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut};

/// Declares a file's statements, and lists them for the test that prepares each on both engines.
macro_rules! sql {
    ($($name:ident = $text:expr;)*) => {
        $(const $name: &str = $text;)*
        /// Every statement of this file, by name.
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name),)*];
    };
}

/// Every statement of every table's file: the file, the name, the text.
pub fn all_statements() -> Vec<(&'static str, &'static str, &'static str)> {
    let files: &[(&str, &[(&str, &str)])] = &[
        ("access_tokens", crate::access_tokens::STATEMENTS),
        ("api_keys", crate::api_keys::STATEMENTS),
        ("application_challenges", crate::application_challenges::STATEMENTS),
        ("application_users", crate::application_users::STATEMENTS),
        ("application_reveals", crate::application_reveals::STATEMENTS),
        ("applications", crate::applications::STATEMENTS),
        ("apps", crate::apps::STATEMENTS),
        ("authorization_codes", crate::authorization_codes::STATEMENTS),
        ("backup_codes", crate::backup_codes::STATEMENTS),
        ("browser_links", crate::browser_links::STATEMENTS),
        ("budgets", crate::budgets::STATEMENTS),
        ("challenges", crate::challenges::STATEMENTS),
        ("client_assertions", crate::client_assertions::STATEMENTS),
        ("confirmed_browsers", crate::confirmed_browsers::STATEMENTS),
        ("consents", crate::consents::STATEMENTS),
        ("ended_sessions", crate::ended_sessions::STATEMENTS),
        ("enrolments", crate::enrolments::STATEMENTS),
        ("events", crate::events::STATEMENTS),
        ("failures", crate::failures::STATEMENTS),
        ("grants", crate::grants::STATEMENTS),
        ("housekeeping", crate::housekeeping::STATEMENTS),
        ("idempotency_keys", crate::idempotency_keys::STATEMENTS),
        ("key_checks", crate::key_checks::STATEMENTS),
        ("known_browsers", crate::known_browsers::STATEMENTS),
        ("members", crate::members::STATEMENTS),
        ("outbox", crate::outbox::STATEMENTS),
        ("password_resets", crate::password_resets::STATEMENTS),
        ("phones", crate::phones::STATEMENTS),
        ("readiness", crate::readiness::STATEMENTS),
        ("refresh_tokens", crate::refresh_tokens::STATEMENTS),
        ("sent_codes", crate::sent_codes::STATEMENTS),
        ("sessions", crate::sessions::STATEMENTS),
        ("sites", crate::sites::STATEMENTS),
        ("signing_keys", crate::signing_keys::STATEMENTS),
        ("throttles", crate::throttles::STATEMENTS),
        ("users", crate::users::STATEMENTS),
    ];
    files.iter().flat_map(|(file, list)| list.iter().map(|(name, text)| (*file, *name, *text))).collect()
}

/// A value in a row or a parameter: the portable types.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

macro_rules! into_value {
    ($($type:ty => |$v:ident| $value:expr;)*) => {
        $(impl From<$type> for Value { fn from($v: $type) -> Self { $value } })*
    };
}

into_value! {
    i64 => |v| Value::Int(v);
    u32 => |v| Value::Int(v.into());
    Timestamp => |v| Value::Int(v.millis());
    &str => |v| Value::Text(v.to_owned());
    String => |v| Value::Text(v);
    &String => |v| Value::Text(v.clone());
    Vec<u8> => |v| Value::Bytes(v);
    &[u8] => |v| Value::Bytes(v.to_vec());
    &[u8; 16] => |v| Value::Bytes(v.to_vec());
    &[u8; 32] => |v| Value::Bytes(v.to_vec());
    &StoredHandle => |v| Value::Bytes(v.as_bytes().to_vec());
    &EmailAddress => |v| Value::Text(v.as_str().to_owned());
    Method => |v| Value::Text(v.as_str().to_owned());
    Role => |v| Value::Text(v.as_str().to_owned());
    EventKind => |v| Value::Text(v.as_str().to_owned());
    Channel => |v| Value::Text(v.as_str().to_owned());
    Scope => |v| Value::Text(v.as_str().to_owned());
    TimeStep => |v| Value::Int(i64::try_from(v.get()).unwrap_or(i64::MAX));
    UserId => |v| Value::Text(v.to_string());
    OrganizationId => |v| Value::Text(v.to_string());
    AuthenticatorId => |v| Value::Text(v.to_string());
    EnrolmentId => |v| Value::Text(v.to_string());
    BackupCodeSetId => |v| Value::Text(v.to_string());
    BackupCodeId => |v| Value::Text(v.to_string());
    SessionId => |v| Value::Text(v.to_string());
    ChallengeId => |v| Value::Text(v.to_string());
    SentCodeId => |v| Value::Text(v.to_string());
    EventId => |v| Value::Text(v.to_string());
    MessageId => |v| Value::Text(v.to_string());
    ApplicationId => |v| Value::Text(v.to_string());
    ApiKeyId => |v| Value::Text(v.to_string());
    ApplicationChallengeId => |v| Value::Text(v.to_string());
    GrantId => |v| Value::Text(v.to_string());
    AddressKind => |v| Value::Text(v.as_str().to_owned());
    ClientAuth => |v| Value::Text(v.as_str().to_owned());
    SigningAlgorithm => |v| Value::Text(v.as_str().to_owned());
    &Scopes => |v| Value::Text(v.to_string());
    bool => |v| Value::Int(v.into());
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Parameters, each turned into a [`Value`].
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$(crate::sql::Value::from($value)),*] };
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(v) => ValueRef::Integer(*v),
            Self::Text(v) => ValueRef::Text(v.as_bytes()),
            Self::Bytes(v) => ValueRef::Blob(v),
        }))
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(v) => v.to_sql(ty, out),
            Self::Text(v) => v.to_sql(ty, out),
            Self::Bytes(v) => v.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA, Type::VARCHAR].contains(ty)
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A row, read column by column from the left.
#[derive(Debug)]
pub(crate) struct Row {
    what: &'static str,
    values: std::vec::IntoIter<Value>,
}

impl Row {
    pub(crate) fn new(what: &'static str, values: Vec<Value>) -> Self {
        Self { what, values: values.into_iter() }
    }

    fn corrupt<T>(&self) -> StoreResult<T> {
        Err(StoreError::Corrupt(self.what))
    }

    pub(crate) fn int(&mut self) -> StoreResult<i64> {
        match self.values.next() {
            Some(Value::Int(v)) => Ok(v),
            _ => self.corrupt(),
        }
    }

    pub(crate) fn count(&mut self) -> StoreResult<u32> {
        u32::try_from(self.int()?).or_else(|_| self.corrupt())
    }

    pub(crate) fn step(&mut self) -> StoreResult<TimeStep> {
        u64::try_from(self.int()?).map(TimeStep::new).or_else(|_| self.corrupt())
    }

    pub(crate) fn time(&mut self) -> StoreResult<Timestamp> {
        self.int().map(Timestamp::from_millis)
    }

    pub(crate) fn maybe_time(&mut self) -> StoreResult<Option<Timestamp>> {
        match self.values.next() {
            Some(Value::Int(v)) => Ok(Some(Timestamp::from_millis(v))),
            Some(Value::Null) => Ok(None),
            _ => self.corrupt(),
        }
    }

    pub(crate) fn text(&mut self) -> StoreResult<String> {
        match self.values.next() {
            Some(Value::Text(v)) => Ok(v),
            _ => self.corrupt(),
        }
    }

    pub(crate) fn maybe_text(&mut self) -> StoreResult<Option<String>> {
        match self.values.next() {
            Some(Value::Text(v)) => Ok(Some(v)),
            Some(Value::Null) => Ok(None),
            _ => self.corrupt(),
        }
    }

    pub(crate) fn bytes(&mut self) -> StoreResult<Vec<u8>> {
        match self.values.next() {
            Some(Value::Bytes(v)) => Ok(v),
            _ => self.corrupt(),
        }
    }

    pub(crate) fn maybe_handle(&mut self) -> StoreResult<Option<StoredHandle>> {
        match self.values.next() {
            Some(Value::Bytes(v)) => {
                v.try_into().map(|bytes| Some(StoredHandle::from_bytes(bytes))).or_else(|_| self.corrupt())
            }
            Some(Value::Null) => Ok(None),
            _ => self.corrupt(),
        }
    }

    pub(crate) fn flag(&mut self) -> StoreResult<bool> {
        match self.int()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.corrupt(),
        }
    }

    /// A text that has a type of its own: an id, a role, a method.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self) -> StoreResult<T> {
        let text = self.text()?;
        text.parse().or_else(|_| self.corrupt())
    }

    /// The same, where there may be none.
    pub(crate) fn maybe_parsed<T: std::str::FromStr>(&mut self) -> StoreResult<Option<T>> {
        match self.maybe_text()? {
            Some(text) => text.parse().map(Some).or_else(|_| self.corrupt()),
            None => Ok(None),
        }
    }
}
