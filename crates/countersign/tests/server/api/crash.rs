//! `kill -9` in the middle of a burst: a request with an idempotency key that is sent again after the restart has one effect.

use super::{Application, register, server, value};
use countersign_testkit::{Engine, Server};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

const KEYS: usize = 40;

/// After how many answers of one burst the server is killed.
const KILLED_AFTER: [usize; 5] = [1, 4, 8, 2, 5];

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_takes_effect_once_though_the_server_crashes() {
    for engine in Engine::ALL {
        let mut server = server(engine).await;
        let application = register(&server, "Brightwater");
        application.put_user("mia").await.expect_status(201);
        let mut challenges = BTreeMap::new();
        for after in KILLED_AFTER {
            let answered = Arc::new(AtomicUsize::new(0));
            let burst = sent(&application, &challenges, &answered);
            let open = burst.len();
            while answered.load(Ordering::SeqCst) < after.min(open) {
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            server.kill();
            collected(&mut challenges, burst).await;
            server.restart().await;
            // Longer than any request is worked on.
            server.advance(Duration::from_secs(61));
        }
        let burst = sent(&application, &challenges, &Arc::default());
        collected(&mut challenges, burst).await;
        assert_eq!(challenges.len(), KEYS, "{engine:?}: every request was answered in the end");
        for (key, challenge) in &challenges {
            let again = create(application.fork(), key.clone()).await;
            assert_eq!(Some(challenge), again.as_ref(), "{engine:?} {key}");
        }
        assert_eq!(count(&server), KEYS, "{engine:?}: a key had more than one effect");
    }
}

/// Sends every request at once that has not been answered.
fn sent(
    application: &Application,
    challenges: &BTreeMap<String, String>,
    answered: &Arc<AtomicUsize>,
) -> JoinSet<(String, Option<String>)> {
    let mut burst = JoinSet::new();
    for key in (0..KEYS).map(|n| format!("key-{n}")).filter(|key| !challenges.contains_key(key)) {
        let (application, answered) = (application.fork(), Arc::clone(answered));
        burst.spawn(async move {
            let challenge = create(application, key.clone()).await;
            answered.fetch_add(1, Ordering::SeqCst);
            (key, challenge)
        });
    }
    burst
}

/// Creates a challenge under a key: its id, if the answer is one.
async fn create(application: Application, key: String) -> Option<String> {
    let body = json!({"user": "mia"});
    let page = application.ask("POST", "/api/v1/challenges", &[("idempotency-key", &key)], Some(&body)).await;
    (page.status == 201).then(|| value(&page)["id"].as_str().unwrap().to_owned())
}

async fn collected(challenges: &mut BTreeMap<String, String>, mut burst: JoinSet<(String, Option<String>)>) {
    while let Some(done) = burst.join_next().await {
        // A request that the crash cut off panics in the test's client.
        if let Ok((key, Some(challenge))) = done {
            challenges.insert(key, challenge);
        }
    }
}

fn count(server: &Server) -> usize {
    const SQL: &str = "SELECT count(*) FROM application_challenges";
    match server.database() {
        Some(database) => database.query(SQL).parse().unwrap(),
        None => {
            let file = rusqlite::Connection::open(server.data().join("countersign.db")).unwrap();
            file.query_row(SQL, [], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
        }
    }
}
