//! Changing the address.

use crate::world::{MINUTE, World, another_code, notices, origin};
use countersign_core::{email::EmailError, event::EventKind, message::Notice};
use countersign_flows::{
    email_change::{self, Begin, Confirm},
    phone, profile, recovery,
    second_step::CodeRefusal,
    sessions,
    sign_in::PasswordOutcome,
};
use tokio::task::JoinSet;

const NEW: &str = "mia@new.example";

#[tokio::test]
async fn the_new_address_counts_once_its_code_is_typed() {
    let world = World::new().await;
    let mia = world.mia();
    assert_eq!(world.request_link(&mia.email, &origin()).await, None);
    let (_, link) = world.secret().await;
    let (here, this) = world.session(&mia).await;
    let (_, elsewhere) = world.session(&mia).await;
    let waiting = world.challenge(&mia).await;
    let begin = async |email: &str| {
        email_change::begin(&world.s, world.authority(&here), email, &origin()).await.unwrap()
    };
    let confirm = async |code: &str| {
        email_change::confirm(&world.s, world.authority(&here), code, &origin()).await.unwrap()
    };
    assert_eq!(begin("mia").await, Begin::Invalid(EmailError::Malformed));
    assert_eq!(begin(&mia.email.to_uppercase()).await, Begin::Same);
    assert_eq!(confirm("123456").await, Confirm::Code(CodeRefusal::NotSent));
    assert_eq!(begin(" Mia@New.example ").await, Begin::CodeSent);
    assert_eq!(begin("other@new.example").await, Begin::TooSoon { retry_after: MINUTE / 2 });
    assert_eq!(
        email_change::pending(&world.s, &here).await.unwrap().map(|to| to.target).as_deref(),
        Some(NEW)
    );
    let (to, code) = world.secret().await;
    assert_eq!(to, NEW);
    assert_eq!(confirm("12345x").await, Confirm::Code(CodeRefusal::NotDigits));
    assert_eq!(confirm(another_code(&code)).await, Confirm::Code(CodeRefusal::Wrong));
    assert!(world.user(&mia.email).await.is_some() && world.lives(&elsewhere).await);

    assert_eq!(confirm(&code).await, Confirm::Changed { ended: 1 });
    assert_eq!(confirm(&code).await, Confirm::Code(CodeRefusal::NotSent));
    assert_eq!(email_change::pending(&world.s, &here).await.unwrap(), None);
    let notice = Notice::EmailChanged { to: "m•••@new.example".into() };
    let mut told = notices(world.mail().await);
    told.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told, [(mia.email.clone(), notice.clone()), (NEW.to_owned(), notice)]);
    assert!(world.lives(&this).await && !world.lives(&elsewhere).await && !world.waits(&waiting).await);
    assert_eq!(recovery::account_of(&world.s, link.rsplit('/').next().unwrap()).await.unwrap(), None);
    assert!(matches!(world.password(&mia.email, &mia.password).await, PasswordOutcome::Wrong));
    assert!(matches!(world.password(NEW, &mia.password).await, PasswordOutcome::Challenged { .. }));
    assert!(world.recorded(&mia, EventKind::EmailChanged).await);
}

#[tokio::test]
async fn a_code_expires_and_belongs_to_its_session() {
    let world = World::new().await;
    let mia = world.mia();
    let (here, _) = world.session(&mia).await;
    let (elsewhere, _) = world.session(&mia).await;
    email_change::begin(&world.s, world.authority(&here), NEW, &origin()).await.unwrap();
    let (_, code) = world.secret().await;
    let stolen =
        email_change::confirm(&world.s, world.authority(&elsewhere), &code, &origin()).await.unwrap();
    assert_eq!(stolen, Confirm::Code(CodeRefusal::NotSent));
    let authority = world.authority(&here);
    world.advance(10 * MINUTE);
    let late = email_change::confirm(&world.s, authority, &code, &origin()).await.unwrap();
    assert_eq!(late, Confirm::Code(CodeRefusal::Expired));
    assert_eq!(email_change::pending(&world.s, &here).await.unwrap(), None);
}

/// Whatever is asked and typed: for an address that somebody has, the answers are those for one that nobody has.
#[tokio::test]
async fn a_taken_address_cannot_be_told_from_a_free_one() {
    let answers = async |wanted: &str| {
        let world = World::new().await;
        let mia = world.mia();
        let (session, _) = world.session(&mia).await;
        let mut answers = Vec::new();
        // Until the budget of codes is spent, on this address and on a free one in turn; two wrong codes on the way.
        for round in 0..22 {
            let wanted = if round % 2 == 0 { wanted } else { NEW };
            let (session, _) = world.session(&mia).await;
            let begin = async || {
                email_change::begin(&world.s, world.authority(&session), wanted, &origin()).await.unwrap()
            };
            let (begun, again) = (begin().await, begin().await);
            let pending =
                email_change::pending(&world.s, &session).await.unwrap().map(|to| to.target == wanted);
            let guess = if round < 2 {
                let authority = world.authority(&session);
                Some(email_change::confirm(&world.s, authority, "000000", &origin()).await.unwrap())
            } else {
                None
            };
            answers.push(format!("{begun:?} {again:?} {pending:?} {guess:?}"));
        }
        let activity = countersign_flows::activity::page(&world.s, &session, None).await.unwrap();
        let mut activity: Vec<_> = activity
            .events
            .into_iter()
            .map(|event| format!("{:?} {:?} {}", event.kind, event.detail, event.times))
            .collect();
        // All of it happened in one millisecond of this clock, and so in no order.
        activity.sort();
        answers.extend(activity);
        let sent = world.mail().await.iter().filter(|letter| letter.to == wanted).count();
        (answers, sent)
    };
    let (free, sent_to_free) = answers("nobody@harbour-pine.example").await;
    let (taken, sent_to_taken) = answers("ben.okafor@harbour-pine.example").await;
    assert_eq!(free, taken);
    assert!(free.iter().any(|answer| answer.contains("Limited")), "{free:?}");
    assert!(free.iter().any(|answer| answer.contains("Wrong")), "{free:?}");
    assert!(sent_to_free > 0);
    assert_eq!(sent_to_taken, 0);
}

#[tokio::test]
async fn of_two_who_prove_one_address_the_second_is_refused() {
    let world = World::new().await;
    let mut codes = Vec::new();
    for person in [world.mia(), world.ben()] {
        let (session, _) = world.session(&person).await;
        email_change::begin(&world.s, world.authority(&session), NEW, &origin()).await.unwrap();
        codes.push((session, world.secret().await.1));
    }
    let mut outcomes = Vec::new();
    for (session, code) in &codes {
        let authority = world.authority(session);
        outcomes.push(email_change::confirm(&world.s, authority, code, &origin()).await.unwrap());
    }
    assert_eq!(outcomes, [Confirm::Changed { ended: 0 }, Confirm::Code(CodeRefusal::NotAvailable)]);
    assert_eq!(world.user(NEW).await.unwrap().id, world.mia().id);
    assert_eq!(world.user(&world.ben().email).await.unwrap().id, world.ben().id);
    assert!(world.mail().await.iter().all(|letter| letter.to != world.ben().email));
}

/// Somebody was shown out, or a new password was chosen by a link, while this request was on its way.
#[tokio::test]
async fn a_session_that_was_ended_meanwhile_proves_nothing() {
    let world = World::new().await;
    let mia = world.mia();
    let (here, _) = world.session(&mia).await;
    let (intruder, _) = world.session(&mia).await;
    email_change::begin(&world.s, world.authority(&intruder), NEW, &origin()).await.unwrap();
    let (_, email_code) = world.secret().await;
    phone::begin(&world.s, world.authority(&intruder), "+44 20 7946 0958", &origin()).await.unwrap();
    let (_, phone_code) = world.secret().await;
    let authority = || world.authority(&intruder);
    assert_eq!(sessions::end_others(&world.s, &here, &origin()).await.unwrap(), 1);
    let changed = email_change::confirm(&world.s, authority(), &email_code, &origin()).await.unwrap();
    assert_eq!(changed, Confirm::Code(CodeRefusal::NotAvailable));
    let added = phone::confirm(&world.s, authority(), &phone_code, &origin()).await.unwrap();
    assert_eq!(added, phone::Confirm::Code(CodeRefusal::NotAvailable));
    assert!(!phone::remove(&world.s, authority(), &origin()).await.unwrap());
    let profile = profile::overview(&world.s, &here).await.unwrap();
    assert_eq!((profile.email, profile.phone_masked.as_deref()), (mia.email, Some("••• ••42")));
    assert!(world.mail().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_changes_the_address_once_under_a_burst() {
    let world = World::new().await;
    let (session, _) = world.session(&world.mia()).await;
    email_change::begin(&world.s, world.authority(&session), NEW, &origin()).await.unwrap();
    let (_, code) = world.secret().await;
    let mut burst = JoinSet::new();
    for _ in 0..50 {
        let (s, authority, code) = (world.s.clone(), world.authority(&session), code.clone());
        burst.spawn(async move { email_change::confirm(&s, authority, &code, &origin()).await.unwrap() });
    }
    let outcomes = burst.join_all().await;
    let changed = outcomes.iter().filter(|outcome| matches!(outcome, Confirm::Changed { .. })).count();
    assert_eq!(changed, 1, "{outcomes:?}");
    assert_eq!(notices(world.mail().await).len(), 2);
}
