//! How a "login as" ends, and what the administrator reads afterwards.

use crate::world::{MINUTE, World, on_both, origin};
use countersign_core::{
    event::{Detail, EventKind},
    secret::PlainHandle,
    session::{OwnSession, Session},
};
use countersign_flows::{
    identity,
    login_as::{self, LoginAsOutcome},
    step_up,
};
use countersign_store::{events, housekeeping};
use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(3600);

/// Adam's own session, and the handle of his session in Mia's account.
async fn begin(world: &World) -> (OwnSession, PlainHandle) {
    let (own, _) = world.session(&world.adam()).await;
    let authority = step_up::login_as_authority(&world.s, &own).unwrap();
    let begun = login_as::begin(&world.s, authority, world.mia().id, "a lost invoice", &origin()).await;
    let LoginAsOutcome::Begun { handle } = begun.unwrap() else { panic!("not begun") };
    (own, handle)
}

async fn current(world: &World, handle: &PlainHandle) -> Option<Session> {
    identity::current(&world.s, handle).await.unwrap()
}

/// Once a minute, as someone does who works there.
async fn busy(world: &World, handle: &PlainHandle, minutes: u32) {
    for _ in 0..minutes {
        world.advance(MINUTE);
        assert!(current(world, handle).await.is_some());
    }
}

async fn opens(world: &World, name: &'static str) {
    let (mia, adam, now) = (world.mia().id, world.adam().id, world.s.now());
    let detail = Detail { text: Some(name.into()), ..Detail::default() };
    let kind = EventKind::SignedInToApplication;
    let event = events::NewEvent { user: mia, actor: Some(adam), kind, detail, origin: origin() };
    world.s.store.write(move |tx| events::record(tx, &event, now)).await.unwrap();
}

#[tokio::test]
async fn the_end_is_summed_up_from_what_is_recorded() {
    on_both(async |world| {
        opens(world, "Before").await;
        world.advance(MINUTE);
        let (own, handle) = begin(world).await;
        assert_eq!(login_as::summary(&world.s, &own).await.unwrap(), None, "it has not ended");
        busy(world, &handle, 5).await;
        for name in ["CRM", "Wiki", "CRM"] {
            opens(world, name).await;
        }
        busy(world, &handle, 2).await;
        let Some(Session::Impersonated(session)) = current(world, &handle).await else {
            panic!("it has ended")
        };
        assert!(login_as::ended(&world.s, &handle).await.unwrap().is_none(), "it lives");
        assert!(login_as::leave(&world.s, &handle, &origin()).await.unwrap().is_none(), "it lives");
        login_as::stop(&world.s, session, &origin()).await.unwrap().unwrap();
        world.advance(2 * MINUTE);
        opens(world, "After").await;
        let summary = login_as::summary(&world.s, &own).await.unwrap().unwrap();
        assert_eq!((summary.subject, summary.name.as_str()), (world.mia().id, "Mia Lund"));
        assert_eq!((summary.reason.as_str(), summary.lasted), ("a lost invoice", 7 * MINUTE));
        assert_eq!(summary.opened, ["CRM", "Wiki"]);
        for (person, kind) in [
            (world.adam(), EventKind::LoggedInAs),
            (world.adam(), EventKind::LoggedInAsEnded),
            (world.mia(), EventKind::LoginAsBegun),
            (world.mia(), EventKind::LoginAsEnded),
        ] {
            assert!(world.recorded(&person, kind).await, "{kind:?}");
        }
        let (another, _) = world.session(&world.adam()).await;
        assert_eq!(login_as::summary(&world.s, &another).await.unwrap(), None, "it began in another browser");
        let (olivia, _) = world.session(&world.olivia()).await;
        assert_eq!(login_as::summary(&world.s, &olivia).await.unwrap(), None, "it was not hers");
        world.advance(14 * MINUTE);
        assert_eq!(login_as::summary(&world.s, &own).await.unwrap(), None, "a while ago");
    })
    .await;
}

#[tokio::test]
async fn after_its_time_the_administrator_goes_back_once_to_their_own_session() {
    on_both(async |world| {
        let (own, handle) = begin(world).await;
        busy(world, &handle, 59).await;
        world.advance(2 * MINUTE);
        assert!(current(world, &handle).await.is_none());
        let (now, idle) = (world.s.now(), world.s.rules.lifetimes.idle);
        world.s.store.write(move |tx| housekeeping::sweep(tx, now, idle)).await.unwrap();
        let ended = login_as::ended(&world.s, &handle).await.unwrap().unwrap();
        assert_eq!((ended.actor.as_str(), ended.subject.as_str()), ("Adam Berg", "Mia Lund"));
        assert_eq!(now.since(ended.at), MINUTE);
        let (new, subject) = login_as::leave(&world.s, &handle, &origin()).await.unwrap().unwrap();
        assert_eq!(subject, world.mia().id);
        let Some(Session::Own(back)) = current(world, &new).await else { panic!("not his own session") };
        assert_eq!((back.id(), back.user()), (own.id(), world.adam().id));
        assert!(login_as::leave(&world.s, &handle, &origin()).await.unwrap().is_none(), "once");
        assert!(login_as::ended(&world.s, &handle).await.unwrap().is_none());
        let summary = login_as::summary(&world.s, &own).await.unwrap().unwrap();
        assert_eq!(summary.lasted, LONGEST, "not until he came back");
    })
    .await;
}

#[tokio::test]
async fn an_ended_login_as_leads_nowhere_without_a_live_own_session() {
    on_both(async |world| {
        let (_, idle) = begin(world).await;
        world.advance(LONGEST + MINUTE);
        assert!(login_as::ended(&world.s, &idle).await.unwrap().is_none(), "his own session ran idle");
        assert!(login_as::leave(&world.s, &idle, &origin()).await.unwrap().is_none());
        let (_, disabled) = begin(world).await;
        busy(world, &disabled, 30).await;
        world.sql(&format!("UPDATE users SET disabled_at = 1 WHERE id = '{}'", world.adam().id));
        assert!(current(world, &disabled).await.is_none());
        assert!(
            login_as::leave(&world.s, &disabled, &origin()).await.unwrap().is_none(),
            "he is deactivated"
        );
    })
    .await;
}

#[tokio::test]
async fn a_burst_of_returns_is_one() {
    on_both(async |world| {
        let (_, handle) = begin(world).await;
        busy(world, &handle, 59).await;
        world.advance(2 * MINUTE);
        let mut burst = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (s, text) = (world.s.clone(), handle.to_text());
            burst.spawn(async move {
                let handle = PlainHandle::parse(&text).unwrap();
                login_as::leave(&s, &handle, &origin()).await.unwrap().is_some()
            });
        }
        let returned = burst.join_all().await.into_iter().filter(|returned| *returned).count();
        assert_eq!(returned, 1);
    })
    .await;
}
