//! Asking for a second step on the application's own pages.

use super::{
    BACK, ChallengeDraft, CreateOutcome, Crm, STEP, VerifyOutcome, headless, hosted, id, in_login_as, set_up,
};
use crate::world::{MINUTE, another_code, on_both, origin};
use countersign_core::{
    budget::{Budgets, Scope},
    ids::ApplicationChallengeId,
    message::{Content, Notice},
    second_step::Method,
};
use countersign_flows::{
    Recorder,
    second_step::{CodeRefusal, SendOutcome},
    sending::Limit,
    service::{
        authenticators,
        challenges::{self, ChallengeStatus, NotWaiting, STATE_LENGTH, Verified},
        holder::Basis,
    },
};

fn verified(outcome: VerifyOutcome) -> Verified {
    match outcome {
        VerifyOutcome::Verified(verified) => verified,
        other => panic!("{other:?}"),
    }
}

fn refused(outcome: VerifyOutcome) -> CodeRefusal {
    match outcome {
        VerifyOutcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_is_asked_for_by_whom_it_can_be_answered() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        crm.know("ada").await;
        let long = |length| ChallengeDraft { state: Some("é".repeat(length)), ..hosted("mia") };
        let stray = ChallengeDraft { state: Some("x".into()), ..headless("mia") };
        let elsewhere = ChallengeDraft { return_to: Some(format!("{BACK}&x=1")), ..hosted("mia") };
        let create = async |draft| crm.create(draft).await;
        assert!(matches!(create(headless("nobody")).await, CreateOutcome::UnknownUser));
        assert!(matches!(create(in_login_as(headless("mia"), "nobody")).await, CreateOutcome::UnknownActor));
        assert!(matches!(create(in_login_as(headless("mia"), "mia")).await, CreateOutcome::ActorIsUser));
        assert!(matches!(create(elsewhere).await, CreateOutcome::ReturnAddress));
        assert!(matches!(create(stray).await, CreateOutcome::State));
        assert!(matches!(create(long(STATE_LENGTH + 1)).await, CreateOutcome::State));
        assert!(matches!(create(long(STATE_LENGTH)).await, CreateOutcome::Created(_)));
        crm.set_active("ada", false).await;
        assert!(matches!(create(in_login_as(headless("mia"), "ada")).await, CreateOutcome::Inactive));

        let view = crm.created(set_up("mia")).await;
        assert!(view.set_up && view.url.is_some() && view.status == ChallengeStatus::Pending);
        crm.set_active("ada", true).await;
        let headless_set_up = ChallengeDraft { set_up: Some(true), ..headless("mia") };
        assert!(matches!(create(headless_set_up).await, CreateOutcome::SetUp));
        assert!(matches!(create(in_login_as(set_up("mia"), "ada")).await, CreateOutcome::SetUp));
        let strict = Crm::requiring_app(world, "Pine Shop").await;
        strict.know("mia").await;
        strict.know("ada").await;
        assert!(strict.created(hosted("mia")).await.set_up);
        assert!(!strict.created(headless("mia")).await.set_up, "on the hosted pages alone");
        assert!(!strict.created(in_login_as(hosted("mia"), "ada")).await.set_up, "never in a login as");
    })
    .await;
}

#[tokio::test]
async fn where_nothing_can_be_shown_none_is_asked_for() {
    use crate::world::{World, rules};
    use countersign_flows::Rules;
    let world = World::with(Rules { methods: vec![Method::App], ..rules() }).await;
    let crm = Crm::new(&world, "Harbour CRM").await;
    crm.know("mia").await;
    assert!(matches!(crm.create(headless("mia")).await, CreateOutcome::NothingToShow));
    assert!(matches!(crm.create(hosted("mia")).await, CreateOutcome::NothingToShow));
    assert!(matches!(crm.create(set_up("mia")).await, CreateOutcome::Created(_)));
}

#[tokio::test]
async fn a_code_by_email_answers_it_once_in_time_and_for_its_application() {
    on_both(async |world| {
        let (crm, shop) = (Crm::new(world, "Harbour CRM").await, Crm::new(world, "Pine Shop").await);
        crm.know("mia").await;
        let challenge = crm.headless("mia").await;
        let send = async |crm: &Crm<'_>, method| {
            challenges::send(&world.s, &crm.caller, challenge, method, &origin(), Recorder::unkept())
                .await
                .unwrap()
        };
        assert_eq!(send(&shop, Method::Email).await, Err(NotWaiting::Gone));
        assert_eq!(send(&crm, Method::App).await, Ok(SendOutcome::NotAvailable));
        assert_eq!(send(&crm, Method::Email).await, Ok(SendOutcome::Sent));
        assert!(matches!(send(&crm, Method::Email).await, Ok(SendOutcome::TooSoon { .. })));
        let mail = world.mail().await;
        let [letter] = mail.as_slice() else { panic!("not one letter") };
        assert_eq!(
            (letter.to.as_str(), letter.application.as_deref()),
            ("mia@crm.example", Some("Harbour CRM"))
        );
        let Content::SignInCodeElsewhere { code, .. } = &letter.content else { panic!("another letter") };
        let wrong = crm.verify(challenge, Method::Email, another_code(code)).await;
        assert_eq!(refused(wrong), CodeRefusal::Wrong);
        let other = crm.headless("mia").await;
        assert_eq!(refused(crm.verify(other, Method::Email, code).await), CodeRefusal::NotSent);
        assert!(matches!(
            shop.verify(challenge, Method::Email, code).await,
            VerifyOutcome::NotWaiting(NotWaiting::Gone)
        ));
        let answer = verified(crm.verify(challenge, Method::Email, code).await);
        assert_eq!((answer.user.as_str(), answer.actor, answer.method), ("mia", None, Method::Email));
        assert_eq!((answer.challenge, answer.enrolled), (challenge, false));
        for again in [code, another_code(code)] {
            let outcome = crm.verify(challenge, Method::Email, again).await;
            assert!(matches!(outcome, VerifyOutcome::NotWaiting(NotWaiting::Answered)), "{outcome:?}");
        }
        let origin = origin();
        let again =
            challenges::send(&world.s, &crm.caller, challenge, Method::Email, &origin, Recorder::unkept());
        assert_eq!(again.await.unwrap(), Err(NotWaiting::Answered));
        let elsewhere = shop.verify(challenge, Method::Email, code).await;
        assert!(matches!(elsewhere, VerifyOutcome::NotWaiting(NotWaiting::Gone)), "{elsewhere:?}");
        let view = challenges::get(&world.s, &crm.caller, challenge).await.unwrap().unwrap();
        assert!(view.status == ChallengeStatus::Verified && view.verified.is_some() && view.url.is_none());
        assert!(challenges::get(&world.s, &shop.caller, challenge).await.unwrap().is_none());

        let late = crm.headless("mia").await;
        world.advance(15 * MINUTE);
        assert!(matches!(
            crm.verify(late, Method::Email, "123456").await,
            VerifyOutcome::NotWaiting(NotWaiting::Gone)
        ));
        let view = challenges::get(&world.s, &crm.caller, late).await.unwrap().unwrap();
        assert!(view.status == ChallengeStatus::Expired && view.methods.is_empty());
        let unknown = ApplicationChallengeId::generate(world.s.now(), &*world.s.entropy);
        assert!(challenges::get(&world.s, &crm.caller, unknown).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_code_is_worth_one_answer_whoever_asks() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let [first, second] = [crm.headless("mia").await, crm.headless("mia").await];
        let code = crm.code(&key);
        verified(crm.verify(first, Method::App, &code).await);
        assert_eq!(refused(crm.verify(second, Method::App, &code).await), CodeRefusal::AlreadyUsed);
        world.advance(STEP);
        verified(crm.verify(second, Method::App, &crm.code(&key)).await);
    })
    .await;
}

#[tokio::test]
async fn the_counter_is_the_accounts_over_challenges_of_either_kind() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        world.mail().await;
        for number in 1..=10 {
            let challenge = crm.headless("mia").await;
            let outcome = crm.verify(challenge, Method::App, another_code(&crm.code(&key))).await;
            let near = CodeRefusal::WrongNearPause { left: 10 - number, pause: 15 * MINUTE };
            assert_eq!(refused(outcome), if number < 7 { CodeRefusal::Wrong } else { near });
        }
        let challenge = crm.headless("mia").await;
        let outcome = crm.verify(challenge, Method::App, &crm.code(&key)).await;
        assert!(matches!(refused(outcome), CodeRefusal::Closed { .. }));
        let mail = world.mail().await;
        assert!(mail.iter().all(|letter| letter.application.as_deref() == Some("Harbour CRM")));
        let (to, notice) = crate::world::notices(mail).pop().unwrap();
        assert_eq!((to.as_str(), notice), ("mia@crm.example", Notice::SecondStepPaused { minutes: 15 }));
    })
    .await;
}

#[tokio::test]
async fn in_a_login_as_the_actor_answers_and_the_subject_cannot() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        crm.know("ada").await;
        let (mias, adas) = (crm.with_app("mia").await, crm.with_app("ada").await);
        let view = crm.created(in_login_as(headless("mia"), "ada")).await;
        assert_eq!((view.user, view.actor), (id("mia"), Some(id("ada"))));
        let subject = crm.verify(view.id, Method::App, &crm.code(&mias)).await;
        assert_eq!(refused(subject), CodeRefusal::Wrong);
        let answer = verified(crm.verify(view.id, Method::App, &crm.code(&adas)).await);
        assert_eq!((answer.user, answer.actor), (id("mia"), Some(id("ada"))));
    })
    .await;
}

#[tokio::test]
async fn one_mailbox_is_not_filled_through_many_users_of_an_application() {
    on_both(async |world| {
        let (crm, shop) = (Crm::new(world, "Harbour CRM").await, Crm::new(world, "Pine Shop").await);
        let send = async |crm: &Crm<'_>, user: &str| {
            assert!(matches!(
                crm.put(user, "mia@crm.example", None).await,
                super::PutOutcome::Created(_) | super::PutOutcome::Updated(_)
            ));
            let challenge = crm.headless(user).await;
            let sent = challenges::send(
                &world.s,
                &crm.caller,
                challenge,
                Method::Email,
                &origin(),
                Recorder::unkept(),
            )
            .await
            .unwrap();
            (challenge, sent.unwrap())
        };
        for number in 0..10 {
            assert_eq!(send(&crm, &format!("user-{number}")).await.1, SendOutcome::Sent, "{number}");
        }
        let limited = |sent| matches!(sent, SendOutcome::Limited(Limit { scope: Scope::EmailMailbox, .. }));
        assert!(limited(send(&crm, "one-more").await.1));
        assert!(limited(send(&shop, "mia").await.1), "nor through another application");
        let tagged = crm.put("tagged", "mia+2@crm.example", None).await;
        assert!(matches!(tagged, super::PutOutcome::Created(_)));
        let challenge = crm.headless("tagged").await;
        let (from, unkept) = (origin(), Recorder::unkept());
        let sent = challenges::send(&world.s, &crm.caller, challenge, Method::Email, &from, unkept).await;
        let sent = sent.unwrap();
        assert!(limited(sent.unwrap()), "nor with a tag");
        world.mail().await;
        world.advance(24 * 60 * MINUTE);
        let (challenge, sent) = send(&shop, "mia").await;
        assert_eq!(sent, SendOutcome::Sent);
        let (_, code) = world.secret().await;
        verified(shop.verify(challenge, Method::Email, &code).await);
        for number in 0..9 {
            assert_eq!(send(&crm, &format!("user-{number}")).await.1, SendOutcome::Sent, "{number}");
        }
        // Strangers do not stop the one who has shown that the mailbox is theirs.
        assert!(limited(send(&shop, "one-more").await.1));
        assert_eq!(send(&shop, "mia").await.1, SendOutcome::Sent);
    })
    .await;
}

#[tokio::test]
async fn an_application_sends_so_many_emails_an_hour_to_mailboxes_that_no_code_has_verified() {
    on_both(async |world| {
        let s = world.with_budgets(Budgets::new(|scope| (scope == Scope::FirstEmail).then_some(3)));
        let (crm, shop) = (Crm::new(world, "Harbour CRM").await, Crm::new(world, "Pine Shop").await);
        let send = async |crm: &Crm<'_>, user: &str| {
            let challenge = crm.headless(user).await;
            let (from, unkept) = (origin(), Recorder::unkept());
            let sent =
                challenges::send(&s, &crm.caller, challenge, Method::Email, &from, unkept).await.unwrap();
            (challenge, sent.unwrap())
        };
        for user in ["mia", "ben", "ada", "ole"] {
            crm.know(user).await;
        }
        shop.know("mia").await;
        let (challenge, sent) = send(&crm, "mia").await;
        assert_eq!(sent, SendOutcome::Sent);
        let (_, code) = world.secret().await;
        verified(crm.verify(challenge, Method::Email, &code).await);
        for user in ["ben", "ada"] {
            assert_eq!(send(&crm, user).await.1, SendOutcome::Sent);
        }
        let limit = Limit { scope: Scope::FirstEmail, retry_after: 60 * MINUTE };
        assert_eq!(send(&crm, "ole").await.1, SendOutcome::Limited(limit));
        // Those who have verified theirs are not held up, nor is another application.
        assert_eq!(send(&crm, "mia").await.1, SendOutcome::Sent);
        assert_eq!(send(&shop, "mia").await.1, SendOutcome::Sent);
        world.advance(60 * MINUTE);
        assert_eq!(send(&crm, "ole").await.1, SendOutcome::Sent);
    })
    .await;
}

/// What happens on an account is no way to write to strangers either.
#[tokio::test]
async fn notices_to_unverified_mailboxes_are_first_emails_too() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        let other = world.with_budgets(Budgets::new(|scope| (scope == Scope::FirstEmail).then_some(2)));
        let mut told = 0;
        for user in ["mia", "ben", "ada"] {
            crm.know(user).await;
            let holder = crm.issued(user, Basis::FirstEnrolment).await;
            let pending =
                authenticators::begin_app(&other, &holder, Recorder::unkept()).await.unwrap().unwrap();
            let (code, id, unkept) = (crm.code(&pending.key), pending.id, Recorder::unkept());
            authenticators::confirm_app(&other, &holder, id, &code, "Phone", &origin(), unkept)
                .await
                .unwrap();
            told += world.mail().await.len();
        }
        assert_eq!(told, 2);
    })
    .await;
}
