//! People whom an application knows by an id of its own.

use crate::harness::{MINUTE, NOW, World, address, later, on_both};
use countersign_core::{
    application::ExternalId,
    authority::{ApplicationAuthority, OperatorAuthority},
    ids::{ApplicationId, OrganizationId, UserId},
};
use countersign_store::{
    application_users::{self, ApplicationUser},
    applications::{self, NewApplication},
    members, users,
};

/// An application, of an organization of its own.
pub(crate) async fn application(w: &World) -> ApplicationId {
    let organization = OrganizationId::generate(NOW, &*w.entropy);
    let id = ApplicationId::generate(NOW, &*w.entropy);
    w.write(move |tx| {
        let operator = OperatorAuthority::at_the_console();
        members::create_organization(tx, &operator, organization, "Harbour & Pine", NOW)?;
        let authority = ApplicationAuthority::of_operator(&operator, organization, false, false);
        let new = NewApplication { id, name: "CRM".into(), app_required: false, accepts_login_as: false };
        applications::insert(tx, &authority, &new, NOW)
    })
    .await;
    id
}

pub(crate) fn external(id: &str) -> ExternalId {
    id.parse().unwrap()
}

fn new(w: &World, id: &str, email: &str) -> ApplicationUser {
    ApplicationUser {
        id: UserId::generate(NOW, &*w.entropy),
        external: external(id),
        email: address(email),
        name: "Mia Lund".into(),
        active: true,
        created_at: NOW,
    }
}

/// Somebody whom the application knows by this id.
pub(crate) async fn known(w: &World, application: ApplicationId, id: &str) -> UserId {
    let user = new(w, id, "mia@crm.example");
    let id = user.id;
    assert!(w.write(move |tx| application_users::create(tx, application, &user, NOW)).await);
    id
}

#[tokio::test]
async fn an_id_is_known_once_in_its_application() {
    on_both(async |w| {
        let (crm, shop) = (application(&w).await, application(&w).await);
        let mia = known(&w, crm, "mia").await;
        let again = new(&w, "mia", "other@crm.example");
        assert!(!w.write(move |tx| application_users::create(tx, crm, &again, NOW)).await);
        let elsewhere = known(&w, shop, "mia").await;
        let by_name = |application| {
            w.read(move |tx| application_users::by_external_id(tx, application, &external("mia")))
        };
        let found = by_name(crm).await.unwrap();
        assert_eq!((found.id, found.email.as_str(), found.active), (mia, "mia@crm.example", true));
        assert_eq!(by_name(shop).await.unwrap().id, elsewhere);
        let by_id = |application, id| w.read(move |tx| application_users::by_id(tx, application, id));
        assert_eq!(by_id(crm, mia).await.unwrap().external, external("mia"));
        assert!(by_id(shop, mia).await.is_none(), "another application's");
    })
    .await;
}

#[tokio::test]
async fn nobody_signs_in_here_as_somebody_whom_an_application_knows() {
    on_both(async |w| {
        let crm = application(&w).await;
        let mia = known(&w, crm, "mia").await;
        // Neither by the address of the mailbox, which is somebody else's account here, nor by the made-up one.
        let own = w.person("mia@crm.example").await.user;
        let by_email = |email: String| w.read(move |tx| users::by_email(tx, &address(&email)));
        assert_eq!(by_email("mia@crm.example".into()).await.unwrap().id, own);
        assert!(by_email(format!("{mia}@application.invalid")).await.is_none());
        // What is sent to them goes to the mailbox all the same.
        let account = w.user(mia).await;
        assert_eq!((account.email.as_str(), account.application), ("mia@crm.example", Some(crm)));
        assert!(account.password_hash.is_none());
    })
    .await;
}

#[tokio::test]
async fn they_are_listed_in_pages_in_the_order_in_which_they_became_known() {
    on_both(async |w| {
        let (crm, shop) = (application(&w).await, application(&w).await);
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(known(&w, crm, &format!("u{n}")).await);
        }
        known(&w, shop, "u9").await;
        ids.sort_by_key(ToString::to_string);
        let page = |after, limit| w.read(move |tx| application_users::list(tx, crm, after, limit));
        let of = |page: Vec<ApplicationUser>| page.into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(of(page(None, 2).await), ids[..2]);
        assert_eq!(of(page(Some(ids[1]), 2).await), ids[2..]);
        assert_eq!(of(page(Some(ids[2]), 2).await), []);
    })
    .await;
}

#[tokio::test]
async fn they_are_changed_and_switched_off_and_on_by_their_own_application() {
    on_both(async |w| {
        let (crm, shop) = (application(&w).await, application(&w).await);
        let mia = known(&w, crm, "mia").await;
        let changed = w
            .write(move |tx| {
                Ok([
                    application_users::set_name(tx, shop, &external("mia"), "Eve")?,
                    application_users::set_name(tx, crm, &external("mia"), "Mia Berg")?,
                    application_users::disable(tx, shop, mia, later(MINUTE))?,
                    application_users::disable(tx, crm, mia, later(MINUTE))?,
                    application_users::disable(tx, crm, mia, later(2 * MINUTE))?,
                ])
            })
            .await;
        assert_eq!(changed, [false, true, false, true, false]);
        let found = w.read(move |tx| application_users::by_id(tx, crm, mia)).await.unwrap();
        assert_eq!((found.name.as_str(), found.active), ("Mia Berg", false));
        assert!(!w.user(mia).await.active);
        let switched = w
            .write(move |tx| {
                Ok([
                    application_users::enable(tx, shop, mia)?,
                    application_users::enable(tx, crm, mia)?,
                    application_users::enable(tx, crm, mia)?,
                ])
            })
            .await;
        assert_eq!(switched, [false, true, false]);
        assert!(w.user(mia).await.active);
    })
    .await;
}

#[tokio::test]
async fn the_mailbox_of_somebody_who_signs_in_here_is_not_changed_that_way() {
    on_both(async |w| {
        let (mia, new) = (w.person("mia@example.com").await, address("new@example.com"));
        let authority = mia.authority();
        assert!(!w.write(move |tx| application_users::set_email(tx, &authority, &new)).await);
        assert_eq!(w.user(mia.user).await.email, address("mia@example.com"));
    })
    .await;
}
