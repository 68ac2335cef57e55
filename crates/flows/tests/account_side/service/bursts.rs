//! Of two hundred who come at once, one gets it.

use super::{Basis, Crm, Stage, TokenOutcome, VerifyOutcome, hosted, id, result, set_up};
use crate::world::{entered, on_both, origin};
use countersign_core::second_step::Method;
use countersign_flows::{
    Fault, Recorder,
    enrolment::ConfirmOutcome,
    service::{
        challenges, holder,
        hosted::{self as flow, HostedOutcome},
    },
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Two hundred of these at once: how many of them won.
async fn winners<F: Future<Output = bool> + Send + 'static>(one: impl Fn(usize) -> F) -> usize {
    let all: Vec<_> = (0..200).map(|n| tokio::spawn(one(n))).collect();
    let mut won = 0;
    for one in all {
        won += usize::from(one.await.unwrap());
    }
    won
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_redeemed_once() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let (_, handle) = crm.hosted(hosted("mia")).await;
        let Stage::Show(pending) = crm.stage(&handle).await else { panic!("not to be shown") };
        let back = flow::verify(&world.s, pending, Method::App, &crm.code(&key), &origin()).await.unwrap();
        let result = result(back);
        let won = winners(|_| {
            let (s, caller, result) = (world.s.clone(), crm.caller.clone(), result.clone());
            async move { challenges::redeem(&s, &caller, &result, Recorder::unkept()).await.unwrap().is_some() }
        });
        assert_eq!(won.await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_typed_into_two_challenges_answers_one() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let both = [crm.headless("mia").await, crm.headless("mia").await];
        let code = crm.code(&key);
        let won = winners(|n| {
            let (s, caller, code, challenge) =
                (world.s.clone(), crm.caller.clone(), code.clone(), both[n % 2]);
            async move {
                let outcome = challenges::verify(
                    &s,
                    &caller,
                    challenge,
                    Method::App,
                    &code,
                    &origin(),
                    Recorder::unkept(),
                )
                .await;
                matches!(outcome.unwrap(), VerifyOutcome::Verified(_))
            }
        });
        assert_eq!(won.await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_challenge_buys_one_token() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let answered = crm.answered("mia", &key).await;
        let won = winners(|_| {
            let (s, caller) = (world.s.clone(), crm.caller.clone());
            async move {
                let basis = Basis::Challenge(answered);
                let outcome = holder::token(&s, &caller, &id("mia"), basis, &origin(), Recorder::unkept())
                    .await
                    .unwrap();
                matches!(outcome, TokenOutcome::Issued { .. })
            }
        });
        assert_eq!(won.await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_is_confirmed_once_and_leads_back_once() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(set_up("mia")).await;
        crm.shown(&handle).await;
        let Stage::SetUp(pending) = crm.stage(&handle).await else { panic!("not to be set up") };
        assert!(crm.begins(pending).await);
        let Stage::SettingUp(_, session) = crm.stage(&handle).await else { panic!("not being set up") };
        let key = flow::pending_app(&world.s, &session).await.unwrap().unwrap().key_plain;
        let code = crm.code(&key);
        let won = winners(|_| {
            let (s, text, code, cookie) = (world.s.clone(), handle.to_text(), code.clone(), crm.cookie());
            async move {
                let handle = super::PlainHandle::parse(&text).unwrap();
                let stage = flow::visit(&s, &handle, cookie).await.unwrap().unwrap().stage;
                let Stage::SettingUp(pending, session) = stage else { return false };
                let outcome =
                    flow::confirm_set_up(&s, pending, &session, entered(&code, "Phone"), &origin()).await;
                // Each makes ten backup codes first, and not everybody's hashes find a place.
                assert!(matches!(outcome, Ok(_) | Err(Fault::Busy)), "{outcome:?}");
                matches!(outcome, Ok(ConfirmOutcome::Added { .. }))
            }
        });
        assert_eq!(won.await, 1);
        assert_eq!(crm.user("mia").await.apps, 1);
        let won = winners(|_| {
            let (s, text, cookie) = (world.s.clone(), handle.to_text(), crm.cookie());
            async move {
                let handle = super::PlainHandle::parse(&text).unwrap();
                let stage = flow::visit(&s, &handle, cookie).await.unwrap().unwrap().stage;
                let Stage::Enrolled(record, session) = stage else { return false };
                matches!(flow::finish(&s, record, session).await.unwrap(), HostedOutcome::Back(_))
            }
        });
        assert_eq!(won.await, 1);
    })
    .await;
}

/// The application's server, or anyone else with the address, while the person enters the code, begins and begins again:
/// no one but the person's browser is ever shown a secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_only_in_the_browser_that_entered_the_code() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(set_up("mia")).await;
        let spying = Arc::new(AtomicBool::new(true));
        let spies: Vec<_> = (0..20)
            .map(|_| {
                let (s, text, spying) = (world.s.clone(), handle.to_text(), Arc::clone(&spying));
                tokio::spawn(async move {
                    let (handle, mut seen) = (super::PlainHandle::parse(&text).unwrap(), 0);
                    while spying.load(Ordering::SeqCst) {
                        match flow::visit(&s, &handle, None).await.unwrap().unwrap().stage {
                            Stage::Show(_) | Stage::Over => {}
                            Stage::SetUp(pending) => {
                                flow::begin_set_up(&s, pending, None, &origin()).await.unwrap();
                                seen += 1;
                            }
                            Stage::SettingUp(..) | Stage::Enrolled(..) | Stage::Elsewhere => seen += 1,
                        }
                    }
                    seen
                })
            })
            .collect();
        for _ in 0..5 {
            let crm = crm.in_another_browser();
            crm.shown(&handle).await;
            assert!(crm.begin(&handle).await && crm.begin(&handle).await);
            world.advance(super::STEP);
        }
        crm.shown(&handle).await;
        assert!(crm.begin(&handle).await);
        let Stage::SettingUp(pending, session) = crm.stage(&handle).await else { panic!("not being set up") };
        let key = flow::pending_app(&world.s, &session).await.unwrap().unwrap().key_plain;
        let code = crm.code(&key);
        let added =
            flow::confirm_set_up(&world.s, pending, &session, entered(&code, "Phone"), &origin()).await;
        assert!(matches!(added, Ok(ConfirmOutcome::Added { .. })), "{added:?}");
        spying.store(false, Ordering::SeqCst);
        for spy in spies {
            assert_eq!(spy.await.unwrap(), 0);
        }
    })
    .await;
}
