//! A second step on this server's own pages.

use super::{BACK, Basis, CreateOutcome, Crm, STEP, Stage, hosted, id, in_login_as, result, set_up};
use crate::world::{MINUTE, another_code, app_code, entered, on_both, origin};
use countersign_core::{
    application::Scope, application_challenge::Pending, message::Content, second_step::Method,
    secret::PlainHandle, session::HolderSession,
};
use countersign_flows::{
    Recorder,
    enrolment::ConfirmOutcome,
    second_step::{CodeRefusal, SendOutcome},
    service::{
        authenticators::{self, ConfirmApp},
        challenges::{self, ChallengeStatus, NotWaiting},
        hosted::{self as flow, HostedOutcome},
    },
};

async fn to_show(crm: &Crm<'_>, handle: &PlainHandle) -> Pending {
    match crm.stage(handle).await {
        Stage::Show(pending) => pending,
        _ => panic!("not to be shown"),
    }
}

async fn setting_up(crm: &Crm<'_>, handle: &PlainHandle) -> (Pending, HolderSession) {
    match crm.stage(handle).await {
        Stage::SettingUp(pending, session) => (pending, session),
        _ => panic!("not being set up"),
    }
}

/// The key on the set-up page.
async fn key(crm: &Crm<'_>, handle: &PlainHandle) -> Option<String> {
    let (_, session) = setting_up(crm, handle).await;
    flow::pending_app(&crm.world.s, &session).await.unwrap().map(|pending| pending.key_plain)
}

async fn confirm(crm: &Crm<'_>, handle: &PlainHandle, code: &str) -> ConfirmOutcome {
    let (pending, session) = setting_up(crm, handle).await;
    flow::confirm_set_up(&crm.world.s, pending, &session, entered(code, "Phone"), &origin()).await.unwrap()
}

async fn is_over(crm: &Crm<'_>, handle: &PlainHandle) -> bool {
    matches!(crm.stage(handle).await, Stage::Over)
}

#[tokio::test]
async fn a_right_code_leads_back_with_a_result_that_is_redeemed_once_in_time_by_its_application() {
    on_both(async |world| {
        let (crm, shop) = (Crm::new(world, "Harbour CRM").await, Crm::new(world, "Pine Shop").await);
        crm.know("mia").await;
        let app = crm.with_app("mia").await;
        let (id, handle) = crm.hosted(hosted("mia")).await;
        let about = crm.visit(&handle).await.unwrap().about;
        assert_eq!((about.application.as_str(), about.name.as_str()), ("Harbour CRM", "Mia Lund"));
        assert_eq!((about.subject, about.origin.as_str()), (None, "https://crm.example"));
        assert_eq!(*about.way_out, format!("{BACK}&error=access_denied&state=a+b%26c"));
        let verify = async |code: &str| {
            let pending = to_show(&crm, &handle).await;
            flow::verify(&world.s, pending, Method::App, code, &origin()).await.unwrap()
        };
        let wrong = verify(another_code(&crm.code(&app))).await;
        assert!(matches!(wrong, HostedOutcome::Refused(CodeRefusal::Wrong)));
        // What belongs on this server's pages cannot be answered, nor sent, on others.
        let elsewhere = crm.verify(id, Method::App, &crm.code(&app)).await;
        assert!(matches!(elsewhere, super::VerifyOutcome::NotWaiting(NotWaiting::Gone)));
        let late = to_show(&crm, &handle).await;
        let result = result(verify(&crm.code(&app)).await);
        let again = flow::verify(&world.s, late, Method::App, &crm.code(&app), &origin()).await.unwrap();
        assert!(matches!(again, HostedOutcome::Refused(CodeRefusal::AlreadyUsed)));
        assert!(is_over(&crm, &handle).await);
        let view = challenges::get(&world.s, &crm.caller, id).await.unwrap().unwrap();
        assert!(
            view.status == ChallengeStatus::Verified && view.verified.is_none(),
            "told to who redeems it"
        );

        assert!(crm.redeem("nonsense").await.is_none());
        assert!(shop.redeem(&result).await.is_none(), "another application's");
        let answer = crm.redeem(&result).await.unwrap();
        assert_eq!((answer.challenge, answer.user.as_str(), answer.method), (id, "mia", Method::App));
        assert!(crm.redeem(&result).await.is_none(), "once");
    })
    .await;
}

#[tokio::test]
async fn a_result_is_good_for_two_minutes_and_an_address_for_fifteen() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let app = crm.with_app("mia").await;
        for (wait, good) in [(2 * MINUTE - MINUTE / 60, true), (2 * MINUTE, false)] {
            let (_, handle) = crm.hosted(hosted("mia")).await;
            let pending = to_show(&crm, &handle).await;
            let back = flow::verify(&world.s, pending, Method::App, &crm.code(&app), &origin()).await;
            world.advance(wait);
            assert_eq!(crm.redeem(&result(back.unwrap())).await.is_some(), good);
        }
        let (_, handle) = crm.hosted(hosted("mia")).await;
        let pending = to_show(&crm, &handle).await;
        world.advance(15 * MINUTE);
        assert!(is_over(&crm, &handle).await);
        let late = flow::verify(&world.s, pending, Method::App, &crm.code(&app), &origin()).await.unwrap();
        assert!(matches!(late, HostedOutcome::Gone));
        let unknown = PlainHandle::generate(&*world.s.entropy);
        assert!(crm.visit(&unknown).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_switched_off_application_has_no_pages_and_redeems_nothing() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(hosted("mia")).await;
        crm.switch(false).await;
        assert!(crm.visit(&handle).await.is_none());
        crm.switch(true).await;
        assert!(crm.visit(&handle).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_code_is_sent_in_the_applications_name_for_this_page() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(hosted("mia")).await;
        let pending = to_show(&crm, &handle).await;
        let step = flow::step(&world.s, &pending).await.unwrap();
        assert_eq!((step.methods, step.email_masked.as_str()), (vec![Method::Email], "m•••@crm.example"));
        let sent = flow::send_code(&world.s, &pending, Method::Email, &origin()).await.unwrap();
        assert_eq!(sent, SendOutcome::Sent);
        let mail = world.mail().await;
        assert_eq!(mail[0].application.as_deref(), Some("Harbour CRM"));
        let Content::SignInCode { code, .. } = &mail[0].content else { panic!("another letter") };
        let back = flow::verify(&world.s, pending, Method::Email, code, &origin()).await.unwrap();
        assert_eq!(crm.redeem(&result(back)).await.unwrap().method, Method::Email);
    })
    .await;
}

#[tokio::test]
async fn in_a_login_as_the_page_is_the_actors_and_sets_nothing_up() {
    on_both(async |world| {
        let crm = Crm::requiring_app(world, "Harbour CRM").await;
        crm.know("mia").await;
        let ada = crm.put("ada", "ada@crm.example", None).await;
        assert!(matches!(ada, super::PutOutcome::Created(_)));
        let (_, handle) = crm.hosted(in_login_as(hosted("mia"), "ada")).await;
        let about = crm.visit(&handle).await.unwrap().about;
        assert_eq!(about.subject.as_deref(), Some("Mia Lund"));
        let pending = to_show(&crm, &handle).await;
        assert_eq!(flow::step(&world.s, &pending).await.unwrap().email_masked, "a•••@crm.example");
        assert!(!crm.begins(pending).await, "not even if it is forged");
        let pending = to_show(&crm, &handle).await;
        flow::send_code(&world.s, &pending, Method::Email, &origin()).await.unwrap();
        let (to, code) = world.secret().await;
        assert_eq!(to, "ada@crm.example");
        let back = flow::verify(&world.s, pending, Method::Email, &code, &origin()).await.unwrap();
        let answer = crm.redeem(&result(back)).await.unwrap();
        assert_eq!((answer.user, answer.actor), (id("mia"), Some(id("ada"))));
    })
    .await;
}

#[tokio::test]
async fn a_first_app_is_set_up_and_its_codes_are_shown_before_the_way_back() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(set_up("mia")).await;
        crm.shown(&handle).await;
        assert!(matches!(crm.stage(&handle).await, Stage::SetUp(_)));
        assert!(crm.begin(&handle).await);
        let (_, session) = setting_up(&crm, &handle).await;
        let page = flow::pending_app(&world.s, &session).await.unwrap().unwrap();
        assert!(page.uri.starts_with("otpauth://totp/Harbour%20CRM:mia%40crm.example?"), "{}", page.uri);
        let wrong = another_code(&crm.code(&page.key_plain));
        assert!(matches!(confirm(&crm, &handle, wrong).await, ConfirmOutcome::Wrong { .. }));
        let added = confirm(&crm, &handle, &crm.code(&page.key_plain)).await;
        assert!(matches!(added, ConfirmOutcome::Added { first: true, .. }));
        assert!(world.mail().await.iter().all(|letter| letter.application.as_deref() == Some("Harbour CRM")));

        let Stage::Enrolled(record, session) = crm.stage(&handle).await else { panic!("not enrolled") };
        let codes = async || flow::reveal(&world.s, &session).await.unwrap().map(|(_, reveal)| reveal.codes);
        let shown = codes().await.unwrap();
        assert_eq!(shown.len(), 10);
        assert_eq!(codes().await, Some(shown), "a reload shows them again");
        let Stage::Enrolled(_, other) = crm.stage(&handle).await else { panic!("not enrolled") };
        let back = flow::finish(&world.s, record.clone(), session).await.unwrap();
        let twice = flow::finish(&world.s, record, other).await.unwrap();
        assert!(matches!(twice, HostedOutcome::Gone));
        assert!(is_over(&crm, &handle).await);
        let answer = crm.redeem(&result(back)).await.unwrap();
        assert!(answer.enrolled && answer.method == Method::App);
        // A code by email came before it: an app that was set up just now proves nothing about the person.
        assert!(answer.amr.is_empty(), "{answer:?}");
        // The code of the set-up is spent: it answers nothing else.
        let next = crm.headless("mia").await;
        let replay = crm.verify(next, Method::App, &crm.code(&page.key_plain)).await;
        assert!(matches!(replay, super::VerifyOutcome::Refused(CodeRefusal::AlreadyUsed)));
        world.advance(STEP);
        let fresh = crm.verify(next, Method::App, &crm.code(&page.key_plain)).await;
        let super::VerifyOutcome::Verified(fresh) = fresh else { panic!("{fresh:?}") };
        assert_eq!(fresh.amr, ["otp", "mfa"]);
    })
    .await;
}

#[tokio::test]
async fn a_set_up_does_not_stand_in_for_a_second_step_that_is_there() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        // Whoever knows the password alone comes here, and no further than a code by e-mail.
        let (_, handle) = crm.hosted(set_up("mia")).await;
        assert!(crm.visit(&handle).await.unwrap().about.sets_up);
        let forged = to_show(&crm, &handle).await;
        assert!(!crm.begins(forged).await);
        let pending = to_show(&crm, &handle).await;
        let guess = flow::verify(&world.s, pending, Method::Email, "123456", &origin()).await.unwrap();
        assert!(matches!(guess, HostedOutcome::Refused(CodeRefusal::NotSent)));
        crm.shown(&handle).await;
        assert!(crm.begin(&handle).await);
    })
    .await;
}

#[tokio::test]
async fn a_second_step_shown_for_a_set_up_opens_nothing_else() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (id, handle) = crm.hosted(set_up("mia")).await;
        crm.shown(&handle).await;
        let view = challenges::get(&world.s, &crm.caller, id).await.unwrap().unwrap();
        assert!(view.status == ChallengeStatus::Pending && view.set_up);
        assert!(matches!(crm.token("mia", Basis::Challenge(id)).await, super::TokenOutcome::Challenge));
    })
    .await;
}

#[tokio::test]
async fn where_apps_are_not_permitted_none_is_set_up() {
    use crate::world::{World, rules};
    use countersign_flows::Rules;
    let world = World::with(Rules { methods: vec![Method::Email], ..rules() }).await;
    let crm = Crm::new(&world, "Harbour CRM").await;
    crm.know("mia").await;
    let (id, handle) = crm.hosted(set_up("mia")).await;
    assert!(!challenges::get(&world.s, &crm.caller, id).await.unwrap().unwrap().set_up);
    assert!(!crm.visit(&handle).await.unwrap().about.sets_up);
    let pending = to_show(&crm, &handle).await;
    assert!(!crm.begins(pending).await);
}

#[tokio::test]
async fn where_only_apps_are_permitted_the_first_one_is_set_up_at_once_and_moves_no_mailbox() {
    use crate::world::{World, rules};
    use countersign_flows::Rules;
    let world = World::with(Rules { methods: vec![Method::App], ..rules() }).await;
    let crm = Crm::new(&world, "Harbour CRM").await;
    crm.know("mia").await;
    let (id, handle) = crm.hosted(set_up("mia")).await;
    assert!(crm.begin(&handle).await);
    let key = key(&crm, &handle).await.unwrap();
    assert!(matches!(confirm(&crm, &handle, &crm.code(&key)).await, ConfirmOutcome::Added { .. }));
    let Stage::Enrolled(record, session) = crm.stage(&handle).await else { panic!("not enrolled") };
    let back = flow::finish(&world.s, record, session).await.unwrap();
    assert!(crm.redeem(&result(back)).await.is_some());
    let holder = crm.issued("mia", Basis::Challenge(id)).await;
    let moved = crm.put("mia", "thief@elsewhere.example", Some(&holder)).await;
    assert!(matches!(moved, super::PutOutcome::TokenNeeded), "{moved:?}");
}

#[tokio::test]
async fn an_address_that_is_no_longer_registered_is_led_to_by_no_challenge() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(hosted("mia")).await;
        assert!(crm.visit(&handle).await.is_some());
        crm.remove_address().await;
        assert!(crm.visit(&handle).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn an_interrupted_set_up_goes_on_and_one_that_took_too_long_begins_again() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(set_up("mia")).await;
        crm.shown(&handle).await;
        assert!(crm.begin(&handle).await);
        let first = key(&crm, &handle).await.unwrap();
        world.advance(9 * MINUTE);
        assert_eq!(key(&crm, &handle).await.as_deref(), Some(first.as_str()), "the page shows the same key");
        world.advance(MINUTE);
        assert_eq!(key(&crm, &handle).await, None);
        let late = confirm(&crm, &handle, &crm.code(&first)).await;
        assert!(matches!(late, ConfirmOutcome::NotPending));
        assert!(crm.begin(&handle).await);
        let second = key(&crm, &handle).await.unwrap();
        assert_ne!(first, second);
        assert!(matches!(confirm(&crm, &handle, &crm.code(&first)).await, ConfirmOutcome::Wrong { .. }));
        world.advance(4 * MINUTE + MINUTE / 2);
        assert!(matches!(confirm(&crm, &handle, &crm.code(&second)).await, ConfirmOutcome::Added { .. }));
        // In the last moment of the fifteen minutes; there is still time to read the codes.
        world.advance(2 * MINUTE);
        let Stage::Enrolled(record, session) = crm.stage(&handle).await else { panic!("not enrolled") };
        assert_eq!(flow::reveal(&world.s, &session).await.unwrap().unwrap().1.codes.len(), 10);
        let back = flow::finish(&world.s, record, session).await.unwrap();
        assert!(crm.redeem(&result(back)).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn after_its_time_nothing_is_set_up() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(set_up("mia")).await;
        world.advance(10 * MINUTE);
        crm.shown(&handle).await;
        assert!(crm.begin(&handle).await);
        let (pending, session) = setting_up(&crm, &handle).await;
        let code = key(&crm, &handle).await.unwrap();
        world.advance(5 * MINUTE);
        assert!(is_over(&crm, &handle).await);
        // The page was left open: nobody could come back to read the backup codes, and so there is no app.
        let code = crm.code(&code);
        let late = flow::confirm_set_up(&world.s, pending, &session, entered(&code, "Phone"), &origin())
            .await
            .unwrap();
        assert!(matches!(late, ConfirmOutcome::NotPending));
        assert_eq!(crm.user("mia").await.apps, 0);
        assert!(world.mail().await.is_empty());
    })
    .await;
}

/// The application's server has the address as well, and no cookie; nor has an attacker who was given it.
#[tokio::test]
async fn another_browser_with_the_address_sees_neither_the_secret_nor_the_codes() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(set_up("mia")).await;
        let thief = crm.in_another_browser();
        crm.shown(&handle).await;
        let Stage::SetUp(pending) = crm.stage(&handle).await else { panic!("not to be set up") };
        // It starts again at the second step, and a request that was forged from what its page said comes to nothing.
        let visit = thief.visit(&handle).await.unwrap();
        assert!(visit.about.elsewhere && matches!(visit.stage, Stage::Show(_)));
        assert!(!thief.begins(pending).await);
        thief.keep(&PlainHandle::generate(&*world.s.entropy));
        assert!(matches!(thief.stage(&handle).await, Stage::Show(_)));

        assert!(crm.begin(&handle).await);
        assert!(!crm.visit(&handle).await.unwrap().about.elsewhere);
        let (pending, _) = setting_up(&crm, &handle).await;
        assert!(matches!(thief.stage(&handle).await, Stage::Show(_)));
        assert!(!thief.begins(pending).await, "nor does the secret change");
        let code = crm.code(&key(&crm, &handle).await.unwrap());
        assert!(matches!(confirm(&crm, &handle, &code).await, ConfirmOutcome::Added { .. }));
        assert!(matches!(thief.stage(&handle).await, Stage::Over), "nor the backup codes, nor the result");
        assert!(matches!(crm.stage(&handle).await, Stage::Enrolled(..)));
    })
    .await;
}

#[tokio::test]
async fn another_browser_continues_after_a_second_step_of_its_own() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, handle) = crm.hosted(set_up("mia")).await;
        let phone = crm.in_another_browser();
        crm.shown(&handle).await;
        assert!(crm.begin(&handle).await);
        let (pending, earlier) = setting_up(&crm, &handle).await;
        let old = key(&crm, &handle).await.unwrap();
        world.advance(MINUTE);
        phone.shown(&handle).await;
        assert!(matches!(crm.stage(&handle).await, Stage::Show(_)), "the first one has to start again");
        assert!(flow::pending_app(&world.s, &earlier).await.unwrap().is_none(), "what it was shown is gone");
        assert!(matches!(phone.stage(&handle).await, Stage::SetUp(_)), "nothing is taken over");
        assert!(phone.begin(&handle).await);
        let new = key(&phone, &handle).await.unwrap();
        assert_ne!(old, new);
        let code = crm.code(&old);
        let gone = flow::confirm_set_up(&world.s, pending, &earlier, entered(&code, "Mine"), &origin())
            .await
            .unwrap();
        assert!(matches!(gone, ConfirmOutcome::NotPending));
        assert!(matches!(confirm(&phone, &handle, &crm.code(&new)).await, ConfirmOutcome::Added { .. }));
        assert_eq!(crm.user("mia").await.apps, 1);
    })
    .await;
}

#[tokio::test]
async fn where_nothing_is_due_the_set_up_belongs_to_the_browser_that_began_it() {
    use crate::world::{World, rules};
    use countersign_flows::Rules;
    let world = World::with(Rules { methods: vec![Method::App], ..rules() }).await;
    let crm = Crm::new(&world, "Harbour CRM").await;
    crm.know("mia").await;
    let (_, handle) = crm.hosted(set_up("mia")).await;
    let other = crm.in_another_browser();
    let Stage::SetUp(late) = other.stage(&handle).await else { panic!("not to be set up") };
    assert!(crm.begin(&handle).await);
    let first = key(&crm, &handle).await.unwrap();
    assert!(!other.begins(late).await);
    assert!(matches!(other.stage(&handle).await, Stage::Elsewhere));
    assert!(crm.begin(&handle).await, "it may begin again");
    let code = crm.code(&key(&crm, &handle).await.unwrap());
    assert!(matches!(confirm(&crm, &handle, &crm.code(&first)).await, ConfirmOutcome::Wrong { .. }));
    assert!(matches!(confirm(&crm, &handle, &code).await, ConfirmOutcome::Added { .. }));
    assert!(matches!(other.stage(&handle).await, Stage::Over));
}

/// A key that may only ask for second steps proves nothing: whoever holds it, and the password, could set up an app.
#[tokio::test]
async fn a_key_that_vouches_for_nobody_has_the_mailbox_confirmed_before_a_first_app() {
    use crate::world::{World, rules};
    use countersign_flows::Rules;
    let world = World::with(Rules { methods: vec![Method::App], ..rules() }).await;
    let crm = Crm::new(&world, "Harbour CRM").await;
    crm.know("mia").await;
    for scopes in [&[Scope::Challenges][..], &[Scope::Challenges, Scope::FirstEnrolments]] {
        let crm = crm.by_key(scopes).await;
        let (id, handle) = crm.hosted(set_up("mia")).await;
        let about = crm.visit(&handle).await.unwrap().about;
        assert!(about.sets_up && about.confirms_mailbox);
        let pending = to_show(&crm, &handle).await;
        assert!(!crm.begins(pending).await, "the set-up is not begun by the address only");
        let pending = to_show(&crm, &handle).await;
        let step = flow::step(&world.s, &pending).await.unwrap();
        assert_eq!((step.methods, step.email_masked.as_str()), (vec![Method::Email], "m•••@crm.example"));
        for method in [Method::App, Method::Sms, Method::BackupCode] {
            let pending = to_show(&crm, &handle).await;
            let other = flow::verify(&world.s, pending, method, "123456", &origin()).await.unwrap();
            assert!(matches!(other, HostedOutcome::Refused(CodeRefusal::NotAvailable)), "{method}");
        }
        world.mail().await;
        let pending = to_show(&crm, &handle).await;
        let sent = flow::send_code(&world.s, &pending, Method::Email, &origin()).await.unwrap();
        assert_eq!(sent, SendOutcome::Sent);
        let mail = world.mail().await;
        let Content::SetUpCode { code, .. } = &mail[0].content else { panic!("another letter") };
        assert_eq!((mail.len(), mail[0].to.as_str()), (1, "mia@crm.example"));
        let wrong =
            flow::verify(&world.s, pending, Method::Email, another_code(code), &origin()).await.unwrap();
        assert!(matches!(wrong, HostedOutcome::Refused(CodeRefusal::Wrong)));
        let pending = to_show(&crm, &handle).await;
        let right = flow::verify(&world.s, pending, Method::Email, code, &origin()).await.unwrap();
        let HostedOutcome::SetUp(browser) = right else { panic!("{right:?}") };
        crm.keep(&browser);
        assert!(matches!(crm.in_another_browser().stage(&handle).await, Stage::Show(_)));
        assert!(matches!(crm.stage(&handle).await, Stage::SetUp(_)));
        // It is no second step: neither for the application nor for a token that moves the mailbox.
        let view = challenges::get(&world.s, &crm.caller, id).await.unwrap().unwrap();
        assert!(view.methods.is_empty() && view.verified.is_none() && view.set_up);
        world.advance(MINUTE);
    }
    // With a second step that is due, the key makes no difference.
    let crm = crm.by_key(Scope::ALL).await;
    let (_, handle) = crm.hosted(set_up("mia")).await;
    assert!(matches!(crm.stage(&handle).await, Stage::SetUp(_)), "this one vouches");
}

#[tokio::test]
async fn a_mailbox_that_takes_no_more_codes_confirms_nothing() {
    use crate::world::{World, rules};
    use countersign_flows::Rules;
    let world = World::with(Rules { methods: vec![Method::App], disable_after: 1, ..rules() }).await;
    let crm = Crm::new(&world, "Harbour CRM").await;
    crm.know("mia").await;
    let crm = crm.by_key(&[Scope::Challenges]).await;
    let (_, handle) = crm.hosted(set_up("mia")).await;
    let pending = to_show(&crm, &handle).await;
    world.mail().await;
    flow::send_code(&world.s, &pending, Method::Email, &origin()).await.unwrap();
    let (_, code) = world.secret().await;
    flow::verify(&world.s, pending, Method::Email, another_code(&code), &origin()).await.unwrap();
    let refused = crm.create(set_up("mia")).await;
    assert!(matches!(refused, CreateOutcome::SetUpUnproven), "{refused:?}");
    assert!(matches!(crm.create(hosted("mia")).await, CreateOutcome::NothingToShow));
    let vouching = crm.by_key(Scope::ALL).await;
    assert!(matches!(vouching.create(set_up("mia")).await, CreateOutcome::Created(_)));
}

#[tokio::test]
async fn an_app_that_was_set_up_elsewhere_meanwhile_ends_what_waits() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let (_, not_begun) = crm.hosted(set_up("mia")).await;
        let (_, begun) = crm.hosted(set_up("mia")).await;
        crm.shown(&not_begun).await;
        let Stage::SetUp(stale) = crm.stage(&not_begun).await else { panic!("not to be set up") };
        world.advance(MINUTE);
        crm.shown(&begun).await;
        assert!(crm.begin(&begun).await);
        let (pending, session) = setting_up(&crm, &begun).await;
        let forgotten = key(&crm, &begun).await.unwrap();

        let holder = crm.issued("mia", Basis::FirstEnrolment).await;
        let app = authenticators::begin_app(&world.s, &holder, Recorder::unkept()).await.unwrap().unwrap();
        let code = app_code(&app.key, world.s.now());
        let added = authenticators::confirm_app(
            &world.s,
            &holder,
            app.id,
            &code,
            "Phone",
            &origin(),
            Recorder::unkept(),
        )
        .await;
        assert!(matches!(added.unwrap(), ConfirmApp::Added { .. }));

        assert!(!crm.begins(stale).await);
        let code = crm.code(&forgotten);
        let late = flow::confirm_set_up(&world.s, pending, &session, entered(&code, "Mine"), &origin())
            .await
            .unwrap();
        assert!(matches!(late, ConfirmOutcome::NotPending));
        // Whoever else was half in has to come again, and is asked for the app.
        for handle in [not_begun, begun] {
            assert!(crm.visit(&handle).await.is_none());
        }
        let (_, again) = crm.hosted(set_up("mia")).await;
        to_show(&crm, &again).await;
        assert_eq!(crm.user("mia").await.apps, 1);
    })
    .await;
}
