//! Second steps that applications have asked for.

use crate::{
    application_users::{application, known},
    harness::{HOUR, MINUTE, NOW, World, later, on_both, origin, winners},
};
use countersign_core::{
    Timestamp,
    application::ReturnAddress,
    application_challenge::{ApplicationChallengeRecord, Pending, Progress},
    authority::HolderGrant,
    ids::{ApplicationChallengeId, ApplicationId, SessionId, UserId},
    second_step::{Evidence, Method, SecondSteps, Standing},
    secret::StoredHandle,
};
use countersign_store::{Tx, application_challenges as table, sessions};

/// A challenge as it is asked for, and the handle of its address.
#[derive(Clone)]
struct New {
    record: ApplicationChallengeRecord,
    handle: Option<StoredHandle>,
}

/// A challenge as most are: hosted, of this person, for fifteen minutes.
fn new(w: &World, application: ApplicationId, user: UserId) -> New {
    let record = ApplicationChallengeRecord {
        id: ApplicationChallengeId::generate(NOW, &*w.entropy),
        application,
        user,
        subject: None,
        return_to: Some(ReturnAddress::web("https://crm.example/back").unwrap()),
        state: Some("a state".into()),
        set_up: true,
        vouched: true,
        shown: None,
        mailbox_confirmed: false,
        browser: None,
        session: None,
        expires_at: later(15 * MINUTE),
        verified: None,
        enrolled: false,
        has_result: false,
    };
    New { record, handle: Some(w.handle()) }
}

/// The same without pages.
fn headless(mut new: New) -> New {
    new.handle = None;
    new.record = ApplicationChallengeRecord { return_to: None, state: None, set_up: false, ..new.record };
    new
}

/// The same for an actor, who looks into this account.
fn about(mut new: New, subject: UserId) -> New {
    new.record.subject = Some(subject);
    new
}

async fn insert(w: &World, new: &New) -> ApplicationChallengeId {
    let New { record, handle } = new.clone();
    let id = record.id;
    w.write(move |tx| table::insert(tx, &record, handle.as_ref(), NOW)).await;
    id
}

/// What a code of this person, who must be the one who was asked, comes to in a browser that has shown nothing yet, with these
/// kinds of second step permitted.
fn progress(record: ApplicationChallengeRecord, user: UserId, permitted: &[Method]) -> Option<Progress> {
    let pending = Pending::restore(record.seen_by(None), NOW)?;
    let steps = SecondSteps { email: Standing::Ready, ..SecondSteps::default() };
    let method = if permitted.is_empty() { Method::App } else { Method::Email };
    pending.progress(&Evidence::of_claim(user, method), &steps, permitted)
}

async fn answer(w: &World, id: ApplicationChallengeId, user: UserId, at: Timestamp) -> bool {
    w.write(move |tx| match progress(table::by_id(tx, id)?.unwrap(), user, &[]) {
        Some(Progress::Answered(answered)) => table::answer(tx, answered, at),
        _ => Ok(false),
    })
    .await
}

/// Shows what is due before a set-up: a second step by email, or where only apps are permitted a code to the mailbox.
async fn before_set_up(
    w: &World,
    id: ApplicationChallengeId,
    user: UserId,
    permitted: &'static [Method],
    browser: StoredHandle,
    at: Timestamp,
) -> bool {
    w.write(move |tx| match progress(table::by_id(tx, id)?.unwrap(), user, permitted) {
        Some(Progress::Shown(shown)) => table::shown(tx, shown, &browser, at),
        Some(Progress::MailboxConfirmed(confirmed)) => table::mailbox_confirmed(tx, confirmed, &browser, at),
        _ => Ok(false),
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
        let handle = hosted.handle.unwrap();
        let found = w.read(move |tx| table::by_handle(tx, &handle)).await.unwrap();
        assert_eq!(
            (found.id, found.application, found.user, found.subject),
            (hosted.record.id, crm, mia, None)
        );
        assert_eq!(found.return_to.unwrap().as_str(), "https://crm.example/back");
        assert_eq!((found.state.as_deref(), found.set_up, found.session), (Some("a state"), true, None));
        assert_eq!((found.verified, found.enrolled, found.has_result), (None, false, false));
        assert_eq!(found.expires_at, hosted.record.expires_at);
        let stranger = w.handle();
        assert!(w.read(move |tx| table::by_handle(tx, &stranger)).await.is_none());

        let actor = about(headless(new(&w, crm, ada)), mia);
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
    })
    .await;
}

#[tokio::test]
async fn what_is_ended_is_ended_whether_it_was_answered_or_not() {
    on_both(async |w| {
        let crm = application(&w).await;
        let (mia, ole) = (known(&w, crm, "mia").await, known(&w, crm, "ole").await);
        let mut ids = Vec::new();
        for new in [new(&w, crm, mia), new(&w, crm, mia), new(&w, crm, mia), about(new(&w, crm, ole), mia)] {
            ids.push(insert(&w, &new).await);
        }
        let (answered, kept, actors) = (ids[1], ids[2], ids[3]);
        assert!(answer(&w, answered, mia, NOW).await);
        let session = held(&w, mia, crm).await;
        let browser = w.handle();
        assert!(w.write(move |tx| table::set_up_in(tx, kept, mia, session, &browser, NOW)).await);
        assert_eq!(w.write(move |tx| table::end_others(tx, mia, session)).await, 2);
        let is_there = |id| w.read(move |tx| Ok(table::by_id(tx, id)?.is_some()));
        assert!(is_there(kept).await && !is_there(answered).await);
        assert!(is_there(actors).await, "the actor's own");
        assert_eq!(w.write(move |tx| table::end_all(tx, mia)).await, 2);
        assert!(!is_there(kept).await && !is_there(actors).await);
    })
    .await;
}

#[tokio::test]
async fn a_set_up_belongs_to_the_browser_that_showed_what_was_due() {
    on_both(async |w| {
        let crm = application(&w).await;
        let mia = known(&w, crm, "mia").await;
        for permitted in [&Method::ALL[..], &[Method::App]] {
            let mut challenge = new(&w, crm, mia);
            challenge.record.vouched = false;
            let id = insert(&w, &challenge).await;
            let [one, other] = [w.handle(), w.handle()];
            let record = || w.read(move |tx| Ok(table::by_id(tx, id)?.unwrap()));
            let begins = async |browser: StoredHandle| {
                let session = held(&w, mia, crm).await;
                w.write(move |tx| table::set_up_in(tx, id, mia, session, &browser, NOW)).await
            };
            let over = later(15 * MINUTE);
            assert!(!before_set_up(&w, id, mia, permitted, one, over).await, "over");
            assert_eq!(record().await.browser, None);
            assert!(before_set_up(&w, id, mia, permitted, one, NOW).await);
            assert!(!begins(other).await, "another browser's");
            assert!(begins(one).await && begins(one).await, "it begins again in its own");
            let found = record().await;
            assert_eq!((found.browser, found.verified), (Some(one), None));
            assert_eq!(found.shown, (permitted.len() > 1).then_some(Method::Email));
            assert_eq!(found.mailbox_confirmed, permitted.len() == 1);
            assert!(found.session.is_some());
            // Another browser shows it anew: what was begun is no longer this challenge's.
            assert!(before_set_up(&w, id, mia, permitted, other, NOW).await);
            let found = record().await;
            assert_eq!((found.browser, found.session), (Some(other), None));
            assert!(!begins(one).await && begins(other).await);
        }
    })
    .await;
}

#[tokio::test]
async fn of_many_browsers_that_begin_a_set_up_one_has_it() {
    on_both(async |w| {
        let crm = application(&w).await;
        let mia = known(&w, crm, "mia").await;
        let id = insert(&w, &new(&w, crm, mia)).await;
        let session = held(&w, mia, crm).await;
        let begun = w
            .burst(|| {
                let browser = w.handle();
                move |tx: &mut Tx<'_>| {
                    Ok(table::set_up_in(tx, id, mia, session, &browser, NOW)?.then_some(browser))
                }
            })
            .await;
        assert_eq!(winners(&begun), 1);
        let found = w.read(move |tx| table::by_id(tx, id)).await.unwrap();
        assert_eq!(found.browser, begun.into_iter().flatten().next());
    })
    .await;
}

#[tokio::test]
async fn a_token_for_a_set_up_says_what_was_shown_before_it() {
    on_both(async |w| {
        let crm = application(&w).await;
        let mia = known(&w, crm, "mia").await;
        for (permitted, shown) in [(&Method::ALL[..], Some(Method::Email)), (&[Method::App], None)] {
            let mut challenge = new(&w, crm, mia);
            challenge.record.vouched = false;
            let (id, result, browser) = (insert(&w, &challenge).await, w.handle(), w.handle());
            assert!(before_set_up(&w, id, mia, permitted, browser, NOW).await);
            let session = held(&w, mia, crm).await;
            assert!(w.write(move |tx| table::set_up_in(tx, id, mia, session, &browser, NOW)).await);
            assert!(w.write(move |tx| table::enrolled(tx, id, session, NOW)).await);
            assert!(put_result(&w, id, result).await);
            assert!(w.write(move |tx| table::redeem(tx, crm, &result, NOW)).await.is_some());
            let taken = w.write(move |tx| table::take_token(tx, crm, mia, id, NOW, NOW)).await.unwrap();
            assert_eq!(taken.second_step(), shown, "a code to the mailbox is no second step");
        }
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
        let browser = w.handle();
        let set_up_in =
            |id, user, at| w.write(move |tx| table::set_up_in(tx, id, user, session, &browser, at));
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

        let mut only_show = new(&w, crm, mia);
        only_show.record.set_up = false;
        let actors = about(new(&w, crm, mia), ole);
        for challenge in [only_show, actors] {
            let id = insert(&w, &challenge).await;
            let begun = w.write(move |tx| table::set_up_in(tx, id, mia, other, &browser, NOW)).await;
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
        let plain = insert(&w, &headless(new(&w, crm, mia))).await;
        assert!(answer(&w, plain, mia, NOW).await);
        assert!(!put_result(&w, plain, second).await, "there is no browser to carry it");
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
        let id = insert(&w, &headless(new(&w, crm, mia))).await;
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

        let id = insert(&w, &about(headless(new(&w, crm, mia)), ole)).await;
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
        let redeem = move |tx: &mut Tx<'_>| table::redeem(tx, crm, &result, NOW);
        assert_eq!(winners(&w.burst(|| redeem).await), 1);
        let take = move |tx: &mut Tx<'_>| table::take_token(tx, crm, mia, id, NOW, NOW);
        assert_eq!(winners(&w.burst(|| take).await), 1);
    })
    .await;
}
