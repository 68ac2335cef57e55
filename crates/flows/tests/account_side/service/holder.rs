//! The account-holder token.

use super::{Basis, Crm, Stage, TokenOutcome, VerifyOutcome, headless, hosted, in_login_as, result};
use crate::world::{MINUTE, World, on_both, origin};
use countersign_core::{
    application::Scope, ids::ApplicationChallengeId, second_step::Method, secret::PlainHandle,
    session::ProofTooOld,
};
use countersign_flows::{
    Recorder, identity,
    service::{
        authenticators::{self, ConfirmApp},
        challenges, hosted as flow,
    },
};

/// Whether a challenge buys a token for this user.
async fn buys(crm: &Crm<'_>, user: &str, challenge: ApplicationChallengeId) -> bool {
    match crm.token(user, Basis::Challenge(challenge)).await {
        TokenOutcome::Issued { .. } => true,
        TokenOutcome::Challenge => false,
        other => panic!("{other:?}"),
    }
}

async fn two_apps(world: &World) -> (Crm<'_>, Crm<'_>) {
    (Crm::new(world, "Harbour CRM").await, Crm::new(world, "Pine Shop").await)
}

#[tokio::test]
async fn an_answered_challenge_buys_one_token_for_its_own_user_and_application() {
    on_both(async |world| {
        let (crm, shop) = two_apps(world).await;
        crm.know("mia").await;
        crm.know("ole").await;
        shop.know("mia").await;
        let key = crm.with_app("mia").await;
        let waiting = crm.headless("mia").await;
        assert!(!buys(&crm, "mia", waiting).await, "not answered");
        let answered = crm.answered("mia", &key).await;
        assert!(!buys(&crm, "ole", answered).await, "another user's");
        assert!(!buys(&shop, "mia", answered).await, "another application's");
        assert!(buys(&crm, "mia", answered).await);
        assert!(!buys(&crm, "mia", answered).await, "twice");
        let old = crm.answered("mia", &key).await;
        world.advance(5 * MINUTE);
        assert!(buys(&crm, "mia", old).await, "within five minutes");
        let old = crm.answered("mia", &key).await;
        world.advance(5 * MINUTE + MINUTE / 60);
        assert!(!buys(&crm, "mia", old).await, "too old");
        assert!(matches!(crm.token("nobody", Basis::FirstEnrolment).await, TokenOutcome::UnknownUser));
    })
    .await;
}

#[tokio::test]
async fn a_hosted_challenge_buys_a_token_once_its_result_was_redeemed() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let (id, handle) = crm.hosted(hosted("mia")).await;
        let Stage::Show(pending) = crm.stage(&handle).await else { panic!("not to be shown") };
        let back = flow::verify(&world.s, pending, Method::App, &crm.code(&key), &origin()).await.unwrap();
        assert!(!buys(&crm, "mia", id).await, "whoever has the browser has not been seen by the application");
        assert!(crm.redeem(&result(back)).await.is_some());
        assert!(buys(&crm, "mia", id).await);
    })
    .await;
}

#[tokio::test]
async fn an_actor_never_buys_a_token() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        crm.know("ada").await;
        let key = crm.with_app("ada").await;
        let challenge = crm.created(in_login_as(headless("mia"), "ada")).await.id;
        let outcome = crm.verify(challenge, Method::App, &crm.code(&key)).await;
        assert!(matches!(outcome, VerifyOutcome::Verified(_)));
        // Neither for the account that is looked into, nor for the actor's own.
        assert!(!buys(&crm, "mia", challenge).await);
        assert!(!buys(&crm, "ada", challenge).await);
    })
    .await;
}

#[tokio::test]
async fn a_token_opens_its_own_user_for_five_minutes_and_no_browser() {
    on_both(async |world| {
        let (crm, shop) = two_apps(world).await;
        crm.know("mia").await;
        crm.know("ole").await;
        shop.know("mia").await;
        let TokenOutcome::Issued { token, expires_at } = crm.token("mia", Basis::FirstEnrolment).await else {
            panic!("not issued")
        };
        assert_eq!(expires_at, world.s.now().plus(5 * MINUTE));
        assert!(crm.holder("mia", &token).await.is_some());
        assert!(crm.holder("ole", &token).await.is_none());
        assert!(shop.holder("mia", &token).await.is_none());
        assert!(crm.holder("mia", &token[4..]).await.is_none(), "without its prefix");
        let handle = PlainHandle::parse(&token[4..]).unwrap();
        assert!(identity::current(&world.s, &handle).await.unwrap().is_none(), "no session of a browser");
        let holder = crm.holder("mia", &token).await.unwrap();
        world.advance(5 * MINUTE);
        assert!(crm.holder("mia", &token).await.is_none());
        world.advance(MINUTE / 60);
        assert!(authenticators::begin_app(&world.s, &holder, Recorder::unkept()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_first_enrolment_is_one_only_while_there_is_no_app() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let other = crm.issued("mia", Basis::FirstEnrolment).await;
        let begun = authenticators::begin_app(&world.s, &other, Recorder::unkept()).await.unwrap().unwrap();
        let key = crm.with_app("mia").await;
        assert!(matches!(crm.token("mia", Basis::FirstEnrolment).await, TokenOutcome::NotFirst));
        // The set-up of the app ended the other token, and what it had begun.
        let code = crate::world::app_code(&begun.key, world.s.now());
        let late = authenticators::confirm_app(
            &world.s,
            &other,
            begun.id,
            &code,
            "Mine",
            &origin(),
            Recorder::unkept(),
        )
        .await;
        assert!(matches!(late.unwrap(), ConfirmApp::NotPending));
        assert_eq!(crm.user("mia").await.apps, 1);

        // With an app: by an answered challenge alone.
        let holder = crm.issued("mia", Basis::Challenge(crm.answered("mia", &key).await)).await;
        let made = authenticators::make_backup_codes(&world.s, &holder, &origin(), Recorder::unkept())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(made.unwrap().len(), 10);
        let app =
            authenticators::list(&world.s, &crm.caller, &super::id("mia")).await.unwrap().unwrap()[0].id;
        let removed = authenticators::remove_app(&world.s, &holder, app, &origin()).await.unwrap().unwrap();
        assert!(removed.unwrap().last);
        world.advance(5 * MINUTE + MINUTE / 60);
        let again = authenticators::remove_app(&world.s, &holder, app, &origin()).await.unwrap();
        assert!(matches!(again, Err(ProofTooOld)));
        assert!(matches!(crm.token("mia", Basis::FirstEnrolment).await, TokenOutcome::Issued { .. }));
    })
    .await;
}

#[tokio::test]
async fn a_first_enrolment_takes_a_key_that_may_declare_it() {
    on_both(async |world| {
        let mut crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, caller) = super::key(world, crm.id, &[Scope::Authenticators, Scope::Challenges]).await;
        crm.caller = caller;
        assert!(matches!(crm.token("mia", Basis::FirstEnrolment).await, TokenOutcome::Scope));
        // A code by e-mail will do as well.
        let challenge = crm.headless("mia").await;
        let sent =
            challenges::send(&world.s, &crm.caller, challenge, Method::Email, &origin(), Recorder::unkept())
                .await;
        assert!(sent.unwrap().is_ok());
        let (_, code) = world.secret().await;
        let outcome = crm.verify(challenge, Method::Email, &code).await;
        assert!(matches!(outcome, VerifyOutcome::Verified(_)));
        let holder = crm.issued("mia", Basis::Challenge(challenge)).await;
        assert!(authenticators::begin_app(&world.s, &holder, Recorder::unkept()).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn what_was_answered_before_a_change_buys_nothing_after_it() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let holder = crm.issued("mia", Basis::Challenge(crm.answered("mia", &key).await)).await;
        let codes = authenticators::make_backup_codes(&world.s, &holder, &origin(), Recorder::unkept())
            .await
            .unwrap()
            .unwrap();
        let backup_code = codes.unwrap().remove(0);
        // Somebody holds the phone, and answers; the account holder takes the app away meanwhile.
        let thief = crm.answered("mia", &key).await;
        let (_, page) = crm.hosted(hosted("mia")).await;
        world.advance(MINUTE / 2);
        let Stage::Show(pending) = crm.stage(&page).await else { panic!("not to be shown") };
        let back = flow::verify(&world.s, pending, Method::App, &crm.code(&key), &origin()).await.unwrap();
        let challenge = crm.headless("mia").await;
        let outcome = crm.verify(challenge, Method::BackupCode, &backup_code).await;
        assert!(matches!(outcome, VerifyOutcome::Verified(_)), "{outcome:?}");
        let holder = crm.issued("mia", Basis::Challenge(challenge)).await;
        let app =
            authenticators::list(&world.s, &crm.caller, &super::id("mia")).await.unwrap().unwrap()[0].id;
        let removed = authenticators::remove_app(&world.s, &holder, app, &origin()).await.unwrap().unwrap();
        assert!(removed.is_some());
        assert!(!buys(&crm, "mia", thief).await);
        assert!(crm.redeem(&result(back)).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_switched_off_account_comes_back_without_what_was_answered_before() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let answered = crm.answered("mia", &key).await;
        crm.set_active("mia", false).await;
        crm.set_active("mia", true).await;
        assert!(!buys(&crm, "mia", answered).await);
    })
    .await;
}

#[tokio::test]
async fn an_enrolment_can_be_finished_after_the_proof_has_aged_and_nothing_else() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let basis = Basis::Challenge(crm.answered("mia", &key).await);
        let TokenOutcome::Issued { token, .. } = crm.token("mia", basis).await else { panic!("not issued") };
        let holder = crm.holder("mia", &token).await.unwrap();
        let begun = authenticators::begin_app(&world.s, &holder, Recorder::unkept()).await.unwrap().unwrap();
        assert_eq!(begun.expires_at, world.s.now().plus(10 * MINUTE));
        world.advance(6 * MINUTE);
        let holder = crm.holder("mia", &token).await.unwrap();
        let moved = crm.put("mia", "mia@new.example", Some(&holder)).await;
        assert!(matches!(moved, super::PutOutcome::TokenNeeded), "{moved:?}");
        let made = authenticators::make_backup_codes(&world.s, &holder, &origin(), Recorder::unkept())
            .await
            .unwrap();
        assert!(matches!(made, Err(ProofTooOld)));
        let code = crate::world::app_code(&begun.key, world.s.now());
        let added = authenticators::confirm_app(
            &world.s,
            &holder,
            begun.id,
            &code,
            "New",
            &origin(),
            Recorder::unkept(),
        )
        .await;
        assert!(matches!(added.unwrap(), ConfirmApp::Added { .. }));
        world.advance(4 * MINUTE);
        assert!(crm.holder("mia", &token).await.is_none(), "with the enrolment");
    })
    .await;
}
