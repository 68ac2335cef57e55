//! Applications, their addresses, and the one showing of what they are given.

use crate::harness::{HOUR, MINUTE, NOW, Person, World, later, on_both};
use countersign_core::{
    application::{AddressKind, ClientAuth, ReturnAddress, SigningAlgorithm},
    authority::{ApplicationAuthority, OperatorAuthority},
    ids::{ApiKeyId, ApplicationId, OrganizationId},
    role::Role,
};
use countersign_store::{
    application_reveals::{self, Reveal, SecretOf},
    applications::{self, ApplicationUpdate, Client, NewApplication},
    members, sessions,
};
use zeroize::Zeroizing;

/// The person's authority over the applications of an organization.
fn administrator(person: &Person, organization: OrganizationId) -> ApplicationAuthority {
    person.own.application_authority(organization, Role::Admin, NOW, HOUR).unwrap().unwrap()
}

/// An organization with an application that this person has registered.
pub(crate) async fn registered_by(
    w: &World,
    person: &Person,
    name: &str,
) -> (ApplicationId, ApplicationAuthority) {
    let organization = OrganizationId::generate(NOW, &*w.entropy);
    let id = ApplicationId::generate(NOW, &*w.entropy);
    let (authority, name) = (administrator(person, organization), name.to_owned());
    w.write(move |tx| {
        let operator = OperatorAuthority::at_the_console();
        members::create_organization(tx, &operator, organization, "Harbour & Pine", NOW)?;
        let new = NewApplication { id, name, app_required: false, accepts_login_as: false };
        applications::insert(tx, &authority, &new, NOW)
    })
    .await;
    (id, administrator(person, organization))
}

fn named(name: &str) -> ApplicationUpdate {
    ApplicationUpdate { name: Some(name.into()), ..ApplicationUpdate::default() }
}

fn with(auth: ClientAuth, id_token_alg: SigningAlgorithm) -> Client {
    Client { auth, id_token_alg, keys: None }
}

#[tokio::test]
async fn an_application_is_changed_by_its_own_organization_alone() {
    on_both(async |w| {
        let (mia, eve) = (w.person("mia@example.com").await, w.person("eve@example.com").await);
        let (id, mine) = registered_by(&w, &mia, "CRM").await;
        let (_, theirs) = registered_by(&w, &eve, "Another").await;
        let address = ReturnAddress::web("https://crm.example/back").unwrap();
        let before = w.read(move |tx| applications::by_id(tx, id)).await.unwrap();
        assert!(!before.first_party && !before.for_everyone && before.client.is_none() && before.active);

        let (kind, handle) = (AddressKind::Redirect, w.handle());
        let registered = address.clone();
        let refused = w
            .write(move |tx| {
                let client = with(ClientAuth::ClientSecret, SigningAlgorithm::Es256);
                Ok([
                    applications::update(tx, &theirs, id, &named("Mine"))?,
                    applications::set_client(tx, &theirs, id, &client, Some(&handle))?,
                    applications::set_secret(tx, &theirs, id, &handle)?,
                    applications::set_signing_of_secret_client(tx, &theirs, id, SigningAlgorithm::EdDsa)?,
                    applications::remove_client(tx, &theirs, id)?,
                    applications::disable(tx, &theirs, id, NOW)?,
                    applications::enable(tx, &theirs, id)?,
                    applications::add_address(tx, &theirs, id, kind, &registered)?,
                    applications::remove_address(tx, &theirs, id, kind, registered.as_str())?,
                ])
            })
            .await;
        assert_eq!(refused, [false; 9]);
        let after = w.read(move |tx| applications::by_id(tx, id)).await.unwrap();
        assert_eq!(format!("{before:?}"), format!("{after:?}"));

        let required = ApplicationUpdate { app_required: Some(true), ..ApplicationUpdate::default() };
        let accepts = ApplicationUpdate { accepts_login_as: Some(true), ..ApplicationUpdate::default() };
        let done = w
            .write(move |tx| {
                Ok([
                    applications::update(tx, &mine, id, &required)?,
                    applications::update(tx, &mine, id, &named("Pipeline"))?,
                    applications::update(tx, &mine, id, &accepts)?,
                    applications::add_address(tx, &mine, id, kind, &address)?,
                    applications::disable(tx, &mine, id, NOW)?,
                    !applications::add_address(tx, &mine, id, kind, &address)?,
                    !applications::disable(tx, &mine, id, NOW)?,
                ])
            })
            .await;
        assert_eq!(done, [true; 7]);
        let after = w.read(move |tx| applications::by_id(tx, id)).await.unwrap();
        assert_eq!((after.name.as_str(), after.app_required, after.active), ("Pipeline", true, false));
        assert!(!before.accepts_login_as && after.accepts_login_as);
    })
    .await;
}

#[tokio::test]
async fn a_clients_secret_stays_when_only_its_signing_changes_and_goes_with_the_client() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (id, mine) = registered_by(&w, &mia, "CRM").await;
        let (first, second) = (w.handle(), w.handle());
        let seen = w
            .write(move |tx| {
                let client = with(ClientAuth::ClientSecret, SigningAlgorithm::Rs256);
                let mut seen = vec![applications::set_client(tx, &mine, id, &client, Some(&first))?];
                let alg = SigningAlgorithm::EdDsa;
                seen.push(applications::set_signing_of_secret_client(tx, &mine, id, alg)?);
                seen.push(applications::has_secret(tx, id, &first)?);
                seen.push(applications::by_id(tx, id)?.unwrap().client.unwrap().id_token_alg == alg);
                seen.push(applications::set_secret(tx, &mine, id, &second)?);
                seen.push(!applications::has_secret(tx, id, &first)?);
                seen.push(applications::has_secret(tx, id, &second)?);
                applications::disable(tx, &mine, id, NOW)?;
                seen.push(!applications::has_secret(tx, id, &second)?);
                applications::enable(tx, &mine, id)?;
                seen.push(applications::remove_client(tx, &mine, id)?);
                seen.push(!applications::has_secret(tx, id, &second)?);
                seen.push(!applications::set_secret(tx, &mine, id, &second)?);
                seen.push(!applications::remove_client(tx, &mine, id)?);
                seen.push(applications::by_id(tx, id)?.unwrap().client.is_none());
                Ok(seen)
            })
            .await;
        assert_eq!(seen, vec![true; 13]);
    })
    .await;
}

#[tokio::test]
async fn an_address_counts_byte_by_byte_and_for_its_own_purpose() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (id, mine) = registered_by(&w, &mia, "CRM").await;
        let address = ReturnAddress::web("https://crm.example/back").unwrap();
        w.write(move |tx| applications::add_address(tx, &mine, id, AddressKind::Redirect, &address)).await;
        let found = |kind, text: &'static str| w.read(move |tx| applications::address(tx, id, kind, text));
        assert!(found(AddressKind::Redirect, "https://crm.example/back").await.is_some());
        for other in ["https://crm.example/back/", "https://crm.example/Back", "https://crm.example/bac", ""]
        {
            assert!(found(AddressKind::Redirect, other).await.is_none(), "{other}");
        }
        assert!(found(AddressKind::PostLogout, "https://crm.example/back").await.is_none());
        assert!(found(AddressKind::SecondStep, "https://crm.example/back").await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_new_secret_is_shown_once_to_the_session_that_made_it() {
    on_both(async |w| {
        let (mia, eve) = (w.person("mia@example.com").await, w.person("eve@example.com").await);
        let again = w.sign_in(mia.user).await;
        let (id, _) = registered_by(&w, &mia, "CRM").await;
        let (other, theirs) = registered_by(&w, &eve, "Another").await;
        let organization = w.read(move |tx| applications::by_id(tx, id)).await.unwrap().organization;
        let reveal = |of, text: &str| Reveal { of, secret: Zeroizing::new(text.to_owned()) };
        let key = SecretOf::ApiKey(ApiKeyId::generate(NOW, &*w.entropy));
        let (mias, shown_to) = ((mia.user, mia.own.id()), (mia.user, mia.own.id()));
        let put = |of, text| {
            let (authority, reveal) = (administrator(&mia, organization), reveal(of, text));
            w.write(move |tx| application_reveals::put(tx, &authority, shown_to, id, &reveal, later(MINUTE)))
        };
        let take = |session, user, application, at| {
            w.write(move |tx| application_reveals::take(tx, session, user, application, at))
        };
        // Into another organization's application, or for a session of somebody else's: nothing.
        let sealed = reveal(key, "csk_x");
        let refused = w
            .write(move |tx| {
                let end = later(MINUTE);
                Ok((
                    application_reveals::put(tx, &theirs, mias, id, &sealed, end)?,
                    application_reveals::put(tx, &theirs, (eve.user, mias.1), other, &sealed, end)?,
                ))
            })
            .await;
        assert_eq!(refused, (false, false));

        assert!(put(SecretOf::Client, "an older secret").await && put(SecretOf::Client, "a secret").await);
        assert!(put(key, "csk_a-key").await);
        assert!(take(mia.own.id(), mia.user, other, NOW).await.is_empty(), "another application's page");
        assert!(
            take(again.own.id(), mia.user, id, NOW).await.is_empty(),
            "another browser of the same person"
        );
        assert!(take(mia.own.id(), eve.user, id, NOW).await.is_empty());
        let taken = take(mia.own.id(), mia.user, id, NOW).await;
        assert_eq!(taken, [reveal(key, "csk_a-key"), reveal(SecretOf::Client, "a secret")]);
        assert!(take(mia.own.id(), mia.user, id, NOW).await.is_empty(), "once");

        assert!(put(key, "csk_too-late").await);
        assert!(take(mia.own.id(), mia.user, id, later(MINUTE)).await.is_empty(), "too late");
        assert_eq!(w.rows_in("application_reveals"), 0, "and gone");
        assert!(put(key, "csk_signed-out").await);
        let session = mia.own.id();
        w.write(move |tx| sessions::end(tx, session)).await;
        assert_eq!(w.rows_in("application_reveals"), 0, "it goes with the session");
        assert!(!put(key, "csk_after").await, "and none comes after it");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_looks_at_once_see_a_secret_once() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (id, mine) = registered_by(&w, &mia, "CRM").await;
        let (user, session) = (mia.user, mia.own.id());
        let reveal = Reveal { of: SecretOf::Client, secret: Zeroizing::new("a secret".into()) };
        w.write(move |tx| application_reveals::put(tx, &mine, (user, session), id, &reveal, later(MINUTE)))
            .await;
        let looks = w
            .burst(|| {
                move |tx: &mut countersign_store::Tx<'_>| {
                    application_reveals::take(tx, session, user, id, NOW)
                }
            })
            .await;
        assert_eq!(looks.iter().filter(|seen| !seen.is_empty()).count(), 1);
    })
    .await;
}
