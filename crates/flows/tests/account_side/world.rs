//! A server without its pages: services over a new database, the demonstration's people, and their mail.

use countersign_core::{
    Clock, Entropy, Timestamp,
    authority::{CredentialAuthority, OperatorAuthority},
    budget::Budgets,
    email::EmailAddress,
    event::{EventKind, Origin, Retention},
    ids::{SessionId, UserId},
    message::{Content, Notice},
    second_step::{Method, SecondSteps},
    secret::{PlainHandle, StoredHandle},
    session::{Lifetimes, OwnSession, Session},
    sign_in::{Next, PasswordVerified},
    throttle::{Limits, Pace},
};
use countersign_flows::{
    Rules, Services, accounts, activity,
    enrolment::Entered,
    hashing::{Hashing, HashingSettings},
    identity, recovery, sign_in, step_up,
};
use countersign_otp::{Period, Secret, TimeStep, Totp};
use countersign_store::{Keyring, Store, outbox, sessions, users};
use countersign_testkit::Database;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use zeroize::Zeroizing;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const GOOD: &str = "tulip-ferry-oak-lamp";
pub(crate) const OTHER: &str = "velvet-gravel-moth-42";

/// Stands still until it is moved.
pub(crate) struct StoppedClock(AtomicI64);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// SplitMix64: every byte differs, and every run is the same.
struct Sequence(AtomicU64);

impl Entropy for Sequence {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// One of the demonstration's people.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) password: String,
}

/// A message that left.
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) application: Option<String>,
    pub(crate) origin: Option<Origin>,
    pub(crate) content: Content,
}

pub(crate) struct World {
    pub(crate) s: Services,
    pub(crate) clock: Arc<StoppedClock>,
    pub(crate) dir: tempfile::TempDir,
    people: Mutex<Vec<Person>>,
    database: Option<Database>,
}

/// Runs a test in a world with the demonstration's people, on SQLite and then on PostgreSQL.
pub(crate) async fn on_both(test: impl AsyncFn(&World)) {
    on_both_with(&rules(), test).await;
}

/// The same, with these rules.
pub(crate) async fn on_both_with(rules: &Rules, test: impl AsyncFn(&World)) {
    for database in [None, Some(Database::create())] {
        test(&World::over(rules.clone(), database).await.peopled().await).await;
    }
}

pub(crate) fn rules() -> Rules {
    let slowing = |allowed| Limits {
        allowed,
        first_pause: MINUTE / 2,
        longest_pause: 15 * MINUTE,
        pace: Pace::Slowing,
        forgotten_after: Some(24 * 60 * MINUTE),
    };
    Rules {
        service_name: "Countersign".into(),
        public_url: "https://sign-in.example".into(),
        lifetimes: Lifetimes { idle: 60 * MINUTE, absolute: 24 * 60 * MINUTE, login_as: 60 * MINUTE },
        step_up_max_age: 5 * MINUTE,
        methods: Method::ALL.to_vec(),
        second_step: Limits {
            first_pause: 15 * MINUTE,
            pace: Pace::Closing,
            forgotten_after: None,
            ..slowing(10)
        },
        second_step_known_browser: Limits { pace: Pace::Closing, forgotten_after: None, ..slowing(5) },
        second_step_after_reset: Limits {
            first_pause: 24 * 60 * MINUTE,
            longest_pause: 24 * 60 * MINUTE,
            pace: Pace::Closing,
            forgotten_after: None,
            ..slowing(5)
        },
        disable_after: 100,
        password_pair: slowing(5),
        password_account: Limits {
            pace: Pace::Stopping,
            forgotten_after: Some(365 * 24 * 60 * MINUTE),
            ..slowing(100)
        },
        password_network: slowing(50),
        sends: Limits { forgotten_after: Some(60 * MINUTE), ..slowing(20) },
        budgets: Budgets::default(),
        operator: None,
        code_lifetime: 10 * MINUTE,
        resend_after: MINUTE / 2,
        enrolment_lifetime: 10 * MINUTE,
        challenge_lifetime: 15 * MINUTE,
        reset_lifetime: 60 * MINUTE,
        sms_countries: Some(vec!["GB".into()]),
        events_kept: Retention::default(),
        sites: Vec::new(),
    }
}

impl World {
    /// Without anybody.
    pub(crate) async fn empty(rules: Rules) -> Self {
        Self::over(rules, None).await
    }

    /// Without anybody, on PostgreSQL.
    pub(crate) async fn on(database: Database) -> Self {
        Self::over(rules(), Some(database)).await
    }

    /// The same on PostgreSQL, where there is a database of it; otherwise on SQLite.
    async fn over(rules: Rules, database: Option<Database>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(StoppedClock(AtomicI64::new(1_800_000_000_000)));
        let entropy: Arc<dyn Entropy> = Arc::new(Sequence(AtomicU64::new(1)));
        let keyring = Keyring::new(vec![("k1".into(), Zeroizing::new([7; 32]))]).unwrap();
        let (path, drawn) = (dir.path().join("test.db"), Arc::clone(&entropy));
        let store = match &database {
            None => Store::open_sqlite(&path, keyring, drawn, &*clock).await.unwrap(),
            Some(database) => {
                Store::open_postgres(database.url(), 16, keyring, drawn, &*clock).await.unwrap()
            }
        };
        let cheap = HashingSettings { threads: 2, queue: 64, memory_kib: 64, iterations: 1, parallelism: 1 };
        let hashing = Hashing::new(cheap, Arc::clone(&entropy)).unwrap();
        let s = Services::new(store, Arc::<StoppedClock>::clone(&clock), entropy, hashing, rules);
        Self { s, clock, dir, people: Mutex::default(), database }
    }

    /// With the demonstration's people, and these rules.
    pub(crate) async fn with(rules: Rules) -> Self {
        Self::empty(rules).await.peopled().await
    }

    async fn peopled(self) -> Self {
        let world = self;
        let made = accounts::demonstration(&world.s, OperatorAuthority::at_the_console()).await.unwrap();
        for person in made.unwrap() {
            let id = world.user(&person.email).await.unwrap().id;
            let person = Person { id, email: person.email, password: person.password };
            world.people.lock().unwrap().push(person);
        }
        world
    }

    /// With the demonstration's people.
    pub(crate) async fn new() -> Self {
        Self::with(rules()).await
    }

    /// Services over the same database, with other budgets.
    pub(crate) fn with_budgets(&self, budgets: Budgets) -> Services {
        let (s, clock) = (&self.s, Arc::clone(&self.s.clock));
        let cheap = HashingSettings { threads: 2, queue: 64, memory_kib: 64, iterations: 1, parallelism: 1 };
        let hashing = Hashing::new(cheap, Arc::clone(&s.entropy)).unwrap();
        let rules = Rules { budgets, ..s.rules.clone() };
        Services::new(s.store.clone(), clock, Arc::clone(&s.entropy), hashing, rules)
    }

    fn person(&self, first_name: &str) -> Person {
        let people = self.people.lock().unwrap();
        people.iter().find(|person| person.email.starts_with(first_name)).unwrap().clone()
    }

    pub(crate) fn olivia(&self) -> Person {
        self.person("olivia")
    }

    pub(crate) fn adam(&self) -> Person {
        self.person("adam")
    }

    pub(crate) fn mia(&self) -> Person {
        self.person("mia")
    }

    pub(crate) fn ben(&self) -> Person {
        self.person("ben")
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) async fn user(&self, email: &str) -> Option<users::User> {
        let email: EmailAddress = email.parse().unwrap();
        self.s.store.read(move |tx| users::by_email(tx, &email)).await.unwrap()
    }

    pub(crate) async fn steps(&self, person: &Person) -> SecondSteps {
        let email: EmailAddress = self.user(&person.email).await.unwrap().email;
        let read = move |tx: &mut countersign_store::Tx<'_>| {
            let user = users::by_email(tx, &email)?.unwrap();
            countersign_store::second_steps::of(tx, &user)
        };
        self.s.store.read(read).await.unwrap()
    }

    /// How many rows a table holds.
    pub(crate) fn count(&self, table: &str) -> usize {
        let sql = format!("SELECT count(*) FROM {table}");
        match &self.database {
            Some(database) => database.query(&sql).parse().unwrap(),
            None => {
                let file = rusqlite::Connection::open(self.dir.path().join("test.db")).unwrap();
                file.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
            }
        }
    }

    /// Switches the account off, as an operator would in the database.
    pub(crate) fn disable(&self, person: &Person) {
        let database = rusqlite::Connection::open(self.dir.path().join("test.db")).unwrap();
        let sql = "UPDATE users SET disabled_at = 1 WHERE id = ?1";
        assert_eq!(database.execute(sql, [person.id.to_string()]).unwrap(), 1);
    }

    /// Changes something behind the server's back.
    pub(crate) fn sql(&self, text: &str) {
        match &self.database {
            Some(database) => drop(database.query(text)),
            None => {
                let file = self.dir.path().join("test.db");
                rusqlite::Connection::open(file).unwrap().execute_batch(text).unwrap();
            }
        }
    }

    /// A session of this person, with a fresh identity proof; and the handle that their browser holds.
    pub(crate) async fn session(&self, person: &Person) -> (OwnSession, PlainHandle) {
        let (now, handle) = (self.s.now(), PlainHandle::generate(&*self.s.entropy));
        let verified = PasswordVerified::check(person.id, true, true, now).unwrap();
        let Next::Complete(authenticated) = verified.next(&SecondSteps::default(), &[]) else {
            panic!("nothing is due")
        };
        let (id, stored) = (SessionId::generate(now, &*self.s.entropy), handle.stored());
        let (lifetimes, origin) = (self.s.rules.lifetimes, origin());
        self.s
            .store
            .write(move |tx| sessions::insert_own(tx, authenticated, id, &stored, &origin, &lifetimes))
            .await
            .unwrap();
        let Some(Session::Own(own)) = identity::current(&self.s, &handle).await.unwrap() else {
            panic!("no session")
        };
        (own, handle)
    }

    /// A session's authority to change credentials.
    pub(crate) fn authority(&self, session: &OwnSession) -> CredentialAuthority {
        step_up::authority(&self.s, session).unwrap()
    }

    pub(crate) async fn lives(&self, handle: &PlainHandle) -> bool {
        identity::current(&self.s, handle).await.unwrap().is_some()
    }

    pub(crate) async fn waits(&self, handle: &PlainHandle) -> bool {
        identity::waiting(&self.s, handle).await.unwrap().is_some()
    }

    /// Types address and password; `replaces` and a known browser are nobody's.
    pub(crate) async fn password(&self, email: &str, password: &str) -> sign_in::PasswordOutcome {
        let origin = origin();
        let attempt = sign_in::Attempt {
            email,
            password,
            return_to: None,
            origin: &origin,
            browser: None,
            replaces: None,
        };
        sign_in::password(&self.s, attempt).await.unwrap()
    }

    /// A sign-in that waits for its second step.
    pub(crate) async fn challenge(&self, person: &Person) -> PlainHandle {
        match self.password(&person.email, &person.password).await {
            sign_in::PasswordOutcome::Challenged { handle, .. } => handle,
            other => panic!("{other:?}"),
        }
    }

    /// Requests a link to choose a new password, and waits until what is due is sent; `Some` where the request is not
    /// admitted.
    pub(crate) async fn request_link(&self, email: &str, origin: &Origin) -> Option<recovery::Asked> {
        self.request_link_in(email, origin, None).await
    }

    /// The same in a browser with a known-browser cookie.
    pub(crate) async fn request_link_in(
        &self,
        email: &str,
        origin: &Origin,
        browser: Option<StoredHandle>,
    ) -> Option<recovery::Asked> {
        match recovery::ask(&self.s, email, origin, browser).await.unwrap() {
            recovery::Asked::Admitted(request) => {
                request.send(&self.s).await.unwrap();
                None
            }
            refused => Some(refused),
        }
    }

    /// Everything that has left since this was last asked, the oldest first.
    pub(crate) async fn mail(&self) -> Vec<Letter> {
        let now = self.s.now();
        let take = move |tx: &mut countersign_store::Tx<'_>| {
            let queued = outbox::lease(tx, None, now, 1000, MINUTE)?;
            for message in &queued {
                outbox::delivered(tx, message.id, now)?;
            }
            Ok(queued)
        };
        let queued = self.s.store.write(take).await.unwrap();
        let letter = |m: outbox::Queued| Letter {
            to: m.recipient,
            application: m.message.application,
            origin: m.message.origin,
            content: m.message.content,
        };
        queued.into_iter().map(letter).collect()
    }

    /// The one code or link that has left, and to whom. Notices about new browsers are passed over.
    pub(crate) async fn secret(&self) -> (String, String) {
        let mut mail = self.mail().await;
        mail.retain(|letter| !matches!(letter.content, Content::Notice(Notice::NewBrowser)));
        let letter = mail.pop().unwrap();
        assert!(mail.is_empty(), "more than one message");
        let secret = match letter.content {
            Content::ConfirmEmailCode { code, .. }
            | Content::ConfirmPhoneCode { code, .. }
            | Content::ConfirmIdentityCode { code, .. }
            | Content::SignInCode { code, .. }
            | Content::SignInCodeElsewhere { code, .. }
            | Content::SetUpCode { code, .. } => code,
            Content::ResetPassword { link, .. } | Content::ConfirmBrowser { link, .. } => link,
            _ => panic!("not a code and not a link"),
        };
        (letter.to, secret)
    }

    /// The one notice that has left, and to whom.
    pub(crate) async fn notice(&self) -> (String, Notice) {
        let mut notices = notices(self.mail().await);
        let notice = notices.pop().unwrap();
        assert!(notices.is_empty(), "more than one message");
        notice
    }

    /// Whether the account holder finds this in the activity. (What happens in one millisecond has no order there.)
    pub(crate) async fn recorded(&self, person: &Person, kind: EventKind) -> bool {
        let session = self.session(person).await.0;
        activity::page(&self.s, &session, None).await.unwrap().events.iter().any(|event| event.kind == kind)
    }
}

pub(crate) fn notices(mail: Vec<Letter>) -> Vec<(String, Notice)> {
    let notice = |letter: Letter| match letter.content {
        Content::Notice(notice) => (letter.to, notice),
        _ => panic!("not a notice"),
    };
    mail.into_iter().map(notice).collect()
}

pub(crate) fn origin() -> Origin {
    Origin { address: "192.0.2.7".parse().unwrap(), user_agent: "a test".into() }
}

/// What an app shows that was set up with this key.
pub(crate) fn app_code(key: &str, now: Timestamp) -> String {
    let secret = Secret::from_base32(key).unwrap();
    Totp::standard(secret).code_at(TimeStep::at(now.unix_seconds(), Period::THIRTY)).to_string()
}

/// Six digits that are not these.
pub(crate) fn another_code(code: &str) -> &'static str {
    if code == "123456" { "654321" } else { "123456" }
}

/// A code and a name, from a form that does not say which key its page showed.
pub(crate) fn entered<'a>(code: &'a str, name: &'a str) -> Entered<'a> {
    Entered { shown: None, code, name }
}
