//! The same request, sent twice: at once, from another process, and after a crash.

use super::{Basis, Crm, headless, hosted, id, result};
use crate::world::{MINUTE, World, on_both, origin};
use countersign_core::{second_step::Method, secret::hashed};
use countersign_flows::{
    Fault, Recorder,
    recorder::StoredResponse,
    second_step::SendOutcome,
    service::{
        authenticators::{self, ConfirmApp, PendingApp},
        challenges::{self, CreateOutcome, Verified, VerifyOutcome},
        holder::{self, TokenOutcome},
        hosted as flow,
        idempotency::{self, Earlier},
        users::{self, UserView},
    },
};
use countersign_store::idempotency_keys;
use std::sync::Arc;

const REQUEST: [u8; 32] = [1; 32];

/// What is known about a key, in a word; the request that was begun by asking is dropped at once.
async fn known(crm: &Crm<'_>, key: &str, request: [u8; 32]) -> String {
    match idempotency::begin(&crm.world.s, &crm.caller, key, &request).await.unwrap() {
        Ok(_) => "nothing".into(),
        Err(Earlier::InProgress) => "in progress".into(),
        Err(Earlier::OtherRequest) => "other request".into(),
        Err(Earlier::Answered { status, body }) => format!("{status} {}", String::from_utf8_lossy(&body)),
    }
}

/// Another process answers a request.
async fn answered_elsewhere(crm: &Crm<'_>, key: &str, body: &'static [u8]) {
    let (now, application, key) = (crm.world.s.now(), crm.id, hashed(key.as_bytes()));
    let put = move |tx: &mut countersign_store::Tx<'_>| {
        idempotency_keys::put(tx, application, &key, &REQUEST, 201, body, now)
    };
    crm.world.s.store.write(put).await.unwrap();
}

/// Does `work` under a key, and stores "as expected" if its outcome is.
async fn under<O: Send + 'static>(
    crm: &Crm<'_>,
    key: &str,
    expected: fn(&O) -> bool,
    answers_meanwhile: bool,
    work: impl AsyncFnOnce(Recorder<O, ()>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let begun = idempotency::begin(&crm.world.s, &crm.caller, key, &REQUEST).await.unwrap();
    let Ok((slot, _running)) = begun else { panic!("{key} is known") };
    if answers_meanwhile {
        answered_elsewhere(crm, key, b"elsewhere").await;
    }
    let recorder = Recorder::new(Some(slot), move |outcome| {
        let body = if expected(&outcome) { b"as expected".to_vec() } else { b"otherwise".to_vec() };
        ((), Some(StoredResponse { status: 200, body: body.into() }))
    });
    work(recorder).await
}

/// Another process has answered the same request when `work` ends: `work` has no effect.
async fn too_late<O: Send + 'static>(
    crm: &Crm<'_>,
    work: impl AsyncFnOnce(Recorder<O, ()>) -> Result<(), Fault>,
) {
    let key = format!("too late {}", std::any::type_name::<O>());
    let done = under(crm, &key, |_| true, true, work).await;
    assert!(matches!(done, Err(Fault::Repeated)), "{key}: {done:?}");
    assert_eq!(known(crm, &key, REQUEST).await, "201 elsewhere");
}

/// The process dies when `work` has ended, before anything else is done: its answer is there.
async fn in_time<O: Send + 'static>(
    crm: &Crm<'_>,
    expected: fn(&O) -> bool,
    work: impl AsyncFnOnce(Recorder<O, ()>) -> Result<(), Fault>,
) {
    let key = format!("in time {}", std::any::type_name::<O>());
    under(crm, &key, expected, false, work).await.unwrap();
    assert_eq!(known(crm, &key, REQUEST).await, "200 as expected", "{key}");
}

#[tokio::test]
async fn it_happens_once_and_is_answered_the_same() {
    on_both(async |world| {
        let (crm, shop) = (Crm::new(world, "Harbour CRM").await, Crm::new(world, "Pine Shop").await);
        let begin =
            async |crm: &Crm<'_>| idempotency::begin(&world.s, &crm.caller, "k", &REQUEST).await.unwrap();
        let Ok((_, running)) = begin(&crm).await else { panic!("known") };
        assert_eq!(known(&crm, "k", REQUEST).await, "in progress");
        assert_eq!(known(&crm, "k", [2; 32]).await, "other request");
        assert_eq!(known(&shop, "k", REQUEST).await, "nothing", "another application's keys are its own");
        drop(running);
        assert_eq!(
            known(&crm, "k", [2; 32]).await,
            "nothing",
            "what ended without an answer may be sent again"
        );
        answered_elsewhere(&crm, "k", b"{\"secret\":1}").await;
        assert_eq!(known(&crm, "k", REQUEST).await, "201 {\"secret\":1}");
        assert_eq!(known(&crm, "k", [2; 32]).await, "other request");
        world.advance(60 * MINUTE);
        assert_eq!(known(&crm, "k", REQUEST).await, "nothing", "an hour later it is forgotten");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_requests_at_once_one_is_worked_on() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        let all: Vec<_> = (0..200)
            .map(|_| {
                let (s, caller) = (world.s.clone(), crm.caller.clone());
                tokio::spawn(
                    async move { idempotency::begin(&s, &caller, "k", &REQUEST).await.unwrap().ok() },
                )
            })
            .collect();
        let mut begun = Vec::new();
        for one in all {
            begun.extend(one.await.unwrap());
        }
        assert_eq!(begun.len(), 1);
    })
    .await;
}

/// Each operation, with the same request answered elsewhere before it ends, and with a crash right after it.
#[tokio::test]
async fn the_answer_is_stored_with_the_effect_or_neither_is() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        challenges_and_codes(world, &crm).await;
        tokens_and_authenticators(world, &crm).await;
        redeeming_and_reactivating(world, &crm).await;
    })
    .await;
}

async fn challenges_and_codes(world: &World, crm: &Crm<'_>) {
    let origin = origin();
    let create = async |recorder| challenges::create(&world.s, &crm.caller, headless("mia"), recorder).await;
    too_late(crm, create).await;
    assert_eq!(world.count("application_challenges"), 0);
    in_time(crm, |outcome| matches!(outcome, CreateOutcome::Created(_)), create).await;
    assert_eq!(world.count("application_challenges"), 1);

    let challenge = crm.headless("mia").await;
    let (s, caller) = (&world.s, &crm.caller);
    let send =
        async |recorder| challenges::send(s, caller, challenge, Method::Email, &origin, recorder).await;
    world.mail().await;
    too_late(crm, send).await;
    assert!(world.mail().await.is_empty());
    in_time(crm, |outcome| matches!(outcome, Ok(SendOutcome::Sent)), send).await;
    let (_, code) = world.secret().await;

    let verify = async |recorder| {
        challenges::verify(s, caller, challenge, Method::Email, &code, &origin, recorder).await
    };
    too_late(crm, verify).await;
    in_time(crm, |outcome| matches!(outcome, VerifyOutcome::Verified(_)), verify).await;
    let again = crm.verify(challenge, Method::Email, &code).await;
    assert!(!matches!(again, VerifyOutcome::Verified(_)), "{again:?}");
}

async fn tokens_and_authenticators(world: &World, crm: &Crm<'_>) {
    let (s, origin) = (&world.s, origin());
    let token = async |recorder| {
        holder::token(s, &crm.caller, &id("mia"), Basis::FirstEnrolment, &origin, recorder).await
    };
    let sessions = world.count("sessions");
    too_late(crm, token).await;
    assert_eq!(world.count("sessions"), sessions);
    in_time(crm, |outcome| matches!(outcome, TokenOutcome::Issued { .. }), token).await;
    assert_eq!(world.count("sessions"), sessions + 1);

    let holder = crm.issued("mia", Basis::FirstEnrolment).await;
    let begin = async |recorder| authenticators::begin_app(s, &holder, recorder).await;
    too_late(crm, begin).await;
    assert_eq!(world.count("enrolments"), 0);
    in_time(crm, Option::<PendingApp>::is_some, begin).await;
    assert_eq!(world.count("enrolments"), 1);

    let pending = authenticators::begin_app(s, &holder, Recorder::unkept()).await.unwrap().unwrap();
    let code = crm.code(&pending.key);
    let confirm = async |recorder| {
        authenticators::confirm_app(s, &holder, pending.id, &code, "Phone", &origin, recorder).await
    };
    too_late(crm, confirm).await;
    assert_eq!((world.count("apps"), world.count("backup_codes")), (0, 0));
    let added = |outcome: &ConfirmApp| matches!(outcome, ConfirmApp::Added { backup_codes: Some(_), .. });
    in_time(crm, added, confirm).await;

    let make = async |recorder| authenticators::make_backup_codes(s, &holder, &origin, recorder).await;
    world.mail().await;
    too_late(crm, make).await;
    assert!(world.mail().await.is_empty(), "the codes are the same");
    in_time(crm, |made| matches!(made, Ok(Some(codes)) if codes.len() == 10), make).await;
    assert_eq!(world.mail().await.len(), 1);
    crm.answered("mia", &pending.key).await;
}

async fn redeeming_and_reactivating(world: &World, crm: &Crm<'_>) {
    let (s, caller) = (&world.s, &crm.caller);
    crm.know("noah").await;
    let (_, handle) = crm.hosted(hosted("noah")).await;
    let flow::Stage::Show(pending) = crm.stage(&handle).await else { panic!("not to be shown") };
    world.mail().await;
    flow::send_code(s, &pending, Method::Email, &origin()).await.unwrap();
    let (_, code) = world.secret().await;
    let back = flow::verify(s, pending, Method::Email, &code, &origin()).await.unwrap();
    let result = result(back);
    let redeem = async |recorder| challenges::redeem(s, caller, &result, recorder).await;
    too_late(crm, redeem).await;
    in_time(crm, Option::<Verified>::is_some, redeem).await;
    assert!(crm.redeem(&result).await.is_none());

    crm.set_active("noah", false).await;
    let reactivate = async |recorder| users::set_active(s, caller, &id("noah"), true, recorder).await;
    too_late(crm, reactivate).await;
    assert!(!crm.user("noah").await.active);
    in_time(crm, |user: &Option<UserView>| user.as_ref().is_some_and(|user| user.active), reactivate).await;
}

/// Two processes with the same request at the same time, as after a load balancer's retry.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_processes_one_has_the_effect() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (slot, _running) =
            idempotency::begin(&world.s, &crm.caller, "k", &REQUEST).await.unwrap().ok().unwrap();
        let slot = Arc::new(slot);
        let all: Vec<_> = (0..200)
            .map(|n| {
                let (s, caller, slot) = (world.s.clone(), crm.caller.clone(), Arc::clone(&slot));
                let stored = StoredResponse { status: 201, body: format!("{n}").into_bytes().into() };
                let recorder = Recorder::new(Some((*slot).clone()), |_| ((), Some(stored)));
                tokio::spawn(async move {
                    match challenges::create(&s, &caller, headless("mia"), recorder).await {
                        Ok(()) => true,
                        Err(Fault::Repeated) => false,
                        Err(fault) => panic!("{fault}"),
                    }
                })
            })
            .collect();
        let mut won = 0;
        for one in all {
            won += usize::from(one.await.unwrap());
        }
        assert_eq!((won, world.count("application_challenges")), (1, 1));
    })
    .await;
}
