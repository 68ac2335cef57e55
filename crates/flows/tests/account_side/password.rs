//! Changing one's own password.

use crate::world::{GOOD, MINUTE, OTHER, World, origin, rules};
use countersign_core::{
    event::EventKind, message::Notice, password::PasswordError, secret::PlainHandle, throttle::Limits,
};
use countersign_flows::{
    password_change::{self, PasswordChange},
    recovery,
    sign_in::PasswordOutcome,
};
use countersign_store::{known_browsers, sessions};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_new_password_ends_everything_else_and_is_told() {
    let world = World::new().await;
    let mia = world.mia();
    assert_eq!(world.request_link(&mia.email, &origin()).await, None);
    let (_, link) = world.secret().await;
    let browser = PlainHandle::generate(&*world.s.entropy).stored();
    let (id, now) = (mia.id, world.s.now());
    world.s.store.write(move |tx| known_browsers::know(tx, &browser, id, &origin(), now)).await.unwrap();
    let (here, this) = world.session(&mia).await;
    let (_, elsewhere) = world.session(&mia).await;
    let (_, bens) = world.session(&world.ben()).await;
    let waiting = world.challenge(&mia).await;

    let authority = world.authority(&here);
    let changed = password_change::change(&world.s, authority, &mia.password, GOOD, &origin()).await.unwrap();
    assert_eq!(changed, PasswordChange::Changed { ended: 1 });
    assert!(world.lives(&this).await && world.lives(&bens).await);
    assert!(!world.lives(&elsewhere).await && !world.waits(&waiting).await);
    let token = link.rsplit('/').next().unwrap();
    assert_eq!(recovery::account_of(&world.s, token).await.unwrap(), None);
    assert!(!world.s.store.read(move |tx| known_browsers::is_known(tx, &browser, id)).await.unwrap());
    assert_eq!(world.notice().await, (mia.email.clone(), Notice::PasswordChanged));
    assert!(world.recorded(&mia, EventKind::PasswordChanged).await);
    assert!(matches!(world.password(&mia.email, &mia.password).await, PasswordOutcome::Wrong));
    assert!(matches!(world.password(&mia.email, GOOD).await, PasswordOutcome::Challenged { .. }));
}

#[tokio::test]
async fn wrong_current_passwords_are_counted_and_weak_new_ones_are_not() {
    let world = World::new().await;
    let mia = world.mia();
    let (session, _) = world.session(&mia).await;
    let change = async |current: &str, new: &str| {
        password_change::change(&world.s, world.authority(&session), current, new, &origin()).await.unwrap()
    };
    for (weak, error) in [
        ("", PasswordError::Empty),
        ("short", PasswordError::TooShort),
        ("harbour-pine", PasswordError::Guessable),
        ("mialund1", PasswordError::Guessable),
    ] {
        for _ in 0..3 {
            assert_eq!(change("anything", weak).await, PasswordChange::New(error));
        }
    }
    for _ in 0..5 {
        assert_eq!(change(OTHER, GOOD).await, PasswordChange::WrongCurrent);
    }
    assert_eq!(change(&mia.password, GOOD).await, PasswordChange::Closed { retry_after: MINUTE / 2 });
    world.advance(MINUTE / 2);
    // The same password again is a choice like any other.
    assert_eq!(change(&mia.password, &mia.password).await, PasswordChange::Changed { ended: 0 });
    assert!(matches!(world.password(&mia.email, &mia.password).await, PasswordOutcome::Challenged { .. }));
    assert_eq!(change("", GOOD).await, PasswordChange::WrongCurrent);
}

#[tokio::test]
async fn a_session_that_was_ended_meanwhile_changes_nothing() {
    let world = World::new().await;
    let mia = world.mia();
    let (session, _) = world.session(&mia).await;
    let authority = world.authority(&session);
    let id = mia.id;
    world.s.store.write(move |tx| sessions::end_all(tx, id)).await.unwrap();
    let changed = password_change::change(&world.s, authority, &mia.password, GOOD, &origin()).await.unwrap();
    assert_eq!(changed, PasswordChange::WrongCurrent);
    assert!(world.mail().await.is_empty());
    assert!(matches!(world.password(&mia.email, &mia.password).await, PasswordOutcome::Challenged { .. }));
}

/// Each of them has checked the current password; the first to write takes it away from all others.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_changes_at_once_one_counts() {
    let patient = Limits { allowed: 1000, ..rules().password_pair };
    let world = World::with(countersign_flows::Rules { password_pair: patient, ..rules() }).await;
    let mia = world.mia();
    let (session, _) = world.session(&mia).await;
    let mut burst = JoinSet::new();
    for n in 0..20 {
        let (s, authority, current) = (world.s.clone(), world.authority(&session), mia.password.clone());
        burst.spawn(async move {
            let new = format!("{GOOD}-{n}");
            let changed = password_change::change(&s, authority, &current, &new, &origin()).await.unwrap();
            (new, changed)
        });
    }
    let outcomes = burst.join_all().await;
    let changed: Vec<_> =
        outcomes.iter().filter(|(_, c)| matches!(c, PasswordChange::Changed { .. })).collect();
    let [(new, PasswordChange::Changed { ended: 0 })] = changed.as_slice() else { panic!("{outcomes:?}") };
    assert!(matches!(world.password(&mia.email, new).await, PasswordOutcome::Challenged { .. }));
}
