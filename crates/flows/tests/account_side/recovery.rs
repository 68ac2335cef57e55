//! A forgotten password.

use crate::world::{GOOD, MINUTE, OTHER, Person, World, app_code, entered, on_both, origin, rules};
use countersign_core::{
    authority::OperatorAuthority,
    budget::{Budgets, Scope},
    email::EmailError,
    event::{EventKind, Origin},
    ids::UserId,
    message::{Content, Notice},
    password::PasswordError,
    second_step::{Method, SecondSteps, Standing},
    secret::PlainHandle,
};
use countersign_flows::{
    Rules, backup_codes, enrolment,
    enrolment::ConfirmOutcome,
    identity,
    recovery::{self, Asked, Reset},
    second_step::SendOutcome,
    sign_in::{self, PasswordOutcome, VerifyOutcome},
};
use countersign_store::{failures, known_browsers, users};
use tokio::task::JoinSet;

const BEGINNING: &str = "https://sign-in.example/reset-password/";

/// Asks for a link, and takes its token out of the message.
async fn token(world: &World, person: &Person) -> String {
    assert_eq!(world.request_link(&person.email, &origin()).await, None);
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
    let ask = async |email: &str| world.request_link(email, &origin()).await;
    world.disable(&world.ben());
    assert_eq!(ask("mia").await, Some(Asked::Invalid(EmailError::Malformed)));
    assert_eq!(ask("nobody@harbour-pine.example").await, None);
    assert_eq!(ask(&world.ben().email).await, None);
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
    world.s.store.write(move |tx| known_browsers::know(tx, &browser, id, &origin(), now)).await.unwrap();
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
async fn a_link_lives_an_hour() {
    let world = World::new().await;
    let mia = world.mia();
    let link = token(&world, &mia).await;
    world.advance(60 * MINUTE);
    assert_eq!(recovery::account_of(&world.s, &link).await.unwrap(), None);
    assert_eq!(reset(&world, &link, GOOD).await, Reset::Gone);
    assert_eq!(reset(&world, "made-up", GOOD).await, Reset::Gone);
    assert!(matches!(world.password(&mia.email, &mia.password).await, PasswordOutcome::Challenged { .. }));
}

/// What someone else requests takes nothing from the account holder: not the link that they have, and not their turn.
#[tokio::test]
async fn links_that_others_request_neither_end_a_link_nor_stop_one() {
    on_both(async |world| {
        let mia = world.mia();
        let from = |n: u8| Origin { address: [198, 51, 100, n].into(), user_agent: "a test".into() };
        let first = token(world, &mia).await;
        for n in 0..20 {
            assert_eq!(world.request_link(&mia.email, &from(n)).await, None, "the answer stays the same");
        }
        assert_eq!(world.mail().await.len(), 2, "three links within an hour");
        assert_eq!(recovery::account_of(&world.s, &first).await.unwrap(), Some(mia.email.clone()));
        // A browser in which she has signed in before has three of its own.
        let (id, now) = (mia.id, world.s.now());
        let browser = PlainHandle::generate(&*world.s.entropy).stored();
        world.s.store.write(move |tx| known_browsers::know(tx, &browser, id, &origin(), now)).await.unwrap();
        let strangers = PlainHandle::generate(&*world.s.entropy).stored();
        for (browser, sent) in [(browser, 3), (strangers, 0)] {
            for _ in 0..4 {
                assert_eq!(world.request_link_in(&mia.email, &origin(), Some(browser)).await, None);
            }
            assert_eq!(world.mail().await.len(), sent);
        }
        // Each link works until it is an hour old or one of them is used, and then all end.
        world.advance(59 * MINUTE);
        assert_eq!(recovery::account_of(&world.s, &first).await.unwrap(), Some(mia.email.clone()));
        world.advance(MINUTE);
        let [one, other] = [token(world, &mia).await, token(world, &mia).await];
        assert_eq!(reset(world, &other, GOOD).await, Reset::Done);
        assert_eq!(reset(world, &one, OTHER).await, Reset::Gone);
    })
    .await;
}

#[tokio::test]
async fn whenever_a_link_is_refused_one_that_works_is_in_the_mailbox() {
    let world = World::new().await;
    let mia = world.mia();
    let mut links: Vec<String> = Vec::new();
    for n in 0..100_u8 {
        let from = Origin { address: [203, 0, 113, n].into(), user_agent: "a test".into() };
        assert_eq!(world.request_link(&mia.email, &from).await, None);
        let mut mail = world.mail().await;
        match mail.pop().map(|letter| letter.content) {
            Some(Content::ResetPassword { link, .. }) => {
                links.push(link.strip_prefix(BEGINNING).unwrap().to_owned());
            }
            Some(_) => panic!("not a link"),
            None => {
                let newest = links.last().unwrap();
                let account = recovery::account_of(&world.s, newest).await.unwrap();
                assert_eq!(account, Some(mia.email.clone()), "request {n}");
            }
        }
        world.advance(7 * MINUTE);
    }
    // 700 minutes, three an hour.
    assert!((33..=36).contains(&links.len()), "{}", links.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_at_once_three_send_a_link() {
    on_both(async |world| {
        let mut burst = JoinSet::new();
        for n in 0..20 {
            let (s, email) = (world.s.clone(), world.mia().email);
            let from = Origin { address: [203, 0, 113, n].into(), user_agent: "a test".into() };
            burst.spawn(async move {
                let Asked::Admitted(request) = recovery::ask(&s, &email, &from, None).await.unwrap() else {
                    panic!("not admitted")
                };
                request.send(&s).await.unwrap();
            });
        }
        burst.join_all().await;
        assert_eq!(world.mail().await.len(), 3);
    })
    .await;
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
    enrolment::begin(&world.s, world.authority(&session), None).await.unwrap();
    let key = enrolment::pending(&world.s, &session).await.unwrap().unwrap().key_plain;
    let code = app_code(&key, world.s.now());
    let added = enrolment::confirm(&world.s, &session, entered(&code, "Phone"), &origin()).await.unwrap();
    assert!(matches!(added, ConfirmOutcome::Added { first: true, .. }));
    let codes = backup_codes::current(&world.s, &session).await.unwrap().unwrap().1.unwrap().codes;
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
        let PasswordOutcome::Challenged { handle, .. } = world.password(&mia.email, GOOD).await else {
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
async fn links_are_limited_for_a_network_whoever_they_are_for() {
    let world = World::new().await;
    let from = |n: u8| Origin { address: [198, 51, 100, n].into(), user_agent: "a test".into() };
    for n in 0..20 {
        let email = format!("nobody-{n}@harbour-pine.example");
        assert_eq!(world.request_link(&email, &from(200)).await, None);
    }
    for email in [world.ben().email, "nobody@quay.example".into()] {
        let closed = world.request_link(&email, &from(200)).await;
        assert_eq!(closed, Some(Asked::Closed { retry_after: MINUTE / 2 }));
        assert_eq!(world.request_link(&email, &from(201)).await, None);
    }
    assert_eq!(world.mail().await.len(), 1);
}

/// Half of what the server may send is for those who have signed in.
#[tokio::test]
async fn a_flood_of_links_leaves_half_of_the_budget_and_the_refusal_is_the_same_for_everyone() {
    let budgets = Budgets::new(|scope| (scope == Scope::EmailServer).then_some(4));
    let world = World::with(Rules { budgets, ..rules() }).await;
    for person in [world.mia(), world.ben()] {
        assert_eq!(world.request_link(&person.email, &origin()).await, None);
    }
    for email in [world.adam().email, "nobody@quay.example".into()] {
        let closed = world.request_link(&email, &origin()).await;
        assert_eq!(closed, Some(Asked::Closed { retry_after: 24 * 60 * MINUTE }));
    }
    assert_eq!(world.mail().await.len(), 2);
    let challenge = world.challenge(&world.mia()).await;
    let challenge = identity::waiting(&world.s, &challenge).await.unwrap().unwrap();
    let sent = sign_in::send_code(&world.s, &challenge, Method::Email, &origin(), None).await.unwrap();
    assert_eq!(sent, SendOutcome::Sent);
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
