//! The pages of one's own account: overview, sessions, activity.

use crate::world::{MINUTE, World, app_code, origin};
use countersign_core::{event::EventKind, second_step::Standing};
use countersign_flows::{Rules, activity, enrolment, profile, sessions};

#[tokio::test]
async fn the_overview_says_what_the_account_has() {
    let world = World::new().await;
    let (session, _) = world.session(&world.mia()).await;
    let seen = profile::overview(&world.s, &session).await.unwrap();
    assert_eq!((seen.name.as_str(), seen.email), ("Mia Lund", world.mia().email));
    assert_eq!(seen.phone_masked.as_deref(), Some("••• ••42"));
    assert!(seen.apps.is_empty() && seen.sms_on_offer && seen.has_password);
    assert_eq!(seen.backup_codes_left, None);
    assert_eq!((seen.steps.app, seen.steps.email), (Standing::Absent, Standing::Ready));

    enrolment::begin(&world.s, world.authority(&session)).await.unwrap();
    let key = enrolment::pending(&world.s, &session).await.unwrap().unwrap().key_plain;
    let code = app_code(&key, world.s.now());
    enrolment::confirm(&world.s, &session, &code, "Pixel", &origin()).await.unwrap();
    let seen = profile::overview(&world.s, &session).await.unwrap();
    assert_eq!(seen.apps.iter().map(|app| app.name.as_str()).collect::<Vec<_>>(), ["Pixel"]);
    assert_eq!((seen.backup_codes_left, seen.steps.app), (Some(10), Standing::Ready));

    let without_sms = World::with(Rules { sms_countries: None, ..crate::world::rules() }).await;
    let (session, _) = without_sms.session(&without_sms.ben()).await;
    let seen = profile::overview(&without_sms.s, &session).await.unwrap();
    assert_eq!((seen.sms_on_offer, seen.phone_masked), (false, None));
}

#[tokio::test]
async fn sessions_are_listed_while_they_live_and_ended_one_by_one() {
    let world = World::new().await;
    let mia = world.mia();
    let (_, idle) = world.session(&mia).await;
    world.advance(59 * MINUTE);
    let (here, this) = world.session(&mia).await;
    world.advance(MINUTE);
    let (elsewhere, other) = world.session(&mia).await;
    let (bens, bens_handle) = world.session(&world.ben()).await;
    let listed = sessions::list(&world.s, &here).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|row| (row.record.id, row.address.as_str())).collect();
    assert_eq!(listed, [(elsewhere.id(), "192.0.2.7"), (here.id(), "192.0.2.7")]);
    assert!(!world.lives(&idle).await);

    assert!(!sessions::end(&world.s, &here, bens.id(), &origin()).await.unwrap());
    assert!(world.lives(&bens_handle).await);
    assert!(sessions::end(&world.s, &here, elsewhere.id(), &origin()).await.unwrap());
    assert!(!world.lives(&other).await && world.lives(&this).await);
    assert!(!sessions::end(&world.s, &here, elsewhere.id(), &origin()).await.unwrap());
    assert!(world.recorded(&mia, EventKind::SessionEnded).await);
}

#[tokio::test]
async fn all_others_end_at_once_and_a_sign_in_that_waits_does_not() {
    let world = World::new().await;
    let mia = world.mia();
    let (here, this) = world.session(&mia).await;
    let (_, one) = world.session(&mia).await;
    let (_, two) = world.session(&mia).await;
    let (_, bens) = world.session(&world.ben()).await;
    let waiting = world.challenge(&mia).await;
    assert_eq!(sessions::end_others(&world.s, &here, &origin()).await.unwrap(), 2);
    assert!(world.lives(&this).await && world.lives(&bens).await);
    assert!(!world.lives(&one).await && !world.lives(&two).await && world.waits(&waiting).await);
    assert_eq!(sessions::end_others(&world.s, &here, &origin()).await.unwrap(), 0);
    let seen = activity::recent(&world.s, &here).await.unwrap();
    let ended: Vec<_> =
        seen.iter().filter(|event| event.kind == EventKind::SessionEnded).map(|e| e.detail.count).collect();
    assert_eq!(ended, [Some(2)]);
}

#[tokio::test]
async fn activity_is_the_accounts_own_and_the_newest_first() {
    let world = World::new().await;
    let (session, _) = world.session(&world.ben()).await;
    world.advance(MINUTE);
    for person in [world.ben(), world.mia()] {
        let (here, _) = world.session(&person).await;
        let (elsewhere, _) = world.session(&person).await;
        assert!(sessions::end(&world.s, &here, elsewhere.id(), &origin()).await.unwrap());
    }
    let seen = activity::recent(&world.s, &session).await.unwrap();
    let kinds: Vec<_> = seen.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SessionEnded, EventKind::AccountCreated]);
    assert!(seen.iter().all(|event| event.actor.is_none()));
    assert_eq!((seen[0].at, seen[0].address.as_str()), (world.s.now(), "192.0.2.7"));
}
