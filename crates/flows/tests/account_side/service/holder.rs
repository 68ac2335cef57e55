//! The account-holder token.

use super::{Basis, Crm, Stage, TokenOutcome, VerifyOutcome, headless, hosted, in_login_as, result};
use crate::world::{MINUTE, World, on_both, origin};
use countersign_core::{
    ids::ApplicationChallengeId, second_step::Method, secret::PlainHandle, session::ProofTooOld,
};
use countersign_flows::{
    identity,
    service::{
        authenticators::{self, ConfirmApp},
        hosted as flow,
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
        assert!(authenticators::begin_app(&world.s, &holder).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_first_enrolment_is_one_only_while_there_is_no_app() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let other = crm.issued("mia", Basis::FirstEnrolment).await;
        let begun = authenticators::begin_app(&world.s, &other).await.unwrap().unwrap();
        let key = crm.with_app("mia").await;
        assert!(matches!(crm.token("mia", Basis::FirstEnrolment).await, TokenOutcome::NotFirst));
        // The set-up of the app ended the other token, and what it had begun.
        let code = crate::world::app_code(&begun.key, world.s.now());
        let late = authenticators::confirm_app(&world.s, &other, begun.id, &code, "Mine", &origin()).await;
        assert!(matches!(late.unwrap(), ConfirmApp::NotPending));
        assert_eq!(crm.user("mia").await.apps, 1);

        // With an app: by an answered challenge alone.
        let holder = crm.issued("mia", Basis::Challenge(crm.answered("mia", &key).await)).await;
        let made = authenticators::make_backup_codes(&world.s, &holder, &origin()).await.unwrap().unwrap();
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
