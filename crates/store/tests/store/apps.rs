//! Authenticator apps.

use crate::harness::{HOUR, MINUTE, NOW, Person, World, later, on_both};
use countersign_core::{ids::AuthenticatorId, second_step::Method};
use countersign_otp::TimeStep;
use countersign_store::{apps, failures};

/// An app with the secret of twenty sevens, confirmed by the code of step 100.
pub(crate) async fn add(w: &World, person: &Person, name: &'static str) -> AuthenticatorId {
    let (id, authority) = (AuthenticatorId::generate(NOW, &*w.entropy), person.authority());
    w.write(move |tx| apps::insert(tx, &authority, id, &[7; 20], name, TimeStep::new(100), NOW)).await;
    id
}

#[tokio::test]
async fn a_time_step_is_spent_once_and_with_it_every_earlier_one() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let id = add(&w, &mia, "Phone").await;
        let claim = |user, step| {
            w.write(move |tx| apps::claim_step(tx, user, id, TimeStep::new(step), later(MINUTE)))
        };
        assert!(claim(mia.user, 100).await.is_none(), "the confirming step is spent");
        assert!(claim(ole.user, 102).await.is_none(), "somebody else's app");
        let evidence = claim(mia.user, 102).await.unwrap();
        assert_eq!((evidence.user(), evidence.method()), (mia.user, Method::App));
        assert!(claim(mia.user, 102).await.is_none());
        assert!(claim(mia.user, 101).await.is_none());
        assert!(claim(mia.user, 103).await.is_some());

        let list = w.read(move |tx| apps::list(tx, mia.user)).await;
        assert_eq!((list[0].name.as_str(), list[0].created_at), ("Phone", NOW));
        assert_eq!((list[0].last_used_at, list[0].disabled), (Some(later(MINUTE)), false));
        let open = w.read(move |tx| apps::open_all(tx, mia.user)).await;
        assert_eq!((open[0].id, open[0].secret.as_slice()), (id, [7; 20].as_slice()));
        assert_eq!(open[0].last_step, TimeStep::new(103));
        assert!(w.read(move |tx| apps::open_all(tx, ole.user)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn each_app_has_its_own_steps() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let ids = [add(&w, &mia, "Phone").await, add(&w, &mia, "Tablet").await];
        for id in ids {
            let claim = move |tx: &mut countersign_store::Tx<'_>| {
                apps::claim_step(tx, mia.user, id, TimeStep::new(101), NOW)
            };
            assert!(w.write(claim).await.is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn a_disabled_app_is_listed_and_not_opened() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (off, on) = (add(&w, &mia, "Phone").await, add(&w, &mia, "Tablet").await);
        let record = move |tx: &mut countersign_store::Tx<'_>| {
            // The same name under another method is another authenticator.
            failures::record(tx, mia.user, Method::Sms, &on.to_string(), 1, NOW)?;
            failures::record(tx, mia.user, Method::App, &off.to_string(), 1, later(HOUR))
        };
        assert!(w.write(record).await);
        let open = w.read(move |tx| apps::open_all(tx, mia.user)).await;
        assert_eq!(open.iter().map(|app| app.id).collect::<Vec<_>>(), [on]);
        let mut list = w.read(move |tx| apps::list(tx, mia.user)).await;
        list.retain(|app| app.disabled);
        assert_eq!(list.iter().map(|app| app.id).collect::<Vec<_>>(), [off]);
    })
    .await;
}

#[tokio::test]
async fn an_app_is_removed_by_its_holder_with_its_failures() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let id = add(&w, &mia, "Phone").await;
        w.write(move |tx| failures::record(tx, mia.user, Method::App, &id.to_string(), 100, NOW)).await;
        let remove = |authority| w.write(move |tx| apps::remove(tx, &authority, id));
        assert_eq!(remove(ole.authority()).await, None);
        assert_eq!(w.rows_in("failures"), 1);
        assert_eq!(remove(mia.authority()).await.as_deref(), Some("Phone"));
        assert_eq!(remove(mia.authority()).await, None);
        assert_eq!((w.rows_in("apps"), w.rows_in("failures")), (0, 0));
    })
    .await;
}
