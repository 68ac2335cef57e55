//! The password step: what it costs, what it says, and what it leaves behind.

use crate::world::{GOOD, MINUTE, World, origin};
use countersign_core::event::EventKind;
use countersign_flows::{
    Fault, Services,
    hashing::{Hashing, HashingSettings, Share},
    sign_in::{self, PasswordOutcome},
};
use std::sync::Arc;

async fn attempt(s: &Services, email: &str, password: &str) -> Result<PasswordOutcome, Fault> {
    let origin = origin();
    let attempt =
        sign_in::Attempt { email, password, return_to: None, origin: &origin, browser: None, replaces: None };
    sign_in::password(s, attempt).await
}

/// Services on the same database, with a pool of their own.
fn with_pool(world: &World, threads: usize, queue: usize, iterations: u32) -> Services {
    let entropy = Arc::clone(&world.s.entropy);
    let settings = HashingSettings { threads, queue, memory_kib: 64, iterations, parallelism: 1 };
    let hashing = Hashing::new(settings, Arc::clone(&entropy)).unwrap();
    Services::new(world.s.store.clone(), Arc::clone(&world.s.clock), entropy, hashing, world.s.rules.clone())
}

/// The answer is the same word, and each takes its turn on the pool: with the one turn taken, each is told to come back.
#[tokio::test]
async fn unknown_disabled_passwordless_and_wrong_are_one_answer_for_one_hash() {
    let world = World::new().await;
    world.disable(&world.ben());
    let olivia = world.olivia();
    let database = rusqlite::Connection::open(world.dir.path().join("test.db")).unwrap();
    let sql = "UPDATE users SET password_hash = NULL WHERE id = ?1";
    assert_eq!(database.execute(sql, [olivia.id.to_string()]).unwrap(), 1);
    let cases = [
        ("nobody@harbour-pine.example".to_owned(), GOOD.to_owned()),
        (world.ben().email, world.ben().password),
        (olivia.email, olivia.password),
        (world.mia().email, GOOD.to_owned()),
    ];
    for (email, password) in &cases {
        let outcome = attempt(&world.s, email, password).await.unwrap();
        assert!(matches!(outcome, PasswordOutcome::Wrong), "{email}: {outcome:?}");
    }
    let full = with_pool(&world, 1, 0, 1);
    let taken = full.hashing.turn(Share::operator()).await.unwrap();
    for (email, password) in &cases {
        assert!(matches!(attempt(&full, email, password).await, Err(Fault::Busy)), "{email}");
    }
    drop(taken);
}

/// A refusal because the pool is full charges nobody: the account's counter is where it was.
#[tokio::test]
async fn a_full_pool_charges_nobody() {
    let world = World::new().await;
    let full = with_pool(&world, 1, 0, 1);
    let taken = full.hashing.turn(Share::operator()).await.unwrap();
    for _ in 0..20 {
        assert!(matches!(attempt(&full, &world.mia().email, GOOD).await, Err(Fault::Busy)));
    }
    drop(taken);
    world.challenge(&world.mia()).await;
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_made_anew_at_the_next_sign_in() {
    let world = World::new().await;
    let mia = world.mia();
    let before = world.user(&mia.email).await.unwrap().password_hash.unwrap();
    assert!(before.contains("t=1"), "{before}");
    let stronger = with_pool(&world, 2, 8, 3);
    let outcome = attempt(&stronger, &mia.email, GOOD).await.unwrap();
    assert!(matches!(outcome, PasswordOutcome::Wrong));
    assert_eq!(world.user(&mia.email).await.unwrap().password_hash.as_ref(), Some(&before));
    let outcome = attempt(&stronger, &mia.email, &mia.password).await.unwrap();
    assert!(matches!(outcome, PasswordOutcome::Challenged { .. }), "{outcome:?}");
    let after = world.user(&mia.email).await.unwrap().password_hash.unwrap();
    assert!(after.contains("t=3"), "{after}");
    let again = attempt(&stronger, &mia.email, &mia.password).await.unwrap();
    assert!(matches!(again, PasswordOutcome::Challenged { .. }), "{again:?}");
    assert_eq!(world.user(&mia.email).await.unwrap().password_hash, Some(after));
}

#[tokio::test]
async fn a_waiting_sign_in_ends_with_the_account_and_after_a_quarter_of_an_hour() {
    let world = World::new().await;
    let handle = world.challenge(&world.mia()).await;
    assert!(world.waits(&handle).await);
    world.advance(15 * MINUTE);
    assert!(!world.waits(&handle).await);
    let handle = world.challenge(&world.ben()).await;
    world.disable(&world.ben());
    assert!(!world.waits(&handle).await);
}

#[tokio::test]
async fn a_wrong_password_is_found_in_the_activity() {
    let world = World::new().await;
    let outcome = attempt(&world.s, &world.mia().email, GOOD).await.unwrap();
    assert!(matches!(outcome, PasswordOutcome::Wrong));
    // It is written after the answer; the writer takes jobs in order, so one more write comes after it.
    tokio::task::yield_now().await;
    world.challenge(&world.ben()).await;
    assert!(world.recorded(&world.mia(), EventKind::PasswordWrong).await);
}
