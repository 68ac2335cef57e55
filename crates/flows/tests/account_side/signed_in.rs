//! The pages of one's own account: overview, sessions, activity.

use crate::world::{MINUTE, World, app_code, entered, origin, rules};
use countersign_core::{
    event::{EventKind, Origin, Retention},
    second_step::Standing,
};
use countersign_flows::{Rules, activity, enrolment, profile, sessions, sign_in};

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

    enrolment::begin(&world.s, world.authority(&session), None).await.unwrap();
    let key = enrolment::pending(&world.s, &session).await.unwrap().unwrap().key_plain;
    let code = app_code(&key, world.s.now());
    enrolment::confirm(&world.s, &session, entered(&code, "Pixel"), &origin()).await.unwrap();
    let seen = profile::overview(&world.s, &session).await.unwrap();
    assert_eq!(seen.apps.iter().map(|app| app.name.as_str()).collect::<Vec<_>>(), ["Pixel"]);
    assert_eq!((seen.backup_codes_left, seen.steps.app), (Some(10), Standing::Ready));

    let without_sms = World::with(Rules { sms_countries: None, ..rules() }).await;
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
    let seen = activity::page(&world.s, &here, None).await.unwrap().events;
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
    let seen = activity::page(&world.s, &session, None).await.unwrap().events;
    let kinds: Vec<_> = seen.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SessionEnded, EventKind::AccountCreated]);
    assert!(seen.iter().all(|event| event.actor.is_none()));
    assert_eq!((seen[0].at, seen[0].address.as_str()), (world.s.now(), "192.0.2.7"));
}

#[tokio::test]
async fn wrong_passwords_do_not_push_anything_off_the_first_page() {
    crate::world::on_both(async |world| {
        let (session, _) = world.session(&world.ben()).await;
        let page = async |before| activity::page(&world.s, &session, before).await.unwrap();
        world.advance(MINUTE);
        // More than a page, as fast as the counters admit them: from another network each time.
        for n in 0..60 {
            let origin = Origin { address: format!("198.51.{n}.7").parse().unwrap(), ..origin() };
            let email = world.ben().email;
            let attempt = sign_in::Attempt {
                email: &email,
                password: "a wrong password",
                return_to: None,
                origin: &origin,
                browser: None,
                replaces: None,
            };
            sign_in::password(&world.s, attempt).await.unwrap();
        }
        // They are recorded after the answer.
        let mut seen = page(None).await;
        for _ in 0..1000 {
            if seen.events[0].times == 60 {
                break;
            }
            tokio::time::sleep(MINUTE / 6000).await;
            seen = page(None).await;
        }
        let kinds: Vec<_> = seen.events.iter().map(|event| (event.kind, event.times)).collect();
        assert_eq!(kinds, [(EventKind::PasswordWrong, 60), (EventKind::AccountCreated, 1)]);
        assert!(seen.older.is_none());
    })
    .await;
}

#[tokio::test]
async fn older_activity_is_a_page_further_and_goes_when_its_time_has_come() {
    let day = 24 * 60 * MINUTE;
    let kept = Retention { sign_ins: Some(2 * day), ..Retention::default() };
    let world = World::with(Rules { events_kept: kept, ..rules() }).await;
    let (session, _) = world.session(&world.mia()).await;
    for _ in 0..activity::PAGE + 10 {
        world.advance(MINUTE);
        let (other, _) = world.session(&world.mia()).await;
        assert!(sessions::end(&world.s, &session, other.id(), &origin()).await.unwrap());
    }
    let first = activity::page(&world.s, &session, None).await.unwrap();
    assert_eq!(first.events.len(), usize::try_from(activity::PAGE).unwrap());
    let second = activity::page(&world.s, &session, first.older).await.unwrap();
    assert_eq!((second.events.len(), second.older), (11, None));
    let all: Vec<_> = first.events.iter().chain(&second.events).map(|event| event.at).collect();
    assert!(all.is_sorted_by(|newer, older| newer >= older));
    assert_eq!(second.events[10].kind, EventKind::AccountCreated);
    let elses = world.session(&world.ben()).await.0;
    let elses = activity::page(&world.s, &elses, first.older).await.unwrap();
    assert!(
        elses.events.iter().all(|event| event.kind == EventKind::AccountCreated),
        "a cursor shows only one's own"
    );

    assert_eq!(activity::forget_old(&world.s).await.unwrap(), 0);
    world.advance(2 * day);
    assert_eq!(activity::forget_old(&world.s).await.unwrap(), 60);
    assert_eq!(world.count("events"), world.count("users"), "changes are kept for good here");
}
