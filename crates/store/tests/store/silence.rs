//! A database that goes silent: PostgreSQL behind a network that lets nothing pass, and a disk that hangs.

use crate::harness::{Drawn, NOW, Noon, World, keys};
use countersign_core::{authority::OperatorAuthority, ids::OrganizationId};
use countersign_store::{Store, StoreError, StoreResult, Tx, members};
use countersign_testkit::{Database, Network};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Barrier, mpsc},
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

/// As `docs/SECURITY.md` promises, with the scheduling of a busy machine.
const FAILS_WITHIN: Duration = Duration::from_secs(3);
const RECOVERS_WITHIN: Duration = Duration::from_secs(15);
const CONNECTIONS: usize = 4;

fn create(id: OrganizationId) -> impl FnOnce(&mut Tx<'_>) -> StoreResult<()> + Send + 'static {
    move |tx| {
        members::create_organization(tx, &OperatorAuthority::at_the_console(), id, "Harbour & Pine", NOW)
    }
}

fn new_id(entropy: &Drawn) -> OrganizationId {
    OrganizationId::generate(NOW, entropy)
}

/// A database whose store reaches it by a network that can go silent.
struct Behind {
    database: Database,
    network: Arc<Network>,
    store: Store,
    entropy: Arc<Drawn>,
}

impl Behind {
    async fn a_network() -> Self {
        let database = Database::create();
        let network = Arc::new(Network::to(database.server()));
        let entropy = Arc::new(Drawn::default());
        let url = database.url_by(&network);
        let opened = Store::open_postgres(&url, CONNECTIONS, keys(&[1]), entropy.clone(), &Noon).await;
        Self { store: opened.unwrap(), database, network, entropy }
    }

    fn rows(&self) -> String {
        self.database.query("SELECT count(*) FROM organizations")
    }

    /// Many more requests at once than there are connections: the longest that one of them took to fail.
    async fn longest_failure(&self) -> Duration {
        let mut requests = JoinSet::new();
        for n in 0..10 * CONNECTIONS {
            let (store, job) = (self.store.clone(), create(new_id(&self.entropy)));
            requests.spawn(async move {
                let begin = Instant::now();
                let failed = match n % 2 {
                    0 => store.read(members::any_owner).await.map(drop),
                    _ => store.write(job).await,
                };
                let error = failed.unwrap_err();
                assert!(matches!(error, StoreError::Away(_) | StoreError::Unknown(_)), "{error}");
                begin.elapsed()
            });
        }
        requests.join_all().await.into_iter().max().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_network_is_given_up_in_three_seconds_and_used_again_in_fifteen() {
    let w = Behind::a_network().await;
    // Every connection is open and idle before the silence.
    all_connections_at_once(&w.store).await;
    w.network.go_silent();
    let (established, new) = (w.longest_failure().await, w.longest_failure().await);
    assert!(established < FAILS_WITHIN && new < FAILS_WITHIN, "{established:?} {new:?}");

    w.network.come_back();
    let begin = Instant::now();
    while w.store.write(create(new_id(&w.entropy))).await.is_err() {
        assert!(begin.elapsed() < RECOVERS_WITHIN, "not after {:?}", begin.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let recovered = begin.elapsed();
    println!("failed in {established:?} (established), {new:?} (new); recovered in {recovered:?}");
    // No permit is lost.
    all_connections_at_once(&w.store).await;
}

/// Transactions that wait for each other inside: this ends only if so many run at the same time.
async fn all_connections_at_once(store: &Store) {
    let barrier = Arc::new(Barrier::new(CONNECTIONS));
    let mut all = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (store, barrier) = (store.clone(), Arc::clone(&barrier));
        all.spawn(async move {
            let job = move |tx: &mut Tx<'_>| {
                barrier.wait();
                members::any_owner(tx)
            };
            store.read(job).await.unwrap();
        });
    }
    all.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_before_the_commit_leaves_nothing() {
    let w = Behind::a_network().await;
    let (network, first, second) = (w.network.clone(), new_id(&w.entropy), new_id(&w.entropy));
    let job = move |tx: &mut Tx<'_>| {
        create(first)(tx)?;
        network.go_silent();
        // A closure that goes on regardless gets no commit, and does not wait again.
        let begin = Instant::now();
        assert!(matches!(create(second)(tx), Err(StoreError::Away(_))));
        assert!(matches!(create(second)(tx), Err(StoreError::Away(_))));
        assert!(begin.elapsed() < FAILS_WITHIN);
        Ok(())
    };
    let error = w.store.write(job).await.unwrap_err();
    assert!(matches!(error, StoreError::Away(_)), "{error}");
    w.network.come_back();
    // What is held back reaches a server that has heard the end of the connection, or not yet.
    w.database.query("SELECT pg_sleep(0.2)");
    assert_eq!(w.rows(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_not_confirmed_is_not_said_to_have_failed() {
    let w = Behind::a_network().await;
    let (network, id) = (w.network.clone(), new_id(&w.entropy));
    let job = move |tx: &mut Tx<'_>| {
        create(id)(tx)?;
        network.go_silent();
        Ok(())
    };
    let begin = Instant::now();
    let error = w.store.write(job).await.unwrap_err();
    assert!(matches!(error, StoreError::Unknown(_)), "{error}");
    assert!(begin.elapsed() < FAILS_WITHIN, "{:?}", begin.elapsed());
    // And here it did happen: the command arrives late.
    w.network.come_back();
    let begin = Instant::now();
    while w.rows() != "1" {
        assert!(begin.elapsed() < RECOVERS_WITHIN);
    }
}

#[tokio::test]
async fn a_statement_that_failed_is_never_taken_for_committed() {
    let w = World::postgres().await;
    let id = OrganizationId::generate(NOW, &*w.entropy);
    w.write(create(id)).await;
    let other = OrganizationId::generate(NOW, &*w.entropy);
    let job = move |tx: &mut Tx<'_>| {
        create(other)(tx)?;
        drop(create(id)(tx));
        Ok(())
    };
    assert!(matches!(w.store.write(job).await, Err(StoreError::Refused(_))));
    assert_eq!(w.rows_in("organizations"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_not_released_holds_nobody_for_three_seconds() {
    let w = World::postgres().await;
    let id = OrganizationId::generate(NOW, &*w.entropy);
    let (locked, is_locked) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let store = w.store.clone();
    let holder = tokio::spawn(async move {
        let job = move |tx: &mut Tx<'_>| {
            create(id)(tx)?;
            locked.send(()).unwrap();
            let _ = released.recv_timeout(Duration::from_secs(4));
            Ok(())
        };
        store.write(job).await
    });
    tokio::task::spawn_blocking(move || is_locked.recv().unwrap()).await.unwrap();
    let begin = Instant::now();
    // The server itself gives up, so the connection stays good.
    let error = w.store.write(create(id)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Away(text) if text.contains("55P03")), "{error}");
    assert!(begin.elapsed() < FAILS_WITHIN, "{:?}", begin.elapsed());
    release.send(()).unwrap();
    holder.await.unwrap().unwrap();
    assert_eq!(w.rows_in("organizations"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_one_that_answers_is_used() {
    let database = Database::create();
    let (first, second) = (Network::to(database.server()), Network::to(database.server()));
    // A host that refuses connections, and one that accepts them and says nothing, are passed over.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = database
        .url_by(&first)
        .replace(&first.address().to_string(), &format!("{closed},{},{}", first.address(), second.address()));
    assert_eq!(url.matches(',').count(), 2, "{url}");
    first.go_silent();
    let entropy = Arc::new(Drawn::default());
    let begin = Instant::now();
    let store = Store::open_postgres(&url, CONNECTIONS, keys(&[1]), entropy.clone(), &Noon).await.unwrap();
    assert!(begin.elapsed() < FAILS_WITHIN, "{:?}", begin.elapsed());
    store.write(create(new_id(&entropy))).await.unwrap();

    // The one in use goes silent, and the other comes back.
    second.go_silent();
    first.come_back();
    let begin = Instant::now();
    assert!(store.write(create(new_id(&entropy))).await.is_err());
    store.write(create(new_id(&entropy))).await.unwrap();
    assert!(begin.elapsed() < 2 * FAILS_WITHIN, "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_several_hosts_a_standby_is_passed_over() {
    let database = Database::create();
    let name = database.query("SELECT current_database()");
    // What a standby says of every session.
    database.query(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let server = database.server().to_string();
    let url = database.url().replace(&server, &format!("{server},{server}"));
    let entropy = Arc::new(Drawn::default());
    let error = Store::open_postgres(&url, 1, keys(&[1]), entropy, &Noon).await.err().unwrap();
    assert!(matches!(&error, StoreError::Away(text) if text.contains("does not allow writes")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_without_tls_gets_neither_user_nor_password() {
    let database = Database::create();
    // 0.0.0.0 is this machine to Linux, and not a loopback address to the rule.
    let elsewhere = |port: u16, parameters: &str| {
        let of_server = database.server().to_string();
        format!("{}{parameters}", database.url().replace(&of_server, &format!("0.0.0.0:{port}")))
    };
    let fake = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = elsewhere(fake.local_addr().unwrap().port(), "");
    let heard = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = fake.accept().unwrap();
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(b"N").unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        (asked, rest)
    });
    let entropy = Arc::new(Drawn::default());
    let open =
        async |url: &str| Store::open_postgres(url, 1, keys(&[1]), entropy.clone(), &Noon).await.map(drop);
    let error = open(&url).await.unwrap_err();
    assert!(matches!(&error, StoreError::Tls(text) if text.contains("sslmode=disable")), "{error}");
    let (asked, rest) = heard.await.unwrap();
    // SSLRequest (PostgreSQL's protocol, 55.7), and then nothing.
    assert_eq!((asked, rest.as_slice()), ([0, 0, 0, 8, 4, 210, 22, 47], &b""[..]));

    // The real server has no TLS either.
    let port = database.server().port();
    assert!(matches!(open(&elsewhere(port, "")).await, Err(StoreError::Tls(_))));
    assert!(matches!(open(&elsewhere(port, "?sslmode=prefer")).await, Err(StoreError::Tls(_))));
    open(&elsewhere(port, "?sslmode=disable")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_holds_nobody_for_ever() {
    let w = World::sqlite().await;
    let (begun, queued) = (new_id(&w.entropy), new_id(&w.entropy));
    let (release, released) = mpsc::channel::<()>();
    let job = move |tx: &mut Tx<'_>| {
        create(begun)(tx)?;
        let _ = released.recv();
        Ok(())
    };
    let store = w.store.clone();
    let first = tokio::spawn(async move { store.write(job).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    // What has begun may still happen; what waits never will.
    let second = w.store.write(create(queued)).await.unwrap_err();
    assert!(matches!(second, StoreError::Away(_)), "{second}");
    let first = first.await.unwrap().unwrap_err();
    assert!(matches!(first, StoreError::Unknown(_)), "{first}");
    drop(release);
    w.write(create(new_id(&w.entropy))).await;
    assert_eq!(w.rows_in("organizations"), 2);
    let kept = w.read(move |tx| {
        Ok([
            members::organization_name(tx, begun)?.is_some(),
            members::organization_name(tx, queued)?.is_some(),
        ])
    });
    assert_eq!(kept.await, [true, false]);
}
