//! API keys.

use crate::applications::registered_by;
use crate::harness::{DAY, MINUTE, NOW, World, later, on_both};
use countersign_core::{
    application::{Scope, Scopes},
    authority::{ApplicationAuthority, OperatorAuthority},
    ids::{ApiKeyId, ApplicationId},
    role::Role,
    secret::StoredHandle,
};
use countersign_store::{
    api_keys::{self, NewApiKey},
    applications, members,
};

fn new(w: &World, application: ApplicationId, handle: StoredHandle) -> NewApiKey {
    NewApiKey {
        id: ApiKeyId::generate(NOW, &*w.entropy),
        application,
        handle,
        name: "CRM server".into(),
        scopes: Scopes::new([Scope::Challenges, Scope::UsersRead]).unwrap(),
        hint: "x8Kq".into(),
        expires_at: Some(later(DAY)),
    }
}

#[tokio::test]
async fn a_key_lives_until_it_expires_is_revoked_or_its_application_is_switched_off() {
    on_both(async |w| {
        let (mia, eve) = (w.person("mia@example.com").await, w.person("eve@example.com").await);
        let (application, mine) = registered_by(&w, &mia, "CRM").await;
        let (other, theirs) = registered_by(&w, &eve, "Another").await;
        let handle = w.handle();
        let key = new(&w, application, handle);
        let id = key.id;
        let (refused, made) = w
            .write(move |tx| {
                Ok((api_keys::insert(tx, &theirs, &key, NOW)?, api_keys::insert(tx, &mine, &key, NOW)?))
            })
            .await;
        assert!(!refused && made, "only for an application of the authority's own organization");
        let live = |at| w.read(move |tx| api_keys::live(tx, &handle, at));
        let found = live(NOW).await.unwrap();
        assert_eq!((found.id, found.application, found.last_used_at), (id, application, None));
        assert!(found.scopes.allow(Scope::Challenges) && !found.scopes.allow(Scope::UsersWrite));
        assert!(live(later(DAY)).await.is_none(), "expired");
        let nobody = w.handle();
        assert!(w.read(move |tx| api_keys::live(tx, &nobody, NOW)).await.is_none());

        w.write(move |tx| {
            api_keys::used(tx, id, later(MINUTE))?;
            api_keys::used(tx, id, NOW)
        })
        .await;
        assert_eq!(live(NOW).await.unwrap().last_used_at, Some(later(MINUTE)), "it never goes back");

        let (_, theirs) = registered_by(&w, &eve, "A third").await;
        let refused = w
            .write(move |tx| {
                Ok((
                    api_keys::revoke(tx, &theirs, application, id, NOW)?,
                    api_keys::revoke(tx, &theirs, other, id, NOW)?,
                ))
            })
            .await;
        assert_eq!(refused, (false, false));
        let authority = mia.own.application_authority(
            w.read(move |tx| applications::by_id(tx, application)).await.unwrap().organization,
            Role::Owner,
            NOW,
            MINUTE,
        );
        let authority = authority.unwrap().unwrap();
        let seen = w
            .write(move |tx| {
                applications::disable(tx, &authority, application, NOW)?;
                let off = api_keys::live(tx, &handle, NOW)?.is_none();
                applications::enable(tx, &authority, application)?;
                let on = api_keys::live(tx, &handle, NOW)?.is_some();
                let revoked = api_keys::revoke(tx, &authority, application, id, later(MINUTE))?;
                let again = api_keys::revoke(tx, &authority, application, id, later(2 * MINUTE))?;
                Ok((off, on, revoked, again, api_keys::live(tx, &handle, NOW)?.is_none()))
            })
            .await;
        assert_eq!(seen, (true, true, true, false, true));
        let listed = w.read(move |tx| api_keys::list(tx, application)).await;
        assert_eq!((listed.len(), listed[0].revoked_at), (1, Some(later(MINUTE))));
        assert_eq!(listed[0].scopes.to_string(), "users:read challenges");
        // Mia is no member of this organization, as the administrator of these tests never is.
        let creator = listed[0].creator.as_ref().unwrap();
        assert_eq!((creator.role, listed[0].creator_still_may()), (None, false));
    })
    .await;
}

#[tokio::test]
async fn a_key_says_who_created_it_and_whether_they_still_could() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (application, mine) = registered_by(&w, &mia, "CRM").await;
        let organization = mine.organization();
        let mut key = new(&w, application, w.handle());
        key.scopes = Scopes::new([Scope::FirstEnrolments]).unwrap();
        let mut operators = NewApiKey { id: ApiKeyId::generate(later(MINUTE), &*w.entropy), ..key.clone() };
        operators.handle = w.handle();
        let operator = || OperatorAuthority::at_the_console();
        w.write(move |tx| {
            let console = ApplicationAuthority::of_operator(&operator(), organization, false, false);
            members::add(tx, &operator(), organization, mia.user, Role::Owner, NOW)?;
            api_keys::insert(tx, &mine, &key, NOW)?;
            api_keys::insert(tx, &console, &operators, later(MINUTE))
        })
        .await;
        let listed = || w.read(move |tx| api_keys::list(tx, application));
        let keys = listed().await;
        assert!(keys[0].creator.is_none() && keys[0].creator_still_may(), "the operator's");
        assert!(keys[1].creator.as_ref().is_some_and(|creator| creator.role == Some(Role::Owner)));
        assert!(keys[1].creator_still_may());
        for change in [
            "UPDATE memberships SET role = 'admin'",
            "UPDATE users SET disabled_at = 1",
            "DELETE FROM memberships",
        ] {
            w.sql("UPDATE memberships SET role = 'owner'");
            w.sql("UPDATE users SET disabled_at = NULL");
            w.sql(change);
            assert!(!listed().await[1].creator_still_may(), "{change}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_cannot_be_stored_twice() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (application, mine) = registered_by(&w, &mia, "CRM").await;
        let handle = w.handle();
        let (first, second) = (new(&w, application, handle), new(&w, application, handle));
        let stored = w.store.write(move |tx| {
            api_keys::insert(tx, &mine, &first, NOW)?;
            api_keys::insert(tx, &mine, &second, NOW)
        });
        assert!(stored.await.is_err());
        assert_eq!(w.rows_in("api_keys"), 0);
    })
    .await;
}
