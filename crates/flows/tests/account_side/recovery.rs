//! A forgotten password.

use crate::world::{GOOD, MINUTE, OTHER, Person, World, app_code, origin};
use countersign_core::{
    authority::OperatorAuthority,
    email::EmailError,
    event::{EventKind, Origin},
    ids::UserId,
    message::Notice,
    password::PasswordError,
    second_step::{Method, SecondSteps, Standing},
    secret::PlainHandle,
};
use countersign_flows::{
    backup_codes, enrolment,
    enrolment::ConfirmOutcome,
    identity,
    recovery::{self, Asked, Reset},
    sign_in::{self, PasswordOutcome, VerifyOutcome},
};
use countersign_store::{failures, known_browsers, users};
use tokio::task::JoinSet;

const BEGINNING: &str = "https://sign-in.example/reset-password/";

/// Asks for a link, and takes its token out of the message.
async fn token(world: &World, person: &Person) -> String {
    assert_eq!(recovery::ask(&world.s, &person.email, &origin()).await.unwrap(), Asked::Done);
    let (to, link) = world.secret().await;
    assert_eq!(to, person.email);
    link.strip_prefix(BEGINNING).unwrap().to_owned()
}

async fn reset(world: &World, token: &str, password: &str) -> Reset {
    recovery::reset(&world.s, token, password, &origin()).await.unwrap()
}

#[tokio::test]
async fn everybody_gets_the_same_answer_and_only_account_holders_a_link() {
    let world = World::new().await;
    let ask = async |email: &str| recovery::ask(&world.s, email, &origin()).await.unwrap();
    world.disable(&world.ben());
    assert_eq!(ask("mia").await, Asked::Invalid(EmailError::Malformed));
    assert_eq!(ask("nobody@harbour-pine.example").await, Asked::Done);
    assert_eq!(ask(&world.ben().email).await, Asked::Done);
    assert!(world.mail().await.is_empty());
    let token = token(&world, &world.mia()).await;
    assert!(world.recorded(&world.mia(), EventKind::PasswordResetAsked).await);
    assert_eq!(recovery::account_of(&world.s, &token).await.unwrap(), Some(world.mia().email));
    assert_eq!(recovery::account_of(&world.s, "made-up").await.unwrap(), None);
}

#[tokio::test]
async fn a_reset_ends_every_session_and_is_told() {
    let world = World::new().await;
    let mia = world.mia();
    let token = token(&world, &mia).await;
    let (_, one) = world.session(&mia).await;
    let (_, other) = world.session(&mia).await;
    let (_, bens) = world.session(&world.ben()).await;
    let waiting = world.challenge(&mia).await;
    let (id, now, browser) = (mia.id, world.s.now(), PlainHandle::generate(&*world.s.entropy).stored());
    world.s.store.write(move |tx| known_browsers::know(tx, &browser, id, now)).await.unwrap();
    assert_eq!(reset(&world, &token, "mialund1").await, Reset::Password(PasswordError::Guessable));
    assert!(world.lives(&one).await);
    assert_eq!(reset(&world, &token, GOOD).await, Reset::Done);
    assert!(!world.lives(&one).await && !world.lives(&other).await && !world.waits(&waiting).await);
    assert!(world.lives(&bens).await);
    assert!(!world.s.store.read(move |tx| known_browsers::is_known(tx, &browser, id)).await.unwrap());
    assert_eq!(world.notice().await, (mia.email.clone(), Notice::PasswordChanged));
    assert!(world.recorded(&mia, EventKind::PasswordReset).await);
    assert!(matches!(world.password(&mia.email, &mia.password).await, PasswordOutcome::Wrong));
    assert!(matches!(world.password(&mia.email, GOOD).await, PasswordOutcome::Challenged { .. }));
    assert_eq!(reset(&world, &token, OTHER).await, Reset::Gone);
}

#[tokio::test]
async fn a_link_lives_an_hour_and_the_newest_alone() {
    let world = World::new().await;
    let mia = world.mia();
    let older = token(&world, &mia).await;
    let newer = token(&world, &mia).await;
    assert_eq!(reset(&world, &older, GOOD).await, Reset::Gone);
    world.advance(60 * MINUTE);
    assert_eq!(recovery::account_of(&world.s, &newer).await.unwrap(), None);
    assert_eq!(reset(&world, &newer, GOOD).await, Reset::Gone);
    assert_eq!(reset(&world, "made-up", GOOD).await, Reset::Gone);
    assert!(matches!(world.password(&mia.email, &mia.password).await, PasswordOutcome::Challenged { .. }));
}

#[tokio::test]
async fn an_account_that_was_switched_off_meanwhile_is_not_reset() {
    let world = World::new().await;
    let mia = world.mia();
    let token = token(&world, &mia).await;
    world.disable(&mia);
    assert_eq!(recovery::account_of(&world.s, &token).await.unwrap(), None);
    let before = world.user(&mia.email).await.unwrap().password_hash;
    assert_eq!(reset(&world, &token, GOOD).await, Reset::Gone);
    assert_eq!(world.user(&mia.email).await.unwrap().password_hash, before);
}

#[tokio::test]
async fn the_first_password_comes_by_a_link() {
    let world = World::new().await;
    let (now, id) = (world.s.now(), UserId::generate(world.s.now(), &*world.s.entropy));
    let email = "ida@quay.example";
    let new =
        users::NewUser { id, email: email.parse().unwrap(), name: "Ida Roth".into(), password_hash: None };
    let create = move |tx: &mut countersign_store::Tx<'_>| {
        users::create(tx, &OperatorAuthority::at_the_console(), &new, now)
    };
    assert!(world.s.store.write(create).await.unwrap());
    let ida = Person { id, email: email.into(), password: GOOD.into() };
    assert!(matches!(world.password(email, GOOD).await, PasswordOutcome::Wrong));
    let token = token(&world, &ida).await;
    assert_eq!(reset(&world, &token, GOOD).await, Reset::Done);
    assert!(matches!(world.password(email, GOOD).await, PasswordOutcome::Challenged { .. }));
}

/// The app, the phone and the backup codes are what they were: they are asked for, and they work.
#[tokio::test]
async fn a_reset_never_touches_the_second_step() {
    let world = World::new().await;
    let mia = world.mia();
    let (session, _) = world.session(&mia).await;
    enrolment::begin(&world.s, world.authority(&session)).await.unwrap();
    let key = enrolment::pending(&world.s, &session).await.unwrap().unwrap().key_plain;
    let code = app_code(&key, world.s.now());
    let added = enrolment::confirm(&world.s, &session, &code, "Phone", &origin()).await.unwrap();
    assert!(matches!(added, ConfirmOutcome::Added { first: true, .. }));
    let codes = backup_codes::reveal(&world.s, &session).await.unwrap().unwrap();
    world.mail().await;
    let before = world.steps(&mia).await;

    let token = token(&world, &mia).await;
    assert_eq!(reset(&world, &token, GOOD).await, Reset::Done);
    // What has changed is that the mailbox, which has just set the password, is no second factor beside it.
    assert_eq!(world.steps(&mia).await, SecondSteps { password_by_link: true, ..before });
    assert_eq!(
        (before.app, before.sms, before.backup_code),
        (Standing::Ready, Standing::Ready, Standing::Ready)
    );
    world.advance(MINUTE);
    let app = app_code(&key, world.s.now());
    for (method, code) in [(Method::App, &app), (Method::BackupCode, &codes[0])] {
        let PasswordOutcome::Challenged { handle } = world.password(&mia.email, GOOD).await else {
            panic!("no second step was asked for")
        };
        let challenge = identity::waiting(&world.s, &handle).await.unwrap().unwrap();
        let verified = sign_in::verify(&world.s, challenge, method, code, &origin(), None).await.unwrap();
        assert!(matches!(verified, VerifyOutcome::SignedIn(_)), "{method}: {verified:?}");
    }
}

/// The link has proven the mailbox; it has proven neither the app nor the phone.
#[tokio::test]
async fn a_reset_forgets_wrong_codes_by_email_alone() {
    let world = World::new().await;
    let (mia, now) = (world.mia(), world.s.now());
    let (id, email) = (mia.id, mia.email.clone());
    let disable = move |tx: &mut countersign_store::Tx<'_>| {
        let phone = countersign_store::phones::of_user(tx, id)?.unwrap().id.to_string();
        failures::record(tx, id, Method::Email, &email, 1, now)?;
        failures::record(tx, id, Method::Sms, &phone, 1, now)
    };
    world.s.store.write(disable).await.unwrap();
    let steps = world.steps(&mia).await;
    assert_eq!((steps.email, steps.sms), (Standing::Disabled, Standing::Disabled));
    let token = token(&world, &mia).await;
    assert_eq!(reset(&world, &token, GOOD).await, Reset::Done);
    let steps = world.steps(&mia).await;
    assert_eq!((steps.email, steps.sms), (Standing::Ready, Standing::Disabled));
}

#[tokio::test]
async fn links_are_limited_for_an_address_and_for_a_network_whoever_they_are_for() {
    let world = World::new().await;
    let from = |n: u8| Origin { address: [198, 51, 100, n].into(), user_agent: "a test".into() };
    for email in [world.mia().email, "nobody@harbour-pine.example".into()] {
        for n in 0..20 {
            assert_eq!(recovery::ask(&world.s, &email, &from(n)).await.unwrap(), Asked::Done);
        }
        let closed = recovery::ask(&world.s, &email, &from(99)).await.unwrap();
        assert_eq!(closed, Asked::Closed { retry_after: MINUTE / 2 });
    }
    for n in 0..20 {
        let email = format!("nobody-{n}@harbour-pine.example");
        assert_eq!(recovery::ask(&world.s, &email, &from(200)).await.unwrap(), Asked::Done);
    }
    for email in [world.ben().email, "nobody@quay.example".into()] {
        let closed = recovery::ask(&world.s, &email, &from(200)).await.unwrap();
        assert_eq!(closed, Asked::Closed { retry_after: MINUTE / 2 });
        // What was refused for the network has not been counted for the address.
        assert_eq!(recovery::ask(&world.s, &email, &from(201)).await.unwrap(), Asked::Done);
    }
}

#[tokio::test]
async fn a_link_that_was_used_frees_the_address() {
    let world = World::new().await;
    let mia = world.mia();
    for n in 0..2 {
        let elsewhere = |m: u8| Origin { address: [203, 0, n, m].into(), user_agent: "a test".into() };
        for m in 0..19 {
            assert_eq!(recovery::ask(&world.s, &mia.email, &elsewhere(m)).await.unwrap(), Asked::Done);
        }
        world.mail().await;
        let token = token(&world, &mia).await;
        let closed = recovery::ask(&world.s, &mia.email, &elsewhere(19)).await.unwrap();
        assert!(matches!(closed, Asked::Closed { .. }));
        assert_eq!(reset(&world, &token, GOOD).await, Reset::Done);
        world.mail().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_link_sets_one_password_under_a_burst() {
    let world = World::new().await;
    let mia = world.mia();
    let token = token(&world, &mia).await;
    let mut burst = JoinSet::new();
    for n in 0..50 {
        let (s, token) = (world.s.clone(), token.clone());
        burst.spawn(async move {
            let password = format!("{GOOD}-{n}");
            let outcome = recovery::reset(&s, &token, &password, &origin()).await.unwrap();
            (password, outcome)
        });
    }
    let outcomes = burst.join_all().await;
    let done: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == Reset::Done).collect();
    let [(password, _)] = done.as_slice() else { panic!("{outcomes:?}") };
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Reset::Done | Reset::Gone)));
    assert!(matches!(world.password(&mia.email, password).await, PasswordOutcome::Challenged { .. }));
    assert_eq!(world.notice().await.1, Notice::PasswordChanged);
}
