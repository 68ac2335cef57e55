//! `kill -9` in the middle of a burst of sign-ins: no spent code works again, and nothing acknowledged is missing.

use countersign_testkit::{Client, Engine};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loses_nothing_that_was_acknowledged() {
    for engine in Engine::ALL {
        crash_in_a_burst(engine).await;
    }
}

async fn crash_in_a_burst(engine: Engine) {
    let mut server = super::server(engine).await;
    let member = server.people().members[0].clone();
    let own = server.client();
    own.sign_in_with_email_code(&member).await;
    let app = own.set_up_app(&server).await;
    // Ten sign-ins that wait, one for each backup code.
    let mut waiting = Vec::new();
    for code in &app.backup_codes {
        let client = server.client();
        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        let csrf = client.get("/sign-in/verify?method=backup-code").await.csrf_token().unwrap();
        waiting.push((client, csrf, code.clone()));
    }
    let acknowledged: Arc<Mutex<Vec<(Client, String)>>> = Arc::default();
    let crashed = Arc::new(AtomicBool::new(false));
    let mut burst = JoinSet::new();
    for (client, csrf, code) in waiting {
        let (acknowledged, crashed) = (Arc::clone(&acknowledged), Arc::clone(&crashed));
        burst.spawn(async move {
            let fields = [("method", "backup-code"), ("code", &*code), ("csrf_token", &*csrf)];
            let answer = tokio::spawn({
                let client = client.fork();
                let body: Vec<(String, String)> =
                    fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
                async move {
                    let fields: Vec<(&str, &str)> = body.iter().map(|(k, v)| (&**k, &**v)).collect();
                    let page = client.post("/sign-in/verify", &fields).await;
                    (client, page)
                }
            })
            .await;
            // A request that the crash cut off panics in the test's client; it was not acknowledged.
            match answer {
                Ok((client, page)) if page.status == 303 => acknowledged.lock().unwrap().push((client, code)),
                Ok((_, page)) => panic!("refused before the crash: {page}"),
                Err(_) => assert!(crashed.load(Ordering::SeqCst), "cut off before the crash"),
            }
        });
    }
    // In the middle: after the first acknowledgement, before the last.
    while acknowledged.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    crashed.store(true, Ordering::SeqCst);
    server.kill();
    while let Some(done) = burst.join_next().await {
        done.unwrap();
    }
    server.restart().await;
    // The charges of the codes that were being compared stay: up to ten, which is a pause of 15 minutes.
    server.advance(Duration::from_secs(16 * 60));

    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    assert!(!acknowledged.is_empty());
    for (client, code) in &acknowledged {
        client.get("/profile").await.expect_status(200);
        let again = server.client();
        again.sign_in(&member).await.expect_redirect("/sign-in/verify");
        let refused = again.verify("backup-code", code).await.expect_status(422);
        assert!(refused.words().contains("used"), "{engine:?}: {refused}");
    }
    // Every other code is worth exactly one session still, or was spent without its answer arriving; never two.
    let spent: Vec<&String> = acknowledged.iter().map(|(_, code)| code).collect();
    for code in app.backup_codes.iter().filter(|code| !spent.contains(code)) {
        let mut sessions = 0;
        for _ in 0..2 {
            let client = server.client();
            client.sign_in(&member).await.expect_redirect("/sign-in/verify");
            sessions += usize::from(client.verify("backup-code", code).await.status == 303);
        }
        assert!(sessions <= 1, "{engine:?}: a backup code gave {sessions} sessions");
    }
}
