//! Applications: who may look after them, what is shown to whom, and what is refused.

use crate::world::{GOOD, MINUTE, Person, World, notices, on_both, origin};
use countersign_core::{
    application::{AddressKind, ClientAuth, Scope, Scopes, SigningAlgorithm},
    authority::{ApplicationAuthority, OperatorAuthority},
    event::EventKind,
    ids::ApplicationId,
    message::Notice,
    secret::{PlainHandle, StoredHandle},
    session::OwnSession,
    text::TextError,
};
use countersign_flows::{
    accounts::{self, Created},
    applications::{
        self, AddressOutcome, ApplicationUpdate, ClientDraft, ClientOutcome, CreateOutcome, Draft, KeyDraft,
        KeyOutcome, RegisterOutcome, SecretOf, UpdateOutcome,
    },
    sessions,
};
use countersign_store::{api_keys, applications as table};
use std::time::Duration;

async fn authority(world: &World, session: &OwnSession) -> ApplicationAuthority {
    applications::authority(&world.s, session).await.unwrap().unwrap().unwrap()
}

async fn registered(world: &World, session: &OwnSession, name: &str) -> ApplicationId {
    let authority = authority(world, session).await;
    let outcome = applications::register(&world.s, authority, name, false, &origin()).await.unwrap();
    let RegisterOutcome::Registered(id) = outcome else { panic!("{outcome:?}") };
    id
}

fn key_draft(lifetime: Option<Duration>) -> KeyDraft {
    KeyDraft { name: "CRM server".into(), scopes: Scopes::new([Scope::Challenges]).unwrap(), lifetime }
}

fn client_draft(auth: ClientAuth, id_token_alg: SigningAlgorithm) -> ClientDraft {
    ClientDraft { auth, id_token_alg, keys: None }
}

/// What the database keeps of an API key that was shown.
fn stored(key: &str) -> StoredHandle {
    PlainHandle::parse(key.strip_prefix("csk_").unwrap()).unwrap().stored()
}

async fn ida(world: &World) -> Person {
    let operator = OperatorAuthority::at_the_console();
    let made = accounts::create_owner(&world.s, operator, "ida@quay.example", "Ida Roth", "Quay", GOOD).await;
    let Created::Done(id) = made.unwrap() else { panic!("not created") };
    Person { id, email: "ida@quay.example".into(), password: GOOD.into() }
}

#[tokio::test]
async fn the_authority_is_an_administrators_and_freshly_proven() {
    let world = World::new().await;
    let member = world.session(&world.mia()).await.0;
    assert!(applications::authority(&world.s, &member).await.unwrap().unwrap().is_none());
    for person in [world.olivia(), world.adam()] {
        let session = world.session(&person).await.0;
        let authority = authority(&world, &session).await;
        assert_eq!(authority.by(), Some(person.id));
        assert!(!authority.first_party() && !authority.for_everyone());
        world.advance(5 * MINUTE + MINUTE);
        assert!(applications::authority(&world.s, &session).await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_key_works_and_is_shown_once_to_the_session_that_made_it() {
    let world = World::new().await;
    let (session, _) = world.session(&world.adam()).await;
    let (other, _) = world.session(&world.adam()).await;
    let id = registered(&world, &session, "CRM").await;
    let draft = key_draft(Some(60 * MINUTE));
    let authority = authority(&world, &session).await;
    let made = applications::make_key(&world.s, authority, id, draft, &origin()).await.unwrap();
    let KeyOutcome::Made(made) = made else { panic!("{made:?}") };
    let handle = stored(&made.key);
    let now = world.s.now();
    let live = world.s.store.read(move |tx| api_keys::live(tx, &handle, now)).await.unwrap().unwrap();
    assert_eq!((live.id, live.application), (made.id, id));
    let end = now.plus(60 * MINUTE);
    assert!(world.s.store.read(move |tx| api_keys::live(tx, &handle, end)).await.unwrap().is_none());

    assert!(applications::reveal(&world.s, &other, id).await.unwrap().is_empty());
    let shown = applications::reveal(&world.s, &session, id).await.unwrap();
    assert_eq!((shown.len(), shown[0].of), (1, SecretOf::ApiKey(made.id)));
    assert_eq!(shown[0].secret.as_str(), made.key.as_str());
    assert!(!format!("{shown:?}{made:?}").contains(made.key.as_str()), "it hides in Debug");
    assert!(applications::reveal(&world.s, &session, id).await.unwrap().is_empty());
    assert!(world.recorded(&world.adam(), EventKind::ApiKeyMade).await);
}

#[tokio::test]
async fn what_waits_is_gone_after_five_minutes() {
    let world = World::new().await;
    let (session, _) = world.session(&world.adam()).await;
    let id = registered(&world, &session, "CRM").await;
    let authority = authority(&world, &session).await;
    applications::make_key(&world.s, authority, id, key_draft(None), &origin()).await.unwrap();
    world.advance(5 * MINUTE);
    assert!(applications::reveal(&world.s, &session, id).await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_is_made_for_a_session_that_has_ended() {
    let world = World::new().await;
    let (session, _) = world.session(&world.adam()).await;
    let (other, _) = world.session(&world.adam()).await;
    let id = registered(&world, &session, "CRM").await;
    let secret = client_draft(ClientAuth::ClientSecret, SigningAlgorithm::Rs256);
    let [first, second] = [authority(&world, &session).await, authority(&world, &session).await];
    assert!(sessions::end(&world.s, &other, session.id(), &origin()).await.unwrap());
    let made = applications::make_key(&world.s, first, id, key_draft(None), &origin()).await.unwrap();
    assert!(matches!(made, KeyOutcome::NotFound), "{made:?}");
    let set = applications::set_client(&world.s, second, id, secret, &origin()).await.unwrap();
    assert!(matches!(set, ClientOutcome::NotFound), "{set:?}");
    let organization = authority(&world, &other).await.organization();
    let view = applications::show(&world.s, organization, id).await.unwrap().unwrap();
    assert!(view.keys.is_empty() && view.application.client.is_none());
}

#[tokio::test]
async fn a_secret_stays_when_only_the_signing_changes() {
    let world = World::new().await;
    let (session, _) = world.session(&world.adam()).await;
    let id = registered(&world, &session, "CRM").await;
    let set = async |auth, alg| {
        let authority = authority(&world, &session).await;
        let draft = client_draft(auth, alg);
        applications::set_client(&world.s, authority, id, draft, &origin()).await.unwrap()
    };
    let works = async |text: &str| {
        let handle = PlainHandle::parse(text).unwrap().stored();
        world.s.store.read(move |tx| table::has_secret(tx, id, &handle)).await.unwrap()
    };
    let first = set(ClientAuth::ClientSecret, SigningAlgorithm::Rs256).await;
    let ClientOutcome::Done(Some(first)) = first else { panic!("{first:?}") };
    assert!(works(first.text()).await);
    let same = set(ClientAuth::ClientSecret, SigningAlgorithm::EdDsa).await;
    assert!(matches!(same, ClientOutcome::Done(None)), "{same:?}");
    assert!(works(first.text()).await);
    let replaced =
        applications::new_secret(&world.s, authority(&world, &session).await, id, &origin()).await.unwrap();
    let ClientOutcome::Done(Some(second)) = replaced else { panic!("{replaced:?}") };
    assert!(!works(first.text()).await && works(second.text()).await);
    // The newest one is what the page shows.
    let shown = applications::reveal(&world.s, &session, id).await.unwrap();
    assert_eq!((shown.len(), shown[0].secret.as_str()), (1, second.text()));
    let public = set(ClientAuth::None, SigningAlgorithm::Rs256).await;
    assert!(matches!(public, ClientOutcome::Done(None)), "{public:?}");
    assert!(!works(second.text()).await);
    let again = set(ClientAuth::ClientSecret, SigningAlgorithm::Rs256).await;
    let ClientOutcome::Done(Some(third)) = again else { panic!("{again:?}") };
    assert!(!works(second.text()).await && works(third.text()).await);
    let none = applications::remove_client(&world.s, authority(&world, &session).await, id, &origin()).await;
    assert!(none.unwrap() && !works(third.text()).await);
}

#[tokio::test]
async fn another_organization_reaches_nothing() {
    let world = World::new().await;
    let ida = ida(&world).await;
    let (theirs, _) = world.session(&ida).await;
    let (mine, _) = world.session(&world.olivia()).await;
    let id = registered(&world, &mine, "CRM").await;
    let (s, from) = (&world.s, origin());
    let made = applications::make_key(s, authority(&world, &theirs).await, id, key_draft(None), &from).await;
    assert!(matches!(made.unwrap(), KeyOutcome::NotFound));
    let a = authority(&world, &theirs).await;
    let mine = ApplicationUpdate { name: Some("Mine".into()), ..ApplicationUpdate::default() };
    let changed = applications::update(s, a, id, mine, &from).await.unwrap();
    assert_eq!(changed, UpdateOutcome::NotFound);
    let a = authority(&world, &theirs).await;
    let kind = AddressKind::SecondStep;
    let added = applications::add_address(s, a, id, kind, "https://evil.example/", &from).await.unwrap();
    assert_eq!(added, AddressOutcome::NotFound);
    let a = authority(&world, &theirs).await;
    assert!(!applications::set_active(s, a, id, false, &from).await.unwrap());
    let organization = authority(&world, &theirs).await.organization();
    assert!(applications::show(s, organization, id).await.unwrap().is_none());
    assert!(applications::list(s, organization).await.unwrap().is_empty());
}

#[tokio::test]
async fn there_is_an_end_to_applications_addresses_and_keys() {
    let world = World::new().await;
    let (session, _) = world.session(&world.olivia()).await;
    let id = registered(&world, &session, "CRM").await;
    for _ in 1..applications::MOST {
        registered(&world, &session, "Another").await;
    }
    let (s, from) = (&world.s, origin());
    let a = authority(&world, &session).await;
    assert_eq!(applications::register(s, a, "x", false, &from).await.unwrap(), RegisterOutcome::TooMany);
    for number in 0..=applications::MOST {
        let full = number == applications::MOST;
        let a = authority(&world, &session).await;
        let address = format!("https://crm.example/{number}");
        let added =
            applications::add_address(s, a, id, AddressKind::Redirect, &address, &from).await.unwrap();
        assert_eq!(added == AddressOutcome::TooMany, full, "{added:?}");
        let a = authority(&world, &session).await;
        let made = applications::make_key(s, a, id, key_draft(None), &from).await.unwrap();
        assert_eq!(matches!(made, KeyOutcome::TooMany), full, "{made:?}");
    }
    // A key that is revoked makes room.
    let organization = authority(&world, &session).await.organization();
    let key = applications::show(s, organization, id).await.unwrap().unwrap().keys[0].id;
    let a = authority(&world, &session).await;
    assert!(applications::revoke_key(s, a, id, key, &from).await.unwrap());
    let a = authority(&world, &session).await;
    let made = applications::make_key(s, a, id, key_draft(None), &from).await.unwrap();
    assert!(matches!(made, KeyOutcome::Made(_)), "{made:?}");
}

#[tokio::test]
async fn the_operator_registers_all_or_nothing_and_names_the_organization_where_there_are_several() {
    let world = World::new().await;
    let (s, from, operator) = (&world.s, origin(), OperatorAuthority::at_the_console());
    let draft = |client| Draft {
        name: "CRM".into(),
        app_required: true,
        accepts_login_as: true,
        addresses: vec![(AddressKind::Redirect, "https://crm.example/back".parse().unwrap())],
        client: Some(client),
        key: Some(key_draft(None)),
    };
    let alone = applications::operators_authority(s, &operator, None, true, true).await.unwrap().unwrap();
    let no_keys = client_draft(ClientAuth::PrivateKeyJwt, SigningAlgorithm::Rs256);
    let refused = applications::create(s, alone, draft(no_keys), &from).await.unwrap();
    assert!(matches!(refused, CreateOutcome::ClientKeys), "{refused:?}");
    assert!(applications::list_all(s, &operator).await.unwrap()[0].2.is_empty());

    ida(&world).await;
    let several = applications::operators_authority(s, &operator, None, true, true).await.unwrap();
    let Err(all) = several else { panic!("one was chosen") };
    assert_eq!(all.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["Harbour & Pine", "Quay"]);
    let quay = applications::operators_authority(s, &operator, Some(all[1].0), true, true).await.unwrap();
    let secret = client_draft(ClientAuth::ClientSecret, SigningAlgorithm::Es256);
    let made = applications::create(s, quay.unwrap(), draft(secret), &from).await.unwrap();
    let CreateOutcome::Done { id, secret: Some(_), key: Some(key) } = made else { panic!("{made:?}") };
    let view = applications::show_any(s, &operator, id).await.unwrap().unwrap();
    let application = &view.application;
    assert_eq!(application.organization, all[1].0);
    assert!(application.first_party && application.for_everyone && application.app_required);
    assert!(application.accepts_login_as);
    assert_eq!((view.keys.len(), view.keys[0].id, view.addresses.len()), (1, key.id, 1));
}

/// The scopes that change second steps, and one that does not.
const GUARDED: [Scope; 2] = [Scope::Authenticators, Scope::FirstEnrolments];

fn draft_of(scope: Scope) -> KeyDraft {
    KeyDraft { scopes: Scopes::new([scope]).unwrap(), ..key_draft(None) }
}

#[tokio::test]
async fn only_an_owner_grants_what_changes_second_steps() {
    on_both(async |world| {
        let (admin, _) = world.session(&world.adam()).await;
        let (owner, _) = world.session(&world.olivia()).await;
        let id = registered(world, &admin, "CRM").await;
        let make = async |session: &OwnSession, scope| {
            let a = authority(world, session).await;
            applications::make_key(&world.s, a, id, draft_of(scope), &origin()).await.unwrap()
        };
        for scope in Scope::ALL {
            let made = make(&admin, *scope).await;
            let refused = matches!(made, KeyOutcome::OwnersOnly(which) if which == *scope);
            assert_eq!(refused, GUARDED.contains(scope), "{scope}: {made:?}");
        }
        assert!(world.mail().await.is_empty());
        let organization = authority(world, &owner).await.organization();
        let keys = applications::show(&world.s, organization, id).await.unwrap().unwrap().keys;
        assert!(keys.iter().all(|key| key.scopes.owners().next().is_none()), "nothing was stored");
        for scope in GUARDED {
            assert!(matches!(make(&owner, scope).await, KeyOutcome::Made(_)));
        }
        // A role that is lost while the request is under way grants nothing.
        let before = authority(world, &owner).await;
        world.sql("UPDATE memberships SET role = 'admin' WHERE role = 'owner'");
        let late =
            applications::make_key(&world.s, before, id, draft_of(GUARDED[0]), &origin()).await.unwrap();
        assert!(matches!(late, KeyOutcome::OwnersOnly(_)), "{late:?}");
    })
    .await;
}

#[tokio::test]
async fn every_owner_is_notified_of_a_key_that_changes_second_steps() {
    on_both(async |world| {
        let (owner, _) = world.session(&world.olivia()).await;
        let id = registered(world, &owner, "CRM").await;
        world.sql("UPDATE memberships SET role = 'owner' WHERE role = 'admin'");
        let a = authority(world, &owner).await;
        applications::make_key(&world.s, a, id, key_draft(None), &origin()).await.unwrap();
        assert!(world.mail().await.is_empty(), "an ordinary key");
        let a = authority(world, &owner).await;
        applications::make_key(&world.s, a, id, draft_of(Scope::FirstEnrolments), &origin()).await.unwrap();
        let mut told = notices(world.mail().await);
        told.sort_by(|one, other| one.0.cmp(&other.0));
        let (to, told): (Vec<_>, Vec<_>) = told.into_iter().unzip();
        assert_eq!(to, [world.adam().email, world.olivia().email], "the one who created it as well");
        let Notice::ApiKeyCreated { key, application, by, scopes, .. } = &told[0] else { panic!("{told:?}") };
        assert_eq!((key.as_str(), application.as_str()), ("CRM server", "CRM"));
        assert_eq!((by.as_deref(), scopes.as_str()), (Some("Olivia Hart"), "first-enrolments"));
        assert!(world.recorded(&world.adam(), EventKind::OwnersKeyMade).await);
        assert!(!world.recorded(&world.mia(), EventKind::OwnersKeyMade).await);

        let operator = OperatorAuthority::at_the_console();
        let console = applications::operators_authority_over(&world.s, &operator, id).await.unwrap().unwrap();
        applications::make_key(&world.s, console, id, draft_of(Scope::Authenticators), &origin())
            .await
            .unwrap();
        let told = notices(world.mail().await);
        assert_eq!(told.len(), 2);
        assert!(matches!(&told[0].1, Notice::ApiKeyCreated { by: None, .. }), "by the operator");
    })
    .await;
}

#[tokio::test]
async fn only_an_owner_says_that_an_application_accepts_login_as() {
    let world = World::new().await;
    let (admin, _) = world.session(&world.adam()).await;
    let (owner, _) = world.session(&world.olivia()).await;
    let id = registered(&world, &admin, "CRM").await;
    let say = async |session: &OwnSession, accepts| {
        let update = ApplicationUpdate { accepts_login_as: Some(accepts), ..ApplicationUpdate::default() };
        let a = authority(&world, session).await;
        applications::update(&world.s, a, id, update, &origin()).await.unwrap()
    };
    assert_eq!(say(&admin, true).await, UpdateOutcome::OwnersOnly);
    assert_eq!(say(&owner, true).await, UpdateOutcome::Done);
    assert_eq!(say(&admin, false).await, UpdateOutcome::Done, "to take it back is anyone's");
}

#[tokio::test]
async fn names_that_look_like_links_or_amounts_are_refused_wherever_they_are_set() {
    let world = World::new().await;
    let (session, _) = world.session(&world.olivia()).await;
    let id = registered(&world, &session, "CRM").await;
    let (s, from, operator) = (&world.s, origin(), OperatorAuthority::at_the_console());
    for (bad, error) in [
        ("https://win.example/x", TextError::Link),
        ("Acme.io", TextError::Link),
        ("Win $500", TextError::Amount),
        ("Call 555 123 4567", TextError::PhoneNumber),
    ] {
        let a = authority(&world, &session).await;
        let registered = applications::register(s, a, bad, false, &from).await.unwrap();
        assert_eq!(registered, RegisterOutcome::Name(error), "{bad}");
        let a = authority(&world, &session).await;
        let update = ApplicationUpdate { name: Some(bad.into()), ..ApplicationUpdate::default() };
        let renamed = applications::update(s, a, id, update, &from).await.unwrap();
        assert_eq!(renamed, UpdateOutcome::Name(error), "{bad}");
        let console =
            applications::operators_authority(s, &operator, None, true, true).await.unwrap().unwrap();
        let draft = Draft {
            name: bad.into(),
            app_required: false,
            accepts_login_as: false,
            addresses: Vec::new(),
            client: None,
            key: None,
        };
        let made = applications::create(s, console, draft, &from).await.unwrap();
        assert!(matches!(made, CreateOutcome::Name(found) if found == error), "{bad}: {made:?}");
        let console = OperatorAuthority::at_the_console();
        let owner =
            accounts::create_owner(s, console, "ida@quay.example", "Ida Roth", bad, GOOD).await.unwrap();
        assert_eq!(owner, Created::Organization(error), "{bad}");
    }
}
