//! Whom an application knows.

use super::{Basis, Crm, PutOutcome, hosted, id, set_up};
use crate::world::{MINUTE, on_both, origin};
use countersign_core::{message::Notice, second_step::Method};
use countersign_flows::{
    Recorder,
    second_step::SendOutcome,
    service::{
        authenticators,
        challenges::{self, CreateOutcome, NotWaiting},
        hosted as flow, users,
    },
};

#[tokio::test]
async fn each_application_knows_its_own_people_by_its_own_ids() {
    on_both(async |world| {
        let (crm, shop) = (Crm::new(world, "Harbour CRM").await, Crm::new(world, "Pine Shop").await);
        let mia = crm.know("mia").await;
        assert_eq!(
            (mia.email.as_str(), mia.name.as_str(), mia.active),
            ("mia@crm.example", "Mia Lund", true)
        );
        assert_eq!((mia.methods, mia.apps, mia.phone), (vec![Method::Email], 0, false));
        assert!(matches!(crm.put("mia", "mia@crm.example", None).await, PutOutcome::Updated(_)));
        assert!(users::get(&world.s, &shop.caller, &id("mia")).await.unwrap().is_none());
        // The same mailbox may be known to others, and to this server's own sign-in.
        assert!(matches!(shop.put("mia", "mia@crm.example", None).await, PutOutcome::Created(_)));
        assert!(matches!(crm.put("7", &world.mia().email, None).await, PutOutcome::Created(_)));
        assert!(matches!(crm.put("8", "no address", None).await, PutOutcome::Email(_)));

        let ids = async |after: Option<&str>, limit| {
            let after = after.map(id);
            let page = users::list(&world.s, &crm.caller, after.as_ref(), limit).await.unwrap();
            page.map(|page| page.into_iter().map(|one| one.id.to_string()).collect::<Vec<_>>())
        };
        let all = ids(None, 10).await.unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(ids(Some(&all[0]), 10).await.unwrap(), all[1..]);
        assert_eq!(ids(None, 1).await.unwrap(), all[..1]);
        assert_eq!(ids(Some("nobody"), 10).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_known_address_changes_only_with_a_token_that_a_second_step_bought() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        crm.know("ole").await;
        let change = async |holder| crm.put("mia", "mia@new.example", holder).await;
        assert!(matches!(change(None).await, PutOutcome::TokenNeeded));
        // The application's word for a first enrolment says nothing about the mailbox.
        let first = crm.issued("mia", Basis::FirstEnrolment).await;
        assert!(matches!(change(Some(&first)).await, PutOutcome::TokenNeeded));
        let oles = crm.with_app("ole").await;
        let ole = crm.issued("ole", Basis::Challenge(crm.answered("ole", &oles).await)).await;
        assert!(matches!(change(Some(&ole)).await, PutOutcome::TokenNeeded), "another's token");
        let key = crm.with_app("mia").await;
        let old = crm.issued("mia", Basis::Challenge(crm.answered("mia", &key).await)).await;
        world.advance(5 * MINUTE + MINUTE / 60);
        assert!(matches!(change(Some(&old)).await, PutOutcome::TokenNeeded), "too old");
        let ended = crm.issued("mia", Basis::Challenge(crm.answered("mia", &key).await)).await;
        crm.set_active("mia", false).await;
        assert!(matches!(change(Some(&ended)).await, PutOutcome::Inactive));
        crm.set_active("mia", true).await;
        assert!(matches!(change(Some(&ended)).await, PutOutcome::TokenNeeded), "ended meanwhile");
        let holder = crm.issued("mia", Basis::Challenge(crm.answered("mia", &key).await)).await;
        world.mail().await;
        let PutOutcome::Updated(view) = change(Some(&holder)).await else { panic!("not updated") };
        assert_eq!(view.email, "mia@new.example");
        // Both mailboxes are told, in the name of the application.
        let mail = world.mail().await;
        assert!(mail.iter().all(|letter| letter.application.as_deref() == Some("Harbour CRM")));
        let told = Notice::EmailChanged { to: "m•••@new.example".into() };
        let mut notices = crate::world::notices(mail);
        notices.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(notices, [("mia@crm.example".into(), told.clone()), ("mia@new.example".into(), told)]);
    })
    .await;
}

#[tokio::test]
async fn whoever_is_switched_off_has_no_challenge_no_token_and_no_page_and_keeps_their_second_step() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let challenge = crm.headless("mia").await;
        let (_, page) = crm.hosted(hosted("mia")).await;
        let (_, verified) = crm.hosted(hosted("mia")).await;
        let super::Stage::Show(pending) = crm.stage(&verified).await else { panic!("not to be shown") };
        let code = crm.code(&key);
        let back = flow::verify(&world.s, pending, Method::App, &code, &origin()).await.unwrap();
        let holder = crm.issued("mia", Basis::Challenge(crm.answered("mia", &key).await)).await;
        assert!(crm.set_active("mia", false).await);
        assert!(!crm.set_active("nobody", false).await);
        assert!(!crm.user("mia").await.active);
        assert!(matches!(crm.create(set_up("mia")).await, CreateOutcome::Inactive));
        let outcome = crm.verify(challenge, Method::App, &crm.code(&key)).await;
        assert!(matches!(outcome, super::VerifyOutcome::NotWaiting(NotWaiting::Gone)), "{outcome:?}");
        assert!(crm.visit(&page).await.is_none());
        // A result on its way is worth nothing any more.
        assert!(crm.redeem(&super::result(back)).await.is_none());
        assert!(matches!(crm.token("mia", Basis::FirstEnrolment).await, super::TokenOutcome::Inactive));
        assert!(authenticators::begin_app(&world.s, &holder, Recorder::unkept()).await.unwrap().is_none());

        assert!(crm.set_active("mia", true).await);
        let back = crm.user("mia").await;
        assert_eq!((back.active, back.apps, back.backup_codes_left), (true, 1, Some(10)));
        assert!(crm.visit(&page).await.is_none(), "what was ended stays ended");
        assert!(matches!(crm.token("mia", Basis::FirstEnrolment).await, super::TokenOutcome::NotFirst));
        crm.answered("mia", &key).await;
    })
    .await;
}

#[tokio::test]
async fn whoever_came_through_the_old_mailbox_is_out_when_it_changes() {
    on_both(async |world| {
        let crm = Crm::new(world, "Harbour CRM").await;
        crm.know("mia").await;
        let key = crm.with_app("mia").await;
        let other = crm.issued("mia", Basis::Challenge(crm.answered("mia", &key).await)).await;
        let holder = crm.issued("mia", Basis::Challenge(crm.answered("mia", &key).await)).await;
        let waiting = crm.headless("mia").await;
        world.mail().await;
        let sent =
            challenges::send(&world.s, &crm.caller, waiting, Method::Email, &origin(), Recorder::unkept())
                .await;
        assert_eq!(sent.unwrap(), Ok(SendOutcome::Sent));
        let (_, code) = world.secret().await;
        let moved = crm.put("mia", "mia@new.example", Some(&holder)).await;
        assert!(matches!(moved, PutOutcome::Updated(_)));
        let late = crm.verify(waiting, Method::Email, &code).await;
        assert!(matches!(late, super::VerifyOutcome::NotWaiting(NotWaiting::Gone)), "{late:?}");
        let back = crm.put("mia", "thief@elsewhere.example", Some(&other)).await;
        assert!(matches!(back, PutOutcome::TokenNeeded), "{back:?}");
    })
    .await;
}
