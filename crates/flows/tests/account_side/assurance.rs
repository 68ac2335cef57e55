//! What a session reports about itself, and what a step-up wants.

use crate::world::{GOOD, MINUTE, OTHER, Person, World, on_both, origin};
use countersign_core::{
    assurance::{Acr, Assurance},
    second_step::Method,
    secret::PlainHandle,
    session::{OwnSession, Session},
    site_access::Level,
};
use countersign_flows::{
    Services, identity,
    password_change::{self, PasswordChange},
    recovery::{self, Reset},
    second_step::{CodeRefusal, SendOutcome},
    sign_in::{self, PasswordOutcome, VerifyOutcome},
    step_up::{self, Entered, StepUpOutcome},
};

/// Signs in by password and a code that is sent.
async fn signed_in(world: &World, s: &Services, person: &Person, method: Method) -> OwnSession {
    let PasswordOutcome::Challenged { handle, .. } = world.password(&person.email, &person.password).await
    else {
        panic!("no second step was asked for")
    };
    let challenge = identity::waiting(s, &handle).await.unwrap().unwrap();
    let sent = sign_in::send_code(s, &challenge, method, &origin(), None).await.unwrap();
    // Where it is the only way, the password has sent it.
    assert!(matches!(sent, SendOutcome::Sent | SendOutcome::TooSoon { .. }), "{sent:?}");
    let code = world.secret().await.1;
    let verified = sign_in::verify(s, challenge, method, &code, &origin(), None).await.unwrap();
    let VerifyOutcome::SignedIn(signed_in) = verified else { panic!("{verified:?}") };
    session(s, &signed_in.session).await
}

async fn session(s: &Services, handle: &PlainHandle) -> OwnSession {
    match identity::current(s, handle).await.unwrap() {
        Some(Session::Own(own)) => own,
        other => panic!("{other:?}"),
    }
}

/// Sets a new password by a link to the mailbox.
async fn reset(world: &World, person: &Person, password: &str) -> Person {
    assert_eq!(world.request_link(&person.email, &origin()).await, None);
    let link = world.secret().await.1;
    let token = link.rsplit('/').next().unwrap();
    assert_eq!(recovery::reset(&world.s, token, password, &origin()).await.unwrap(), Reset::Done);
    world.mail().await;
    Person { password: password.into(), ..person.clone() }
}

fn reached(session: &OwnSession) -> Assurance {
    session.record().proofs().assurance()
}

#[tokio::test]
async fn a_code_by_email_is_a_step_and_after_a_reset_link_not_even_a_second_one() {
    on_both(async |world| {
        let (s, mia) = (&world.s, world.mia());
        let by_email = reached(&signed_in(world, s, &mia, Method::Email).await);
        assert_eq!(
            (by_email.acr, by_email.amr, by_email.level()),
            (Acr::OneFactor, &["pwd"][..], Level::TwoSteps)
        );
        assert_eq!(by_email.steps, ["password", "email"]);
        let by_sms = reached(&signed_in(world, s, &mia, Method::Sms).await);
        assert_eq!((by_sms.acr, by_sms.amr), (Acr::TwoFactor, &["pwd", "sms", "mfa"][..]));

        // Ben has his mailbox and nothing else.
        let ben = reset(world, &world.ben(), GOOD).await;
        let own = signed_in(world, s, &ben, Method::Email).await;
        let by_link = reached(&own);
        assert_eq!(
            (by_link.acr, by_link.steps, by_link.level()),
            (Acr::OneFactor, &["email"][..], Level::OneStep)
        );
        // To change the password once more, as anyone who reads the mail can, makes no second step of it.
        let authority = world.authority(&own);
        let changed = password_change::change(s, authority, GOOD, OTHER, &origin()).await.unwrap();
        assert!(matches!(changed, PasswordChange::Changed { .. }), "{changed:?}");
        world.mail().await;
        let ben = Person { password: OTHER.into(), ..ben };
        assert_eq!(reached(&signed_in(world, s, &ben, Method::Email).await).level(), Level::OneStep);

        // Mia has a phone: email is off until she has used it, and it is a second step again after that.
        let mia = reset(world, &mia, GOOD).await;
        let own = signed_in(world, s, &mia, Method::Sms).await;
        assert_eq!(reached(&own).acr, Acr::TwoFactor);
        let by_email = reached(&signed_in(world, s, &mia, Method::Email).await);
        assert_eq!((by_email.acr, by_email.level()), (Acr::OneFactor, Level::TwoSteps));
    })
    .await;
}

/// Nothing but the mailbox could ever vouch for anyone there, so a reset would be a dead end.
#[tokio::test]
async fn where_email_is_all_that_is_permitted_a_new_password_ends_what_the_link_began() {
    let mut rules = crate::world::rules();
    rules.methods = vec![Method::Email];
    let world = World::with(rules).await;
    let ben = reset(&world, &world.ben(), GOOD).await;
    let own = signed_in(&world, &world.s, &ben, Method::Email).await;
    assert_eq!(reached(&own).level(), Level::OneStep);
    let authority = world.authority(&own);
    password_change::change(&world.s, authority, GOOD, OTHER, &origin()).await.unwrap();
    world.mail().await;
    let ben = Person { password: OTHER.into(), ..ben };
    assert_eq!(reached(&signed_in(&world, &world.s, &ben, Method::Email).await).level(), Level::TwoSteps);
}

async fn confirm(
    s: &Services,
    session: &OwnSession,
    password: &str,
    code: Option<(Method, &str)>,
    wanted: Level,
) -> StepUpOutcome {
    let (method, code) = code.map_or((None, ""), |(method, code)| (Some(method), code));
    let entered = Entered { password, method, code, browser: None };
    step_up::confirm(s, session, entered, wanted, &origin()).await.unwrap()
}

#[tokio::test]
async fn a_step_up_wants_the_second_step_that_a_sign_in_wants() {
    on_both(async |world| {
        let (s, ben) = (&world.s, world.ben());
        let own = signed_in(world, s, &ben, Method::Email).await;
        world.advance(6 * MINUTE);
        assert!(step_up::authority(s, &own).is_err());
        let view = step_up::view(s, &own, Level::OneStep).await.unwrap();
        assert_eq!((view.due, view.methods, view.sent.is_none()), (true, vec![Method::Email], true));
        assert!(world.mail().await.is_empty(), "looking sends nothing");
        let alone = confirm(s, &own, &ben.password, None, Level::OneStep).await;
        assert!(matches!(alone, StepUpOutcome::Code(CodeRefusal::Empty)), "{alone:?}");
        let sent = step_up::send_code(s, &own, Method::Email, Level::OneStep, &origin(), None).await.unwrap();
        assert_eq!(sent, SendOutcome::Sent);
        let code = world.secret().await.1;
        let wrong = confirm(s, &own, GOOD, Some((Method::Email, &code)), Level::OneStep).await;
        assert!(matches!(wrong, StepUpOutcome::WrongPassword), "{wrong:?}");
        let right = Some((Method::Email, &*code));
        let StepUpOutcome::Proven { handle } = confirm(s, &own, &ben.password, right, Level::OneStep).await
        else {
            panic!("not proven")
        };
        let own = session(s, &handle).await;
        assert!(step_up::authority(s, &own).is_ok());
        let again = confirm(s, &own, &ben.password, right, Level::OneStep).await;
        assert!(matches!(again, StepUpOutcome::Code(_)), "a code is worth one step-up: {again:?}");
    })
    .await;
}

#[tokio::test]
async fn whoever_wants_two_factors_is_not_offered_email() {
    on_both(async |world| {
        let (s, mia) = (&world.s, world.mia());
        let own = signed_in(world, s, &mia, Method::Email).await;
        for (wanted, methods) in [
            (Level::OneStep, vec![Method::Sms, Method::Email]),
            (Level::TwoSteps, vec![Method::Sms, Method::Email]),
            (Level::TwoFactor, vec![Method::Sms]),
        ] {
            assert_eq!(step_up::view(s, &own, wanted).await.unwrap().methods, methods, "{wanted}");
        }
        let send = async |method, wanted| {
            step_up::send_code(s, &own, method, wanted, &origin(), None).await.unwrap()
        };
        assert_eq!(send(Method::Email, Level::TwoFactor).await, SendOutcome::NotAvailable);
        // One that was asked for elsewhere is not taken either.
        assert_eq!(send(Method::Email, Level::OneStep).await, SendOutcome::Sent);
        let code = world.secret().await.1;
        let email = confirm(s, &own, &mia.password, Some((Method::Email, &code)), Level::TwoFactor).await;
        assert!(matches!(email, StepUpOutcome::Code(CodeRefusal::NotAvailable)), "{email:?}");
        world.advance(MINUTE);
        assert_eq!(send(Method::Sms, Level::TwoFactor).await, SendOutcome::Sent);
        let code = world.secret().await.1;
        let sms = confirm(s, &own, &mia.password, Some((Method::Sms, &code)), Level::TwoFactor).await;
        let StepUpOutcome::Proven { handle } = sms else { panic!("{sms:?}") };
        assert_eq!(reached(&session(s, &handle).await).acr, Acr::TwoFactor);
    })
    .await;
}

/// After a reset the step-up follows the sign-in: email is off while there is another way, and one of those ends that.
#[tokio::test]
async fn after_a_reset_link_a_step_up_follows_the_sign_in() {
    let world = World::new().await;
    let (s, mia) = (&world.s, reset(&world, &world.mia(), GOOD).await);
    let (own, _) = world.session(&mia).await;
    let methods = async |own: &OwnSession| step_up::view(s, own, Level::OneStep).await.unwrap().methods;
    assert_eq!(methods(&own).await, [Method::Sms]);
    let sent = step_up::send_code(s, &own, Method::Email, Level::OneStep, &origin(), None).await.unwrap();
    assert_eq!(sent, SendOutcome::NotAvailable);
    step_up::send_code(s, &own, Method::Sms, Level::OneStep, &origin(), None).await.unwrap();
    let code = world.secret().await.1;
    let sms = confirm(s, &own, GOOD, Some((Method::Sms, &code)), Level::OneStep).await;
    let StepUpOutcome::Proven { handle } = sms else { panic!("{sms:?}") };
    assert_eq!(methods(&session(s, &handle).await).await, [Method::Sms, Method::Email]);
}
