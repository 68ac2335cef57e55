//! A database of one's own on either engine, and people with accounts in it.

use countersign_core::{
    Clock, Entropy, Timestamp,
    authority::{CredentialAuthority, OperatorAuthority},
    email::EmailAddress,
    event::Origin,
    ids::{SessionId, UserId},
    second_step::SecondSteps,
    secret::{PlainHandle, StoredHandle},
    session::{Lifetimes, OwnSession, Session},
    sign_in::{Authenticated, Next, PasswordVerified},
};
use countersign_store::{
    Keyring, Store, StoreResult, Tx, sessions,
    users::{self, NewUser, User},
};
use countersign_testkit::Database;
use rusqlite::types::Value;
use sha2::{Digest as _, Sha256};
use std::{
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use zeroize::Zeroizing;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const LIFETIMES: Lifetimes = Lifetimes { idle: HOUR, absolute: DAY, login_as: HOUR };

/// The moment `by` after [`NOW`].
pub(crate) fn later(by: Duration) -> Timestamp {
    NOW.plus(by)
}

/// Bytes that never repeat, and are the same in every run.
pub(crate) struct Drawn(AtomicU64);

impl Default for Drawn {
    fn default() -> Self {
        Self(AtomicU64::new(1))
    }
}

impl Entropy for Drawn {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let bytes = Sha256::digest(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

pub(crate) struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// A key file with these keys, the current one first.
pub(crate) fn keys(numbers: &[u8]) -> Keyring {
    let keys = numbers.iter().map(|n| (format!("k{n}"), Zeroizing::new([*n; 32]))).collect();
    Keyring::new(keys).unwrap()
}

pub(crate) fn origin() -> Origin {
    Origin { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), user_agent: "Firefox".into() }
}

/// A store over an empty database.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) entropy: Arc<Drawn>,
    place: Place,
}

/// Where a database is.
pub(crate) enum Place {
    Sqlite(TempDir),
    Postgres(Database),
}

/// Runs a test on SQLite, then on PostgreSQL.
pub(crate) async fn on_both(test: impl AsyncFn(World)) {
    test(World::sqlite().await).await;
    test(World::postgres().await).await;
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        Self::over(Place::Sqlite(TempDir::new().unwrap())).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::over(Place::Postgres(Database::create())).await
    }

    /// Runs a test over databases in which other hands have run `script` first, with the words of each engine for
    /// `{int}`, `{bytes}` and `{strict}`.
    pub(crate) async fn on_both_after(script: &str, test: impl AsyncFn(Self)) {
        let words = |[int, bytes, strict]: [&str; 3]| {
            script.replace("{int}", int).replace("{bytes}", bytes).replace("{strict}", strict)
        };
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("countersign.db");
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute_batch(&words(["INTEGER", "BLOB", " STRICT"])).unwrap();
        drop(file);
        test(Self::over(Place::Sqlite(folder)).await).await;
        let database = Database::create();
        database.query(&words(["BIGINT", "BYTEA", ""]));
        test(Self::over(Place::Postgres(database)).await).await;
    }

    async fn over(place: Place) -> Self {
        let entropy = Arc::new(Drawn::default());
        let store = open(&place, keys(&[1]), Arc::clone(&entropy)).await.unwrap();
        Self { store, entropy, place }
    }

    /// Opens the same database once more: a restart, or another node.
    pub(crate) async fn again(&self, keyring: Keyring) -> StoreResult<Store> {
        open(&self.place, keyring, Arc::clone(&self.entropy)).await
    }

    /// A place of the same engine without a database.
    pub(crate) fn elsewhere(&self) -> Place {
        match &self.place {
            Place::Sqlite(_) => Place::Sqlite(TempDir::new().unwrap()),
            Place::Postgres(_) => Place::Postgres(Database::create()),
        }
    }

    /// The same database after a restart.
    pub(crate) async fn reopened(self) -> Self {
        let Self { store, entropy, place } = self;
        drop(store);
        let store = open(&place, keys(&[1]), Arc::clone(&entropy)).await.unwrap();
        Self { store, entropy, place }
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    ) -> T {
        self.store.write(job).await.unwrap()
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    ) -> T {
        self.store.read(job).await.unwrap()
    }

    /// 200 transactions at once; what each answered.
    pub(crate) async fn burst<T, J>(&self, job: impl Fn() -> J) -> Vec<T>
    where
        T: Send + 'static,
        J: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        let all: Vec<_> = (0..200)
            .map(|_| {
                let (store, job) = (self.store.clone(), job());
                tokio::spawn(async move { store.write(job).await.unwrap() })
            })
            .collect();
        let mut answers = Vec::new();
        for one in all {
            answers.push(one.await.unwrap());
        }
        answers
    }

    /// Runs SQL behind the store's back: a line a row, `|` between columns.
    pub(crate) fn sql(&self, text: &str) -> String {
        match &self.place {
            Place::Postgres(database) => database.query(text),
            Place::Sqlite(_) => {
                let connection = rusqlite::Connection::open(self.file()).unwrap();
                let mut statement = connection.prepare(text).unwrap();
                let columns = statement.column_count();
                let mut rows = statement.query([]).unwrap();
                let mut lines = Vec::new();
                while let Some(row) = rows.next().unwrap() {
                    let cells = (0..columns).map(|i| match row.get(i).unwrap() {
                        Value::Integer(n) => n.to_string(),
                        Value::Text(text) => text,
                        _ => String::new(),
                    });
                    lines.push(cells.collect::<Vec<_>>().join("|"));
                }
                lines.join("\n")
            }
        }
    }

    /// How many rows a table holds.
    pub(crate) fn rows_in(&self, table: &str) -> u32 {
        self.sql(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
    }

    /// The SQLite file.
    pub(crate) fn file(&self) -> PathBuf {
        let Place::Sqlite(folder) = &self.place else { panic!("no file on PostgreSQL") };
        folder.path().join("countersign.db")
    }

    /// Everything that whoever stole the database would have.
    pub(crate) fn stolen(&self) -> Vec<u8> {
        match &self.place {
            Place::Sqlite(folder) => {
                let files = std::fs::read_dir(folder.path()).unwrap();
                files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
            }
            Place::Postgres(database) => {
                let tables = database
                    .query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'");
                let rows =
                    tables.lines().map(|table| database.query(&format!("SELECT t::text FROM {table} t")));
                rows.collect::<String>().into_bytes()
            }
        }
    }

    /// Somebody with an account and a session.
    pub(crate) async fn person(&self, email: &str) -> Person {
        let new = self.new_user(email);
        let id = new.id;
        let create =
            move |tx: &mut Tx<'_>| users::create(tx, &OperatorAuthority::at_the_console(), &new, NOW);
        assert!(self.write(create).await);
        self.sign_in(id).await
    }

    pub(crate) fn new_user(&self, email: &str) -> NewUser {
        NewUser {
            id: UserId::generate(NOW, &*self.entropy),
            email: address(email),
            name: "Mia Lund".into(),
            password_hash: Some("an Argon2id hash".into()),
        }
    }

    /// One more session of an account.
    pub(crate) async fn sign_in(&self, user: UserId) -> Person {
        let id = SessionId::generate(NOW, &*self.entropy);
        let handle = self.handle();
        let record = self
            .write(move |tx| {
                sessions::insert_own(tx, authenticated(user), id, &handle, &origin(), &LIFETIMES)?;
                sessions::by_id(tx, id)
            })
            .await
            .unwrap();
        let Some(Session::Own(own)) = Session::restore(record, NOW, HOUR) else {
            panic!("not an own session")
        };
        Person { user, own, handle }
    }

    pub(crate) fn handle(&self) -> StoredHandle {
        PlainHandle::generate(&*self.entropy).stored()
    }

    pub(crate) async fn user(&self, id: UserId) -> User {
        self.read(move |tx| users::by_id(tx, id)).await.unwrap()
    }
}

impl Place {
    pub(crate) async fn open(&self, keyring: Keyring) -> StoreResult<Store> {
        open(self, keyring, Arc::new(Drawn::default())).await
    }

    /// Whether nothing is there: no file, and no table.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Sqlite(folder) => std::fs::read_dir(folder.path()).unwrap().next().is_none(),
            Self::Postgres(database) => {
                let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
                database.query(tables) == "0"
            }
        }
    }
}

async fn open(place: &Place, keyring: Keyring, entropy: Arc<Drawn>) -> StoreResult<Store> {
    match place {
        Place::Sqlite(folder) => {
            Store::open_sqlite(&folder.path().join("countersign.db"), keyring, entropy, &Noon).await
        }
        Place::Postgres(database) => Store::open_postgres(database.url(), 16, keyring, entropy, &Noon).await,
    }
}

/// Somebody who is signed in.
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) own: OwnSession,
    pub(crate) handle: StoredHandle,
}

impl Person {
    /// The authority of their freshly proven session.
    pub(crate) fn authority(&self) -> CredentialAuthority {
        self.own.credential_authority(NOW, HOUR).unwrap()
    }
}

pub(crate) fn address(email: &str) -> EmailAddress {
    email.parse().unwrap()
}

pub(crate) fn verified(user: UserId) -> PasswordVerified {
    PasswordVerified::check(user, true, true, NOW).unwrap()
}

pub(crate) fn authenticated(user: UserId) -> Authenticated {
    match verified(user).next(&SecondSteps::default(), &[]) {
        Next::Complete(authenticated) => authenticated,
        Next::SecondStep(_) => panic!("no second step is due"),
    }
}

/// How many of the answers are something.
pub(crate) fn winners<T>(answers: &[Option<T>]) -> usize {
    answers.iter().flatten().count()
}
