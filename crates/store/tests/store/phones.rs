//! Confirmed phones.

use crate::harness::{MINUTE, NOW, later, on_both};
use countersign_core::{authority::OperatorAuthority, ids::AuthenticatorId, second_step::Method};
use countersign_store::{failures, phones};

#[tokio::test]
async fn a_user_has_one_phone_and_a_new_one_starts_without_failures() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let [first, second] = [1, 2].map(|_| AuthenticatorId::generate(NOW, &*w.entropy));
        let set = |authority, id, number: &'static str, at| {
            w.write(move |tx| phones::set(tx, &authority, id, number, at))
        };
        let of = |user| w.read(move |tx| phones::of_user(tx, user));
        assert_eq!(of(mia.user).await, None);
        set(mia.authority(), first, "+4591234567", NOW).await;
        w.write(move |tx| {
            failures::record(tx, mia.user, Method::App, "an app", 1, NOW)?;
            failures::record(tx, ole.user, Method::Sms, "a phone", 1, NOW)?;
            failures::record(tx, mia.user, Method::Sms, &first.to_string(), 1, NOW)
        })
        .await;
        set(mia.authority(), second, "+4597654321", later(MINUTE)).await;
        let phone = of(mia.user).await.unwrap();
        assert_eq!((phone.id, phone.number.as_str()), (second, "+4597654321"));
        assert_eq!(phone.confirmed_at, later(MINUTE));
        assert_eq!(w.rows_in("failures"), 2);

        let remove = |authority| w.write(move |tx| phones::remove(tx, &authority));
        assert!(!remove(ole.authority()).await);
        assert!(remove(mia.authority()).await);
        assert_eq!(of(mia.user).await, None);
    })
    .await;
}

#[tokio::test]
async fn the_operator_sets_the_phone_of_an_account_that_they_make() {
    on_both(async |w| {
        let (user, id) =
            (w.person("mia@example.com").await.user, AuthenticatorId::generate(NOW, &*w.entropy));
        w.write(move |tx| {
            let operator = OperatorAuthority::at_the_console();
            phones::set_by_operator(tx, &operator, user, id, "+4591234567", NOW)
        })
        .await;
        let phone = w.read(move |tx| phones::of_user(tx, user)).await.unwrap();
        assert_eq!((phone.id, phone.number.as_str(), phone.confirmed_at), (id, "+4591234567", NOW));
    })
    .await;
}
