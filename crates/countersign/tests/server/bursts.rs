//! One code is worth one session, however many ask at once; on both engines.

use countersign_testkit::{Client, Engine, Kind, Page, Server, burst};
use std::sync::Arc;

const AT_ONCE: usize = 200;

/// Sends the same code 200 times at once for one waiting sign-in, and counts the sessions that came of it.
async fn submit(server: &Server, client: &Client, method: &'static str, code: &str) -> usize {
    let page = client.get(&format!("/sign-in/verify?method={method}")).await.expect_status(200);
    let csrf = page.csrf_token().unwrap();
    let base = Arc::new(client.fork());
    let code = code.to_owned();
    let answers: Vec<Page> = burst(AT_ONCE, |_| {
        let (person, csrf, code) = (base.fork(), csrf.clone(), code.clone());
        async move {
            let fields = [("method", method), ("code", &*code), ("csrf_token", &*csrf)];
            let page = person.post("/sign-in/verify", &fields).await;
            assert!(matches!(page.status, 303 | 422 | 429), "{page}");
            let session = person.cookie("countersign");
            let signed_in = page.status == 303 && person.get("/profile").await.status == 200;
            assert_eq!(signed_in, page.status == 303 && session.is_some() && !refers_back(&page), "{page}");
            (page, signed_in)
        }
    })
    .await
    .into_iter()
    .filter_map(|(page, signed_in)| signed_in.then_some(page))
    .collect();
    assert!(server.process_id().is_some());
    answers.len()
}

fn refers_back(page: &Page) -> bool {
    page.location().is_some_and(|location| location.starts_with("/sign-in"))
}

async fn one_winner_of_each_kind(engine: Engine) {
    let server = super::server(engine).await;
    let member = server.people().members[0].clone();
    // E-mail and SMS, before there is an app.
    for (method, kind) in [("email", Kind::Email), ("sms", Kind::Sms)] {
        let client = server.client();
        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        let to = (kind == Kind::Email).then_some(member.email.as_str());
        let mut mailbox = server.mailbox(kind, to).await;
        client.send_code(method).await.expect_redirect("/sign-in/verify");
        let code = mailbox.next_code().await;
        assert_eq!(submit(&server, &client, method, &code).await, 1, "{engine:?} {method}");
    }
    let owner = server.client();
    owner.sign_in_with_email_code(&member).await;
    let mut app = owner.set_up_app(&server).await;
    let backup_code = app.backup_codes[0].clone();
    let client = server.client();
    client.sign_in(&member).await.expect_redirect("/sign-in/verify");
    let code = app.fresh_code();
    assert_eq!(submit(&server, &client, "app", &code).await, 1, "{engine:?} app");
    let client = server.client();
    client.sign_in(&member).await.expect_redirect("/sign-in/verify");
    assert_eq!(submit(&server, &client, "backup-code", &backup_code).await, 1, "{engine:?} backup code");
    // Nobody was locked out by it: a code that was right and spent is no guess.
    server.client().sign_in_with_app(&member, &mut app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_submissions_give_one_session_on_sqlite() {
    one_winner_of_each_kind(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_submissions_give_one_session_on_postgresql() {
    one_winner_of_each_kind(Engine::Postgres).await;
}

/// The same app code over twenty sign-ins of their own, each with the right password.
async fn one_winner_over_many_sign_ins(engine: Engine) {
    let server = super::server(engine).await;
    let member = server.people().members[1].clone();
    let own = server.client();
    own.sign_in_with_email_code(&member).await;
    let mut app = own.set_up_app(&server).await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let client = server.client();
        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        client.get("/sign-in/verify?method=app").await.expect_status(200);
        waiting.push(Arc::new(client));
    }
    let code = app.fresh_code();
    let answers = burst(waiting.len(), |i| {
        let (client, code) = (Arc::clone(&waiting[i]), code.clone());
        async move { client.post("/sign-in/verify", &[("method", "app"), ("code", &code)]).await }
    })
    .await;
    let won = answers.iter().filter(|page| page.status == 303).count();
    assert_eq!(won, 1, "{engine:?}");
    server.client().sign_in_with_app(&member, &mut app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_over_many_sign_ins_gives_one_session() {
    for engine in Engine::ALL {
        one_winner_over_many_sign_ins(engine).await;
    }
}

/// The counter is charged before a code is looked at: of 200 guesses at once, ten are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_cannot_slip_past_the_counter() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[2].clone();
        let own = server.client();
        own.sign_in_with_email_code(&member).await;
        let app = own.set_up_app(&server).await;
        let client = server.client();
        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        let page = client.get("/sign-in/verify?method=app").await.expect_status(200);
        let (csrf, client) = (page.csrf_token().unwrap(), Arc::new(client));
        // Guesses that are not the code of any step nearby.
        let now = server.clock().now();
        let real: Vec<String> = (0..8).map(|i| app.code_at(now + 30 * i - 120)).collect();
        let guesses: Vec<String> =
            (0..).map(|n| format!("{n:06}")).filter(|guess| !real.contains(guess)).take(AT_ONCE).collect();
        let statuses = burst(AT_ONCE, |i| {
            let (person, csrf, guess) = (client.fork(), csrf.clone(), guesses[i].clone());
            async move {
                let fields = [("method", "app"), ("code", &*guess), ("csrf_token", &*csrf)];
                person.post("/sign-in/verify", &fields).await.status
            }
        })
        .await;
        let count = |status| statuses.iter().filter(|s| **s == status).count();
        assert_eq!((count(422), count(429)), (10, AT_ONCE - 10), "{engine:?}: {statuses:?}");
    }
}

/// Of 200 backup codes at once the counter refuses all but ten; the pool that hashes them is never full of one account.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_backup_codes_are_answered_by_the_counter() {
    for engine in Engine::ALL {
        let server = super::server(engine).await;
        let member = server.people().members[2].clone();
        let own = server.client();
        own.sign_in_with_email_code(&member).await;
        let app = own.set_up_app(&server).await;
        let client = server.client();
        client.sign_in(&member).await.expect_redirect("/sign-in/verify");
        let page = client.get("/sign-in/verify?method=backup-code").await.expect_status(200);
        let (csrf, client) = (page.csrf_token().unwrap(), Arc::new(client));
        // Each has the selector of a code that exists, so each would cost a hash, and another secret.
        let codes: Vec<String> =
            (0..AT_ONCE).map(|n| with_another_secret(&app.backup_codes[n % 10], n)).collect();
        let statuses = burst(AT_ONCE, |i| {
            let (person, csrf, code) = (client.fork(), csrf.clone(), codes[i].clone());
            async move {
                let fields = [("method", "backup-code"), ("code", &*code), ("csrf_token", &*csrf)];
                person.post("/sign-in/verify", &fields).await.status
            }
        })
        .await;
        let count = |status| statuses.iter().filter(|s| **s == status).count();
        assert_eq!((count(422), count(429)), (10, AT_ONCE - 10), "{engine:?}: {statuses:?}");
    }
}

/// A well-formed code with the same selector: three characters of the secret are other ones, and the check character is
/// computed anew (`crates/otp/src/backup_code.rs`).
fn with_another_secret(code: &str, n: usize) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut values: Vec<u8> = code
        .bytes()
        .filter_map(|byte| u8::try_from(ALPHABET.iter().position(|one| *one == byte)?).ok())
        .collect();
    values.truncate(19);
    values[5] ^= u8::try_from(1 + n % 31).unwrap();
    values[6] ^= u8::try_from(n / 31).unwrap();
    let check = values.iter().fold(0_u8, |sum, value| {
        let doubled = (sum ^ value) << 1;
        if doubled & 32 == 0 { doubled } else { doubled ^ 0b10_0101 }
    });
    values.push(check);
    values.into_iter().map(|value| char::from(ALPHABET[usize::from(value)])).collect()
}
