//! The courier on a real store, with a clock that the test moves.

use crate::gateway::through;
use crate::http::Gateway;
use crate::{NOW, install_crypto_provider};
use countersign_core::{
    Clock, Entropy, Timestamp,
    message::{Content, Message, Notice, Recipient},
};
use countersign_delivery::{Courier, DevOutbox, Transports, Words};
use countersign_store::{Keyring, Store, outbox};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use zeroize::Zeroizing;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Never the same twice, which is all that a test needs.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (byte, n) in out.iter_mut().rev().zip(count.iter().rev().cycle()) {
            *byte = *n;
        }
    }
}

/// A row as the database holds it.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) attempts: u32,
    pub(crate) finished: bool,
    erased: bool,
    pub(crate) error: Option<String>,
}

pub(crate) struct House {
    dir: TempDir,
    pub(crate) clock: Arc<HandClock>,
    store: Store,
    bell: Arc<Notify>,
}

impl House {
    pub(crate) async fn new() -> Self {
        install_crypto_provider();
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(NOW.millis())));
        let store = open(&dir, &clock, 0).await;
        Self { dir, clock, store, bell: Arc::default() }
    }

    pub(crate) fn courier(&self, transports: Transports) -> Courier {
        let words = Words {
            service_name: "Harbour CRM".into(),
            public_url: "https://accounts.harbour.example".into(),
        };
        let clock: Arc<dyn Clock> = self.clock.clone();
        Courier::new(self.store.clone(), clock, Arc::clone(&self.bell), transports, words)
            .looking_every(Duration::from_millis(10))
    }

    pub(crate) async fn push(&self, recipient: Recipient, content: Content) {
        let now = self.clock.now();
        let message = Message {
            name: "Mia Lund".into(),
            application: None,
            at_millis: now.millis(),
            origin: None,
            content,
        };
        self.store.write(move |tx| outbox::push(tx, &recipient, &message, now)).await.unwrap();
    }

    pub(crate) async fn push_code(&self, minutes: u64) {
        self.push(phone(), Content::SignInCode { code: "048151".into(), minutes }).await;
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let database = rusqlite::Connection::open(self.dir.path().join("test.sqlite")).unwrap();
        let mut query = database
            .prepare("SELECT attempts, finished_at IS NOT NULL, length(content) = 0, last_error FROM outbox ORDER BY id")
            .unwrap();
        let rows = query.query_map((), |row| {
            Ok(Row { attempts: row.get(0)?, finished: row.get(1)?, erased: row.get(2)?, error: row.get(3)? })
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Waits until the only row is `row`.
    async fn until(&self, row: Row) {
        let reached = async {
            while self.rows() != std::slice::from_ref(&row) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        assert!(reached.is_ok(), "{:?} instead of {row:?}", self.rows());
    }
}

async fn open(dir: &TempDir, clock: &Arc<HandClock>, first: u64) -> Store {
    let keyring = Keyring::new(vec![("k1".into(), Zeroizing::new([7; 32]))]).unwrap();
    let path = dir.path().join("test.sqlite");
    Store::open_sqlite(&path, keyring, Arc::new(Counting(first.into())), &**clock).await.unwrap()
}

pub(crate) fn phone() -> Recipient {
    Recipient::Phone("+442079460018".into())
}

pub(crate) fn mailbox() -> Recipient {
    Recipient::Email("mia@harbour.example".parse().unwrap())
}

fn waiting(attempts: u32, error: &str) -> Row {
    Row { attempts, finished: false, erased: false, error: Some(error.to_owned()) }
}

fn delivered(attempts: u32) -> Row {
    Row { attempts, finished: true, erased: true, error: None }
}

fn given_up(attempts: u32, error: &str) -> Row {
    Row { attempts, finished: true, erased: true, error: Some(error.to_owned()) }
}

pub(crate) struct Running {
    stop: watch::Sender<bool>,
    done: JoinHandle<()>,
}

pub(crate) fn run(courier: Courier) -> Running {
    let (stop, stopped) = watch::channel(false);
    Running { stop, done: tokio::spawn(courier.run(stopped)) }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.send(true).unwrap();
        tokio::time::timeout(PATIENCE, self.done).await.expect("it stops").unwrap();
    }
}

/// Long enough for a courier that looks every ten milliseconds to do what it should not.
pub(crate) async fn a_while() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}

#[tokio::test]
async fn in_development_everything_lands_in_the_outbox_at_once() {
    let house = House::new().await;
    let outbox = Arc::new(DevOutbox::default());
    // Only the bell can be quick enough.
    let courier =
        house.courier(Transports::development(Arc::clone(&outbox))).looking_every(Duration::from_secs(3600));
    let running = run(courier.clone());
    a_while().await;
    house.push(mailbox(), Content::Notice(Notice::PasswordChanged)).await;
    assert!(courier.drained(PATIENCE).await);
    house.push_code(10).await;
    assert!(courier.drained(PATIENCE).await);

    let messages = outbox.messages();
    let shown = messages.iter().map(|m| (m.kind, m.to.as_str(), m.subject.as_str(), m.at.as_str()));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("email", "mia@harbour.example", "Your password was changed", "2026-11-24T05:54:00Z"),
            ("sms", "+442079460018", "", "2026-11-24T05:54:00Z"),
        ]
    );
    assert!(messages[0].text.starts_with("Hi Mia Lund,\n") && messages[1].text.starts_with("048151 is"));
    assert_eq!(house.rows(), [delivered(1), delivered(1)]);
    running.stop().await;
}

#[tokio::test]
async fn more_than_fit_at_once_are_all_delivered_once() {
    let house = House::new().await;
    let gateway = Gateway::start(&[200], Duration::from_millis(20)).await;
    for _ in 0..30 {
        house.push_code(10).await;
    }
    let courier = house.courier(through(&gateway)).looking_every(Duration::from_secs(3600));
    let (one, other) = (run(courier.clone()), run(courier.clone()));
    assert!(courier.drained(PATIENCE).await);
    one.stop().await;
    other.stop().await;
    let requests = gateway.requests();
    let mut keys = requests.iter().map(|r| r.header("idempotency-key").unwrap()).collect::<Vec<_>>();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((requests.len(), keys.len()), (30, 30));
}

#[tokio::test]
async fn what_does_not_work_is_tried_again_later_and_later() {
    let house = House::new().await;
    let gateway = Gateway::start(&[500, 429, 200], Duration::ZERO).await;
    house.push_code(10).await;
    let running = run(house.courier(through(&gateway)));
    house.until(waiting(1, "the SMS gateway answered 500")).await;
    house.clock.advance(Duration::from_millis(9_999));
    a_while().await;
    assert_eq!(gateway.requests().len(), 1, "not before its time");
    house.clock.advance(Duration::from_millis(1));
    house.until(waiting(2, "the SMS gateway answered 429")).await;
    house.clock.advance(Duration::from_millis(19_999));
    a_while().await;
    assert_eq!(gateway.requests().len(), 2, "not before its time");
    house.clock.advance(Duration::from_millis(1));
    house.until(delivered(3)).await;
    running.stop().await;
    let requests = gateway.requests();
    let keys = requests.iter().map(|r| r.header("idempotency-key").unwrap()).collect::<Vec<_>>();
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn the_eighth_failure_is_the_last() {
    let house = House::new().await;
    // Another status each time, so that the stored error tells one attempt from the next.
    let statuses = [500, 501, 505, 506, 507, 508, 509, 510];
    let gateway = Gateway::start(&statuses, Duration::ZERO).await;
    house.push_code(24 * 60).await;
    let running = run(house.courier(through(&gateway)));
    for (attempt, status) in (1..8).zip(statuses) {
        house.until(waiting(attempt, &format!("the SMS gateway answered {status}"))).await;
        house.clock.advance(15 * MINUTE);
    }
    house.until(given_up(8, "the SMS gateway answered 510")).await;
    house.clock.advance(15 * MINUTE);
    a_while().await;
    running.stop().await;
    assert_eq!(gateway.requests().len(), 8);
}

#[tokio::test]
async fn a_refusal_for_good_is_not_argued_with() {
    let house = House::new().await;
    let gateway = Gateway::start(&[422], Duration::ZERO).await;
    house.push_code(10).await;
    let running = run(house.courier(through(&gateway)));
    house.until(given_up(1, "the SMS gateway answered 422")).await;
    running.stop().await;
}

#[tokio::test]
async fn a_code_that_is_too_old_is_not_sent() {
    let house = House::new().await;
    let gateway = Gateway::start(&[200], Duration::ZERO).await;
    house.push_code(10).await;
    house.clock.advance(10 * MINUTE);
    let running = run(house.courier(through(&gateway)));
    house.until(given_up(1, "what it holds can no longer be used")).await;
    running.stop().await;
    assert_eq!(gateway.requests().len(), 0);
}

#[tokio::test]
async fn no_link_goes_by_sms() {
    let house = House::new().await;
    let gateway = Gateway::start(&[200], Duration::ZERO).await;
    house.push(phone(), Content::ResetPassword { link: "https://x.example".into(), minutes: 60 }).await;
    let running = run(house.courier(through(&gateway)));
    house.until(given_up(1, "messages of its kind do not go by sms")).await;
    running.stop().await;
    assert_eq!(gateway.requests().len(), 0);
}

#[tokio::test]
async fn nothing_is_lost_when_the_process_dies_in_the_middle() {
    let mut house = House::new().await;
    house.push_code(10).await;
    // A courier has leased it, and is gone.
    let now = house.clock.now();
    let leased = house.store.write(move |tx| outbox::lease(tx, None, now, 1, MINUTE)).await.unwrap();
    assert_eq!(leased.len(), 1);
    house.store = open(&house.dir, &house.clock, 1_000).await;

    let gateway = Gateway::start(&[200], Duration::ZERO).await;
    let running = run(house.courier(through(&gateway)));
    house.clock.advance(Duration::from_secs(59));
    a_while().await;
    assert_eq!(gateway.requests().len(), 0, "the lease has not run out");
    house.clock.advance(Duration::from_secs(1));
    house.until(delivered(2)).await;
    running.stop().await;
    assert_eq!(gateway.requests().len(), 1);
}

#[tokio::test]
async fn a_message_with_which_the_process_dies_again_and_again_is_given_up() {
    let house = House::new().await;
    house.push_code(24 * 60).await;
    for _ in 0..8 {
        let now = house.clock.now();
        house.store.write(move |tx| outbox::lease(tx, None, now, 1, MINUTE)).await.unwrap();
        house.clock.advance(MINUTE);
    }
    let gateway = Gateway::start(&[200], Duration::ZERO).await;
    let running = run(house.courier(through(&gateway)));
    house.until(given_up(9, "the last attempt was never finished")).await;
    running.stop().await;
    assert_eq!(gateway.requests().len(), 0);
}

#[tokio::test]
async fn what_is_on_its_way_is_finished_before_it_stops() {
    let house = House::new().await;
    let gateway = Gateway::start(&[200], Duration::from_millis(300)).await;
    house.push_code(10).await;
    let running = run(house.courier(through(&gateway)));
    while gateway.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stop().await;
    assert_eq!(house.rows(), [delivered(1)]);
}

#[tokio::test]
async fn nobody_waits_for_ever_for_an_outbox_that_does_not_empty() {
    let house = House::new().await;
    house.push_code(10).await;
    let courier = house.courier(Transports::development(Arc::default()));
    assert!(!courier.drained(Duration::from_millis(100)).await, "no courier is running");
    let running = run(courier.clone());
    assert!(courier.drained(PATIENCE).await);
    running.stop().await;
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// One thread, so that the log and the metrics of this test are those of the courier as well.
#[tokio::test]
async fn an_operator_learns_how_it_went_and_not_what_was_said() {
    let (log, recorder) = (Log::default(), PrometheusBuilder::new().build_recorder());
    // For the whole process, because callsites remember whether any subscriber wants them; but this thread's lines alone.
    let (writer, own) = (log.clone(), thread::current().id());
    let writer = move || -> Box<dyn io::Write> {
        if thread::current().id() == own { Box::new(writer.clone()) } else { Box::new(io::sink()) }
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(writer)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let _counting = metrics::set_default_local_recorder(&recorder);

    let house = House::new().await;
    let gateway = Gateway::start(&[500, 200, 404], Duration::ZERO).await;
    house.push_code(10).await;
    let courier = house.courier(through(&gateway));
    let running = run(courier.clone());
    house.until(waiting(1, "the SMS gateway answered 500")).await;
    house.clock.advance(Duration::from_secs(10));
    house.until(delivered(2)).await;
    house.push_code(10).await;
    assert!(courier.drained(PATIENCE).await);
    running.stop().await;

    let counted = recorder.handle().render();
    for outcome in ["failed", "delivered", "given_up"] {
        let line = format!("countersign_messages_total{{channel=\"sms\",outcome=\"{outcome}\"}} 1");
        assert!(counted.contains(&line), "{counted}");
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for told in ["will be tried again", "answered 500", "handed over", "given up", "answered 404", "••• ••18"]
    {
        assert!(logged.contains(told), "{told:?} is not in {logged}");
    }
    for secret in ["048151", "442079460018", "t0ken", "Mia"] {
        assert!(!logged.contains(secret), "{secret:?} is in {logged}");
    }
}
