//! Authenticator apps and backup codes: what tabs share, what replaces what, what is shown and saved.

use crate::world::{MINUTE, Person, World, app_code, entered, notices, on_both, origin};
use countersign_core::{
    event::EventKind,
    ids::{AuthenticatorId, EnrolmentId},
    message::Notice,
    second_step::Method,
    secret::PlainHandle,
    session::{OwnSession, Session},
    site_access::Level,
};
use countersign_flows::{
    activity, backup_codes,
    enrolment::{self, ConfirmOutcome, Entered, PendingView},
    identity, profile,
    sign_in::{self, SignedIn, VerifyOutcome},
    step_up::{self, StepUpOutcome},
};
use tokio::task::JoinSet;

async fn begin(world: &World, session: &OwnSession, replaces: Option<AuthenticatorId>) -> PendingView {
    assert!(enrolment::begin(&world.s, world.authority(session), replaces).await.unwrap());
    enrolment::pending(&world.s, session).await.unwrap().unwrap()
}

async fn confirm(world: &World, session: &OwnSession, entered: Entered<'_>) -> ConfirmOutcome {
    enrolment::confirm(&world.s, session, entered, &origin()).await.unwrap()
}

/// Sets up an app: its id and its key.
async fn set_up(world: &World, session: &OwnSession, name: &str) -> (AuthenticatorId, String) {
    let key = begin(world, session, None).await.key_plain;
    let code = app_code(&key, world.s.now());
    let ConfirmOutcome::Added { app, .. } = confirm(world, session, entered(&code, name)).await else {
        panic!("not added")
    };
    (app, key)
}

async fn codes(world: &World, session: &OwnSession) -> Option<Vec<String>> {
    let current = backup_codes::current(&world.s, session).await.unwrap();
    current.and_then(|(_, reveal)| reveal).map(|reveal| reveal.codes)
}

async fn names(world: &World, session: &OwnSession) -> Vec<String> {
    let overview = profile::overview(&world.s, session).await.unwrap();
    overview.apps.into_iter().map(|app| app.name).collect()
}

/// Signs in by password and this code.
async fn sign_in(world: &World, person: &Person, method: Method, code: &str) -> SignedIn {
    let handle = world.challenge(person).await;
    let challenge = identity::waiting(&world.s, &handle).await.unwrap().unwrap();
    match sign_in::verify(&world.s, challenge, method, code, &origin(), None).await.unwrap() {
        VerifyOutcome::SignedIn(signed_in) => signed_in,
        other => panic!("{other:?}"),
    }
}

async fn own(world: &World, signed_in: &SignedIn) -> OwnSession {
    match identity::current(&world.s, &signed_in.session).await.unwrap() {
        Some(Session::Own(own)) => own,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_share_one_key_while_it_lives() {
    on_both(async |world| {
        let (session, handle) = world.session(&world.mia()).await;
        let mut burst = JoinSet::new();
        for _ in 0..16 {
            let (s, authority, handle) = (world.s.clone(), world.authority(&session), handle.to_text());
            burst.spawn(async move {
                assert!(enrolment::begin(&s, authority, None).await.unwrap());
                let session = identity::current(&s, &PlainHandle::parse(&handle).unwrap()).await.unwrap();
                let Some(Session::Own(session)) = session else { panic!("no session") };
                enrolment::pending(&s, &session).await.unwrap().unwrap().key_plain
            });
        }
        let mut keys = burst.join_all().await;
        keys.dedup();
        assert_eq!(keys.len(), 1, "one key for all tabs");
        world.advance(4 * MINUTE);
        let again = begin(world, &session, None).await;
        assert_eq!(again.key_plain, keys[0]);
        assert_eq!(again.expires_at, world.s.now().plus(10 * MINUTE), "as long as a new one");
        assert!(world.count("enrolments") == 1);
        world.advance(10 * MINUTE);
        assert!(enrolment::pending(&world.s, &session).await.unwrap().is_none());
        let (session, _) = world.session(&world.mia()).await;
        assert_ne!(begin(world, &session, None).await.key_plain, keys[0], "another session has its own");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_was_replaced_or_cancelled_is_reported_as_such() {
    on_both(async |world| {
        let (session, _) = world.session(&world.mia()).await;
        let first = begin(world, &session, None).await;
        let code = app_code(&first.key_plain, world.s.now());
        let old_tab = Entered { shown: Some(first.id), code: &code, name: "Phone" };
        enrolment::cancel(&world.s, &session, Some(first.id)).await.unwrap();
        assert!(enrolment::pending(&world.s, &session).await.unwrap().is_none());
        assert!(enrolment::was_cancelled(&world.s, &session).await.unwrap());
        assert!(matches!(confirm(world, &session, old_tab).await, ConfirmOutcome::Cancelled));
        let no_id = entered(&code, "Phone");
        assert!(matches!(confirm(world, &session, no_id).await, ConfirmOutcome::Cancelled));
        assert!(names(world, &session).await.is_empty());

        let second = begin(world, &session, None).await;
        assert_ne!(second.key_plain, first.key_plain, "a new key after Cancel");
        assert!(!enrolment::was_cancelled(&world.s, &session).await.unwrap());
        assert!(matches!(confirm(world, &session, old_tab).await, ConfirmOutcome::Replaced));
        // The old page does not cancel the new key.
        enrolment::cancel(&world.s, &session, Some(first.id)).await.unwrap();
        let unknown = EnrolmentId::generate(world.s.now(), &*world.s.entropy);
        enrolment::cancel(&world.s, &session, Some(unknown)).await.unwrap();
        let code = app_code(&second.key_plain, world.s.now());
        let stale = Entered { shown: Some(first.id), code: &code, name: "Phone" };
        assert!(matches!(confirm(world, &session, stale).await, ConfirmOutcome::Replaced));
        let right = Entered { shown: Some(second.id), code: &code, name: "Phone" };
        assert!(matches!(confirm(world, &session, right).await, ConfirmOutcome::Added { first: true, .. }));
        assert!(matches!(confirm(world, &session, right).await, ConfirmOutcome::NotPending));
        // Another session can't cancel what this one has begun.
        let pending = begin(world, &session, None).await;
        let (elsewhere, _) = world.session(&world.mia()).await;
        enrolment::cancel(&world.s, &elsewhere, Some(pending.id)).await.unwrap();
        assert!(enrolment::pending(&world.s, &session).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn an_app_is_replaced_by_one_confirmation_and_works_until_then() {
    on_both(async |world| {
        let mia = world.mia();
        let (session, _) = world.session(&mia).await;
        let (phone, old_key) = set_up(world, &session, "Old phone").await;
        world.advance(MINUTE);
        set_up(world, &session, "Tablet").await;
        let old_codes = codes(world, &session).await.unwrap();
        world.advance(MINUTE);

        // With a backup code, and after it nothing more is asked for.
        let session = own(world, &sign_in(world, &mia, Method::BackupCode, &old_codes[0]).await).await;
        let (_, elsewhere) = world.session(&mia).await;
        let pending = begin(world, &session, Some(phone)).await;
        assert_eq!(pending.replaces, Some(phone));
        assert_eq!(begin(world, &session, Some(phone)).await.id, pending.id);
        let works = sign_in(world, &mia, Method::App, &app_code(&old_key, world.s.now())).await;
        assert!(world.lives(&works.session).await, "the old app works until the new one is confirmed");
        world.advance(9 * MINUTE);
        assert!(step_up::authority(&world.s, &session).is_err(), "the enrolment carries its proof");
        world.mail().await;
        let code = app_code(&pending.key_plain, world.s.now());
        let outcome = confirm(world, &session, entered(&code, "New phone")).await;
        let ConfirmOutcome::Added { first: false, replaced: Some(old), ended: 3, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(old, "Old phone");
        assert_eq!(names(world, &session).await, ["Tablet", "New phone"]);
        assert!(!world.lives(&elsewhere).await);
        let fresh = codes(world, &session).await.unwrap();
        assert!(fresh.len() == 10 && fresh.iter().all(|code| !old_codes.contains(code)));
        let told = notices(world.mail().await);
        let replaced = Notice::AppReplaced { old: "Old phone".into(), app: "New phone".into() };
        assert_eq!(told, [(mia.email.clone(), replaced)], "one message about one change");
        let seen = activity::page(&world.s, &session, None).await.unwrap().events;
        let happened = |kind, text: Option<&str>| {
            seen.iter().any(|e| e.kind == kind && e.detail.text.as_deref() == text && e.at == world.s.now())
        };
        assert!(happened(EventKind::AppRemoved, Some("Old phone")));
        assert!(happened(EventKind::AppAdded, Some("New phone")));
        assert!(happened(EventKind::BackupCodesMade, None));
        world.advance(MINUTE);
        let handle = world.challenge(&mia).await;
        let challenge = identity::waiting(&world.s, &handle).await.unwrap().unwrap();
        let gone = app_code(&old_key, world.s.now());
        let gone = sign_in::verify(&world.s, challenge, Method::App, &gone, &origin(), None).await.unwrap();
        assert!(matches!(gone, VerifyOutcome::Refused(_)), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn only_an_app_of_the_account_is_replaced_and_only_where_the_page_said_so() {
    on_both(async |world| {
        let (bens, _) = world.session(&world.ben()).await;
        let (bens_app, _) = set_up(world, &bens, "Ben's").await;
        let (session, _) = world.session(&world.mia()).await;
        let refused = enrolment::begin(&world.s, world.authority(&session), Some(bens_app)).await.unwrap();
        assert!(!refused && enrolment::pending(&world.s, &session).await.unwrap().is_none());
        // Behind the server's back the account of an app changes: the write looks at it once more.
        let (phone, _) = set_up(world, &session, "Phone").await;
        world.advance(MINUTE);
        let adds = begin(world, &session, None).await;
        let replaces = begin(world, &session, Some(phone)).await;
        assert_ne!(adds.key_plain, replaces.key_plain, "another purpose, another key");
        let code = app_code(&replaces.key_plain, world.s.now());
        let page_that_adds = Entered { shown: Some(adds.id), code: &code, name: "New" };
        assert!(matches!(confirm(world, &session, page_that_adds).await, ConfirmOutcome::Replaced));
        assert_eq!(names(world, &session).await, ["Phone"]);
        let before = codes(world, &session).await.unwrap();
        world.sql(&format!("UPDATE enrolments SET replaces = '{bens_app}'"));
        let outcome = confirm(world, &session, entered(&code, "New")).await;
        assert!(matches!(outcome, ConfirmOutcome::Added { replaced: None, .. }), "{outcome:?}");
        assert_eq!(names(world, &session).await, ["Phone", "New"]);
        assert_eq!(names(world, &bens).await, ["Ben's"]);
        assert_eq!(
            codes(world, &session).await,
            Some(before),
            "nothing was replaced, so the codes still work"
        );
    })
    .await;
}

#[tokio::test]
async fn a_backup_code_for_a_step_up_is_notified_as_one_for_a_sign_in() {
    on_both(async |world| {
        let mia = world.mia();
        let (session, _) = world.session(&mia).await;
        set_up(world, &session, "Phone").await;
        let list = codes(world, &session).await.unwrap();
        world.advance(6 * MINUTE);
        world.mail().await;
        for (code, left) in list.iter().zip((0..10).rev()).take(7) {
            let entered = step_up::Entered {
                password: &mia.password,
                method: Some(Method::BackupCode),
                code,
                browser: None,
            };
            let (session, _) = world.session(&mia).await;
            let proven = step_up::confirm(&world.s, &session, entered, Level::OneStep, &origin()).await;
            assert!(matches!(proven.unwrap(), StepUpOutcome::Proven { .. }));
            assert_eq!(world.notice().await, (mia.email.clone(), Notice::BackupCodeUsed { left }));
        }
        assert!(world.recorded(&mia, EventKind::BackupCodeUsed).await);
    })
    .await;
}

#[tokio::test]
async fn unsaved_codes_are_mentioned_until_they_are_saved_or_used() {
    on_both(async |world| {
        let mia = world.mia();
        let (session, _) = world.session(&mia).await;
        let (_, key) = set_up(world, &session, "Phone").await;
        let unsaved = async || profile::overview(&world.s, &session).await.unwrap().backup_codes_unsaved;
        let at_sign_in = async || {
            world.advance(MINUTE);
            let code = app_code(&key, world.s.now());
            sign_in(world, &mia, Method::App, &code).await.backup_codes_unsaved
        };
        assert!(unsaved().await && at_sign_in().await && at_sign_in().await);
        let (bens, _) = world.session(&world.ben()).await;
        let set = backup_codes::current(&world.s, &session).await.unwrap().unwrap().0.set;
        assert!(!backup_codes::saved(&world.s, &bens, set).await.unwrap());
        assert!(unsaved().await, "no one says so for someone else");
        assert!(backup_codes::saved(&world.s, &session, set).await.unwrap());
        assert!(!unsaved().await && !at_sign_in().await);

        // A new set is not saved, whatever a page of the old one says.
        assert!(backup_codes::reset(&world.s, world.authority(&session), &origin()).await.unwrap());
        assert!(!backup_codes::saved(&world.s, &session, set).await.unwrap());
        assert!(unsaved().await);
        let shown = codes(world, &session).await.unwrap();
        assert!(backup_codes::download(&world.s, &session).await.unwrap().unwrap().1.codes == shown);
        assert!(!unsaved().await);
        let (fresh, _) = world.session(&mia).await;
        assert!(backup_codes::reset(&world.s, world.authority(&fresh), &origin()).await.unwrap());
        assert!(backup_codes::download(&world.s, &session).await.unwrap().is_none(), "another session's");
        let list = codes(world, &fresh).await.unwrap();
        assert!(unsaved().await);
        assert!(!sign_in(world, &mia, Method::BackupCode, &list[0]).await.backup_codes_unsaved);
        assert!(!unsaved().await, "who uses one has kept them");
    })
    .await;
}
