//! How many messages leave, whoever asks and whatever is done with them.

use crate::world::{MINUTE, Person, World, notices, on_both, origin, rules};
use countersign_core::{
    budget::{Budgets, Scope},
    event::Origin,
    message::{Content, Notice},
    second_step::Method,
    session::OwnSession,
};
use countersign_flows::{
    Rules, identity,
    phone::{self, Begin, Confirm},
    second_step::SendOutcome,
    sending::Limit,
    sign_in::{self, PasswordOutcome, VerifyOutcome},
};
use tokio::task::JoinSet;

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

fn number(n: u32) -> String {
    format!("+44 20 7946 {n:04}")
}

async fn add_phone(world: &World, session: &OwnSession, number: &str) -> Begin {
    phone::begin(&world.s, world.authority(session), number, &origin()).await.unwrap()
}

/// A new sign-in of this person, and a code for it.
async fn sign_in_code(world: &World, person: &Person, method: Method, origin: &Origin) -> SendOutcome {
    let handle = world.challenge(person).await;
    let challenge = identity::waiting(&world.s, &handle).await.unwrap().unwrap();
    let sent = sign_in::send_code(&world.s, &challenge, method, origin, None).await.unwrap();
    if sent == SendOutcome::Sent {
        // A correct code gives nothing back.
        let (_, code) = world.secret().await;
        let verified = sign_in::verify(&world.s, challenge, method, &code, origin, None).await.unwrap();
        assert!(matches!(verified, VerifyOutcome::SignedIn(_)), "{verified:?}");
    }
    sent
}

fn limited(outcome: SendOutcome) -> Option<Limit> {
    match outcome {
        SendOutcome::Limited(limit) => Some(limit),
        _ => None,
    }
}

#[tokio::test]
async fn one_session_cannot_send_texts_to_many_numbers_though_it_enters_every_code() {
    on_both(async |world| {
        let (mut sent, mut refused) = (0, None);
        for n in 0..45 {
            world.advance(MINUTE / 2);
            let (session, _) = world.session(&world.ben()).await;
            match add_phone(world, &session, &number(n * 20)).await {
                Begin::CodeSent => {
                    sent += 1;
                    let (_, code) = world.secret().await;
                    let authority = world.authority(&session);
                    let added = phone::confirm(&world.s, authority, &code, &origin()).await.unwrap();
                    assert_eq!(added, Confirm::Added);
                    world.mail().await;
                }
                Begin::Limited(limit) => refused = Some(limit),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(sent, 10);
        assert_eq!(refused.unwrap().scope, Scope::Unverified);
        world.advance(DAY);
        let (session, _) = world.session(&world.ben()).await;
        assert_eq!(add_phone(world, &session, &number(7)).await, Begin::CodeSent);
    })
    .await;
}

#[tokio::test]
async fn a_number_gets_five_codes_in_a_quarter_of_an_hour_and_ten_in_a_day() {
    on_both(async |world| {
        let mia = world.mia();
        let send = async || sign_in_code(world, &mia, Method::Sms, &origin()).await;
        for _ in 0..5 {
            assert_eq!(send().await, SendOutcome::Sent);
            world.advance(MINUTE);
        }
        let limit = limited(send().await).unwrap();
        assert_eq!(limit, Limit { scope: Scope::SmsNumber, retry_after: 10 * MINUTE });
        // Email still works, and is the way that the page offers.
        assert_eq!(sign_in_code(world, &mia, Method::Email, &origin()).await, SendOutcome::Sent);
        world.advance(15 * MINUTE);
        for _ in 0..5 {
            assert_eq!(send().await, SendOutcome::Sent);
        }
        world.advance(60 * MINUTE);
        let limit = limited(send().await).unwrap();
        assert_eq!(limit.scope, Scope::SmsNumberDay);
        world.advance(limit.retry_after);
        assert_eq!(send().await, SendOutcome::Sent);
    })
    .await;
}

/// The refused code is not made, so the one before it goes on working.
#[tokio::test]
async fn a_code_that_is_refused_leaves_the_one_before_it_as_it_is() {
    let budgets = Budgets::new(|scope| (scope == Scope::SmsNumber).then_some(1));
    let world = World::with(Rules { budgets, ..rules() }).await;
    let handle = world.challenge(&world.mia()).await;
    let challenge = async || identity::waiting(&world.s, &handle).await.unwrap().unwrap();
    let send = async || {
        sign_in::send_code(&world.s, &challenge().await, Method::Sms, &origin(), None).await.unwrap()
    };
    assert_eq!(send().await, SendOutcome::Sent);
    let (_, code) = world.secret().await;
    world.advance(MINUTE);
    assert!(limited(send().await).is_some());
    assert!(world.mail().await.is_empty());
    let challenge = challenge().await;
    let verified = sign_in::verify(&world.s, challenge, Method::Sms, &code, &origin(), None).await.unwrap();
    assert!(matches!(verified, VerifyOutcome::SignedIn(_)));
}

#[tokio::test]
async fn no_one_uses_up_the_codes_of_a_numbers_owner() {
    let world = World::new().await;
    let number = "+44 20 7946 0142";
    let mut sent = 0;
    for person in [world.ben(), world.adam()] {
        for _ in 0..5 {
            let (session, _) = world.session(&person).await;
            sent += u32::from(add_phone(&world, &session, number).await == Begin::CodeSent);
            world.advance(MINUTE / 2);
        }
    }
    assert_eq!(sent, 5, "all others together");
    world.mail().await;
    let sent = sign_in_code(&world, &world.mia(), Method::Sms, &origin()).await;
    assert_eq!(sent, SendOutcome::Sent);
}

#[tokio::test]
async fn texts_are_limited_for_prefix_country_account_network_organization_and_server() {
    for scope in [
        Scope::SmsPrefix,
        Scope::SmsCountry,
        Scope::SmsAccount,
        Scope::SmsNetwork,
        Scope::SmsOrganization,
        Scope::SmsServer,
    ] {
        let world =
            World::with(Rules { budgets: Budgets::new(|s| (s == scope).then_some(2)), ..rules() }).await;
        let mia = world.mia();
        for _ in 0..2 {
            assert_eq!(sign_in_code(&world, &mia, Method::Sms, &origin()).await, SendOutcome::Sent);
        }
        let refused = limited(sign_in_code(&world, &mia, Method::Sms, &origin()).await);
        assert_eq!(refused.unwrap(), Limit { scope, retry_after: DAY });
        // From another network, to another number: the scopes that are about others as well still refuse.
        let elsewhere = Origin { address: [198, 51, 100, 1].into(), ..origin() };
        let (session, _) = world.session(&world.ben()).await;
        let authority = world.authority(&session);
        let other = phone::begin(&world.s, authority, "+44 20 8366 1177", &elsewhere).await.unwrap();
        let shared = [Scope::SmsCountry, Scope::SmsOrganization, Scope::SmsServer].contains(&scope);
        assert_eq!(matches!(other, Begin::Limited(_)), shared, "{scope:?}: {other:?}");
    }
}

#[tokio::test]
async fn codes_by_email_are_limited_for_account_network_organization_and_server() {
    for scope in [Scope::EmailAccount, Scope::EmailNetwork, Scope::EmailOrganization, Scope::EmailServer] {
        let world =
            World::with(Rules { budgets: Budgets::new(|s| (s == scope).then_some(2)), ..rules() }).await;
        let mia = world.mia();
        for _ in 0..2 {
            assert_eq!(sign_in_code(&world, &mia, Method::Email, &origin()).await, SendOutcome::Sent);
        }
        let refused = limited(sign_in_code(&world, &mia, Method::Email, &origin()).await);
        assert_eq!(refused.unwrap(), Limit { scope, retry_after: DAY });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_of_codes_for_many_accounts_stays_within_the_budget_of_the_server() {
    on_both(async |world| {
        let people = [world.mia(), world.ben(), world.adam(), world.olivia()];
        // With an app, nobody is sent a code before they ask for one.
        for person in &people {
            crate::guessing::with_app(world, person).await;
        }
        let s = world.with_budgets(Budgets::new(|scope| (scope == Scope::EmailServer).then_some(7)));
        let mut burst = JoinSet::new();
        for n in 0..40 {
            let handle = world.challenge(&people[n % people.len()]).await;
            let s = s.clone();
            burst.spawn(async move {
                let challenge = identity::waiting(&s, &handle).await.unwrap().unwrap();
                sign_in::send_code(&s, &challenge, Method::Email, &origin(), None).await.unwrap()
            });
        }
        let sent = burst.join_all().await.into_iter().filter(|sent| *sent == SendOutcome::Sent).count();
        assert_eq!((sent, world.mail().await.len()), (7, 7));
    })
    .await;
}

#[tokio::test]
async fn a_code_that_comes_with_the_password_is_charged_like_one_that_is_requested() {
    let budgets = Budgets::new(|scope| (scope == Scope::EmailAccount).then_some(2));
    let world = World::with(Rules { budgets, ..rules() }).await;
    let ben = world.ben();
    let not_sent = async || match world.password(&ben.email, &ben.password).await {
        PasswordOutcome::Challenged { not_sent, .. } => not_sent,
        other => panic!("{other:?}"),
    };
    for _ in 0..2 {
        assert_eq!(not_sent().await, None);
        assert_eq!(world.secret().await.0, ben.email);
    }
    let refused = limited(not_sent().await.unwrap()).unwrap();
    assert_eq!(refused.scope, Scope::EmailAccount);
    assert!(world.mail().await.is_empty());
    // A wrong password sends nothing, and whoever has another way is asked which.
    assert!(matches!(world.password(&ben.email, "wrong").await, PasswordOutcome::Wrong));
    assert!(matches!(
        world.password(&world.mia().email, &world.mia().password).await,
        PasswordOutcome::Challenged { not_sent: None, .. }
    ));
    assert!(world.mail().await.is_empty());
}

#[tokio::test]
async fn the_operator_is_notified_once_when_four_fifths_are_used() {
    let budgets = Budgets::new(|scope| (scope == Scope::SmsCountry).then_some(5));
    let operator = Some("operator@example.org".parse().unwrap());
    let world = World::with(Rules { budgets, operator, ..rules() }).await;
    let mut told = Vec::new();
    for n in 0..5 {
        let (session, _) = world.session(&world.ben()).await;
        assert_eq!(add_phone(&world, &session, &number(n * 11)).await, Begin::CodeSent);
        let mail = world.mail().await;
        let to_operator = mail.into_iter().filter(|letter| letter.to == "operator@example.org");
        told.push(to_operator.map(|letter| letter.content).collect::<Vec<_>>());
    }
    assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 0, 1, 0]);
    let Content::BudgetNearlyUsed { scope, subject, used, allowed, setting } = &told[3][0] else {
        panic!("another message")
    };
    assert_eq!((scope.as_str(), subject.as_str(), *used, *allowed), ("sms-country", "GB", 4, 5));
    assert_eq!(setting, "budget.sms_per_country_day");
}

/// Whatever else is used up, what has happened is told; and a flood of it ends with a word that says so.
#[tokio::test]
async fn notices_are_stopped_by_no_budget_but_their_own_which_is_announced() {
    let budgets = Budgets::new(|scope| Some(if scope == Scope::Notice { 3 } else { 1 }));
    let world = World::with(Rules { budgets, ..rules() }).await;
    let mia = world.mia();
    assert_eq!(sign_in_code(&world, &mia, Method::Email, &origin()).await, SendOutcome::Sent);
    assert!(limited(sign_in_code(&world, &mia, Method::Email, &origin()).await).is_some());
    let mut told = Vec::new();
    for round in 0..5 {
        let (session, _) = world.session(&mia).await;
        if round > 0 {
            let id = countersign_core::ids::AuthenticatorId::generate(world.s.now(), &*world.s.entropy);
            let (authority, now) = (world.authority(&session), world.s.now());
            let set = move |tx: &mut countersign_store::Tx<'_>| {
                countersign_store::phones::set(tx, &authority, id, "+442079460142", now)
            };
            world.s.store.write(set).await.unwrap();
        }
        assert!(phone::remove(&world.s, world.authority(&session), &origin()).await.unwrap());
        told.push(notices(world.mail().await).into_iter().map(|(_, notice)| notice).collect::<Vec<_>>());
    }
    let removed = || Notice::PhoneRemoved;
    assert_eq!(told[0], [removed()]);
    assert_eq!(told[1], [removed()]);
    assert!(told[2].len() == 2 && told[2].contains(&removed()) && told[2].contains(&Notice::NoticesPaused));
    assert!(told[3].is_empty() && told[4].is_empty());
}
