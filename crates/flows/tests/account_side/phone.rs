//! Adding and removing a phone.

use crate::world::{MINUTE, World, another_code, origin, rules};
use countersign_core::{event::EventKind, message::Notice, phone::PhoneError, second_step::Standing};
use countersign_flows::{
    Rules,
    phone::{self, Begin, Confirm},
    second_step::CodeRefusal,
};
use tokio::task::JoinSet;

const NUMBER: &str = "+44 20 7946 0958";

#[tokio::test]
async fn a_number_is_the_accounts_phone_once_its_code_is_typed() {
    let world = World::new().await;
    let ben = world.ben();
    let (session, _) = world.session(&ben).await;
    let begin = async |number: &str| {
        phone::begin(&world.s, world.authority(&session), number, &origin()).await.unwrap()
    };
    let confirm = async |code: &str| {
        phone::confirm(&world.s, world.authority(&session), code, &origin()).await.unwrap()
    };
    assert_eq!(begin("").await, Begin::Invalid(PhoneError::Empty));
    assert_eq!(begin("020 7946 0958").await, Begin::Invalid(PhoneError::NoCountryCode));
    assert_eq!(begin("+1 202 555 0142").await, Begin::Country);
    assert_eq!(confirm("123456").await, Confirm::Code(CodeRefusal::NotSent));
    assert!(world.mail().await.is_empty());
    assert_eq!(begin(NUMBER).await, Begin::CodeSent);
    assert_eq!(begin(NUMBER).await, Begin::TooSoon { retry_after: MINUTE / 2 });
    assert_eq!(
        phone::pending(&world.s, &session).await.unwrap().map(|pending| (pending.target, pending.resend_in)),
        Some(("+442079460958".to_owned(), MINUTE / 2)),
        "in full, for the session that entered it"
    );
    let (to, code) = world.secret().await;
    assert_eq!(to, "+442079460958");
    assert_eq!(confirm(another_code(&code)).await, Confirm::Code(CodeRefusal::Wrong));
    assert_eq!(world.steps(&ben).await.sms, Standing::Absent);

    let waiting = world.challenge(&ben).await;
    // Until now, his mailbox is his only way to sign in: the code has come at once.
    world.secret().await;
    assert_eq!(confirm(&code).await, Confirm::Added);
    assert_eq!(confirm(&code).await, Confirm::Code(CodeRefusal::NotSent));
    assert_eq!(phone::pending(&world.s, &session).await.unwrap(), None);
    assert_eq!(world.steps(&ben).await.sms, Standing::Ready);
    assert!(!world.waits(&waiting).await);
    let told = Notice::PhoneChanged { to: "••• ••58".into() };
    assert_eq!(world.notice().await, (ben.email.clone(), told));
}

#[tokio::test]
async fn a_removed_phone_is_no_second_step() {
    let world = World::new().await;
    let mia = world.mia();
    assert_eq!(world.steps(&mia).await.sms, Standing::Ready);
    let (session, _) = world.session(&mia).await;
    let waiting = world.challenge(&mia).await;
    assert!(phone::remove(&world.s, world.authority(&session), &origin()).await.unwrap());
    assert_eq!(world.steps(&mia).await.sms, Standing::Absent);
    assert!(!world.waits(&waiting).await);
    assert_eq!(world.notice().await, (mia.email.clone(), Notice::PhoneRemoved));
    assert!(world.recorded(&mia, EventKind::PhoneRemoved).await);
    assert!(!phone::remove(&world.s, world.authority(&session), &origin()).await.unwrap());
    assert!(world.mail().await.is_empty());
}

#[tokio::test]
async fn where_sms_is_off_no_phone_is_asked_for() {
    use countersign_core::second_step::Method;
    for rules in [Rules { sms_countries: None, ..rules() }, Rules { methods: vec![Method::App], ..rules() }] {
        let world = World::with(rules).await;
        let (session, _) = world.session(&world.ben()).await;
        let begun = phone::begin(&world.s, world.authority(&session), NUMBER, &origin()).await.unwrap();
        assert_eq!(begun, Begin::SmsOff);
        let confirmed =
            phone::confirm(&world.s, world.authority(&session), "123456", &origin()).await.unwrap();
        assert_eq!(confirmed, Confirm::Code(CodeRefusal::NotAvailable));
        assert!(world.mail().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_adds_the_phone_once_under_a_burst() {
    let world = World::new().await;
    let (session, _) = world.session(&world.ben()).await;
    phone::begin(&world.s, world.authority(&session), NUMBER, &origin()).await.unwrap();
    let (_, code) = world.secret().await;
    let mut burst = JoinSet::new();
    for _ in 0..50 {
        let (s, authority, code) = (world.s.clone(), world.authority(&session), code.clone());
        burst.spawn(async move { phone::confirm(&s, authority, &code, &origin()).await.unwrap() });
    }
    let outcomes = burst.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Confirm::Added).count(), 1, "{outcomes:?}");
    assert_eq!(world.notice().await.0, world.ben().email);
}
