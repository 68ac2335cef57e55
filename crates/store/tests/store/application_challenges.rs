//! Second steps that applications have asked for.

use crate::{
    application_users::{application, known},
    harness::{HOUR, MINUTE, NOW, World, later, on_both, origin},
};
use countersign_core::{
    Timestamp,
    application::ReturnAddress,
    application_challenge::Pending,
    authority::HolderGrant,
    ids::{ApplicationChallengeId, ApplicationId, SessionId, UserId},
    second_step::{Evidence, Method, SecondSteps},
    secret::StoredHandle,
};
use countersign_store::{
    application_challenges::{self as table, NewChallenge},
    sessions,
};

/// A challenge as most are: hosted, of this person, for fifteen minutes.
fn new(w: &World, application: ApplicationId, user: UserId) -> NewChallenge {
    let address = ReturnAddress::web("https://crm.example/back").unwrap();
    NewChallenge {
        id: ApplicationChallengeId::generate(NOW, &*w.entropy),
        application,
        user,
        subject: None,
        hosted: Some((w.handle(), address)),
        state: Some("a state".into()),
        set_up: true,
        expires_at: later(15 * MINUTE),
    }
}

async fn insert(w: &World, new: &NewChallenge) -> ApplicationChallengeId {
    let (id, new) = (new.id, new.clone());
    w.write(move |tx| table::insert(tx, &new, NOW)).await;
    id
}

/// Whether an answer is written down, by this person, who must be the one who was asked.
async fn answer(w: &World, id: ApplicationChallengeId, user: UserId, at: Timestamp) -> bool {
    w.write(move |tx| {
        let record = table::by_id(tx, id)?.unwrap();
        let Some(pending) = Pending::restore(record, NOW) else { return Ok(false) };
        let answered = pending.answered(&Evidence::of_claim(user, Method::App)).unwrap();
        table::answer(tx, answered, at)
    })
    .await
}

/// A session in which an app is set up for an application.
async fn held(w: &World, user: UserId, application: ApplicationId) -> SessionId {
    let (id, handle) = (SessionId::generate(NOW, &*w.entropy), w.handle());
    w.write(move |tx| {
        let grant = HolderGrant::first_enrolment(user, application, &SecondSteps::default(), NOW).unwrap();
        sessions::insert_held(tx, grant, id, &handle, &origin(), NOW, later(HOUR))
    })
    .await;
    id
}

#[tokio::test]
async fn it_is_found_as_it_was_asked_for() {
    on_both(async |w| {
        let crm = application(&w).await;
        let (mia, ada) = (known(&w, crm, "mia").await, known(&w, crm, "ada").await);
        let hosted = new(&w, crm, mia);
        insert(&w, &hosted).await;
        let handle = hosted.hosted.as_ref().unwrap().0;
        let found = w.read(move |tx| table::by_handle(tx, &handle)).await.unwrap();
        assert_eq!((found.id, found.application, found.user, found.subject), (hosted.id, crm, mia, None));
        assert_eq!(found.return_to.unwrap().as_str(), "https://crm.example/back");
        assert_eq!((found.state.as_deref(), found.set_up, found.session), (Some("a state"), true, None));
        assert_eq!((found.verified, found.enrolled, found.has_result), (None, false, false));
        assert_eq!(found.expires_at, hosted.expires_at);
        let stranger = w.handle();
        assert!(w.read(move |tx| table::by_handle(tx, &stranger)).await.is_none());

        let plain = NewChallenge { hosted: None, state: None, set_up: false, ..new(&w, crm, ada) };
        let actor = NewChallenge { subject: Some(mia), ..plain };
        let id = insert(&w, &actor).await;
        let found = w.read(move |tx| table::by_id(tx, id)).await.unwrap();
        assert_eq!((found.user, found.subject, found.return_to, found.set_up), (ada, Some(mia), None, false));
    })
    .await;
}

#[tokio::test]
async fn it_is_answered_once_and_in_time() {
    on_both(async |w| {
        let crm = application(&w).await;
        let mia = known(&w, crm, "mia").await;
        let late = insert(&w, &new(&w, crm, mia)).await;
        assert!(!answer(&w, late, mia, later(15 * MINUTE)).await);
        let id = insert(&w, &new(&w, crm, mia)).await;
        assert!(answer(&w, id, mia, later(MINUTE)).await);
        assert!(!answer(&w, id, mia, later(MINUTE)).await);
        let found = w.read(move |tx| table::by_id(tx, id)).await.unwrap();
        assert_eq!(found.verified, Some((later(MINUTE), Method::App)));
        // Ending what waits leaves what was answered.
        assert_eq!(w.write(move |tx| table::end_of_user(tx, mia)).await, 1);
        assert!(w.read(move |tx| table::by_id(tx, late)).await.is_none());
        assert!(w.read(move |tx| table::by_id(tx, id)).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_set_up_answers_it_from_its_own_session_alone() {
    on_both(async |w| {
        let crm = application(&w).await;
        let (mia, ole) = (known(&w, crm, "mia").await, known(&w, crm, "ole").await);
        let id = insert(&w, &new(&w, crm, mia)).await;
        let [session, other] = [held(&w, mia, crm).await, held(&w, mia, crm).await];
        let set_up_in = |id, user, at| w.write(move |tx| table::set_up_in(tx, id, user, session, at));
        let enrolled = |session| w.write(move |tx| table::enrolled(tx, id, session, later(MINUTE)));
        assert!(!enrolled(session).await, "not begun");
        assert!(!set_up_in(id, ole, NOW).await, "somebody else's");
        assert!(!set_up_in(id, mia, later(15 * MINUTE)).await, "over");
        assert!(set_up_in(id, mia, NOW).await);
        assert!(!enrolled(other).await);
        assert!(enrolled(session).await);
        assert!(!enrolled(session).await);
        assert!(!set_up_in(id, mia, NOW).await, "answered");
        let found = w.read(move |tx| table::by_id(tx, id)).await.unwrap();
        assert!(found.enrolled && found.session == Some(session));
        w.write(move |tx| sessions::end(tx, session)).await;
        assert_eq!(w.read(move |tx| table::by_id(tx, id)).await.unwrap().session, None);

        let only_show = NewChallenge { set_up: false, ..new(&w, crm, mia) };
        let actors = NewChallenge { subject: Some(ole), ..new(&w, crm, mia) };
        for challenge in [only_show, actors] {
            let id = insert(&w, &challenge).await;
            let begun = w.write(move |tx| table::set_up_in(tx, id, mia, other, NOW)).await;
            assert!(!begun, "nothing is to be set up");
        }
    })
    .await;
}

/// Makes a result, good for two minutes; whether there was none.
async fn put_result(w: &World, id: ApplicationChallengeId, result: StoredHandle) -> bool {
    w.write(move |tx| table::put_result(tx, id, &result, later(2 * MINUTE))).await
}

#[tokio::test]
async fn a_result_is_made_once_and_redeemed_once_in_time_by_its_application() {
    on_both(async |w| {
        let (crm, shop) = (application(&w).await, application(&w).await);
        let mia = known(&w, crm, "mia").await;
        let id = insert(&w, &new(&w, crm, mia)).await;
        let (result, second) = (w.handle(), w.handle());
        assert!(!put_result(&w, id, result).await, "not answered");
        assert!(answer(&w, id, mia, NOW).await);
        assert!(put_result(&w, id, result).await);
        assert!(!put_result(&w, id, second).await);
        let headless = NewChallenge { hosted: None, state: None, ..new(&w, crm, mia) };
        let headless = insert(&w, &headless).await;
        assert!(answer(&w, headless, mia, NOW).await);
        assert!(!put_result(&w, headless, second).await, "there is no browser to carry it");
        let redeem = |application, result, at| w.write(move |tx| table::redeem(tx, application, &result, at));
        assert_eq!(redeem(crm, second, NOW).await, None, "unknown");
        assert_eq!(redeem(shop, result, NOW).await, None, "another application's");
        assert_eq!(redeem(crm, result, later(2 * MINUTE)).await, None, "too old");
        assert_eq!(redeem(crm, result, later(MINUTE)).await, Some(id));
        assert_eq!(redeem(crm, result, later(MINUTE)).await, None, "spent");
    })
    .await;
}

#[tokio::test]
async fn an_answer_buys_one_token_and_a_hosted_one_only_what_was_redeemed() {
    on_both(async |w| {
        let (crm, shop) = (application(&w).await, application(&w).await);
        let (mia, ole) = (known(&w, crm, "mia").await, known(&w, crm, "ole").await);
        let take = |application, user, id, since| {
            w.write(move |tx| {
                let grant = table::take_token(tx, application, user, id, since, later(MINUTE))?;
                Ok(grant.map(|grant| (grant.user(), grant.second_step(), grant.proven_at())))
            })
        };
        let plain = NewChallenge { hosted: None, state: None, ..new(&w, crm, mia) };
        let id = insert(&w, &plain).await;
        assert_eq!(take(crm, mia, id, NOW).await, None, "not answered");
        assert!(answer(&w, id, mia, NOW).await);
        assert_eq!(take(shop, mia, id, NOW).await, None);
        assert_eq!(take(crm, ole, id, NOW).await, None);
        assert_eq!(take(crm, mia, id, later(MINUTE)).await, None, "answered too long ago");
        assert_eq!(take(crm, mia, id, NOW).await, Some((mia, Some(Method::App), NOW)));
        assert_eq!(take(crm, mia, id, NOW).await, None, "taken");

        let (hosted, result) = (insert(&w, &new(&w, crm, mia)).await, w.handle());
        assert!(answer(&w, hosted, mia, NOW).await);
        assert!(put_result(&w, hosted, result).await);
        assert_eq!(take(crm, mia, hosted, NOW).await, None, "not redeemed");
        assert_eq!(w.write(move |tx| table::redeem(tx, crm, &result, NOW)).await, Some(hosted));
        assert!(take(crm, mia, hosted, NOW).await.is_some());

        let actor = NewChallenge { subject: Some(ole), hosted: None, state: None, ..new(&w, crm, mia) };
        let id = insert(&w, &actor).await;
        assert!(answer(&w, id, mia, NOW).await);
        assert_eq!(take(crm, mia, id, NOW).await, None, "answered by an actor");
        assert_eq!(take(crm, ole, id, NOW).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_one_redeems_and_one_takes_a_token() {
    on_both(async |w| {
        let crm = application(&w).await;
        let mia = known(&w, crm, "mia").await;
        let (id, result) = (insert(&w, &new(&w, crm, mia)).await, w.handle());
        assert!(answer(&w, id, mia, NOW).await);
        assert!(put_result(&w, id, result).await);
        let redeem = move |tx: &mut countersign_store::Tx<'_>| table::redeem(tx, crm, &result, NOW);
        assert_eq!(crate::harness::winners(&w.burst(|| redeem).await), 1);
        let take = move |tx: &mut countersign_store::Tx<'_>| table::take_token(tx, crm, mia, id, NOW, NOW);
        assert_eq!(crate::harness::winners(&w.burst(|| take).await), 1);
    })
    .await;
}
