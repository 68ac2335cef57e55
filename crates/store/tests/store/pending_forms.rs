//! Forms that wait for a proof of identity.

use crate::harness::{HOUR, LIFETIMES, MINUTE, NOW, Person, World, later, on_both, origin, winners};
use countersign_core::{
    Timestamp,
    authority::{OperatorAuthority, SharedMembership},
    ids::{OrganizationId, PendingFormId, SessionId, UserId},
    role::Role,
};
use countersign_store::{
    StoreError, Tx, members,
    pending_forms::{self, PendingForm},
    sessions,
};
use std::time::Duration;

fn form(fields: &str) -> PendingForm {
    PendingForm { path: "/profile/email".into(), fields: fields.to_owned().into() }
}

fn of(person: &Person) -> (UserId, SessionId) {
    (person.user, person.own.id())
}

async fn put(w: &World, of: (UserId, SessionId), fields: &str) -> (PendingFormId, bool) {
    put_until(w, of, fields, later(5 * MINUTE)).await
}

async fn put_until(
    w: &World,
    of: (UserId, SessionId),
    fields: &str,
    expires_at: Timestamp,
) -> (PendingFormId, bool) {
    let (id, form) = (PendingFormId::generate(NOW, &*w.entropy), form(fields));
    (id, w.write(move |tx| pending_forms::put(tx, id, of, &form, expires_at)).await)
}

#[tokio::test]
async fn a_form_is_taken_once_in_time_and_by_its_own_session() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let (other, eve) = (w.sign_in(mia.user).await, w.person("eve@example.com").await);
        let (id, kept) = put(&w, of(&mia), "email=new%40example.com").await;
        assert!(kept);
        let take = |of, at| w.write(move |tx| pending_forms::take(tx, id, of, at));
        let peek = |of, at| w.read(move |tx| pending_forms::peek(tx, id, of, at));
        for stranger in [of(&other), of(&eve), (eve.user, mia.own.id()), (mia.user, eve.own.id())] {
            assert_eq!((peek(stranger, NOW).await, take(stranger, NOW).await), (None, None));
        }
        assert_eq!(take(of(&mia), later(5 * MINUTE)).await, None, "too late");
        let expected = Some(form("email=new%40example.com"));
        assert_eq!(peek(of(&mia), NOW).await, expected);
        assert_eq!(take(of(&mia), later(4 * MINUTE)).await, expected);
        assert_eq!(take(of(&mia), NOW).await, None, "once");

        assert!(!put(&w, (eve.user, mia.own.id()), "x=1").await.1, "not into another's session");
        assert!(put(&w, of(&mia), "x=1").await.1);
        let session = mia.own.id();
        w.write(move |tx| sessions::end(tx, session)).await;
        assert_eq!(w.rows_in("pending_forms"), 0, "it goes with its session");
        assert!(!put(&w, of(&mia), "x=1").await.1);
    })
    .await;
}

#[tokio::test]
async fn a_session_keeps_its_newest_eight() {
    on_both(async |w| {
        let (mia, eve) = (w.person("mia@example.com").await, w.person("eve@example.com").await);
        let (eves, _) = put(&w, of(&eve), "n=eve").await;
        let mut ids = Vec::new();
        for n in 0..10 {
            let expires_at = later(MINUTE + Duration::from_millis(n));
            ids.push(put_until(&w, of(&mia), &format!("n={n}"), expires_at).await.0);
        }
        assert_eq!(w.rows_in("pending_forms"), 9);
        for (n, id) in ids.into_iter().enumerate() {
            let mias = of(&mia);
            let found = w.read(move |tx| pending_forms::peek(tx, id, mias, NOW)).await;
            assert_eq!(found.is_some(), n >= 2, "{n}");
        }
        let eve = of(&eve);
        assert!(w.read(move |tx| pending_forms::peek(tx, eves, eve, NOW)).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_take_a_form_one_does() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let ((id, _), of) = (put(&w, of(&mia), "x=1").await, of(&mia));
        let take = move |tx: &mut Tx<'_>| pending_forms::take(tx, id, of, NOW);
        let answers = w.burst(|| take).await;
        assert_eq!(winners(&answers), 1);
    })
    .await;
}

#[tokio::test]
async fn a_form_that_was_moved_to_another_path_does_not_open() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let ((id, _), of) = (put(&w, of(&mia), "password=a+new+secret").await, of(&mia));
        w.sql("UPDATE pending_forms SET path = '/profile/phone/remove'");
        let opened = w.store.read(move |tx| pending_forms::peek(tx, id, of, NOW)).await;
        assert!(matches!(opened, Err(StoreError::Sealed(_))));
        assert!(!w.stolen().windows(8).any(|bytes| bytes == b"a+new+se"), "no secret lies open");
    })
    .await;
}

#[tokio::test]
async fn a_change_of_credentials_forgets_what_its_session_has_waiting() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let other = w.sign_in(mia.user).await;
        for _ in 0..3 {
            assert!(put(&w, of(&mia), "x=1").await.1);
        }
        let (kept, _) = put(&w, of(&other), "x=2").await;
        let session = mia.own.id();
        w.write(move |tx| pending_forms::forget(tx, session)).await;
        assert_eq!(w.rows_in("pending_forms"), 1);
        let others = of(&other);
        assert!(w.read(move |tx| pending_forms::peek(tx, kept, others, NOW)).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn nothing_waits_for_a_login_as() {
    on_both(async |w| {
        let (ann, mia) = (w.person("ann@example.com").await, w.person("mia@example.com").await);
        let organization = OrganizationId::generate(NOW, &*w.entropy);
        let (actor, subject) = (ann.user, mia.user);
        w.write(move |tx| {
            let operator = OperatorAuthority::at_the_console();
            members::create_organization(tx, &operator, organization, "Harbour & Pine", NOW)?;
            members::add(tx, &operator, organization, actor, Role::Owner, NOW)?;
            members::add(tx, &operator, organization, subject, Role::Member, NOW)
        })
        .await;
        let shared = SharedMembership {
            organization,
            actor_role: Role::Owner,
            subject,
            subject_role: Role::Member,
            subject_active: true,
        };
        let grant = ann.own.login_as_authority(NOW, HOUR).unwrap().over(shared).unwrap();
        let (id, handle) = (SessionId::generate(NOW, &*w.entropy), w.handle());
        w.write(move |tx| {
            sessions::insert_impersonated(tx, grant, id, &handle, "an invoice", &origin(), &LIFETIMES, NOW)
        })
        .await;
        for user in [subject, actor] {
            assert!(!put(&w, (user, id), "x=1").await.1);
        }
        assert_eq!(w.rows_in("pending_forms"), 0);
    })
    .await;
}
