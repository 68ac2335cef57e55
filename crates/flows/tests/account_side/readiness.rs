//! Whether the server can serve, as its probes see it.

use crate::world::{World, on_both, rules};
use countersign_core::{Clock, Timestamp};
use countersign_flows::{
    Services,
    ambient::SystemClock,
    readiness::{self, Report},
};
use countersign_testkit::Database;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
const READY: Report = Report { database: true, clock: true };
const NO_DATABASE: Report = Report { database: false, clock: true };
const NO_CLOCK: Report = Report { database: true, clock: false };

/// The real clock, moved, which counts how often it is looked at: three times by each probe.
#[derive(Default)]
struct Watched {
    ahead_ms: AtomicI64,
    looks: AtomicUsize,
}

impl Watched {
    fn probes(&self) -> usize {
        self.looks.load(Ordering::SeqCst) / 3
    }
}

impl Clock for Watched {
    fn now(&self) -> Timestamp {
        self.looks.fetch_add(1, Ordering::SeqCst);
        Timestamp::from_millis(SystemClock.now().millis() + self.ahead_ms.load(Ordering::SeqCst))
    }
}

/// A server on this world's database, which has never been asked before.
fn server(world: &World) -> (Services, Arc<Watched>) {
    let clock = Arc::new(Watched::default());
    let (s, entropy) = (&world.s, Arc::clone(&world.s.entropy));
    (Services::new(s.store.clone(), clock.clone(), entropy, s.hashing.clone(), rules()), clock)
}

/// What a hundred who ask at once are told, which is the same for all, and how long the last of them waited.
async fn hundred(s: &Services) -> (Report, Duration) {
    let begin = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..100 {
        let s = s.clone();
        all.spawn(async move { readiness::check(&s).await });
    }
    let reports = all.join_all().await;
    assert!(reports.iter().all(|report| *report == reports[0]), "{reports:?}");
    (reports[0], begin.elapsed())
}

async fn within<T>(most: Duration, what: impl Future<Output = T>) -> T {
    tokio::time::timeout(most, what).await.unwrap()
}

async fn ready_again(s: &Services) {
    while !readiness::check(s).await.is_ready() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_ask_within_a_second_share_one_probe() {
    on_both(async |world| {
        let (s, clock) = server(world);
        let begin = Instant::now();
        let (first, _) = hundred(&s).await;
        let (second, _) = hundred(&s).await;
        assert_eq!((first, second), (READY, READY));
        let seconds = usize::try_from(begin.elapsed().as_secs()).unwrap();
        assert!((1..=1 + seconds).contains(&clock.probes()), "{}", clock.probes());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_told_in_three_seconds_and_gets_one_probe() {
    let world = World::empty(rules()).await;
    let (s, clock) = server(&world);
    let (release, released) = mpsc::channel::<()>();
    let store = s.store.clone();
    let held = tokio::spawn(async move {
        store
            .write_in_background(move |_| {
                let _ = released.recv();
                Ok(())
            })
            .await
    });
    let (report, waited) = hundred(&s).await;
    assert_eq!(report, NO_DATABASE);
    assert!(waited < ANSWERS_WITHIN, "{waited:?}");
    // Now it is known: nobody waits again, and nothing more is queued behind what hangs.
    let (report, waited) = hundred(&s).await;
    assert_eq!(report, NO_DATABASE);
    assert!(waited < ANSWERS_WITHIN / 3, "{waited:?}");
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    within(Duration::from_secs(5), ready_again(&s)).await;
    assert_eq!(clock.probes(), 1, "the one that waited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_held_in_postgresql_is_told_in_three_seconds() {
    let database = Database::create();
    let url = database.url().to_owned();
    let world = World::on(database).await;
    let (s, _) = server(&world);
    assert_eq!(readiness::check(&s).await, READY);
    // Somebody's session holds the table.
    let holder = std::process::Command::new("psql")
        .args([&url, "-qc", "BEGIN; LOCK TABLE readiness; SELECT pg_sleep(6)"])
        .stdout(std::process::Stdio::null())
        .spawn();
    let mut holder = holder.unwrap();
    within(Duration::from_secs(20), async {
        while readiness::check(&s).await.is_ready() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let (report, waited) = hundred(&s).await;
    assert_eq!(report, NO_DATABASE);
    assert!(waited < ANSWERS_WITHIN, "{waited:?}");
    holder.wait().unwrap();
    within(Duration::from_secs(5), ready_again(&s)).await;
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_told() {
    let world = World::empty(rules()).await;
    let path = world.dir.path().join("test.db");
    assert_eq!(readiness::check(&server(&world).0).await, READY);
    std::fs::rename(&path, world.dir.path().join("away.db")).unwrap();
    assert_eq!(readiness::check(&server(&world).0).await, NO_DATABASE);
    std::fs::copy(world.dir.path().join("away.db"), &path).unwrap();
    assert_eq!(readiness::check(&server(&world).0).await, NO_DATABASE);
    std::fs::rename(world.dir.path().join("away.db"), &path).unwrap();
    assert_eq!(readiness::check(&server(&world).0).await, READY);
}

#[tokio::test]
async fn a_clock_that_differs_from_postgresqls_is_told() {
    let world = World::on(Database::create()).await;
    for (ahead_ms, expected) in [
        (0, READY),
        (2_000, READY),
        (-2_000, READY),
        (7_000, NO_CLOCK),
        (-7_000, NO_CLOCK),
        (90_000, NO_CLOCK),
    ] {
        let (s, clock) = server(&world);
        clock.ahead_ms.store(ahead_ms, Ordering::SeqCst);
        assert_eq!(readiness::check(&s).await, expected, "{ahead_ms}");
    }
    // SQLite reads this same clock.
    let world = World::empty(rules()).await;
    let (s, clock) = server(&world);
    clock.ahead_ms.store(90_000, Ordering::SeqCst);
    assert_eq!(readiness::check(&s).await, READY);
}
