//! Protected sites and "login as".

use crate::world::{World, origin};
use countersign_core::{
    secret::PlainHandle,
    session::Session,
    site_access::{Level, Rule, Rules, Wanted},
};
use countersign_flows::{
    forward_auth::{self, Answer, Site, Way, Why},
    identity,
    login_as::{self, LoginAsOutcome},
    step_up,
};

fn wants(level: Level) -> Wanted {
    Wanted { level, organizations: Vec::new(), roles: Vec::new() }
}

fn site(accepts_login_as: bool) -> Site {
    let rules = vec![Rule { prefix: "/public/".into(), wanted: wants(Level::Public) }];
    let rules = Rules { otherwise: wants(Level::OneStep), rules };
    Site { origin: "https://wiki.example".into(), rules, accepts_login_as }
}

/// An administrator's session in a member's account.
async fn looking_in(world: &World) -> Session {
    let (own, _) = world.session(&world.adam()).await;
    let authority = step_up::login_as_authority(&world.s, &own).unwrap();
    let begun = login_as::begin(&world.s, authority, world.mia().id, "a question", &origin()).await.unwrap();
    let LoginAsOutcome::Begun { handle } = begun else { panic!("{begun:?}") };
    identity::current(&world.s, &handle).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_site_that_accepts_no_login_as_any_more_is_told_nothing() {
    let world = World::new().await;
    let (accepts, refuses) = (site(true), site(false));
    let nonce = PlainHandle::generate(&*world.s.entropy);
    let way = async |site: &Site| {
        let session = looking_in(&world).await;
        forward_auth::way(&world.s, session, site, "/", &nonce.stored()).await.unwrap()
    };
    assert!(matches!(way(&refuses).await, Way::LoginAsDenied));
    let Way::In(ticket) = way(&accepts).await else { panic!("no ticket") };
    let session = looking_in(&world).await;
    let why = async |site| forward_auth::why(&world.s, Some(&session), site, "/").await.unwrap();
    assert_eq!((why(&refuses).await, why(&accepts).await), (Why::LoginAsDenied, Why::Unknown));

    // The cookie is from a time when the site accepted it.
    let cookie = forward_auth::enter(&world.s, &accepts, &ticket, &nonce).await.unwrap().unwrap();
    let look = async |site, path| forward_auth::look(&world.s, site, path, Some(&cookie)).await.unwrap();
    let Answer::Seen(Some(identity)) = look(&accepts, "/").await else { panic!("not seen") };
    assert_eq!((identity.user, identity.actor), (world.mia().id, Some(world.adam().id)));
    assert!(matches!(look(&refuses, "/").await, Answer::Forbidden));
    assert!(matches!(look(&refuses, "/public/x").await, Answer::Seen(None)), "what everyone sees");
}
